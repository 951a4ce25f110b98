//! The offset to read is not in the log.

use std::time::{Duration, Instant};

use sarama_cluster::{
    Error, ErrorCode,
    config::OutOfRange,
    testing::{ApiKey, Cluster, Fault},
};

use crate::{
    worker::Worker,
    world::{GROUP, PATIENCE, World},
};

fn is_out_of_range(error: &Error) -> bool {
    error.code() == Some(ErrorCode::OFFSET_OUT_OF_RANGE) && error.partition() == Some(0)
}

/// Waits for just this commit, whatever is in force before.
fn await_commit(world: &World, offset: i64) {
    let is_it =
        |cluster: &Cluster| cluster.committed(GROUP, "t", 0) == Some((offset, String::new()));
    world.kafka.await_until(PATIENCE, is_it);
}

/// Scenario 17: retention was faster than the group.
#[test]
fn a_commit_below_the_log_leads_to_the_oldest_record_and_is_reported() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 20);
    world.kafka.commit(GROUP, "t", 0, 5, "");
    world.delete_before("t", 0, 10);
    let reader = world.join("a");
    let error = reader.await_error(is_out_of_range);
    assert_eq!(error.topic(), Some("t"));
    // What keeps the group from coming back to the dead offset.
    world.await_committed("t", 0, 10);
    assert_eq!(reader.recv().offset(), 10);
    reader.consume(9);
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(20));
    world.judge();
}

/// Each claim begins where the broker says, and the broker refuses that. First at once, then ever more
/// slowly: 100 ms, 200 ms and 400 ms lie between the last of these questions.
#[test]
fn a_broker_that_refuses_the_offset_that_it_names_is_asked_ever_more_slowly() {
    let world = World::with(&[("t", 1)]).incomplete();
    world.produce("t", 0, 20);
    let refuse = Fault::on(ApiKey::Fetch).error(ErrorCode::OFFSET_OUT_OF_RANGE);
    let fault = world.kafka.inject(refuse);
    let begin = Instant::now();
    let reader = world.join("a");
    world.kafka.await_requests(PATIENCE, ApiKey::ListOffsets, 6);
    assert!(begin.elapsed() >= Duration::from_millis(700));
    world.kafka.lift(fault);
    assert_eq!(reader.recv().offset(), 0);
}

/// Scenario 17: the same, by the other policy.
#[test]
fn a_commit_below_the_log_leads_to_the_end_where_the_policy_says_so() {
    let world = World::with(&[("t", 1)]).skipping().incomplete();
    world.produce("t", 0, 20);
    world.kafka.commit(GROUP, "t", 0, 5, "");
    world.delete_before("t", 0, 10);
    let reader = world.join("a");
    reader.await_error(is_out_of_range);
    world.await_committed("t", 0, 20);
    world.produce("t", 0, 1);
    assert_eq!(reader.recv().offset(), 20);
    world.judge();
}

/// Scenario 17: the log has lost its end.
#[test]
fn a_commit_beyond_the_log_leads_to_the_oldest_record_and_is_reported() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 20);
    world.kafka.commit(GROUP, "t", 0, 50, "");
    let reader = world.join("a");
    reader.await_error(is_out_of_range);
    assert_eq!(reader.recv().offset(), 0);
    reader.consume(19);
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(20));
    world.judge();
}

/// Scenario 34: the group must not be drawn back to the offset that does not exist.
#[test]
fn after_an_offset_out_of_range_a_restart_begins_where_the_group_was() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 20);
    world.kafka.commit(GROUP, "t", 0, 50, "");
    let first = world.join("a");
    first.await_error(is_out_of_range);
    first.consume(4);
    first.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(4));
    let second = world.join("b");
    second.consume(16);
    assert!(second.errors().is_empty(), "{:?}", second.errors());
    second.consumer.close().unwrap();
    world.judge();
}

/// Scenario 17: the user decides, and until then nothing moves.
#[test]
fn where_the_policy_is_an_error_nothing_is_read_and_the_others_flow() {
    let world = World::with(&[("t", 2)]).incomplete();
    world.fill("t", 2, 20);
    world.kafka.commit(GROUP, "t", 0, 50, "");
    let mut config = world.config();
    config.consumer.offsets.out_of_range = OutOfRange::Error;
    let reader = world.start("a", "t", config);
    reader.await_error(is_out_of_range);
    for _ in 0..20 {
        let delivery = reader.recv();
        assert_eq!(delivery.partition(), 1);
        reader.mark(&delivery);
    }
    world.await_committed("t", 1, 20);
    let fetches = world.kafka.requests_seen(ApiKey::Fetch);
    world.produce("t", 1, 1);
    world
        .kafka
        .await_requests(PATIENCE, ApiKey::Fetch, fetches + 1);
    assert_eq!(reader.recv().partition(), 1);
    assert_eq!(world.committed("t", 0), Some(50), "left as it was");
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(50));
}

/// Scenario 17: retention overtakes a reader that is slow.
#[test]
fn a_log_that_is_cut_off_below_the_position_is_read_from_its_new_start() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 10);
    let reader = world.join("a");
    reader.consume(10);
    world.await_committed("t", 0, 10);
    // All in one moment for the reader: the fetch that waits for more is answered by this.
    world.kafka.take_leader("t", 0);
    world.produce("t", 0, 20);
    world.delete_before("t", 0, 25);
    world.kafka.move_leader("t", 0, 1);
    reader.await_error(is_out_of_range);
    assert_eq!(reader.recv().offset(), 25);
    reader.consume(4);
    reader.consumer.close().unwrap();
    world.judge();
}

/// Scenario 17: an unclean election has lost the end of the log.
#[test]
fn a_log_that_became_shorter_is_read_anew_by_the_policy() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 4);
    world.produce("t", 0, 6);
    let worker = Worker::start(world.join("a"));
    world.await_committed("t", 0, 10);
    world.truncate("t", 0, 4);
    worker.reader.await_error(is_out_of_range);
    world.produce("t", 0, 2);
    await_commit(&world, 6);
    worker.stop();
    world.judge();
}

#[test]
fn in_partition_mode_an_offset_out_of_range_ends_the_handle_and_brings_another() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 20);
    world.kafka.commit(GROUP, "t", 0, 50, "");
    let reader = world.start("a", "t", world.partition_config());
    // Nobody has taken the first handle, so nobody could hear of it there.
    let error = reader.consumer.errors().recv_timeout(PATIENCE).unwrap();
    assert!(is_out_of_range(&error), "{error:?}");
    await_commit(&world, 0);
    reader.tell(error);
    let handle = reader.handle();
    assert_eq!(handle.part.initial_offset(), 0);
    handle.consume(20);
    world.await_committed("t", 0, 20);
    world.judge();
}

#[test]
fn in_partition_mode_the_handle_in_use_tells_of_an_offset_out_of_range() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 4);
    world.produce("t", 0, 6);
    let reader = world.start("a", "t", world.partition_config());
    let handle = reader.handle();
    handle.consume(10);
    world.await_committed("t", 0, 10);
    world.truncate("t", 0, 4);
    reader.await_error(is_out_of_range);
    handle.consume_all();
    drop(handle);
    let again = reader.handle();
    assert_eq!(again.part.initial_offset(), 0);
    again.consume(4);
    world.produce("t", 0, 2);
    again.consume(2);
    world.judge();
}
