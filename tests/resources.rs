//! No socket, no file and no thread outlives a close, in whatever state it comes. One test, for it
//! counts what the whole process has.
#![cfg(target_os = "linux")]

mod process;

use std::{net::TcpListener, time::Duration};

use sarama_cluster::{
    Client, Config, Consumer, ConsumerMode,
    config::InitialOffset,
    testing::{ApiKey, FakeCluster, Fault},
};

use process::{Has, await_that, ours_are_gone};

const PATIENCE: Duration = Duration::from_secs(60);

fn config() -> Config {
    let mut config = Config::default();
    config.close_timeout = Duration::from_secs(2);
    config.consumer.offsets.initial = InitialOffset::Oldest;
    config.group.heartbeat.interval = Duration::from_millis(50);
    config.group.offsets.synchronization.dwell_time = Duration::from_millis(20);
    config.metadata.retry.backoff = Duration::from_millis(20);
    config
}

fn kafka() -> FakeCluster {
    let kafka = FakeCluster::builder().brokers(3).topic("t", 6).start();
    for partition in 0..6 {
        let records = (0..100).map(|n| ("", n.to_string()));
        kafka.produce("t", partition, records);
    }
    kafka
}

/// A consumer in a group of its own: members that could not leave must keep nobody waiting.
fn join(kafka: &FakeCluster, config: Config) -> Consumer {
    let group = format!("group-{}", kafka.requests_seen(ApiKey::Metadata));
    Consumer::new(kafka.bootstrap(), group, "t", config).unwrap()
}

/// In the middle of the work, with messages in hand that outlive everything.
fn closed_in_work(kafka: &FakeCluster) {
    let consumer = join(kafka, config());
    let held: Vec<_> = consumer.messages().iter().take(150).collect();
    consumer.mark_offset(&held[100], "");
    consumer.close().unwrap();
    ours_are_gone();
    drop(consumer);
    drop(held);
}

fn dropped_with_handles(kafka: &FakeCluster) {
    let mut config = config();
    config.group.mode = ConsumerMode::Partitions;
    let consumer = join(kafka, config);
    let handles: Vec<_> = consumer.partitions().iter().take(6).collect();
    let messages: Vec<_> = handles.iter().map(|h| h.messages().recv()).collect();
    drop(consumer);
    ours_are_gone();
    drop((handles, messages));
}

fn closed_before_the_join(kafka: &FakeCluster) {
    for _ in 0..3 {
        drop(join(kafka, config()));
        ours_are_gone();
    }
}

fn closed_while_joining(kafka: &FakeCluster) {
    for api in [
        ApiKey::FindCoordinator,
        ApiKey::JoinGroup,
        ApiKey::SyncGroup,
    ] {
        let held = kafka.inject(Fault::on(api).hold());
        let seen = kafka.requests_seen(api);
        let consumer = join(kafka, config());
        kafka.await_requests(PATIENCE, api, seen + 1);
        consumer.close().unwrap();
        ours_are_gone();
        kafka.lift(held);
    }
}

/// The brokers accept connections and say nothing.
fn closed_while_cut_off(kafka: &FakeCluster) {
    let consumer = join(kafka, config());
    consumer.messages().recv().unwrap();
    for broker in 1..=3 {
        kafka.cut_off(broker);
    }
    // It fails where it has to say that something is not committed.
    let _ = consumer.close();
    ours_are_gone();
    for broker in 1..=3 {
        kafka.reconnect(broker);
    }
}

fn closed_without_brokers(kafka: &FakeCluster) {
    let consumer = join(kafka, config());
    let message = consumer.messages().recv().unwrap();
    for broker in 1..=3 {
        kafka.stop_broker(broker);
    }
    consumer.mark_offset(&message, "");
    consumer.close().unwrap_err();
    drop(consumer);
    ours_are_gone();
    for broker in 1..=3 {
        kafka.start_broker(broker);
    }
}

fn ended_by_itself(kafka: &FakeCluster) {
    let consumer = join(kafka, config());
    let message = consumer.messages().recv().unwrap();
    let code = sarama_cluster::ErrorCode::GROUP_AUTHORIZATION_FAILED;
    let fatal = kafka.inject(Fault::on(ApiKey::Heartbeat).error(code));
    drop(message);
    while consumer.messages().recv().is_ok() {}
    consumer.close().unwrap_err();
    ours_are_gone();
    kafka.lift(fatal);
}

fn a_client(kafka: &FakeCluster) {
    let client = Client::new(kafka.bootstrap(), config()).unwrap();
    client.coordinator("of-a-client").unwrap();
    let consumer = Consumer::from_client(&client, "of-a-client", "t").unwrap();
    consumer.messages().recv().unwrap();
    drop(consumer);
    client.partitions("t").unwrap();
    client.close();
    ours_are_gone();
}

/// Nobody listens there, and nobody answers there.
fn never_connected(kafka: &FakeCluster) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    kafka.stop_broker(1);
    let addresses = [silent.local_addr().unwrap().to_string(), kafka.address(1)];
    let mut config = config();
    config.net.dial_timeout = Duration::from_millis(500);
    Consumer::new(addresses, "group", "t", config).unwrap_err();
    ours_are_gone();
}

/// Scenario 8: and in every other state, too.
#[test]
fn nothing_outlives_a_close() {
    let before = Has::now();
    let kafka = kafka();
    closed_in_work(&kafka);
    dropped_with_handles(&kafka);
    closed_before_the_join(&kafka);
    closed_while_joining(&kafka);
    closed_while_cut_off(&kafka);
    closed_without_brokers(&kafka);
    ended_by_itself(&kafka);
    a_client(&kafka);
    never_connected(&kafka);
    // The sockets of the in-process brokers go with them; a socket of the library's would stay.
    drop(kafka);
    await_that(|| before.is_now());
}
