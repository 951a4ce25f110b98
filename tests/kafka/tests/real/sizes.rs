//! Records larger than what is asked for at a time.

use kafka_tests::{Cluster, Codec, NewRecord, Producer, library, unique};
use sarama_cluster::{Consumer, ConsumerMode};

use crate::SOON;

kafka_tests::on_each_release![a_record_larger_than_the_fetch_size_arrives];

/// Before Fetch v3 the broker cuts it off, and more must be asked for.
fn a_record_larger_than_the_fetch_size_arrives(kafka: &Cluster) {
    let (topic, group) = (unique("sizes"), unique("group"));
    kafka.create_topic(&topic, 1, 1);
    // Of what cannot be compressed, so that it is large on the wire, too.
    let noise = |len: usize| -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(len as u64);
        (0..len).map(|_| random.u8(..)).collect()
    };
    let values: Vec<_> = [100, 200_000, 100, 900_000, 100].map(noise).into();
    for codec in [Codec::None, Codec::Gzip] {
        let producer = Producer::new(kafka, codec);
        for value in &values {
            producer.send(&topic, &[NewRecord::value(value.as_slice())]);
        }
    }

    let mut config = library::config(ConsumerMode::Multiplex);
    config.consumer.fetch.default = 1024;
    let consumer = Consumer::new(kafka.bootstrap(), group, topic.as_str(), config).unwrap();
    for (offset, value) in (0..).zip(values.iter().chain(&values)) {
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        assert_eq!(message.offset(), offset);
        assert!(message.value() == Some(value), "{offset} is another one");
    }
    consumer.close().unwrap();
}
