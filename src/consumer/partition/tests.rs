use std::{panic, panic::AssertUnwindSafe};

use super::*;
use crate::consumer::{
    lossy,
    outlet::{Form, Outlet},
    sample::{Consumer, block, offsets},
};

struct Parts {
    consumer: Consumer,
    outlet: Outlet,
    handle: PartitionConsumer,
}

/// A handle of a claim from 100 on, with ten messages in its channel.
fn parts(close_timeout: Duration) -> Parts {
    let consumer = Consumer::new();
    let claim = consumer.claim_alone(100);
    let (mut outlet, messages, batches) = Outlet::open(16, Form::Single);
    outlet.push(&claim, block(100..110));
    let (_, errors) = lossy::channel(1, &consumer.user_side);
    let handle = PartitionConsumer::new(claim, (messages, batches), errors, close_timeout);
    Parts {
        consumer,
        outlet,
        handle,
    }
}

const MINUTE: Duration = Duration::from_secs(60);

fn news(consumer: &Consumer) -> Option<HandleNews> {
    let mut news = consumer.user_side.take_handle_news().into_values();
    let first = news.next();
    assert_eq!(news.next(), None);
    first
}

fn dropped(how: Gone) -> Option<HandleNews> {
    Some(HandleNews {
        dropped: Some(how),
        ..HandleNews::default()
    })
}

fn closed() -> Option<HandleNews> {
    Some(HandleNews {
        is_closed: true,
        ..HandleNews::default()
    })
}

#[test]
fn a_handle_tells_what_it_is_of() {
    let Parts { handle, .. } = parts(MINUTE);
    assert_eq!((handle.topic(), handle.partition()), ("topic", 7));
    assert_eq!(
        (handle.initial_offset(), handle.initial_metadata()),
        (100, "initial")
    );
    assert_eq!(handle.high_water_mark_offset(), 100);
    handle.claim.set_high_water_mark(123);
    assert_eq!(handle.high_water_mark_offset(), 123);
    assert!(handle.is_current());
}

#[test]
fn marks_through_the_handle_are_its_claims() {
    let Parts {
        mut outlet, handle, ..
    } = parts(MINUTE);
    assert_eq!(offsets(handle.messages().iter().take(2)), [100, 101]);
    handle.mark_offset(101, "m");
    assert_eq!(outlet.observe(&handle.claim).mark, (102, "m".into()));
    handle.reset_offset(100, "r");
    assert_eq!(outlet.observe(&handle.claim).mark, (101, "r".into()));
}

#[test]
fn a_dropped_handle_is_told_once() {
    let Parts {
        consumer, handle, ..
    } = parts(MINUTE);
    assert_eq!(news(&consumer), None);
    drop(handle);
    assert!(consumer.kicked());
    assert_eq!(news(&consumer), dropped(Gone::Dropped));
    assert_eq!(news(&consumer), None);
}

#[test]
fn a_handle_dropped_by_a_panic_says_so() {
    let Parts {
        consumer, handle, ..
    } = parts(MINUTE);
    let user = AssertUnwindSafe(move || {
        let _handle = handle;
        panic::resume_unwind(Box::new("the user's code fails"));
    });
    panic::catch_unwind(user).unwrap_err();
    assert_eq!(news(&consumer), dropped(Gone::Panicked));
}

#[test]
fn a_handle_is_closed_once_and_dropped_behind_that() {
    let Parts {
        consumer, handle, ..
    } = parts(MINUTE);
    handle.async_close();
    handle.async_close();
    assert_eq!(news(&consumer), closed());
    drop(handle);
    assert_eq!(news(&consumer), dropped(Gone::Dropped));
}

#[test]
fn pause_and_resume_are_told_by_their_last_word_with_one_kick() {
    let Parts {
        consumer, handle, ..
    } = parts(MINUTE);
    handle.pause();
    assert!(handle.is_paused());
    handle.resume();
    handle.pause();
    handle.resume();
    assert!(!handle.is_paused());
    assert_eq!(consumer.kicks.try_iter().count(), 1);
    let resumed = HandleNews {
        paused: Some(false),
        ..HandleNews::default()
    };
    assert_eq!(news(&consumer), Some(resumed));
    handle.pause();
    assert!(consumer.kicked());
}

#[test]
fn close_waits_until_delivery_has_stopped_and_the_rest_is_not_delivered() {
    let Parts {
        consumer,
        mut outlet,
        handle,
    } = parts(MINUTE);
    let first = handle.messages().recv().unwrap();
    thread::scope(|scope| {
        let closing = scope.spawn(|| handle.close());
        consumer.kicks.recv_timeout(MINUTE).unwrap();
        assert_eq!(news(&consumer), closed());
        assert!(!closing.is_finished());
        outlet.release(&handle.claim);
        closing.join().unwrap().unwrap();
    });
    assert_eq!(handle.messages().iter().count(), 0);
    handle.mark_offset(first.offset(), "");
    assert_eq!(outlet.observe(&handle.claim).mark.0, 101);
    handle.close().unwrap();
}

#[test]
fn close_does_not_wait_for_ever() {
    let limit = Duration::from_millis(5);
    let Parts { handle, .. } = parts(limit);
    let error = handle.close().unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout(limit));
    assert_eq!((error.topic(), error.partition()), (Some("topic"), Some(7)));
}

#[test]
fn a_handle_can_go_to_another_thread() {
    fn is_send_and_sync<T: Send + Sync + 'static>() {}
    is_send_and_sync::<PartitionConsumer>();
}
