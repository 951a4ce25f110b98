//! A group of three makes: this library, librdkafka and Java.

use std::collections::BTreeSet;

use kafka_tests::{
    Assignor, Cluster, Codec, Member, Producer, TopicPartition, library,
    oracle::{self, Repeats},
    unique,
};
use sarama_cluster::{ConsumerMode, Strategy};

use crate::{SOON, assert_committed};

kafka_tests::on_each_release![three_makes_share_by_range, three_makes_share_by_round_robin,];

/// Scenario 26: by range.
fn three_makes_share_by_range(kafka: &Cluster) {
    three_makes_share(kafka, Assignor::Range, Strategy::Range);
}

/// Scenario 26: by round robin.
fn three_makes_share_by_round_robin(kafka: &Cluster) {
    three_makes_share(kafka, Assignor::RoundRobin, Strategy::RoundRobin);
}

fn three_makes_share(kafka: &Cluster, assignor: Assignor, strategy: Strategy) {
    let group = unique("mixed");
    let topics = [unique("left"), unique("right")];
    let names = topics.each_ref().map(String::as_str);
    let producer = Producer::new(kafka, Codec::None);
    let mut written = Vec::new();
    for topic in &topics {
        kafka.create_topic(topic, 6, 1);
        written.push(producer.send_numbers(topic, 60, 6));
    }
    let mut config = library::config(ConsumerMode::Multiplex);
    config.group.partition_strategy = strategy;

    // The library leads at first, for it is alone.
    let mut members = vec![Member::library(kafka, &group, &names, config)];
    await_everything_owned_once(&mut members, &names);
    members.push(Member::librdkafka(kafka, &group, &names, assignor));
    await_everything_owned_once(&mut members, &names);
    members.push(Member::java(kafka, &group, &names, assignor));
    await_everything_owned_once(&mut members, &names);
    for (topic, written) in topics.iter().zip(&mut written) {
        written.extend(producer.send_numbers(topic, 60, 6));
    }
    let total: usize = written.iter().map(Vec::len).sum();
    await_records(&mut members, total);

    // And then another leads, and it follows.
    let mut events = vec![members.remove(0).leave()];
    await_everything_owned_once(&mut members, &names);
    events.extend(members.into_iter().map(Member::leave));
    let events: Vec<_> = events.iter().map(Vec::as_slice).collect();
    for (topic, written) in topics.iter().zip(&written) {
        oracle::check(topic, written, &events, Repeats::Never);
        assert_committed(kafka, &group, topic, &[20; 6]);
    }
}

/// Waits until each partition has one owner, and each member its share.
fn await_everything_owned_once(members: &mut [Member], topics: &[&str]) {
    let all: BTreeSet<TopicPartition> = topics
        .iter()
        .flat_map(|&topic| (0..6).map(move |partition| (topic.to_owned(), partition)))
        .collect();
    let share = all.len() / members.len();
    await_group(members, |members| {
        let owned: Vec<_> = members
            .iter_mut()
            .map(|member| member.assignment())
            .collect();
        owned.iter().all(|one| one.len() == share)
            && owned.into_iter().flatten().collect::<BTreeSet<_>>() == all
    });
}

fn await_records(members: &mut [Member], total: usize) {
    await_group(members, |members| {
        members
            .iter_mut()
            .map(|member| member.records().len())
            .sum::<usize>()
            >= total
    });
}

fn await_group(members: &mut [Member], condition: impl FnMut(&mut [&mut Member]) -> bool) {
    Member::await_group(&mut members.iter_mut().collect::<Vec<_>>(), SOON, condition);
}
