//! LeaveGroup (13): gives up a seat, so that the group need not wait for the session to expire.
//!
//! Up to version 2 one member leaves, from version 3 on several may (KIP-345).

use super::ErrorCode;

message! {
    /// Versions 0–2.
    pub struct SingleRequest {
        group_id: String,
        member_id: String,
    }

    /// Versions 0–2.
    pub struct SingleResponse {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: ErrorCode,
    }

    /// Versions 3 and newer.
    pub struct Request {
        group_id: String,
        members: Vec<RequestMember>,
    }

    /// A member that leaves.
    pub struct RequestMember {
        member_id: String,
        /// With an empty member id, whoever has this instance id leaves.
        group_instance_id: Option<String>,
        /// Stands in the broker's log (KIP-800).
        reason: Option<String> [5.., ignorable],
    }

    /// Versions 3 and newer.
    pub struct Response {
        throttle_time_ms: i32 [.., ignorable],
        /// An error of the group; those of members stand with the members.
        error_code: ErrorCode,
        members: Vec<ResponseMember>,
    }

    /// What became of one member.
    pub struct ResponseMember {
        member_id: String,
        group_instance_id: Option<String>,
        error_code: ErrorCode,
    }
}
