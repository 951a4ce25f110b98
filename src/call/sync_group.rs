//! SyncGroup: the leader hands in the assignment, everyone gets their own.

use crate::protocol::ErrorCode;

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The group.
    pub group_id: String,
    /// The generation joined.
    pub generation: i32,
    /// The own member id.
    pub member_id: String,
    /// The name of a static member (version 3 and newer; an error below).
    pub instance_id: Option<String>,
    /// The assignor that the broker chose (sent from version 5).
    pub protocol: String,
    /// By member id the encoded assignment; empty for a follower.
    pub assignments: Vec<(String, Vec<u8>)>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, or the reason of the refusal.
    pub error: ErrorCode,
    /// The own encoded assignment.
    pub assignment: Vec<u8>,
}
