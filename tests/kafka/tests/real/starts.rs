//! Where a claim starts when there is nothing to resume at.

use std::time::{Duration, Instant};

use kafka_tests::{Cluster, Codec, Producer, Release, library, unique};
use sarama_cluster::{
    Config, Consumer, ConsumerMode, ErrorCode,
    config::{InitialOffset, OutOfRange},
};

use crate::{SOON, assert_committed};

kafka_tests::on_each_release![
    out_of_range_goes_on_at_the_oldest_and_says_so,
    out_of_range_goes_on_at_the_newest_and_says_so,
    a_group_at_the_newest_that_reads_nothing_misses_nothing,
];

/// A group of one topic with one partition.
struct Group<'a> {
    kafka: &'a Cluster,
    topic: String,
    id: String,
    config: Config,
    producer: Producer,
}

impl<'a> Group<'a> {
    fn new(kafka: &'a Cluster) -> Self {
        let topic = unique("starts");
        // Where records are deleted by retention, that takes several segments.
        let small = [("segment.bytes", "500")];
        let config = &small[usize::from(kafka.release() >= Release::V0_11_0_3)..];
        kafka.create_topic_with(&topic, 1, 1, config);
        let config = library::config(ConsumerMode::Multiplex);
        let producer = Producer::new(kafka, Codec::None);
        Self {
            kafka,
            topic,
            id: unique("group"),
            config,
            producer,
        }
    }

    fn write(&self, count: usize) {
        for _ in 0..count.div_ceil(10) {
            self.producer.send_numbers(&self.topic, count.min(10), 1);
        }
    }

    fn member(&self) -> Consumer {
        let (topic, config) = (self.topic.as_str(), self.config.clone());
        Consumer::new(self.kafka.bootstrap(), self.id.as_str(), topic, config).unwrap()
    }

    /// Has committed 1 of 100 records, of which the first are then deleted; the member that comes after
    /// that has reported it. With it comes the offset that the log starts at now.
    fn member_out_of_range(&self) -> (Consumer, i64) {
        self.write(100);
        let before = self.member();
        before.mark_offset(&before.messages().recv_timeout(SOON).unwrap(), "");
        before.close().unwrap();
        self.assert_committed(1);
        let start = self.delete_the_first();

        let after = self.member();
        let error = loop {
            let error = after.errors().recv_timeout(SOON).unwrap();
            if error.code() == Some(ErrorCode::OFFSET_OUT_OF_RANGE) {
                break error;
            }
        };
        assert_eq!(error.topic(), Some(self.topic.as_str()));
        assert_eq!(error.partition(), Some(0));
        (after, start)
    }

    /// Gives the new start of the log.
    fn delete_the_first(&self) -> i64 {
        if self.kafka.release() < Release::V0_11_0_3 {
            return self.kafka.expire_records(&self.topic);
        }
        self.kafka.delete_records(&self.topic, 0, 50);
        50
    }

    fn assert_committed(&self, offset: i64) {
        assert_committed(self.kafka, &self.id, &self.topic, &[offset]);
    }
}

/// Scenario 17: on real Kafka, whose log start was moved.
fn out_of_range_goes_on_at_the_oldest_and_says_so(kafka: &Cluster) {
    let mut group = Group::new(kafka);
    group.config.consumer.offsets.out_of_range = OutOfRange::Oldest;
    let (member, start) = group.member_out_of_range();
    for offset in start..100 {
        let message = member.messages().recv_timeout(SOON).unwrap();
        assert_eq!(message.offset(), offset);
        member.mark_offset(&message, "");
    }
    member.close().unwrap();
    group.assert_committed(100);
}

/// Scenario 17: the same, by the other policy.
fn out_of_range_goes_on_at_the_newest_and_says_so(kafka: &Cluster) {
    let mut group = Group::new(kafka);
    group.config.consumer.offsets.out_of_range = OutOfRange::Newest;
    let (member, _) = group.member_out_of_range();
    // When the end of the log is looked up cannot be told from outside: write until something is read.
    let deadline = Instant::now() + SOON;
    let message = loop {
        group.write(1);
        match member.messages().recv_timeout(Duration::from_millis(100)) {
            Ok(message) => break message,
            Err(why) => assert!(Instant::now() < deadline, "{why}"),
        }
    };
    let offset = message.offset();
    assert!(offset >= 100, "{offset}");
    member.mark_offset(&message, "");
    drop(message);
    member.close().unwrap();
    group.assert_committed(offset + 1);
}

/// Scenario 29: the start is committed at once, else what is written between two members would be
/// nobody's.
fn a_group_at_the_newest_that_reads_nothing_misses_nothing(kafka: &Cluster) {
    let mut group = Group::new(kafka);
    group.config.consumer.offsets.initial = InitialOffset::Newest;
    group.write(10);
    let first = group.member();
    kafka
        .admin()
        .await_committed(&group.id, &group.topic, |committed| !committed.is_empty());
    first.close().unwrap();
    group.assert_committed(10);

    group.write(10);
    let second = group.member();
    assert_eq!(second.messages().recv_timeout(SOON).unwrap().offset(), 10);
    second.close().unwrap();
}
