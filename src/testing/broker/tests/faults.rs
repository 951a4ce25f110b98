//! Things that go wrong on purpose.

use super::*;
use crate::protocol::{leave_group, list_offsets, metadata, offset_commit, offset_fetch};

const LATER: Duration = Duration::from_millis(300);

fn all_topics() -> metadata::Request {
    metadata::Request::all_topics(12)
}

#[test]
fn an_error_is_given_so_many_times_and_the_request_has_no_effect() {
    let mut story = Story::new();
    let coordinator = story.coordinator("g");
    let fault = Fault::on(ApiKey::JoinGroup)
        .group("g")
        .times(2)
        .error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    let id = story.cluster.inject(fault);
    for _ in 0..2 {
        assert!(story.cluster.is_armed(id));
        let refused = story.call(coordinator, 3, &join("g"));
        assert_eq!(refused.error_code, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    }
    assert!(!story.cluster.is_armed(id));
    assert_eq!(story.cluster.group_state("g"), GroupState::Dead);
    assert_eq!(
        story.call(coordinator, 3, &join("g")).error_code,
        ErrorCode::NONE
    );
}

#[test]
fn a_fault_is_for_its_own_broker_client_and_group_only() {
    let mut story = Story::new();
    let (coordinator, member) = story.stable_group("g");
    let elsewhere = coordinator % 3 + 1;
    let beat_on = |on: On| on.error(ErrorCode::UNKNOWN_SERVER_ERROR);
    for on in [
        Fault::on(ApiKey::Heartbeat).broker(elsewhere),
        Fault::on(ApiKey::Heartbeat).client_id("another"),
        Fault::on(ApiKey::Heartbeat).group("other"),
    ] {
        story.cluster.inject(beat_on(on));
    }
    story.cluster.inject(beat_on(Fault::on(ApiKey::SyncGroup)));
    assert_eq!(
        story.call(coordinator, 3, &beat("g", &member)).error_code,
        ErrorCode::NONE
    );
    let for_it = Fault::on(ApiKey::Heartbeat).client_id("client").group("g");
    let meant = story.cluster.inject(beat_on(for_it));
    assert_eq!(
        story.call(coordinator, 3, &beat("g", &member)).error_code,
        ErrorCode::UNKNOWN_SERVER_ERROR
    );
    story.cluster.lift(story.now, meant);
    assert_eq!(
        story.call(coordinator, 3, &beat("g", &member)).error_code,
        ErrorCode::NONE
    );
}

#[test]
fn an_error_of_a_partition_spares_the_others() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::NEWEST));
    story.produce(0, &["a"]);
    story.produce(1, &["a"]);
    story.cluster.inject(
        Fault::on(ApiKey::Fetch)
            .partition("t", 1)
            .error(ErrorCode::KAFKA_STORAGE_ERROR),
    );
    let mut request = fetch(0, 0);
    let other = fetch::RequestPartition {
        partition: 1,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    request.topics[0].partitions.push(other);
    let read = only(story.call(1, 12, &request).responses).partitions;
    let codes = read
        .iter()
        .map(|partition| partition.error_code)
        .collect::<Vec<_>>();
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::KAFKA_STORAGE_ERROR]);
    // By id the topic is the same.
    request.topics[0].topic_id = story.cluster.topic_id("t").unwrap();
    let read = only(story.call(1, 13, &request).responses).partitions;
    assert_eq!(read[1].error_code, ErrorCode::KAFKA_STORAGE_ERROR);
}

#[test]
fn an_error_of_a_fetch_stands_with_its_partitions_or_above_them() {
    let mut story = Story::new();
    let whole = Fault::on(ApiKey::Fetch)
        .times(1)
        .top_level_error(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
    story.cluster.inject(whole);
    let response = story.call(1, 12, &fetch(0, 0));
    assert_eq!(
        (response.error_code, response.responses.len()),
        (ErrorCode::INVALID_FETCH_SESSION_EPOCH, 0)
    );
    story
        .cluster
        .inject(Fault::on(ApiKey::Fetch).error(ErrorCode::OFFSET_NOT_AVAILABLE));
    let response = story.call(1, 12, &fetch(0, 0));
    assert_eq!(response.error_code, ErrorCode::NONE);
    assert_eq!(
        fetched(response).error_code,
        ErrorCode::OFFSET_NOT_AVAILABLE
    );
}

#[test]
fn an_error_of_a_commit_is_not_followed_by_the_commit() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::NEWEST));
    story.coordinator("g");
    story.cluster.inject(
        Fault::on(ApiKey::OffsetCommit)
            .partition("t", 1)
            .error(ErrorCode::INVALID_COMMIT_OFFSET_SIZE),
    );
    let partition = |partition_index| offset_commit::RequestPartition {
        partition_index,
        ..Default::default()
    };
    let partitions = vec![partition(0), partition(1)];
    let topic = offset_commit::RequestTopic {
        name: "t".to_owned(),
        partitions,
        ..Default::default()
    };
    let request = offset_commit::Request {
        group_id: "g".to_owned(),
        topics: vec![topic],
        ..Default::default()
    };
    let answered = only(story.call(1, 8, &request).topics).partitions;
    let codes = answered
        .iter()
        .map(|partition| partition.error_code)
        .collect::<Vec<_>>();
    assert_eq!(
        codes,
        [ErrorCode::NONE, ErrorCode::INVALID_COMMIT_OFFSET_SIZE]
    );
    assert!(story.cluster.committed("g", "t", 0).is_some());
    assert_eq!(story.cluster.committed("g", "t", 1), None);
}

#[test]
fn an_error_of_an_offset_fetch_stands_where_the_version_has_a_place() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::NEWEST));
    story.coordinator("g");
    let fault = story
        .cluster
        .inject(Fault::on(ApiKey::OffsetFetch).error(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
    let topic = || offset_fetch::SingleRequestTopic {
        name: "t".to_owned(),
        partition_indexes: vec![0],
    };
    let request = offset_fetch::SingleRequest {
        group_id: "g".to_owned(),
        topics: Some(vec![topic()]),
        ..Default::default()
    };
    let by_partition = only(only(story.call(1, 1, &request).topics).partitions);
    assert_eq!(
        by_partition.error_code,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
    );
    let by_group = story.call(1, 7, &request);
    assert_eq!(
        (by_group.error_code, by_group.topics.len()),
        (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, 0)
    );
    let group = offset_fetch::RequestGroup {
        group_id: "g".to_owned(),
        ..Default::default()
    };
    let several = offset_fetch::Request {
        groups: vec![group],
        require_stable: false,
    };
    assert_eq!(
        only(story.call(1, 8, &several).groups).error_code,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
    );

    story.cluster.lift(story.now, fault);
    story.cluster.inject(
        Fault::on(ApiKey::OffsetFetch)
            .topic("t")
            .error(ErrorCode::UNSTABLE_OFFSET_COMMIT),
    );
    let found = story.call(1, 7, &request);
    assert_eq!(found.error_code, ErrorCode::NONE);
    assert_eq!(
        only(only(found.topics).partitions).error_code,
        ErrorCode::UNSTABLE_OFFSET_COMMIT
    );
}

#[test]
fn errors_reach_the_other_places_that_have_them() {
    let mut story = Story::new();
    story.cluster.inject(
        Fault::on(ApiKey::Metadata)
            .topic("t")
            .error(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
    );
    let described = only(story.call(1, 12, &all_topics()).topics);
    assert_eq!(
        (described.error_code, described.partitions.len()),
        (ErrorCode::TOPIC_AUTHORIZATION_FAILED, 0)
    );
    story
        .cluster
        .inject(Fault::on(ApiKey::FindCoordinator).error(ErrorCode::GROUP_AUTHORIZATION_FAILED));
    let request = find_coordinator::SingleRequest {
        key: "g".to_owned(),
        key_type: 0,
    };
    assert_eq!(
        story.call(1, 3, &request).error_code,
        ErrorCode::GROUP_AUTHORIZATION_FAILED
    );
    story
        .cluster
        .inject(Fault::on(ApiKey::ListOffsets).error(ErrorCode::LEADER_NOT_AVAILABLE));
    let topic = list_offsets::RequestTopic {
        name: "t".to_owned(),
        partitions: vec![Default::default()],
    };
    let listed = story.call(
        1,
        5,
        &list_offsets::Request {
            topics: vec![topic],
            ..Default::default()
        },
    );
    assert_eq!(
        only(only(listed.topics).partitions).error_code,
        ErrorCode::LEADER_NOT_AVAILABLE
    );
}

#[test]
fn a_delayed_answer_keeps_its_connection_waiting_but_not_its_effect() {
    let mut story = Story::new();
    let (coordinator, member) = story.stable_group("g");
    story
        .cluster
        .inject(Fault::on(ApiKey::LeaveGroup).times(1).delay(LATER));
    let line = story.connect(coordinator);
    let leave = leave_group::SingleRequest {
        group_id: "g".to_owned(),
        member_id: member.member_id.clone(),
    };
    story.send(line, 2, &leave);
    story.send(line, 12, &all_topics());
    assert_eq!(story.cluster.group_state("g"), GroupState::Empty);
    assert_eq!(story.cluster.poll_deadline(), Some(story.now + LATER));
    story.pass(LATER - Duration::from_millis(1));
    assert_eq!(story.output(line), None);
    story.pass(Duration::from_millis(1));
    assert_eq!(
        story
            .answer::<leave_group::SingleRequest>(line, 2)
            .error_code,
        ErrorCode::NONE
    );
    assert_eq!(story.answer::<metadata::Request>(line, 12).brokers.len(), 3);
}

#[test]
fn a_held_answer_comes_when_the_fault_is_lifted() {
    let mut story = Story::new();
    let (coordinator, member) = story.stable_group("g");
    let fault = story.cluster.inject(Fault::on(ApiKey::Heartbeat).hold());
    let line = story.connect(coordinator);
    story.send(line, 3, &beat("g", &member));
    story.pass(Duration::from_secs(9));
    assert_eq!(story.output(line), None);
    story.cluster.lift(story.now, fault);
    assert_eq!(
        story.answer::<heartbeat::Request>(line, 3).error_code,
        ErrorCode::NONE
    );
    // It had its effect when it came: the session counts from there.
    story.pass(Duration::from_secs(1));
    assert_eq!(story.cluster.group_state("g"), GroupState::Empty);
}

#[test]
fn a_connection_is_dropped_before_or_after_the_request_has_its_effect() {
    for (fault, state) in [
        (
            Fault::on(ApiKey::JoinGroup).times(1).drop_before(),
            GroupState::Dead,
        ),
        (
            Fault::on(ApiKey::JoinGroup).times(1).drop_after(),
            GroupState::CompletingRebalance,
        ),
    ] {
        let mut story = Story::new();
        let coordinator = story.coordinator("g");
        story.cluster.inject(fault);
        let line = story.connect(coordinator);
        story.send(line, 3, &join("g"));
        assert_eq!(story.output(line), Some(Action::Close));
        assert_eq!(story.output(line), None);
        assert_eq!(story.cluster.group_state("g"), state);
    }
}

#[test]
fn silence_keeps_its_connection_silent_and_no_other() {
    let mut story = Story::new();
    story
        .cluster
        .inject(Fault::on_any().broker(1).times(1).silence());
    let line = story.connect(1);
    story.send(line, 12, &all_topics());
    story.send(line, 12, &all_topics());
    story.pass(Duration::from_secs(3600));
    assert_eq!(story.output(line), None);
    assert_eq!(story.call(1, 12, &all_topics()).brokers.len(), 3);
}

#[test]
fn an_answer_is_altered_on_its_way_and_the_request_has_its_effect() {
    let mut story = Story::new();
    let coordinator = story.coordinator("g");
    let cut = Fault::on(ApiKey::JoinGroup)
        .times(1)
        .alter(|version, frame| {
            assert_eq!(version, 3);
            frame[..6].to_vec()
        });
    story.cluster.inject(cut);
    let line = story.connect(coordinator);
    story.send(line, 3, &join("g"));
    let sent = story.output(line);
    assert!(
        matches!(&sent, Some(Action::Send(bytes)) if bytes.len() == 6),
        "{sent:?}"
    );
    assert_eq!(story.cluster.members("g").len(), 1);
}

#[test]
fn an_answer_drips_and_what_comes_behind_it_waits() {
    const PAUSE: Duration = Duration::from_millis(10);
    for at_once in [0, 6] {
        let mut story = Story::new();
        let line = story.connect(1);
        story.send(line, 12, &all_topics());
        let Some(Action::Send(whole)) = story.output(line) else {
            panic!("an answer");
        };
        let drip = Fault::on(ApiKey::Metadata).times(1).drip(at_once, PAUSE);
        story.cluster.inject(drip);
        story.send(line, 12, &all_topics());
        story.send(line, 12, &all_topics());
        let mut come = Vec::new();
        if at_once > 0 {
            come.extend(story.output(line));
            assert_eq!(come, [Action::Send(whole[..at_once].to_vec())]);
        }
        for byte in &whole[at_once..] {
            assert_eq!(story.output(line), None);
            story.pass(PAUSE);
            assert_eq!(story.output(line), Some(Action::Send(vec![*byte])));
        }
        assert_eq!(story.output(line), Some(Action::Send(whole)));
    }
}

#[test]
fn garbage_comes_in_place_of_an_answer() {
    let mut story = Story::new();
    story.cluster.inject(
        Fault::on(ApiKey::Metadata)
            .times(1)
            .garbage(*b"HTTP/1.1 400 Bad Request"),
    );
    let line = story.connect(1);
    story.send(line, 12, &all_topics());
    assert_eq!(
        story.output(line),
        Some(Action::Send(b"HTTP/1.1 400 Bad Request".to_vec()))
    );
}

#[test]
fn a_broker_that_is_cut_off_lives_and_what_was_on_the_way_arrives_later() {
    let mut story = Story::new();
    let (coordinator, member) = story.stable_group("g");
    let waiting = story.connect(coordinator);
    story.send(waiting, 3, &join("g"));
    story.cluster.cut_off(story.now, coordinator, true);
    let line = story.connect(coordinator);
    story.send(line, 3, &beat("g", &member));
    // The heartbeat has not arrived, so the session ends, and the one who waits is alone.
    story.pass(Duration::from_secs(10));
    assert_eq!((story.output(line), story.output(waiting)), (None, None));
    assert_eq!(story.cluster.generation("g"), 2);
    story.cluster.cut_off(story.now, coordinator, false);
    assert_eq!(
        story.answer::<heartbeat::Request>(line, 3).error_code,
        ErrorCode::UNKNOWN_MEMBER_ID
    );
    assert_eq!(
        story.answer::<join_group::Request>(waiting, 3).error_code,
        ErrorCode::NONE
    );
}

#[test]
fn several_faults_add_up() {
    let mut story = Story::new();
    let (coordinator, member) = story.stable_group("g");
    story.cluster.inject(Fault::on_any().delay(LATER));
    story.cluster.inject(
        Fault::on(ApiKey::Heartbeat)
            .times(1)
            .error(ErrorCode::REBALANCE_IN_PROGRESS),
    );
    let line = story.connect(coordinator);
    story.send(line, 3, &beat("g", &member));
    assert_eq!(story.output(line), None);
    story.pass(LATER);
    assert_eq!(
        story.answer::<heartbeat::Request>(line, 3).error_code,
        ErrorCode::REBALANCE_IN_PROGRESS
    );
}
