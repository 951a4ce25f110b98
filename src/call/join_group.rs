//! JoinGroup: a seat in the group.

use crate::protocol::ErrorCode;

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The group.
    pub group_id: String,
    /// How long the broker waits for a heartbeat before it takes the member for dead.
    pub session_timeout_ms: i32,
    /// How long the broker waits for all members to rejoin; version 0 uses the session timeout.
    pub rebalance_timeout_ms: i32,
    /// Empty at first.
    pub member_id: String,
    /// The name of a static member (version 5 and newer; an error below).
    pub instance_id: Option<String>,
    /// The assignors offered, the preferred one first, each with the encoded subscription.
    pub protocols: Vec<(String, Vec<u8>)>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, or the reason of the refusal.
    pub error: ErrorCode,
    /// The version spoken: with version 0 the rebalance timeout is the session timeout.
    pub version: i16,
    /// The generation joined.
    pub generation: i32,
    /// The assignor that the broker chose.
    pub protocol: String,
    /// The member id of the leader.
    pub leader: String,
    /// The own member id; with MEMBER_ID_REQUIRED the one to use.
    pub member_id: String,
    /// A returning static leader must not assign anew (version 9 and newer).
    pub skip_assignment: bool,
    /// All members with their encoded subscriptions; empty for a follower.
    pub members: Vec<Member>,
}

/// A member as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its static name.
    pub instance_id: Option<String>,
    /// Its encoded subscription.
    pub subscription: Vec<u8>,
}
