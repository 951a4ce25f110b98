//! DeleteRecords (21): drops the head of partitions.

use super::ErrorCode;

message! {
    /// Goes to the leaders of the partitions.
    pub struct Request {
        topics: Vec<RequestTopic>,
        timeout_ms: i32,
    }

    /// What to drop of one topic.
    pub struct RequestTopic {
        name: String,
        partitions: Vec<RequestPartition>,
    }

    /// What to drop of one partition.
    pub struct RequestPartition {
        partition_index: i32,
        /// Records below go; −1 is the high watermark.
        offset: i64,
    }

    /// What became of the partitions.
    pub struct Response {
        throttle_time_ms: i32,
        topics: Vec<ResponseTopic>,
    }

    /// What became of one topic.
    pub struct ResponseTopic {
        name: String,
        partitions: Vec<ResponsePartition>,
    }

    /// What became of one partition.
    pub struct ResponsePartition {
        partition_index: i32,
        /// The lowest offset that any replica still has.
        low_watermark: i64,
        error_code: ErrorCode,
    }
}
