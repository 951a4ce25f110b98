//! Answers to the questions that a consumer asks, as it takes them.

use std::collections::HashSet;

use sarama_cluster::{
    call::{
        Answer, Call, Limits, fetch, find_coordinator, heartbeat, join_group, leave_group,
        list_offsets, metadata, offset_commit, offset_fetch, sync_group,
    },
    protocol::{ApiKey, ErrorCode},
    record::{self, Recycler},
    wire::Uuid,
};

use crate::{batches, input::Input};

/// What the elements of arrays may take here: less than a long input could ask for.
const ARRAYS: usize = 32 << 10;

pub(crate) const GROUP: &str = "g";
pub(crate) const MEMBER: &str = "m";
pub(crate) const TOPIC: &str = "t";
/// The partitions asked for.
pub(crate) const PARTITIONS: [i32; 2] = [0, 1];
pub(crate) const TOPIC_ID: Uuid = Uuid([7; 16]);

/// The first two bytes choose a question and a version, the rest is the answer behind its correlation id.
pub(crate) fn answers(data: &[u8]) {
    let mut input = Input::new(data);
    let call = input.pick(&calls());
    take(&call, input);
}

/// The same for fetches alone, whose answers have records in them; all of these are read.
pub(crate) fn fetch_answers(data: &[u8]) {
    let input = Input::new(data);
    let Some(answer) = take(&fetch_call(), input) else {
        return;
    };
    for fetched in answer.into_fetch().partitions {
        batches::read_all(&fetched.batches, 0);
    }
}

fn take(call: &Call, mut input: Input<'_>) -> Option<Answer> {
    let versions = call.api().versions();
    let count = versions.end() - versions.start() + 1;
    let version = versions.start() + i16::from(input.byte()) % count;
    // Nobody asks these versions: they keep offsets in ZooKeeper.
    let is_asked = match call.api() {
        ApiKey::OffsetCommit => version >= 2,
        ApiKey::OffsetFetch => version >= 1,
        _ => true,
    };
    let frame = [&[0; 4], input.rest()].concat();
    let limits = Limits {
        array_bytes: ARRAYS,
        records: record::Limits {
            decoded_bytes: batches::DECODED,
            ..record::Limits::default()
        },
    };
    match call.decode(version, &frame, &limits, &Recycler::new()) {
        _ if !is_asked => None,
        Ok(answer) => {
            check(&answer);
            Some(answer)
        }
        Err(error) => {
            assert_eq!(error.api(), Some(call.api().name()));
            None
        }
    }
}

/// What the logic relies on.
fn check(answer: &Answer) {
    match answer {
        Answer::Metadata(answer) => {
            assert!(
                answer
                    .brokers
                    .iter()
                    .all(|broker| broker.id >= 0 && broker.port != 0)
            );
            assert!(answer.topics.iter().all(|topic| topic.name == TOPIC));
            for topic in &answer.topics {
                let ids: HashSet<_> = topic.partitions.iter().map(|p| p.id).collect();
                assert_eq!(ids.len(), topic.partitions.len());
                assert!(ids.iter().all(|id| *id >= 0));
            }
        }
        Answer::FindCoordinator(answer) => {
            assert_eq!(
                answer.error == ErrorCode::NONE,
                answer.coordinator.is_some()
            );
        }
        Answer::JoinGroup(answer) => {
            assert!(answer.error != ErrorCode::NONE || answer.generation >= 0);
            let ids: HashSet<_> = answer.members.iter().map(|member| &member.id).collect();
            assert_eq!(ids.len(), answer.members.len());
        }
        Answer::SyncGroup(_) | Answer::Heartbeat(_) | Answer::LeaveGroup(_) => {}
        Answer::OffsetFetch(answer) => {
            asked_for(answer.partitions.iter().map(|p| (&p.topic, p.partition)));
            assert!(answer.partitions.iter().all(|p| p.offset.unwrap_or(0) >= 0));
        }
        Answer::OffsetCommit(answer) => {
            asked_for(answer.partitions.iter().map(|p| (&p.topic, p.partition)));
        }
        Answer::ListOffsets(answer) => {
            asked_for(answer.partitions.iter().map(|p| (&p.topic, p.partition)));
            assert!(answer.partitions.iter().all(|p| p.offset.unwrap_or(0) >= 0));
        }
        Answer::Fetch(answer) => {
            asked_for(answer.partitions.iter().map(|p| (&p.topic, p.partition)));
        }
    }
}

/// Each of the partitions at most once, and no other.
fn asked_for<'a>(told: impl Iterator<Item = (&'a String, i32)>) {
    let mut seen = HashSet::new();
    for (topic, partition) in told {
        assert_eq!(topic, TOPIC);
        assert!(PARTITIONS.contains(&partition));
        assert!(seen.insert(partition));
    }
}

/// One question of each kind.
pub(crate) fn calls() -> Vec<Call> {
    let (group_id, member_id) = (GROUP.to_owned(), MEMBER.to_owned());
    vec![
        Call::Metadata(metadata::Ask {
            topics: Some(vec![TOPIC.to_owned()]),
            allow_auto_topic_creation: false,
        }),
        Call::FindCoordinator(find_coordinator::Ask {
            group_id: group_id.clone(),
        }),
        Call::JoinGroup(join_group::Ask {
            group_id: group_id.clone(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 10_000,
            member_id: member_id.clone(),
            instance_id: None,
            protocols: vec![("range".to_owned(), Vec::new())],
        }),
        Call::SyncGroup(sync_group::Ask {
            group_id: group_id.clone(),
            generation: 1,
            member_id: member_id.clone(),
            instance_id: None,
            protocol: "range".to_owned(),
            assignments: Vec::new(),
        }),
        Call::Heartbeat(heartbeat::Ask {
            group_id: group_id.clone(),
            generation: 1,
            member_id: member_id.clone(),
            instance_id: None,
        }),
        Call::LeaveGroup(leave_group::Ask {
            group_id: group_id.clone(),
            member_id: member_id.clone(),
            instance_id: None,
        }),
        Call::OffsetFetch(offset_fetch::Ask {
            group_id: group_id.clone(),
            require_stable: false,
            topics: vec![offset_fetch::Topic {
                name: TOPIC.to_owned(),
                id: Some(TOPIC_ID),
                partitions: PARTITIONS.to_vec(),
            }],
        }),
        Call::OffsetCommit(offset_commit::Ask {
            group_id,
            generation: 1,
            member_id,
            instance_id: None,
            retention_ms: None,
            partitions: PARTITIONS.map(commit).to_vec(),
        }),
        Call::ListOffsets(list_offsets::Ask {
            read_committed: false,
            partitions: PARTITIONS.map(oldest).to_vec(),
        }),
        fetch_call(),
    ]
}

fn commit(partition: i32) -> offset_commit::Partition {
    offset_commit::Partition {
        topic: TOPIC.to_owned(),
        topic_id: Some(TOPIC_ID),
        partition,
        offset: 5,
        leader_epoch: None,
        metadata: String::new(),
    }
}

fn oldest(partition: i32) -> list_offsets::Partition {
    list_offsets::Partition {
        topic: TOPIC.to_owned(),
        partition,
        leader_epoch: None,
        at: list_offsets::At::Oldest,
    }
}

pub(crate) fn fetch_call() -> Call {
    let partition = |partition| fetch::Partition {
        topic: TOPIC.to_owned(),
        topic_id: Some(TOPIC_ID),
        partition,
        leader_epoch: None,
        offset: 0,
        max_bytes: 1 << 20,
    };
    Call::Fetch(fetch::Ask {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        read_committed: true,
        rack_id: String::new(),
        partitions: PARTITIONS.map(partition).to_vec(),
    })
}
