//! What is committed, when, and who is told.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use sarama_cluster::{
    Consumer, ErrorCode, ErrorKind, NotificationType, Result,
    testing::{ApiKey, Fault},
};

use crate::{
    reader::Reader,
    worker::Worker,
    world::{GROUP, PATIENCE, World},
};

/// Scenario 10: no commit goes back, and nobody joins more often than needed.
#[test]
fn commits_from_four_threads_while_members_come_and_go() {
    const CYCLES: u64 = 5;
    let world = World::with(&[("t", 4)]);
    let worker = Worker::start(world.join("a"));
    world.await_members(1);
    let joins = world.kafka.requests_seen(ApiKey::JoinGroup);
    let done = AtomicBool::new(false);
    let consumer = &worker.reader.consumer;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if let Err(error) = consumer.commit_offsets() {
                        assert_eq!(*error.kind(), ErrorKind::RebalanceInProgress, "{error:?}");
                    }
                }
            });
        }
        for cycle in 0..CYCLES {
            world.fill("t", 4, 50);
            let other = Worker::start(world.join(&format!("b{cycle}")));
            world.await_members(2);
            world.fill("t", 4, 50);
            other.stop();
            world.await_members(1);
        }
        done.store(true, Ordering::Relaxed);
    });
    // Each cycle: two of the member that comes, and two of the one that stays; with room for joins
    // that cross a rebalance.
    let joins = world.kafka.requests_seen(ApiKey::JoinGroup) - joins;
    assert!(joins <= CYCLES * 6, "{joins} joins are a storm");
    for partition in 0..4 {
        world.await_committed("t", partition, CYCLES as i64 * 100);
    }
    worker.stop();
    world.judge();
}

/// Scenario 29: records come between the first join and the second.
#[test]
fn a_group_at_newest_that_is_rebalanced_before_its_first_mark_skips_nothing() {
    let world = World::with(&[("t", 2)]).newest();
    world.fill("t", 2, 5);
    let first = world.join("a");
    world.await_committed("t", 0, 5);
    world.await_committed("t", 1, 5);
    world.fill("t", 2, 3);
    let second = world.join("b");
    let (first, second) = (Worker::start(first), Worker::start(second));
    world.await_members(2);
    world.fill("t", 2, 3);
    world.await_committed("t", 0, 11);
    world.await_committed("t", 1, 11);
    first.stop();
    second.stop();
    world.judge();
}

/// Scenario 29: the group has a place before anything can come between.
#[test]
fn a_start_is_committed_at_once_however_rare_commits_are() {
    let world = World::with(&[("t", 2)]).newest();
    world.fill("t", 2, 5);
    let mut config = world.config();
    config.consumer.offsets.commit_interval = Duration::from_secs(600);
    let reader = world.start("a", "t", config);
    world.await_committed("t", 0, 5);
    world.await_committed("t", 1, 5);
    world.fill("t", 2, 1);
    reader.consume(2);
    reader.consumer.close().unwrap();
    world.judge();
}

/// Scenario 29: a group coordinator that has just started may not know the topic yet.
#[test]
fn a_start_is_committed_though_the_group_coordinator_does_not_know_the_topic_yet() {
    // The second one where topics go by their ids, since 4.1.
    for unknown in [
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::UNKNOWN_TOPIC_ID,
    ] {
        let world = World::with(&[("t", 1)]).newest();
        world.produce("t", 0, 5);
        let refusal = Fault::on(ApiKey::OffsetCommit).times(3).error(unknown);
        world.kafka.inject(refusal);
        let reader = world.join("a");
        world.await_committed("t", 0, 5);
        let errors = reader.errors();
        let is_told = errors.iter().filter(|e| e.code() == Some(unknown)).count();
        assert_eq!(is_told, 1, "{errors:?}");
        world.produce("t", 0, 1);
        reader.consume(1);
        reader.consumer.close().unwrap();
        world.judge();
    }
}

/// Scenario 29: the same, where nothing but the switch has changed.
#[test]
fn without_the_switch_a_start_is_not_committed() {
    let world = World::with(&[("t", 1)]).newest();
    world.produce("t", 0, 5);
    let mut config = world.config();
    config.consumer.offsets.commit_start = false;
    let first = world.start("a", "t", config.clone());
    first.await_claims(1);
    first.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), None);
    world.produce("t", 0, 5);
    let second = world.start("b", "t", config);
    // Only what comes now is read: the group never had a place before.
    world.kafka.await_until(PATIENCE, |cluster| {
        let mut seen = cluster.requests();
        seen.any(|request| request.api == ApiKey::Fetch && request.client_id == "b")
    });
    world.produce("t", 0, 1);
    let delivery = second.recv();
    assert_eq!(delivery.offset(), 10);
    second.mark(&delivery);
    second.consumer.close().unwrap();
    world.judge();
}

#[test]
fn the_start_is_committed_only_without_a_commit() {
    let world = World::with(&[("t", 2)]);
    world.kafka.commit(GROUP, "t", 0, 0, "a word");
    let reader = world.join("a");
    world.await_committed("t", 1, 0);
    reader.consumer.close().unwrap();
    let commits = world.kafka.commits(GROUP);
    let mut of_member = commits.iter().filter(|seen| seen.client_id == "a");
    assert!(of_member.all(|seen| seen.partition == 1), "{commits:?}");
    assert_eq!(
        world.kafka.committed(GROUP, "t", 0),
        Some((0, "a word".to_owned()))
    );
    world.judge();
}

fn by_hand(world: &World) -> sarama_cluster::Config {
    let mut config = world.config();
    config.consumer.offsets.auto_commit.enable = false;
    config
}

#[test]
fn without_auto_commit_only_explicit_commits_happen() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 9);
    let reader = world.start("a", "t", by_hand(&world));
    reader.consume(3);
    reader.consumer.commit_offsets().unwrap();
    assert_eq!(world.committed("t", 0), Some(3));
    reader.consume(3);
    let other = world.start("b", "t", by_hand(&world));
    world.await_members(2);
    other.consumer.close().unwrap();
    // Alone, with the other, and alone again.
    reader.await_notification(NotificationType::RebalanceOk, 3);
    assert_eq!(world.committed("t", 0), Some(3), "not at a rebalance");
    reader.consume(6);
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(3), "not at the close");
    assert_eq!(world.kafka.commits(GROUP).len(), 1);
    world.judge();
}

/// A rebalance begins while messages are in hand: who commits by hand has the time to do it.
#[test]
fn without_auto_commit_a_commit_by_hand_is_possible_during_a_rebalance() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 3);
    let mut config = by_hand(&world);
    config.group.offsets.synchronization.dwell_time = Duration::from_secs(2);
    let reader = world.start("a", "t", config);
    let taken = reader.take(3);
    let other = world.start("b", "t", by_hand(&world));
    reader.await_notification(NotificationType::RebalanceStart, 2);
    reader.mark(&taken[2]);
    reader.consumer.commit_offsets().unwrap();
    assert_eq!(world.committed("t", 0), Some(3));
    drop(taken);
    world.await_members(2);
    other.consumer.close().unwrap();
    reader.consumer.close().unwrap();
    world.judge();
}

/// The group coordinator says nothing more to a commit, and the group waits no longer: the next join is
/// not kept waiting by it, and who has asked is not told that all is well.
#[test]
fn a_commit_without_an_answer_delays_no_join_and_fails() {
    for auto_commit in [true, false] {
        let world = World::with(&[("t", 1)]);
        world.produce("t", 0, 3);
        let mut config = world.config();
        config.group.rebalance.timeout = Duration::from_secs(6);
        // Who commits by hand has time to ask for it.
        config.group.offsets.synchronization.dwell_time = Duration::from_secs(2);
        config.consumer.offsets.auto_commit.enable = auto_commit;
        config.consumer.offsets.commit_interval = Duration::from_secs(600);
        config.consumer.offsets.commit_start = false;
        let reader = world.start("a", "t", config);
        reader.consume(1);
        let member = world.kafka.members(GROUP).remove(0).member_id;
        let held = world.kafka.inject(Fault::on(ApiKey::OffsetCommit).hold());
        let other = world.join("b");
        thread::scope(|scope| {
            reader.await_notification(NotificationType::RebalanceStart, 2);
            let commit = scope.spawn(|| reader.consumer.commit_offsets());
            let error = commit.join().unwrap().unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::RebalanceInProgress, "{error:?}");
        });
        world.await_members(2);
        let members = world.kafka.members(GROUP);
        let stays = members.iter().any(|m| m.member_id == member);
        assert!(stays, "it was not too late to stay: {members:?}");
        world.kafka.lift(held);
        let (reader, other) = (Worker::start(reader), Worker::start(other));
        world.produce("t", 0, 1);
        world.await_deliveries(4);
        reader.stop();
        other.stop();
        world.judge();
    }
}

#[test]
fn nothing_to_commit_is_committed_at_once() {
    let world = World::with(&[("t", 1)]);
    let held = world.kafka.inject(Fault::on(ApiKey::JoinGroup).hold());
    let reader = world.join("a");
    world.kafka.await_requests(PATIENCE, ApiKey::JoinGroup, 1);
    reader.consumer.commit_offsets().unwrap();
    world.kafka.lift(held);
    world.await_committed("t", 0, 0);
    let commits = world.kafka.requests_seen(ApiKey::OffsetCommit);
    reader.consumer.commit_offsets().unwrap();
    assert_eq!(world.kafka.requests_seen(ApiKey::OffsetCommit), commits);
}

/// Its partitions have been released meanwhile, with marks that were not committed.
#[test]
fn who_commits_by_hand_too_late_for_a_rebalance_is_told() {
    let world = World::with(&[("t", 1)]).incomplete();
    world.produce("t", 0, 1);
    let reader = world.start("a", "t", by_hand(&world));
    reader.consume(1);
    let other = world.join("b");
    world.await_members(2);
    reader.await_notification(NotificationType::RebalanceOk, 2);
    let error = reader.consumer.commit_offsets().unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::RebalanceInProgress);
    reader.consumer.commit_offsets().expect("that was told");
    assert_eq!(world.committed("t", 0), None);
    drop(other);
    world.judge();
}

#[test]
fn while_the_group_coordinator_is_looked_for_a_commit_waits_for_it() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 1);
    let reader = world.start("a", "t", by_hand(&world));
    let delivery = reader.recv();
    let unknown = Fault::on(ApiKey::FindCoordinator);
    let unknown = world
        .kafka
        .inject(unknown.error(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    let moved = Fault::on(ApiKey::Heartbeat).times(1);
    world.kafka.inject(moved.error(ErrorCode::NOT_COORDINATOR));
    let asked = world.kafka.requests_seen(ApiKey::FindCoordinator);
    world
        .kafka
        .await_requests(PATIENCE, ApiKey::FindCoordinator, asked + 1);
    reader.mark(&delivery);
    thread::scope(|scope| {
        let commit = scope.spawn(|| reader.consumer.commit_offsets());
        world
            .kafka
            .await_requests(PATIENCE, ApiKey::FindCoordinator, asked + 3);
        assert!(!commit.is_finished());
        world.kafka.lift(unknown);
        commit.join().unwrap().unwrap();
    });
    assert_eq!(world.committed("t", 0), Some(1));
    world.judge();
}

/// It has waited for the group coordinator as long as it may.
#[test]
fn who_asks_for_a_commit_while_a_close_waits_for_the_group_coordinator_is_told_when_that_is_over() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 1);
    let mut config = world.config();
    config.consumer.offsets.commit_interval = Duration::from_secs(600);
    config.close_timeout = Duration::from_secs(2);
    let reader = world.start("a", "t", config);
    reader.consume(1);
    let unknown = Fault::on(ApiKey::FindCoordinator);
    world
        .kafka
        .inject(unknown.error(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    let moved = Fault::on(ApiKey::Heartbeat).times(1);
    world.kafka.inject(moved.error(ErrorCode::NOT_COORDINATOR));
    world.await_more(ApiKey::FindCoordinator, 1);
    let too_long = ErrorKind::Timeout(Duration::from_secs(2));
    thread::scope(|scope| {
        let commit = scope.spawn(|| reader.consumer.commit_offsets());
        let error = reader.consumer.close().unwrap_err();
        assert_eq!(*error.kind(), too_long);
        let error = commit.join().unwrap().unwrap_err();
        assert_eq!(*error.kind(), too_long);
    });
}

/// While one commit is on its way more marks come, and more who want them committed.
#[test]
fn those_who_commit_at_the_same_time_share_a_commit() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 2);
    let reader = world.start("a", "t", by_hand(&world));
    reader.consume(1);
    let held = world.kafka.inject(Fault::on(ApiKey::OffsetCommit).hold());
    let commit = |consumer: &Consumer| consumer.commit_offsets();
    thread::scope(|scope| {
        let first = scope.spawn(|| commit(&reader.consumer));
        world
            .kafka
            .await_requests(PATIENCE, ApiKey::OffsetCommit, 1);
        reader.consume(1);
        let others = [(); 4].map(|()| scope.spawn(|| commit(&reader.consumer)));
        world.kafka.lift(held);
        let results: Vec<Result<()>> = [first]
            .into_iter()
            .chain(others)
            .map(|commit| commit.join().unwrap())
            .collect();
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    });
    assert_eq!(world.committed("t", 0), Some(2));
    assert_eq!(world.kafka.requests_seen(ApiKey::OffsetCommit), 2);
    world.judge();
}

/// Each partition has a word of 4 KiB. Brokers refuse all of a commit that is larger than a message may be.
#[test]
fn a_commit_of_more_than_fits_a_message_is_made_in_parts() {
    const PARTITIONS: i32 = 300;
    let world = World::with(&[("t", PARTITIONS)]);
    world.fill("t", PARTITIONS, 1);
    let bootstrap = world.kafka.bootstrap();
    let consumer = Consumer::new(bootstrap, GROUP, "t", by_hand(&world)).unwrap();
    let word = "x".repeat(4_096);
    for _ in 0..PARTITIONS {
        let message = consumer.messages().recv_timeout(PATIENCE).unwrap();
        consumer.mark_offset(&message, &word);
    }
    consumer.commit_offsets().unwrap();
    for partition in 0..PARTITIONS {
        assert_eq!(world.committed("t", partition), Some(1));
    }
    consumer.close().unwrap();
}

#[test]
fn a_commit_that_fails_for_a_while_is_tried_again() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 1);
    let reader = world.start("a", "t", by_hand(&world));
    reader.consume(1);
    let loading = Fault::on(ApiKey::OffsetCommit).times(2);
    world
        .kafka
        .inject(loading.error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    reader.consumer.commit_offsets().unwrap();
    assert_eq!(world.committed("t", 0), Some(1));
    let loading = Fault::on(ApiKey::OffsetCommit);
    let loading = world
        .kafka
        .inject(loading.error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    world.produce("t", 0, 1);
    reader.consume(1);
    let error = reader.consumer.commit_offsets().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    assert_eq!(error.api(), Some("OffsetCommit"));
    world.kafka.lift(loading);
    reader.consumer.commit_offsets().unwrap();
    assert_eq!(world.committed("t", 0), Some(2));
    world.judge();
}

#[test]
fn a_commit_whose_answer_is_lost_is_made_again() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 2);
    let reader = world.start("a", "t", by_hand(&world));
    reader.consume(2);
    let lost = Fault::on(ApiKey::OffsetCommit).times(1);
    world.kafka.inject(lost.drop_after());
    reader.consumer.commit_offsets().unwrap();
    assert_eq!(world.committed("t", 0), Some(2));
    assert!(world.kafka.requests_seen(ApiKey::OffsetCommit) >= 2);
    world.judge();
}

#[test]
fn one_partition_that_refuses_a_commit_is_reported_once_and_holds_up_no_other() {
    let world = World::with(&[("t", 2)]);
    world.fill("t", 2, 2);
    let reader = world.join("a");
    let taken = reader.take(4);
    let too_long = "x".repeat(5000);
    // One mark for each partition: no commit comes between two of them.
    for (partition, metadata) in [(0, too_long.as_str()), (1, "")] {
        let mut of_partition = taken.iter().rev().filter(|d| d.partition() == partition);
        reader.mark_with(of_partition.next().expect("there are two"), metadata);
    }
    let error = reader.await_error(|e| e.code() == Some(ErrorCode::OFFSET_METADATA_TOO_LARGE));
    assert_eq!((error.topic(), error.partition()), (Some("t"), Some(0)));
    world.await_committed("t", 1, 2);
    for offset in 2..8 {
        world.produce("t", 1, 1);
        reader.consume(1);
        world.await_committed("t", 1, offset + 1);
    }
    let refusals = || {
        let errors = reader.errors();
        let refused =
            |e: &&sarama_cluster::Error| e.code() == Some(ErrorCode::OFFSET_METADATA_TOO_LARGE);
        errors.iter().filter(refused).count()
    };
    assert_eq!(refusals(), 1, "{:?}", reader.errors());
    assert!(world.committed("t", 0) <= Some(0), "the start at most");
    let told = reader.consumer.commit_offsets().unwrap_err();
    assert_eq!(told.partition(), Some(0), "{told:?}");
    world.produce("t", 0, 1);
    reader.consume(1);
    world.await_committed("t", 0, 3);
    assert_eq!(refusals(), 1);
    reader.consumer.close().unwrap();
    world.judge();
}

#[test]
fn a_close_tells_of_the_partition_that_refuses_whatever_else_was_committed() {
    let world = World::with(&[("t", 2)]).incomplete();
    world.fill("t", 2, 1);
    let reader = world.join("a");
    for delivery in reader.take(2) {
        let metadata = match delivery.partition() {
            0 => "x".repeat(5000),
            _ => String::new(),
        };
        reader.mark_with(&delivery, &metadata);
    }
    let refused = Some(ErrorCode::OFFSET_METADATA_TOO_LARGE);
    reader.await_error(|e| e.code() == refused);
    world.produce("t", 1, 1);
    reader.consume(1);
    world.await_committed("t", 1, 2);
    let error = reader.consumer.close().unwrap_err();
    assert_eq!((error.code(), error.partition()), (refused, Some(0)));
    world.judge();
}

#[test]
fn a_commit_by_hand_is_told_of_the_partition_that_refuses() {
    let world = World::with(&[("t", 2)]);
    world.fill("t", 2, 1);
    let reader = world.start("a", "t", by_hand(&world));
    for delivery in reader.take(2) {
        reader.mark(&delivery);
    }
    let refuse = Fault::on(ApiKey::OffsetCommit).partition("t", 1);
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    world.kafka.inject(refuse.error(code));
    let error = reader.consumer.commit_offsets().unwrap_err();
    assert_eq!(error.code(), Some(code));
    assert_eq!(error.partition(), Some(1));
    assert_eq!(world.committed("t", 0), Some(1));
    world.judge();
}

#[test]
fn the_metadata_of_a_mark_reaches_the_next_owner() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 3);
    let first = world.join("a");
    let taken = first.take(2);
    first.mark_with(&taken[0], "one");
    first.mark_with(&taken[1], "two");
    drop(taken);
    first.consumer.close().unwrap();
    assert_eq!(
        world.kafka.committed(GROUP, "t", 0),
        Some((2, "two".to_owned()))
    );
    let second = world.start("b", "t", world.partition_config());
    let handle = second.handle();
    assert_eq!(handle.part.initial_metadata(), "two");
    assert_eq!(handle.part.initial_offset(), 2);
    handle.consume(1);
    drop(handle);
    second.consumer.close().unwrap();
    assert_eq!(
        world.kafka.committed(GROUP, "t", 0),
        Some((3, String::new()))
    );
    world.judge();
}

/// What was marked is committed in the background.
#[test]
fn marks_are_committed_at_intervals() {
    let world = World::with(&[("t", 1)]);
    let reader: Reader = world.join("a");
    for offset in 0..5 {
        world.produce("t", 0, 1);
        reader.consume(1);
        world.await_committed("t", 0, offset + 1);
    }
    world.judge();
}

/// Brokers before 2.1 drop old commits also where the group is alive.
#[test]
fn a_commit_is_renewed_where_nothing_comes() {
    let world = World::with(&[("t", 2)]);
    world.kafka.commit(GROUP, "t", 0, 0, "a word");
    let mut config = world.config();
    config.consumer.offsets.retention = Some(Duration::from_millis(400));
    let reader = world.start("a", "t", config);
    world.kafka.await_until(PATIENCE, |cluster| {
        let of = |partition| {
            let commits = cluster.commits();
            commits
                .filter(|c| c.client_id == "a" && c.partition == partition)
                .count()
        };
        of(0) >= 3 && of(1) >= 3
    });
    reader.consumer.close().unwrap();
    let commits = world.kafka.commits(GROUP);
    assert!(commits.iter().all(|c| c.offset == 0), "{commits:?}");
    let of_another = world.kafka.committed(GROUP, "t", 0);
    assert_eq!(of_another, Some((0, "a word".to_owned())));
    world.judge();
}

#[test]
fn no_close_waits_for_a_commit_to_be_renewed() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 1);
    let mut config = world.config();
    config.consumer.offsets.retention = Some(Duration::from_millis(8));
    config.consumer.offsets.commit_interval = Duration::from_secs(600);
    config.close_timeout = Duration::from_secs(2);
    let reader = world.start("a", "t", config);
    reader.consume(1);
    reader.consumer.commit_offsets().unwrap();
    // The commit grows old.
    world.await_more(ApiKey::Heartbeat, 2);
    world.kafka.stop_broker(1);
    reader.consumer.close().expect("all is committed");
    world.judge();
}

#[test]
fn a_start_that_nobody_wants_committed_is_not_renewed() {
    let world = World::with(&[("t", 1)]);
    let mut config = world.config();
    config.consumer.offsets.commit_start = false;
    config.consumer.offsets.retention = Some(Duration::from_millis(8));
    let reader = world.start("a", "t", config);
    reader.await_claims(1);
    world.await_more(ApiKey::Heartbeat, 5);
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), None);
    world.judge();
}
