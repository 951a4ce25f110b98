//! Produce (0): appends record batches to partitions.

use super::{ErrorCode, RecordSet};
use crate::wire::Uuid;

message! {
    /// Version 2 carries message sets of magic 0 and 1, version 3 starts record batches (magic 2), version 7
    /// zstd. A broker from 4.0 on advertises versions 0–2 but refuses them.
    pub struct Request {
        transactional_id: Option<String> [3..],
        /// 1: the leader has it; −1: all replicas in sync have it; 0: no response comes at all.
        acks: i16,
        /// How long the leader waits for the other replicas.
        timeout_ms: i32,
        topic_data: Vec<RequestTopic>,
    }

    /// Batches for one topic.
    pub struct RequestTopic {
        name: String [..=12, ignorable],
        /// Names the topic from version 13 on (KIP-516).
        topic_id: Uuid [13.., ignorable],
        partition_data: Vec<RequestPartition>,
    }

    /// Batches for one partition; from version 3 on exactly one batch.
    pub struct RequestPartition {
        index: i32,
        records: RecordSet,
    }

    /// What became of each partition.
    pub struct Response {
        responses: Vec<ResponseTopic>,
        throttle_time_ms: i32 [1.., ignorable],
        /// Where the leaders are that `current_leader` names (KIP-951).
        node_endpoints: Vec<NodeEndpoint> [10.., tag 0],
    }

    /// What became of one topic.
    pub struct ResponseTopic {
        name: String [..=12, ignorable],
        topic_id: Uuid [13.., ignorable],
        partition_responses: Vec<ResponsePartition>,
    }

    /// What became of one partition.
    pub struct ResponsePartition {
        index: i32,
        error_code: ErrorCode,
        /// The offset that the first record got.
        base_offset: i64,
        /// Set if the topic stamps records when they are appended, else −1.
        log_append_time_ms: i64 [2.., ignorable] = -1,
        log_start_offset: i64 [5.., ignorable] = -1,
        /// The records for whose sake the batch was refused (KIP-467).
        record_errors: Vec<RecordError> [8.., ignorable],
        error_message: Option<String> [8.., ignorable],
        /// Says who leads now, with NOT_LEADER_OR_FOLLOWER (KIP-951).
        current_leader: LeaderIdAndEpoch [10.., tag 0],
    }

    /// A record that the broker refused.
    pub struct RecordError {
        batch_index: i32,
        batch_index_error_message: Option<String>,
    }

    /// The leader of a partition as the broker knows it, −1 if it does not.
    pub struct LeaderIdAndEpoch {
        leader_id: i32 = -1,
        leader_epoch: i32 = -1,
    }

    /// The address of a broker.
    pub struct NodeEndpoint {
        node_id: i32,
        host: String,
        port: i32,
        rack: Option<String>,
    }
}
