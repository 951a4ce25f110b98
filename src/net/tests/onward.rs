//! Connections that go on by themselves.

use std::sync::Arc;

use crossbeam_channel::{Receiver, unbounded};

use crate::{
    call::{Call, Lane, Target, Token, fetch},
    config::Config,
    error::ErrorKind,
    net::{Completion, Pool},
    protocol::{
        ApiKey, RecordSet,
        fetch::{Request, Response, ResponsePartition, ResponseTopic},
    },
    record::build::{BatchBuilder, NewRecord},
    wire::Uuid,
};

use super::{
    broker::{Broker, Peer},
    client::{LONG, target},
};

const ID: Uuid = Uuid([1; 16]);

fn ask(offset: i64) -> Call {
    let partition = fetch::Partition {
        topic: "t".into(),
        topic_id: Some(ID),
        partition: 0,
        leader_epoch: None,
        offset,
        max_bytes: 1000,
    };
    Call::Fetch(fetch::Ask {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 1000,
        read_committed: false,
        rack_id: String::new(),
        partitions: vec![partition],
    })
}

impl Peer {
    /// Answers a fetch with one record, in a log that ends there; gives the offset and how much was asked for.
    #[track_caller]
    fn feed(&mut self, end: i64) -> (i64, i32) {
        let asked = self.expect(ApiKey::Fetch);
        let request: Request = asked.body();
        let offset = request.topics[0].partitions[0].fetch_offset;
        let record = BatchBuilder::new(offset)
            .push(&NewRecord::default())
            .build();
        let partition = ResponsePartition {
            high_watermark: end,
            preferred_read_replica: -1,
            records: RecordSet::from(record),
            ..Default::default()
        };
        let topic = ResponseTopic {
            topic_id: ID,
            partitions: vec![partition],
            ..Default::default()
        };
        let response = Response {
            responses: vec![topic],
            ..Default::default()
        };
        self.answer::<Request>(&asked, &response);
        (offset, request.max_bytes)
    }
}

fn pool() -> (Pool, Receiver<Completion>) {
    let (sender, completions) = unbounded();
    let on_completion = Arc::new(move |completion| {
        let _ = sender.send(completion);
    });
    (
        Pool::new(Arc::new(Config::default()), on_completion),
        completions,
    )
}

fn fetching(broker: &Broker) -> Target {
    Target {
        lane: Lane::Fetch,
        ..target(broker.address)
    }
}

fn end(completions: &Receiver<Completion>, token: u64) -> Option<i64> {
    let completion = completions.recv_timeout(LONG).unwrap();
    assert_eq!(completion.token, Token(token));
    let answer = completion.result.unwrap().into_fetch();
    answer.ends.map(|ends| ends[0])
}

#[test]
fn what_was_granted_is_asked_from_where_the_answer_before_ends() {
    let broker = Broker::start(|_, mut peer| {
        peer.greet();
        assert_eq!(peer.feed(8), (7, 1000));
        assert_eq!(peer.feed(9), (8, 300));
        assert_eq!(peer.feed(10), (9, 300));
        peer.wait_for_end();
    });
    let (mut pool, completions) = pool();
    let to = fetching(&broker);
    pool.send(&to, Token(1), ask(7), LONG);
    pool.go_on(&to, Token(2), 300, LONG);
    pool.go_on(&to, Token(3), 400, LONG);
    for (token, expected) in [(1, 8), (2, 9), (3, 10)] {
        assert_eq!(end(&completions, token), Some(expected));
    }
}

#[test]
fn what_cannot_go_on_says_so_and_the_connection_serves_the_next_call() {
    let broker = Broker::start(|_, mut peer| {
        peer.greet();
        peer.feed(100);
        assert_eq!(peer.feed(100), (20, 1000));
        peer.wait_for_end();
    });
    let (mut pool, completions) = pool();
    let to = fetching(&broker);
    pool.go_on(&to, Token(1), 300, LONG);
    pool.send(&to, Token(2), ask(7), LONG);
    pool.go_on(&to, Token(3), 300, LONG);
    pool.send(&to, Token(4), ask(20), LONG);
    let not_asked = |token| {
        let completion = completions.recv_timeout(LONG).unwrap();
        assert_eq!(completion.token, Token(token));
        assert_eq!(
            *completion.result.unwrap_err().kind(),
            ErrorKind::Disconnected
        );
    };
    not_asked(1);
    assert_eq!(end(&completions, 2), None, "the log goes on");
    not_asked(3);
    assert_eq!(end(&completions, 4), None);
    assert_eq!(broker.connections(), 1);
}
