//! Brokers of every release, which nobody has told the consumer about.

use std::time::SystemTime;

use sarama_cluster::{
    Client, Config, ErrorKind, KafkaVersion, OffsetSpec,
    testing::{ApiKey, FakeCluster, Fault, KafkaRelease, OnUnknownApi},
};

use crate::{
    reader::Reader,
    world::{PATIENCE, World},
};

/// Of each API the version that was spoken last.
fn spoken(world: &World, api: ApiKey) -> i16 {
    let requests = world.kafka.requests();
    let of_api = requests.iter().rev().find(|request| request.api == api);
    of_api.expect("it was asked").version
}

fn read_and_close(world: &World, reader: &Reader, count: usize) {
    reader.consume(count);
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(count as i64));
    world.judge();
}

#[test]
fn each_release_is_read_in_its_newest_versions() {
    for (release, fetch, join) in [
        (KafkaRelease::V0_10_0, 2, 0),
        (KafkaRelease::V0_10_2, 3, 1),
        (KafkaRelease::V0_11, 5, 2),
        (KafkaRelease::V1_1, 7, 2),
        (KafkaRelease::V2_0, 8, 3),
        (KafkaRelease::V2_4, 11, 6),
        (KafkaRelease::V2_8, 12, 7),
        (KafkaRelease::V3_0, 12, 7),
        (KafkaRelease::V3_9, 17, 9),
        (KafkaRelease::V4_0, 17, 9),
        (KafkaRelease::V4_1, 18, 9),
        (KafkaRelease::V4_4, 18, 9),
    ] {
        let world = World::of(FakeCluster::builder().version(release).topic("t", 1));
        world.produce("t", 0, 20);
        read_and_close(&world, &world.join("a"), 20);
        let versions = [ApiKey::Fetch, ApiKey::JoinGroup].map(|api| spoken(&world, api));
        assert_eq!(versions, [fetch, join], "{release:?}");
    }
}

#[test]
fn a_0_9_is_recognised_at_once_whatever_it_does_with_what_it_does_not_know() {
    for unknown in [OnUnknownApi::Silence, OnUnknownApi::Close] {
        let kafka = FakeCluster::builder()
            .brokers(3)
            .version(KafkaRelease::V0_9)
            .on_unknown_api(unknown)
            .topic("t", 1);
        let world = World::of(kafka);
        world.produce("t", 0, 20);
        read_and_close(&world, &world.join("a"), 20);
        assert_eq!(spoken(&world, ApiKey::Fetch), 1);
    }
}

#[test]
fn a_time_that_cannot_be_asked_for_is_refused_in_its_place() {
    for release in [KafkaRelease::V0_9, KafkaRelease::V0_10_0] {
        let kafka = FakeCluster::builder()
            .version(release)
            .topic("t", 1)
            .start();
        let client = Client::new(kafka.bootstrap(), Config::default()).unwrap();
        let at = OffsetSpec::At(SystemTime::now());
        let error = client.get_offset("t", 0, at).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Version);
        assert_eq!((error.topic(), error.partition()), (Some("t"), Some(0)));
    }
}

#[test]
fn a_ceiling_in_the_settings_holds_for_newer_brokers() {
    let world = World::of(
        FakeCluster::builder()
            .version(KafkaRelease::V2_8)
            .topic("t", 1),
    );
    world.produce("t", 0, 20);
    let mut config = world.config();
    config.version = KafkaVersion::V0_9_0_0;
    read_and_close(&world, &world.start("a", "t", config), 20);
    assert_eq!(spoken(&world, ApiKey::Fetch), 1);
    assert_eq!(spoken(&world, ApiKey::JoinGroup), 0);
    assert_eq!(world.kafka.requests_seen(ApiKey::ApiVersions), 0);
}

#[test]
fn a_broker_that_restarts_in_the_middle_of_a_greeting_is_not_taken_for_a_0_9() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 10);
    let reader = world.join("a");
    reader.consume(10);

    let greetings = world.kafka.requests_seen(ApiKey::ApiVersions);
    let held = world.kafka.inject(Fault::on(ApiKey::ApiVersions).hold());
    world.kafka.stop_broker(1);
    world.kafka.start_broker(1);
    world
        .kafka
        .await_requests(PATIENCE, ApiKey::ApiVersions, greetings + 1);
    world.kafka.stop_broker(1);
    world.kafka.lift(held);
    world.kafka.start_broker(1);

    world.produce("t", 0, 10);
    reader.consume(10);
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(20));
    world.judge();
    assert_eq!(spoken(&world, ApiKey::Fetch), 18);
    assert_eq!(spoken(&world, ApiKey::OffsetCommit), 10);
}

#[test]
fn a_broker_whose_first_connection_is_lost_is_not_taken_for_a_0_9() {
    let on_look = || Fault::on(ApiKey::Metadata).times(1);
    for fault in [on_look().drop_before(), on_look().silence()] {
        let world = World::with(&[("t", 1)]);
        world.produce("t", 0, 10);
        world.kafka.inject(fault);
        read_and_close(&world, &world.join("a"), 10);
        assert_eq!(spoken(&world, ApiKey::Fetch), 18);
    }
}
