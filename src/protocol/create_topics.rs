//! CreateTopics (19).

use super::ErrorCode;
use crate::wire::Uuid;

message! {
    /// Goes to the controller.
    pub struct Request {
        topics: Vec<RequestTopic>,
        /// How long to wait until the controller knows the topics; brokers learn of them later.
        timeout_ms: i32 = 60_000,
        /// Only check.
        validate_only: bool [1..],
    }

    /// A topic to create.
    pub struct RequestTopic {
        name: String,
        /// −1 if replicas are assigned, or, from version 4 on (KIP-464), for the broker's default.
        num_partitions: i32,
        /// −1 if replicas are assigned, or, from version 4 on (KIP-464), for the broker's default.
        replication_factor: i16,
        /// Empty lets the broker choose.
        assignments: Vec<ReplicaAssignment>,
        configs: Vec<RequestConfig>,
    }

    /// The replicas of one partition, the preferred leader first.
    pub struct ReplicaAssignment {
        partition_index: i32,
        broker_ids: Vec<i32>,
    }

    /// A setting of the topic.
    pub struct RequestConfig {
        name: String,
        value: Option<String>,
    }

    /// What became of the topics.
    pub struct Response {
        throttle_time_ms: i32 [2.., ignorable],
        topics: Vec<ResponseTopic>,
    }

    /// What became of one topic.
    pub struct ResponseTopic {
        name: String,
        topic_id: Uuid [7.., ignorable],
        error_code: ErrorCode,
        error_message: Option<String> [1.., ignorable],
        /// Why the settings are not shown (KIP-525).
        topic_config_error_code: ErrorCode [5.., tag 0, ignorable],
        num_partitions: i32 [5.., ignorable] = -1,
        replication_factor: i16 [5.., ignorable] = -1,
        configs: Option<Vec<ResponseConfig>> [5.., ignorable],
    }

    /// A setting that the topic got.
    pub struct ResponseConfig {
        name: String,
        value: Option<String>,
        read_only: bool,
        config_source: i8 [.., ignorable] = -1,
        is_sensitive: bool,
    }
}
