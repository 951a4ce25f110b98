//! Whether the in-process Kafka behaves like Apache Kafka: the same conversation is held with both, byte by
//! byte in Kafka's messages, and each must hear the same.
//!
//! And whether another client is content with it: librdkafka produces, consumes and shares a group there.

mod groups;
mod librdkafka;
mod offsets;
mod records;
mod scene;

use kafka_tests::{Cluster, Release, on_release};
use sarama_cluster::testing::{FakeCluster, KafkaRelease};

use scene::Scene;

macro_rules! on_some_releases {
    ($($story:ident),* $(,)?) => {
        on_release!(always kafka_2_4_1 V2_4_1 { $($story),* });
        on_release!(asked kafka_2_8_2 V2_8_2 { $($story),* });
        on_release!(asked kafka_3_0_2 V3_0_2 { $($story),* });
        on_release!(always kafka_3_9_1 V3_9_1 { $($story),* });
        on_release!(always kafka_4_0_0 V4_0_0 { $($story),* });
        on_release!(newest kafka_4_4_0 V4_4_0 { $($story),* });
    };
}

on_some_releases! {
    members_come_rebalance_and_go,
    strangers_are_refused,
    a_member_id_is_required,
    static_members_keep_their_seats,
    who_is_late_loses_its_seat,
    protocols_are_voted_for,
    offsets_are_committed_and_fetched,
    records_are_fetched_within_limits,
    offsets_are_listed,
}

fn members_come_rebalance_and_go(kafka: &Cluster) {
    compare(kafka, groups::members_come_rebalance_and_go);
}

fn strangers_are_refused(kafka: &Cluster) {
    compare(kafka, groups::strangers_are_refused);
}

fn a_member_id_is_required(kafka: &Cluster) {
    compare(kafka, groups::a_member_id_is_required);
}

fn static_members_keep_their_seats(kafka: &Cluster) {
    compare(kafka, groups::static_members_keep_their_seats);
}

fn who_is_late_loses_its_seat(kafka: &Cluster) {
    compare(kafka, groups::who_is_late_loses_its_seat);
}

fn protocols_are_voted_for(kafka: &Cluster) {
    compare(kafka, groups::protocols_are_voted_for);
}

fn offsets_are_committed_and_fetched(kafka: &Cluster) {
    compare(kafka, offsets::are_committed_and_fetched);
}

fn records_are_fetched_within_limits(kafka: &Cluster) {
    compare(kafka, records::are_fetched_within_limits);
}

fn offsets_are_listed(kafka: &Cluster) {
    compare(kafka, records::offsets_are_listed);
}

/// Tells the story to both and compares what they have answered.
fn compare(kafka: &Cluster, story: fn(&mut Scene)) {
    let release = fake_release(kafka.release());
    let topic = kafka_tests::unique("like");
    // Some records are from long ago.
    kafka.create_topic_with(&topic, 2, 1, &[("retention.ms", "-1")]);
    let fake = FakeCluster::builder()
        .version(release)
        .session_timeouts(scene::SHORTEST_SESSION..=scene::LONGEST_SESSION)
        .topic(&topic, 2)
        .start();
    let hear = |address: &str| {
        let mut scene = Scene::new(address, release, &topic);
        story(&mut scene);
        scene.transcript()
    };
    let theirs = hear(&kafka.bootstrap()[0]);
    let ours = hear(&fake.bootstrap()[0]);
    let differs = ours
        .iter()
        .zip(&theirs)
        .position(|(ours, theirs)| ours != theirs);
    if let Some(line) = differs {
        let before = ours[..line].join("\n");
        panic!(
            "{before}\nin-process: {}\nKafka:      {}",
            ours[line], theirs[line]
        );
    }
    assert_eq!(ours.len(), theirs.len());
}

fn fake_release(release: Release) -> KafkaRelease {
    match release {
        Release::V2_4_1 => KafkaRelease::V2_4,
        Release::V2_8_2 => KafkaRelease::V2_8,
        Release::V3_0_2 => KafkaRelease::V3_0,
        Release::V3_9_1 => KafkaRelease::V3_9,
        Release::V4_0_0 => KafkaRelease::V4_0,
        Release::V4_4_0 => KafkaRelease::V4_4,
        other => panic!("{other:?} is not among the releases of these stories"),
    }
}
