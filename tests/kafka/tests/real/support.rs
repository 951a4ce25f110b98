//! That the tests' own tools do what the other stories take for granted.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use kafka_tests::{Assignor, Cluster, Codec, Event, Member, Producer, Release, unique};

use crate::{SOON, assert_committed};

kafka_tests::on_release!(always kafka_0_9_0_1 V0_9_0_1 { librdkafka_and_java_share_a_group });
kafka_tests::on_release!(newest kafka_4_4_0 V4_4_0 { librdkafka_and_java_share_a_group });

kafka_tests::with_own_brokers![three_brokers_survive_a_kill, nothing_outlives_a_killed_test];

fn librdkafka_and_java_share_a_group(kafka: &Cluster) {
    let (topic, group) = (unique("shared"), unique("group"));
    kafka.create_topic(&topic, 4, 1);
    let written = Producer::new(kafka, Codec::None).send_numbers(&topic, 100, 4);

    let mut native = Member::librdkafka(kafka, &group, &[&topic], Assignor::Range);
    native.await_that(SOON, |member| member.records().len() == written.len());
    let mut java = Member::java(kafka, &group, &[&topic], Assignor::Range);
    java.await_that(SOON, |member| member.assignment().len() == 2);
    native.await_that(SOON, |member| member.assignment().len() == 2);
    assert!(native.assignment().is_disjoint(&java.assignment()));

    let offsets: BTreeSet<_> = native.records().into_iter().collect();
    let expected: BTreeSet<_> = written
        .iter()
        .map(|at| ((topic.clone(), at.partition), at.offset))
        .collect();
    assert_eq!(offsets, expected);
    assert_eq!(native.leave().last(), Some(&Event::Left));
    java.await_that(SOON, |member| member.assignment().len() == 4);
    assert!(
        java.records().is_empty(),
        "the other has committed what it read"
    );
    java.leave();
    assert_committed(kafka, &group, &topic, &[25; 4]);
}

fn three_brokers_survive_a_kill() {
    for release in [Release::V2_4_1, Release::V4_4_0] {
        let kafka = Cluster::start(release, 3);
        kafka.create_topic("t", 3, 3);
        let producer = Producer::new(&kafka, Codec::None);
        producer.send_numbers("t", 30, 3);

        let leader = kafka.leader("t", 0);
        kafka.kill(leader);
        kafka.await_metadata(|metadata| metadata.topics["t"][&0].leader != leader);
        producer.send_numbers("t", 30, 3);
        kafka.restart(leader);
        kafka.await_replicas();
        assert_eq!(producer.send_numbers("t", 3, 3)[0].offset, 20);

        kafka.stop(leader);
        kafka.restart(leader);
        kafka.add_partitions("t", 6);
        kafka.delete_records("t", 0, 5);
        kafka.delete_topic("t");
    }
}

fn nothing_outlives_a_killed_test() {
    let mut victim = Command::new(env!("CARGO_BIN_EXE_kafka"))
        .arg("4.4.0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo has built it");
    let mut broker = String::new();
    let mut output = BufReader::new(victim.stdout.take().expect("it was asked for"));
    output
        .read_line(&mut broker)
        .expect("it tells when it is up");
    let broker = broker.trim();
    TcpStream::connect(broker).expect("the broker runs");
    let folder = format!("kafka-tests-{}-", victim.id());
    assert!(exists_in_temp(&folder));

    victim.kill().expect("it is still running");
    victim.wait().expect("it is a child");
    let deadline = Instant::now() + SOON;
    while TcpStream::connect(broker).is_ok() || exists_in_temp(&folder) {
        assert!(Instant::now() < deadline, "{broker} or its folder lives on");
        thread::sleep(Duration::from_millis(10));
    }
}

fn exists_in_temp(prefix: &str) -> bool {
    let names = fs::read_dir(env::temp_dir())
        .expect("it can be read")
        .flatten();
    names
        .into_iter()
        .any(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
}
