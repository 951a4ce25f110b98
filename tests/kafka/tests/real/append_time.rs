//! Timestamps that the broker gives, since 0.10.

use std::time::{Duration, SystemTime};

use kafka_tests::{Cluster, Codec, NewRecord, Producer, library, unique};
use sarama_cluster::{Consumer, ConsumerMode};

use crate::SOON;

kafka_tests::on_each_release!(from V0_10_0_1 { the_time_of_the_broker_replaces_that_of_the_producer });

fn the_time_of_the_broker_replaces_that_of_the_producer(kafka: &Cluster) {
    let (topic, group) = (unique("appended"), unique("group"));
    kafka.create_topic_with(&topic, 1, 1, &[("message.timestamp.type", "LogAppendTime")]);
    let record = NewRecord {
        timestamp_ms: Some(1_234_567_890_123),
        ..NewRecord::value("again and ".repeat(50))
    };
    let codecs = [Codec::None, Codec::Gzip];
    for codec in codecs {
        Producer::new(kafka, codec).send(&topic, &vec![record.clone(); 20]);
    }

    let config = library::config(ConsumerMode::Multiplex);
    let consumer = Consumer::new(kafka.bootstrap(), group, topic.as_str(), config).unwrap();
    for _ in 0..codecs.len() * 20 {
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        let age = message
            .timestamp()
            .and_then(|at| SystemTime::now().duration_since(at).ok());
        assert!(
            age.is_some_and(|age| age < Duration::from_secs(600)),
            "{age:?}"
        );
    }
    consumer.close().unwrap();
}
