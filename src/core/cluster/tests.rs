//! Descriptions of the cluster that contradict each other.

use std::time::Instant;

use super::{Cluster, Settings, past::MOST_PASSED_OVER};
use crate::{
    call::{Broker, metadata},
    config::Config,
    protocol::ErrorCode,
    wire::Uuid,
};

const ID: Option<Uuid> = Some(Uuid([1; 16]));
const ANOTHER: Option<Uuid> = Some(Uuid([2; 16]));

fn cluster() -> Cluster {
    let bootstrap = Broker {
        id: None,
        host: "b".to_owned(),
        port: 9000,
    };
    let mut cluster = Cluster::new(Settings::of(&Config::default()), vec![bootstrap], 1);
    cluster.want(Instant::now(), ["t".to_owned()].into());
    cluster
}

/// Takes in that this broker leads the one partition of the topic in this epoch. Tells who is held to be the leader.
fn hear(cluster: &mut Cluster, id: Option<Uuid>, leader: i32, epoch: i32) -> (Option<i32>, i32) {
    let broker = |id| metadata::Broker {
        id,
        host: "b".to_owned(),
        port: 9000,
        rack: None,
    };
    let partition = metadata::Partition {
        error: ErrorCode::NONE,
        id: 0,
        leader: Some(leader),
        leader_epoch: Some(epoch),
        replicas: vec![1, 2],
        in_sync_replicas: vec![1, 2],
        offline_replicas: Vec::new(),
    };
    let answer = metadata::Answer {
        brokers: vec![broker(1), broker(2)],
        topics: vec![metadata::Topic {
            error: ErrorCode::NONE,
            name: "t".to_owned(),
            id,
            is_internal: false,
            partitions: vec![partition],
        }],
        ..metadata::Answer::default()
    };
    let now = Instant::now();
    cluster.describe(now, now, answer);
    let held = cluster.leader("t", 0).expect("it has a leader");
    (held.broker.id, held.epoch.expect("it was told"))
}

#[test]
fn a_leader_that_is_out_of_office_is_passed_over() {
    let mut cluster = cluster();
    assert_eq!(hear(&mut cluster, ID, 1, 4), (Some(1), 4));
    assert_eq!(hear(&mut cluster, ID, 2, 5), (Some(2), 5));
    assert_eq!(hear(&mut cluster, ID, 1, 4), (Some(2), 5));
    assert_eq!(hear(&mut cluster, ID, 1, 6), (Some(1), 6));
}

#[test]
fn who_hears_of_no_other_leader_goes_by_that_one() {
    let mut cluster = cluster();
    hear(&mut cluster, ID, 2, 5);
    for _ in 0..MOST_PASSED_OVER {
        assert_eq!(hear(&mut cluster, ID, 1, 4), (Some(2), 5));
    }
    assert_eq!(hear(&mut cluster, ID, 1, 4), (Some(1), 4));
}

#[test]
fn what_is_passed_over_counts_only_in_a_row() {
    let mut cluster = cluster();
    hear(&mut cluster, ID, 2, 5);
    for _ in 0..=MOST_PASSED_OVER {
        assert_eq!(hear(&mut cluster, ID, 1, 4), (Some(2), 5));
        assert_eq!(hear(&mut cluster, ID, 2, 5), (Some(2), 5));
    }
}

#[test]
fn the_epochs_of_another_topic_begin_anew() {
    let mut cluster = cluster();
    hear(&mut cluster, ID, 2, 5);
    assert_eq!(hear(&mut cluster, ANOTHER, 1, 0), (Some(1), 0));
    // Nobody can tell which topic it is.
    hear(&mut cluster, None, 2, 5);
    assert_eq!(hear(&mut cluster, None, 1, 0), (Some(1), 0));
}

#[test]
fn the_forerunner_of_a_topic_is_passed_over_also_if_it_was_gone_between() {
    let mut cluster = cluster();
    hear(&mut cluster, ID, 2, 5);
    let now = Instant::now();
    for _ in 0..2 {
        cluster.describe(now, now, metadata::Answer::default());
    }
    assert!(cluster.topic("t").is_none(), "two brokers have said so");
    hear(&mut cluster, ANOTHER, 1, 0);
    for _ in 0..MOST_PASSED_OVER {
        assert_eq!(hear(&mut cluster, ID, 2, 5), (Some(1), 0));
        assert_eq!(cluster.topic_id("t"), ANOTHER);
    }
    assert_eq!(hear(&mut cluster, ID, 2, 5), (Some(2), 5));
    assert_eq!(cluster.topic_id("t"), ID, "nobody speaks of the other one");
}
