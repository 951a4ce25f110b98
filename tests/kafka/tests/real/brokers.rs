//! Brokers stop, die and come back.

use std::time::{Duration, Instant};

use kafka_tests::{
    Cluster, Codec, Event, Member, Producer, Release, library,
    oracle::{self, Repeats},
};
use sarama_cluster::{Consumer, ConsumerMode};

use crate::{
    SOON, assert_committed,
    load::{PARTITIONS, ends, has_last_records, under_load},
};

kafka_tests::with_own_brokers![
    a_group_outlives_its_coordinator,
    a_rolling_restart_moves_no_partition,
    closing_is_bounded_when_all_brokers_are_gone,
];

/// The newest with ZooKeeper, and the newest.
const RELEASES: [Release; 2] = [Release::V3_0_2, Release::V4_4_0];

/// An election, a session of a broker, and a group that finds its coordinator again.
const FAILOVER: Duration = Duration::from_secs(60);

/// Scenario 14: the broker that coordinates the group is killed.
fn a_group_outlives_its_coordinator() {
    for release in RELEASES {
        let kafka = Cluster::start(release, 3);
        kafka.create_topic("t", PARTITIONS, 3);
        let [mut one, mut other] = two_members(&kafka, None);
        let (written, ()) = under_load(&kafka, "t", || {
            kafka
                .admin()
                .await_committed("group", "t", |now| now.contains_key(&0));
            let coordinator = kafka.coordinator("group");
            kafka.kill(coordinator);
            kafka.await_metadata(|metadata| !metadata.brokers.contains_key(&coordinator));
            let offset = kafka.admin().committed("group", "t")[&0].offset;
            kafka
                .admin()
                .await_committed("group", "t", |now| now[&0].offset > offset);
            kafka.restart(coordinator);
        });
        finish([&mut one, &mut other], &ends(&written));
        let (one, other) = (one.leave(), other.leave());
        // Whoever could not commit while there was no coordinator may read again.
        oracle::check("t", &written, &[&one, &other], Repeats::AfterDeath);
        assert_committed(&kafka, "group", "t", &ends(&written));
    }
}

fn a_rolling_restart_moves_no_partition() {
    for release in RELEASES {
        let kafka = Cluster::start(release, 3);
        kafka.create_topic("t", PARTITIONS, 3);
        // A broker may take as long to start again as the usual session lasts here.
        let [mut one, mut other] = two_members(&kafka, Some(SOON));
        let (written, ()) = under_load(&kafka, "t", || {
            for broker in 1..=3 {
                kafka.restart(broker);
                kafka.await_replicas();
            }
        });
        finish([&mut one, &mut other], &ends(&written));
        let claims = |member: &mut Member| {
            member
                .events()
                .iter()
                .filter(|event| matches!(event, Event::Assigned(_)))
                .count()
        };
        let before = (claims(&mut one), claims(&mut other));
        let (one, other) = (one.leave(), other.leave());
        oracle::check("t", &written, &[&one, &other], Repeats::Never);
        // One claim when it came alone, at most, and one when the other came.
        assert!(
            before.0 <= 2 && before.1 <= 2,
            "{before:?}: {one:?}\n{other:?}"
        );
    }
}

/// Scenario 8: on real Kafka.
fn closing_is_bounded_when_all_brokers_are_gone() {
    for release in RELEASES {
        let kafka = Cluster::start(release, 1);
        kafka.create_topic("t", 1, 1);
        Producer::new(&kafka, Codec::None).send_numbers("t", 10, 1);
        let config = library::config(ConsumerMode::Multiplex);
        let limit = config.close_timeout;
        let consumer = Consumer::new(kafka.bootstrap(), "group", "t", config).unwrap();
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        kafka.kill(1);
        consumer.mark_offset(&message, "");
        drop(message);

        let began = Instant::now();
        consumer.close().expect_err("the mark cannot be committed");
        let took = began.elapsed();
        assert!(
            took < limit + Duration::from_secs(1),
            "closing took {took:?}"
        );
    }
}

fn two_members(kafka: &Cluster, session: Option<Duration>) -> [Member; 2] {
    let mut config = library::config(ConsumerMode::Multiplex);
    config.group.session.timeout = session.unwrap_or(config.group.session.timeout);
    let mut one = Member::library(kafka, "group", &["t"], config.clone());
    let mut other = Member::library(kafka, "group", &["t"], config);
    Member::await_group(&mut [&mut one, &mut other], SOON, |members| {
        members
            .iter_mut()
            .all(|member| member.assignment().len() == 2)
    });
    [one, other]
}

fn finish(mut members: [&mut Member; 2], ends: &[i64]) {
    Member::await_group(&mut members, FAILOVER, |members| {
        has_last_records(members, "t", ends)
    });
}
