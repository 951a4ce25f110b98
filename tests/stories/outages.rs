//! What others do wrong: topics that go, connections that are dead, permissions that lack, addresses that lie.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use sarama_cluster::{
    Consumer, ErrorCode, ErrorKind,
    testing::{ApiKey, FakeCluster, Fault},
};

use crate::{
    plain::{GROUP, committed, config, join, take, texts},
    world::PATIENCE,
};

/// Scenario 12: one topic of two is deleted.
#[test]
fn a_topic_that_is_deleted_is_told_and_the_other_flows() {
    let kafka = FakeCluster::builder().topic("t", 1).topic("u", 1).start();
    let topics = ["t", "u"];
    let consumer = Consumer::new(kafka.bootstrap(), GROUP, topics, config());
    let consumer = consumer.expect("brokers are there");
    kafka.produce("t", 0, [("", "before")]);
    let taken = take(consumer.messages(), 1);
    consumer.mark_offset(&taken[0], "");
    kafka.delete_topic("u");
    let told = consumer.errors().iter().find(|error| {
        error.topic() == Some("u") && error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    });
    assert!(told.is_some());
    reads_the_second_and_commits(&kafka, &consumer);
}

/// What is written after the first record is read, and committed by the close.
fn reads_the_second_and_commits(kafka: &FakeCluster, consumer: &Consumer) {
    kafka.produce("t", 0, [("", "after")]);
    let taken = take(consumer.messages(), 1);
    assert_eq!(texts(&taken), ["after"]);
    consumer.mark_offset(&taken[0], "");
    consumer.close().expect("what is there is committed");
    assert_eq!(committed(kafka, 0), Some(2));
}

/// Scenario 21: a connection that takes everything and answers nothing. The requests run into their time,
/// others are opened, and the group goes on.
#[test]
fn connections_that_are_half_open_are_given_up() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let mut config = config();
    config.net.read_timeout = Duration::from_millis(600);
    config.consumer.max_wait_time = Duration::from_millis(50);
    config.group.session.timeout = Duration::from_secs(6);
    config.group.heartbeat.interval = Duration::from_millis(100);
    let consumer = join(&kafka, config);
    kafka.produce("t", 0, [("", "before")]);
    take(consumer.messages(), 1);
    for api in [ApiKey::Fetch, ApiKey::Heartbeat, ApiKey::Metadata] {
        let silence = kafka.inject(Fault::on(api).times(1).silence());
        let seen = kafka.requests_seen(api);
        // The one that is not answered, and one that is.
        kafka.await_requests(PATIENCE, api, seen + 2);
        assert!(!kafka.view(|cluster| cluster.is_armed(silence)));
    }
    reads_the_second_and_commits(&kafka, &consumer);
}

/// Scenario 21: the machine of a leader is gone, which says nothing, and nobody gives a call up for minutes. Its partition is
/// read from the successor as soon as there is one.
#[test]
fn a_partition_is_read_from_the_successor_while_the_former_leader_is_silent() {
    let kafka = FakeCluster::builder().brokers(3).topic("t", 1).start();
    let minutes = 10 * PATIENCE;
    let mut config = config();
    config.net.read_timeout = minutes;
    config.net.dial_timeout = minutes;
    let consumer = join(&kafka, config);
    kafka.produce("t", 0, [("", "before")]);
    take(consumer.messages(), 1);
    let leader = kafka.leader("t", 0).expect("it has one");
    let on_it = |api| Fault::on(api).broker(leader);
    kafka.inject(on_it(ApiKey::Metadata).silence());
    let lost = kafka.inject(on_it(ApiKey::Fetch).times(1).silence());
    kafka.await_until(PATIENCE, |cluster| !cluster.is_armed(lost));
    let successor = leader % 3 + 1;
    kafka.move_leader("t", 0, successor);
    reads_the_second_and_commits(&kafka, &consumer);
}

/// Scenario 22: the group may not be used. That is the end, with a cause, and not tried for ever.
#[test]
fn who_may_not_use_the_group_is_told_so_once_and_for_all() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let refused = Fault::on(ApiKey::FindCoordinator).group(GROUP);
    kafka.inject(refused.error(ErrorCode::GROUP_AUTHORIZATION_FAILED));
    let consumer = join(&kafka, config());
    consumer
        .messages()
        .recv()
        .expect_err("it has ended by itself");
    let cause = consumer.error().expect("there is a cause");
    assert_eq!(cause.code(), Some(ErrorCode::GROUP_AUTHORIZATION_FAILED));
    let asked = kafka.requests_seen(ApiKey::FindCoordinator);
    assert_eq!(
        consumer.close().map_err(|error| error.code()),
        Err(cause.code())
    );
    assert_eq!(kafka.requests_seen(ApiKey::FindCoordinator), asked);
}

/// Scenario 22: one topic of the group may not be read. It is told, and read as soon as it may be.
#[test]
fn who_may_not_read_a_topic_is_told_so_and_reads_it_when_it_may() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    kafka.produce("t", 0, [("", "value")]);
    let refused = Fault::on(ApiKey::Fetch).partition("t", 0);
    let refused = kafka.inject(refused.error(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    let consumer = join(&kafka, config());
    let told = consumer
        .errors()
        .recv_timeout(PATIENCE)
        .expect("it is told");
    assert_eq!(told.code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!((told.topic(), told.partition()), (Some("t"), Some(0)));
    kafka.lift(refused);
    assert_eq!(texts(&take(consumer.messages(), 1)), ["value"]);
    consumer.close().expect("nothing was marked");
}

/// A quota that is used up is no failure: nobody is told, and all is read though none is forgiven.
#[test]
fn a_quota_that_is_used_up_slows_the_reading_down_and_nothing_else() {
    let kafka = FakeCluster::builder().topic("t", 2).start();
    for partition in 0..2 {
        kafka.produce("t", partition, [("", "one"), ("", "two")]);
    }
    let put_off = Fault::on(ApiKey::Fetch).times(5);
    let put_off = kafka.inject(put_off.throttle(Duration::from_millis(20)));
    let mut config = config();
    config.consumer.retry.max = Some(0);
    let consumer = join(&kafka, config);
    let taken = take(consumer.messages(), 4);
    assert!(!kafka.view(|cluster| cluster.is_armed(put_off)));
    for message in &taken {
        consumer.mark_offset(message, "");
    }
    assert!(consumer.errors().is_empty());
    consumer.close().expect("all is committed");
    assert_eq!(
        (committed(&kafka, 0), committed(&kafka, 1)),
        (Some(2), Some(2))
    );
}

/// Scenario 27: the address at which a broker is said to be is that of a web server.
#[test]
fn an_address_that_belongs_to_a_web_server_is_named_for_what_it_is() {
    let web = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = web.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in web.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 64];
            // What it wants is no matter.
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let begin = Instant::now();
    let refused = Consumer::new([address.to_string()], GROUP, "t", config());
    let error = refused.expect_err("that is no Kafka");
    assert_eq!(*error.kind(), ErrorKind::NotKafka("HTTP"));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(20));
}
