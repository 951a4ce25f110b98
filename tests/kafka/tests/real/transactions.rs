//! Transactions of producers, since 0.11.

use kafka_tests::{Cluster, NewRecord, TransactionalProducer, library, unique};
use sarama_cluster::{Consumer, ConsumerMode, config::IsolationLevel};

use crate::SOON;

kafka_tests::on_each_release!(from V0_11_0_3 { what_was_aborted_is_left_out_if_wished });

fn what_was_aborted_is_left_out_if_wished(kafka: &Cluster) {
    let topic = unique("transactions");
    kafka.create_topic(&topic, 1, 1);
    let producer = TransactionalProducer::new(kafka, &unique("transaction"));
    let records = |word: &str| {
        let record = |n| NewRecord::value(format!("{word} {n}")).partition(0);
        (0..10).map(record).collect::<Vec<_>>()
    };
    producer.commit(&topic, &records("first"));
    producer.abort(&topic, &records("aborted"));
    producer.commit(&topic, &records("second"));

    let committed = ["first", "second"];
    read(kafka, &topic, IsolationLevel::ReadCommitted, &committed);
    let all = ["first", "aborted", "second"];
    read(kafka, &topic, IsolationLevel::ReadUncommitted, &all);
}

fn read(kafka: &Cluster, topic: &str, isolation_level: IsolationLevel, words: &[&str]) {
    let mut config = library::config(ConsumerMode::Multiplex);
    config.consumer.isolation_level = isolation_level;
    let consumer = Consumer::new(kafka.bootstrap(), unique("group"), topic, config).unwrap();
    for word in words {
        for n in 0..10 {
            let message = consumer.messages().recv_timeout(SOON).unwrap();
            assert_eq!(message.value(), Some(format!("{word} {n}").as_bytes()));
        }
    }
    consumer.close().unwrap();
}
