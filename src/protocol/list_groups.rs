//! ListGroups (16): the groups that a broker coordinates.

use super::ErrorCode;

message! {
    /// Empty filters let everything pass.
    pub struct Request {
        states_filter: Vec<String> [4..],
        types_filter: Vec<String> [5..],
    }

    /// The groups.
    pub struct Response {
        throttle_time_ms: i32 [1.., ignorable],
        error_code: ErrorCode,
        groups: Vec<Group>,
    }

    /// A group.
    pub struct Group {
        group_id: String,
        protocol_type: String,
        group_state: String [4.., ignorable],
        /// `classic` or `consumer` (KIP-848), among others.
        group_type: String [5.., ignorable],
    }
}
