//! Topics and partitions that appear, and partitions that are not well.

use std::time::Duration;

use sarama_cluster::{
    Error, ErrorCode, Notification, Subscription,
    config::Config,
    testing::{ApiKey, FakeCluster, Fault},
};

use crate::{
    reader::Reader,
    worker::Worker,
    world::{GROUP, World},
};

/// Settings with which new topics and partitions are seen soon.
fn watchful(world: &World) -> Config {
    let mut config = world.config();
    config.metadata.refresh_frequency = Duration::from_millis(100);
    config
}

fn unknown(topic: &str) -> impl Fn(&Error) -> bool {
    move |error| {
        error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) && error.topic() == Some(topic)
    }
}

/// Scenario 11: what is written to them before they are claimed is read, too.
#[test]
fn partitions_that_are_added_are_claimed_and_read_from_the_oldest() {
    let world = World::with(&[("t", 3)]);
    world.fill("t", 3, 10);
    let worker = Worker::start(world.start("a", "t", watchful(&world)));
    for partition in 0..3 {
        world.await_committed("t", partition, 10);
    }
    world.kafka.add_partitions("t", 6);
    world.fill("t", 6, 10);
    for partition in 0..6 {
        let end = if partition < 3 { 20 } else { 10 };
        world.await_committed("t", partition, end);
    }
    worker.reader.await_claims(6);
    assert_eq!(
        worker.reader.consumer.subscriptions()["t"],
        [0, 1, 2, 3, 4, 5]
    );
    worker.stop();
    assert_eq!(world.repetitions(), 0);
    world.judge();
}

/// Scenario 11: also in a group at newest what came before anyone saw the partition is read.
#[test]
fn partitions_that_are_added_lose_nothing_in_a_group_at_newest() {
    let world = World::with(&[("t", 1)]).newest();
    world.produce("t", 0, 5);
    let mut config = watchful(&world);
    config.consumer.offsets.initial = sarama_cluster::config::InitialOffset::Newest;
    let worker = Worker::start(world.start("a", "t", config));
    world.await_committed("t", 0, 5);
    world.kafka.add_partitions("t", 2);
    world.produce("t", 1, 5);
    world.await_committed("t", 1, 5);
    worker.stop();
    let delivered = world.deliveries("t", 1);
    assert_eq!(delivered, [0, 1, 2, 3, 4]);
}

/// The leader of the group subscribes to one topic, the partitions are added to another one.
#[test]
fn the_leader_watches_the_topics_of_all_members() {
    let world = World::with(&[("t", 1), ("u", 1)]);
    let leader = Worker::start(world.start("a", "t", watchful(&world)));
    world.await_members(1);
    let mut blind = world.config();
    blind.metadata.refresh_frequency = Duration::ZERO;
    let follower = Worker::start(world.start("b", "u", blind));
    world.await_members(2);
    world.kafka.add_partitions("u", 3);
    world.fill("u", 3, 5);
    for partition in 0..3 {
        world.await_committed("u", partition, 5);
    }
    leader.stop();
    follower.stop();
    world.judge();
}

/// The next description of the cluster is one without topics.
fn one_broker_knows_no_topic(world: &World) {
    let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let once = Fault::on(ApiKey::Metadata).times(1).error(code);
    world.kafka.inject(once);
}

/// A broker that has just started serves clients before it has been told of all topics.
#[test]
fn one_broker_that_does_not_know_a_topic_makes_nobody_rebalance() {
    let world = World::with(&[("t", 2)]);
    let reader = world.start("a", "t", watchful(&world));
    reader.await_claims(2);
    let generation = world.kafka.generation(GROUP);
    for _ in 0..3 {
        one_broker_knows_no_topic(&world);
        world.await_more(ApiKey::Metadata, 3);
        world.fill("t", 2, 5);
        reader.consume(10);
    }
    assert_eq!(world.kafka.generation(GROUP), generation);
    assert!(reader.errors().is_empty());

    world.kafka.delete_topic("t");
    reader.await_error(unknown("t"));
    reader.await_claims(0);
    world.judge();
}

#[test]
fn an_unknown_topic_is_reported_once_and_claimed_when_it_appears() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 3);
    let reader = world.start("a", ["t", "later"], watchful(&world));
    let error = reader.await_error(unknown("later"));
    assert!(error.to_string().contains("later"), "{error}");
    reader.consume(3);
    world.await_more(ApiKey::Metadata, 5);
    world.kafka.create_topic("later", 2);
    world.fill("later", 2, 3);
    reader.consume(6);
    world.await_committed("later", 0, 3);
    world.await_committed("later", 1, 3);
    let reports = reader.errors();
    let reports = reports.iter().filter(|e| unknown("later")(e));
    assert_eq!(reports.count(), 1);
    assert_eq!(reader.await_claims(3).claimed["later"], [0, 1]);
    world.judge();
}

#[test]
fn a_group_whose_only_topic_does_not_exist_waits_for_it() {
    let world = World::with(&[]);
    let reader = world.start("a", "later", watchful(&world));
    reader.await_error(unknown("later"));
    world.await_members(1);
    world.kafka.create_topic("later", 1);
    world.produce("later", 0, 3);
    reader.consume(3);
    world.judge();
}

/// A broker that is asked for all topics does not speak of those that may not be seen.
#[test]
fn a_topic_that_may_not_be_seen_is_told_as_such() {
    let world = World::with(&[("t", 1)]);
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let hidden = Fault::on(ApiKey::Metadata).topic("hidden").error(code);
    let hidden = world.kafka.inject(hidden);
    let reader = world.start("a", ["t", "hidden"], watchful(&world));
    reader.await_error(|error| error.code() == Some(code) && error.topic() == Some("hidden"));
    world.await_more(ApiKey::Metadata, 5);
    assert_eq!(reader.errors().len(), 1, "{:?}", reader.errors());
    world.kafka.lift(hidden);
    world.kafka.create_topic("hidden", 1);
    world.produce("hidden", 0, 3);
    reader.consume(3);
    world.judge();
}

/// Brokers create what is asked for by name, if both sides wish for it.
#[test]
fn a_topic_is_created_for_who_asks_for_it_where_that_is_allowed() {
    for full in [true, false] {
        let world = World::of(FakeCluster::builder().auto_create_topics(2));
        let mut config = watchful(&world);
        config.metadata.full = full;
        let shy = world.start("a", "wanted", config.clone());
        shy.await_error(unknown("wanted"));
        config.metadata.allow_auto_topic_creation = true;
        let bold = world.start("b", "wanted", config);
        shy.await_claims(1);
        bold.await_claims(1);
        assert!(bold.errors().is_empty(), "{:?}", bold.errors());
        world.judge();
    }
}

fn patterns(config: &mut Config, whitelist: &str, blacklist: Option<&str>) {
    let compile = |pattern: &str| regex::Regex::new(pattern).expect("it is a pattern");
    config.group.topics.whitelist = Some(compile(whitelist));
    config.group.topics.blacklist = blacklist.map(compile);
}

#[test]
fn a_topic_that_matches_is_claimed_when_it_is_created() {
    let world = World::with(&[("topic-a", 1), ("topic-b", 1)]);
    let mut config = watchful(&world);
    patterns(&mut config, r"^topic-\w+$", Some("b$"));
    let reader = world.start("a", (), config);
    assert_eq!(reader.await_claims(1).current["topic-a"], [0]);
    world.kafka.create_topic("topic-bb", 1);
    world.kafka.create_topic("topic-c", 2);
    let claimed = reader.await_claims(3);
    let topics: Vec<&String> = claimed.current.keys().collect();
    assert_eq!(topics, ["topic-a", "topic-c"]);
    world.produce("topic-c", 1, 3);
    reader.consume(3);
    reader.consumer.close().unwrap();
    world.judge();
}

/// One sees it first. If each of the others saw it at a time of its own, each would have the group rebalance once more.
#[test]
fn a_topic_that_matches_is_seen_by_all_members_when_one_has_seen_it() {
    let world = World::with(&[("topic-a", 3)]);
    let mut config = world.config();
    config.metadata.refresh_frequency = Duration::from_secs(600);
    patterns(&mut config, "^topic-", None);
    let mut members: Vec<Reader> = Vec::new();
    for name in ["a", "b"] {
        members.push(world.start(name, (), config.clone()));
        world.await_members(members.len());
    }
    world.kafka.create_topic("topic-b", 12);
    members.push(world.start("c", (), config));
    for member in &members {
        assert_eq!(member.await_claims(5).current["topic-b"].len(), 4);
    }
    world.judge();
}

/// As with topics that are named, one word is not enough.
#[test]
fn one_broker_that_does_not_know_a_topic_that_matches_makes_nobody_rebalance() {
    let world = World::with(&[("topic-a", 1)]);
    let mut config = watchful(&world);
    patterns(&mut config, "^topic-", None);
    let reader = world.start("a", (), config.clone());
    let other = world.start("b", (), config);
    world.await_members(2);
    let generation = world.kafka.generation(GROUP);
    for _ in 0..3 {
        one_broker_knows_no_topic(&world);
        world.await_more(ApiKey::Metadata, 6);
    }
    assert_eq!(world.kafka.generation(GROUP), generation);
    assert!(reader.errors().is_empty() && other.errors().is_empty());
}

/// Nobody is given what the leader of the group does not see.
#[test]
fn a_leader_that_may_not_see_the_topic_of_another_member_says_so() {
    let world = World::with(&[("t", 1), ("u", 1)]);
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let hidden = Fault::on(ApiKey::Metadata).topic("u").client_id("a");
    let hidden = world.kafka.inject(hidden.error(code));
    let leader = world.start("a", "t", watchful(&world));
    leader.await_claims(1);
    let other = world.start("b", "u", watchful(&world));
    let error = leader.await_error(|error| error.topic() == Some("u"));
    assert_eq!(error.code(), Some(code));
    world.kafka.lift(hidden);
    other.await_claims(1);
    assert_eq!(leader.errors().len(), 1, "{:?}", leader.errors());
}

#[test]
fn names_and_patterns_add_up_and_the_blacklist_leaves_names_alone() {
    let world = World::with(&[("named", 1), ("topic-a", 1), ("topic-b", 1)]);
    let mut config = watchful(&world);
    patterns(&mut config, "^topic-", Some("named|b$"));
    let reader = world.start("a", "named", config);
    let claimed: Notification = reader.await_claims(2);
    assert_eq!(claimed.current["named"], [0]);
    assert_eq!(claimed.current["topic-a"], [0]);
}

#[test]
fn members_with_different_topics_get_only_their_own() {
    let world = World::with(&[("t", 2), ("u", 2)]);
    world.fill("t", 2, 5);
    world.fill("u", 2, 5);
    let start = |name: &str, topics: &[&str]| {
        let topics: Subscription = topics.into();
        Worker::start(world.start(name, topics, world.config()))
    };
    let members = [
        start("a", &["t"]),
        start("b", &["u"]),
        start("c", &["t", "u"]),
    ];
    world.await_members(3);
    world.fill("t", 2, 5);
    world.fill("u", 2, 5);
    for topic in ["t", "u"] {
        world.await_committed(topic, 0, 10);
        world.await_committed(topic, 1, 10);
    }
    let owned = world.assignments();
    assert!(owned["a"].keys().all(|topic| topic == "t"), "{owned:?}");
    assert!(owned["b"].keys().all(|topic| topic == "u"), "{owned:?}");
    for member in members {
        member.stop();
    }
    world.judge();
}

/// A partition that does not answer is retried on its own, reported, and the group is not left.
fn the_others_flow(world: &World, reader: &Reader, spoil: impl Fn(), mend: impl Fn()) {
    reader.consume(6);
    spoil();
    world.fill("t", 3, 5);
    for _ in 0..10 {
        let delivery = reader.recv();
        assert_ne!(delivery.partition(), 0);
        reader.mark(&delivery);
    }
    let error = reader.await_error(|e| e.partition() == Some(0));
    assert_eq!(error.topic(), Some("t"), "{error:?}");
    mend();
    for _ in 0..5 {
        let delivery = reader.recv();
        assert_eq!(delivery.partition(), 0);
        reader.mark(&delivery);
    }
    assert_eq!(world.kafka.generation(GROUP), 1);
    assert_eq!(world.kafka.requests_seen(ApiKey::LeaveGroup), 0);
    world.judge();
}

/// Scenario 16: nobody leads one of three partitions.
#[test]
fn a_partition_without_a_leader_keeps_no_other_waiting() {
    let world = World::with(&[("t", 3)]);
    world.fill("t", 3, 2);
    let reader = world.start("a", "t", watchful(&world));
    let spoil = || world.kafka.take_leader("t", 0);
    let mend = || world.kafka.move_leader("t", 0, 1);
    the_others_flow(&world, &reader, spoil, mend);
}

#[test]
fn a_partition_that_may_not_be_read_keeps_no_other_waiting() {
    let world = World::with(&[("t", 3)]);
    world.fill("t", 3, 2);
    let reader = world.join("a");
    let spoil = || {
        let fault = Fault::on(ApiKey::Fetch).partition("t", 0);
        let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
        world.kafka.inject(fault.error(code));
        // The fetch that waits for records is not told.
        world.await_more(ApiKey::Fetch, 2);
    };
    the_others_flow(&world, &reader, spoil, || world.kafka.lift_all());
}

#[test]
fn leaders_that_move_between_brokers_are_followed() {
    let builder = FakeCluster::builder().brokers(3).topic("t", 6);
    let world = World::of(builder);
    world.fill("t", 6, 10);
    let worker = Worker::start(world.join("a"));
    for round in 1..=3 {
        for partition in 0..6 {
            world
                .kafka
                .move_leader("t", partition, (partition + round) % 3 + 1);
        }
        world.fill("t", 6, 10);
        for partition in 0..6 {
            world.await_committed("t", partition, i64::from(round) * 10 + 10);
        }
    }
    worker.stop();
    assert_eq!(world.repetitions(), 0);
    world.judge();
}

/// Scenario 14: three times in a row.
#[test]
fn a_coordinator_that_moves_is_followed() {
    let builder = FakeCluster::builder().brokers(3).topic("t", 2);
    let world = World::of(builder);
    let worker = Worker::start(world.join("a"));
    world.await_members(1);
    for round in 1..=3 {
        let now = world.kafka.coordinator(GROUP).expect("there is one");
        world.kafka.move_coordinator(GROUP, now % 3 + 1);
        world.fill("t", 2, 10);
        world.await_committed("t", 0, round * 10);
        world.await_committed("t", 1, round * 10);
    }
    worker.stop();
    assert_eq!(world.repetitions(), 0);
    world.judge();
}

#[test]
fn a_broker_that_stops_and_comes_back_loses_nothing() {
    let builder = FakeCluster::builder().brokers(3).topic("t", 6);
    let world = World::of(builder);
    let worker = Worker::start(world.join("a"));
    world.await_members(1);
    for broker in 1..=3 {
        world.kafka.stop_broker(broker);
        world.fill("t", 6, 10);
        for partition in 0..6 {
            world.await_committed("t", partition, i64::from(broker) * 10);
        }
        world.kafka.start_broker(broker);
    }
    worker.stop();
    world.judge();
}

/// Only what is subscribed to by name is created.
#[test]
fn a_topic_that_was_deleted_is_not_brought_back_for_a_pattern() {
    let builder = FakeCluster::builder().auto_create_topics(1);
    let world = World::of(builder.topic("topic-a", 1).topic("topic-b", 1));
    let mut config = watchful(&world);
    patterns(&mut config, "^topic-", None);
    config.metadata.allow_auto_topic_creation = true;
    let reader = world.start("a", (), config);
    reader.await_claims(2);
    world.kafka.delete_topic("topic-b");
    reader.await_claims(1);
    world.await_more(ApiKey::Metadata, 5);
    assert_eq!(world.kafka.log_bounds("topic-b", 0), None);
    world.judge();
}
