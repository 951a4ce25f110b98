//! FindCoordinator: which broker coordinates a group.

use crate::protocol::ErrorCode;

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The group.
    pub group_id: String,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, or why there is none (COORDINATOR_NOT_AVAILABLE, …).
    pub error: ErrorCode,
    /// The broker's words, where it gave some.
    pub message: Option<String>,
    /// The coordinator; `None` with an error.
    pub coordinator: Option<Coordinator>,
}

/// The broker that coordinates the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinator {
    /// Its node id.
    pub id: i32,
    /// The advertised host name.
    pub host: String,
    /// The advertised port, checked to be one.
    pub port: u16,
}
