//! Partition mode: one handle for each claim.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use sarama_cluster::{
    Config, ErrorCode, ErrorKind, NotificationType,
    crossbeam_channel::TryRecvError,
    testing::{ApiKey, Fault, GroupState},
};

use crate::{
    reader::{Next, Reader},
    world::{GROUP, PATIENCE, World},
};

/// One partition with so many records, and its first reader.
fn one_partition(records: i64) -> (World, Reader) {
    one_partition_with(records, |_| ())
}

/// The same, where the reader is configured so.
fn one_partition_with(records: i64, configure: impl FnOnce(&mut Config)) -> (World, Reader) {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, records);
    let mut config = world.partition_config();
    configure(&mut config);
    let reader = world.start("a", "t", config);
    (world, reader)
}

/// So much time that something would have happened, in heartbeats of 50 ms.
fn some_time(world: &World) {
    world.await_more(ApiKey::Heartbeat, 6);
}

#[test]
fn each_partition_comes_with_its_own_handle() {
    let world = World::with(&[("t", 3)]);
    world.fill("t", 3, 10);
    let reader = world.start("a", "t", world.partition_config());
    let handles = reader.handles(3);
    let places: Vec<i32> = handles.iter().map(|h| h.part.partition()).collect();
    assert_eq!(places, [0, 1, 2]);
    thread::scope(|scope| {
        for handle in handles {
            scope.spawn(move || {
                handle.consume_all();
                assert_eq!(handle.part.high_water_mark_offset(), 10);
            });
        }
        for partition in 0..3 {
            world.await_committed("t", partition, 10);
        }
        let marks = &reader.consumer.high_water_marks()["t"];
        assert_eq!(marks.values().copied().collect::<Vec<_>>(), [10, 10, 10]);
        reader.consumer.close().unwrap();
    });
    assert!(reader.next_handle(PATIENCE).is_none(), "it is closed");
    world.judge();
}

#[test]
fn a_rebalance_ends_the_handles_and_brings_new_ones() {
    let world = World::with(&[("t", 2)]);
    world.fill("t", 2, 10);
    let first = world.start("a", "t", world.partition_config());
    let handles = first.handles(2);
    handles[0].consume(4);
    handles[1].consume(6);
    let second = world.start("b", "t", world.partition_config());
    for handle in handles {
        // What is in the channel is passed over; what comes before the rebalance is worked on.
        handle.consume_all();
        let end = handle.part.messages().try_recv().unwrap_err();
        assert_eq!(end, TryRecvError::Disconnected);
    }
    let (one, other) = (first.handle(), second.handle());
    assert_ne!(one.part.partition(), other.part.partition());
    for handle in [&one, &other] {
        let start = handle.part.initial_offset();
        assert!(start >= if handle.part.partition() == 0 { 4 } else { 6 });
        handle.consume(10 - start as usize);
    }
    drop((one, other));
    first.consumer.close().unwrap();
    second.consumer.close().unwrap();
    assert_eq!(world.repetitions(), 0);
    world.judge();
}

#[test]
fn a_handle_that_is_dropped_is_offered_again_from_the_last_mark() {
    let (world, reader) = one_partition(10);
    let handle = reader.handle();
    handle.consume(3);
    let unmarked = handle.recv();
    drop(unmarked);
    drop(handle);
    let again = reader.handle();
    assert_eq!(again.part.initial_offset(), 3);
    again.consume(7);
    assert_eq!(world.kafka.generation(GROUP), 1);
    world.await_committed("t", 0, 10);
    assert!(reader.errors().is_empty(), "{:?}", reader.errors());
    world.judge();
}

/// The new claim commits where it starts, though that is what the one before had committed before its last commit.
#[test]
fn a_reset_before_a_handle_is_dropped_undoes_the_commit_on_its_way() {
    let (world, reader) = one_partition(5);
    let handle = reader.handle();
    handle.consume(2);
    world.await_committed("t", 0, 2);
    let rest: Vec<_> = (2..5).map(|_| handle.recv()).collect();
    let held = world.kafka.inject(Fault::on(ApiKey::OffsetCommit).hold());
    handle.mark(&rest[2]);
    world.await_committed("t", 0, 5);
    handle.reset(1, "");
    drop(rest);
    drop(handle);
    let again = reader.handle();
    assert_eq!(again.part.initial_offset(), 2);
    world.kafka.lift(held);
    world.kafka.await_until(PATIENCE, |cluster| {
        let committed = cluster.committed(GROUP, "t", 0);
        committed.is_some_and(|(offset, _)| offset == 2)
    });
    again.consume(3);
    world.await_committed("t", 0, 5);
    world.judge();
}

#[test]
fn a_dropped_handle_is_not_offered_again_while_a_message_is_in_hand() {
    let (world, reader) = one_partition(4);
    let handle = reader.handle();
    let held = handle.recv();
    let detached = held.detach();
    drop(held);
    drop(handle);
    some_time(&world);
    assert!(reader.consumer.partitions().try_recv().is_err());
    drop(detached);
    let again = reader.handle();
    assert_eq!(again.part.initial_offset(), 0);

    let held = again.recv();
    drop(again);
    some_time(&world);
    assert!(reader.consumer.partitions().try_recv().is_err());
    reader.mark(&held);
    let third = reader.handle();
    assert_eq!(
        third.part.initial_offset(),
        1,
        "a mark is as good as a drop"
    );
    third.consume(3);
    world.judge();
}

/// Scenario 30: in partition mode.
#[test]
fn a_handle_dropped_by_a_panic_is_reported_and_offered_again() {
    let (world, reader) = one_partition(5);
    let handle = reader.handle();
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _message = handle.recv();
        panic!("in the handler, on purpose");
    }));
    panicked.unwrap_err();
    let error = reader.await_error(|e| *e.kind() == ErrorKind::HandlerPanicked);
    assert_eq!((error.topic(), error.partition()), (Some("t"), Some(0)));
    let again = reader.handle();
    assert_eq!(again.part.initial_offset(), 0);
    assert!(
        world.committed("t", 0) <= Some(0),
        "nothing beyond the start"
    );
    again.consume(5);
    world.await_committed("t", 0, 5);
    world.judge();
}

#[test]
fn a_handle_that_is_closed_comes_back_with_the_next_generation_only() {
    let world = World::with(&[("t", 2)]);
    world.fill("t", 2, 4);
    let reader = world.start("a", "t", world.partition_config());
    let mut handles = reader.handles(2);
    let closed = handles.remove(0);
    let held = closed.recv();
    closed.part.close().unwrap();
    assert!(matches!(closed.next(PATIENCE), Next::Closed));
    closed.mark(&held);
    world.await_committed("t", 0, 1);
    drop((held, closed));
    handles[0].consume(4);
    some_time(&world);
    assert!(reader.consumer.partitions().try_recv().is_err());

    let other = world.start("b", "t", world.partition_config());
    world.await_members(2);
    let (one, two) = (reader.handle(), other.handle());
    for handle in [&one, &two] {
        if handle.part.partition() == 0 {
            assert_eq!(handle.part.initial_offset(), 1);
            handle.consume(3);
        }
    }
    world.judge();
}

/// One partition with four records, and a reader with a long dwell time.
fn patient() -> (World, Reader) {
    let long = Duration::from_secs(60);
    one_partition_with(4, |config| {
        config.group.offsets.synchronization.dwell_time = long;
    })
}

/// Both are members soon, and the one that is given the partition reads it from there to the end.
fn shared_from(world: &World, a: &Reader, b: &Reader, start: i64) {
    world.await_members(2);
    let owner = match world.assignments()["a"].is_empty() {
        true => b,
        false => a,
    };
    let handle = owner.handle();
    assert_eq!(handle.part.initial_offset(), start);
    handle.consume(4 - start as usize);
    world.judge();
}

#[test]
fn a_dropped_handle_waives_the_dwell_time() {
    let (world, reader) = patient();
    let handle = reader.handle();
    handle.consume(1);
    let unmarked = handle.recv();
    let other = world.start("b", "t", world.partition_config());
    // The handle goes during the release: a mark could still come, but not from here.
    unmarked.await_end();
    drop(unmarked);
    drop(handle);
    shared_from(&world, &reader, &other, 1);
}

/// It can still mark what was dropped.
#[test]
fn a_closed_handle_waives_nothing_while_it_is_there() {
    let (world, reader) = patient();
    let handle = reader.handle();
    handle.consume(1);
    drop(handle.recv());
    handle.part.close().unwrap();
    let other = world.start("b", "t", world.partition_config());
    world.kafka.await_until(PATIENCE, |kafka| {
        kafka.group_state(GROUP) == GroupState::PreparingRebalance
    });
    some_time(&world);
    handle.mark_offset(1, "");
    drop(handle);
    shared_from(&world, &reader, &other, 2);
}

#[test]
fn a_handle_that_pauses_gets_nothing_and_keeps_its_claim() {
    let world = World::with(&[("t", 2)]);
    world.fill("t", 2, 50);
    let mut config = world.partition_config();
    config.channel_buffer_size = Some(4);
    let reader = world.start("a", "t", config);
    let handles = reader.handles(2);
    let [paused, flowing] = &handles[..] else {
        panic!("there are two")
    };
    paused.consume(1);
    paused.part.pause();
    assert!(paused.part.is_paused());
    // When the others are through, all that was on its way to the paused one has come.
    flowing.consume(50);
    some_time(&world);
    let mut left = 0;
    while let Some(message) = paused.try_recv() {
        paused.mark(&message);
        left += 1;
    }
    assert!(left <= 4, "{left} messages were in a channel for 4");
    world.produce("t", 0, 10);
    world.produce("t", 1, 10);
    flowing.consume(10);
    assert!(paused.try_recv().is_none());
    assert_eq!(reader.consumer.subscriptions()["t"], [0, 1]);
    assert_eq!(world.kafka.generation(GROUP), 1);
    paused.part.resume();
    assert!(!paused.part.is_paused());
    paused.consume(60 - 1 - left);
    world.await_committed("t", 0, 60);
    world.judge();
}

#[test]
fn handles_that_nobody_takes_do_not_pile_up() {
    const LOSSES: usize = 5;
    let world = World::with(&[("t", 3)]);
    world.fill("t", 3, 2);
    let reader = world.start("a", "t", world.partition_config());
    reader.await_claims(3);
    for loss in 1..=LOSSES {
        let member = world.kafka.members(GROUP).remove(0);
        world.kafka.evict(GROUP, &member.member_id);
        reader.await_notification(NotificationType::RebalanceOk, loss + 1);
        assert!(reader.consumer.partitions().len() <= 1);
    }
    let handles = reader.handles(3);
    let places: Vec<i32> = handles.iter().map(|h| h.part.partition()).collect();
    assert_eq!(places, [0, 1, 2]);
    for handle in &handles {
        handle.consume(2);
    }
    some_time(&world);
    assert!(reader.consumer.partitions().try_recv().is_err());
    world.judge();
}

#[test]
fn the_errors_of_a_claim_go_to_its_handle() {
    let world = World::with(&[("t", 2)]);
    world.fill("t", 2, 3);
    let reader = world.start("a", "t", world.partition_config());
    let handles = reader.handles(2);
    for handle in &handles {
        handle.consume(3);
    }
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let fault = Fault::on(ApiKey::Fetch).partition("t", 0).error(code);
    let fault = world.kafka.inject(fault);
    let error = handles[0].part.errors().recv_timeout(PATIENCE).unwrap();
    assert_eq!(error.code(), Some(code), "{error:?}");
    assert_eq!((error.topic(), error.partition()), (Some("t"), Some(0)));
    world.fill("t", 2, 3);
    handles[1].consume(3);
    world.kafka.lift(fault);
    handles[0].consume(3);
    assert!(handles[1].part.errors().is_empty());
    assert!(reader.consumer.errors().is_empty());
    world.judge();
}

/// Nobody is left who could hear of it by the handle.
#[test]
fn the_errors_of_a_claim_whose_handle_is_gone_go_to_the_consumer() {
    let (world, reader) = one_partition(3);
    let handle = reader.handle();
    let held = handle.recv();
    drop(handle);
    some_time(&world);
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let refused = Fault::on(ApiKey::OffsetCommit).partition("t", 0);
    let refused = world.kafka.inject(refused.error(code));
    reader.mark(&held);
    let error = reader.consumer.errors().recv_timeout(PATIENCE).unwrap();
    assert_eq!(error.code(), Some(code), "{error:?}");
    assert_eq!(error.partition(), Some(0));
    world.kafka.lift(refused);
    drop(held);
    reader.handle().consume(2);
    world.await_committed("t", 0, 3);
    world.judge();
}

#[test]
fn one_partition_whose_reader_sleeps_keeps_no_other_waiting() {
    let world = World::with(&[("t", 4)]);
    world.fill("t", 4, 2_000);
    let reader = world.start("a", "t", world.partition_config());
    let mut handles = reader.handles(4);
    let asleep = handles.remove(0);
    let first = asleep.recv();
    for handle in &handles {
        handle.consume(2_000);
    }
    asleep.mark(&first);
    asleep.consume(1_999);
    world.judge();
}

#[test]
fn a_commit_by_hand_works_by_the_handle_or_by_the_consumer() {
    let (world, reader) = one_partition(4);
    let handle = reader.handle();
    let message = handle.recv();
    handle.mark_with(&message, "word");
    reader.consumer.commit_offsets().unwrap();
    assert_eq!(
        world.kafka.committed(GROUP, "t", 0),
        Some((1, "word".to_owned()))
    );
    let message = handle.recv();
    reader.mark(&message);
    reader.consumer.commit_offsets().unwrap();
    assert_eq!(world.committed("t", 0), Some(2));
    handle.reset(0, "back");
    reader.consumer.commit_offsets().unwrap();
    assert_eq!(
        world.kafka.committed(GROUP, "t", 0),
        Some((1, "back".to_owned()))
    );
    handle.consume(2);
    world.judge();
}
