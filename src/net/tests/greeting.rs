//! The beginning of a connection: who is there, and what does it speak?

use std::{
    io::{BufRead, BufReader},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
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

/// The first question of a client has a large answer where the broker is a 0.9.
#[test]
fn what_is_not_kafka_is_called_by_its_name_whatever_the_largest_answer() {
    let spoken: [(&'static [u8], &str); 2] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (&[0x15, 3, 3, 0, 2, 2, 40], "TLS"),
    ];
    for (bytes, protocol) in spoken {
        let broker = Broker::start(move |_, mut peer| {
            peer.read();
            peer.send(bytes);
            peer.wait_for_end();
        });
        let mut client = Client::with(|config| config.limits.response = i32::MAX as usize);
        let error = client.beat(&target(broker.address)).unwrap_err();
        assert_kind(&error, &ErrorKind::NotKafka(protocol));
        assert_eq!(broker.connections(), 1);
    }
}

#[test]
fn an_http_server_that_waits_for_the_end_of_a_line_is_known_too() {
    // With time for two questions, and without.
    let times = [(LONG / 5, LONG), (LONG, LONG / 2)];
    let at_once = |(patience, dial_timeout)| {
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
    };
    thread::scope(|scope| {
        for time in times {
            scope.spawn(move || at_once(time));
        }
    });
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

/// Others wait behind the call: it must be over by its own time. That is too little to ask what an old broker that has
/// a pause does not know.
#[test]
fn a_port_that_is_silent_costs_no_call_more_than_its_time() {
    let broker = Broker::start(|_, mut peer| peer.wait_for_end());
    let mut client = Client::new();
    let token = client.send(&target(broker.address), SHORT);
    let error = client.error(token);
    assert_kind(&error, &ErrorKind::Timeout(SHORT));
    assert_eq!(broker.connections(), 1);
}

/// A client that has met a newer broker begins otherwise, and then there is time for the proof.
#[test]
fn a_call_that_is_soon_over_finds_out_an_old_broker_all_the_same() {
    let (broker, _) = start_old_broker(Unknown::Silence);
    let mut client = worldly_client();
    let token = client.send(&target(broker.address), 4 * SHORT);
    assert_eq!(client.result(token).unwrap(), 9);
    assert_eq!(broker.connections(), 2);
}

/// Where there is no time for two questions, the one that has to be asked anyway gets it.
#[test]
fn a_slow_broker_is_reached_by_a_call_that_is_soon_over() {
    let limit = 8 * SHORT;
    let broker = Broker::start(move |_, mut peer| {
        let asked = peer.expect(ApiKey::ApiVersions);
        peer.is_waited_for(limit / 3);
        peer.answer::<api_versions::Request>(&asked, &heartbeats(0, 1));
        peer.beat(5);
    });
    let mut client = worldly(Client::with_patience(LONG, |_| ()));
    let token = client.send(&target(broker.address), limit);
    assert_eq!(client.result(token).unwrap(), 5);
    assert_eq!(broker.connections(), 1);
}

/// And the next one begins with the other question.
#[test]
fn an_old_broker_is_found_out_by_the_second_call_that_is_soon_over() {
    let (broker, greetings) = start_old_broker(Unknown::Silence);
    let to = target(broker.address);
    let mut client = worldly(Client::with_patience(LONG, |_| ()));
    let token = client.send(&to, SHORT);
    assert_kind(&client.error(token), &ErrorKind::Timeout(SHORT));
    assert_eq!(client.beat(&to).unwrap(), 9);
    assert_eq!(broker.connections(), 2);
    assert_eq!(greetings.load(Ordering::SeqCst), 1);
}

/// What a 0.9 broker does with a request that it does not know.
#[derive(Clone, Copy)]
enum Unknown {
    /// The connection answers nothing any more.
    Silence,
    Close,
}

/// A 0.9 broker, and how many requests have come that it does not know.
fn start_old_broker(unknown: Unknown) -> (Broker, Arc<AtomicUsize>) {
    let greetings = Arc::<AtomicUsize>::default();
    let broker = Broker::start({
        let greetings = Arc::clone(&greetings);
        move |_, mut peer| old_broker(&mut peer, unknown, &greetings)
    });
    (broker, greetings)
}

/// Speaks as a 0.9 broker, and counts the requests that it does not know.
fn old_broker(peer: &mut Peer, unknown: Unknown, greetings: &AtomicUsize) {
    while let Some(asked) = peer.read() {
        match asked.header.api() {
            Some(ApiKey::Heartbeat) => {
                assert_eq!(asked.header.api_version, 0);
                peer.answer::<heartbeat::Request>(&asked, &beaten(9));
            }
            Some(ApiKey::Metadata) => old_metadata(peer, &asked),
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

/// Answers in version 0, whatever the version of the request.
fn old_metadata(peer: &mut Peer, asked: &Asked) {
    let body: metadata::Request = asked.body();
    let none = Some(Vec::new());
    assert_eq!(body.topics, none, "one that is asked for may be created");
    let brokers = (1..4).map(|node_id| metadata::Broker {
        node_id,
        host: "127.0.0.1".into(),
        port: 9092,
        ..Default::default()
    });
    let response = metadata::Response {
        brokers: brokers.collect(),
        ..Default::default()
    };
    let id = asked.header.correlation_id;
    let frame = crate::protocol::header::encode_response::<metadata::Request>(&response, 0, id);
    peer.send(&frame.unwrap());
}

#[test]
fn a_0_9_is_known_by_its_metadata_and_never_asked_what_it_does_not_know() {
    let (broker, greetings) = start_old_broker(Unknown::Silence);
    let to = target(broker.address);
    let mut client = Client::new();
    assert_eq!(client.beat(&to).unwrap(), 9);
    assert_eq!(broker.connections(), 1);

    let mut other_lane = to.clone();
    other_lane.lane = Lane::Fetch;
    assert_eq!(client.beat(&other_lane).unwrap(), 9);
    assert_eq!(broker.connections(), 2);
    assert_eq!(greetings.load(Ordering::SeqCst), 0);
}

/// A client that soon has doubts about a silent broker, and gives up after some more time.
fn suspicious_client() -> Client {
    Client::with_patience(SHORT, |config| config.net.dial_timeout = 5 * SHORT)
}

/// A client that has met a newer broker, which is another one than its next.
fn worldly_client() -> Client {
    worldly(suspicious_client())
}

fn worldly(mut client: Client) -> Client {
    let modern = Broker::start(|_, mut peer| {
        peer.greet();
        peer.beat(0);
        peer.expect_end();
    });
    assert_eq!(client.beat(&target(modern.address)).unwrap(), 0);
    client.pool.disconnect(&target(modern.address));
    client
}

#[test]
fn a_0_9_among_newer_ones_is_recognised_by_the_second_question_and_remembered() {
    for unknown in [Unknown::Silence, Unknown::Close] {
        let (broker, greetings) = start_old_broker(unknown);
        let to = target(broker.address);
        let mut client = worldly_client();
        assert_eq!(client.beat(&to).unwrap(), 9);
        assert_eq!(greetings.load(Ordering::SeqCst), 1);
        assert_eq!(broker.connections(), 2);

        let mut other_lane = to.clone();
        other_lane.lane = Lane::Fetch;
        assert_eq!(client.beat(&other_lane).unwrap(), 9);
        assert_eq!(greetings.load(Ordering::SeqCst), 1);
        assert_eq!(broker.connections(), 3);
    }
}

#[test]
fn a_lost_connection_ends_the_memory_of_a_0_9() {
    let broker = Broker::start(|number, mut peer| match number {
        // Closed for the upgrade.
        0 => {
            let asked = peer.read().unwrap();
            old_metadata(&mut peer, &asked);
            peer.beat(0);
        }
        _ => {
            peer.greet();
            peer.beat(4);
            peer.wait_for_end();
        }
    });
    let to = target(broker.address);
    let mut client = Client::new();
    assert_eq!(client.beat(&to).unwrap(), 0);
    assert_eq!(client.beat(&to).unwrap(), 4);
    assert_eq!(broker.connections(), 2);
}

/// The questions of the first connections of a broker are lost, in whatever way, and then it answers.
fn loses_connections(lost: usize, unknown: Unknown) -> Broker {
    Broker::start(move |number, mut peer| {
        if number < lost {
            let _ = peer.read();
            match unknown {
                Unknown::Silence => peer.wait_for_end(),
                Unknown::Close => {}
            }
            return;
        }
        // In the newest version, which no 0.9 is asked for.
        peer.greet();
        let asked = peer.expect(ApiKey::Heartbeat);
        assert_eq!(
            asked.header.api_version,
            *ApiKey::Heartbeat.versions().end()
        );
        peer.answer::<heartbeat::Request>(&asked, &beaten(7));
        peer.wait_for_end();
    })
}

#[test]
fn a_broker_that_restarts_or_was_only_slow_is_not_taken_for_a_0_9() {
    for unknown in [Unknown::Silence, Unknown::Close] {
        for lost in 1..3 {
            for is_worldly in [false, true] {
                let broker = loses_connections(lost, unknown);
                let to = target(broker.address);
                let mut client = match is_worldly {
                    true => worldly_client(),
                    false => suspicious_client(),
                };
                // The owner of the pool tries again; each try takes two connections.
                let mut tries = 1;
                while client.beat(&to).is_err() {
                    tries += 1;
                }
                assert_eq!(broker.connections(), lost + 1);
                assert_eq!(tries, lost / 2 + 1);
            }
        }
    }
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
