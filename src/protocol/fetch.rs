//! Fetch (1): reads record batches from partitions, waiting for them if there are none yet.
//!
//! What the versions allow in the records: message sets of magic 0 up to 1, of magic 1 up to 3, record batches
//! from 4, zstd from 10. An older version makes the broker convert, or fail.

use super::{ErrorCode, RecordSet};
use crate::wire::Uuid;

message! {
    /// The broker answers when `min_bytes` are there or `max_wait_ms` is over.
    pub struct Request {
        /// A broker of another cluster answers INCONSISTENT_CLUSTER_ID.
        cluster_id: Option<String> [12.., tag 0, ignorable],
        /// −1 is a consumer; anything else a follower, for which other rules hold.
        replica_id: i32 [..=14] = -1,
        replica_state: ReplicaState [15.., tag 1],
        max_wait_ms: i32,
        min_bytes: i32,
        /// Bound of the whole response, which the first batch may exceed alone (KIP-74). From version 3 on
        /// partitions are served in the order of the request until this is used up.
        max_bytes: i32 [3.., ignorable] = i32::MAX,
        /// 0 reads uncommitted, 1 committed.
        isolation_level: i8 [4.., ignorable],
        /// A fetch session (KIP-227) spares naming what did not change; 0 is none.
        session_id: i32 [7.., ignorable],
        /// 0 opens a session, −1 wants none.
        session_epoch: i32 [7.., ignorable] = -1,
        topics: Vec<RequestTopic>,
        /// Leave the session.
        forgotten_topics_data: Vec<ForgottenTopic> [7..],
        /// Where the consumer is; lets the leader name a nearer replica (KIP-392).
        rack_id: String [11.., ignorable],
    }

    /// The epoch of a follower; a consumer leaves it at its default.
    pub struct ReplicaState {
        replica_id: i32 = -1,
        replica_epoch: i64 = -1,
    }

    /// What to read of one topic.
    pub struct RequestTopic {
        topic: String [..=12, ignorable],
        /// Names the topic from version 13 on (KIP-516); a broker that lacks it answers UNKNOWN_TOPIC_ID.
        topic_id: Uuid [13.., ignorable],
        partitions: Vec<RequestPartition>,
    }

    /// What to read of one partition.
    pub struct RequestPartition {
        partition: i32,
        /// The leader epoch that the client knows (KIP-320). FENCED_LEADER_EPOCH answers an older one,
        /// UNKNOWN_LEADER_EPOCH a newer one; −1 is not checked.
        current_leader_epoch: i32 [9.., ignorable] = -1,
        fetch_offset: i64,
        /// The epoch of the last record read; lets the leader tell of a truncation.
        last_fetched_epoch: i32 [12..] = -1,
        /// Followers only.
        log_start_offset: i64 [5.., ignorable] = -1,
        /// Bound for this partition. From version 3 on the first batch of a response may exceed it; before,
        /// a batch that is larger never comes whole.
        partition_max_bytes: i32,
        /// Followers only (KIP-853).
        replica_directory_id: Uuid [17.., tag 0, ignorable],
        /// Followers only (KIP-1166).
        high_watermark: i64 [18.., tag 1, ignorable] = i64::MAX,
    }

    /// Partitions that leave the fetch session.
    pub struct ForgottenTopic {
        topic: String [..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partitions: Vec<i32>,
    }

    /// Within a session partitions without news are left out.
    pub struct Response {
        throttle_time_ms: i32 [1.., ignorable],
        /// FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR.
        error_code: ErrorCode [7.., ignorable],
        /// The session that the broker opened; 0 if it did not.
        session_id: i32 [7..],
        responses: Vec<ResponseTopic>,
        /// Where the leaders are that `current_leader` names (KIP-951).
        node_endpoints: Vec<NodeEndpoint> [16.., tag 0],
    }

    /// What was read of one topic.
    pub struct ResponseTopic {
        topic: String [..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partitions: Vec<ResponsePartition>,
    }

    /// What was read of one partition.
    pub struct ResponsePartition {
        partition_index: i32,
        error_code: ErrorCode,
        /// A consumer sees what is below; −1 with an error.
        high_watermark: i64,
        /// Below it every transaction is decided: the end for who reads committed.
        last_stable_offset: i64 [4.., ignorable] = -1,
        /// The oldest offset that is still there.
        log_start_offset: i64 [5.., ignorable] = -1,
        /// Set if the log of the leader parted from what the client has read, see `last_fetched_epoch`.
        diverging_epoch: EpochEndOffset [12.., tag 0],
        /// Says who leads now, with NOT_LEADER_OR_FOLLOWER or FENCED_LEADER_EPOCH (KIP-951).
        current_leader: LeaderIdAndEpoch [12.., tag 1],
        /// Raft replicas only.
        snapshot_id: SnapshotId [12.., tag 2],
        /// What to leave out of the records, for who reads committed; else null.
        aborted_transactions: Option<Vec<AbortedTransaction>> [4.., ignorable],
        /// The follower to read from next, −1 if that is the leader. It comes without records.
        preferred_read_replica: i32 [11..] = -1,
        /// Whole batches, but the last may be cut off. The first may start below the offset asked for.
        records: RecordSet,
    }

    /// The end of an epoch in the leader's log.
    pub struct EpochEndOffset {
        epoch: i32 = -1,
        end_offset: i64 = -1,
    }

    /// The leader of a partition as the broker knows it, −1 if it does not.
    pub struct LeaderIdAndEpoch {
        leader_id: i32 = -1,
        leader_epoch: i32 = -1,
    }

    /// The snapshot that a Raft replica needs first.
    pub struct SnapshotId {
        end_offset: i64 = -1,
        epoch: i32 = -1,
    }

    /// From this offset to the abort marker of the producer its transactional records do not count.
    pub struct AbortedTransaction {
        producer_id: i64,
        first_offset: i64,
    }

    /// The address of a broker.
    pub struct NodeEndpoint {
        node_id: i32,
        host: String,
        port: i32,
        rack: Option<String>,
    }
}
