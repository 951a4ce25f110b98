//! AlterPartitionReassignments (45): moves partitions to other brokers.

use super::ErrorCode;

message! {
    /// Goes to the controller.
    pub struct Request {
        timeout_ms: i32 = 60_000,
        topics: Vec<RequestTopic>,
    }

    /// What to move of one topic.
    pub struct RequestTopic {
        name: String,
        partitions: Vec<RequestPartition>,
    }

    /// Where to move one partition.
    pub struct RequestPartition {
        partition_index: i32,
        /// The preferred leader first; null stops a move that is under way.
        replicas: Option<Vec<i32>>,
    }

    /// Whether the moves have begun.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<String>,
        responses: Vec<ResponseTopic>,
    }

    /// Whether the moves of one topic have begun.
    pub struct ResponseTopic {
        name: String,
        partitions: Vec<ResponsePartition>,
    }

    /// Whether the move of one partition has begun.
    pub struct ResponsePartition {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<String>,
    }
}
