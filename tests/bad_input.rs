//! What a user can get wrong before the first record: the error says what, where and what to do, and
//! comes in time.

use std::{
    error::Error as _,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use sarama_cluster::{
    Client, Config, Consumer, Error, ErrorKind, KafkaVersion, config::IsolationLevel,
    testing::FakeCluster,
};

/// What a loaded machine may add to a bound.
const SLACK: Duration = Duration::from_secs(10);

/// A dial timeout for those that nobody answers.
const SHORT: Duration = Duration::from_millis(700);

/// The error of a consumer that starts from this address, where somebody has the answer and may be slow.
fn refusal(address: &str) -> Error {
    refusal_within(address, Config::default().net.dial_timeout)
}

/// The error of a consumer that starts from this address, which must come within the dial timeout.
fn refusal_within(address: &str, dial_timeout: Duration) -> Error {
    let mut config = Config::default();
    config.net.dial_timeout = dial_timeout;
    let began = Instant::now();
    let error = Consumer::new([address], "group", "topic", config).unwrap_err();
    let took = began.elapsed();
    assert!(took < dial_timeout + SLACK, "{took:?} until {error}");
    error
}

/// It says where, and it says what to do.
fn assert_helpful(error: &Error, address: &str, advice: &str) {
    let said = error.to_string();
    assert!(said.contains(address), "where? {said}");
    assert!(said.contains(advice), "what to do? {said}");
    assert_eq!(error.broker().as_deref(), Some(address));
}

/// Serves each connection that comes with this.
fn serve(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the process: nothing tells it that no more connections come.
    thread::spawn(move || listener.incoming().flatten().for_each(&serve));
    address
}

/// Answers whatever comes first with these bytes, and hangs up.
fn answer_with(bytes: &'static [u8]) -> SocketAddr {
    serve(move |mut socket| {
        let _ = socket.read(&mut [0; 1024]);
        let _ = socket.write_all(bytes);
    })
}

#[test]
fn an_address_where_nobody_listens() {
    let kafka = FakeCluster::start();
    let address = kafka.address(1);
    // It keeps its port.
    kafka.stop_broker(1);
    let error = refusal(&address);
    assert_eq!(*error.kind(), ErrorKind::Connect);
    assert_helpful(&error, &address, "check that a broker listens there");
    assert!(error.source().is_some(), "the system's own word");
}

#[test]
fn an_address_that_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let error = refusal_within(&address, SHORT);
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
    assert_helpful(&error, &address, "check the address");
}

#[test]
fn an_address_that_hangs_up() {
    let address = serve(drop).to_string();
    let error = refusal(&address);
    assert_eq!(*error.kind(), ErrorKind::Disconnected, "{error}");
    assert_helpful(&error, &address, "check that it is a listener for Kafka");
}

#[test]
fn a_web_server() {
    let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let address = answer_with(answer).to_string();
    let error = refusal(&address);
    assert_eq!(*error.kind(), ErrorKind::NotKafka("HTTP"));
    assert_helpful(&error, &address, "check the address");
}

#[test]
fn a_tls_port() {
    // A fatal alert: unexpected message.
    let address = answer_with(&[0x15, 3, 3, 0, 2, 2, 10]).to_string();
    let error = refusal(&address);
    assert_eq!(*error.kind(), ErrorKind::NotKafka("TLS"));
    assert_helpful(&error, &address, "check the address");
}

#[test]
fn some_other_server() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"220 mail.example ESMTP\r\n",
        &[0; 64],
        &[0xFF; 64],
    ] {
        let address = answer_with(answer).to_string();
        let error = refusal(&address);
        let said = error.to_string();
        assert!(said.contains(&address), "where? {said}");
        assert!(
            matches!(
                error.kind(),
                ErrorKind::Protocol | ErrorKind::NotKafka(_) | ErrorKind::Disconnected
            ),
            "{error:?}"
        );
    }
}

#[test]
fn a_name_that_cannot_be_resolved() {
    let error = refusal_within("broker.invalid:9092", SHORT);
    // Where the name service itself does not answer, it is a matter of time.
    let is_it = matches!(error.kind(), ErrorKind::Resolve | ErrorKind::Timeout(_));
    assert!(is_it, "{error:?}");
    assert_helpful(&error, "broker.invalid:9092", "check the");
}

#[test]
fn a_good_address_among_bad_ones_will_do() {
    let kafka = FakeCluster::builder().topic("topic", 1).start();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let bad = [
        answer_with(b"HTTP/1.1 400 Bad Request\r\n\r\n").to_string(),
        silent.local_addr().unwrap().to_string(),
    ];
    let addresses = bad.into_iter().chain(kafka.bootstrap());
    let mut config = Config::default();
    config.net.dial_timeout = Duration::from_secs(20);
    let consumer = Consumer::new(addresses, "group", "topic", config).unwrap();
    consumer.close().unwrap();
}

/// What is said of a wrong argument or setting: the field, what it was, and the rule.
fn complaint(result: Result<Consumer, Error>, field: &str) -> String {
    let error = result.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Config, "{error:?}");
    let said = error.to_string();
    let (named, rest) = said.split_once(" = ").expect("field = value: rule");
    assert!(named.ends_with(field), "{field} is not named by {said:?}");
    let (_, rule) = rest.split_once(": ").expect("field = value: rule");
    assert!(rule.contains("must"), "{said:?} does not tell the rule");
    said
}

#[test]
fn addresses_that_are_none() {
    let none: [&str; 0] = [];
    complaint(
        Consumer::new(none, "group", "topic", Config::default()),
        "addrs",
    );
    for address in [
        "broker",
        "broker:",
        ":9092",
        "broker:0",
        "http://broker:9092",
    ] {
        let consumer = Consumer::new([address], "group", "topic", Config::default());
        let said = complaint(consumer, "addrs");
        assert!(
            said.contains(address) && said.contains("host:port"),
            "{said}"
        );
    }
}

#[test]
fn nothing_to_read_and_no_group() {
    let of = |group: &str, topics: &[&str]| {
        Consumer::new(["127.0.0.1:1"], group, topics, Config::default())
    };
    let said = complaint(of("group", &[]), "topics");
    assert!(said.contains("group.topics.whitelist"), "{said}");
    complaint(of("", &["topic"]), "group_id");
    let said = complaint(of("group", &["a topic"]), "topics");
    assert!(said.contains("a topic"), "{said}");
}

/// Each setting with a value that it must not have. Nobody is asked for it.
#[test]
fn settings_that_make_no_sense() {
    const ZERO: Duration = Duration::ZERO;
    let pattern = || regex::Regex::new("t").ok();
    type Spoil = Box<dyn Fn(&mut Config)>;
    let cases: Vec<(&str, Spoil)> = vec![
        ("client_id", Box::new(|c| c.client_id = "x".repeat(40_000))),
        (
            "client_id",
            Box::new(|c| {
                c.version = KafkaVersion::V0_11_0_0;
                c.client_id = "with a blank".to_owned();
            }),
        ),
        (
            "rack_id",
            Box::new(|c| c.rack_id = Some("x".repeat(40_000))),
        ),
        (
            "channel_buffer_size",
            Box::new(|c| c.channel_buffer_size = Some(0)),
        ),
        (
            "channel_buffer_size",
            Box::new(|c| c.channel_buffer_size = Some(1 << 30)),
        ),
        (
            "version",
            Box::new(|c| c.version = "0.8.2.0".parse().unwrap()),
        ),
        ("net.dial_timeout", Box::new(|c| c.net.dial_timeout = ZERO)),
        ("net.read_timeout", Box::new(|c| c.net.read_timeout = ZERO)),
        (
            "net.write_timeout",
            Box::new(|c| c.net.write_timeout = Duration::MAX),
        ),
        (
            "net.keep_alive",
            Box::new(|c| c.net.keep_alive = Some(ZERO)),
        ),
        (
            "metadata.retry.backoff",
            Box::new(|c| c.metadata.retry.backoff = ZERO),
        ),
        (
            "metadata.refresh_frequency",
            Box::new(|c| c.metadata.refresh_frequency = Duration::MAX),
        ),
        (
            "metadata.timeout",
            Box::new(|c| c.metadata.timeout = Some(ZERO)),
        ),
        (
            "metadata.full",
            Box::new(move |c| {
                c.metadata.full = false;
                c.group.topics.whitelist = pattern();
            }),
        ),
        ("limits.request", Box::new(|c| c.limits.request = 0)),
        ("limits.response", Box::new(|c| c.limits.response = 0)),
        ("limits.arrays", Box::new(|c| c.limits.arrays = 0)),
        ("limits.batch", Box::new(|c| c.limits.batch = 0)),
        (
            "limits.decompressed_batch",
            Box::new(|c| c.limits.decompressed_batch = 0),
        ),
        ("consumer.fetch.min", Box::new(|c| c.consumer.fetch.min = 0)),
        (
            "consumer.fetch.default",
            Box::new(|c| c.consumer.fetch.default = -1),
        ),
        (
            "consumer.fetch.max",
            Box::new(|c| c.consumer.fetch.max = Some(1)),
        ),
        (
            "consumer.fetch.max_bytes",
            Box::new(|c| c.consumer.fetch.max_bytes = i32::MAX),
        ),
        (
            "consumer.fetch.budget",
            Box::new(|c| c.consumer.fetch.budget = 1),
        ),
        (
            "consumer.retry.backoff",
            Box::new(|c| c.consumer.retry.backoff = ZERO),
        ),
        (
            "consumer.max_wait_time",
            Box::new(|c| c.consumer.max_wait_time = ZERO),
        ),
        (
            "consumer.max_wait_time",
            Box::new(|c| c.consumer.max_wait_time = Duration::from_micros(1500)),
        ),
        (
            "consumer.offsets.commit_interval",
            Box::new(|c| c.consumer.offsets.commit_interval = ZERO),
        ),
        (
            "consumer.offsets.retention",
            Box::new(|c| c.consumer.offsets.retention = Some(ZERO)),
        ),
        (
            "consumer.isolation_level",
            Box::new(|c| {
                c.version = KafkaVersion::V0_10_0_0;
                c.consumer.isolation_level = IsolationLevel::ReadCommitted;
            }),
        ),
        (
            "group.offsets.synchronization.dwell_time",
            Box::new(|c| c.group.offsets.synchronization.dwell_time = ZERO),
        ),
        (
            "group.session.timeout",
            Box::new(|c| c.group.session.timeout = ZERO),
        ),
        (
            "group.rebalance.timeout",
            Box::new(|c| c.group.rebalance.timeout = ZERO),
        ),
        (
            "group.heartbeat.interval",
            Box::new(|c| c.group.heartbeat.interval = ZERO),
        ),
        (
            "group.heartbeat.interval",
            Box::new(|c| c.group.heartbeat.interval = c.group.session.timeout),
        ),
        (
            "group.member.user_data",
            Box::new(|c| c.group.member.user_data = vec![0; 60 << 20]),
        ),
        (
            "group.instance_id",
            Box::new(|c| c.group.instance_id = Some("with a blank".to_owned())),
        ),
        ("close_timeout", Box::new(|c| c.close_timeout = ZERO)),
    ];
    for (field, spoil) in cases {
        let mut spoilt = Config::default();
        spoil(&mut spoilt);
        let began = Instant::now();
        let consumer = Consumer::new(["127.0.0.1:1"], "group", "topic", spoilt.clone());
        complaint(consumer, field);
        assert!(began.elapsed() < SLACK);
        let client = Client::new(["127.0.0.1:1"], spoilt).unwrap_err();
        assert_eq!(*client.kind(), ErrorKind::Config, "{field}");
    }
}
