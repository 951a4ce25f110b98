//! What most groups have alike and some do not: versions, racks, patterns, sizes. And what brokers seldom answer.

use fastrand::Rng;
use regex::Regex;
use sarama_cluster::{
    Config, KafkaVersion,
    config::InitialOffset,
    testing::{ApiKey, ErrorCode, KafkaRelease, broker::Settings},
};

use crate::{
    fault::Fault,
    odds::{pick, pick_ms},
    plan::{Plan, RELEASES},
    user::{Habits, Way},
};

/// What heals by itself, by the API that can answer it.
pub(crate) const PASSING: &[(ApiKey, ErrorCode)] = {
    use ApiKey as A;
    use ErrorCode as E;
    &[
        (A::FindCoordinator, E::COORDINATOR_LOAD_IN_PROGRESS),
        (A::FindCoordinator, E::UNKNOWN_SERVER_ERROR),
        (A::JoinGroup, E::COORDINATOR_NOT_AVAILABLE),
        (A::JoinGroup, E::REBALANCE_IN_PROGRESS),
        (A::JoinGroup, E::GROUP_MAX_SIZE_REACHED),
        (A::JoinGroup, E::INCONSISTENT_GROUP_PROTOCOL),
        (A::JoinGroup, E::INVALID_SESSION_TIMEOUT),
        (A::JoinGroup, E::UNKNOWN_SERVER_ERROR),
        (A::SyncGroup, E::ILLEGAL_GENERATION),
        (A::SyncGroup, E::COORDINATOR_LOAD_IN_PROGRESS),
        (A::SyncGroup, E::COORDINATOR_NOT_AVAILABLE),
        (A::SyncGroup, E::UNKNOWN_MEMBER_ID),
        (A::SyncGroup, E::UNKNOWN_SERVER_ERROR),
        (A::Heartbeat, E::ILLEGAL_GENERATION),
        (A::Heartbeat, E::UNKNOWN_MEMBER_ID),
        (A::Heartbeat, E::NOT_COORDINATOR),
        (A::Heartbeat, E::COORDINATOR_LOAD_IN_PROGRESS),
        (A::Heartbeat, E::UNKNOWN_SERVER_ERROR),
        (A::LeaveGroup, E::COORDINATOR_NOT_AVAILABLE),
        (A::OffsetCommit, E::ILLEGAL_GENERATION),
        (A::OffsetCommit, E::UNKNOWN_MEMBER_ID),
        (A::OffsetCommit, E::COORDINATOR_LOAD_IN_PROGRESS),
        (A::OffsetCommit, E::COORDINATOR_NOT_AVAILABLE),
        (A::OffsetCommit, E::UNKNOWN_TOPIC_OR_PARTITION),
        (A::OffsetCommit, E::TOPIC_AUTHORIZATION_FAILED),
        (A::OffsetCommit, E::INVALID_COMMIT_OFFSET_SIZE),
        (A::OffsetCommit, E::UNKNOWN_SERVER_ERROR),
        (A::OffsetFetch, E::UNSTABLE_OFFSET_COMMIT),
        (A::OffsetFetch, E::COORDINATOR_NOT_AVAILABLE),
        (A::OffsetFetch, E::UNKNOWN_TOPIC_OR_PARTITION),
        (A::OffsetFetch, E::TOPIC_AUTHORIZATION_FAILED),
        (A::OffsetFetch, E::UNKNOWN_SERVER_ERROR),
        (A::ListOffsets, E::UNKNOWN_TOPIC_OR_PARTITION),
        (A::ListOffsets, E::NOT_LEADER_OR_FOLLOWER),
        (A::ListOffsets, E::KAFKA_STORAGE_ERROR),
        (A::ListOffsets, E::FENCED_LEADER_EPOCH),
        (A::ListOffsets, E::UNKNOWN_LEADER_EPOCH),
        (A::ListOffsets, E::OFFSET_NOT_AVAILABLE),
        (A::ListOffsets, E::UNKNOWN_SERVER_ERROR),
        (A::ListOffsets, E::TOPIC_AUTHORIZATION_FAILED),
        (A::Fetch, E::UNKNOWN_TOPIC_OR_PARTITION),
        (A::Fetch, E::UNKNOWN_TOPIC_ID),
        (A::Fetch, E::KAFKA_STORAGE_ERROR),
        (A::Fetch, E::FENCED_LEADER_EPOCH),
        (A::Fetch, E::UNKNOWN_LEADER_EPOCH),
        (A::Fetch, E::OFFSET_NOT_AVAILABLE),
        (A::Fetch, E::CORRUPT_MESSAGE),
        (A::Fetch, E::UNKNOWN_SERVER_ERROR),
        (A::Fetch, E::TOPIC_AUTHORIZATION_FAILED),
        (A::Metadata, E::KAFKA_STORAGE_ERROR),
        (A::Metadata, E::LISTENER_NOT_FOUND),
        (A::Metadata, E::UNKNOWN_TOPIC_OR_PARTITION),
        (A::Metadata, E::TOPIC_AUTHORIZATION_FAILED),
        (A::Metadata, E::INVALID_TOPIC_EXCEPTION),
        (A::Metadata, E::REBOOTSTRAP_REQUIRED),
        (A::Metadata, E::UNKNOWN_SERVER_ERROR),
    ]
};

/// Each broker in a rack of its own, and clients are sent to the replica in theirs.
pub(crate) fn place_in_racks(settings: &mut Settings) {
    settings.is_rack_aware = true;
    for broker in &mut settings.brokers {
        broker.rack = Some(rack(broker.id));
    }
}

fn rack(broker: i32) -> String {
    format!("rack{broker}")
}

/// Makes a member differ from the others.
pub(crate) fn vary(config: &mut Config, habits: &mut Habits, plan: &Plan, rng: &mut Rng) {
    config.version = loop {
        let (_, version) = pick(rng, RELEASES);
        if version == plan.version || may_have(plan, version) {
            break version;
        }
    };
    // No broker stands in the last one.
    config.rack_id = rng.bool().then(|| rack(rng.i32(1..=4)));
    config.group.rebalance.timeout = pick_ms(rng, [2_000, 5_000, 12_000]);
    config.group.heartbeat.interval = config.group.session.timeout / pick(rng, [3, 10, 30]);
    config.group.offsets.retry.max = pick(rng, [0, 1, 3]);
    let consumer = &mut config.consumer;
    consumer.offsets.retry.max = pick(rng, [0, 1, 3]);
    consumer.offsets.commit_start = consumer.offsets.initial == InitialOffset::Newest || rng.bool();
    // More than there ever is would let each fetch wait for its time.
    consumer.fetch.min = pick(rng, [1, 20, 60]);
    consumer.fetch.max_bytes = pick(rng, [100, 5_000, 50 << 20]);
    if habits.way != Way::Acks {
        habits.by_offset_one_in = pick(rng, [0, 1, 3]);
    }
    if plan.recreates_topics() {
        // Who knows only the offset of a former topic's message marks what nobody has read.
        habits.by_offset_one_in = 0;
    }
}

/// What a broker is before it is upgraded.
pub(crate) fn older_release(plan: &Plan, rng: &mut Rng) -> KafkaRelease {
    loop {
        let (release, _) = pick(rng, RELEASES);
        if release == plan.release || may_run(plan, release) {
            break release;
        }
    }
}

/// Whether a broker of this age can be one of the cluster.
fn may_run(plan: &Plan, release: KafkaRelease) -> bool {
    let needs = match plan.release {
        _ if plan.recreates_topics() => return false,
        _ if plan.style.is_static => KafkaRelease::V2_4,
        newest if newest >= KafkaRelease::V0_11 => KafkaRelease::V0_11,
        newest => newest,
    };
    (needs..=plan.release).contains(&release)
}

/// Whether a client of this age can be a member.
fn may_have(plan: &Plan, version: KafkaVersion) -> bool {
    // Kafka 4 speaks with clients from 2.1 on (KIP-896).
    let is_spoken = plan.release < KafkaRelease::V4_0 || version >= KafkaVersion::V2_1_0;
    // Older ones cannot be told to read only what is committed, and others have no names, or no ids of topics.
    let needs = match plan.version {
        _ if plan.recreates_topics() => return false,
        _ if plan.style.is_static => KafkaVersion::V2_4_0,
        newest if newest >= KafkaVersion::V0_11_0_0 => KafkaVersion::V0_11_0_0,
        _ => KafkaVersion::V0_9_0_0,
    };
    is_spoken && (needs..=plan.version).contains(&version)
}

/// The same topics by a pattern.
pub(crate) fn by_pattern(config: &mut Config, topics: &mut Vec<String>) {
    let pattern = format!("^({})$", topics.join("|"));
    config.group.topics.whitelist = Some(Regex::new(&pattern).expect("names are plain"));
    config.metadata.full = true;
    topics.clear();
}

impl Plan {
    fn recreates_topics(&self) -> bool {
        let mut faults = self.faults.iter();
        faults.any(|(_, fault)| matches!(fault, Fault::Recreate(..)))
    }
}
