use crate::{
    call::{
        Answer, Call,
        offset_commit::{self, Committed},
        offset_fetch,
    },
    error::Error,
    protocol::{ErrorCode, offset_commit as commit, offset_fetch as fetch},
    wire::Uuid,
};

use super::{answered, asked, assert_no_version, assert_unfit, chosen};

const ID_A: Uuid = Uuid([1; 16]);
const ID_B: Uuid = Uuid([2; 16]);

fn commit_ask(ids: bool, instance_id: Option<&str>) -> offset_commit::Ask {
    let partition = |topic: &str, id, partition| offset_commit::Partition {
        topic: topic.into(),
        topic_id: ids.then_some(id),
        partition,
        offset: 100 + i64::from(partition),
        leader_epoch: Some(4),
        metadata: "note".into(),
    };
    offset_commit::Ask {
        group_id: "g".into(),
        generation: 3,
        member_id: "m".into(),
        instance_id: instance_id.map(Into::into),
        retention_ms: Some(60),
        partitions: vec![
            partition("a", ID_A, 0),
            partition("b", ID_B, 1),
            partition("a", ID_A, 2),
        ],
    }
}

fn committed(topic: (&str, Uuid), partitions: &[(i32, ErrorCode)]) -> commit::ResponseTopic {
    let partitions =
        partitions
            .iter()
            .map(|&(partition_index, error_code)| commit::ResponsePartition {
                partition_index,
                error_code,
            });
    commit::ResponseTopic {
        name: topic.0.into(),
        topic_id: topic.1,
        partitions: partitions.collect(),
    }
}

fn commit_answer(
    ask: &offset_commit::Ask,
    version: i16,
    topics: Vec<commit::ResponseTopic>,
) -> Result<Answer, Error> {
    let response = commit::Response {
        topics,
        ..Default::default()
    };
    answered::<commit::Request>(&Call::OffsetCommit(ask.clone()), version, &response)
}

#[test]
fn offset_commit_in_every_version() {
    for version in 2..=10 {
        let instance_id = (version >= 7).then_some("i");
        let ask = commit_ask(true, instance_id);
        let request: commit::Request = asked(&Call::OffsetCommit(ask.clone()), version);
        assert_eq!(
            (request.group_id.as_str(), request.member_id.as_str()),
            ("g", "m")
        );
        assert_eq!(request.generation_id_or_member_epoch, 3);
        assert_eq!(request.group_instance_id.as_deref(), instance_id);
        let retention = if version <= 4 { 60 } else { -1 };
        assert_eq!(request.retention_time_ms, retention);
        let [a, b] = &request.topics[..] else {
            panic!("the partitions of a topic are together");
        };
        let named = version < 10;
        assert_eq!((a.name == "a", a.topic_id == ID_A), (named, !named));
        assert_eq!((b.name == "b", b.topic_id == ID_B), (named, !named));
        let indexes = a
            .partitions
            .iter()
            .map(|partition| partition.partition_index);
        assert_eq!(indexes.collect::<Vec<_>>(), [0, 2]);
        let partition = &b.partitions[0];
        assert_eq!(
            (partition.partition_index, partition.committed_offset),
            (1, 101)
        );
        let epoch = if version >= 6 { 4 } else { -1 };
        assert_eq!(partition.committed_leader_epoch, epoch);
        assert_eq!(partition.committed_metadata.as_deref(), Some("note"));

        let error = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let topics = vec![
            committed(("a", ID_A), &[(0, ErrorCode::NONE), (2, error)]),
            committed(("b", ID_B), &[(1, ErrorCode::NONE)]),
        ];
        let answer = commit_answer(&ask, version, topics)
            .unwrap()
            .into_offset_commit();
        let result = |topic: &str, partition, error| Committed {
            topic: topic.into(),
            partition,
            error,
        };
        assert_eq!(
            answer.partitions,
            [
                result("a", 0, ErrorCode::NONE),
                result("a", 2, error),
                result("b", 1, ErrorCode::NONE)
            ]
        );
    }
}

#[test]
fn the_versions_of_a_commit() {
    let call = |ids, instance_id| Call::OffsetCommit(commit_ask(ids, instance_id));
    assert_eq!(chosen(&call(true, None), 2, 10).unwrap(), 10);
    assert_eq!(
        chosen(&call(false, None), 2, 10).unwrap(),
        9,
        "topics without ids"
    );
    assert_eq!(chosen(&call(false, None), 0, 2).unwrap(), 2);
    assert_no_version(
        chosen(&call(true, None), 0, 1),
        "OffsetCommit is needed in versions 2 to 10, the broker speaks versions 0 to 1",
    );
    assert_no_version(
        chosen(&call(true, Some("i")), 0, 6),
        "OffsetCommit is needed in versions 7 to 10 for group.instance_id, the broker speaks versions 0 to 6",
    );
}

#[test]
fn results_of_a_commit_that_were_not_asked_for_are_errors() {
    let ask = commit_ask(true, None);
    let of = |version, topic, partitions: &[(i32, ErrorCode)]| {
        commit_answer(&ask, version, vec![committed(topic, partitions)])
    };
    let none = ErrorCode::NONE;
    assert_unfit(
        of(2, ("a", ID_A), &[(1, none)]),
        "partition a/1 was not asked for",
    );
    assert_unfit(
        of(2, ("c", ID_A), &[(0, none)]),
        "partition c/0 was not asked for",
    );
    assert_unfit(
        of(2, ("a", ID_A), &[(0, none), (0, none)]),
        "partition a/0 comes twice",
    );
    assert_unfit(
        of(10, ("a", Uuid([3; 16])), &[(0, none)]),
        "topic 03030303-0303-0303-0303-030303030303 was not asked for",
    );
}

#[test]
fn a_monstrous_metadata_string_is_refused_here_and_the_others_are_committed() {
    let mut ask = commit_ask(true, None);
    ask.partitions[1].metadata = "x".repeat(32_768);
    let call = Call::OffsetCommit(ask.clone());
    for version in 2..=10 {
        let request: commit::Request = asked(&call, version);
        let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
        let indexes: Vec<_> = partitions
            .map(|partition| partition.partition_index)
            .collect();
        assert_eq!(indexes, [0, 2]);
        let topics = vec![committed(
            ("a", ID_A),
            &[(0, ErrorCode::NONE), (2, ErrorCode::NONE)],
        )];
        let answer = commit_answer(&ask, version, topics)
            .unwrap()
            .into_offset_commit();
        let refused = answer.partitions.last().unwrap();
        assert_eq!((refused.topic.as_str(), refused.partition), ("b", 1));
        assert_eq!(refused.error, ErrorCode::OFFSET_METADATA_TOO_LARGE);
        assert_eq!(answer.partitions.len(), 3);
    }
}

fn offset_fetch_ask(ids: bool, require_stable: bool) -> Call {
    let topic = |name: &str, id, partitions| offset_fetch::Topic {
        name: name.into(),
        id: ids.then_some(id),
        partitions,
    };
    Call::OffsetFetch(offset_fetch::Ask {
        group_id: "g".into(),
        require_stable,
        topics: vec![topic("a", ID_A, vec![0, 1]), topic("b", ID_B, vec![2])],
    })
}

/// One partition of topic a as brokers put it in versions 1 to 7.
fn single(index: i32, offset: i64, error_code: ErrorCode) -> fetch::SingleResponsePartition {
    fetch::SingleResponsePartition {
        partition_index: index,
        committed_offset: offset,
        metadata: Some("note".into()),
        error_code,
        ..Default::default()
    }
}

fn single_answer(
    version: i16,
    partitions: Vec<fetch::SingleResponsePartition>,
    error_code: ErrorCode,
) -> Result<Answer, Error> {
    let topic = fetch::SingleResponseTopic {
        name: "a".into(),
        partitions,
    };
    let response = fetch::SingleResponse {
        topics: vec![topic],
        error_code,
        ..Default::default()
    };
    answered::<fetch::SingleRequest>(&offset_fetch_ask(false, false), version, &response)
}

#[test]
fn offset_fetch_of_one_group_in_every_version() {
    for version in 1..=7 {
        let request: fetch::SingleRequest = asked(&offset_fetch_ask(true, true), version);
        assert_eq!(
            (request.group_id.as_str(), request.require_stable),
            ("g", version >= 7)
        );
        let topics = request.topics.unwrap();
        assert_eq!(
            (topics[0].name.as_str(), &*topics[0].partition_indexes),
            ("a", &[0, 1][..])
        );
        assert_eq!(
            (topics[1].name.as_str(), &*topics[1].partition_indexes),
            ("b", &[2][..])
        );

        let with_epoch = fetch::SingleResponsePartition {
            committed_leader_epoch: 6,
            ..single(0, 42, ErrorCode::NONE)
        };
        let nothing = fetch::SingleResponsePartition {
            metadata: None,
            ..single(1, -1, ErrorCode::NONE)
        };
        let answer = single_answer(version, vec![with_epoch, nothing], ErrorCode::NONE);
        let answer = answer.unwrap().into_offset_fetch();
        assert_eq!(answer.error, ErrorCode::NONE);
        let partition = |partition, offset, leader_epoch, metadata: &str| offset_fetch::Partition {
            topic: "a".into(),
            partition,
            error: ErrorCode::NONE,
            offset,
            leader_epoch,
            metadata: metadata.into(),
        };
        let epoch = (version >= 5).then_some(6);
        assert_eq!(
            answer.partitions,
            [
                partition(0, Some(42), epoch, "note"),
                partition(1, None, None, "")
            ]
        );
    }
}

#[test]
fn a_commit_of_no_place_in_a_log_is_none() {
    // sarama for Go commits -2 where a program marks its `OffsetOldest`.
    let nowhere = fetch::SingleResponsePartition {
        committed_leader_epoch: -2,
        ..single(0, -2, ErrorCode::NONE)
    };
    let next_to_it = single(1, 42, ErrorCode::NONE);
    let answer = single_answer(5, vec![nowhere, next_to_it], ErrorCode::NONE);
    let partitions = answer.unwrap().into_offset_fetch().partitions;
    let found = partitions.iter().map(|p| (p.offset, p.leader_epoch));
    assert_eq!(found.collect::<Vec<_>>(), [(None, None), (Some(42), None)]);
}

#[test]
fn offset_fetch_of_several_groups_in_every_version() {
    for version in 8..=10 {
        let call = offset_fetch_ask(true, true);
        let request: fetch::Request = asked(&call, version);
        assert!(request.require_stable);
        let [group] = &request.groups[..] else {
            panic!("one group is asked for");
        };
        assert_eq!((group.group_id.as_str(), group.member_epoch), ("g", -1));
        let topics = group.topics.as_ref().unwrap();
        let named = version < 10;
        assert_eq!(
            (topics[0].name == "a", topics[0].topic_id == ID_A),
            (named, !named)
        );
        assert_eq!(topics[0].partition_indexes, [0, 1]);

        let answer = groups_answer(version, "g", ("b", ID_B), 2, ErrorCode::NONE);
        let answer = answer.unwrap().into_offset_fetch();
        assert_eq!(
            (answer.error, answer.partitions.len()),
            (ErrorCode::NONE, 1)
        );
        let partition = &answer.partitions[0];
        assert_eq!((partition.topic.as_str(), partition.partition), ("b", 2));
        assert_eq!(
            (partition.offset, partition.leader_epoch),
            (Some(42), Some(6))
        );
        assert_eq!(partition.metadata, "note");
    }
}

fn groups_answer(
    version: i16,
    group_id: &str,
    topic: (&str, Uuid),
    partition_index: i32,
    error_code: ErrorCode,
) -> Result<Answer, Error> {
    let partition = fetch::ResponsePartition {
        partition_index,
        committed_offset: 42,
        committed_leader_epoch: 6,
        metadata: Some("note".into()),
        ..Default::default()
    };
    let topic = fetch::ResponseTopic {
        name: topic.0.into(),
        topic_id: topic.1,
        partitions: vec![partition],
    };
    let group = fetch::ResponseGroup {
        group_id: group_id.into(),
        topics: vec![topic],
        error_code,
    };
    let response = fetch::Response {
        groups: vec![group],
        ..Default::default()
    };
    answered::<fetch::Request>(&offset_fetch_ask(true, true), version, &response)
}

#[test]
fn an_error_of_the_group_is_found_wherever_the_version_puts_it() {
    let error = ErrorCode::NOT_COORDINATOR;
    let partitions = vec![
        single(0, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        single(1, -1, error),
    ];
    let lifted = single_answer(1, partitions, ErrorCode::NONE).unwrap();
    assert_eq!(lifted.into_offset_fetch().error, error);

    let of_partitions = vec![
        single(0, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        single(1, -1, ErrorCode::TOPIC_AUTHORIZATION_FAILED),
    ];
    let not_lifted = single_answer(1, of_partitions, ErrorCode::NONE).unwrap();
    assert_eq!(not_lifted.into_offset_fetch().error, ErrorCode::NONE);

    for version in 2..=7 {
        let answer = single_answer(version, Vec::new(), error).unwrap();
        assert_eq!(answer.into_offset_fetch().error, error);
    }
    for version in 8..=10 {
        let answer = groups_answer(version, "g", ("a", ID_A), 0, error).unwrap();
        assert_eq!(answer.into_offset_fetch().error, error);
    }
}

#[test]
fn an_unstable_offset_is_an_error_of_its_partition_alone() {
    let partitions = vec![
        single(0, -1, ErrorCode::UNSTABLE_OFFSET_COMMIT),
        single(1, 5, ErrorCode::NONE),
    ];
    let answer = single_answer(7, partitions, ErrorCode::NONE)
        .unwrap()
        .into_offset_fetch();
    assert_eq!(answer.error, ErrorCode::NONE);
    assert_eq!(
        answer.partitions[0].error,
        ErrorCode::UNSTABLE_OFFSET_COMMIT
    );
    assert_eq!(
        (answer.partitions[0].offset, answer.partitions[1].offset),
        (None, Some(5))
    );
}

#[test]
fn the_versions_of_an_offset_fetch() {
    assert_eq!(chosen(&offset_fetch_ask(true, true), 1, 10).unwrap(), 10);
    assert_eq!(
        chosen(&offset_fetch_ask(false, true), 1, 10).unwrap(),
        9,
        "topics without ids"
    );
    assert_no_version(
        chosen(&offset_fetch_ask(false, true), 0, 0),
        "OffsetFetch is needed in versions 1 to 9 for topics without an id, the broker speaks version 0",
    );
}

#[test]
fn commits_that_were_not_asked_for_or_make_no_sense_are_errors() {
    let none = ErrorCode::NONE;
    let twice = single_answer(3, vec![single(0, 1, none), single(0, 1, none)], none);
    assert_unfit(twice, "partition a/0 comes twice");
    let other = single_answer(3, vec![single(2, 1, none)], none);
    assert_unfit(other, "partition a/2 was not asked for");
    assert_unfit(
        groups_answer(8, "other", ("a", ID_A), 0, none),
        "the group is missing",
    );
    assert_unfit(
        groups_answer(10, "g", ("a", Uuid::ZERO), 0, none),
        "topic 00000000-0000-0000-0000-000000000000 was not asked for",
    );
}
