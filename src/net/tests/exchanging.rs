//! Requests and answers on an open connection.

use std::{
    io::Write,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::bounded;

use crate::{
    call::{Call, Lane, Token, find_coordinator},
    config::{Config, KafkaVersion},
    error::ErrorKind,
    net::{Completion, Pool, connection::Timing, job::Reply},
    protocol::{ApiKey, api_versions, heartbeat},
};

use super::{
    broker::{Broker, Peer, all_versions, beaten},
    client::{Client, LONG, SOON, assert_kind, beat, cause, target},
    dialing::ANYWHERE,
};

#[test]
fn calls_to_one_target_are_asked_one_after_the_other_on_one_connection() {
    let broker = Broker::start(|_, mut peer| {
        peer.greet();
        // Two questions have gone before.
        for code in 0..50 {
            let asked = peer.expect(ApiKey::Heartbeat);
            assert_eq!(asked.header.client_id.as_deref(), Some("me"));
            assert_eq!(asked.header.correlation_id, 2 + i32::from(code));
            let body: heartbeat::Request = asked.body();
            assert_eq!(body.member_id, "m");
            // If the next request were there already, it would be answered here.
            peer.stream.set_nonblocking(true).unwrap();
            assert!(peer.stream.peek(&mut [0]).is_err());
            peer.stream.set_nonblocking(false).unwrap();
            peer.answer::<heartbeat::Request>(&asked, &beaten(code));
        }
        peer.wait_for_end();
    });
    let to = target(broker.address);
    let mut client = Client::with(|config| config.client_id = "me".into());
    let tokens: Vec<_> = (0..50).map(|_| client.send(&to, LONG)).collect();
    for (code, token) in (0..).zip(tokens) {
        assert_eq!(client.result(token).unwrap(), code);
    }
    assert_eq!(broker.connections(), 1);
}

#[test]
fn lanes_do_not_wait_for_each_other() {
    let broker = Broker::start(|_, mut peer| {
        peer.greet();
        peer.beat(1);
        peer.wait_for_end();
    });
    let group = target(broker.address);
    let mut fetch = group.clone();
    fetch.lane = Lane::Fetch;
    let mut client = Client::new();
    assert_eq!(client.beat(&group).unwrap(), 1);
    // The second call on the group's lane is never answered.
    let pending = client.send(&group, LONG);
    assert_eq!(client.beat(&fetch).unwrap(), 1);
    client.pool.disconnect(&group);
    assert_kind(&client.error(pending), &ErrorKind::Disconnected);
}

/// Closes each connection after one answer.
fn one_answer_each(number: usize, mut peer: Peer) {
    peer.greet();
    peer.beat(number as i16);
}

/// Scenario 21: brokers close what is idle.
#[test]
fn a_connection_that_was_closed_while_it_was_idle_is_reopened_for_the_call() {
    let broker = Broker::start(one_answer_each);
    let to = target(broker.address);
    let mut client = Client::new();
    for number in 0..5 {
        assert_eq!(client.beat(&to).unwrap(), number);
    }
    assert_eq!(broker.connections(), 5);
}

#[test]
fn a_call_is_asked_twice_at_the_most() {
    let broker = Broker::start(|number, mut peer| {
        peer.greet();
        if number == 0 {
            peer.beat(0);
        }
        peer.expect(ApiKey::Heartbeat);
    });
    let to = target(broker.address);
    let mut client = Client::new();
    assert_eq!(client.beat(&to).unwrap(), 0);
    let error = client.beat(&to).unwrap_err();
    assert_kind(&error, &ErrorKind::Disconnected);
    assert_eq!(
        (error.context(), error.api()),
        ("heartbeat", Some("Heartbeat"))
    );
    assert_eq!(error.broker(), Some(broker.address.to_string()));
    assert_eq!(broker.connections(), 2);
}

#[test]
fn the_first_call_of_a_connection_is_not_asked_again() {
    let broker = Broker::start(|_, mut peer| {
        peer.greet();
        peer.expect(ApiKey::Heartbeat);
    });
    let mut client = Client::new();
    let error = client.beat(&target(broker.address)).unwrap_err();
    assert_kind(&error, &ErrorKind::Disconnected);
    assert_eq!(broker.connections(), 1);
}

#[test]
fn a_connection_lost_in_the_middle_of_an_answer_is_not_reopened() {
    let broker = Broker::start(|_, mut peer| {
        peer.greet();
        peer.beat(0);
        peer.expect(ApiKey::Heartbeat);
        peer.send(&[0, 0, 0, 10, 0]);
    });
    let to = target(broker.address);
    let mut client = Client::new();
    assert_eq!(client.beat(&to).unwrap(), 0);
    let error = client.beat(&to).unwrap_err();
    assert_kind(&error, &ErrorKind::Disconnected);
    assert_eq!(cause(&error), "5 bytes of an answer were received");
    assert_eq!(broker.connections(), 1);
}

#[test]
fn a_half_open_connection_ends_at_the_timeout_and_the_next_call_gets_a_new_one() {
    let broker = Broker::start(|number, mut peer| {
        peer.greet();
        peer.beat(number as i16);
        peer.wait_for_end();
    });
    let to = target(broker.address);
    let mut client = Client::new();
    assert_eq!(client.beat(&to).unwrap(), 0);
    let timeout = Duration::from_secs(2);
    let start = Instant::now();
    let pending = client.send(&to, timeout);
    let behind = client.send(&to, timeout);
    let error = client.error(pending);
    assert!(start.elapsed() >= timeout);
    assert_kind(&error, &ErrorKind::Timeout(timeout));
    let error = client.error(behind);
    assert_kind(&error, &ErrorKind::Disconnected);
    assert!(cause(&error).contains("no answer within 2s"), "{error:?}");
    assert!(start.elapsed() < SOON);
    assert_eq!(client.beat(&to).unwrap(), 1);
}

/// A heartbeat that is answered by these bytes fails in these words.
#[track_caller]
fn answered_by(bytes: &'static [u8], words: &str) {
    let broker = Broker::start(move |_, mut peer| {
        peer.greet();
        peer.expect(ApiKey::Heartbeat);
        peer.send(bytes);
        peer.expect_end();
    });
    // In version 3 a heartbeat has no tagged fields yet.
    let mut client = Client::with(|config| config.version = KafkaVersion::V2_3_0);
    let error = client.beat(&target(broker.address)).unwrap_err();
    assert_kind(&error, &ErrorKind::Protocol);
    assert_eq!(cause(&error), words);
}

#[test]
fn what_is_no_answer_ends_the_connection() {
    answered_by(
        &[0, 0, 0, 10, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0],
        "the answer is to request 9, not to 2",
    );
    answered_by(
        &[0, 0, 0, 2, 0, 0],
        "an answer of 2 bytes has no correlation id",
    );
    answered_by(&[0xff, 0xff, 0xff, 0xfe], "an answer of -2 bytes");
    answered_by(
        &[0x7f, 0xff, 0xff, 0xff],
        "an answer of 2147483647 bytes, more than the 104857600 allowed",
    );
    answered_by(
        &[0, 0, 0, 6, 0, 0, 0, 2, 0, 0],
        "4 bytes needed, 2 left (at heartbeat::Response.throttle_time_ms)",
    );
    answered_by(
        &[0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
        "1 bytes behind the answer",
    );
}

#[test]
fn dripping_bytes_do_not_put_the_deadline_off() {
    let broker = Broker::start(|_, mut peer| {
        peer.greet();
        peer.beat(0);
        peer.expect(ApiKey::Heartbeat);
        peer.send(&1_000_i32.to_be_bytes());
        let pause = Duration::from_millis(20);
        while peer.stream.write_all(&[0]).is_ok() {
            thread::sleep(pause);
        }
    });
    let to = target(broker.address);
    let mut client = Client::new();
    assert_eq!(client.beat(&to).unwrap(), 0);
    let timeout = Duration::from_secs(2);
    let start = Instant::now();
    let token = client.send(&to, timeout);
    assert_kind(&client.error(token), &ErrorKind::Timeout(timeout));
    assert!((timeout..SOON).contains(&start.elapsed()));
}

#[test]
fn a_broker_that_takes_no_bytes_is_given_up_after_the_write_timeout() {
    let (finished, wait) = bounded::<()>(0);
    let broker = Broker::start(move |_, mut peer| {
        peer.greet();
        // Reads nothing: what the sockets hold is soon full.
        let _ = wait.recv();
    });
    let timeout = Duration::from_millis(300);
    let mut client = Client::with(|config| config.net.write_timeout = timeout);
    let large = Call::FindCoordinator(find_coordinator::Ask {
        group_id: "g".repeat(50 << 20),
    });
    let token = client.send_call(&target(broker.address), large, LONG);
    let start = Instant::now();
    assert_kind(&client.error(token), &ErrorKind::Timeout(timeout));
    assert!(start.elapsed() < SOON);
    drop(finished);
}

#[test]
fn a_call_that_cannot_be_put_fails_alone() {
    let broker = Broker::start(|_, mut peer| {
        peer.greet();
        peer.beat(1);
        peer.beat(2);
        peer.wait_for_end();
    });
    let to = target(broker.address);
    let mut client = Client::with(|config| config.limits.request = 1000);
    assert_eq!(client.beat(&to).unwrap(), 1);

    let Call::Heartbeat(mut large) = beat() else {
        unreachable!("it is a heartbeat");
    };
    large.member_id = "m".repeat(2000);
    let large = client.send_call(&to, Call::Heartbeat(large), LONG);
    let error = client.error(large);
    assert_kind(&error, &ErrorKind::Config);
    assert!(
        error.to_string().contains("limits.request (1000)"),
        "{error}"
    );
    assert_eq!(client.beat(&to).unwrap(), 2);
    assert_eq!(broker.connections(), 1);
}

#[test]
fn a_broker_that_speaks_no_version_of_an_api_is_asked_anew_before_the_next_call() {
    let broker = Broker::start(|number, mut peer| {
        let asked = peer.expect(ApiKey::ApiVersions);
        let mut versions = all_versions();
        if number == 0 {
            let lacks = ApiKey::FindCoordinator.key();
            versions.api_keys.retain(|listed| listed.api_key != lacks);
        }
        peer.answer::<api_versions::Request>(&asked, &versions);
        if number == 0 {
            return peer.expect_end();
        }
        peer.beat(1);
        peer.wait_for_end();
    });
    let to = target(broker.address);
    let mut client = Client::new();
    let group_id = "g".to_owned();
    let ask = Call::FindCoordinator(find_coordinator::Ask { group_id });
    let unknown = client.send_call(&to, ask, LONG);
    let behind = client.send(&to, LONG);
    let error = client.error(unknown);
    assert_kind(&error, &ErrorKind::Version);
    assert_eq!(error.broker(), Some(broker.address.to_string()));
    assert_eq!(client.result(behind).unwrap(), 1, "it fails alone");
    assert_eq!(broker.connections(), 2);
}

#[test]
fn an_idle_connection_is_closed_and_comes_back_with_the_next_call() {
    let (ended, end) = bounded(1);
    let broker = Broker::start(move |number, mut peer| {
        peer.greet();
        peer.beat(number as i16);
        peer.expect_end();
        let _ = ended.send(());
    });
    let to = target(broker.address);
    let timing = Timing {
        max_idle: Duration::from_millis(50),
        patience: LONG,
    };
    let mut client = Client::with_timing(timing, |_| ());
    assert_eq!(client.beat(&to).unwrap(), 0);
    end.recv_timeout(LONG).unwrap();
    // The thread is about to end; a call that races it may still find it, and fails then.
    let again = (0..100).find_map(|_| client.beat(&to).ok());
    assert_eq!(again, Some(1));
}

#[test]
fn a_panic_completes_the_calls_and_ends_the_connection_alone() {
    let broker = Broker::start(|number, mut peer| {
        peer.greet();
        peer.beat(number as i16);
        if number == 0 {
            peer.expect_end();
        }
        peer.wait_for_end();
    });
    let to = target(broker.address);
    let (sender, completions) = bounded(10);
    let (both_sent, sent) = bounded::<()>(0);
    let on_completion = Arc::new(move |completion: Completion| {
        if completion.token == Token(1) {
            let _ = sent.recv();
            panic!("as the test wants it");
        }
        sender.send(completion).unwrap();
    });
    let mut pool = Pool::new(Arc::new(Config::default()), on_completion);
    pool.send(&to, Token(1), beat(), LONG);
    pool.send(&to, Token(2), beat(), LONG);
    drop(both_sent);
    let behind = completions.recv_timeout(LONG).unwrap();
    assert_eq!(behind.token, Token(2));
    let panicked = ErrorKind::Panicked("as the test wants it".into());
    assert_kind(&behind.result.unwrap_err(), &panicked);
    pool.send(&to, Token(3), beat(), LONG);
    let next = completions.recv_timeout(LONG).unwrap();
    assert_eq!(next.token, Token(3));
    assert_eq!(next.result.unwrap().into_heartbeat().error.0, 1);
}

#[test]
fn a_call_that_everybody_forgets_is_disconnected() {
    let (sender, completions) = bounded(1);
    let on_completion = Arc::new(move |completion: Completion| sender.send(completion).unwrap());
    let to = target(ANYWHERE);
    drop(Reply::new(Token(7), to.clone(), on_completion));
    let completion = completions.recv_timeout(LONG).unwrap();
    assert_eq!((completion.token, &completion.to), (Token(7), &to));
    let error = completion.result.unwrap_err();
    assert_kind(&error, &ErrorKind::Disconnected);
    assert!(error.broker().is_some());
    assert!(completions.recv().is_err(), "there is no second one");
}
