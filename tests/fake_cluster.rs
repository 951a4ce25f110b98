//! The in-process Kafka as a client sees it: over TCP, in Kafka's own messages.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use sarama_cluster::{
    protocol::{
        Request, api_versions, fetch, find_coordinator,
        header::{decode_response, encode_request},
        heartbeat, join_group, metadata, offset_commit, produce, sync_group,
    },
    record::{Decoded, Decompressor, Limits, build::BatchBuilder, decode, split},
    testing::{ApiKey, Codec, ErrorCode, FakeCluster, Fault, GroupState, KafkaRelease, Record},
};

/// Longer than anything here takes, so only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Long enough for a broker that would answer to do so.
const MOMENT: Duration = Duration::from_millis(100);

/// A connection to a broker.
struct Client(TcpStream);

impl Client {
    fn connect(kafka: &FakeCluster, broker: i32) -> Self {
        let socket = TcpStream::connect(kafka.address(broker)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn send<R: Request>(&mut self, version: i16, request: &R) {
        let frame = encode_request(request, version, 1, Some("tester")).unwrap();
        self.0.write_all(&frame).unwrap();
    }

    /// The next frame without its length.
    fn frame(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut frame = vec![0; i32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut frame).unwrap();
        frame
    }

    fn answer<R: Request>(&mut self, version: i16) -> R::Response {
        decode_response::<R>(&self.frame(), version).unwrap().1
    }

    fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request);
        self.answer::<R>(version)
    }

    /// Whether nothing comes for a moment.
    fn is_silent(&mut self) -> bool {
        self.0.set_read_timeout(Some(MOMENT)).unwrap();
        let result = self.0.read(&mut [0]);
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        result
            .is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Whether the broker has closed the connection.
    fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

fn fetch(topic: &str, offset: i64) -> fetch::Request {
    let partition = fetch::RequestPartition {
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = fetch::RequestTopic {
        topic: topic.to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    fetch::Request {
        max_wait_ms: i32::MAX,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![topic],
        ..Default::default()
    }
}

/// The values of the records in the answer to a fetch of one partition.
fn values(frame: &[u8], version: i16) -> Vec<String> {
    let (_, response) = decode_response::<fetch::Request>(frame, version).unwrap();
    let partition = &response.responses[0].partitions[0];
    assert_eq!(partition.error_code, ErrorCode::NONE);
    let mut values = Vec::new();
    for batch in split(partition.records.slice(frame), &Limits::default()).batches {
        let decoded = decode(&batch, 0, &Limits::default(), &mut Decompressor::new()).unwrap();
        let Decoded::Records(blocks) = decoded else {
            continue;
        };
        let records = blocks.iter().flat_map(|block| block.records());
        values.extend(
            records.map(|record| String::from_utf8(record.value().unwrap().to_vec()).unwrap()),
        );
    }
    values
}

fn join(group: &str, member_id: &str) -> join_group::Request {
    join_group::Request {
        group_id: group.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![join_group::Protocol {
            name: "range".to_owned(),
            metadata: Vec::new(),
        }],
        ..Default::default()
    }
}

fn sync(group: &str, joined: &join_group::Response) -> sync_group::Request {
    sync_group::Request {
        group_id: group.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        ..Default::default()
    }
}

/// A group of one on the only broker, stable.
fn stable_group(kafka: &FakeCluster, group: &str) -> (Client, join_group::Response) {
    let mut client = Client::connect(kafka, 1);
    let found = client.call(
        0,
        &find_coordinator::SingleRequest {
            key: group.to_owned(),
            key_type: 0,
        },
    );
    assert_eq!(found.error_code, ErrorCode::NONE);
    let joined = client.call(3, &join(group, ""));
    assert_eq!(
        client.call(1, &sync(group, &joined)).error_code,
        ErrorCode::NONE
    );
    (client, joined)
}

#[test]
fn a_client_finds_the_brokers_and_reads_what_another_has_written() {
    let kafka = FakeCluster::builder().brokers(2).topic("t", 2).start();
    let mut client = Client::connect(&kafka, 1);
    let versions = client.call(3, &api_versions::Request::default());
    assert!(
        versions
            .api_keys
            .iter()
            .any(|listed| listed.api_key == ApiKey::Fetch.key())
    );
    let described = client.call(9, &metadata::Request::all_topics(9));
    let addresses = described
        .brokers
        .iter()
        .map(|broker| format!("{}:{}", broker.host, broker.port));
    assert_eq!(addresses.collect::<Vec<_>>(), kafka.bootstrap());
    assert_eq!(described.topics[0].partitions[1].leader_id, 2);

    let mut batch = BatchBuilder::new(0);
    for value in ["a", "b"] {
        batch.push(&sarama_cluster::record::build::NewRecord {
            value: Some(value.as_bytes()),
            ..Default::default()
        });
    }
    let partition = produce::RequestPartition {
        index: 0,
        records: batch.build().into(),
    };
    let topic = produce::RequestTopic {
        name: "t".to_owned(),
        partition_data: vec![partition],
        ..Default::default()
    };
    let request = produce::Request {
        acks: -1,
        topic_data: vec![topic],
        ..Default::default()
    };
    let produced = Client::connect(&kafka, 1).call(9, &request);
    assert_eq!(
        produced.responses[0].partition_responses[0].error_code,
        ErrorCode::NONE
    );

    client.send(12, &fetch("t", 0));
    assert_eq!(values(&client.frame(), 12), ["a", "b"]);
}

#[test]
fn records_come_in_every_codec_and_in_the_format_of_the_release() {
    for release in [
        KafkaRelease::V0_9,
        KafkaRelease::V0_10_2,
        KafkaRelease::V3_9,
    ] {
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4] {
            let kafka = FakeCluster::builder()
                .version(release)
                .topic("t", 1)
                .start();
            kafka.produce_compressed("t", 0, codec, [("k", "first"), ("k", "second")]);
            kafka.produce("t", 0, [Record::new("k", "third")]);
            let mut client = Client::connect(&kafka, 1);
            client.send(1, &fetch("t", 0));
            assert_eq!(
                values(&client.frame(), 1),
                ["first", "second", "third"],
                "{release:?} {codec:?}"
            );
        }
    }
}

#[test]
fn a_waiting_fetch_is_woken_by_a_record() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let mut client = Client::connect(&kafka, 1);
    client.send(12, &fetch("t", 0));
    kafka.await_requests(PATIENCE, ApiKey::Fetch, 1);
    kafka.produce("t", 0, [("k", "v")]);
    assert_eq!(values(&client.frame(), 12), ["v"]);
}

#[test]
fn members_of_a_group_see_each_other_come() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let (mut first, leader) = stable_group(&kafka, "g");
    kafka.await_members(PATIENCE, "g", 1);
    assert_eq!(kafka.members("g")[0].client_id, "tester");
    let mut second = Client::connect(&kafka, 1);
    second.send(3, &join("g", ""));
    kafka.await_until(PATIENCE, |cluster| {
        cluster.group_state("g") == GroupState::PreparingRebalance
    });
    let leader = first.call(3, &join("g", &leader.member_id));
    let follower = second.answer::<join_group::Request>(3);
    assert_eq!(
        (leader.members.len(), follower.generation_id),
        (2, leader.generation_id)
    );
    second.send(1, &sync("g", &follower));
    first.call(1, &sync("g", &leader));
    assert_eq!(
        second.answer::<sync_group::Request>(1).error_code,
        ErrorCode::NONE
    );
    kafka.await_members(PATIENCE, "g", 2);
    assert_eq!(kafka.generation("g"), 2);
}

#[test]
fn a_commit_is_seen_by_whoever_waits_for_it() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let (mut client, member) = stable_group(&kafka, "g");
    let partition = offset_commit::RequestPartition {
        committed_offset: 5,
        committed_metadata: Some("word".to_owned()),
        ..Default::default()
    };
    let topic = offset_commit::RequestTopic {
        name: "t".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    client.send(
        8,
        &offset_commit::Request {
            group_id: "g".to_owned(),
            generation_id_or_member_epoch: member.generation_id,
            member_id: member.member_id,
            topics: vec![topic],
            ..Default::default()
        },
    );
    kafka.await_committed(PATIENCE, "g", "t", 0, 5);
    assert_eq!(kafka.committed("g", "t", 0), Some((5, "word".to_owned())));
    let seen = kafka.requests();
    assert_eq!(
        seen.last()
            .map(|request| (request.api, &request.groups[..])),
        Some((ApiKey::OffsetCommit, &["g".to_owned()][..]))
    );
}

#[test]
#[should_panic(expected = "g is (Dead, 0), and not (Stable, 1)")]
fn waiting_for_what_does_not_come_fails_and_says_what_is() {
    FakeCluster::start().await_members(Duration::from_millis(1), "g", 1);
}

#[test]
fn a_standing_clock_goes_only_when_it_is_moved() {
    let kafka = FakeCluster::builder()
        .topic("t", 1)
        .standing_clock()
        .start();
    let mut client = Client::connect(&kafka, 1);
    client.send(
        12,
        &fetch::Request {
            max_wait_ms: 10,
            ..fetch("t", 0)
        },
    );
    kafka.await_requests(PATIENCE, ApiKey::Fetch, 1);
    assert!(client.is_silent());
    kafka.advance(Duration::from_millis(10));
    assert!(values(&client.frame(), 12).is_empty());

    stable_group(&kafka, "g");
    kafka.advance(Duration::from_secs(10));
    assert_eq!(kafka.group_state("g"), GroupState::Empty);
}

#[test]
fn a_running_clock_can_be_moved_as_well() {
    let kafka = FakeCluster::start();
    stable_group(&kafka, "g");
    kafka.advance(Duration::from_secs(9));
    assert_eq!(kafka.group_state("g"), GroupState::Stable);
    kafka.advance(Duration::from_secs(1));
    assert_eq!(kafka.group_state("g"), GroupState::Empty);
}

#[test]
fn what_is_due_happens_without_anybody_asking() {
    let kafka = FakeCluster::start();
    let delay = Duration::from_millis(50);
    kafka.inject(Fault::on(ApiKey::Metadata).delay(delay));
    let start = Instant::now();
    Client::connect(&kafka, 1).call(9, &metadata::Request::all_topics(9));
    assert!(start.elapsed() >= delay);
}

#[test]
fn a_broker_that_is_stopped_refuses_connections_and_comes_back_on_its_port() {
    let kafka = FakeCluster::builder().brokers(2).topic("t", 1).start();
    let mut client = Client::connect(&kafka, 1);
    client.call(9, &metadata::Request::all_topics(9));
    let address = kafka.address(1);
    kafka.stop_broker(1);
    assert!(client.is_closed());
    let refused = TcpStream::connect(&address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(kafka.leader("t", 0), Some(2));
    kafka.stop_broker(1);
    kafka.start_broker(1);
    kafka.start_broker(1);
    assert_eq!(kafka.address(1), address);
    let described = Client::connect(&kafka, 1).call(9, &metadata::Request::all_topics(9));
    assert_eq!(described.brokers.len(), 2);
    assert_eq!(described.topics[0].partitions[0].leader_id, 2);
}

#[test]
fn a_broker_that_is_cut_off_accepts_connections_and_nothing_comes_of_it() {
    let kafka = FakeCluster::start();
    let mut old = Client::connect(&kafka, 1);
    kafka.cut_off(1);
    let mut new = Client::connect(&kafka, 1);
    for client in [&mut old, &mut new] {
        client.send(9, &metadata::Request::all_topics(9));
        assert!(client.is_silent());
    }
    assert_eq!(kafka.requests_seen(ApiKey::Metadata), 0);
    kafka.reconnect(1);
    for client in [&mut old, &mut new] {
        assert_eq!(client.answer::<metadata::Request>(9).brokers.len(), 1);
    }
}

#[test]
fn faults_reach_the_socket() {
    let kafka = FakeCluster::start();
    let metadata = metadata::Request::all_topics(9);
    kafka.inject(Fault::on(ApiKey::Metadata).times(1).drop_after());
    let mut client = Client::connect(&kafka, 1);
    client.send(9, &metadata);
    assert!(client.is_closed());

    kafka.inject(
        Fault::on(ApiKey::Metadata)
            .times(1)
            .garbage(*b"\0\0\0\x02ok"),
    );
    let mut client = Client::connect(&kafka, 1);
    client.send(9, &metadata);
    assert_eq!(client.frame(), b"ok");

    let fault = kafka.inject(Fault::on(ApiKey::Heartbeat).hold());
    let (mut client, member) = stable_group(&kafka, "g");
    client.send(
        3,
        &heartbeat::Request {
            group_id: "g".to_owned(),
            generation_id: member.generation_id,
            member_id: member.member_id,
            ..Default::default()
        },
    );
    kafka.await_requests(PATIENCE, ApiKey::Heartbeat, 1);
    assert!(client.is_silent());
    kafka.lift(fault);
    assert_eq!(
        client.answer::<heartbeat::Request>(3).error_code,
        ErrorCode::NONE
    );
}

#[test]
fn what_is_no_request_ends_the_connection() {
    let kafka = FakeCluster::start();
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff, 0xff, 0xff, 0xff],
        &[0, 0, 0, 0],
        &[0, 0, 0, 2, 0, 3],
    ] {
        let mut client = Client::connect(&kafka, 1);
        client.0.write_all(bytes).unwrap();
        assert!(client.is_closed(), "{bytes:?}");
    }
}

#[test]
fn dropping_the_cluster_ends_its_connections_also_those_that_wait() {
    let kafka = FakeCluster::builder().brokers(2).topic("t", 1).start();
    let mut idle = Client::connect(&kafka, 2);
    let mut waiting = Client::connect(&kafka, 1);
    waiting.send(12, &fetch("t", 0));
    kafka.await_requests(PATIENCE, ApiKey::Fetch, 1);
    drop(kafka);
    assert!(idle.is_closed());
    assert!(waiting.is_closed());
}
