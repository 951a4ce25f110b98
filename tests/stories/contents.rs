//! What logs can have in them.

use sarama_cluster::{
    ConsumerMessage, Error, ErrorKind,
    config::IsolationLevel,
    record::build::{BatchBuilder, NewRecord},
    testing::{Codec, FakeCluster},
};

use crate::{
    plain::{GROUP, committed, config, join, take, texts},
    world::PATIENCE,
};

/// A batch of a transaction of that producer.
fn batch(producer: i64, values: &[&str]) -> Vec<u8> {
    let mut batch = BatchBuilder::new(0)
        .producer(producer, 0, 0)
        .transactional();
    for value in values {
        batch.push(&NewRecord {
            value: Some(value.as_bytes()),
            ..NewRecord::default()
        });
    }
    batch.build()
}

/// Scenario 18: gaps, batches without records, tails that are gone, markers, and what was aborted.
#[test]
fn a_log_with_gaps_and_transactions_is_read_to_its_end() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    for round in 0..3 {
        let records = ["a", "b", "c"].map(|key| (key, format!("{key}{round}")));
        kafka.produce("t", 0, records);
    }
    // Of three batches one is empty, and one has lost its tail.
    kafka.retain_records("t", 0, true, |offset| offset == 3 || offset > 5);
    for (producer, value, commit) in [(1, "yes", true), (2, "no", false)] {
        let bytes = batch(producer, &[value, value]);
        kafka
            .produce_batch("t", 0, &bytes)
            .expect("it is well made");
        kafka.end_transaction("t", 0, producer, commit);
    }
    kafka.produce("t", 0, [("", "last")]);
    let mut config = config();
    config.consumer.isolation_level = IsolationLevel::ReadCommitted;
    let consumer = join(&kafka, config);
    let taken = take(consumer.messages(), 7);
    assert_eq!(
        texts(&taken),
        ["a1", "a2", "b2", "c2", "yes", "yes", "last"]
    );
    let offsets: Vec<i64> = taken.iter().map(ConsumerMessage::offset).collect();
    assert_eq!(offsets, [3, 6, 7, 8, 9, 10, 15]);
    for message in &taken {
        consumer.ack(message);
    }
    kafka.await_committed(PATIENCE, GROUP, "t", 0, 16);
    // What is still open holds back what comes behind it, and no longer than it is open.
    let bytes = batch(3, &["open"]);
    kafka
        .produce_batch("t", 0, &bytes)
        .expect("it is well made");
    kafka.produce("t", 0, [("", "behind")]);
    kafka.end_transaction("t", 0, 3, true);
    assert_eq!(texts(&take(consumer.messages(), 2)), ["open", "behind"]);
    consumer.close().expect("all is committed");
}

/// Scenario 19: a record larger than what is asked for is read all the same; one that is too large for this
/// program is an error of its partition, and the others flow.
#[test]
fn a_record_larger_than_a_fetch_is_read_and_one_that_is_too_large_is_told() {
    let kafka = FakeCluster::builder().topic("t", 2).start();
    let large = "x".repeat(50_000);
    kafka.produce("t", 0, [("", large.as_str()), ("", "small")]);
    let mut config = config();
    config.consumer.fetch.default = 1_000;
    config.limits.decompressed_batch = 100_000;
    let consumer = join(&kafka, config);
    assert_eq!(
        texts(&take(consumer.messages(), 2)),
        [large.as_str(), "small"]
    );
    let too_large = "x".repeat(200_000);
    kafka.produce_compressed("t", 0, Codec::Gzip, [("", too_large.as_str())]);
    let is_it = |error: &Error| {
        (error.topic(), error.partition()) == (Some("t"), Some(0))
            && *error.kind() == ErrorKind::Record
    };
    let told = consumer
        .errors()
        .recv_timeout(PATIENCE)
        .expect("it is told");
    assert!(is_it(&told), "{told:?}");
    for number in 0..10 {
        let value = number.to_string();
        kafka.produce("t", 1, [("", value.as_str())]);
        assert_eq!(texts(&take(consumer.messages(), 1)), [value]);
    }
    consumer.close().expect("nothing was marked");
}

/// Scenario 20: all codecs in one log.
#[test]
fn all_codecs_are_read_from_one_log() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let codecs = [
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ];
    for codec in codecs {
        kafka.produce_compressed("t", 0, codec, [("", format!("{codec:?}"))]);
    }
    let consumer = join(&kafka, config());
    let taken = take(consumer.messages(), codecs.len());
    assert_eq!(texts(&taken), codecs.map(|codec| format!("{codec:?}")));
    consumer.mark_offset(&taken[4], "");
    consumer.close().expect("all is committed");
    assert_eq!(committed(&kafka, 0), Some(5));
}
