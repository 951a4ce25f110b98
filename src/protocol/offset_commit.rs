//! OffsetCommit (8): stores how far a group has read. Version 0 stored it in ZooKeeper and is not spoken.

use super::ErrorCode;
use crate::wire::Uuid;

message! {
    /// Goes to the group coordinator, which checks that the sender is a member of the current generation.
    pub struct Request {
        group_id: String,
        /// −1, with an empty member id, commits for a group that has no members.
        generation_id_or_member_epoch: i32 = -1,
        member_id: String,
        group_instance_id: Option<String> [7..],
        /// How long the offsets are kept; −1 is the broker's default, and 0 expires them at once.
        retention_time_ms: i64 [2..=4, ignorable] = -1,
        topics: Vec<RequestTopic>,
    }

    /// Offsets of one topic.
    pub struct RequestTopic {
        name: String [..=9, ignorable],
        /// Names the topic from version 10 on (KIP-848), so that the offsets of a deleted topic cannot be
        /// committed to its successor: UNKNOWN_TOPIC_ID.
        topic_id: Uuid [10.., ignorable],
        partitions: Vec<RequestPartition>,
    }

    /// The offset of one partition.
    pub struct RequestPartition {
        partition_index: i32,
        /// The next offset to read.
        committed_offset: i64,
        /// The epoch of the last record read; comes back from OffsetFetch.
        committed_leader_epoch: i32 [6.., ignorable] = -1,
        /// When this was committed; −1 is the time of arrival.
        commit_timestamp: i64 [..=1] = -1,
        /// OFFSET_METADATA_TOO_LARGE if it is longer than the broker's `offset.metadata.max.bytes`.
        committed_metadata: Option<String>,
    }

    /// An error of the group is repeated for every partition.
    pub struct Response {
        throttle_time_ms: i32 [3.., ignorable],
        topics: Vec<ResponseTopic>,
    }

    /// What became of one topic.
    pub struct ResponseTopic {
        name: String [..=9, ignorable],
        topic_id: Uuid [10.., ignorable],
        partitions: Vec<ResponsePartition>,
    }

    /// What became of one partition.
    pub struct ResponsePartition {
        partition_index: i32,
        error_code: ErrorCode,
    }
}
