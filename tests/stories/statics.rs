//! Static members: they keep their place while they are away, and a name belongs to one at a time.

use std::time::Duration;

use sarama_cluster::{
    Config, ErrorCode,
    testing::{FakeCluster, KafkaRelease},
};

use crate::{
    reader::{Next, Reader},
    worker::Worker,
    world::{GROUP, PATIENCE, World},
};

fn named(world: &World, instance_id: &str) -> Config {
    let mut config = world.config();
    config.group.instance_id = Some(instance_id.to_owned());
    config
}

fn join(world: &World, name: &str, instance_id: &str) -> Reader {
    world.start(name, "t", named(world, instance_id))
}

/// A member that soon sees what becomes of its topic.
fn start_watchful(world: &World, member: &str, topic: &str, instance_id: &str) -> Worker {
    let mut config = named(world, instance_id);
    config.metadata.refresh_frequency = Duration::from_millis(100);
    Worker::start(world.start(member, topic, config))
}

/// The first records of each partition are read and committed.
fn first_records_are_read(world: &World, topic: &str, partitions: i32) {
    world.fill(topic, partitions, 5);
    for partition in 0..partitions {
        world.await_committed(topic, partition, 5);
    }
}

/// Neither the leader of the group nor the other one causes a rebalance.
#[test]
fn who_is_started_anew_has_its_partitions_back_and_nobody_else_notices() {
    let world = World::with(&[("t", 2)]);
    let first = Worker::start(join(&world, "a", "one"));
    world.await_members(1);
    let second = Worker::start(join(&world, "b", "two"));
    world.await_members(2);
    let mut end = 4;
    let mut all_is_read = |world: &World| {
        world.fill("t", 2, 4);
        world.await_committed("t", 0, end);
        world.await_committed("t", 1, end);
        end += 4;
    };
    all_is_read(&world);
    let generation = world.kafka.generation(GROUP);

    let mut members = [("a", "one", first), ("b", "two", second)];
    for (name, instance_id, member) in &mut members {
        let owned = member.reader.consumer.subscriptions();
        member.reader.consumer.close().unwrap();
        world.await_members(2);
        let again = Worker::start(join(&world, &format!("{name}2"), instance_id));
        again.reader.await_claims(1);
        assert_eq!(again.reader.consumer.subscriptions(), owned);
        *member = again;
        all_is_read(&world);
    }
    assert_eq!(world.kafka.generation(GROUP), generation, "no rebalance");
    for (_, _, member) in members {
        assert!(member.reader.errors().is_empty());
        member.stop();
    }
    assert_eq!(world.repetitions(), 0);
    world.judge();
}

/// Nobody rebalances for a static member that comes back, unless its subscription is another one.
#[test]
fn who_is_started_anew_with_other_topics_reads_just_those() {
    for (before, after) in [(&["t"][..], &["t", "u"][..]), (&["t", "u"], &["t"])] {
        // The leader of the group, and the other one.
        for name in ["one", "two"] {
            let world = World::with(&[("t", 2), ("u", 2)]);
            let start = |member: &str, instance_id: &str, topics: &[&str]| {
                let config = named(&world, instance_id);
                Worker::start(world.start(member, topics.to_vec(), config))
            };
            let one = start("a", "one", before);
            world.await_members(1);
            let two = start("b", "two", before);
            world.await_members(2);
            let (stays, goes) = if name == "one" {
                (two, one)
            } else {
                (one, two)
            };
            goes.reader.consumer.close().unwrap();
            let again = start("c", name, after);
            for topic in after {
                first_records_are_read(&world, topic, 2);
            }
            again.stop();
            stays.stop();
            drop(goes);
            world.judge();
        }
    }
}

/// The leader of the group is the only one who looks at partition counts.
#[test]
fn partitions_that_are_added_while_the_leader_is_started_anew_are_read() {
    for release in [KafkaRelease::V3_0, KafkaRelease::NEWEST] {
        let world = World::of(FakeCluster::builder().version(release).topic("t", 2));
        let leader = Worker::start(join(&world, "a", "one"));
        world.await_members(1);
        let other = Worker::start(join(&world, "b", "two"));
        world.await_members(2);
        leader.reader.consumer.close().unwrap();
        world.kafka.add_partitions("t", 4);
        let again = Worker::start(join(&world, "c", "one"));
        first_records_are_read(&world, "t", 4);
        again.stop();
        other.stop();
        drop(leader);
        world.judge();
    }
}

/// Before 3.2 a leader that comes back is not told that it leads.
#[test]
fn a_leader_that_was_started_anew_watches_the_partitions_for_brokers_of_all_ages() {
    for release in [KafkaRelease::V3_0, KafkaRelease::NEWEST] {
        let world = World::of(FakeCluster::builder().version(release).topic("t", 2));
        let start =
            |member: &str, instance_id: &str| start_watchful(&world, member, "t", instance_id);
        let leader = start("a", "one");
        world.await_members(1);
        let other = start("b", "two");
        world.await_members(2);
        let generation = world.kafka.generation(GROUP);
        leader.reader.consumer.close().unwrap();
        let again = start("c", "one");
        again.reader.await_claims(1);
        assert_eq!(world.kafka.generation(GROUP), generation, "no rebalance");
        world.kafka.add_partitions("t", 4);
        first_records_are_read(&world, "t", 4);
        again.stop();
        other.stop();
        drop(leader);
        world.judge();
    }
}

/// Before 3.2 it is not told what the others read either: the group rebalances, so that it is.
#[test]
fn a_leader_that_was_started_anew_watches_what_only_others_read() {
    for release in [KafkaRelease::V3_0, KafkaRelease::NEWEST] {
        let world = World::of(
            FakeCluster::builder()
                .version(release)
                .topic("a", 1)
                .topic("b", 2),
        );
        let leader = start_watchful(&world, "a", "a", "one");
        world.await_members(1);
        let other = start_watchful(&world, "b", "b", "two");
        world.await_members(2);
        leader.reader.await_claims(1);
        leader.reader.consumer.close().unwrap();
        let again = start_watchful(&world, "c", "a", "one");
        again.reader.await_claims(1);
        world.kafka.add_partitions("b", 4);
        first_records_are_read(&world, "b", 4);
        again.stop();
        other.stop();
        drop(leader);
        world.judge();
    }
}

#[test]
fn a_second_process_of_the_same_name_ends_the_first_for_good() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 2);
    let first = join(&world, "a", "one");
    first.consume(2);
    world.await_committed("t", 0, 2);
    let second = join(&world, "b", "one");
    assert!(matches!(first.next(None, PATIENCE), Next::Closed));
    let fenced = Some(ErrorCode::FENCED_INSTANCE_ID);
    let cause = first.consumer.error().expect("it ended by itself");
    assert_eq!(cause.code(), fenced);
    assert_eq!(first.consumer.close().unwrap_err().code(), fenced);
    let late = first.consumer.commit_offsets().unwrap_err();
    assert_eq!(late.code(), fenced, "the cause is told");
    world.produce("t", 0, 2);
    second.consume(2);
    second.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(4));
    world.judge();
}
