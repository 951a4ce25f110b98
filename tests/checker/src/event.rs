//! What happens to a group, as the checker is told of it.

use std::{fmt, ops::RangeInclusive, time::Duration};

/// Time since the zero of the one clock that a log goes by.
pub type Time = Duration;

/// A partition of a topic, numbered by [`Checker::place`](crate::Checker::place).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub u32);

/// A member of the group: one life of it, for a process that is started again is another member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(pub u32);

/// One claim: a turn of one member at one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// Whose it is.
    pub member: Member,
    /// Of which partition.
    pub place: Place,
    /// Which of that member's at that partition.
    pub number: u64,
}

/// Why a claim starts where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The group has given the partition: the commit in force says where, and without one the policy.
    Assigned,
    /// The offset to read was not in the log: the policy says where.
    OutOfRange,
    /// A handle of the same generation was given back: the last mark says where.
    Reoffered,
    /// One of these two, whoever tells it does not know which.
    Given,
    /// It is not told, and no commits are. Then the start must be that of the log, or lie behind a record
    /// that was delivered.
    Untold,
}

/// What became of a commit that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is in force.
    Accepted,
    /// It is not, and will not be.
    Refused,
    /// Nobody knows.
    Unanswered,
}

/// What happened. All offsets are those of records, but those of commits, starts and ends: these are the
/// offsets that come next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Brokers have acknowledged records.
    Produced {
        /// Where.
        place: Place,
        /// Which.
        offsets: RangeInclusive<i64>,
    },
    /// These offsets need not be delivered any more, if they ever existed: compaction or retention has
    /// taken them, or their transaction was aborted, or they are no records.
    Removed {
        /// Where.
        place: Place,
        /// Which.
        offsets: RangeInclusive<i64>,
    },
    /// The log starts here now.
    LogStart {
        /// Where.
        place: Place,
        /// The first offset that may still be there.
        offset: i64,
    },
    /// The log ends here now: what lay behind is lost, and its offsets are used again. With 0, the topic is
    /// another one of the same name.
    Truncated {
        /// Where.
        place: Place,
        /// The end.
        offset: i64,
    },
    /// A member comes.
    Started {
        /// Which.
        member: Member,
    },
    /// A member is gone, without a word or in order.
    Died {
        /// Which.
        member: Member,
    },
    /// The process of a member stands still.
    Suspended {
        /// Whose.
        member: Member,
    },
    /// It goes on.
    Resumed {
        /// Whose.
        member: Member,
    },
    /// A member cannot know before this time that it is out of the group: an administrator has put it out.
    Excused {
        /// Which.
        member: Member,
        /// Until when.
        until: Time,
    },
    /// The group coordinator has given a partition to a member, and takes no more commits for it from
    /// anybody else.
    Granted {
        /// Which.
        place: Place,
        /// To whom.
        member: Member,
        /// In which generation.
        generation: i32,
    },
    /// A claim begins.
    Claimed {
        /// Which.
        claim: Claim,
        /// In which generation, where that is known.
        generation: Option<i32>,
        /// The offset that it starts at.
        start: i64,
        /// Why there.
        cause: Cause,
    },
    /// A claim is over: nothing more is delivered under it.
    Ended {
        /// Which.
        claim: Claim,
    },
    /// The user takes messages, one after the other, the last of them not before this time.
    Delivered {
        /// Under which claim.
        claim: Claim,
        /// Which.
        offsets: RangeInclusive<i64>,
    },
    /// A message is not what was written at its offset.
    Garbled {
        /// Under which claim.
        claim: Claim,
        /// Which.
        offset: i64,
    },
    /// The user marks a message, and so all before it.
    Marked {
        /// Under which claim.
        claim: Claim,
        /// Which.
        offset: i64,
    },
    /// The user acknowledges single messages.
    Acked {
        /// Under which claim.
        claim: Claim,
        /// Which.
        offsets: RangeInclusive<i64>,
    },
    /// The user takes back what is marked behind this message.
    Reset {
        /// Under which claim.
        claim: Claim,
        /// Which.
        offset: i64,
    },
    /// A member sends a commit.
    Sent {
        /// Who.
        member: Member,
        /// Which of its commits.
        commit: u64,
        /// Of which partition.
        place: Place,
        /// What comes next.
        offset: i64,
    },
    /// What became of it.
    Answered {
        /// Whose.
        member: Member,
        /// Which of its commits.
        commit: u64,
        /// Of which partition.
        place: Place,
        /// What.
        outcome: Outcome,
    },
    /// A commit has come into force, as the brokers tell. Whoever tells of [`Sent`](Self::Sent) as well
    /// need not tell this.
    Committed {
        /// Of which partition.
        place: Place,
        /// What comes next.
        offset: i64,
        /// Whose.
        by: By,
    },
}

/// Who has committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// This member.
    Member(Member),
    /// Some member.
    Somebody,
    /// An administrator, who may do anything.
    Administrator,
}

impl Event {
    /// The partition concerned, if it is one.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Produced { place, .. }
            | Self::Removed { place, .. }
            | Self::LogStart { place, .. }
            | Self::Truncated { place, .. }
            | Self::Granted { place, .. }
            | Self::Sent { place, .. }
            | Self::Answered { place, .. }
            | Self::Committed { place, .. } => Some(*place),
            Self::Claimed { claim, .. }
            | Self::Ended { claim }
            | Self::Delivered { claim, .. }
            | Self::Garbled { claim, .. }
            | Self::Marked { claim, .. }
            | Self::Acked { claim, .. }
            | Self::Reset { claim, .. } => Some(claim.place),
            Self::Started { .. }
            | Self::Died { .. }
            | Self::Suspended { .. }
            | Self::Resumed { .. }
            | Self::Excused { .. } => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Assigned => "assigned",
            Self::OutOfRange => "out-of-range",
            Self::Reoffered => "reoffered",
            Self::Given => "given",
            Self::Untold => "untold",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
        })
    }
}
