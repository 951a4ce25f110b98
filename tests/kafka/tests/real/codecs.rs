//! Whatever the records of a topic are compressed with, they arrive.

use std::collections::BTreeSet;

use kafka_tests::{
    Cluster, Codec, Format, NewRecord, Producer, Release, library, unique, write_by_java,
};
use sarama_cluster::{Consumer, ConsumerMode};

use crate::SOON;

kafka_tests::on_each_release![
    every_codec_of_librdkafka_is_read,
    every_codec_of_the_client_of_the_release_is_read,
];

const PER_CODEC: usize = 300;

fn every_codec_of_librdkafka_is_read(kafka: &Cluster) {
    read_every_codec(kafka, |topic, codecs| {
        let mut values = Vec::new();
        for &codec in codecs {
            values.extend(write(topic, codec, &Producer::new(kafka, codec)));
        }
        values
    });
}

/// It has ways of its own: snappy in frames, and of old LZ4 with another checksum.
fn every_codec_of_the_client_of_the_release_is_read(kafka: &Cluster) {
    read_every_codec(kafka, |topic, codecs| {
        write_by_java(kafka, topic, codecs, PER_CODEC)
    });
}

fn read_every_codec(kafka: &Cluster, write: impl FnOnce(&str, &[Codec]) -> Vec<String>) {
    let topic = unique("codecs");
    kafka.create_topic(&topic, 1, 1);
    let codecs = Codec::all_of(kafka.release());
    let values = write(&topic, codecs);
    assert_stored(kafka, &topic, own_magic(kafka.release()), codecs);
    read_and_resume(kafka, &topic, &values);
}

/// Writes values that become smaller: a batch that does not is stored as it is.
pub(crate) fn write(topic: &str, codec: Codec, producer: &Producer) -> Vec<String> {
    let value = |n| format!("{} {n} {}", codec.name(), "again and ".repeat(50));
    let values: Vec<_> = (0..PER_CODEC).map(value).collect();
    let records: Vec<_> = values
        .iter()
        .map(|value| NewRecord::value(value.as_str()))
        .collect();
    producer.send(topic, &records);
    values
}

/// The format that a release stores unless told otherwise.
fn own_magic(release: Release) -> u8 {
    match release {
        Release::V0_9_0_1 => 0,
        Release::V0_10_0_1 | Release::V0_10_2_2 => 1,
        _ => 2,
    }
}

/// Checks that a topic of one partition is stored in this format, in all these codecs.
pub(crate) fn assert_stored(kafka: &Cluster, topic: &str, magic: u8, codecs: &[Codec]) {
    let Some(stored) = kafka.stored(topic, 0) else {
        return;
    };
    let expected = codecs.iter().map(|&codec| Format { magic, codec });
    assert_eq!(stored, expected.collect::<BTreeSet<_>>());
}

/// Reads a topic of one partition with these values: each of two members some, and the second begins
/// in the middle of a batch.
pub(crate) fn read_and_resume(kafka: &Cluster, topic: &str, values: &[String]) {
    let group = unique("group");
    let config = library::config(ConsumerMode::Multiplex);
    let first = values.len() * 4 / 7;
    for range in [0..first, first..values.len()] {
        let consumer =
            Consumer::new(kafka.bootstrap(), group.as_str(), topic, config.clone()).unwrap();
        for at in range {
            let message = consumer.messages().recv_timeout(SOON).unwrap();
            assert_eq!(message.offset(), at as i64);
            assert_eq!(message.value(), Some(values[at].as_bytes()));
            consumer.mark_offset(&message, "");
        }
        consumer.close().unwrap();
    }
}
