//! Two members share a topic.

use kafka_tests::{
    Cluster, Codec, Member, Producer, library,
    oracle::{self, Repeats},
    unique,
};
use sarama_cluster::ConsumerMode;

use crate::{SOON, assert_committed};

kafka_tests::on_each_release![
    two_members_share_one_channel_each,
    two_members_share_by_partitions
];

fn two_members_share_one_channel_each(kafka: &Cluster) {
    two_members_share(kafka, ConsumerMode::Multiplex);
}

fn two_members_share_by_partitions(kafka: &Cluster) {
    two_members_share(kafka, ConsumerMode::Partitions);
}

fn two_members_share(kafka: &Cluster, mode: ConsumerMode) {
    let (topic, group) = (unique("shared"), unique("group"));
    kafka.create_topic(&topic, 4, 1);
    let producer = Producer::new(kafka, Codec::None);
    let mut written = producer.send_numbers(&topic, 200, 4);

    let mut one = Member::library(kafka, &group, &[&topic], library::config(mode));
    let mut other = Member::library(kafka, &group, &[&topic], library::config(mode));
    one.await_that(SOON, |member| member.assignment().len() == 2);
    other.await_that(SOON, |member| member.assignment().len() == 2);
    assert!(one.assignment().is_disjoint(&other.assignment()));

    written.extend(producer.send_numbers(&topic, 200, 4));
    // The first records went to whoever came first; of the second, each member owns half.
    one.await_that(SOON, |member| last_offsets(member) == [99, 99]);
    other.await_that(SOON, |member| last_offsets(member) == [99, 99]);
    let (one, other) = (one.leave(), other.leave());
    oracle::check(&topic, &written, &[&one, &other], Repeats::Never);
    assert_committed(kafka, &group, &topic, &[100; 4]);
}

/// The offsets of the last records of the partitions that a member owns.
fn last_offsets(member: &mut Member) -> Vec<i64> {
    let (owned, records) = (member.assignment(), member.records());
    let last = |partition| {
        let mut offsets = records.iter().rev().filter(|(of, _)| of == partition);
        offsets.next().map(|(_, offset)| *offset)
    };
    owned.iter().filter_map(last).collect()
}
