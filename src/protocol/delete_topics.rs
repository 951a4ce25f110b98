//! DeleteTopics (20).

use super::ErrorCode;
use crate::wire::Uuid;

message! {
    /// Goes to the controller.
    pub struct Request {
        topics: Vec<RequestTopic> [6..],
        topic_names: Vec<String> [..=5, ignorable],
        timeout_ms: i32,
    }

    /// A topic to delete, by name or by id.
    pub struct RequestTopic {
        name: Option<String>,
        topic_id: Uuid,
    }

    /// What became of the topics.
    pub struct Response {
        throttle_time_ms: i32 [1.., ignorable],
        responses: Vec<ResponseTopic>,
    }

    /// What became of one topic.
    pub struct ResponseTopic {
        name: Option<String> [.., nullable 6..],
        topic_id: Uuid [6.., ignorable],
        error_code: ErrorCode,
        error_message: Option<String> [5.., ignorable],
    }
}
