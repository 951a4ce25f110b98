//! DescribeGroups (15): the state and the members of groups.

use super::ErrorCode;

message! {
    /// Goes to the coordinator of the groups.
    pub struct Request {
        groups: Vec<String>,
        include_authorized_operations: bool [3..],
    }

    /// The groups.
    pub struct Response {
        throttle_time_ms: i32 [1.., ignorable],
        groups: Vec<Group>,
    }

    /// A group.
    pub struct Group {
        error_code: ErrorCode,
        error_message: Option<String> [6.., ignorable],
        group_id: String,
        /// `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty` or `Dead`. Up to version 5 a group that
        /// does not exist is dead, from 6 on GROUP_ID_NOT_FOUND.
        group_state: String,
        protocol_type: String,
        /// The assignor, while the group is stable.
        protocol_data: String,
        members: Vec<Member>,
        /// A bit for each operation that is allowed; the smallest number if it was not asked for.
        authorized_operations: i32 [3..] = i32::MIN,
    }

    /// A member.
    pub struct Member {
        member_id: String,
        group_instance_id: Option<String> [4.., ignorable],
        client_id: String,
        client_host: String,
        /// A [`Subscription`](super::consumer_protocol::Subscription), while the group is stable.
        member_metadata: Vec<u8>,
        /// An [`Assignment`](super::consumer_protocol::Assignment), while the group is stable.
        member_assignment: Vec<u8>,
    }
}
