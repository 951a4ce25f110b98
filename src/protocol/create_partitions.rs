//! CreatePartitions (37): adds partitions to topics.

use super::ErrorCode;

message! {
    /// Goes to the controller.
    pub struct Request {
        topics: Vec<RequestTopic>,
        timeout_ms: i32,
        /// Only check.
        validate_only: bool,
    }

    /// A topic to enlarge.
    pub struct RequestTopic {
        name: String,
        /// All partitions, those that exist included.
        count: i32,
        /// Null lets the broker choose.
        assignments: Option<Vec<ReplicaAssignment>>,
    }

    /// The replicas of one new partition, the preferred leader first.
    pub struct ReplicaAssignment {
        broker_ids: Vec<i32>,
    }

    /// What became of the topics.
    pub struct Response {
        throttle_time_ms: i32,
        results: Vec<ResponseTopic>,
    }

    /// What became of one topic.
    pub struct ResponseTopic {
        name: String,
        error_code: ErrorCode,
        error_message: Option<String>,
    }
}
