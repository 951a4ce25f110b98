//! Offsets that are asked for.

use kafka_tests::{Cluster, Codec, Producer, unique};
use sarama_cluster::{Client, Config, OffsetSpec};

kafka_tests::on_each_release![the_oldest_and_the_newest_offset_are_found];

fn the_oldest_and_the_newest_offset_are_found(kafka: &Cluster) {
    let topic = unique("offsets");
    kafka.create_topic(&topic, 2, 1);
    Producer::new(kafka, Codec::None).send_numbers(&topic, 20, 1);
    let client = Client::new(kafka.bootstrap(), Config::default()).unwrap();
    let offset = |partition, at| client.get_offset(&topic, partition, at).unwrap();
    assert_eq!(offset(0, OffsetSpec::Oldest), Some(0));
    assert_eq!(offset(0, OffsetSpec::Newest), Some(20));
    assert_eq!(offset(1, OffsetSpec::Oldest), Some(0));
    assert_eq!(offset(1, OffsetSpec::Newest), Some(0));
}
