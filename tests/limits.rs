//! What `config.limits` sets: all that fits is taken, and one byte more is an error that says so.

use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sarama_cluster::{
    Client, Config, Consumer, Error, ErrorKind,
    config::InitialOffset,
    protocol::metadata,
    record::{
        Block, Codec, Decoded, Decompressor, Limits,
        build::{BatchBuilder, NewRecord},
        decode, split,
    },
    testing::{ApiKey, FakeCluster, Fault},
};

const PATIENCE: Duration = Duration::from_secs(60);
const TOPIC: &str = "topic";
const PARTITIONS: i32 = 100;

/// The partition with a batch at the limit, and one beside it in the same answers.
const LARGE: i32 = 0;
const SMALL: i32 = 1;

/// The error, and what its cause says.
fn assert_says(error: &Error, kind: &ErrorKind, words: &str) {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(cause.contains(words), "{words:?} is not in {error:?}");
    assert!(error.broker().is_some(), "which broker? {error:?}");
}

/// A client's answer to the first question is a description of the cluster.
fn start(kafka: &FakeCluster, change: impl FnOnce(&mut Config)) -> Result<Client, Error> {
    let mut config = Config::default();
    // No fetch may be larger than an answer.
    config.consumer.fetch.min = 1;
    config.consumer.fetch.default = 1;
    config.consumer.fetch.max_bytes = 1;
    change(&mut config);
    Client::new(kafka.bootstrap(), config)
}

#[test]
fn a_response() {
    let kafka = FakeCluster::builder().topic(TOPIC, PARTITIONS).start();
    let largest = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&largest);
    kafka.inject(Fault::on(ApiKey::Metadata).alter(move |_, frame| {
        seen.fetch_max(frame.len() - 4, Ordering::Relaxed);
        frame
    }));
    start(&kafka, |_| {}).expect("the default is much larger");
    let size = largest.load(Ordering::Relaxed);
    assert!(size > 1000, "{size} bytes of {PARTITIONS} partitions");

    start(&kafka, |config| config.limits.response = size).expect("it fits");
    let error = start(&kafka, |config| config.limits.response = size - 1).unwrap_err();
    let words = format!(
        "an answer of {size} bytes, more than the {} allowed",
        size - 1
    );
    assert_says(&error, &ErrorKind::Protocol, &words);
    assert_eq!(error.api(), Some("Metadata"));
}

#[test]
fn arrays() {
    let kafka = FakeCluster::builder().topic(TOPIC, PARTITIONS).start();
    let [broker, topic, partition] = [
        size_of::<metadata::Broker>(),
        size_of::<metadata::ResponseTopic>(),
        // One replica, which is in sync.
        size_of::<metadata::Partition>() + 2 * size_of::<i32>(),
    ];
    let size = broker + topic + PARTITIONS as usize * partition;
    start(&kafka, |config| config.limits.arrays = size).expect("it fits");
    let error = start(&kafka, |config| config.limits.arrays = size - 1).unwrap_err();
    assert_says(&error, &ErrorKind::Protocol, "limits.arrays leaves 3");
    assert_eq!(error.api(), Some("Metadata"));
}

/// Each with three replicas in sync, in topics of ten.
#[test]
fn a_million_partitions_have_room_by_default() {
    let partition = size_of::<metadata::Partition>() + 6 * size_of::<i32>();
    let topic = size_of::<metadata::ResponseTopic>();
    let size = 1_000_000 * partition + 100_000 * topic;
    let limit = Config::default().limits.arrays;
    assert!(size <= limit, "{size} bytes");
}

/// A consumer is given the large record if it may, else an error of its partition; the small one anyway.
fn read(batch: &[u8], may_be: bool, words: &str, change: impl FnOnce(&mut Config)) {
    let kafka = FakeCluster::builder().topic(TOPIC, 2).start();
    kafka.produce_batch(TOPIC, LARGE, batch).expect("a batch");
    kafka.produce(TOPIC, SMALL, [("key", "value")]);
    let mut config = Config::default();
    config.consumer.returns.errors = true;
    config.consumer.offsets.initial = InitialOffset::Oldest;
    change(&mut config);
    let consumer = Consumer::new(kafka.bootstrap(), "group", TOPIC, config).expect("it starts");
    let expected = if may_be { 2 } else { 1 };
    let mut given: Vec<_> = (0..expected)
        .map(|_| {
            consumer
                .messages()
                .recv_timeout(PATIENCE)
                .expect("a record")
        })
        .map(|message| message.partition())
        .collect();
    given.sort_unstable();
    if may_be {
        assert_eq!(given, [LARGE, SMALL]);
        assert_eq!(consumer.errors().try_iter().count(), 0);
    } else {
        assert_eq!(given, [SMALL]);
        let error = consumer
            .errors()
            .recv_timeout(PATIENCE)
            .expect("it is told");
        assert_says(&error, &ErrorKind::Record, words);
        assert_eq!(
            (error.topic(), error.partition()),
            (Some(TOPIC), Some(LARGE))
        );
    }
    consumer.close().expect("all is committed");
}

fn batch(codec: Codec, value: &[u8]) -> Vec<u8> {
    let record = NewRecord {
        value: Some(value),
        ..NewRecord::default()
    };
    BatchBuilder::new(0).codec(codec).push(&record).build()
}

#[test]
fn a_batch() {
    // The second is read straight into its own memory.
    for size in [10_000, 300_000] {
        let batch = batch(Codec::None, &vec![7; size]);
        let size = batch.len();
        read(&batch, true, "", |config| config.limits.batch = size);
        let words = format!("claims {size} bytes, more than the");
        let limit = size - 1;
        read(&batch, false, &words, |config| config.limits.batch = limit);
    }
}

#[test]
fn a_decompressed_batch() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let batch = batch(codec, &[7; 100_000]);
        let found = split(&batch, &Limits::default()).batches;
        let decoded = decode(&found[0], 0, &Limits::default(), &mut Decompressor::new());
        let Ok(Decoded::Records(blocks)) = decoded else {
            panic!("{decoded:?}");
        };
        let size: usize = blocks.iter().map(Block::bytes).sum();
        assert!(size > 100_000 && batch.len() < 10_000, "{codec}");
        let set = |limit| move |config: &mut Config| config.limits.decompressed_batch = limit;
        read(&batch, true, "", set(size));
        read(&batch, false, "once decompressed", set(size - 1));
    }
}
