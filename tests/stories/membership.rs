//! Members come, go, die and take their time.

use std::{thread, time::Duration};

use sarama_cluster::{
    ErrorCode, ErrorKind, NotificationType,
    testing::{ApiKey, Fault},
};

use crate::{
    worker::Worker,
    world::{GROUP, PATIENCE, World},
};

/// Scenario 1: the work on one message takes three sessions.
#[test]
fn a_handler_slower_than_the_session_timeout_keeps_its_place() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 3);
    let mut config = world.config();
    // Long enough for a machine with too much to do, on which timers were 3.7 s late.
    let session = Duration::from_secs(5);
    config.group.session.timeout = session;
    let reader = world.start("a", "t", config);
    let delivery = reader.recv();
    let generation = world.kafka.generation(GROUP);
    // The work itself takes so long; nothing is waited for.
    thread::sleep(3 * session);
    reader.mark(&delivery);
    world.await_committed("t", 0, 1);
    assert_eq!(world.kafka.generation(GROUP), generation);
    reader.consume(2);
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(3));
    assert!(reader.errors().is_empty(), "{:?}", reader.errors());
    world.judge();
}

/// Scenario 2: it would hold the rebalance up for ever.
#[test]
fn a_handler_that_outlasts_the_rebalance_loses_its_marks() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 3);
    let mut config = world.config();
    config.group.rebalance.timeout = Duration::from_secs(6);
    let slow = world.start("a", "t", config.clone());
    let delivery = slow.recv();
    let before = world.kafka.members(GROUP);
    let other = world.start("b", "t", config);
    slow.await_error(|e| *e.kind() == ErrorKind::ReleaseTimedOut && e.partition() == Some(0));
    world.await_members(2);
    let after = world.kafka.members(GROUP);
    assert!(
        after.iter().any(|m| m.member_id == before[0].member_id),
        "it was not too late to stay in the group: {after:?}"
    );
    slow.mark(&delivery);
    assert_eq!(slow.consumer.ignored().late, 1);
    let (slow, other) = (Worker::start(slow), Worker::start(other));
    world.await_committed("t", 0, 3);
    slow.stop();
    other.stop();
    assert_eq!(world.repetitions(), 1, "the one that was in hand");
    world.judge();
}

/// Scenario 3: from one member to three and back, again and again.
#[test]
fn members_come_and_go_under_load() {
    const CYCLES: i64 = 20;
    let world = World::with(&[("t", 6)]);
    let first = Worker::start(world.join("a"));
    world.await_members(1);
    for cycle in 0..CYCLES {
        world.fill("t", 6, 20);
        let second = Worker::start(world.join(&format!("b{cycle}")));
        let third = Worker::start(world.join(&format!("c{cycle}")));
        world.await_members(3);
        world.fill("t", 6, 20);
        second.stop();
        third.stop();
        world.await_members(1);
    }
    for partition in 0..6 {
        world.await_committed("t", partition, CYCLES * 40);
    }
    first.stop();
    assert_eq!(world.repetitions(), 0, "all stops were clean");
    world.judge();
}

/// Scenario 25: three members and one partition.
#[test]
fn a_member_without_partitions_takes_over_from_one_that_dies() {
    let world = World::with(&[("t", 1)]);
    let mut config = world.config();
    config.group.session.timeout = Duration::from_secs(2);
    let mut members: Vec<Worker> = ["a", "b", "c"]
        .map(|name| Worker::start(world.start(name, "t", config.clone())))
        .into();
    world.await_members(3);
    let generation = world.kafka.generation(GROUP);
    let beats = world.kafka.requests_seen(ApiKey::Heartbeat);
    world.produce("t", 0, 10);
    world.await_committed("t", 0, 10);
    world
        .kafka
        .await_requests(PATIENCE, ApiKey::Heartbeat, beats + 15);
    assert_eq!(world.kafka.generation(GROUP), generation, "all is quiet");

    let assignments = world.assignments();
    let owns = |m: &Worker| !assignments[&m.reader.name].is_empty();
    let owner = members.iter().position(owns).expect("somebody owns it");
    let dead = members.remove(owner);
    let fault = world.cut_off(&dead.reader.name);
    world.await_members(2);
    world.produce("t", 0, 10);
    world.await_committed("t", 0, 20);
    for member in members {
        member.stop();
    }
    world.kafka.lift(fault);
    drop(dead);
    world.judge();
}

/// A member that is out of the group and does not know it yet.
#[test]
fn a_member_that_was_put_out_begins_anew_at_the_commit() {
    let world = World::with(&[("t", 2)]);
    world.fill("t", 2, 5);
    let reader = world.join("a");
    let taken = reader.take(4);
    reader.mark(&taken[1]);
    reader.consumer.commit_offsets().unwrap();
    let before = world.kafka.members(GROUP).remove(0).member_id;
    world.kafka.evict(GROUP, &before);
    let lost = reader.await_notification(NotificationType::RebalanceError, 1);
    assert_eq!(lost.released["t"], [0, 1]);
    assert!(lost.current.is_empty());
    reader.await_error(|e| e.code() == Some(ErrorCode::UNKNOWN_MEMBER_ID));
    reader.mark(&taken[3]);
    assert_eq!(reader.consumer.ignored().late, 1);
    let again = reader.await_claims(2);
    assert_eq!(again.claimed["t"], [0, 1]);
    assert!(!taken[3].is_current());
    reader.consume(8);
    reader.consumer.close().unwrap();
    world.judge();
}

/// Scenario 35: the data comes on, but the group coordinator is out of reach for longer than a session.
#[test]
fn without_the_group_coordinator_delivery_stops_within_the_session() {
    let world = World::with(&[("t", 2)]);
    let mut config = world.config();
    config.group.session.timeout = Duration::from_secs(2);
    config.group.heartbeat.interval = Duration::from_millis(100);
    let cut = Worker::start(world.start("a", "t", config.clone()));
    world.await_members(1);
    let other = Worker::start(world.start("b", "t", config));
    world.await_members(2);
    world.fill("t", 2, 10);
    world.await_committed("t", 0, 10);
    world.await_committed("t", 1, 10);

    // On a loaded machine the one must not be as late with its fence as the other with its claim.
    let late = Fault::on(ApiKey::JoinGroup).client_id("b");
    world.kafka.inject(late.delay(Duration::from_secs(1)));
    let of_the_group = [
        ApiKey::Heartbeat,
        ApiKey::OffsetCommit,
        ApiKey::OffsetFetch,
        ApiKey::JoinGroup,
        ApiKey::FindCoordinator,
    ];
    for api in of_the_group {
        let silenced = Fault::on(api).client_id("a").silence();
        world.kafka.inject(silenced);
    }
    world.fill("t", 2, 10);
    cut.reader
        .await_error(|e| *e.kind() == ErrorKind::SessionExpired);
    cut.reader
        .await_notification(NotificationType::RebalanceError, 1);
    assert!(cut.reader.consumer.subscriptions().is_empty());
    world.fill("t", 2, 10);
    world.await_committed("t", 0, 30);
    world.await_committed("t", 1, 30);
    world.kafka.lift_all();
    world.await_members(2);
    world.fill("t", 2, 10);
    world.await_committed("t", 0, 40);
    world.await_committed("t", 1, 40);
    cut.stop();
    other.stop();
    world.judge();
}

/// Messages that are in hand hold a rebalance up; marks go on being committed meanwhile.
#[test]
fn a_rebalance_waits_for_the_messages_in_hand() {
    let world = World::with(&[("t", 2)]);
    world.fill("t", 2, 4);
    let reader = world.join("a");
    let mut taken = reader.take(3);
    let other = Worker::start(world.join("b"));
    reader.await_notification(NotificationType::RebalanceStart, 2);
    let last = taken.pop().unwrap();
    for delivery in &taken {
        reader.mark(delivery);
    }
    let (topic, partition) = taken[1].place();
    world.await_committed(&topic, partition, taken[1].offset() + 1);
    world.await_more(ApiKey::Heartbeat, 5);
    assert_eq!(world.assignments().len(), 2);
    assert_eq!(
        world.kafka.generation(GROUP),
        1,
        "it waits for the last one"
    );
    reader.mark(&last);
    drop((taken, last));
    world.await_members(2);
    let reader = Worker::start(reader);
    world.await_committed("t", 0, 4);
    world.await_committed("t", 1, 4);
    reader.stop();
    other.stop();
    assert_eq!(world.repetitions(), 0);
    world.judge();
}
