//! Stories of a whole cluster, on a virtual clock.

mod commits;
mod faults;
mod fetching;
mod placement;
mod versions;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    protocol::{
        ApiKey, ErrorCode, Request, fetch, find_coordinator,
        header::{decode_response, encode_request},
        heartbeat, join_group, sync_group,
    },
    record::Codec,
};

/// A cluster, the time, and what has come out on each connection.
struct Story {
    cluster: Cluster,
    now: Instant,
    last_connection: u64,
    outputs: BTreeMap<ConnectionId, Vec<Action>>,
}

/// A connection of a client.
#[derive(Debug, Clone, Copy)]
struct Line {
    broker: i32,
    id: ConnectionId,
}

impl Story {
    /// Three brokers of the newest release and a topic "t" with three partitions.
    fn new() -> Self {
        Self::by(Settings::new(3, KafkaRelease::NEWEST))
    }

    fn by(settings: Settings) -> Self {
        let now = Instant::now();
        let mut cluster = Cluster::new(now, settings);
        cluster.create_topic(now, "t", 3);
        Self {
            cluster,
            now,
            last_connection: 0,
            outputs: BTreeMap::new(),
        }
    }

    fn connect(&mut self, broker: i32) -> Line {
        self.last_connection += 1;
        Line {
            broker,
            id: ConnectionId(self.last_connection),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.cluster.handle_timeout(self.now);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.cluster.poll_output() {
            self.outputs
                .entry(output.connection)
                .or_default()
                .push(output.action);
        }
    }

    fn send<R: Request>(&mut self, line: Line, version: i16, request: &R) {
        let mut frame =
            encode_request(request, version, i32::from(version), Some("client")).unwrap();
        frame.drain(..4);
        self.cluster.handle(self.now, line.broker, line.id, frame);
        self.collect();
    }

    /// The next thing that has come out on the connection.
    fn output(&mut self, line: Line) -> Option<Action> {
        self.collect();
        let outputs = self.outputs.get_mut(&line.id)?;
        (!outputs.is_empty()).then(|| outputs.remove(0))
    }

    fn answer<R: Request>(&mut self, line: Line, version: i16) -> R::Response {
        match self.output(line) {
            Some(Action::Send(bytes)) => {
                let (correlation_id, response) =
                    decode_response::<R>(&bytes[4..], version).unwrap();
                assert_eq!(correlation_id, i32::from(version));
                response
            }
            other => panic!("no answer but {other:?}"),
        }
    }

    fn call_on<R: Request>(&mut self, line: Line, version: i16, request: &R) -> R::Response {
        self.send(line, version, request);
        self.answer::<R>(line, version)
    }

    fn call<R: Request>(&mut self, broker: i32, version: i16, request: &R) -> R::Response {
        let line = self.connect(broker);
        self.call_on(line, version, request)
    }

    fn produce(&mut self, partition: i32, values: &[&str]) -> i64 {
        let records = values
            .iter()
            .map(|value| Record::default().value(*value))
            .collect::<Vec<_>>();
        self.cluster
            .produce(self.now, "t", partition, Codec::None, &records)
    }

    /// Has a group coordinated, and tells by whom.
    fn coordinator(&mut self, group: &str) -> i32 {
        let request = find_coordinator::SingleRequest {
            key: group.to_owned(),
            key_type: 0,
        };
        let found = self.call(1, 2, &request);
        assert_eq!(found.error_code, ErrorCode::NONE);
        found.node_id
    }

    /// A group of one, stable; its coordinator and its member.
    fn stable_group(&mut self, group: &str) -> (i32, join_group::Response) {
        let coordinator = self.coordinator(group);
        let joined = self.call(coordinator, 3, &join(group));
        assert_eq!(joined.error_code, ErrorCode::NONE);
        let synced = self.call(coordinator, 2, &sync(group, &joined));
        assert_eq!(synced.error_code, ErrorCode::NONE);
        (coordinator, joined)
    }
}

fn join(group: &str) -> join_group::Request {
    join_group::Request {
        group_id: group.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".to_owned(),
        protocols: vec![join_group::Protocol {
            name: "range".to_owned(),
            metadata: b"topics".to_vec(),
        }],
        ..Default::default()
    }
}

fn sync(group: &str, joined: &join_group::Response) -> sync_group::Request {
    let assignments = joined
        .members
        .iter()
        .map(|member| sync_group::MemberAssignment {
            member_id: member.member_id.clone(),
            assignment: Vec::new(),
        });
    sync_group::Request {
        group_id: group.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        assignments: assignments.collect(),
        ..Default::default()
    }
}

fn beat(group: &str, joined: &join_group::Response) -> heartbeat::Request {
    heartbeat::Request {
        group_id: group.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        ..Default::default()
    }
}

/// A fetch of one partition of "t", by name.
fn fetch(partition: i32, fetch_offset: i64) -> fetch::Request {
    fetch_with(|asked| {
        asked.partition = partition;
        asked.fetch_offset = fetch_offset;
    })
}

fn fetch_with(change: impl FnOnce(&mut fetch::RequestPartition)) -> fetch::Request {
    let mut asked = fetch::RequestPartition {
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    change(&mut asked);
    let topic = fetch::RequestTopic {
        topic: "t".to_owned(),
        partitions: vec![asked],
        ..Default::default()
    };
    fetch::Request {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 1 << 20,
        topics: vec![topic],
        ..Default::default()
    }
}

fn only<T>(mut all: Vec<T>) -> T {
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn fetched(response: fetch::Response) -> fetch::ResponsePartition {
    only(only(response.responses).partitions)
}
