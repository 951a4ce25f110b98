use crossbeam_channel::select;

use super::*;
use crate::consumer::{
    outlet::Outlet,
    sample::{Consumer, block, channel_with, offsets},
};

/// Takes one message that is there.
type Take = fn(&Messages) -> Option<ConsumerMessage>;

const MINUTE: Duration = Duration::from_secs(60);

/// Every way there is.
const WAYS: [(&str, Take); 9] = [
    ("recv", |m| m.recv().ok()),
    ("try_recv", |m| m.try_recv().ok()),
    ("recv_timeout", |m| m.recv_timeout(MINUTE).ok()),
    ("recv_timeout, endless", |m| {
        m.recv_timeout(Duration::MAX).ok()
    }),
    ("recv_deadline", |m| {
        m.recv_deadline(Instant::now() + MINUTE).ok()
    }),
    ("iter", |m| m.iter().next()),
    ("try_iter", |m| m.try_iter().next()),
    ("into_iter of a reference", |m| m.into_iter().next()),
    ("into_iter", |m| m.clone().into_iter().next()),
];

#[test]
fn every_method_leaves_out_what_is_not_current() {
    for (name, take) in WAYS {
        let consumer = Consumer::new();
        let [released, ended, live] = [0, 10, 20].map(|start| consumer.claim(start));
        let (mut outlet, messages) = Outlet::new(8);
        outlet.push(&released, block(0..2));
        outlet.push(&ended, block(10..12));
        outlet.push(&live, block(20..22));
        outlet.release(&released);
        ended.end();
        let message = take(&messages).expect(name);
        assert_eq!(message.offset(), 20, "{name}");
        assert!(message.is_current());
        assert_eq!(consumer.user_side.ignored().skipped, 4, "{name}");
    }
}

#[test]
fn every_method_tells_the_end() {
    for (name, take) in WAYS {
        let claim = Consumer::new().claim(0);
        let (outlet, messages) = channel_with(&claim, 0..2);
        drop(outlet);
        assert_eq!(take(&messages).expect(name).offset(), 0);
        claim.end();
        assert!(take(&messages).is_none(), "{name}");
    }
}

#[test]
fn waiting_ends_in_time() {
    let (_outlet, messages) = Outlet::new(1);
    let short = Duration::from_millis(5);
    assert_eq!(messages.try_recv().err(), Some(TryRecvError::Empty));
    assert_eq!(
        messages.recv_timeout(short).err(),
        Some(RecvTimeoutError::Timeout)
    );
    let deadline = Instant::now() + short;
    assert_eq!(
        messages.recv_deadline(deadline).err(),
        Some(RecvTimeoutError::Timeout)
    );
}

#[test]
fn select_takes_it_as_it_is_and_asks_the_message() {
    let consumer = Consumer::new();
    let claim = consumer.claim(0);
    let (mut outlet, messages) = channel_with(&claim, 0..2);
    let (_errors, errors) = crossbeam_channel::bounded::<()>(1);
    let messages = &messages;
    for current in [true, false] {
        select! {
            recv(messages) -> message => assert_eq!(message.unwrap().is_current(), current),
            recv(errors) -> _ => panic!("there are no errors"),
        }
        outlet.release(&claim);
    }
    assert_eq!(consumer.user_side.ignored().skipped, 0);
}

#[test]
fn a_clone_reads_from_the_same_channel() {
    let claim = Consumer::new().claim(0);
    let (_outlet, messages) = channel_with(&claim, 0..4);
    let other = messages.clone();
    let taken = [&messages, &other, &messages, &other].map(|m| m.recv().unwrap());
    assert_eq!(offsets(taken), [0, 1, 2, 3]);
    assert_eq!(messages.len(), 0);
}

#[test]
fn coming_to_the_next_block_wakes_the_coordinator() {
    let consumer = Consumer::new();
    let claim = consumer.claim(0);
    let (mut outlet, messages) = channel_with(&claim, 0..2);
    outlet.push(&claim, block(2..4));
    let mut held = vec![messages.recv().unwrap()];
    consumer.user_side.waker().arm();
    held.push(messages.recv().unwrap());
    assert!(!consumer.kicked());
    held.push(messages.recv().unwrap());
    assert!(consumer.kicked());
}
