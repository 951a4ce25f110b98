//! Commits over the wire.

use super::*;
use crate::protocol::{describe_groups, leave_group, list_groups, offset_commit, offset_fetch};

fn commit(
    group: &str,
    member: Option<&join_group::Response>,
    metadata: &str,
) -> offset_commit::Request {
    let partition = offset_commit::RequestPartition {
        committed_offset: 7,
        committed_metadata: Some(metadata.to_owned()),
        ..Default::default()
    };
    let topic = offset_commit::RequestTopic {
        name: "t".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    offset_commit::Request {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: member.map_or(-1, |member| member.generation_id),
        member_id: member
            .map(|member| member.member_id.clone())
            .unwrap_or_default(),
        topics: vec![topic],
        ..Default::default()
    }
}

fn code(response: offset_commit::Response) -> ErrorCode {
    only(only(response.topics).partitions).error_code
}

fn fetch_all(group: &str) -> offset_fetch::SingleRequest {
    offset_fetch::SingleRequest {
        group_id: group.to_owned(),
        topics: None,
        require_stable: false,
    }
}

#[test]
fn accepted_commits_are_remembered_with_their_makers() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::NEWEST));
    let (_, member) = story.stable_group("g");
    let mut stranger = member.clone();
    stranger.generation_id += 1;
    story.call(1, 9, &commit("g", Some(&stranger), "refused"));
    story.call(1, 9, &commit("g", Some(&member), "word"));
    story.cluster.commit(story.now, "h", "t", 1, 3, "by hand");
    let seen = story.cluster.commits().map(|seen| {
        let place = (&seen.group[..], &seen.topic[..], seen.partition);
        (&seen.client_id[..], place, seen.offset, &seen.metadata[..])
    });
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            ("client", ("g", "t", 0), 7, "word"),
            ("", ("h", "t", 1), 3, "by hand")
        ]
    );
}

#[test]
fn what_was_committed_is_fetched_in_every_version() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::NEWEST));
    let (_, member) = story.stable_group("g");
    assert_eq!(
        code(story.call(1, 9, &commit("g", Some(&member), "word"))),
        ErrorCode::NONE
    );
    for version in 1..=7 {
        let topics = vec![offset_fetch::SingleRequestTopic {
            name: "t".to_owned(),
            partition_indexes: vec![0, 1],
        }];
        let request = offset_fetch::SingleRequest {
            topics: Some(topics),
            ..fetch_all("g")
        };
        let partitions = only(story.call(1, version, &request).topics).partitions;
        let offsets = partitions
            .iter()
            .map(|found| (found.committed_offset, found.metadata.as_deref()));
        assert_eq!(
            offsets.collect::<Vec<_>>(),
            [(7, Some("word")), (-1, Some(""))]
        );
    }
    for version in 2..=7 {
        let all = only(story.call(1, version, &fetch_all("g")).topics);
        assert_eq!(
            (&all.name[..], only(all.partitions).committed_offset),
            ("t", 7)
        );
    }
    let topic_id = story.cluster.topic_id("t").unwrap();
    for version in 8..=10 {
        let group = offset_fetch::RequestGroup {
            group_id: "g".to_owned(),
            ..Default::default()
        };
        let request = offset_fetch::Request {
            groups: vec![group],
            require_stable: true,
        };
        let all = only(only(story.call(1, version, &request).groups).topics);
        assert_eq!(all.topic_id == topic_id, version == 10);
        assert_eq!(only(all.partitions).committed_offset, 7);
    }
}

#[test]
fn a_commit_is_refused_for_what_is_wrong_with_it() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::NEWEST));
    let (_, member) = story.stable_group("g");
    let long = "x".repeat(4097);
    assert_eq!(
        code(story.call(1, 9, &commit("g", Some(&member), &long))),
        ErrorCode::OFFSET_METADATA_TOO_LARGE
    );
    assert_eq!(
        code(story.call(1, 9, &commit("g", Some(&member), &long[1..]))),
        ErrorCode::NONE
    );
    assert_eq!(
        code(story.call(1, 9, &commit("g", None, ""))),
        ErrorCode::UNKNOWN_MEMBER_ID
    );
    let mut unknown = commit("g", Some(&member), "");
    unknown.topics[0].name = "other".to_owned();
    assert_eq!(
        code(story.call(1, 9, &unknown)),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    assert_eq!(
        code(story.call(1, 10, &unknown)),
        ErrorCode::UNKNOWN_TOPIC_ID
    );
    assert_eq!(
        code(story.call(1, 9, &commit("none", Some(&member), ""))),
        ErrorCode::GROUP_ID_NOT_FOUND
    );
    assert_eq!(
        code(story.call(1, 8, &commit("none", Some(&member), ""))),
        ErrorCode::ILLEGAL_GENERATION
    );
    assert_eq!(
        code(story.call(1, 8, &commit("simple", None, "word"))),
        ErrorCode::NONE
    );
    assert_eq!(
        story.cluster.committed("simple", "t", 0),
        Some((7, "word".to_owned()))
    );
}

#[test]
fn the_commits_for_a_deleted_topic_are_gone() {
    let mut story = Story::new();
    story.cluster.commit(story.now, "g", "t", 0, 5, "");
    story.cluster.delete_topic(story.now, "t");
    story.cluster.create_topic(story.now, "t", 3);
    assert_eq!(story.cluster.committed("g", "t", 0), None);
}

#[test]
fn groups_are_described_and_listed_by_their_coordinator() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::NEWEST));
    let (_, member) = story.stable_group("g");
    let ask = |group: &str| describe_groups::Request {
        groups: vec![group.to_owned()],
        ..Default::default()
    };
    let group = only(story.call(1, 5, &ask("g")).groups);
    assert_eq!(
        (&group.group_state[..], &group.protocol_data[..]),
        ("Stable", "range")
    );
    assert_eq!(only(group.members).member_id, member.member_id);
    let dead = only(story.call(1, 5, &ask("none")).groups);
    assert_eq!(
        (&dead.group_state[..], dead.error_code),
        ("Dead", ErrorCode::NONE)
    );
    assert_eq!(
        only(story.call(1, 6, &ask("none")).groups).error_code,
        ErrorCode::GROUP_ID_NOT_FOUND
    );
    let empty = list_groups::Request {
        states_filter: vec!["empty".to_owned()],
        ..Default::default()
    };
    assert!(story.call(1, 4, &empty).groups.is_empty());
    assert_eq!(
        only(story.call(1, 4, &list_groups::Request::default()).groups).group_id,
        "g"
    );
}

#[test]
fn leaving_is_answered_by_member_from_version_3_on() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::NEWEST));
    let (_, member) = story.stable_group("g");
    let single = leave_group::SingleRequest {
        group_id: "g".to_owned(),
        member_id: "nobody".to_owned(),
    };
    assert_eq!(
        story.call(1, 2, &single).error_code,
        ErrorCode::UNKNOWN_MEMBER_ID
    );
    let id = |member_id: &str| leave_group::RequestMember {
        member_id: member_id.to_owned(),
        ..Default::default()
    };
    let members = vec![id("nobody"), id(&member.member_id)];
    let left = story.call(
        1,
        3,
        &leave_group::Request {
            group_id: "g".to_owned(),
            members,
        },
    );
    assert_eq!(left.error_code, ErrorCode::NONE);
    let codes = left
        .members
        .iter()
        .map(|member| member.error_code)
        .collect::<Vec<_>>();
    assert_eq!(codes, [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::NONE]);
    assert_eq!(story.cluster.group_state("g"), GroupState::Empty);
}
