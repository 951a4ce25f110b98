//! Channels that nobody reads, and channels that are switched off.

use std::time::Duration;

use sarama_cluster::{ConsumerMode, NotificationType, crossbeam_channel::TryRecvError};

use crate::{
    worker::Worker,
    world::{GROUP, World},
};

/// Scenario 6: the errors and notifications are more than the channels hold.
#[test]
fn nobody_has_to_read_errors_and_notifications() {
    const ERRORS: u64 = 300;
    const LOSSES: u64 = 4;
    let world = World::with(&[("t", 1)]).incomplete();
    world.produce("t", 0, 3);
    let mut config = world.config();
    config.client_id = "a".to_owned();
    // Each refusal is to be told to who commits.
    config.consumer.offsets.commit_interval = Duration::from_secs(600);
    let consumer =
        sarama_cluster::Consumer::new(world.kafka.bootstrap(), GROUP, "t", config).unwrap();
    for _ in 0..LOSSES {
        world.await_members(1);
        let member = world.kafka.members(GROUP).remove(0);
        world.kafka.evict(GROUP, &member.member_id);
    }
    world.await_members(1);
    let message = consumer.messages().recv().unwrap();
    let too_long = "x".repeat(5000);
    for error in 0..ERRORS {
        let metadata = format!("{too_long}{error}");
        // Each step back is a new mark.
        consumer.mark_offset(&message, &metadata);
        consumer.commit_offsets().unwrap_err();
        consumer.reset_partition_offset("t", 0, -1, &metadata);
    }
    assert_eq!(consumer.errors().len(), 256);
    assert!(consumer.ignored().unread >= ERRORS - 256);
    assert_eq!(world.kafka.members(GROUP).len(), 1);
    let newest = consumer.notifications().try_iter().last().unwrap();
    assert_eq!(newest.kind, NotificationType::RebalanceOk);
    consumer.mark_offset(&message, "");
    consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(1));
}

/// Scenario 6: in partition mode nobody takes a handle, either.
#[test]
fn nobody_has_to_take_handles() {
    let world = World::with(&[("t", 3)]);
    world.fill("t", 3, 10);
    let idle = world.start("a", "t", world.partition_config());
    world.await_members(1);
    for cycle in 0..4 {
        let other = world.start(&format!("b{cycle}"), "t", world.partition_config());
        world.await_members(2);
        drop(other);
        world.await_members(1);
    }
    let members = world.kafka.members(GROUP);
    assert_eq!(members[0].client_id, "a");
    drop(idle);
    world.await_members(0);
    let last = Worker::start(world.join("z"));
    for partition in 0..3 {
        world.await_committed("t", partition, 10);
    }
    last.stop();
    world.judge();
}

#[test]
fn channels_that_are_switched_off_are_silent_until_the_close() {
    for mode in [ConsumerMode::Multiplex, ConsumerMode::Partitions] {
        let world = World::with(&[("t", 1)]).incomplete();
        world.produce("t", 0, 3);
        let mut config = world.config();
        config.consumer.returns.errors = false;
        config.group.returns.notifications = false;
        config.group.mode = mode;
        let reader = world.start("a", ["t", "unknown"], config);
        world.await_committed("t", 0, 0);
        let member = world.kafka.members(GROUP).remove(0);
        world.kafka.evict(GROUP, &member.member_id);
        let is_again = |cluster: &sarama_cluster::testing::Cluster| {
            let members = cluster.members(GROUP);
            !members.is_empty() && members[0].member_id != member.member_id
        };
        world.kafka.await_until(crate::world::PATIENCE, is_again);
        world.await_members(1);
        let consumer = &reader.consumer;
        let silent = TryRecvError::Empty;
        assert_eq!(consumer.errors().try_recv().unwrap_err(), silent);
        assert_eq!(consumer.notifications().try_recv().unwrap_err(), silent);
        match mode {
            ConsumerMode::Multiplex => {
                assert_eq!(consumer.partitions().try_recv().unwrap_err(), silent);
                consumer.messages().recv().unwrap();
            }
            ConsumerMode::Partitions => {
                assert_eq!(consumer.messages().try_recv().unwrap_err(), silent);
                consumer.partitions().recv().unwrap();
            }
        }
        consumer.close().unwrap();
        let ended = TryRecvError::Disconnected;
        assert_eq!(consumer.errors().try_recv().unwrap_err(), ended);
        assert_eq!(consumer.notifications().try_recv().unwrap_err(), ended);
        assert_eq!(consumer.partitions().try_recv().unwrap_err(), ended);
        assert_eq!(consumer.messages().try_recv().unwrap_err(), ended);
    }
}
