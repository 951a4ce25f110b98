//! Records in and out.

use super::*;
use crate::{
    protocol::{create_topics, delete_records, list_offsets, produce},
    record::{Batch, Limits, build::BatchBuilder, split},
};

const WAIT: Duration = Duration::from_millis(500);

fn batches(read: &fetch::ResponsePartition) -> Vec<Batch> {
    split(read.records.slice(&[]), &Limits::default()).batches
}

/// Fetches at once, whatever there is. Records point into their frame, so they are taken out of it.
fn read(
    story: &mut Story,
    broker: i32,
    version: i16,
    request: &fetch::Request,
) -> fetch::ResponsePartition {
    let line = story.connect(broker);
    story.send(
        line,
        version,
        &fetch::Request {
            max_wait_ms: 0,
            ..request.clone()
        },
    );
    let Some(Action::Send(bytes)) = story.output(line) else {
        panic!("a fetch without wait waits")
    };
    let (_, response) = decode_response::<fetch::Request>(&bytes[4..], version).unwrap();
    let mut read = fetched(response);
    read.records = read.records.to_owned(&bytes[4..]);
    read
}

#[test]
fn a_fetch_waits_until_there_are_enough_bytes() {
    let mut story = Story::new();
    let line = story.connect(1);
    let size = BatchBuilder::new(0).push(&Default::default()).build().len() as i32;
    story.send(
        line,
        12,
        &fetch::Request {
            min_bytes: 2 * size,
            ..fetch(0, 0)
        },
    );
    story.produce(0, &["a"]);
    assert_eq!(story.output(line), None);
    story.produce(0, &["b"]);
    let read = fetched(story.answer::<fetch::Request>(line, 12));
    assert_eq!((read.error_code, read.high_watermark), (ErrorCode::NONE, 2));
    assert!(!read.records.is_empty());
}

/// Kafka looks whether there is enough before it converts.
#[test]
fn bytes_count_as_they_lie_in_the_log() {
    let mut story = Story::by(Settings::new(3, KafkaRelease::V2_8));
    story.produce(0, &["a"]);
    let lies_there = read(&mut story, 1, 11, &fetch(0, 0)).records.len();
    let converted = read(&mut story, 1, 1, &fetch(0, 0)).records.len();
    assert!(0 < converted && converted < lies_there);
    let line = story.connect(1);
    story.send(
        line,
        1,
        &fetch::Request {
            min_bytes: lies_there as i32,
            ..fetch(0, 0)
        },
    );
    let read = fetched(story.answer::<fetch::Request>(line, 1));
    assert_eq!(read.records.len(), converted);
}

#[test]
fn a_fetch_is_answered_with_what_there_is_when_its_wait_is_over() {
    let mut story = Story::new();
    let line = story.connect(1);
    story.send(line, 12, &fetch(0, 0));
    assert_eq!(story.cluster.poll_deadline(), Some(story.now + WAIT));
    story.pass(WAIT - Duration::from_millis(1));
    assert_eq!(story.output(line), None);
    story.pass(Duration::from_millis(1));
    assert!(
        fetched(story.answer::<fetch::Request>(line, 12))
            .records
            .is_empty()
    );
    assert_eq!(story.cluster.poll_deadline(), None);
}

#[test]
fn the_next_request_on_a_connection_waits_for_the_fetch_before_it() {
    let mut story = Story::new();
    let line = story.connect(1);
    story.send(line, 12, &fetch(0, 0));
    story.send(
        line,
        4,
        &heartbeat::Request {
            group_id: "g".to_owned(),
            ..Default::default()
        },
    );
    assert_eq!(story.output(line), None);
    story.produce(0, &["a"]);
    fetched(story.answer::<fetch::Request>(line, 12));
    let beaten = story.answer::<heartbeat::Request>(line, 4);
    assert_eq!(beaten.error_code, ErrorCode::NOT_COORDINATOR);
}

#[test]
fn an_error_of_one_partition_answers_a_waiting_fetch() {
    let mut story = Story::new();
    let line = story.connect(1);
    story.send(line, 9, &fetch(0, 0));
    story.cluster.delete_topic(story.now, "t");
    let read = fetched(story.answer::<fetch::Request>(line, 9));
    assert_eq!(read.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn a_fetch_gets_at_most_its_bytes_but_from_version_3_on_one_batch_at_least() {
    let mut story = Story::by(Settings::new(3, KafkaRelease::V3_9));
    story.produce(0, &["a long enough value"]);
    story.produce(0, &["another one"]);
    let all = read(&mut story, 1, 12, &fetch(0, 0));
    assert_eq!(batches(&all).len(), 2);
    let limited = |bytes| fetch::Request {
        max_bytes: bytes,
        ..fetch(0, 0)
    };
    let first = read(&mut story, 1, 12, &limited(1));
    assert_eq!(batches(&first).len(), 1);
    let cut = read(&mut story, 1, 12, &limited(all.records.len() as i32 - 1));
    assert_eq!(
        (batches(&cut).len(), cut.records.len()),
        (1, all.records.len() - 1)
    );
    let small = fetch_with(|asked| asked.partition_max_bytes = 30);
    let hard = read(&mut story, 1, 2, &small);
    assert_eq!((batches(&hard).len(), hard.records.len()), (0, 30));
}

#[test]
fn partitions_are_served_in_the_order_of_the_request_until_the_bytes_are_used_up() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::NEWEST));
    for partition in 0..3 {
        story.produce(partition, &["value"]);
    }
    let mut request = fetch(2, 0);
    let other = fetch::RequestPartition {
        partition: 0,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    request.topics[0].partitions.push(other);
    request.max_bytes = 1;
    let response = story.call(1, 12, &request);
    let sizes = response.responses[0]
        .partitions
        .iter()
        .map(|read| (read.partition_index, read.records.is_empty()));
    assert_eq!(sizes.collect::<Vec<_>>(), [(2, false), (0, true)]);
}

#[test]
fn offsets_outside_of_the_log_are_out_of_range() {
    let mut story = Story::new();
    story.produce(0, &["a", "b", "c"]);
    story.cluster.delete_records_before(story.now, "t", 0, 2);
    let mut code = |offset| read(&mut story, 1, 12, &fetch(0, offset)).error_code;
    assert_eq!(code(1), ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(code(2), ErrorCode::NONE);
    assert_eq!(code(3), ErrorCode::NONE);
    assert_eq!(code(4), ErrorCode::OFFSET_OUT_OF_RANGE);
}

#[test]
fn only_the_leader_answers_and_only_to_its_own_epoch() {
    let mut story = Story::new();
    let mut code = |broker, version, epoch| {
        let request = fetch_with(|asked| asked.current_leader_epoch = epoch);
        read(&mut story, broker, version, &request).error_code
    };
    assert_eq!(code(1, 10, 0), ErrorCode::NONE);
    assert_eq!(code(2, 10, 0), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(code(1, 10, 1), ErrorCode::UNKNOWN_LEADER_EPOCH);
    assert_eq!(
        code(2, 11, 0),
        ErrorCode::NONE,
        "a follower may be read from"
    );
    story.cluster.move_leader(story.now, "t", 0, 2);
    let mut code = |broker, version, epoch| {
        let request = fetch_with(|asked| asked.current_leader_epoch = epoch);
        read(&mut story, broker, version, &request).error_code
    };
    assert_eq!(code(1, 8, -1), ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(code(2, 12, 0), ErrorCode::FENCED_LEADER_EPOCH);
    assert_eq!(code(2, 12, 1), ErrorCode::NONE);
}

#[test]
fn the_newest_versions_say_who_leads_instead() {
    let mut story = Story::by(Settings {
        replication_factor: 1,
        ..Settings::new(2, KafkaRelease::NEWEST)
    });
    let id = story.cluster.topic_id("t").unwrap();
    let mut request = fetch(0, 0);
    request.topics[0].topic_id = id;
    let response = story.call(2, 16, &request);
    assert_eq!(only(response.node_endpoints.clone()).node_id, 1);
    let read = fetched(response);
    assert_eq!(read.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(read.current_leader.leader_id, 1);
}

#[test]
fn a_recreated_topic_is_unknown_by_its_old_id() {
    let mut story = Story::new();
    let mut request = fetch(0, 0);
    request.topics[0].topic_id = story.cluster.topic_id("t").unwrap();
    assert_eq!(
        read(&mut story, 1, 13, &request).error_code,
        ErrorCode::NONE
    );
    story.cluster.delete_topic(story.now, "t");
    story.cluster.create_topic(story.now, "t", 3);
    assert_eq!(
        read(&mut story, 1, 13, &request).error_code,
        ErrorCode::UNKNOWN_TOPIC_ID
    );
}

#[test]
fn a_client_is_sent_to_the_replica_in_its_rack() {
    let mut settings = Settings {
        is_rack_aware: true,
        ..Settings::new(2, KafkaRelease::NEWEST)
    };
    settings.brokers[0].rack = Some("east".to_owned());
    settings.brokers[1].rack = Some("west".to_owned());
    let mut story = Story::by(settings);
    story.produce(0, &["a"]);
    let from = |rack: &str| fetch::Request {
        rack_id: rack.to_owned(),
        ..fetch(0, 0)
    };
    let sent = read(&mut story, 1, 12, &from("west"));
    assert_eq!((sent.preferred_read_replica, sent.records.len()), (2, 0));
    assert_eq!(batches(&read(&mut story, 2, 12, &from("west"))).len(), 1);
    assert_eq!(batches(&read(&mut story, 1, 12, &from("east"))).len(), 1);
    assert_eq!(batches(&read(&mut story, 1, 12, &from("north"))).len(), 1);
    story.cluster.stop_broker(story.now, 2);
    assert_eq!(batches(&read(&mut story, 1, 12, &from("west"))).len(), 1);
}

#[test]
fn no_fetch_sessions_are_given_out() {
    let mut story = Story::new();
    let full = fetch::Request {
        session_epoch: 0,
        max_wait_ms: 0,
        ..fetch(0, 0)
    };
    assert_eq!(story.call(1, 12, &full).session_id, 0);
    let next = fetch::Request {
        session_id: 7,
        session_epoch: 1,
        ..full
    };
    assert_eq!(
        story.call(1, 12, &next).error_code,
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND
    );
}

#[test]
fn read_committed_ends_at_open_transactions_and_is_told_of_aborted_ones() {
    let mut story = Story::new();
    let batch = |producer| {
        let mut batch = BatchBuilder::new(0)
            .producer(producer, 0, 0)
            .transactional();
        batch.push(&Default::default());
        batch.build()
    };
    story
        .cluster
        .append_batches(story.now, "t", 0, &batch(7))
        .unwrap();
    story.cluster.end_transaction(story.now, "t", 0, 7, false);
    story
        .cluster
        .append_batches(story.now, "t", 0, &batch(8))
        .unwrap();
    let committed = fetch::Request {
        isolation_level: 1,
        ..fetch(0, 0)
    };
    let seen = read(&mut story, 1, 12, &committed);
    assert_eq!((seen.high_watermark, seen.last_stable_offset), (3, 2));
    assert_eq!(batches(&seen).last().unwrap().last_offset(), 1);
    let aborted = only(seen.aborted_transactions.unwrap());
    assert_eq!((aborted.producer_id, aborted.first_offset), (7, 0));
    let all = read(&mut story, 1, 12, &fetch(0, 0));
    assert_eq!((batches(&all).len(), all.aborted_transactions), (3, None));

    let newest = |isolation_level| list_offsets::Request {
        isolation_level,
        ..list(0, -1)
    };
    assert_eq!(listed(story.call(1, 5, &newest(1))).offset, 2);
    assert_eq!(listed(story.call(1, 5, &newest(0))).offset, 3);
}

#[test]
fn zstd_is_refused_to_versions_that_do_not_know_it() {
    let mut story = Story::new();
    story
        .cluster
        .produce(story.now, "t", 0, Codec::Zstd, &[("k", "v").into()]);
    assert_eq!(
        read(&mut story, 1, 9, &fetch(0, 0)).error_code,
        ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
    );
    assert_eq!(
        read(&mut story, 1, 10, &fetch(0, 0)).error_code,
        ErrorCode::NONE
    );
}

#[test]
fn what_a_producer_sends_is_there_for_consumers() {
    let mut story = Story::new();
    let mut batch = BatchBuilder::new(0);
    batch.push(&Default::default()).push(&Default::default());
    let send = |records: Vec<u8>, acks| {
        let partition = produce::RequestPartition {
            index: 0,
            records: records.into(),
        };
        let topic = produce::RequestTopic {
            name: "t".to_owned(),
            partition_data: vec![partition],
            ..Default::default()
        };
        produce::Request {
            acks,
            topic_data: vec![topic],
            ..Default::default()
        }
    };
    let produced = |response: produce::Response| only(only(response.responses).partition_responses);
    assert_eq!(
        produced(story.call(1, 9, &send(batch.build(), -1))).base_offset,
        0
    );
    assert_eq!(
        produced(story.call(1, 9, &send(batch.build(), 1))).base_offset,
        2
    );
    assert_eq!(story.cluster.log_bounds("t", 0), Some((0, 4)));

    let mut damaged = batch.build();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(
        produced(story.call(1, 9, &send(damaged, 1))).error_code,
        ErrorCode::CORRUPT_MESSAGE
    );
    let two = [batch.build(), batch.build()].concat();
    assert_eq!(
        produced(story.call(1, 9, &send(two, 1))).error_code,
        ErrorCode::INVALID_RECORD
    );
    let elsewhere = produced(story.call(2, 9, &send(batch.build(), 1)));
    assert_eq!(elsewhere.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);

    // Without acknowledgement there is no answer, and the connection goes on.
    let line = story.connect(1);
    story.send(line, 9, &send(batch.build(), 0));
    assert_eq!(story.output(line), None);
    assert_eq!(
        produced(story.call_on(line, 9, &send(batch.build(), 1))).base_offset,
        6
    );
}

fn list(partition_index: i32, timestamp: i64) -> list_offsets::Request {
    let asked = list_offsets::RequestPartition {
        partition_index,
        timestamp,
        ..Default::default()
    };
    let topic = list_offsets::RequestTopic {
        name: "t".to_owned(),
        partitions: vec![asked],
    };
    list_offsets::Request {
        topics: vec![topic],
        ..Default::default()
    }
}

fn listed(response: list_offsets::Response) -> list_offsets::ResponsePartition {
    only(only(response.topics).partitions)
}

#[test]
fn offsets_are_listed_by_end_and_by_time() {
    let mut story = Story::new();
    let at = |time| Record::default().timestamp_ms(time);
    story
        .cluster
        .produce(story.now, "t", 0, Codec::None, &[at(10), at(20), at(30)]);
    story.cluster.delete_records_before(story.now, "t", 0, 1);
    let mut offset = |timestamp| {
        let listed = listed(story.call(1, 5, &list(0, timestamp)));
        (listed.offset, listed.timestamp)
    };
    assert_eq!(offset(-1), (3, -1));
    assert_eq!(offset(-2), (1, -1));
    assert_eq!(offset(0), (1, 20));
    assert_eq!(offset(21), (2, 30));
    assert_eq!(offset(31), (-1, -1));
}

#[test]
fn version_0_lists_where_segments_begin() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::V0_10_0));
    story.produce(0, &["a", "b"]);
    let mut offsets = |timestamp, max_num_offsets| {
        let mut request = list(0, timestamp);
        request.topics[0].partitions[0].max_num_offsets = max_num_offsets;
        listed(story.call(1, 0, &request)).old_style_offsets
    };
    assert_eq!(offsets(-1, 1), [2]);
    assert_eq!(offsets(-1, 5), [2, 0]);
    assert_eq!(offsets(-2, 1), [0]);
}

#[test]
fn an_administrator_creates_topics_and_deletes_records() {
    let mut story = Story::new();
    let topic = |name: &str, num_partitions| create_topics::RequestTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor: -1,
        ..Default::default()
    };
    let topics = vec![
        topic("new", 2),
        topic("t", 1),
        topic("bad name", 1),
        topic("none", 0),
    ];
    let request = create_topics::Request {
        topics,
        ..Default::default()
    };
    let codes = |response: create_topics::Response| {
        response
            .topics
            .into_iter()
            .map(|topic| topic.error_code)
            .collect::<Vec<_>>()
    };
    let refused = codes(story.call(2, 7, &request));
    assert!(refused.contains(&ErrorCode::NOT_CONTROLLER));
    let created = codes(story.call(1, 7, &request));
    assert_eq!(
        created,
        [
            ErrorCode::NONE,
            ErrorCode::TOPIC_ALREADY_EXISTS,
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            ErrorCode::INVALID_PARTITIONS
        ]
    );
    assert_eq!(story.cluster.log_bounds("new", 1), Some((0, 0)));

    story.produce(0, &["a", "b"]);
    let partition = delete_records::RequestPartition {
        partition_index: 0,
        offset: 1,
    };
    let topic = delete_records::RequestTopic {
        name: "t".to_owned(),
        partitions: vec![partition],
    };
    let deleted = story.call(
        1,
        2,
        &delete_records::Request {
            topics: vec![topic],
            timeout_ms: 0,
        },
    );
    assert_eq!(only(only(deleted.topics).partitions).low_watermark, 1);
    assert_eq!(story.cluster.log_bounds("t", 0), Some((1, 2)));
}
