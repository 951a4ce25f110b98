//! Topics and partitions that come while the group reads.

use std::{collections::BTreeSet, time::Duration};

use kafka_tests::{
    Cluster, Codec, Member, Producer, library,
    oracle::{self, Repeats},
    unique,
};
use sarama_cluster::{Consumer, ConsumerMode, ErrorCode, config::InitialOffset};

use crate::{SOON, assert_committed};

kafka_tests::on_each_release![
    a_topic_created_later_is_read_if_the_lists_say_so,
    new_partitions_are_read_from_their_start,
    new_partitions_are_read_from_their_start_also_by_a_group_at_the_newest,
    a_topic_that_does_not_exist_is_reported_and_read_when_it_appears,
    a_deleted_topic_does_not_stop_the_others,
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

/// Scenario 11: on real Kafka.
fn new_partitions_are_read_from_their_start(kafka: &Cluster) {
    raise_partitions(kafka, InitialOffset::Oldest);
}

/// Scenario 11: what is written to a partition before the group has heard of it must not be lost.
fn new_partitions_are_read_from_their_start_also_by_a_group_at_the_newest(kafka: &Cluster) {
    raise_partitions(kafka, InitialOffset::Newest);
}

fn raise_partitions(kafka: &Cluster, initial: InitialOffset) {
    let (topic, group) = (unique("raised"), unique("group"));
    kafka.create_topic(&topic, 3, 1);
    let mut config = library::config(ConsumerMode::Multiplex);
    config.consumer.offsets.initial = initial;
    // The group hears of the new partitions some time after the producer.
    config.metadata.refresh_frequency = Duration::from_secs(3);
    let mut one = Member::library(kafka, &group, &[&topic], config.clone());
    let mut other = Member::library(kafka, &group, &[&topic], config);
    one.await_that(SOON, |member| !member.assignment().is_empty());
    other.await_that(SOON, |member| !member.assignment().is_empty());
    // Else a group at the newest may look for its start behind what is written now.
    kafka
        .admin()
        .await_committed(&group, &topic, |now| now.len() == 3);

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

fn a_topic_that_does_not_exist_is_reported_and_read_when_it_appears(kafka: &Cluster) {
    let (topic, group) = (unique("awaited"), unique("group"));
    let config = library::config(ConsumerMode::Multiplex);
    let consumer =
        Consumer::new(kafka.bootstrap(), group.as_str(), topic.as_str(), config).unwrap();
    let error = consumer.errors().recv_timeout(SOON).unwrap();
    assert_eq!(error.topic(), Some(topic.as_str()), "{error}");
    assert_eq!(
        error.code(),
        Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        "{error}"
    );

    kafka.create_topic(&topic, 1, 1);
    Producer::new(kafka, Codec::None).send_numbers(&topic, 10, 1);
    for offset in 0..10 {
        assert_eq!(
            consumer.messages().recv_timeout(SOON).unwrap().offset(),
            offset
        );
    }
    let again: Vec<_> = consumer
        .errors()
        .try_iter()
        .filter(|error| error.topic() == Some(topic.as_str()))
        .map(|error| error.to_string())
        .collect();
    assert!(again.is_empty(), "once is enough: {again:?}");
    consumer.close().unwrap();
}

/// Scenario 12: one of two topics is deleted.
fn a_deleted_topic_does_not_stop_the_others(kafka: &Cluster) {
    let (stays, goes, group) = (unique("stays"), unique("goes"), unique("group"));
    let producer = Producer::new(kafka, Codec::None);
    for topic in [&stays, &goes] {
        kafka.create_topic(topic, 1, 1);
        producer.send_numbers(topic, 10, 1);
    }
    let config = library::config(ConsumerMode::Multiplex);
    let consumer =
        Consumer::new(kafka.bootstrap(), group.as_str(), [&stays, &goes], config).unwrap();
    for _ in 0..20 {
        consumer.mark_offset(&consumer.messages().recv_timeout(SOON).unwrap(), "");
    }
    kafka.delete_topic(&goes);
    while consumer.errors().recv_timeout(SOON).unwrap().topic() != Some(&goes) {}

    producer.send_numbers(&stays, 10, 1);
    for offset in 10..20 {
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        assert_eq!(
            (message.topic(), message.offset()),
            (stays.as_str(), offset)
        );
        consumer.mark_offset(&message, "");
    }
    // Its last marks may have come too late for it, and that is told.
    if let Err(error) = consumer.close() {
        assert_eq!(error.topic(), Some(goes.as_str()), "{error}");
        let unknown = [
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::UNKNOWN_TOPIC_ID,
        ];
        assert!(
            error.code().is_some_and(|c| unknown.contains(&c)),
            "{error}"
        );
    }
    assert_committed(kafka, &group, &stays, &[20]);
}
