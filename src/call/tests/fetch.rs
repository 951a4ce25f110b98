use std::{error::Error as _, time::Duration};

use crate::{
    call::{
        Answer, Call,
        fetch::{Aborted, Ask, Partition},
    },
    error::{Error, ErrorKind},
    protocol::{
        ErrorCode, RecordSet,
        fetch::{AbortedTransaction, Request, Response, ResponsePartition, ResponseTopic},
    },
    record::{
        Recycler,
        build::{BatchBuilder, NewRecord},
    },
    wire::Uuid,
};

use super::{answered, asked, assert_no_version, assert_unfit, chosen};

const ID_A: Uuid = Uuid([1; 16]);
const ID_B: Uuid = Uuid([2; 16]);

fn ask(ids: bool) -> Call {
    let partition = |topic: &str, id, partition| Partition {
        topic: topic.into(),
        topic_id: ids.then_some(id),
        partition,
        leader_epoch: Some(5),
        offset: 100 + i64::from(partition),
        max_bytes: 1000,
    };
    Call::Fetch(Ask {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 5000,
        read_committed: true,
        rack_id: "r".into(),
        partitions: vec![
            partition("a", ID_A, 1),
            partition("a", ID_A, 2),
            partition("b", ID_B, 0),
            partition("a", ID_A, 0),
        ],
    })
}

fn batch(base_offset: i64) -> Vec<u8> {
    let record = NewRecord {
        value: Some(b"value"),
        ..Default::default()
    };
    BatchBuilder::new(base_offset).push(&record).build()
}

fn records(records: &[u8]) -> ResponsePartition {
    ResponsePartition {
        high_watermark: 200,
        records: RecordSet::from(records.to_vec()),
        ..Default::default()
    }
}

fn answer(version: i16, partitions: Vec<ResponsePartition>) -> Result<Answer, Error> {
    let topic = ResponseTopic {
        topic: "a".into(),
        topic_id: ID_A,
        partitions,
    };
    let response = Response {
        responses: vec![topic],
        ..Default::default()
    };
    answered::<Request>(&ask(true), version, &response)
}

#[test]
fn a_fetch_is_asked_in_every_version() {
    for version in 0..=18 {
        let request: Request = asked(&ask(true), version);
        let since = |first: i16| version >= first;
        assert_eq!((request.max_wait_ms, request.min_bytes), (500, 1));
        assert_eq!(request.max_bytes, if since(3) { 5000 } else { i32::MAX });
        assert_eq!(request.isolation_level, i8::from(since(4)));
        assert_eq!(
            (request.session_id, request.session_epoch),
            (0, -1),
            "no fetch session"
        );
        assert_eq!(request.rack_id, if since(11) { "r" } else { "" });
        assert_eq!(
            (request.replica_id, request.replica_state.replica_id),
            (-1, -1),
            "a consumer"
        );
        let order = request.topics.iter().flat_map(|topic| {
            let name = match topic.topic_id {
                ID_A => "a",
                ID_B => "b",
                _ => topic.topic.as_str(),
            };
            topic
                .partitions
                .iter()
                .map(move |partition| (name, partition.partition))
        });
        assert_eq!(
            order.collect::<Vec<_>>(),
            [("a", 1), ("a", 2), ("b", 0), ("a", 0)]
        );
        let topic = &request.topics[0];
        assert_eq!(topic.topic.is_empty(), since(13));
        assert_eq!(topic.topic_id.is_zero(), !since(13));
        let partition = &topic.partitions[1];
        assert_eq!(
            (partition.fetch_offset, partition.partition_max_bytes),
            (102, 1000)
        );
        assert_eq!(
            partition.current_leader_epoch,
            if since(9) { 5 } else { -1 }
        );
        assert_eq!(
            (partition.last_fetched_epoch, partition.log_start_offset),
            (-1, -1)
        );
    }
}

#[test]
fn a_fetch_is_answered_in_every_version() {
    for version in 0..=18 {
        let since = |first: i16| version >= first;
        let bytes = [batch(101), batch(102)].concat();
        let partition = ResponsePartition {
            partition_index: 1,
            log_start_offset: 7,
            aborted_transactions: Some(vec![AbortedTransaction {
                producer_id: 9,
                first_offset: 101,
            }]),
            preferred_read_replica: if since(11) { 3 } else { -1 },
            ..records(&bytes)
        };
        let refused = ResponsePartition {
            error_code: ErrorCode::OFFSET_OUT_OF_RANGE,
            high_watermark: -1,
            ..Default::default()
        };
        let answer = answer(version, vec![partition, refused])
            .unwrap()
            .into_fetch();
        assert_eq!(answer.error, ErrorCode::NONE);
        assert!(answer.wire_bytes > bytes.len());
        let [fetched, refused] = &answer.partitions[..] else {
            panic!("there are two partitions");
        };
        assert_eq!((fetched.topic.as_str(), fetched.partition), ("a", 1));
        assert_eq!(
            (fetched.error, fetched.high_watermark),
            (ErrorCode::NONE, Some(200))
        );
        assert_eq!(fetched.log_start, since(5).then_some(7));
        let aborted = Aborted {
            producer_id: 9,
            first_offset: 101,
        };
        assert_eq!(fetched.aborted.first(), since(4).then_some(&aborted));
        assert_eq!(fetched.preferred_read_replica, since(11).then_some(3));
        let offsets = fetched
            .batches
            .iter()
            .map(|batch| (batch.base_offset(), batch.last_offset()));
        assert_eq!(offsets.collect::<Vec<_>>(), [(101, 101), (102, 102)]);
        assert!(fetched.needs_bytes.is_none() && fetched.broken.is_none());
        assert_eq!(
            (refused.partition, refused.error),
            (0, ErrorCode::OFFSET_OUT_OF_RANGE)
        );
        assert!(refused.batches.is_empty());
    }
}

/// The question is for a/1, a/2, b/0 and a/0, from 101, 102, 100 and 100 on.
#[test]
fn a_question_goes_on_where_the_answer_ends_if_that_is_the_end_of_all_logs() {
    let at_end = |partition_index, end: i64, bytes: Vec<u8>| ResponsePartition {
        partition_index,
        high_watermark: end,
        records: RecordSet::from(bytes),
        preferred_read_replica: -1,
        ..Default::default()
    };
    let topics = |of_a: [ResponsePartition; 3], of_b| {
        let response = Response {
            responses: vec![
                ResponseTopic {
                    topic: "b".into(),
                    topic_id: ID_B,
                    partitions: vec![of_b],
                },
                ResponseTopic {
                    topic: "a".into(),
                    topic_id: ID_A,
                    partitions: of_a.into(),
                },
            ],
            ..Default::default()
        };
        answered::<Request>(&ask(true), 12, &response)
            .unwrap()
            .into_fetch()
    };
    let two = || [batch(101), batch(102)].concat();
    let all = || {
        let silent = |partition, end| at_end(partition, end, Vec::new());
        [silent(0, 100), at_end(1, 103, two()), silent(2, 102)]
    };
    let of_b = || at_end(0, 101, batch(100));

    let answer = topics(all(), of_b());
    assert_eq!(answer.ends, Some(vec![103, 102, 101, 100]));
    let Call::Fetch(ask) = ask(true) else {
        unreachable!("it is a fetch");
    };
    let next = ask.clone().onward(&answer).unwrap();
    let offsets = next.partitions.iter().map(|p| p.offset);
    assert_eq!(offsets.collect::<Vec<_>>(), [103, 102, 101, 100]);
    let same = |ask: &Ask| {
        let places = ask
            .partitions
            .iter()
            .map(|p| (p.topic.clone(), p.partition));
        places.collect::<Vec<_>>()
    };
    assert_eq!(same(&next), same(&ask));

    let with = |change: &dyn Fn(&mut [ResponsePartition; 3])| {
        let mut of_a = all();
        change(&mut of_a);
        topics(of_a, of_b())
    };
    let others = [
        with(&|of_a| of_a[1].high_watermark = 104),
        with(&|of_a| of_a[0].error_code = ErrorCode::NOT_LEADER_OR_FOLLOWER),
        with(&|of_a| of_a[2].preferred_read_replica = 3),
        with(&|of_a| of_a[1].records = RecordSet::from(two()[..100].to_vec())),
        with(&|of_a| of_a[1].records = RecordSet::from(batch(7))),
        with(&|of_a| of_a[1].high_watermark = -7),
        topics(
            [0, 1, 2].map(|n| at_end(n, 100 + i64::from(n), Vec::new())),
            at_end(0, 100, Vec::new()),
        ),
    ];
    for answer in others {
        assert_eq!(answer.ends, None, "{answer:?}");
        assert_eq!(ask.clone().onward(&answer), None);
    }
}

#[test]
fn topics_without_ids_keep_to_the_versions_with_names() {
    assert_eq!(chosen(&ask(true), 4, 18).unwrap(), 18);
    assert_eq!(chosen(&ask(false), 4, 18).unwrap(), 12);
    let Call::Fetch(mut mixed) = ask(true) else {
        unreachable!("it is a fetch");
    };
    mixed.partitions[2].topic_id = None;
    assert_eq!(chosen(&Call::Fetch(mixed), 4, 18).unwrap(), 12);
    assert_no_version(
        chosen(&ask(false), 13, 18),
        "Fetch is needed in versions 0 to 12 for topics without an id, the broker speaks versions 13 to 18",
    );
}

#[test]
fn the_batch_that_is_cut_off_tells_its_size_only_if_nothing_came_before_it() {
    let bytes = batch(101);
    let cut = &bytes[..bytes.len() - 1];
    let alone = answer(2, vec![records(cut)]).unwrap().into_fetch();
    assert_eq!(alone.partitions[0].needs_bytes, Some(bytes.len()));

    let behind_another = [&batch(100), cut].concat();
    let second = answer(2, vec![records(&behind_another)])
        .unwrap()
        .into_fetch();
    assert_eq!(second.partitions[0].batches.len(), 1);
    assert_eq!(second.partitions[0].needs_bytes, None);
}

#[test]
fn broken_records_concern_their_partition_alone() {
    let mut broken = batch(100);
    broken[8..12].copy_from_slice(&(-5_i32).to_be_bytes());
    let sound = ResponsePartition {
        partition_index: 1,
        ..records(&batch(101))
    };
    let behind = [batch(99), broken].concat();
    let answer = answer(11, vec![records(&behind), sound])
        .unwrap()
        .into_fetch();
    let [first, second] = &answer.partitions[..] else {
        panic!("there are two partitions");
    };
    assert_eq!(first.batches.len(), 1);
    assert!(first.broken.is_some());
    assert_eq!(second.batches.len(), 1);
    assert!(second.broken.is_none());
}

/// As brokers put it behind what they have converted (KIP-283).
#[test]
fn filler_is_damage_where_nothing_is_converted() {
    let mut filler = vec![0; 12];
    filler[..8].copy_from_slice(&(-1_i64).to_be_bytes());
    filler[8..].copy_from_slice(&49_i32.to_be_bytes());
    for (version, is_damage) in [(3, false), (4, true)] {
        for batches in [Vec::new(), batch(100)] {
            let bytes = [&batches[..], &filler].concat();
            let answer = answer(version, vec![records(&bytes)]).unwrap().into_fetch();
            let fetched = &answer.partitions[0];
            assert_eq!(fetched.broken.is_some(), is_damage);
            assert_eq!(fetched.batches.is_empty(), batches.is_empty());
            let is_nothing = batches.is_empty() && !is_damage;
            assert_eq!(fetched.converted_to_nothing, is_nothing);
        }
    }
}

#[test]
fn an_error_of_the_whole_fetch_is_an_answer() {
    let response = Response {
        error_code: ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        ..Default::default()
    };
    let answer = answered::<Request>(&ask(true), 12, &response)
        .unwrap()
        .into_fetch();
    assert_eq!(answer.error, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert!(answer.partitions.is_empty() && !answer.is_put_off());
}

#[test]
fn an_answer_of_a_broker_whose_quota_is_used_up_says_for_how_long() {
    let put_off = |throttle_time_ms, version| {
        let response = Response {
            throttle_time_ms,
            ..Default::default()
        };
        let answer = answered::<Request>(&ask(true), version, &response);
        let answer = answer.unwrap().into_fetch();
        answer.is_put_off().then_some(answer.throttle)
    };
    for version in 1..=18 {
        assert_eq!(put_off(250, version), Some(Duration::from_millis(250)));
        assert_eq!(put_off(0, version), None);
        assert_eq!(put_off(i32::MIN, version), None);
    }
    // The limit of the whole is one of the request, and no answer tells of it.
    let is_bounded = |version| answer(version, Vec::new()).unwrap().into_fetch().is_bounded;
    assert!(!(0..3).any(is_bounded) && (3..=18).all(is_bounded));
}

#[test]
fn what_makes_no_sense_of_one_partition_is_an_error_of_that_one() {
    let sound = records(&[]);
    let assert_broken = |partition: ResponsePartition, says| {
        let other = ResponsePartition {
            partition_index: 1,
            ..sound.clone()
        };
        let answer = answer(12, vec![partition, other]).unwrap().into_fetch();
        let [broken, sound] = &answer.partitions[..] else {
            panic!("both are told of");
        };
        let error = broken.broken.as_ref().expect("it is broken");
        assert_eq!(*error.kind(), ErrorKind::Protocol);
        assert_eq!(error.source().unwrap().to_string(), says);
        assert!(sound.broken.is_none() && sound.high_watermark.is_some());
    };
    let negative = ResponsePartition {
        high_watermark: -1,
        ..sound.clone()
    };
    assert_broken(negative, "a high watermark is -1");
    let negative = ResponsePartition {
        log_start_offset: -2,
        ..sound.clone()
    };
    assert_broken(negative, "a log's start is -2");
    let negative = ResponsePartition {
        preferred_read_replica: -2,
        ..sound.clone()
    };
    assert_broken(negative, "a replica's id is -2");
    let aborted = AbortedTransaction {
        producer_id: 1,
        first_offset: -1,
    };
    let negative = ResponsePartition {
        aborted_transactions: Some(vec![aborted]),
        ..sound.clone()
    };
    assert_broken(negative, "the offset of a transaction is -1");
}

#[test]
fn what_was_not_asked_for_or_comes_twice_is_an_error() {
    let of = |partition: ResponsePartition| answer(12, vec![partition]);
    let sound = records(&[]);
    assert!(of(sound.clone()).is_ok());
    let other = ResponsePartition {
        partition_index: 7,
        ..sound.clone()
    };
    assert_unfit(of(other), "partition a/7 was not asked for");
    assert_unfit(
        answer(12, vec![sound.clone(), sound.clone()]),
        "partition a/0 comes twice",
    );
    let topic = ResponseTopic {
        topic_id: Uuid([9; 16]),
        partitions: vec![sound],
        ..Default::default()
    };
    let response = Response {
        responses: vec![topic],
        ..Default::default()
    };
    assert_unfit(
        answered::<Request>(&ask(true), 13, &response),
        "topic 09090909-0909-0909-0909-090909090909 was not asked for",
    );
}

#[test]
fn no_bytes_make_decoding_panic() {
    let bytes = [batch(101), batch(102)].concat();
    let partition = ResponsePartition {
        partition_index: 1,
        ..records(&bytes)
    };
    for version in [0, 4, 12, 18] {
        let topic = ResponseTopic {
            topic: "a".into(),
            topic_id: ID_A,
            partitions: vec![partition.clone()],
        };
        let response = Response {
            responses: vec![topic],
            ..Default::default()
        };
        let frame =
            crate::protocol::header::encode_response::<Request>(&response, version, 1).unwrap();
        let limits = Default::default();
        let mut damaged = 0;
        for end in 4..frame.len() {
            damaged += usize::from(
                ask(true)
                    .decode(version, &frame[4..end], &limits, &Recycler::new())
                    .is_err(),
            );
        }
        assert_eq!(damaged, frame.len() - 4, "each cut is noticed");
        for at in 4..frame.len() {
            let mut frame = frame.clone();
            frame[at] ^= 0xff;
            let _ = ask(true).decode(version, &frame[4..], &limits, &Recycler::new());
        }
    }
}
