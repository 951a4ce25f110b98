//! Members come, go and die while records are written.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use kafka_tests::{
    Acknowledged, Cluster, Codec, Member, Producer, library,
    oracle::{self, Repeats},
    unique,
};
use sarama_cluster::ConsumerMode;

use crate::{SOON, assert_committed};

kafka_tests::on_each_release![
    a_member_joins_and_leaves_under_load,
    a_member_joins_and_leaves_under_load_by_partitions,
    a_killed_member_is_replaced,
    a_killed_member_is_replaced_by_partitions,
];

const PARTITIONS: i32 = 4;

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
        let records = member.records();
        let last = |(n, end): (i32, &i64)| records.contains(&((topic.clone(), n), end - 1));
        (0..).zip(&ends).all(last)
    });
    let heir = heir.leave();
    oracle::check(&topic, &written, &[&heir, &victim], Repeats::AfterDeath);
    assert_committed(kafka, &group, &topic, &ends);
}

/// Writes to all partitions in turn, in small batches, for as long as `story` runs.
fn under_load<R>(
    kafka: &Cluster,
    topic: &str,
    story: impl FnOnce() -> R,
) -> (Vec<Acknowledged>, R) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            let producer = Producer::new(kafka, Codec::Lz4);
            let mut written = Vec::new();
            while !over.load(Ordering::Relaxed) {
                written.extend(producer.send_numbers(topic, 40, PARTITIONS));
                // A pace, not a wait: the story decides how long it goes on.
                thread::sleep(Duration::from_millis(20));
            }
            written
        });
        let end = End(&over);
        let result = story();
        drop(end);
        (load.join().expect("the broker accepts the records"), result)
    })
}

/// Ends the load, also when the story panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn count_records(events: &[kafka_tests::Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, kafka_tests::Event::Record { .. }))
        .count()
}

/// The offset behind the last record of each partition.
fn ends(written: &[Acknowledged]) -> Vec<i64> {
    let end = |partition| {
        let of = written.iter().filter(|at| at.partition == partition);
        of.map(|at| at.offset + 1).max().unwrap_or(0)
    };
    (0..PARTITIONS).map(end).collect()
}
