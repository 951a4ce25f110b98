//! What a consumer keeps in memory, by the account of the system.
#![cfg(target_os = "linux")]

use std::{fs, time::Duration};

use sarama_cluster::{
    Config, Consumer,
    config::InitialOffset,
    testing::{ApiKey, FakeCluster},
};

const PARTITIONS: i32 = 200;
const BUDGET: usize = 8 << 20;
/// For the threads and their stacks, the channel, answers on their way through the cluster in this process,
/// and what the allocator keeps.
const BESIDES: usize = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("the system tells");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("it is a number") * 4096
}

/// Scenario 23: two hundred partitions with much to read, a budget, and a reader who takes hardly anything.
#[test]
fn a_backlog_of_many_partitions_stays_within_the_budget() {
    let kafka = FakeCluster::builder()
        .brokers(3)
        .topic("t", PARTITIONS)
        .start();
    let value = "x".repeat(16 << 10);
    for partition in 0..PARTITIONS {
        for _ in 0..4 {
            kafka.produce("t", partition, [("", value.as_str()); 4]);
        }
    }
    let mut config = Config::default();
    config.consumer.offsets.initial = InitialOffset::Oldest;
    config.consumer.fetch.default = 64 << 10;
    config.consumer.fetch.budget = BUDGET;
    config.group.heartbeat.interval = Duration::from_millis(100);
    let before = resident();
    let consumer = Consumer::new(kafka.bootstrap(), "g", "t", config).expect("brokers are there");
    let mut most = 0;
    for _ in 0..40 {
        for _ in 0..10 {
            let message = consumer
                .messages()
                .recv_timeout(PATIENCE)
                .expect("there are more");
            consumer.mark_offset(&message, "");
        }
        let beats = kafka.requests_seen(ApiKey::Heartbeat);
        kafka.await_requests(PATIENCE, ApiKey::Heartbeat, beats + 1);
        most = most.max(resident().saturating_sub(before));
    }
    assert!(most > BUDGET / 2, "it is made use of: {most}");
    assert!(most < BUDGET + BESIDES, "{most} bytes more than before");
    consumer.close().expect("all is committed");
}
