//! What is marked is committed, and is where the next member goes on.

use kafka_tests::{Cluster, Codec, Producer, library, unique};
use sarama_cluster::{Consumer, ConsumerMessage, ConsumerMode};

use crate::{SOON, assert_committed};

kafka_tests::on_each_release![
    the_next_member_resumes_behind_the_mark,
    a_mark_carries_metadata,
    a_reset_goes_back,
    an_unmarked_record_comes_again,
    acknowledged_in_any_order_committed_in_order,
    commit_offsets_commits_now,
    a_commit_of_more_than_fits_a_message_is_made_in_parts,
];

struct Topic<'a> {
    kafka: &'a Cluster,
    name: String,
    group: String,
}

impl<'a> Topic<'a> {
    /// A topic of one partition with the records 0 to 99, and a group that has not read it.
    fn of_a_hundred(kafka: &'a Cluster) -> Self {
        let topic = Self {
            kafka,
            name: unique("commits"),
            group: unique("group"),
        };
        kafka.create_topic(&topic.name, 1, 1);
        Producer::new(kafka, Codec::None).send_numbers(&topic.name, 100, 1);
        topic
    }

    fn consumer(&self) -> Consumer {
        self.consumer_with(|_| ())
    }

    fn consumer_with(&self, change: impl FnOnce(&mut sarama_cluster::Config)) -> Consumer {
        let mut config = library::config(ConsumerMode::Multiplex);
        change(&mut config);
        Consumer::new(
            self.kafka.bootstrap(),
            self.group.as_str(),
            self.name.as_str(),
            config,
        )
        .unwrap()
    }

    fn assert_committed(&self, offset: i64) {
        assert_committed(self.kafka, &self.group, &self.name, &[offset]);
    }
}

/// Takes the record at `offset`, which must be the next one.
#[track_caller]
fn take(consumer: &Consumer, offset: i64) -> ConsumerMessage {
    let message = consumer.messages().recv_timeout(SOON).unwrap();
    assert_eq!(message.offset(), offset);
    message
}

/// Takes the records at some offsets, which must be the next ones.
#[track_caller]
fn take_all(consumer: &Consumer, offsets: std::ops::Range<i64>) -> Vec<ConsumerMessage> {
    offsets.map(|offset| take(consumer, offset)).collect()
}

fn the_next_member_resumes_behind_the_mark(kafka: &Cluster) {
    let topic = Topic::of_a_hundred(kafka);
    let first = topic.consumer();
    for message in take_all(&first, 0..30) {
        first.mark_offset(&message, "");
    }
    first.close().unwrap();
    topic.assert_committed(30);

    let second = topic.consumer();
    for message in take_all(&second, 30..100) {
        second.mark_offset(&message, "");
    }
    second.close().unwrap();
    topic.assert_committed(100);
}

fn an_unmarked_record_comes_again(kafka: &Cluster) {
    let topic = Topic::of_a_hundred(kafka);
    let first = topic.consumer();
    let messages = take_all(&first, 0..50);
    first.mark_offset(&messages[9], "");
    drop(messages);
    first.close().unwrap();

    let second = topic.consumer();
    take(&second, 10);
    second.close().unwrap();
    topic.assert_committed(10);
}

fn a_mark_carries_metadata(kafka: &Cluster) {
    let topic = Topic::of_a_hundred(kafka);
    let consumer = topic.consumer();
    for message in take_all(&consumer, 0..10) {
        consumer.mark_offset(&message, &format!("worked on {}", message.offset()));
    }
    consumer.close().unwrap();
    let committed = kafka.admin().committed(&topic.group, &topic.name);
    assert_eq!(committed[&0].offset, 10);
    assert_eq!(committed[&0].metadata, "worked on 9");
}

fn a_reset_goes_back(kafka: &Cluster) {
    let topic = Topic::of_a_hundred(kafka);
    let first = topic.consumer();
    let messages = take_all(&first, 0..50);
    first.mark_offset(&messages[49], "");
    first.commit_offsets().unwrap();
    topic.assert_committed(50);
    first.reset_offset(&messages[19], "again");
    // Reading goes on where it was.
    drop(take(&first, 50));
    drop(messages);
    first.close().unwrap();
    topic.assert_committed(20);

    let second = topic.consumer();
    take(&second, 20);
    second.close().unwrap();
}

fn acknowledged_in_any_order_committed_in_order(kafka: &Cluster) {
    let topic = Topic::of_a_hundred(kafka);
    let consumer = topic.consumer();
    let mut messages = take_all(&consumer, 0..40);
    let straggler = messages.remove(25);
    for message in messages.iter().rev() {
        consumer.ack(message);
    }
    consumer.commit_offsets().unwrap();
    topic.assert_committed(25);
    consumer.ack(&straggler);
    consumer.commit_offsets().unwrap();
    topic.assert_committed(40);
    drop((messages, straggler));
    consumer.close().unwrap();
}

fn commit_offsets_commits_now(kafka: &Cluster) {
    let topic = Topic::of_a_hundred(kafka);
    let consumer = topic.consumer_with(|config| {
        config.consumer.offsets.auto_commit.enable = false;
    });
    for message in take_all(&consumer, 0..20) {
        consumer.mark_offset(&message, "");
    }
    consumer.commit_offsets().unwrap();
    topic.assert_committed(20);
    for message in take_all(&consumer, 20..40) {
        consumer.mark_offset(&message, "");
    }
    // Without automatic commits closing does not commit either.
    consumer.close().unwrap();
    topic.assert_committed(20);
}

/// Each partition has a word of 4 KiB: more than a message may have, and brokers since 0.11 write a commit as one batch.
fn a_commit_of_more_than_fits_a_message_is_made_in_parts(kafka: &Cluster) {
    const PARTITIONS: usize = 300;
    let topic = Topic {
        kafka,
        name: unique("commits"),
        group: unique("group"),
    };
    kafka.create_topic(&topic.name, PARTITIONS as i32, 1);
    Producer::new(kafka, Codec::None).send_numbers(&topic.name, PARTITIONS, PARTITIONS as i32);
    let consumer = topic.consumer_with(|config| {
        config.consumer.offsets.auto_commit.enable = false;
    });
    let word = "x".repeat(4_096);
    for _ in 0..PARTITIONS {
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        consumer.mark_offset(&message, &word);
    }
    consumer.commit_offsets().unwrap();
    assert_committed(kafka, &topic.group, &topic.name, &[1; PARTITIONS]);
    consumer.close().unwrap();
}
