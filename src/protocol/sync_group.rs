//! SyncGroup (14): the leader hands in the assignment of a generation, every member gets its part.

use super::ErrorCode;

message! {
    /// Answered when the leader has handed in the assignment.
    pub struct Request {
        group_id: String,
        generation_id: i32,
        member_id: String,
        group_instance_id: Option<String> [3..],
        /// As in the response to JoinGroup; INCONSISTENT_GROUP_PROTOCOL if the broker knows better (KIP-559).
        protocol_type: Option<String> [5.., ignorable],
        protocol_name: Option<String> [5.., ignorable],
        /// Empty from all but the leader.
        assignments: Vec<MemberAssignment>,
    }

    /// The part of one member.
    pub struct MemberAssignment {
        member_id: String,
        /// An [`Assignment`](super::consumer_protocol::Assignment).
        assignment: Vec<u8>,
    }

    /// The part of the member that asked.
    pub struct Response {
        throttle_time_ms: i32 [1.., ignorable],
        /// REBALANCE_IN_PROGRESS: join again.
        error_code: ErrorCode,
        protocol_type: Option<String> [5.., ignorable],
        protocol_name: Option<String> [5.., ignorable],
        /// An [`Assignment`](super::consumer_protocol::Assignment); no bytes if the leader forgot the member.
        assignment: Vec<u8>,
    }
}
