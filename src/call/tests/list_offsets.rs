use crate::{
    call::{
        Answer, Call,
        list_offsets::{Ask, At, Listed, Partition},
    },
    error::Error,
    protocol::{ErrorCode, list_offsets as list},
};

use super::{answered, asked, assert_no_version, assert_unfit, chosen};

fn list_ask(read_committed: bool, second: At) -> Call {
    let partition = |topic: &str, partition, at| Partition {
        topic: topic.into(),
        partition,
        leader_epoch: Some(5),
        at,
    };
    Call::ListOffsets(Ask {
        read_committed,
        partitions: vec![
            partition("a", 0, At::Oldest),
            partition("b", 0, At::Newest),
            partition("a", 1, second),
        ],
    })
}

fn list_answer(
    call: &Call,
    version: i16,
    partitions: Vec<list::ResponsePartition>,
) -> Result<Answer, Error> {
    let topic = list::ResponseTopic {
        name: "a".into(),
        partitions,
    };
    let response = list::Response {
        topics: vec![topic],
        ..Default::default()
    };
    answered::<list::Request>(call, version, &response)
}

fn listed(partition: i32, offset: Option<i64>, leader_epoch: Option<i32>) -> Listed {
    Listed {
        topic: "a".into(),
        partition,
        error: ErrorCode::NONE,
        offset,
        leader_epoch,
    }
}

#[test]
fn list_offsets_in_every_version() {
    for version in 0..=11 {
        let call = list_ask(true, At::Newest);
        let request: list::Request = asked(&call, version);
        assert_eq!(
            (request.replica_id, request.isolation_level),
            (-1, i8::from(version >= 2))
        );
        let [a, b] = &request.topics[..] else {
            panic!("the partitions of a topic are together");
        };
        assert_eq!((a.name.as_str(), b.name.as_str()), ("a", "b"));
        let timestamps = a
            .partitions
            .iter()
            .map(|p| (p.partition_index, p.timestamp));
        assert_eq!(timestamps.collect::<Vec<_>>(), [(0, -2), (1, -1)]);
        let epoch = if version >= 4 { 5 } else { -1 };
        assert_eq!(b.partitions[0].current_leader_epoch, epoch);
        assert_eq!(b.partitions[0].max_num_offsets, 1);
        assert_eq!(request.timeout_ms > 0, version >= 10);
    }
    for version in 1..=11 {
        let partition = list::ResponsePartition {
            offset: 42,
            leader_epoch: if version >= 4 { 3 } else { -1 },
            ..Default::default()
        };
        let nothing = list::ResponsePartition {
            partition_index: 1,
            ..Default::default()
        };
        let answer = list_answer(
            &list_ask(true, At::Timestamp(7)),
            version,
            vec![partition, nothing],
        );
        let epoch = (version >= 4).then_some(3);
        assert_eq!(
            answer.unwrap().into_list_offsets().partitions,
            [listed(0, Some(42), epoch), listed(1, None, None)]
        );
    }
}

#[test]
fn version_0_lists_offsets_in_its_own_shape() {
    let found = list::ResponsePartition {
        old_style_offsets: vec![42],
        ..Default::default()
    };
    let nothing = list::ResponsePartition {
        partition_index: 1,
        ..Default::default()
    };
    let answer = list_answer(&list_ask(false, At::Newest), 0, vec![found, nothing]).unwrap();
    assert_eq!(
        answer.into_list_offsets().partitions,
        [listed(0, Some(42), None), listed(1, None, None)]
    );
}

#[test]
fn a_timestamp_is_an_error_below_its_version() {
    let call = list_ask(false, At::Timestamp(7));
    assert_eq!(chosen(&call, 0, 1).unwrap(), 1);
    assert_eq!(chosen(&list_ask(false, At::Oldest), 0, 0).unwrap(), 0);
    assert_no_version(
        chosen(&call, 0, 0),
        "ListOffsets is needed in versions 1 to 11 for a timestamp, the broker speaks version 0",
    );
}

#[test]
fn offsets_that_were_not_asked_for_or_make_no_sense_are_errors() {
    let call = list_ask(false, At::Newest);
    let at = |partition_index, offset| list::ResponsePartition {
        partition_index,
        offset,
        ..Default::default()
    };
    assert_unfit(
        list_answer(&call, 5, vec![at(2, 0)]),
        "partition a/2 was not asked for",
    );
    assert_unfit(
        list_answer(&call, 5, vec![at(0, 0), at(0, 0)]),
        "partition a/0 comes twice",
    );
    assert_unfit(list_answer(&call, 5, vec![at(0, -3)]), "an offset is -3");

    let refused = list::ResponsePartition {
        error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ..at(0, -3)
    };
    let answer = list_answer(&call, 5, vec![refused])
        .unwrap()
        .into_list_offsets();
    assert_eq!(
        answer.partitions[0].error,
        ErrorCode::NOT_LEADER_OR_FOLLOWER
    );
    assert_eq!(answer.partitions[0].offset, None);
}
