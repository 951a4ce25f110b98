//! Heartbeat: the member is still here.

use crate::protocol::ErrorCode;

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The group.
    pub group_id: String,
    /// The generation.
    pub generation: i32,
    /// The own member id.
    pub member_id: String,
    /// The name of a static member (version 3 and newer; an error below).
    pub instance_id: Option<String>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, REBALANCE_IN_PROGRESS, or the reason of the refusal.
    pub error: ErrorCode,
}
