//! Ways to an end.

use std::{
    thread,
    time::{Duration, Instant},
};

use sarama_cluster::{
    Client, CloseGuard, Closer, Consumer, ConsumerMessage, Error, ErrorCode, ErrorKind, Messages,
    NotificationType, OffsetStash, PartitionConsumer, Partitions,
    crossbeam_channel::{TryRecvError, bounded},
    testing::{ApiKey, Fault},
};

use crate::{
    reader::Next,
    worker::Worker,
    world::{PATIENCE, World},
};

/// A machine under load may need that much longer than a bound says. It is less than a close has by default.
const SLACK: Duration = Duration::from_secs(7);

/// Scenario 4: what was marked is committed, the rest comes to the next member.
#[test]
fn a_close_before_much_unread_loses_nothing() {
    let world = World::with(&[("t", 2)]);
    world.fill("t", 2, 5_000);
    let reader = world.join("a");
    reader.consume(60);
    let unmarked = reader.take(40);
    drop(unmarked);
    let began = Instant::now();
    reader.consumer.close().unwrap();
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
    let committed = |p| world.committed("t", p).unwrap_or(0);
    assert_eq!(committed(0) + committed(1), 60, "what was marked");
    let next = Worker::start(world.join("b"));
    world.await_committed("t", 0, 5_000);
    world.await_committed("t", 1, 5_000);
    next.stop();
    assert_eq!(world.repetitions(), 40);
    world.judge();
}

/// Scenario 5: at a close, a reader stops somewhere, and has missed nothing before.
#[test]
fn a_reader_that_races_the_close_sees_a_prefix_and_the_end() {
    const RACES: i64 = 12;
    let world = World::with(&[("t", 1)]);
    for race in 0..RACES {
        world.produce("t", 0, 500);
        let worker = Worker::start(world.join(&format!("a{race}")));
        world.await_committed("t", 0, race * 40 + 1);
        worker.reader.consumer.close().unwrap();
        worker.join();
    }
    let last = Worker::start(world.join("z"));
    world.await_committed("t", 0, RACES * 500);
    last.stop();
    world.judge();
}

/// Scenario 7: a join waits for the others.
#[test]
fn a_close_while_others_keep_the_join_waiting_leaves_the_group() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 3);
    let first = world.join("a");
    let held = first.recv();
    let joins = world.kafka.requests_seen(ApiKey::JoinGroup);
    let second = world.join("b");
    // The first one is answered MEMBER_ID_REQUIRED, the second one waits for the first member.
    world
        .kafka
        .await_requests(PATIENCE, ApiKey::JoinGroup, joins + 2);
    let began = Instant::now();
    second.consumer.close().unwrap();
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
    let left = |name: &str| {
        let requests = world.kafka.requests();
        requests
            .iter()
            .any(|r| r.api == ApiKey::LeaveGroup && r.client_id == name)
    };
    assert!(left("b"));
    first.mark(&held);
    drop(held);
    world.await_members(1);
    first.consume(2);
    first.consumer.close().unwrap();
    assert!(left("a"));
    world.judge();
}

/// Scenario 7: the answers to these do not come.
#[test]
fn a_close_during_a_join_or_a_sync_is_quick() {
    for (api, nth, is_known) in [
        (ApiKey::JoinGroup, 1, false),
        (ApiKey::JoinGroup, 2, true),
        (ApiKey::SyncGroup, 1, true),
        (ApiKey::FindCoordinator, 1, false),
    ] {
        let world = World::with(&[("t", 1)]);
        let kept = if nth == 1 {
            world.kafka.inject(Fault::on(api).hold());
            world.join("a")
        } else {
            // The first answer gives the member id and passes.
            let late = Fault::on(api).times(1).delay(Duration::from_millis(200));
            world.kafka.inject(late);
            let reader = world.join("a");
            world.kafka.await_requests(PATIENCE, api, 1);
            world.kafka.inject(Fault::on(api).hold());
            reader
        };
        world.kafka.await_requests(PATIENCE, api, nth);
        let began = Instant::now();
        kept.consumer.close().unwrap();
        assert!(began.elapsed() < SLACK, "{api}: {:?}", began.elapsed());
        let leaves = u64::from(is_known);
        world
            .kafka
            .await_requests(PATIENCE, ApiKey::LeaveGroup, leaves);
        let seen = world.kafka.requests_seen(ApiKey::LeaveGroup);
        assert_eq!(seen, leaves, "{api}");
    }
}

/// Scenario 8: the time and the outcome. `tests/resources.rs` counts what is left over.
#[test]
fn a_close_without_brokers_is_bounded_and_says_what_was_not_committed() {
    let world = World::with(&[("t", 1)]).incomplete();
    world.produce("t", 0, 3);
    let mut config = world.config();
    config.close_timeout = Duration::from_secs(1);
    config.consumer.offsets.commit_interval = Duration::from_secs(600);
    let reader = world.start("a", "t", config);
    reader.consume(2);
    world.kafka.stop_broker(1);
    let began = Instant::now();
    let error = reader.consumer.close().unwrap_err();
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
    assert_eq!(error.context(), "commit", "{error:?}");
    assert!(
        reader.consumer.error().is_none(),
        "it did not end by itself"
    );
    drop(reader);
    assert!(began.elapsed() < SLACK);
    world.judge();
}

/// Commits are due more often than it is looked for a group coordinator: the looks must not chase each other.
#[test]
fn a_close_without_a_coordinator_ends_however_often_commits_are_due() {
    let world = World::with(&[("t", 1)]).incomplete();
    world.produce("t", 0, 3);
    let mut config = world.config();
    config.close_timeout = Duration::from_secs(2);
    config.consumer.offsets.commit_interval = Duration::from_millis(5);
    let reader = world.start("a", "t", config);
    let message = reader.recv();
    world.kafka.stop_broker(1);
    reader.mark(&message);
    drop(message);
    let (tell, told) = bounded(1);
    // It owns the reader, so that a close that never returns ends the story all the same.
    thread::spawn(move || tell.send(reader.consumer.close()));
    let closed = told.recv_timeout(PATIENCE).expect("it returns");
    assert_eq!(closed.unwrap_err().context(), "commit");
    world.judge();
}

/// The broker is there, but says nothing more to commits.
#[test]
fn a_close_whose_commit_is_not_answered_says_so_and_leaves_the_group() {
    let world = World::with(&[("t", 1)]).incomplete();
    world.produce("t", 0, 3);
    let mut config = world.config();
    let close_timeout = Duration::from_secs(4);
    config.close_timeout = close_timeout;
    config.consumer.offsets.commit_interval = Duration::from_secs(600);
    let reader = world.start("a", "t", config);
    reader.consume(2);
    world.kafka.inject(Fault::on(ApiKey::OffsetCommit).hold());
    let began = Instant::now();
    let error = reader.consumer.close().unwrap_err();
    let took = began.elapsed();
    assert!(took < close_timeout + SLACK, "{took:?}");
    assert_eq!(error.context(), "commit", "{error:?}");
    world.kafka.await_requests(PATIENCE, ApiKey::LeaveGroup, 1);
    assert_eq!(world.kafka.requests_seen(ApiKey::LeaveGroup), 1);
    world.judge();
}

#[test]
fn a_close_without_brokers_and_without_marks_is_quick() {
    let world = World::with(&[("t", 1)]).incomplete();
    world.produce("t", 0, 3);
    let reader = world.join("a");
    reader.consume(3);
    reader.consumer.commit_offsets().unwrap();
    world.kafka.stop_broker(1);
    let began = Instant::now();
    reader.consumer.close().unwrap();
    // The LeaveGroup is tried for a while.
    assert!(began.elapsed() < Duration::from_secs(3) + SLACK);
    world.judge();
}

/// Scenario 9: both are told the same.
#[test]
fn a_close_from_two_threads_has_one_result() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 3);
    let reader = world.join("a");
    reader.consume(3);
    let results = thread::scope(|scope| {
        let closes = [(); 2].map(|()| scope.spawn(|| reader.consumer.close()));
        closes.map(|close| close.join().expect("it does not panic"))
    });
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(3));
    world.await_members(0);
    world.judge();
}

/// Scenario 9: the same, where there is something to complain about.
#[test]
fn a_failed_close_from_two_threads_fails_for_both_alike() {
    let world = World::with(&[("t", 1)]).incomplete();
    world.produce("t", 0, 1);
    let mut config = world.config();
    config.consumer.offsets.commit_interval = Duration::from_secs(600);
    let reader = world.start("a", "t", config);
    let refuse = Fault::on(ApiKey::OffsetCommit);
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    world.kafka.inject(refuse.error(code));
    reader.consume(1);
    let results = thread::scope(|scope| {
        let closes = [(); 2].map(|()| scope.spawn(|| reader.consumer.close()));
        closes.map(|close| close.join().expect("it does not panic"))
    });
    for result in results {
        assert_eq!(result.unwrap_err().code(), Some(code));
    }
    world.await_members(0);
}

#[test]
fn a_consumer_that_is_dropped_closes() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 3);
    let reader = world.join("a");
    reader.consume(3);
    drop(reader);
    world.await_members(0);
    assert_eq!(world.committed("t", 0), Some(3));
    world.judge();
}

/// Nothing is bound to the thread that made it.
#[test]
fn all_that_a_user_holds_can_go_to_any_thread() {
    fn goes<T: Send + Sync + 'static>() {}
    goes::<Consumer>();
    goes::<Client>();
    goes::<Closer>();
    goes::<CloseGuard>();
    goes::<Messages>();
    goes::<Partitions>();
    goes::<PartitionConsumer>();
    goes::<ConsumerMessage>();
    goes::<OffsetStash>();
    goes::<Error>();
}

/// As a handler of ctrl-c would.
#[test]
fn a_closer_ends_the_loop_from_another_thread() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 3);
    let worker = Worker::start(world.join("a"));
    world.await_committed("t", 0, 3);
    let closer = worker.reader.consumer.closer();
    assert!(!closer.is_closed());
    let handler = thread::spawn(move || {
        closer.signal();
        closer
    });
    let closer = handler.join().unwrap();
    worker.join();
    closer.close().unwrap();
    assert!(closer.is_closed());
    world.await_members(0);
    world.judge();
}

#[test]
fn a_close_waits_for_a_message_in_hand_no_longer_than_the_dwell_time() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 1);
    let mut config = world.config();
    config.group.offsets.synchronization.dwell_time = Duration::from_secs(600);
    let reader = world.start("a", "t", config.clone());
    let held = reader.recv();
    thread::scope(|scope| {
        let close = scope.spawn(|| reader.consumer.close());
        held.await_end();
        reader.mark(&held);
        close.join().expect("it does not panic").unwrap();
    });
    assert_eq!(world.committed("t", 0), Some(1), "the mark came in time");
    drop(held);
    world.produce("t", 0, 1);

    config.group.offsets.synchronization.dwell_time = Duration::from_millis(200);
    let reader = world.start("b", "t", config);
    let held = reader.recv();
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(1));
    reader.mark(&held);
    assert_eq!(reader.consumer.ignored().late, 1);
    let last = world.join("c");
    last.consume(1);
    last.consumer.close().unwrap();
    world.judge();
}

#[test]
fn all_channels_end_with_a_close() {
    let world = World::with(&[("t", 1)]);
    let reader = world.join("a");
    reader.await_claims(1);
    reader.consumer.close().unwrap();
    let consumer = &reader.consumer;
    reader.notifications();
    let ended = TryRecvError::Disconnected;
    assert_eq!(consumer.messages().try_recv().unwrap_err(), ended);
    assert_eq!(consumer.partitions().try_recv().unwrap_err(), ended);
    assert_eq!(consumer.errors().try_recv().unwrap_err(), ended);
    assert_eq!(consumer.notifications().try_recv().unwrap_err(), ended);
    assert!(consumer.subscriptions().is_empty());
    let late = consumer.commit_offsets().unwrap_err();
    assert_eq!(*late.kind(), ErrorKind::Closed);
}

#[test]
fn a_fatal_error_ends_the_loop_and_says_why() {
    let world = World::with(&[("t", 1)]).incomplete();
    world.produce("t", 0, 1);
    let code = ErrorCode::GROUP_AUTHORIZATION_FAILED;
    let reader = world.join("a");
    reader.consume(1);
    world.kafka.inject(Fault::on(ApiKey::Heartbeat).error(code));
    assert!(matches!(reader.next(None, PATIENCE), Next::Closed));
    let cause = reader.consumer.error().expect("it ended by itself");
    assert_eq!(cause.code(), Some(code));
    let closed = reader.consumer.close().unwrap_err();
    assert_eq!(closed.code(), Some(code));
    assert!(reader.errors().iter().any(|e| e.code() == Some(code)));
    let lost = reader.notifications().pop().expect("there were some");
    assert_eq!(lost.kind, NotificationType::RebalanceError);
    world.judge();
}

#[test]
fn a_close_before_the_first_join_is_quick() {
    let world = World::with(&[("t", 1)]);
    let began = Instant::now();
    for _ in 0..5 {
        world.join("a").consumer.close().unwrap();
    }
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
}
