//! FindCoordinator (10): which broker coordinates a group or a transaction.
//!
//! Up to version 3 one key is asked for, from version 4 on several (KIP-699).

use super::ErrorCode;

message! {
    /// Versions 0–3.
    pub struct SingleRequest {
        key: String,
        /// 0 is a group, 1 a transaction.
        key_type: i8 [1..],
    }

    /// Versions 0–3.
    pub struct SingleResponse {
        throttle_time_ms: i32 [1.., ignorable],
        /// COORDINATOR_NOT_AVAILABLE also while the broker creates the topic of the offsets.
        error_code: ErrorCode,
        error_message: Option<String> [1.., ignorable],
        /// −1 with an error.
        node_id: i32,
        host: String,
        port: i32,
    }

    /// Versions 4 and newer.
    pub struct Request {
        /// 0 is a group, 1 a transaction, from version 6 on 2 a share group.
        key_type: i8,
        coordinator_keys: Vec<String>,
    }

    /// Versions 4 and newer.
    pub struct Response {
        throttle_time_ms: i32 [.., ignorable],
        coordinators: Vec<Coordinator>,
    }

    /// The coordinator of one key.
    pub struct Coordinator {
        key: String,
        /// −1 with an error.
        node_id: i32,
        host: String,
        port: i32,
        error_code: ErrorCode,
        error_message: Option<String>,
    }
}
