//! Broker and library without a common version: no code ever comes, and no retry can help.

use sarama_cluster::{
    Consumer, ErrorKind, KafkaVersion,
    crossbeam_channel::RecvTimeoutError,
    testing::{ApiKey, FakeCluster},
};

use crate::stage::{GROUP, PARTITION, PATIENCE, TOPIC, config};

/// The consumer ends at its first call of this API.
fn ends(kafka: &FakeCluster, api: ApiKey) {
    let mut config = config();
    config.version = KafkaVersion::V0_10_0_0;
    let consumer = Consumer::new(kafka.bootstrap(), GROUP, TOPIC, config).unwrap();
    let end = consumer.messages().recv_timeout(PATIENCE).err();
    assert_eq!(end, Some(RecvTimeoutError::Disconnected));
    let cause = consumer.error().expect("it has ended by itself");
    assert_eq!(
        (cause.kind(), cause.api()),
        (&ErrorKind::Version, Some(api.name()))
    );
    assert_eq!(consumer.errors().iter().count(), 1, "it is told once");
}

#[test]
fn list_offsets_before_kafka_0_10_1_is_not_spoken_any_more() {
    let kafka = FakeCluster::builder().topic(TOPIC, 1).start();
    ends(&kafka, ApiKey::ListOffsets);
}

#[test]
fn fetch_before_kafka_0_11_is_not_spoken_any_more() {
    let kafka = FakeCluster::builder().topic(TOPIC, 1).start();
    kafka.commit(GROUP, TOPIC, PARTITION, 0, "");
    ends(&kafka, ApiKey::Fetch);
}
