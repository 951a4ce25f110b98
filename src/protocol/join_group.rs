//! JoinGroup (11): asks the group coordinator for a seat in the next generation of a group.
//!
//! The response comes when all members have joined or the rebalance timeout is over.

use super::ErrorCode;

message! {
    /// Sent by a new member, and by every member in a rebalance.
    pub struct Request {
        group_id: String,
        /// The member is thrown out if no heartbeat comes for so long.
        session_timeout_ms: i32,
        /// How long the coordinator waits for this member to rejoin; in version 0 that is the session timeout.
        rebalance_timeout_ms: i32 [1.., ignorable] = -1,
        /// Empty at first. From version 4 on MEMBER_ID_REQUIRED answers that, with the id to use (KIP-394).
        member_id: String,
        /// Makes the member static (KIP-345): it may go and come back without a rebalance.
        group_instance_id: Option<String> [5..],
        /// "consumer"; INCONSISTENT_GROUP_PROTOCOL if the group has another one.
        protocol_type: String,
        /// The assignors that the member offers, the preferred one first.
        protocols: Vec<Protocol>,
        /// Stands in the broker's log (KIP-800).
        reason: Option<String> [8.., ignorable],
    }

    /// An assignor, and what the member tells it.
    pub struct Protocol {
        name: String,
        /// A [`Subscription`](super::consumer_protocol::Subscription).
        metadata: Vec<u8>,
    }

    /// The seat.
    pub struct Response {
        throttle_time_ms: i32 [2.., ignorable],
        error_code: ErrorCode,
        generation_id: i32 = -1,
        protocol_type: Option<String> [7.., ignorable],
        /// The assignor that all members offer; with an error empty, or null from version 7 on.
        protocol_name: Option<String> [.., nullable 7..],
        /// The member id of the leader.
        leader: String,
        /// A static leader has returned and the assignment stands: do not assign (KIP-814).
        skip_assignment: bool [9..],
        member_id: String,
        /// Only the leader is told.
        members: Vec<Member>,
    }

    /// What the leader needs to know of a member.
    pub struct Member {
        member_id: String,
        group_instance_id: Option<String> [5.., ignorable],
        /// A [`Subscription`](super::consumer_protocol::Subscription).
        metadata: Vec<u8>,
    }
}
