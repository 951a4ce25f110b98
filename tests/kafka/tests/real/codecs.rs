//! Whatever the records of a topic are compressed with, they arrive.

use kafka_tests::{Cluster, Codec, NewRecord, Producer, library, unique};
use sarama_cluster::{Consumer, ConsumerMode};

use crate::SOON;

kafka_tests::on_each_release![every_codec_is_read];

const PER_CODEC: usize = 300;

fn every_codec_is_read(kafka: &Cluster) {
    let (topic, group) = (unique("codecs"), unique("group"));
    kafka.create_topic(&topic, 1, 1);
    let mut values = Vec::new();
    for codec in Codec::ALL {
        // A batch that would not become smaller is stored as it is.
        let value = |n| format!("{} {n} {}", codec.name(), "again and ".repeat(50));
        let batch: Vec<_> = (0..PER_CODEC).map(value).collect();
        let records: Vec<_> = batch
            .iter()
            .map(|value| NewRecord::value(value.as_str()))
            .collect();
        Producer::new(kafka, codec).send(&topic, &records);
        values.extend(batch);
    }

    let config = library::config(ConsumerMode::Multiplex);
    let consumer = Consumer::new(kafka.bootstrap(), group, topic.as_str(), config).unwrap();
    for (offset, value) in (0..).zip(&values) {
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        assert_eq!(message.offset(), offset);
        assert_eq!(message.value(), Some(value.as_bytes()));
    }
    consumer.close().unwrap();
}
