//! What a record carries arrives as it was written.

use std::time::{Duration, SystemTime};

use kafka_tests::{Cluster, Codec, NewRecord, Producer, Release, library, unique};
use sarama_cluster::{Consumer, ConsumerMode};

use crate::SOON;

kafka_tests::on_each_release![keys_values_and_nulls_arrive];

fn keys_values_and_nulls_arrive(kafka: &Cluster) {
    let (topic, group) = (unique("records"), unique("group"));
    kafka.create_topic(&topic, 1, 1);
    let records = [
        NewRecord::default(),
        NewRecord::value(""),
        NewRecord::value("value").key("key"),
        NewRecord {
            key: Some(Vec::new()),
            ..NewRecord::default()
        },
        NewRecord::value(vec![0xff; 200_000]).key([0, 1, 2]),
        NewRecord {
            timestamp_ms: Some(1_234_567_890_123),
            ..NewRecord::value("then")
        },
    ];
    for codec in [Codec::None, Codec::Gzip] {
        Producer::new(kafka, codec).send(&topic, &records);
    }

    let config = library::config(ConsumerMode::Multiplex);
    let consumer = Consumer::new(kafka.bootstrap(), group, topic.as_str(), config).unwrap();
    for record in records.iter().chain(&records) {
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        assert_eq!(message.key(), record.key.as_deref());
        assert_eq!(message.value(), record.value.as_deref());
        assert_eq!(message.headers().count(), 0);
        if kafka.release() == Release::V0_9_0_1 {
            assert_eq!(message.timestamp(), None);
            continue;
        }
        if let Some(timestamp_ms) = record.timestamp_ms {
            assert_eq!(message.timestamp_ms(), timestamp_ms);
        }
        let age = message
            .timestamp()
            .and_then(|at| SystemTime::now().duration_since(at).ok());
        assert_eq!(
            age.is_some_and(|age| age < Duration::from_secs(600)),
            record.timestamp_ms.is_none()
        );
    }
    consumer.close().unwrap();
}
