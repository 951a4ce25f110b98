//! A broker has lost touch with the others. They have elected leaders in its place; it believes to lead as before,
//! describes the cluster as it was then, and lacks what was written since.

use std::time::Duration;

use sarama_cluster::{
    Client, Config,
    testing::{ApiKey, FakeCluster},
};

use crate::{
    worker::Worker,
    world::{GROUP, PATIENCE, World},
};

fn world() -> World {
    World::of(FakeCluster::builder().brokers(3).topic("t", 1))
}

/// Isolates the leader. Tells who that was.
fn isolate_leader(world: &World) -> i32 {
    let former = world.kafka.leader("t", 0).expect("it has one");
    world.kafka.isolate(former);
    assert_ne!(world.kafka.leader("t", 0), Some(former));
    former
}

/// A client that knows of no other broker at first.
fn client_of(world: &World, broker: i32, config: Config) -> Client {
    Client::new([world.kafka.address(broker)], config).expect("it is reachable")
}

/// Scenario 17: it says that the offset is out of range, and in the log of the leader it is not.
#[test]
fn who_does_not_lead_any_more_leads_nobody_back_to_the_start_of_the_log() {
    let world = world();
    world.produce("t", 0, 20);
    world.kafka.commit(GROUP, "t", 0, 10, "");
    let former = isolate_leader(&world);
    world.produce("t", 0, 20);
    world.kafka.commit(GROUP, "t", 0, 30, "");
    let client = client_of(&world, former, world.config());
    let reader = world.start_on(&client, "a", "t");
    assert_eq!(reader.recv().offset(), 30);
    reader.consume(9);
    assert!(reader.errors().is_empty(), "{:?}", reader.errors());
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(40));
}

/// Who knows a newer leader does not go back to it, however often it describes the cluster.
#[test]
fn who_does_not_lead_any_more_is_not_read_from_again() {
    let world = world();
    let mut config = world.config();
    config.metadata.refresh_frequency = Duration::from_millis(10);
    let worker = Worker::start(world.start("a", "t", config));
    world.produce("t", 0, 20);
    world.await_committed("t", 0, 20);
    let former = isolate_leader(&world);
    world.produce("t", 0, 20);
    world.await_committed("t", 0, 40);
    let known = world.kafka.view(|cluster| cluster.requests().count());
    let asked_of_former = |cluster: &sarama_cluster::testing::Cluster, api| {
        let later = cluster.requests().skip(known);
        let asked = later.filter(|seen| seen.broker == former && seen.api == api);
        asked.count()
    };
    world.kafka.await_until(PATIENCE, |cluster| {
        asked_of_former(cluster, ApiKey::Metadata) >= 3
    });
    world.produce("t", 0, 20);
    world.await_committed("t", 0, 60);
    let fetches = world
        .kafka
        .view(|cluster| asked_of_former(cluster, ApiKey::Fetch));
    assert_eq!(fetches, 0, "it was asked for records");
    worker.stop();
    world.judge();
}
