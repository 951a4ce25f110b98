//! Where things are: metadata, leaders, coordinators.

use super::*;
use crate::protocol::metadata;

fn named(names: &[&str], allow_auto_topic_creation: bool) -> metadata::Request {
    let topics = names.iter().map(|name| metadata::RequestTopic {
        name: Some((*name).to_owned()),
        ..Default::default()
    });
    metadata::Request {
        topics: Some(topics.collect()),
        allow_auto_topic_creation,
        ..Default::default()
    }
}

fn names(response: &metadata::Response) -> Vec<&str> {
    response
        .topics
        .iter()
        .filter_map(|topic| topic.name.as_deref())
        .collect()
}

#[test]
fn no_list_asks_for_all_topics_and_an_empty_one_for_none_but_in_version_0() {
    let mut story = Story::by(Settings::new(3, KafkaRelease::V3_9));
    for version in 1..=12 {
        let all = story.call(1, version, &metadata::Request::all_topics(version));
        assert_eq!(names(&all), ["t"]);
        assert_eq!(all.brokers.len(), 3);
        assert!(
            story
                .call(1, version, &named(&[], version < 4))
                .topics
                .is_empty()
        );
    }
    let all = story.call(1, 0, &metadata::Request::all_topics(0));
    assert_eq!(names(&all), ["t"]);
}

#[test]
fn an_unknown_topic_is_created_only_if_both_sides_want_that() {
    let mut story = Story::new();
    let asked = only(story.call(1, 12, &named(&["new"], true)).topics);
    assert_eq!(asked.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(story.cluster.topic_id("new"), None);

    let mut story = Story::by(Settings {
        auto_create_topics: Some(2),
        ..Settings::new(1, KafkaRelease::NEWEST)
    });
    story.call(1, 12, &named(&["new"], false));
    assert_eq!(story.cluster.topic_id("new"), None);
    story.call(1, 12, &named(&["new"], true));
    let created = only(story.call(1, 12, &named(&["new"], false)).topics);
    assert_eq!(
        (created.error_code, created.partitions.len()),
        (ErrorCode::NONE, 2)
    );
    let invalid = only(story.call(1, 12, &named(&["no name"], true)).topics);
    assert_eq!(invalid.error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[test]
fn topics_are_found_by_id_and_a_deleted_one_is_not() {
    let mut story = Story::new();
    let topic_id = story.cluster.topic_id("t").unwrap();
    let topics = Some(vec![metadata::RequestTopic {
        topic_id,
        name: None,
    }]);
    let request = metadata::Request {
        topics,
        ..Default::default()
    };
    assert_eq!(
        only(story.call(1, 12, &request).topics).name.as_deref(),
        Some("t")
    );
    story.cluster.delete_topic(story.now, "t");
    let gone = only(story.call(1, 12, &request).topics);
    assert_eq!(
        (gone.error_code, gone.topic_id),
        (ErrorCode::UNKNOWN_TOPIC_ID, topic_id)
    );
}

#[test]
fn metadata_follows_the_brokers_that_stop_and_start() {
    let mut story = Story::by(Settings {
        replication_factor: 2,
        ..Settings::new(3, KafkaRelease::NEWEST)
    });
    let line = story.connect(2);
    story.call_on(line, 12, &named(&["t"], false));
    story.cluster.stop_broker(story.now, 2);
    assert_eq!(story.output(line), Some(Action::Close));
    let described = story.call(1, 12, &named(&["t"], false));
    assert_eq!(described.brokers.len(), 2);
    let partition = &only(described.topics).partitions[1];
    assert_eq!((partition.leader_id, partition.leader_epoch), (3, 1));
    assert_eq!(
        (&partition.isr_nodes[..], &partition.offline_replicas[..]),
        (&[3][..], &[2][..])
    );
    let late = story.connect(2);
    story.send(late, 12, &named(&["t"], false));
    assert_eq!(story.output(late), Some(Action::Close));
    story.cluster.start_broker(story.now, 2);
    assert_eq!(story.call(2, 12, &named(&["t"], false)).brokers.len(), 3);
}

/// Nobody tells it that the others stop, or start.
#[test]
fn an_isolated_broker_describes_the_brokers_that_there_were() {
    let mut story = Story::by(Settings::new(3, KafkaRelease::V3_9));
    let mut brokers = |change: &dyn Fn(&mut Cluster, Instant)| {
        change(&mut story.cluster, story.now);
        let all = metadata::Request::all_topics(12);
        let response = story.call(2, 12, &all);
        let ids = response.brokers.iter().map(|broker| broker.node_id);
        ids.collect::<Vec<_>>()
    };
    brokers(&|cluster, now| cluster.stop_broker(now, 3));
    let there = brokers(&|cluster, now| cluster.isolate(now, 2, true));
    assert_eq!(there, [1, 2]);
    assert_eq!(brokers(&|cluster, now| cluster.stop_broker(now, 1)), there);
    assert_eq!(brokers(&|cluster, now| cluster.start_broker(now, 3)), there);
    let now_there = brokers(&|cluster, now| cluster.isolate(now, 2, false));
    assert_eq!(now_there, [2, 3]);
}

#[test]
fn a_leaderless_partition_says_so_until_it_is_given_a_leader() {
    let mut story = Story::new();
    story.cluster.take_leader(story.now, "t", 1);
    story.cluster.stop_broker(story.now, 3);
    story.cluster.start_broker(story.now, 3);
    let partition = |story: &mut Story| {
        only(story.call(1, 12, &named(&["t"], false)).topics)
            .partitions
            .remove(1)
    };
    let leaderless = partition(&mut story);
    assert_eq!(
        (leaderless.error_code, leaderless.leader_id),
        (ErrorCode::LEADER_NOT_AVAILABLE, -1)
    );
    story.cluster.move_leader(story.now, "t", 1, 3);
    let led = partition(&mut story);
    assert_eq!((led.error_code, led.leader_id), (ErrorCode::NONE, 3));
    assert!(led.leader_epoch > leaderless.leader_epoch);
}

#[test]
fn new_partitions_are_there_at_once() {
    let mut story = Story::new();
    story.cluster.add_partitions(story.now, "t", 6);
    assert_eq!(
        only(story.call(1, 12, &named(&["t"], false)).topics)
            .partitions
            .len(),
        6
    );
}

#[test]
fn kafkas_own_topic_appears_with_the_first_group_and_is_internal() {
    let mut story = Story::new();
    story.coordinator("g");
    let all = story.call(1, 12, &metadata::Request::all_topics(12));
    assert_eq!(names(&all), ["__consumer_offsets", "t"]);
    assert_eq!(
        all.topics
            .iter()
            .map(|topic| topic.is_internal)
            .collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn only_the_coordinator_of_a_group_serves_it() {
    let mut story = Story::new();
    let coordinator = story.coordinator("g");
    let other = coordinator % 3 + 1;
    assert_eq!(
        story.call(other, 3, &join("g")).error_code,
        ErrorCode::NOT_COORDINATOR
    );
    assert_eq!(
        story.call(coordinator, 3, &join("g")).error_code,
        ErrorCode::NONE
    );
    assert_eq!(
        story.call(coordinator, 3, &join("")).error_code,
        ErrorCode::INVALID_GROUP_ID
    );
}

#[test]
fn a_group_moves_with_its_commits_and_its_last_stable_generation() {
    let mut story = Story::new();
    let (old, member) = story.stable_group("g");
    story.cluster.commit(story.now, "g", "t", 0, 42, "here");
    let waiting = story.connect(old);
    story.send(waiting, 3, &join("g"));
    let new = old % 3 + 1;
    story.cluster.move_coordinator(story.now, "g", new);
    let refused = story.answer::<join_group::Request>(waiting, 3);
    assert_eq!(refused.error_code, ErrorCode::NOT_COORDINATOR);
    assert_eq!(story.coordinator("g"), new);
    assert_eq!(
        story.call(old, 3, &beat("g", &member)).error_code,
        ErrorCode::NOT_COORDINATOR
    );
    assert_eq!(
        story.call(new, 3, &beat("g", &member)).error_code,
        ErrorCode::NONE
    );
    assert_eq!(
        story.cluster.committed("g", "t", 0),
        Some((42, "here".to_owned()))
    );
}

#[test]
fn while_nobody_coordinates_a_group_no_session_expires() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::NEWEST));
    let (_, member) = story.stable_group("g");
    story.cluster.stop_broker(story.now, 1);
    story.pass(Duration::from_secs(60));
    story.cluster.start_broker(story.now, 1);
    assert_eq!(
        story.call(1, 3, &beat("g", &member)).error_code,
        ErrorCode::NONE
    );
    story.pass(Duration::from_secs(10));
    assert_eq!(
        story.call(1, 3, &beat("g", &member)).error_code,
        ErrorCode::UNKNOWN_MEMBER_ID
    );
}

#[test]
fn a_long_jump_of_the_clock_does_everything_in_its_order() {
    let mut story = Story::new();
    let (coordinator, _) = story.stable_group("g");
    let waiting = story.connect(coordinator);
    story.send(waiting, 3, &join("g"));
    // First the old member expires, then the new one is alone, then it expires, too.
    story.pass(Duration::from_secs(3600));
    let joined = story.answer::<join_group::Request>(waiting, 3);
    assert_eq!(
        (joined.error_code, joined.generation_id),
        (ErrorCode::NONE, 2)
    );
    assert_eq!(story.cluster.group_state("g"), GroupState::Empty);
}
