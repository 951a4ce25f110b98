//! The release that the settings name is the newest that is spoken.

use kafka_tests::{Cluster, Codec, Producer, Release, library, unique};
use sarama_cluster::{Client, ConsumerMode, ErrorKind, KafkaVersion, OffsetSpec};

use crate::{SOON, assert_committed};

kafka_tests::on_each_release![an_older_release_in_the_settings_is_spoken];

fn an_older_release_in_the_settings_is_spoken(kafka: &Cluster) {
    let (topic, group) = (unique("ceiling"), unique("group"));
    kafka.create_topic(&topic, 1, 1);
    Producer::new(kafka, Codec::None).send_numbers(&topic, 10, 1);
    let mut config = library::config(ConsumerMode::Multiplex);
    // Since 4.0 there is nothing in common with clients before 0.11.
    let is_of_today = kafka.release() >= Release::V4_0_0;
    config.version = match is_of_today {
        true => KafkaVersion::V0_11_0_0,
        false => KafkaVersion::V0_9_0_0,
    };
    let client = Client::new(kafka.bootstrap(), config.clone()).unwrap();
    let by_time = client.get_offset(&topic, 0, OffsetSpec::At(std::time::UNIX_EPOCH));
    match by_time {
        Ok(offset) => assert_eq!((offset, is_of_today), (Some(0), true)),
        Err(error) => assert_eq!((error.kind(), is_of_today), (&ErrorKind::Version, false)),
    }
    let consumer = sarama_cluster::Consumer::from_client(&client, &group, topic.as_str()).unwrap();
    for offset in 0..10 {
        let message = consumer.messages().recv_timeout(SOON).unwrap();
        assert_eq!(message.offset(), offset);
        consumer.mark_offset(&message, "");
    }
    consumer.close().unwrap();
    assert_committed(kafka, &group, &topic, &[10]);
}
