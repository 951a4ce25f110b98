//! What a record carries arrives as it was written.

use std::time::{Duration, SystemTime};

use kafka_tests::{Cluster, Codec, NewRecord, Producer, library, unique};
use sarama_cluster::{Consumer, ConsumerMode};

use crate::SOON;

kafka_tests::on_each_release![keys_values_headers_and_nulls_arrive];

fn keys_values_headers_and_nulls_arrive(kafka: &Cluster) {
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
        NewRecord::value("headers")
            .header("trace", Some(b"1"))
            .header("trace", Some(b"2"))
            .header("", Some(b""))
            .header("null", None),
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
        let headers: Vec<_> = message
            .headers()
            .map(|one| (one.key(), one.value()))
            .collect();
        let written = record.headers.iter();
        let written: Vec<_> = written
            .map(|(key, value)| (key.as_bytes(), value.as_deref()))
            .collect();
        assert_eq!(headers, written);
        if let Some(timestamp_ms) = record.timestamp_ms {
            assert_eq!(message.timestamp_ms(), timestamp_ms);
        }
        let age = message
            .timestamp()
            .and_then(|at| SystemTime::now().duration_since(at).ok());
        assert_eq!(
            age < Some(Duration::from_secs(600)),
            record.timestamp_ms.is_none()
        );
    }
    consumer.close().unwrap();
}
