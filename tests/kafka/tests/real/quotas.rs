//! A quota of bytes a second, which Kafka enforces since 2.0 by answers without partitions (KIP-219), and before by late
//! ones.

use std::time::{Duration, Instant};

use kafka_tests::{Cluster, Codec, NewRecord, Producer, library, unique};
use sarama_cluster::{Consumer, ConsumerMode};

use crate::{SOON, assert_committed};

kafka_tests::on_each_release![a_quota_that_is_used_up_slows_the_reading_down_and_nothing_else];

const BYTES_PER_SECOND: u32 = 100_000;
/// What the log has is worth some seconds, of which the brokers give some in advance.
const BATCHES: usize = 35;
const RECORD_BYTES: usize = 1_000;
const RECORDS: usize = 10;

fn a_quota_that_is_used_up_slows_the_reading_down_and_nothing_else(kafka: &Cluster) {
    let (topic, group, client_id) = (unique("slow"), unique("group"), unique("client"));
    kafka.limit_consumer(&client_id, BYTES_PER_SECOND);
    kafka.create_topic(&topic, 2, 1);
    let producer = Producer::new(kafka, Codec::None);
    for _ in 0..BATCHES {
        let record = |n: usize| NewRecord::value([b'v'; RECORD_BYTES]).partition(n as i32 % 2);
        let records: Vec<_> = (0..RECORDS).map(record).collect();
        producer.send(&topic, &records);
    }

    let mut config = library::config(ConsumerMode::Multiplex);
    config.client_id = client_id;
    // Who takes it for a failure gives up.
    config.consumer.retry.max = Some(0);
    let begin = Instant::now();
    let consumer = Consumer::new(kafka.bootstrap(), &group, topic.as_str(), config).unwrap();
    let mut next = [0; 2];
    for _ in 0..BATCHES * RECORDS {
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        let next = &mut next[message.partition() as usize];
        assert_eq!(message.offset(), *next);
        *next += 1;
        consumer.mark_offset(&message, "");
    }
    assert!(
        begin.elapsed() > Duration::from_secs(1),
        "there is no quota"
    );
    assert!(
        consumer.errors().is_empty(),
        "{:?}",
        consumer.errors().recv()
    );
    consumer.close().unwrap();
    assert_committed(kafka, &group, &topic, &next);
}
