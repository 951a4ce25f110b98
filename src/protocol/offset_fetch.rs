//! OffsetFetch (9): how far a group has read. Version 0 read it from ZooKeeper and is not spoken.
//!
//! Up to version 7 one group is asked for, from version 8 on several (KIP-709).

use super::ErrorCode;
use crate::wire::Uuid;

message! {
    /// Versions 1–7.
    pub struct SingleRequest {
        group_id: String,
        /// Null is all topics that have commits.
        topics: Option<Vec<SingleRequestTopic>> [.., nullable 2..],
        /// Answer UNSTABLE_OFFSET_COMMIT where a transaction has offsets pending (KIP-447), not the old offset.
        require_stable: bool [7..],
    }

    /// Partitions to look up.
    pub struct SingleRequestTopic {
        name: String,
        partition_indexes: Vec<i32>,
    }

    /// Versions 1–7.
    pub struct SingleResponse {
        throttle_time_ms: i32 [3.., ignorable],
        topics: Vec<SingleResponseTopic>,
        /// In version 1 an error of the group is repeated for every partition instead.
        error_code: ErrorCode [2.., ignorable],
    }

    /// Commits of one topic.
    pub struct SingleResponseTopic {
        name: String,
        partitions: Vec<SingleResponsePartition>,
    }

    /// The commit of one partition.
    pub struct SingleResponsePartition {
        partition_index: i32,
        /// −1 if there is none.
        committed_offset: i64,
        committed_leader_epoch: i32 [5.., ignorable] = -1,
        metadata: Option<String>,
        error_code: ErrorCode,
    }

    /// Versions 8 and newer.
    pub struct Request {
        groups: Vec<RequestGroup>,
        /// See [`SingleRequest::require_stable`].
        require_stable: bool,
    }

    /// A group to look up.
    pub struct RequestGroup {
        group_id: String,
        /// Only for the group protocol of KIP-848, which checks it.
        member_id: Option<String> [9.., ignorable],
        /// Only for the group protocol of KIP-848, which checks it.
        member_epoch: i32 [9.., ignorable] = -1,
        /// Null is all topics that have commits.
        topics: Option<Vec<RequestTopic>>,
    }

    /// Partitions to look up.
    pub struct RequestTopic {
        name: String [..=9, ignorable],
        /// Names the topic from version 10 on; an unknown one answers UNKNOWN_TOPIC_ID.
        topic_id: Uuid [10.., ignorable],
        partition_indexes: Vec<i32>,
    }

    /// Versions 8 and newer.
    pub struct Response {
        throttle_time_ms: i32,
        groups: Vec<ResponseGroup>,
    }

    /// Commits of one group.
    pub struct ResponseGroup {
        group_id: String,
        topics: Vec<ResponseTopic>,
        error_code: ErrorCode,
    }

    /// Commits of one topic.
    pub struct ResponseTopic {
        name: String [..=9, ignorable],
        topic_id: Uuid [10.., ignorable],
        partitions: Vec<ResponsePartition>,
    }

    /// The commit of one partition.
    pub struct ResponsePartition {
        partition_index: i32,
        /// −1 if there is none.
        committed_offset: i64,
        committed_leader_epoch: i32 = -1,
        metadata: Option<String>,
        error_code: ErrorCode,
    }
}
