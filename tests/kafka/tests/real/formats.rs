//! Formats of before, which the releases up to 2.8 can be told to store.

use kafka_tests::{Cluster, Codec, Producer, Release, unique};

use crate::codecs::{assert_stored, read_and_resume, write};

/// Message sets whose compressed messages have the offsets of the log.
mod format_0 {
    use super::*;

    kafka_tests::on_each_release!(before V3_0_2 { message_sets_of_format_0_are_read });

    fn message_sets_of_format_0_are_read(kafka: &Cluster) {
        read_format(kafka, 0, "0.9.0");
    }
}

/// Message sets whose compressed messages have offsets of their own, and timestamps.
mod format_1 {
    use super::*;

    kafka_tests::on_each_release!(from V0_10_0_1 before V3_0_2 { message_sets_of_format_1_are_read });

    fn message_sets_of_format_1_are_read(kafka: &Cluster) {
        read_format(kafka, 1, "0.10.0");
    }
}

fn read_format(kafka: &Cluster, magic: u8, version: &str) {
    let topic = unique("format");
    // 0.9 knows one format and no such setting.
    let told = [("message.format.version", version)];
    let config = &told[usize::from(kafka.release() == Release::V0_9_0_1)..];
    kafka.create_topic_with(&topic, 1, 1, config);
    let codecs = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4];
    let mut values = Vec::new();
    for codec in codecs {
        let producer = Producer::of_old_formats(kafka, codec);
        values.extend(write(&topic, codec, &producer));
    }
    assert_stored(kafka, &topic, magic, &codecs);
    read_and_resume(kafka, &topic, &values);
}
