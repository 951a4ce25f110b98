use std::sync::OnceLock;

use parking_lot::Mutex;

use super::*;
use crate::{
    consumer::{
        sample::{Consumer, block, channel_with, decoded, message},
        waker::Waker,
    },
    record::build::{BatchBuilder, NewRecord},
};

const HEADERS: &[(&[u8], Option<&[u8]>)] = &[(b"trace", Some(b"42")), (b"empty", None)];

fn messages_of(records: &[NewRecord<'_>]) -> Vec<ConsumerMessage> {
    let mut batch = BatchBuilder::new(10);
    for record in records {
        batch.push(record);
    }
    let mut messages = Vec::new();
    let claim = Consumer::new().claim(10);
    let block = DeliveredBlock::new(&claim, decoded(&batch), 0);
    ConsumerMessage::of_block(block, &mut messages);
    messages
}

fn header_texts(message: &ConsumerMessage) -> Vec<(String, Option<Vec<u8>>)> {
    let texts =
        |h: crate::record::Header<'_>| (h.key_str().into_owned(), h.value().map(Into::into));
    message.headers().map(texts).collect()
}

#[test]
fn a_message_tells_its_place_and_what_was_produced() {
    let messages = messages_of(&[
        NewRecord::default(),
        NewRecord {
            timestamp_ms: 1_500,
            key: Some(b"key"),
            value: Some(b"value"),
            headers: HEADERS,
        },
    ]);
    let [bare, full] = &messages[..] else {
        panic!("two messages")
    };
    assert_eq!(
        (full.topic(), full.partition(), full.offset()),
        ("topic", 7, 11)
    );
    assert_eq!(
        (full.key(), full.value()),
        (Some(&b"key"[..]), Some(&b"value"[..]))
    );
    assert_eq!(full.timestamp_ms(), 1_500);
    assert_eq!(
        full.timestamp(),
        Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_500))
    );
    assert_eq!(
        header_texts(full),
        [
            ("trace".to_owned(), Some(b"42".to_vec())),
            ("empty".to_owned(), None)
        ]
    );
    assert_eq!(
        (bare.key(), bare.value(), bare.headers().len()),
        (None, None, 0)
    );
    assert_eq!(bare.offset(), 10);
}

#[test]
fn a_timestamp_that_is_no_time_is_none() {
    for hostile in [-1, -62_135_596_800_000, i64::MIN] {
        let messages = messages_of(&[NewRecord {
            timestamp_ms: hostile,
            ..NewRecord::default()
        }]);
        assert_eq!(messages[0].timestamp_ms(), hostile);
        assert_eq!(messages[0].timestamp(), None);
    }
    let far = messages_of(&[NewRecord {
        timestamp_ms: i64::MAX,
        ..NewRecord::default()
    }]);
    // Whether a clock reaches so far is the platform's matter; asking must not panic.
    let _ = far[0].timestamp();
}

#[test]
fn a_detached_message_is_the_same_but_for_the_memory_of_its_batch() {
    let value = vec![b'v'; 10_000];
    let record = |value| NewRecord {
        timestamp_ms: 77,
        key: Some(b"key"),
        value,
        headers: HEADERS,
    };
    let mut messages = messages_of(&[
        record(Some(&value)),
        record(Some(b"small")),
        record(None),
        NewRecord::default(),
    ]);
    let batch = Arc::downgrade(messages[0].block());
    let detached: Vec<_> = messages.iter().map(ConsumerMessage::detach).collect();
    for (detached, message) in detached.iter().zip(&messages) {
        assert_eq!(format!("{detached:?}"), format!("{message:?}"));
        assert_eq!(detached.value(), message.value());
        assert_eq!(header_texts(detached), header_texts(message));
        assert_eq!(detached.seq(), message.seq());
        assert!(Arc::ptr_eq(detached.claim(), message.claim()));
    }
    messages.clear();
    assert!(
        batch.upgrade().is_none(),
        "nothing holds the batch any more"
    );
    assert!(detached[1].block().records().bytes() < 100);
    let twice = detached[1].detach();
    assert_eq!(twice.value(), Some(&b"small"[..]));
}

#[test]
fn debug_shows_the_place_and_the_beginning_of_the_text() {
    let long = "ä".repeat(100);
    let messages = messages_of(&[NewRecord {
        timestamp_ms: 5,
        key: Some(b"\xff\x00k"),
        value: Some(long.as_bytes()),
        headers: HEADERS,
    }]);
    let expected = format!(
        "ConsumerMessage {{ topic: \"topic\", partition: 7, offset: 10, timestamp_ms: 5, \
         key: Some(\"\u{fffd}\\0k\"), value: Some({:?}… (200 bytes)), headers: 2 }}",
        "ä".repeat(32)
    );
    assert_eq!(format!("{:?}", messages[0]), expected);
}

#[test]
fn the_last_message_of_a_block_wakes_the_coordinator_and_no_other_one_does() {
    let consumer = Consumer::new();
    let claim = consumer.claim(0);
    let (_outlet, messages) = channel_with(&claim, 0..3);
    let mut taken: Vec<_> = messages.iter().take(3).collect();
    consumer.user_side.waker().arm();
    let last = taken.pop().unwrap();
    let copy = last.clone();
    drop(taken);
    drop(last);
    assert!(!consumer.kicked());
    drop(copy);
    assert!(consumer.kicked());
}

#[test]
fn every_drop_wakes_the_coordinator_during_a_release() {
    let consumer = Consumer::new();
    let claim = consumer.claim(0);
    let (mut outlet, messages) = channel_with(&claim, 0..3);
    let first = messages.recv().unwrap();
    outlet.release(&claim);
    let copy = first.clone();
    for message in [first, copy] {
        consumer.user_side.waker().arm();
        drop(message);
        assert!(consumer.kicked());
    }
}

#[test]
fn a_drop_is_told_when_the_reference_is_gone() {
    let block = Arc::new(OnceLock::<std::sync::Weak<DeliveredBlock>>::new());
    let counts = Arc::new(Mutex::new(Vec::new()));
    let waker = {
        let (block, counts) = (Arc::clone(&block), Arc::clone(&counts));
        Waker::new(move || counts.lock().push(block.get().unwrap().strong_count()))
    };
    let consumer = Consumer::with_waker(waker);
    let claim = consumer.claim(0);
    let mut messages = Vec::new();
    let delivered = DeliveredBlock::new(&claim, self::block(0..3), 0);
    let observer = Arc::downgrade(&delivered);
    ConsumerMessage::of_block(delivered, &mut messages);
    block.set(observer).unwrap();
    claim.begin_release();
    while let Some(message) = messages.pop() {
        consumer.user_side.waker().arm();
        drop(message);
    }
    assert_eq!(*counts.lock(), [2, 1, 0]);
}

#[test]
fn messages_can_go_to_other_threads() {
    fn is_send_and_sync<T: Send + Sync + 'static>() {}
    is_send_and_sync::<ConsumerMessage>();
}

#[test]
fn a_message_may_outlive_its_consumer() {
    let message = {
        let consumer = Consumer::new();
        message(&consumer.claim(5), 5)
    };
    assert_eq!(message.value(), Some(&b"5"[..]));
    assert_eq!(block([5]).base_offset(), message.offset());
}
