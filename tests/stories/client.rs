//! What a client tells of a cluster, and the consumers it serves.

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use sarama_cluster::{
    Broker, Client, Config, Consumer, ErrorCode, ErrorKind, OffsetSpec,
    testing::{ApiKey, FakeCluster, Fault, Record},
};

use crate::world::{GROUP, PATIENCE, World};

fn ids(brokers: &[Broker]) -> Vec<i32> {
    brokers.iter().map(Broker::id).collect()
}

fn client_of(kafka: &FakeCluster) -> Client {
    let mut config = Config::default();
    config.metadata.retry.backoff = Duration::from_millis(20);
    Client::new(kafka.bootstrap(), config).unwrap()
}

#[test]
fn it_knows_brokers_topics_and_partitions() {
    let kafka = FakeCluster::builder()
        .brokers(3)
        .rack(2, "here")
        .topic("t", 3)
        .topic("u", 1)
        .start();
    let client = client_of(&kafka);
    let brokers = client.brokers().unwrap();
    assert_eq!(ids(&brokers), [1, 2, 3]);
    let second = client.broker(2).unwrap();
    assert_eq!(second.addr(), kafka.address(2));
    assert_eq!(second.rack(), Some("here"));
    assert!(ids(&brokers).contains(&client.controller().unwrap().id()));
    assert!(ids(&brokers).contains(&client.refresh_controller().unwrap().id()));
    let nobody = client.broker(7).unwrap_err();
    assert_eq!(nobody.code(), Some(ErrorCode::BROKER_NOT_AVAILABLE));

    let topics = client.topics().unwrap();
    assert!(topics.contains(&"t".to_owned()) && topics.contains(&"u".to_owned()));
    assert_eq!(client.partitions("t").unwrap(), [0, 1, 2]);
    for partition in 0..3 {
        let leader = client.leader("t", partition).unwrap();
        assert_eq!(Some(leader.id()), kafka.leader("t", partition));
        let mut replicas = client.replicas("t", partition).unwrap();
        replicas.sort_unstable();
        assert_eq!(replicas, [1, 2, 3]);
        assert_eq!(client.in_sync_replicas("t", partition).unwrap().len(), 3);
    }
}

#[test]
fn a_refresh_takes_no_longer_than_it_may() {
    const LIMIT: Duration = Duration::from_millis(300);
    let kafka = FakeCluster::builder().brokers(3).topic("t", 1).start();
    let mut config = Config::default();
    config.metadata.timeout = Some(LIMIT);
    let client = Client::new(kafka.bootstrap(), config).unwrap();
    for broker in 1..=3 {
        kafka.cut_off(broker);
    }
    let began = Instant::now();
    let error = client.refresh_metadata(["t"]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout(LIMIT), "{error:?}");
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    for broker in 1..=3 {
        kafka.reconnect(broker);
    }
    // What was not answered is not waited for.
    client.close();
}

#[test]
fn what_does_not_exist_is_an_error_that_names_it() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let client = client_of(&kafka);
    let unknown = Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let error = client.partitions("no-topic").unwrap_err();
    assert_eq!((error.code(), error.topic()), (unknown, Some("no-topic")));
    let error = client.leader("t", 5).unwrap_err();
    assert_eq!((error.code(), error.partition()), (unknown, Some(5)));
    let error = client.refresh_metadata(["t", "no-topic"]).unwrap_err();
    assert_eq!((error.code(), error.topic()), (unknown, Some("no-topic")));
    let error = client.get_offset("t", 5, OffsetSpec::Newest).unwrap_err();
    assert_eq!((error.code(), error.partition()), (unknown, Some(5)));
}

#[test]
fn its_description_is_renewed_when_told() {
    let kafka = FakeCluster::builder().brokers(3).topic("t", 2).start();
    let client = client_of(&kafka);
    kafka.create_topic("later", 1);
    kafka.take_leader("t", 1);
    kafka.stop_broker(3);
    assert_eq!(client.brokers().unwrap().len(), 3, "as it was told");
    client.refresh_metadata::<&str>([]).unwrap();
    assert_eq!(ids(&client.brokers().unwrap()), [1, 2]);
    assert_eq!(client.partitions("later").unwrap(), [0]);
    assert_eq!(client.partitions("t").unwrap(), [0, 1]);
    assert_eq!(client.writable_partitions("t").unwrap(), [0]);
    let error = client.leader("t", 1).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::LEADER_NOT_AVAILABLE));
}

#[test]
fn it_finds_offsets() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let client = client_of(&kafka);
    let at = |spec| client.get_offset("t", 0, spec).unwrap();
    assert_eq!(
        (at(OffsetSpec::Oldest), at(OffsetSpec::Newest)),
        (Some(0), Some(0))
    );
    for second in 1..=9 {
        let record = Record::new("", "").timestamp_ms(second * 1000);
        kafka.produce("t", 0, [record]);
    }
    kafka.delete_records_before("t", 0, 3);
    assert_eq!(
        (at(OffsetSpec::Oldest), at(OffsetSpec::Newest)),
        (Some(3), Some(9))
    );
    let second = |n| OffsetSpec::At(SystemTime::UNIX_EPOCH + Duration::from_millis(n));
    assert_eq!(at(second(5000)), Some(4));
    assert_eq!(at(second(5001)), Some(5));
    assert_eq!(at(second(9001)), None, "nothing is so young");
}

/// The leader has moved since the client was told.
#[test]
fn it_finds_offsets_at_a_leader_that_has_moved() {
    let kafka = FakeCluster::builder().brokers(3).topic("t", 1).start();
    let client = client_of(&kafka);
    kafka.produce("t", 0, [("", "")]);
    let leader = kafka.leader("t", 0).unwrap();
    kafka.move_leader("t", 0, leader % 3 + 1);
    assert_eq!(
        client.get_offset("t", 0, OffsetSpec::Newest).unwrap(),
        Some(1)
    );
    kafka.stop_broker(leader % 3 + 1);
    assert_eq!(
        client.get_offset("t", 0, OffsetSpec::Newest).unwrap(),
        Some(1)
    );
}

#[test]
fn it_finds_the_coordinator_of_a_group() {
    let racks = FakeCluster::builder().brokers(3);
    let kafka = (1..=3)
        .fold(racks, |kafka, id| kafka.rack(id, "here"))
        .start();
    let client = client_of(&kafka);
    let loading = Fault::on(ApiKey::FindCoordinator).times(1);
    kafka.inject(loading.error(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    let first = client.coordinator(GROUP).unwrap();
    assert_eq!(Some(first.id()), kafka.coordinator(GROUP));
    assert_eq!(first.rack(), Some("here"));
    let next = first.id() % 3 + 1;
    kafka.move_coordinator(GROUP, next);
    assert_eq!(client.coordinator(GROUP).unwrap().id(), first.id());
    let asked = kafka.requests_seen(ApiKey::FindCoordinator);
    assert_eq!(client.refresh_coordinator(GROUP).unwrap().id(), next);
    assert_eq!(client.coordinator(GROUP).unwrap().id(), next);
    assert_eq!(kafka.requests_seen(ApiKey::FindCoordinator), asked + 1);

    let forbidden = ErrorCode::GROUP_AUTHORIZATION_FAILED;
    kafka.inject(Fault::on(ApiKey::FindCoordinator).error(forbidden));
    let error = client.refresh_coordinator(GROUP).unwrap_err();
    assert_eq!(error.code(), Some(forbidden));
}

#[test]
fn it_can_be_closed_while_a_group_has_no_coordinator() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let mut config = Config::default();
    config.metadata.retry.max = u32::MAX;
    config.metadata.retry.backoff = Duration::from_millis(20);
    let client = Client::new(kafka.bootstrap(), config).unwrap();
    let none = Fault::on(ApiKey::FindCoordinator).times(u32::MAX);
    kafka.inject(none.error(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    thread::scope(|scope| {
        let asking = scope.spawn(|| client.refresh_coordinator(GROUP));
        kafka.await_requests(PATIENCE, ApiKey::FindCoordinator, 2);
        client.close();
        let error = asking.join().unwrap().unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Closed);
    });
}

/// Brokers that can be reached and say nothing.
#[test]
fn it_can_be_closed_while_brokers_are_asked_that_say_nothing() {
    let kafka = FakeCluster::builder().brokers(3).topic("t", 1).start();
    let mut config = Config::default();
    config.net.read_timeout = PATIENCE;
    let client = Client::new(kafka.bootstrap(), config).unwrap();
    kafka.inject(Fault::on(ApiKey::Metadata).times(u32::MAX).silence());
    let before = kafka.requests_seen(ApiKey::Metadata);
    thread::scope(|scope| {
        let asking = scope.spawn(|| client.refresh_metadata::<&str>([]));
        kafka.await_requests(PATIENCE, ApiKey::Metadata, before + 1);
        client.close();
        let error = asking.join().unwrap().unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Closed);
    });
}

#[test]
fn once_closed_it_answers_nothing() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let client = client_of(&kafka);
    let same = client.clone();
    assert!(!same.closed());
    client.close();
    client.close();
    assert!(same.closed());
    let closed = ErrorKind::Closed;
    assert_eq!(*same.brokers().unwrap_err().kind(), closed);
    assert_eq!(*same.coordinator(GROUP).unwrap_err().kind(), closed);
    let offset = same.get_offset("t", 0, OffsetSpec::Oldest);
    assert_eq!(*offset.unwrap_err().kind(), closed);
    let consumer = Consumer::from_client(&same, GROUP, "t");
    assert_eq!(*consumer.unwrap_err().kind(), closed);
}

#[test]
fn it_serves_one_consumer_at_a_time() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 6);
    let mut config = world.config();
    config.client_id = "a".to_owned();
    let client = Client::new(world.kafka.bootstrap(), config).unwrap();
    let first = world.start_on(&client, "a", "t");
    let refused = Consumer::from_client(&client, GROUP, "t").unwrap_err();
    assert_eq!(*refused.kind(), ErrorKind::ClientInUse);
    let said = refused.to_string();
    assert!(
        said.contains("client is already used by another consumer"),
        "{said}"
    );
    first.consume(3);
    first.consumer.close().unwrap();
    let second = world.start_on(&client, "a", "t");
    second.consume(1);
    drop(second);

    // The consumer has connections of its own.
    let third = world.start_on(&client, "a", "t");
    client.close();
    third.consume(2);
    third.consumer.close().unwrap();
    world.judge();
}

/// What was added since the client was told of the cluster is no news to a consumer that begins now.
#[test]
fn its_consumer_begins_with_what_is_there_now() {
    let world = World::with(&[("t", 1)]).newest();
    let mut config = world.config();
    config.client_id = "a".to_owned();
    let client = Client::new(world.kafka.bootstrap(), config).unwrap();
    world.kafka.add_partitions("t", 2);
    world.produce("t", 1, 5);
    let reader = world.start_on(&client, "a", "t");
    world.await_committed("t", 1, 5);
    world.produce("t", 1, 3);
    reader.consume(3);
    reader.consumer.close().unwrap();
    assert_eq!(world.deliveries("t", 1), [5, 6, 7]);
}

#[test]
fn a_consumer_that_cannot_be_made_gives_the_client_back() {
    let kafka = FakeCluster::builder().topic("t", 1).start();
    let client = client_of(&kafka);
    for _ in 0..2 {
        let refused = Consumer::from_client(&client, GROUP, ()).unwrap_err();
        assert_eq!(*refused.kind(), ErrorKind::Config);
    }
    let consumer = Consumer::from_client(&client, GROUP, "t").unwrap();
    consumer.close().unwrap();
}
