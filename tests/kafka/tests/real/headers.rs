//! Headers of records, since 0.11.

use kafka_tests::{Cluster, Codec, NewRecord, Producer, library, unique};
use sarama_cluster::{Consumer, ConsumerMode};

use crate::SOON;

kafka_tests::on_each_release!(from V0_11_0_3 { headers_arrive });

fn headers_arrive(kafka: &Cluster) {
    let (topic, group) = (unique("headers"), unique("group"));
    kafka.create_topic(&topic, 1, 1);
    let record = NewRecord::value("headers")
        .header("trace", Some(b"1"))
        .header("trace", Some(b"2"))
        .header("", Some(b""))
        .header("null", None);
    for codec in [Codec::None, Codec::Gzip] {
        Producer::new(kafka, codec).send(&topic, std::slice::from_ref(&record));
    }
    let config = library::config(ConsumerMode::Multiplex);
    let consumer = Consumer::new(kafka.bootstrap(), group, topic.as_str(), config).unwrap();
    for _ in 0..2 {
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        let headers = message.headers().map(|one| (one.key(), one.value()));
        let written = record.headers.iter();
        let written = written.map(|(key, value)| (key.as_bytes(), value.as_deref()));
        assert_eq!(headers.collect::<Vec<_>>(), written.collect::<Vec<_>>());
    }
    consumer.close().unwrap();
}
