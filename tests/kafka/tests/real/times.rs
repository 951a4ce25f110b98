//! Offsets by the time of their records, since 0.10.1.

use std::time::{Duration, SystemTime};

use kafka_tests::{Cluster, Codec, NewRecord, Producer, unique};
use sarama_cluster::{Client, Config, ErrorKind, OffsetSpec};

mod since {
    use super::*;

    kafka_tests::on_each_release!(from V0_10_2_2 { an_offset_is_found_by_time });

    fn an_offset_is_found_by_time(kafka: &Cluster) {
        let (topic, client, times) = written(kafka);
        let at = |time| client.get_offset(&topic, 0, OffsetSpec::At(time)).unwrap();
        assert_eq!(at(SystemTime::UNIX_EPOCH), Some(0));
        assert_eq!(at(times[3]), Some(3));
        assert_eq!(at(times[3] + Duration::from_millis(1)), Some(4));
        assert_eq!(at(times[9] + Duration::from_millis(1)), None);
    }
}

mod before {
    use super::*;

    kafka_tests::on_each_release!(before V0_10_2_2 { a_time_is_refused_and_the_reason_told });

    fn a_time_is_refused_and_the_reason_told(kafka: &Cluster) {
        let (topic, client, times) = written(kafka);
        let refused = client.get_offset(&topic, 0, OffsetSpec::At(times[3]));
        let error = refused.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Version, "{error}");
        assert_eq!(error.topic(), Some(topic.as_str()));
        let newest = client.get_offset(&topic, 0, OffsetSpec::Newest);
        assert_eq!(newest.unwrap(), Some(10));
    }
}

/// A topic with ten records, a minute apart, and their times in whole milliseconds.
fn written(kafka: &Cluster) -> (String, Client, Vec<SystemTime>) {
    let topic = unique("times");
    kafka.create_topic(&topic, 1, 1);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let first = now.unwrap() - Duration::from_secs(3600);
    let first = Duration::from_millis(first.as_millis() as u64);
    let times: Vec<_> = (0..10)
        .map(|minute| first + Duration::from_secs(60 * minute))
        .collect();
    let records: Vec<_> = times
        .iter()
        .map(|time| NewRecord {
            timestamp_ms: Some(time.as_millis() as i64),
            ..NewRecord::value("v")
        })
        .collect();
    Producer::new(kafka, Codec::None).send(&topic, &records);
    let client = Client::new(kafka.bootstrap(), Config::default()).unwrap();
    let times = times.into_iter().map(|time| SystemTime::UNIX_EPOCH + time);
    (topic, client, times.collect())
}
