//! The brokers become newer while their clients stay.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use kafka_tests::{
    Cluster, Codec, Event, Member, NewRecord, Producer, Release, library,
    oracle::{self, Repeats},
};
use sarama_cluster::{Client, Config, Consumer, ConsumerMode, ErrorKind, OffsetSpec};

use crate::{
    SOON, assert_committed,
    load::{PARTITIONS, ends, has_last_records, under_load},
};

kafka_tests::with_own_brokers![
    a_cluster_with_zookeeper_is_upgraded_under_load,
    a_cluster_of_controllers_is_upgraded_under_load,
    a_broker_in_the_middle_of_a_restart_is_not_taken_for_a_0_9,
];

/// A cluster of two, whose records stay in the format that the oldest release has been told.
fn a_cluster_with_zookeeper_is_upgraded_under_load() {
    let kafka = Cluster::builder(Release::V1_1_1)
        .brokers(2)
        .property("inter.broker.protocol.version", "1.1")
        .start();
    // Written before all upgrades, in the format of 0.10, and read on each release.
    let config = [("message.format.version", "0.10.0")];
    kafka.create_topic_with("old", 1, 2, &config);
    let producer = Producer::of_old_formats(&kafka, Codec::Gzip);
    let records: Vec<_> = (0..100).map(|n| NewRecord::value(format!("{n}"))).collect();
    producer.send("old", &records);
    let releases = [Release::V2_4_1, Release::V2_8_2, Release::V3_9_1];
    upgrade_under_load(&kafka, &releases, |release| {
        read_all(&kafka, "old", release, 100);
    });
}

fn a_cluster_of_controllers_is_upgraded_under_load() {
    let kafka = Cluster::start(Release::V3_9_1, 3);
    upgrade_under_load(&kafka, &[Release::V4_0_0, Release::V4_4_0], |_| ());
}

/// Upgrades one broker after the other, to one release after the other.
fn upgrade_under_load(kafka: &Cluster, releases: &[Release], look: impl Fn(Release)) {
    let brokers = kafka.bootstrap().len();
    kafka.create_topic("t", PARTITIONS, brokers as i32);
    let mut config = library::config(ConsumerMode::Multiplex);
    // A broker may take as long to start again as the usual session lasts here.
    config.group.session.timeout = SOON;
    let mut member = Member::library(kafka, "group", &["t"], config);
    member.await_that(SOON, |member| {
        member.assignment().len() == PARTITIONS as usize
    });
    let (written, ()) = under_load(kafka, "t", || {
        for &release in releases {
            for broker in 1..=brokers as i32 {
                kafka.upgrade(broker, release);
                kafka.await_replicas();
            }
            let before = member.records().len();
            member.await_that(SOON, |member| member.records().len() > before);
            look(release);
        }
    });
    let ends = ends(&written);
    member.await_that(SOON, |member| has_last_records(&mut [member], "t", &ends));
    let claims = member.events().iter();
    let claims = claims.filter(|event| matches!(event, Event::Assigned(_)));
    assert_eq!(claims.count(), 1, "the group had no reason to rebalance");
    let events = member.leave();
    oracle::check("t", &written, &[&events], Repeats::Never);
    assert_committed(kafka, "group", "t", &ends);
}

fn read_all(kafka: &Cluster, topic: &str, release: Release, count: i64) {
    let group = format!("{topic}-{}", release.version());
    let config = library::config(ConsumerMode::Multiplex);
    let consumer = Consumer::new(kafka.bootstrap(), group, topic, config).unwrap();
    for offset in 0..count {
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        assert_eq!(message.offset(), offset);
        assert_eq!(message.value(), Some(offset.to_string().as_bytes()));
    }
    consumer.close().unwrap();
}

/// Such a broker refuses, closes or does not answer, but never as a 0.9 does. Who takes it for one can
/// neither ask for a time, nor fetch.
fn a_broker_in_the_middle_of_a_restart_is_not_taken_for_a_0_9() {
    let kafka = Cluster::start(Release::NEWEST, 1);
    kafka.create_topic("t", 1, 1);
    let producer = Producer::new(&kafka, Codec::None);
    producer.send_numbers("t", 10, 1);
    let config = library::config(ConsumerMode::Multiplex);
    let consumer = Consumer::new(kafka.bootstrap(), "group", "t", config).unwrap();
    for _ in 0..10 {
        consumer.mark_offset(&consumer.messages().recv_timeout(SOON).unwrap(), "");
    }
    // Whether the group lives on or begins anew, it goes on here.
    consumer.commit_offsets().unwrap();

    let over = AtomicBool::new(false);
    let (met, missed) = thread::scope(|scope| {
        let stranger = scope.spawn(|| knock(&kafka, &over));
        for _ in 0..2 {
            kafka.stop(1);
            kafka.restart(1);
        }
        kafka.kill(1);
        kafka.restart(1);
        over.store(true, Ordering::Relaxed);
        stranger.join().unwrap()
    });
    assert!(met > 0 && missed > 0, "{met} times met, {missed} missed");

    producer.send_numbers("t", 10, 1);
    for offset in 10..20 {
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        assert_eq!(message.offset(), offset);
        consumer.mark_offset(&message, "");
    }
    let of_version = |error: &sarama_cluster::Error| *error.kind() == ErrorKind::Version;
    let refused: Vec<_> = consumer.errors().try_iter().filter(of_version).collect();
    assert!(refused.is_empty(), "{refused:?}");
    consumer.close().unwrap();
}

/// Meets the broker anew, again and again, and each time asks for what a 0.9 does not know. Tells how
/// often that went well, and how often it did not for want of a broker.
fn knock(kafka: &Cluster, over: &AtomicBool) -> (usize, usize) {
    let (mut met, mut missed) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        let mut config = Config::default();
        config.metadata.retry.max = 0;
        let client = Client::new(kafka.bootstrap(), config);
        let epoch = OffsetSpec::At(std::time::UNIX_EPOCH);
        match client.and_then(|client| client.get_offset("t", 0, epoch)) {
            Ok(offset) => {
                assert_eq!(offset, Some(0));
                met += 1;
            }
            Err(error) => {
                assert_ne!(*error.kind(), ErrorKind::Version, "{error}");
                missed += 1;
            }
        }
    }
    (met, missed)
}
