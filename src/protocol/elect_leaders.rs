//! ElectLeaders (43): makes partitions elect a leader.

use super::ErrorCode;

message! {
    /// Goes to the controller.
    pub struct Request {
        /// 0 elects the preferred replica, 1 any live one if none in sync is left (KIP-460).
        election_type: i8 [1..],
        /// Null is all partitions.
        topic_partitions: Option<Vec<TopicPartitions>>,
        timeout_ms: i32 = 60_000,
    }

    /// Partitions of one topic.
    pub struct TopicPartitions {
        topic: String,
        partitions: Vec<i32>,
    }

    /// What became of the elections.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode [1..],
        replica_election_results: Vec<ResponseTopic>,
    }

    /// What became of one topic.
    pub struct ResponseTopic {
        topic: String,
        partition_result: Vec<ResponsePartition>,
    }

    /// What became of one partition.
    pub struct ResponsePartition {
        partition_id: i32,
        error_code: ErrorCode,
        error_message: Option<String>,
    }
}
