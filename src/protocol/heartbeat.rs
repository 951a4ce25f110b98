//! Heartbeat (12): tells the group coordinator that a member lives, and asks whether the group rebalances.

use super::ErrorCode;

message! {
    /// Restarts the session timer of the member.
    pub struct Request {
        group_id: String,
        generation_id: i32,
        member_id: String,
        group_instance_id: Option<String> [3..],
    }

    /// REBALANCE_IN_PROGRESS restarts the timer as well, and means: join again.
    pub struct Response {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: ErrorCode,
    }
}
