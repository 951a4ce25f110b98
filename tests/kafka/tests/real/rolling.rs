//! Rolling restarts cost the rebalances that they must, and no other: one when a member goes and one when it
//! comes, none when a broker does. Counted are the generations that the group coordinator has written down.

use kafka_tests::{Acknowledged, Cluster, Member, Release, ledger, library};
use sarama_cluster::ConsumerMode;

use crate::{
    SOON,
    load::{ends, has_last_records, under_load},
};

kafka_tests::with_own_brokers![
    a_rolling_restart_of_members_is_one_rebalance_for_each_stop_and_start,
    a_rolling_restart_of_brokers_is_no_rebalance,
];

const CASES: [(Release, ConsumerMode); 2] = [
    (Release::V2_8_2, ConsumerMode::Partitions),
    (Release::V4_4_0, ConsumerMode::Multiplex),
];

/// As the topics under load have it: two for each of three members.
const PARTITIONS: usize = 6;

fn a_rolling_restart_of_members_is_one_rebalance_for_each_stop_and_start() {
    for (release, mode) in CASES {
        let kafka = Cluster::start(release, 1);
        kafka.create_topic("t", PARTITIONS as i32, 1);
        // Nobody goes but in order, however busy the machine is.
        let mut config = library::config(mode);
        config.group.session.timeout = SOON;
        let start = || Member::library(&kafka, "group", &["t"], config.clone());
        let mut members = [start(), start(), start()].map(Some);
        settle(&mut members);
        let (written, ()) = under_load(&kafka, "t", || {
            let before = generations(&kafka);
            assert!(before > 0);
            for index in 0..members.len() {
                members[index].take().expect("it has run").leave();
                settle(&mut members);
                members[index] = Some(start());
                settle(&mut members);
            }
            assert_eq!(generations(&kafka), before + 2 * members.len(), "{release}");
        });
        await_end(&mut members, &written);
    }
}

/// Scenario 15: one broker after the other.
fn a_rolling_restart_of_brokers_is_no_rebalance() {
    for (release, mode) in CASES {
        let kafka = Cluster::start(release, 3);
        kafka.create_topic("t", PARTITIONS as i32, 3);
        // A broker may take as long to start again as the usual session lasts here.
        let mut config = library::config(mode);
        config.group.session.timeout = SOON;
        let start = || Member::library(&kafka, "group", &["t"], config.clone());
        let mut members = [start(), start(), start()].map(Some);
        settle(&mut members);
        let (written, ()) = under_load(&kafka, "t", || {
            let before = generations(&kafka);
            assert!(before > 0);
            for broker in 1..=3 {
                kafka.restart(broker);
                kafka.await_replicas();
            }
            assert_eq!(generations(&kafka), before, "{release}");
        });
        await_end(&mut members, &written);
    }
}

/// Waits until the members that there are share all partitions evenly.
fn settle(members: &mut [Option<Member>]) {
    let mut present: Vec<&mut Member> = members.iter_mut().flatten().collect();
    let share = PARTITIONS / present.len();
    Member::await_group(&mut present, SOON, |members| {
        let mut shares = members.iter_mut().map(|member| member.assignment().len());
        shares.all(|count| count == share)
    });
}

/// Waits until all that was written is read.
fn await_end(members: &mut [Option<Member>], written: &[Acknowledged]) {
    let mut present: Vec<&mut Member> = members.iter_mut().flatten().collect();
    let ends = ends(written);
    Member::await_group(&mut present, SOON, |members| {
        has_last_records(members, "t", &ends)
    });
}

fn generations(kafka: &Cluster) -> usize {
    let entries = ledger::read(kafka, "group").expect("the brokers keep a ledger");
    ledger::generations(&entries)
}
