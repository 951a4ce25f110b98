//! Readers that are slow, and those beside them.

use std::time::{Duration, Instant};

use sarama_cluster::{
    ConsumerMode,
    testing::{ApiKey, FakeCluster},
};

use crate::{
    plain::{GROUP, committed, config, join, take},
    world::PATIENCE,
};

/// Scenario 24: one handle of six is never read.
#[test]
fn a_partition_that_is_stuck_leaves_those_of_the_same_broker_alone() {
    let kafka = FakeCluster::builder().topic("t", 6).start();
    let value = "x".repeat(1_000);
    let fill = || {
        for partition in 0..6 {
            for _ in 0..50 {
                kafka.produce("t", partition, [("", value.as_str()); 10]);
            }
        }
    };
    fill();
    let mut config = config();
    config.group.mode = ConsumerMode::Partitions;
    config.channel_buffer_size = Some(16);
    config.consumer.fetch.default = 10_000;
    config.consumer.fetch.budget = 120_000;
    let consumer = join(&kafka, config);
    let handles: Vec<_> = (0..6)
        .map(|_| {
            consumer
                .partitions()
                .recv_timeout(PATIENCE)
                .expect("a claim")
        })
        .collect();
    let (stuck, fast) = handles.split_first().expect("there are six");
    for round in 1..=4 {
        for handle in fast {
            let taken = take(handle.messages(), 500);
            let last = taken.last().expect("there are some").offset();
            assert_eq!(last, round * 500 - 1);
            handle.mark_offset(last, "");
        }
        fill();
    }
    let first = take(stuck.messages(), 1);
    assert_eq!(first[0].offset(), 0);
    drop(first);
    let stuck = stuck.partition();
    drop(handles);
    consumer.close().expect("all is committed");
    for partition in (0..6).filter(|partition| *partition != stuck) {
        assert_eq!(committed(&kafka, partition), Some(2_000));
    }
}

/// Scenario 36: a reader that takes some milliseconds for each message, with a channel that is always full. What
/// time the library itself needs is counted in instructions by the benchmarks; here is what others see of it.
#[test]
fn a_slow_reader_of_a_full_channel_costs_no_heartbeat() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    kafka.produce("t", 0, (0..5_000).map(|_| ("", "value")));
    let mut config = config();
    config.channel_buffer_size = Some(64);
    config.group.heartbeat.interval = Duration::from_millis(50);
    let consumer = join(&kafka, config);
    take(consumer.messages(), 1);
    let (begin, seen) = (Instant::now(), kafka.requests_seen(ApiKey::Heartbeat));
    for expected in 1..400 {
        let message = &take(consumer.messages(), 1)[0];
        assert_eq!(message.offset(), expected);
        consumer.mark_offset(message, "");
        // This is the work.
        std::thread::sleep(Duration::from_millis(5));
    }
    let (beats, took) = (
        kafka.requests_seen(ApiKey::Heartbeat) - seen,
        begin.elapsed(),
    );
    // A machine under load loses some; a heartbeat that waits for the reader would lose all.
    let due = took.as_millis() / 50;
    assert!(u128::from(beats) >= due / 10, "{beats} of {due}");
    assert_eq!(kafka.generation(GROUP), 1);
    consumer.close().expect("all is committed");
    assert_eq!(committed(&kafka, 0), Some(400));
}
