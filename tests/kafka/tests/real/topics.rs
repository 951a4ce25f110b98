//! Topics and partitions that come while the group reads.

use std::collections::BTreeSet;

use kafka_tests::{
    Cluster, Codec, Member, Producer, library,
    oracle::{self, Repeats},
    unique,
};
use sarama_cluster::ConsumerMode;

use crate::{SOON, assert_committed};

kafka_tests::on_each_release![
    a_topic_created_later_is_read_if_the_lists_say_so,
    new_partitions_are_read_from_their_start,
];

fn a_topic_created_later_is_read_if_the_lists_say_so(kafka: &Cluster) {
    let (prefix, group) = (unique("listed"), unique("group"));
    let name = |suffix: &str| format!("{prefix}.{suffix}");
    kafka.create_topic(&name("first"), 1, 1);
    let mut config = library::config(ConsumerMode::Multiplex);
    let pattern = |text: String| Some(text.parse().expect("the pattern is valid"));
    config.group.topics.whitelist = pattern(format!(r"^{prefix}\."));
    config.group.topics.blacklist = pattern(r"\.private$".to_owned());
    let mut member = Member::library(kafka, &group, &[], config);
    let owns =
        |topics: &[&str]| -> BTreeSet<_> { topics.iter().map(|topic| (name(topic), 0)).collect() };
    member.await_that(SOON, |member| member.assignment() == owns(&["first"]));

    // The black list wins, which shows when the topic created after it has been found.
    kafka.create_topic(&name("private"), 1, 1);
    kafka.create_topic(&name("later"), 1, 1);
    let producer = Producer::new(kafka, Codec::None);
    producer.send_numbers(&name("private"), 10, 1);
    let written = producer.send_numbers(&name("later"), 10, 1);
    member.await_that(SOON, |member| {
        member.assignment() == owns(&["first", "later"])
    });
    member.await_that(SOON, |member| member.records().len() == written.len());
    oracle::check(&name("later"), &written, &[&member.leave()], Repeats::Never);
}

fn new_partitions_are_read_from_their_start(kafka: &Cluster) {
    let (topic, group) = (unique("raised"), unique("group"));
    kafka.create_topic(&topic, 3, 1);
    let config = library::config(ConsumerMode::Multiplex);
    let mut one = Member::library(kafka, &group, &[&topic], config.clone());
    let mut other = Member::library(kafka, &group, &[&topic], config);
    one.await_that(SOON, |member| !member.assignment().is_empty());
    other.await_that(SOON, |member| !member.assignment().is_empty());

    kafka.add_partitions(&topic, 6);
    let written = Producer::new(kafka, Codec::None).send_numbers(&topic, 60, 6);
    one.await_that(SOON, |member| member.assignment().len() == 3);
    other.await_that(SOON, |member| member.assignment().len() == 3);
    Member::await_group(&mut [&mut one, &mut other], SOON, |members| {
        members
            .iter_mut()
            .map(|member| member.records().len())
            .sum::<usize>()
            >= written.len()
    });
    let (one, other) = (one.leave(), other.leave());
    oracle::check(&topic, &written, &[&one, &other], Repeats::Never);
    assert_committed(kafka, &group, &topic, &[10; 6]);
}
