//! What another party has said that it must not say: the cause inside of a protocol error.

use std::{error::Error as StdError, fmt};

use crate::wire;

/// What is wrong, and whose words it was.
#[derive(Debug)]
pub(super) enum Violation {
    /// A blob of this member does not follow its layout.
    Subscription {
        member_id: String,
        cause: wire::Error,
    },
    /// The leader's blob does not follow its layout.
    Assignment(wire::Error),
    /// The leader assigned a partition below zero.
    NegativePartition { topic: String, partition: i32 },
    /// The leader assigned a partition twice.
    AssignedTwice { topic: String, partition: i32 },
    /// The leader assigned more partitions than anybody can read.
    TooManyAssigned { count: usize },
    /// The leader assigned a topic that was not asked for.
    NotSubscribed { topic: String },
    /// The group coordinator chose an assignor that was not offered.
    NotOffered { protocol: String },
    /// The group coordinator gave a seat without a member id or a valid generation.
    NoSeat,
    /// The group coordinator wants a member id, and gives none, or has just been sent one.
    NoMemberId,
    /// A broker knows a group coordinator, and does not say which.
    NoCoordinator,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscription { member_id, .. } => {
                write!(
                    f,
                    "the subscription of member {member_id:?} cannot be read, so it gets nothing"
                )
            }
            Self::Assignment(_) => f.write_str("the leader's assignment cannot be read"),
            Self::NegativePartition { topic, partition } => {
                write!(f, "the leader assigned partition {topic}/{partition}")
            }
            Self::AssignedTwice { topic, partition } => {
                write!(f, "the leader assigned partition {topic}/{partition} twice")
            }
            Self::TooManyAssigned { count } => {
                write!(f, "the leader assigned {count} partitions")
            }
            Self::NotSubscribed { topic } => {
                write!(
                    f,
                    "the leader assigned topic {topic:?}, which is not subscribed"
                )
            }
            Self::NotOffered { protocol } => {
                write!(
                    f,
                    "the group coordinator chose the assignor {protocol:?}, which was not offered"
                )
            }
            Self::NoSeat => f.write_str("the group coordinator gave no member id or no generation"),
            Self::NoMemberId => f.write_str(
                "the group coordinator requires a member id, and does not give or take one",
            ),
            Self::NoCoordinator => {
                f.write_str("the broker does not say who the group coordinator is")
            }
        }
    }
}

impl StdError for Violation {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Subscription { cause, .. } | Self::Assignment(cause) => Some(cause),
            Self::NegativePartition { .. }
            | Self::AssignedTwice { .. }
            | Self::TooManyAssigned { .. }
            | Self::NotSubscribed { .. }
            | Self::NotOffered { .. }
            | Self::NoSeat
            | Self::NoMemberId
            | Self::NoCoordinator => None,
        }
    }
}
