//! librdkafka on the in-process Kafka: it produces, consumes, and shares a group, in every format.

use std::time::{Duration, Instant};

use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, Producer},
};
use sarama_cluster::testing::{ApiKey, ErrorCode, FakeCluster, Fault, KafkaRelease};

const PATIENCE: Duration = Duration::from_secs(30);
const RECORDS: usize = 200;
const PARTITIONS: i32 = 4;

fn config(kafka: &FakeCluster) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", kafka.bootstrap().join(","))
        .set("broker.address.family", "v4");
    config
}

fn consumer(kafka: &FakeCluster) -> BaseConsumer {
    let consumer: BaseConsumer = config(kafka)
        .set("group.id", "g")
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", "6000")
        .create()
        .unwrap();
    consumer.subscribe(&["t"]).unwrap();
    consumer
}

fn produce(kafka: &FakeCluster, codec: &str) {
    let producer: BaseProducer = config(kafka)
        .set("compression.codec", codec)
        .create()
        .unwrap();
    for number in 0..RECORDS {
        let (key, value) = (format!("key {number}"), format!("{codec} {number}"));
        let record = BaseRecord::to("t")
            .key(&key)
            .payload(&value)
            .partition(number as i32 % PARTITIONS);
        producer.send(record).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

/// Reads until so many records have come, none of them twice.
fn read(consumers: &[&BaseConsumer], count: usize) -> Vec<String> {
    let until = Instant::now() + PATIENCE;
    let mut values = Vec::new();
    while values.len() < count && Instant::now() < until {
        for consumer in consumers {
            match consumer.poll(Duration::from_millis(10)) {
                None => {}
                Some(Ok(message)) => {
                    values.push(String::from_utf8(message.payload().unwrap().to_vec()).unwrap());
                }
                // It reports each lost connection, and goes on.
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::AllBrokersDown,
                ))) => {}
                Some(Err(error)) => panic!("{error}"),
            }
        }
    }
    values.sort();
    values.dedup();
    assert_eq!(values.len(), count);
    values
}

#[test]
fn it_produces_and_consumes_in_the_versions_of_each_release() {
    use KafkaRelease::{
        V0_10_0, V0_10_2, V0_11, V1_1, V2_0, V2_4, V2_8, V3_0, V3_9, V4_0, V4_1, V4_4,
    };
    for release in [
        V0_10_0, V0_10_2, V0_11, V1_1, V2_0, V2_4, V2_8, V3_0, V3_9, V4_0, V4_1, V4_4,
    ] {
        let kafka = FakeCluster::builder()
            .brokers(2)
            .version(release)
            .topic("t", PARTITIONS)
            .start();
        let codecs = if release >= V2_4 {
            &["none", "gzip", "zstd"][..]
        } else {
            &["none", "gzip"]
        };
        for codec in codecs {
            produce(&kafka, codec);
        }
        let one = consumer(&kafka);
        let values = read(&[&one], codecs.len() * RECORDS);
        assert!(
            values.contains(&format!("gzip {}", RECORDS - 1)),
            "{release:?}"
        );
        one.commit_consumer_state(rdkafka::consumer::CommitMode::Sync)
            .unwrap();
        let committed =
            (0..PARTITIONS).filter_map(|partition| kafka.committed("g", "t", partition));
        assert_eq!(
            committed.map(|(offset, _)| offset).sum::<i64>(),
            (codecs.len() * RECORDS) as i64
        );
    }
}

/// Lets the members work until they own so many partitions each.
fn await_shares(kafka: &FakeCluster, members: &[&BaseConsumer], expected: &[usize]) {
    let shares = || {
        let members = kafka.members("g");
        let shares = members
            .iter()
            .map(|m| m.assignment.values().flatten().count());
        shares.collect::<Vec<_>>()
    };
    let until = Instant::now() + PATIENCE;
    while shares() != expected {
        for member in members {
            member.poll(Duration::from_millis(10));
        }
        assert!(Instant::now() < until, "shares are {:?}", shares());
    }
}

#[test]
fn two_members_share_a_group_and_one_takes_over() {
    let kafka = FakeCluster::builder()
        .brokers(3)
        .topic("t", PARTITIONS)
        .start();
    let first = consumer(&kafka);
    produce(&kafka, "lz4");
    read(&[&first], RECORDS);
    let second = consumer(&kafka);
    await_shares(&kafka, &[&first, &second], &[2, 2]);
    produce(&kafka, "snappy");
    read(&[&first, &second], RECORDS);
    drop(first);
    await_shares(&kafka, &[&second], &[4]);
    produce(&kafka, "none");
    read(&[&second], RECORDS);
    drop(second);
    kafka.await_members(PATIENCE, "g", 0);
    assert!(kafka.requests_seen(ApiKey::LeaveGroup) >= 2);
}

#[test]
fn it_survives_a_broker_that_stops_and_a_coordinator_that_moves() {
    let kafka = FakeCluster::builder()
        .brokers(3)
        .topic("t", PARTITIONS)
        .start();
    let consumer = consumer(&kafka);
    produce(&kafka, "none");
    read(&[&consumer], RECORDS);
    let coordinator = kafka.coordinator("g").unwrap();
    kafka.move_coordinator("g", coordinator % 3 + 1);
    kafka.stop_broker(coordinator);
    produce(&kafka, "gzip");
    read(&[&consumer], RECORDS);
    kafka.start_broker(coordinator);
    produce(&kafka, "lz4");
    read(&[&consumer], RECORDS);
    assert_eq!(kafka.members("g").len(), 1);
}

/// As the writers of the stories on real Kafka have to, while brokers start anew under them.
#[test]
fn a_patient_producer_waits_for_a_broker_that_does_not_know_the_topic() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let producer: BaseProducer = kafka_tests::patient(config(&kafka)).create().unwrap();
    let write = || {
        producer
            .send(BaseRecord::<(), _>::to("t").payload("value"))
            .unwrap();
    };
    write();
    producer.flush(PATIENCE).unwrap();

    let unknown = Fault::on(ApiKey::Metadata).error(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let unknown = kafka.inject(unknown);
    let metadata = producer
        .client()
        .fetch_metadata(Some("t"), PATIENCE)
        .unwrap();
    assert!(metadata.topics()[0].error().is_some());
    write();
    kafka.lift(unknown);
    producer.flush(PATIENCE).unwrap();
    assert_eq!(kafka.log_bounds("t", 0), Some((0, 2)));
}
