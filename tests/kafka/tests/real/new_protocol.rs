//! A member of the new group protocol (KIP-848) joins a group of this library. Since 4.0 the group coordinator then
//! assigns itself, until no such member is left.

use std::{collections::BTreeSet, mem};

use kafka_tests::{
    Acknowledged, Cluster, Codec, Event, Member, Producer, TopicPartition, library,
    oracle::{self, Repeats},
    unique,
};
use sarama_cluster::{Consumer, ConsumerMode};

use crate::{SOON, assert_committed};

kafka_tests::on_each_release!(from V4_0_0 {
    a_member_of_the_new_protocol_joins_and_is_left_alone,
    a_member_of_the_new_protocol_joins_and_leaves_again,
});

fn a_member_of_the_new_protocol_joins_and_is_left_alone(kafka: &Cluster) {
    let mut group = Group::new(kafka);
    let mut java = group.share_with_java();
    let ours = group.ours.leave();

    java.await_that(SOON, |member| member.assignment().len() == 2);
    let before = java.records().len();
    group.write();
    java.await_that(SOON, |member| member.records().len() == before + 20);
    group.check(&[&ours, &java.leave()]);
}

fn a_member_of_the_new_protocol_joins_and_leaves_again(kafka: &Cluster) {
    let mut group = Group::new(kafka);
    let java = group.share_with_java().leave();

    group.ours.await_claims(2);
    group.write();
    group.ours.read(20);
    let ours = group.ours.leave();
    group.check(&[&ours, &java]);
}

/// A group with a topic of two partitions, and its member of this library.
struct Group<'a> {
    kafka: &'a Cluster,
    topic: String,
    id: String,
    producer: Producer,
    written: Vec<Acknowledged>,
    ours: Ours,
}

impl<'a> Group<'a> {
    /// Led by the member, which has read something.
    fn new(kafka: &'a Cluster) -> Self {
        let (topic, id) = (unique("protocols"), unique("group"));
        kafka.create_topic(&topic, 2, 1);
        let mut config = library::config(ConsumerMode::Multiplex);
        // Only an assignment must have none.
        config.group.member.user_data = b"ours".to_vec();
        let consumer = Consumer::new(kafka.bootstrap(), &id, topic.as_str(), config).unwrap();
        let mut group = Self {
            kafka,
            topic,
            id,
            producer: Producer::new(kafka, Codec::None),
            written: Vec::new(),
            ours: Ours {
                consumer,
                events: Vec::new(),
            },
        };
        group.ours.await_claims(2);
        group.write();
        group.ours.read(20);
        group
    }

    /// Ten records for each partition.
    fn write(&mut self) {
        self.written
            .extend(self.producer.send_numbers(&self.topic, 20, 2));
    }

    /// Each of the two gets a partition, and reads it.
    fn share_with_java(&mut self) -> Member {
        let mut java = Member::java_of_new_protocol(self.kafka, &self.id, &[&self.topic]);
        java.await_that(SOON, |member| member.assignment().len() == 1);
        let claims = self.ours.await_claims(1);
        assert!(java.assignment().is_disjoint(&claims));
        self.write();
        self.ours.read(10);
        java.await_that(SOON, |member| member.records().len() == 10);
        java
    }

    fn check(&self, members: &[&[Event]]) {
        oracle::check(&self.topic, &self.written, members, Repeats::Never);
        assert_committed(self.kafka, &self.id, &self.topic, &[30; 2]);
    }
}

/// The member of this library, which must not be told of any error.
struct Ours {
    consumer: Consumer,
    events: Vec<Event>,
}

impl Ours {
    /// Waits until it has so many partitions.
    fn await_claims(&mut self, count: usize) -> BTreeSet<TopicPartition> {
        loop {
            let notification = self.consumer.notifications().recv_timeout(SOON).unwrap();
            let Some(Event::Assigned(claims)) = library::event(&notification) else {
                continue;
            };
            self.events.push(Event::Assigned(claims.clone()));
            if claims.len() == count {
                return claims;
            }
        }
    }

    fn read(&mut self, count: usize) {
        for _ in 0..count {
            let message = self.consumer.messages().recv_timeout(SOON).unwrap();
            self.events.push(library::record(&message));
            self.consumer.mark_offset(&message, "");
        }
    }

    fn leave(&mut self) -> Vec<Event> {
        self.consumer.close().unwrap();
        let errors: Vec<_> = self.consumer.errors().try_iter().collect();
        assert!(errors.is_empty(), "{errors:?}");
        mem::take(&mut self.events)
    }
}
