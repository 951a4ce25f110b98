//! LeaveGroup: the member goes.

use crate::protocol::ErrorCode;

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The group.
    pub group_id: String,
    /// The own member id.
    pub member_id: String,
    /// The name of a static member, where it has one.
    pub instance_id: Option<String>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, or the reason of the refusal; the member's own error where the request's is NONE.
    pub error: ErrorCode,
}
