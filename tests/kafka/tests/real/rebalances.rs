//! Members come, go and die while records are written.

use kafka_tests::{
    Cluster, Event, Member, library,
    oracle::{self, Repeats},
    unique,
};
use sarama_cluster::ConsumerMode;

use crate::{
    SOON, assert_committed,
    load::{PARTITIONS, ends, has_last_records, under_load},
};

kafka_tests::on_each_release![
    a_member_joins_and_leaves_under_load,
    a_member_joins_and_leaves_under_load_by_partitions,
    a_killed_member_is_replaced,
    a_killed_member_is_replaced_by_partitions,
];

fn a_member_joins_and_leaves_under_load(kafka: &Cluster) {
    join_and_leave(kafka, ConsumerMode::Multiplex);
}

fn a_member_joins_and_leaves_under_load_by_partitions(kafka: &Cluster) {
    join_and_leave(kafka, ConsumerMode::Partitions);
}

fn join_and_leave(kafka: &Cluster, mode: ConsumerMode) {
    let (topic, group) = (unique("load"), unique("group"));
    kafka.create_topic(&topic, PARTITIONS, 1);
    let mut stays = Member::library(kafka, &group, &[&topic], library::config(mode));
    stays.await_that(SOON, |member| member.assignment().len() == 4);

    let (written, (one, other)) = under_load(kafka, &topic, || {
        let mut comes = Member::library(kafka, &group, &[&topic], library::config(mode));
        comes.await_that(SOON, |member| member.assignment().len() == 2);
        stays.await_that(SOON, |member| member.assignment().len() == 2);
        let records = comes.records().len();
        comes.await_that(SOON, |member| member.records().len() > records + 100);
        let gone = comes.leave();
        stays.await_that(SOON, |member| member.assignment().len() == 4);
        (stays, gone)
    });
    let mut one = one;
    let rest = written.len() - count_records(&other);
    one.await_that(SOON, |member| member.records().len() >= rest);
    let one = one.leave();
    oracle::check(&topic, &written, &[&one, &other], Repeats::Never);
    assert_committed(kafka, &group, &topic, &ends(&written));
}

/// Scenario 28: who comes after it begins at the last commit.
fn a_killed_member_is_replaced(kafka: &Cluster) {
    kill_one(kafka, ConsumerMode::Multiplex);
}

fn a_killed_member_is_replaced_by_partitions(kafka: &Cluster) {
    kill_one(kafka, ConsumerMode::Partitions);
}

fn kill_one(kafka: &Cluster, mode: ConsumerMode) {
    let (topic, group) = (unique("killed"), unique("group"));
    kafka.create_topic(&topic, PARTITIONS, 1);
    let mut heir = Member::library(kafka, &group, &[&topic], library::config(mode));
    let mut victim = Member::library_process(kafka, &group, &[&topic], mode);
    let (written, victim) = under_load(kafka, &topic, || {
        victim.await_that(SOON, |member| member.assignment().len() == 2);
        let records = victim.records().len();
        victim.await_that(SOON, |member| member.records().len() > records + 100);
        victim.kill();
        heir.await_that(SOON, |member| member.assignment().len() == 4);
        victim.into_events()
    });
    let ends = ends(&written);
    heir.await_that(SOON, |member| {
        has_last_records(&mut [member], &topic, &ends)
    });
    let heir = heir.leave();
    oracle::check(&topic, &written, &[&heir, &victim], Repeats::AfterDeath);
    assert_committed(kafka, &group, &topic, &ends);
}

fn count_records(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, Event::Record { .. }))
        .count()
}
