//! The beginning of a connection: who is there, and what does it speak?

use std::{
    io::{BufRead, BufReader},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    call::Lane,
    config::KafkaVersion,
    error::ErrorKind,
    protocol::{
        ApiKey, ErrorCode,
        api_versions::{self, ApiVersion},
        heartbeat, metadata,
    },
};

use super::{
    broker::{Asked, Broker, Peer, beaten},
    client::{Client, LONG, SOON, assert_kind, cause, target},
};

/// Patience with brokers that are silent, still long enough for one that is not.
const SHORT: Duration = Duration::from_millis(500);

#[test]
fn the_broker_is_greeted_in_the_newest_version_and_told_the_name_of_this_library() {
    let broker = Broker::start(|_, mut peer| {
        let asked = peer.expect(ApiKey::ApiVersions);
        assert_eq!(
            asked.header.api_version,
            *ApiKey::ApiVersions.versions().end()
        );
        let body: api_versions::Request = asked.body();
        assert_eq!(body.client_software_name, "sarama-cluster");
        assert_eq!(body.client_software_version, env!("CARGO_PKG_VERSION"));
        assert_eq!((body.cluster_id, body.node_id), (None, -1));
        peer.answer::<api_versions::Request>(&asked, &heartbeats(0, 2));
        let asked = peer.expect(ApiKey::Heartbeat);
        assert_eq!(asked.header.api_version, 2);
        peer.answer::<heartbeat::Request>(&asked, &beaten(1));
    });
    assert_eq!(Client::new().beat(&target(broker.address)).unwrap(), 1);
}

fn heartbeats(min_version: i16, max_version: i16) -> api_versions::Response {
    let listed = ApiVersion {
        api_key: ApiKey::Heartbeat.key(),
        min_version,
        max_version,
    };
    api_versions::Response {
        api_keys: vec![listed],
        ..Default::default()
    }
}

/// Refuses the version of the greeting, and tells which to use or not.
fn refuse(peer: &mut Peer, listed: Option<i16>) -> Asked {
    let asked = peer.expect(ApiKey::ApiVersions);
    let usable = listed.map(|max_version| ApiVersion {
        api_key: ApiKey::ApiVersions.key(),
        min_version: 0,
        max_version,
    });
    let refusal = api_versions::Response {
        error_code: ErrorCode::UNSUPPORTED_VERSION,
        api_keys: usable.into_iter().collect(),
        ..Default::default()
    };
    // The refusal comes in version 0, whatever the version of the request.
    let id = asked.header.correlation_id;
    let frame = crate::protocol::header::encode_response::<api_versions::Request>(&refusal, 0, id);
    peer.send(&frame.unwrap());
    asked
}

#[test]
fn a_greeting_that_is_refused_is_repeated_in_the_version_listed_or_in_version_0() {
    for (listed, expected) in [(None, 0), (Some(3), 3), (Some(0), 0), (Some(-5), 0)] {
        let broker = Broker::start(move |_, mut peer| {
            refuse(&mut peer, listed);
            let asked = peer.expect(ApiKey::ApiVersions);
            assert_eq!(asked.header.api_version, expected);
            peer.answer::<api_versions::Request>(&asked, &heartbeats(0, 1));
            peer.beat(1);
        });
        assert_eq!(Client::new().beat(&target(broker.address)).unwrap(), 1);
        assert_eq!(broker.connections(), 1);
    }
}

#[test]
fn a_broker_that_refuses_every_greeting_is_given_up() {
    let broker = Broker::start(|_, mut peer| {
        refuse(&mut peer, Some(2));
        refuse(&mut peer, Some(1));
        peer.expect_end();
    });
    let error = Client::new().beat(&target(broker.address)).unwrap_err();
    assert_kind(&error, &ErrorKind::Broker(ErrorCode::UNSUPPORTED_VERSION));
    assert_eq!(
        (error.context(), error.api()),
        ("handshake", Some("ApiVersions"))
    );
}

/// What becomes of a call if the greeting is answered by these bytes.
#[track_caller]
fn greeted_by(bytes: &'static [u8]) -> crate::error::Error {
    let broker = Broker::start(move |_, mut peer| {
        peer.expect(ApiKey::ApiVersions);
        peer.send(bytes);
        peer.wait_for_end();
    });
    let start = Instant::now();
    let error = Client::new().beat(&target(broker.address)).unwrap_err();
    assert!(start.elapsed() < SOON);
    assert_eq!(error.broker(), Some(broker.address.to_string()));
    error
}

#[test]
fn what_is_not_kafka_is_called_by_its_name() {
    let error = greeted_by(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    assert_kind(&error, &ErrorKind::NotKafka("HTTP"));
    let error = greeted_by(&[0x15, 3, 3, 0, 2, 2, 40]);
    assert_kind(&error, &ErrorKind::NotKafka("TLS"));
    let error = greeted_by(b"220 mail.example.com ESMTP\r\n");
    assert_kind(&error, &ErrorKind::Protocol);
    assert_eq!(
        cause(&error),
        "an answer of 842149920 bytes, more than the 1048576 allowed"
    );
}

#[test]
fn an_http_server_that_waits_for_the_end_of_a_line_is_known_too() {
    let patience = Duration::from_secs(2);
    for dial_timeout in [LONG, patience] {
        let broker = Broker::start(|_, mut peer| {
            let mut lines = BufReader::new(peer.stream.try_clone().unwrap());
            let mut request = Vec::new();
            lines.read_until(b'\n', &mut request).unwrap();
            if request.ends_with(b"\r\n") {
                peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            }
        });
        let mut client =
            Client::with_patience(patience, |config| config.net.dial_timeout = dial_timeout);
        let error = client.beat(&target(broker.address)).unwrap_err();
        assert_kind(&error, &ErrorKind::NotKafka("HTTP"));
    }
}

#[test]
fn a_port_that_closes_each_connection_at_once_is_suspected_to_speak_tls() {
    let broker = Broker::start(|_, peer| drop(peer));
    let error = Client::new().beat(&target(broker.address)).unwrap_err();
    assert_kind(&error, &ErrorKind::Disconnected);
    assert_eq!(
        cause(&error),
        "closed at the first request, as TLS ports do"
    );
}

#[test]
fn a_port_that_is_silent_costs_the_dial_timeout() {
    let broker = Broker::start(|_, mut peer| peer.wait_for_end());
    let timeout = 5 * SHORT;
    let mut client = Client::with_patience(SHORT, |config| config.net.dial_timeout = timeout);
    let start = Instant::now();
    let error = client.beat(&target(broker.address)).unwrap_err();
    assert_kind(&error, &ErrorKind::Timeout(timeout));
    assert!(start.elapsed() < SOON);
    assert_eq!(
        broker.connections(),
        2,
        "a second one for the proof of a 0.9"
    );
}

#[test]
fn without_the_time_for_a_proof_a_silent_port_is_not_suspected() {
    let broker = Broker::start(|_, mut peer| peer.wait_for_end());
    let timeout = SHORT;
    let mut client = Client::with_patience(SHORT, |config| config.net.dial_timeout = timeout);
    let error = client.beat(&target(broker.address)).unwrap_err();
    assert_kind(&error, &ErrorKind::Timeout(timeout));
    assert_eq!(broker.connections(), 1);
}

/// What a 0.9 broker does with a request that it does not know.
#[derive(Clone, Copy)]
enum Unknown {
    /// The connection answers nothing any more.
    Silence,
    Close,
}

/// Speaks as a 0.9 broker, and counts the requests that it does not know.
fn old_broker(peer: &mut Peer, unknown: Unknown, greetings: &AtomicUsize) {
    while let Some(asked) = peer.read() {
        match asked.header.api() {
            Some(ApiKey::Heartbeat) => {
                assert_eq!(asked.header.api_version, 0);
                peer.answer::<heartbeat::Request>(&asked, &beaten(9));
            }
            Some(ApiKey::Metadata) => {
                assert_eq!(asked.header.api_version, 0);
                let body: metadata::Request = asked.body();
                assert_eq!(
                    body.topics,
                    Some(Vec::new()),
                    "asks for all, so creates none"
                );
                peer.answer::<metadata::Request>(&asked, &metadata::Response::default());
            }
            _ => {
                greetings.fetch_add(1, Ordering::SeqCst);
                match unknown {
                    Unknown::Silence => return peer.wait_for_end(),
                    Unknown::Close => return,
                }
            }
        }
    }
}

#[test]
fn a_broker_that_knows_metadata_and_not_the_greeting_is_a_0_9_and_remembered_as_one() {
    for unknown in [Unknown::Silence, Unknown::Close] {
        let greetings = Arc::<AtomicUsize>::default();
        let broker = Broker::start({
            let greetings = Arc::clone(&greetings);
            move |_, mut peer| old_broker(&mut peer, unknown, &greetings)
        });
        let to = target(broker.address);
        let mut client = Client::with_patience(SHORT, |_| ());
        assert_eq!(client.beat(&to).unwrap(), 9);
        assert_eq!(
            greetings.load(Ordering::SeqCst),
            2,
            "one that makes suspicious, one as the proof"
        );
        assert_eq!(broker.connections(), 3);

        let mut other_lane = to.clone();
        other_lane.lane = Lane::Fetch;
        assert_eq!(client.beat(&other_lane).unwrap(), 9);
        assert_eq!(greetings.load(Ordering::SeqCst), 2);
        assert_eq!(broker.connections(), 4);
    }
}

#[test]
fn a_lost_connection_ends_the_memory_of_a_0_9() {
    let broker = Broker::start(|number, mut peer| match number {
        0 | 1 => old_broker(&mut peer, Unknown::Close, &AtomicUsize::new(0)),
        // The third is closed for the upgrade.
        2 => {
            let asked = peer.expect(ApiKey::Heartbeat);
            peer.answer::<heartbeat::Request>(&asked, &beaten(0));
        }
        _ => {
            peer.greet();
            peer.beat(4);
        }
    });
    let to = target(broker.address);
    let mut client = Client::with_patience(SHORT, |_| ());
    assert_eq!(client.beat(&to).unwrap(), 0);
    assert_eq!(client.beat(&to).unwrap(), 4);
    assert_eq!(broker.connections(), 4);
}

#[test]
fn a_broker_that_was_only_slow_is_not_taken_for_a_0_9() {
    let broker = Broker::start(|number, mut peer| match number {
        0 => peer.wait_for_end(),
        1 => {
            let asked = peer.expect(ApiKey::Metadata);
            peer.answer::<metadata::Request>(&asked, &metadata::Response::default());
            peer.greet();
            peer.beat(1);
            peer.wait_for_end();
        }
        _ => {
            peer.greet();
            peer.beat(2);
        }
    });
    let to = target(broker.address);
    let mut client = Client::with_patience(SHORT, |_| ());
    assert_eq!(client.beat(&to).unwrap(), 1);
    let mut other_lane = to.clone();
    other_lane.lane = Lane::Fetch;
    assert_eq!(client.beat(&other_lane).unwrap(), 2);
    assert_eq!(broker.connections(), 3);
}

#[test]
fn a_release_before_0_10_in_the_settings_spares_the_greeting() {
    let broker = Broker::start(|_, mut peer| {
        let asked = peer.expect(ApiKey::Heartbeat);
        assert_eq!(asked.header.api_version, 0);
        peer.answer::<heartbeat::Request>(&asked, &beaten(3));
    });
    let mut client = Client::with(|config| config.version = KafkaVersion::V0_9_0_0);
    assert_eq!(client.beat(&target(broker.address)).unwrap(), 3);
}
