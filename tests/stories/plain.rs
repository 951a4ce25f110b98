//! A consumer of a cluster, without a world around it: for logs in which the oracle does not know its way.

use std::time::Duration;

use sarama_cluster::{
    Config, Consumer, ConsumerMessage, Messages, config::InitialOffset, testing::FakeCluster,
};

use crate::world::PATIENCE;

pub(crate) const GROUP: &str = "g";

/// Settings with which everything is soon.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.consumer.offsets.initial = InitialOffset::Oldest;
    config.consumer.offsets.commit_interval = Duration::from_millis(50);
    config.consumer.retry.backoff = Duration::from_millis(20);
    config.consumer.returns.errors = true;
    config.metadata.refresh_frequency = Duration::from_millis(100);
    config.metadata.retry.backoff = Duration::from_millis(20);
    config
}

pub(crate) fn join(kafka: &FakeCluster, config: Config) -> Consumer {
    Consumer::new(kafka.bootstrap(), GROUP, "t", config).expect("brokers are there")
}

pub(crate) fn take(messages: &Messages, count: usize) -> Vec<ConsumerMessage> {
    let next = |_| messages.recv_timeout(PATIENCE).expect("there is one");
    (0..count).map(next).collect()
}

pub(crate) fn texts(messages: &[ConsumerMessage]) -> Vec<String> {
    let text = |message: &ConsumerMessage| {
        String::from_utf8_lossy(message.value().unwrap_or_default()).into_owned()
    };
    messages.iter().map(text).collect()
}

pub(crate) fn committed(kafka: &FakeCluster, partition: i32) -> Option<i64> {
    kafka
        .committed(GROUP, "t", partition)
        .map(|(offset, _)| offset)
}
