//! The laws, and what is said of a breach.

use std::fmt;

use crate::event::{Claim, Event, Place, Time};

/// A law of at-least-once delivery in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// Every acknowledged record is delivered, unless it was removed first.
    Everything,
    /// A claim's deliveries are successive records of the log: no hole, no repetition, no inversion.
    Successive,
    /// A message is what was written at its offset.
    Content,
    /// A claim starts at a commit in force, or, for a cause that is told, where the policy or the last mark
    /// says.
    Start,
    /// A record that was delivered before comes again only if it lay above the commit in force when the
    /// later claim started.
    Twice,
    /// Commits do not go back, but after a reset and after an offset out of range.
    Monotonic,
    /// A commit is never ahead of the last mark, or of the run that is acknowledged without a gap.
    NotAhead,
    /// Nothing is delivered under a claim that is over, nor under a generation after another member has
    /// claimed the partition in a later one.
    Generation,
    /// Once nothing goes wrong any more, all is delivered and committed.
    Liveness,
}

impl Law {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Everything,
        Self::Successive,
        Self::Content,
        Self::Start,
        Self::Twice,
        Self::Monotonic,
        Self::NotAhead,
        Self::Generation,
        Self::Liveness,
    ];
}

/// A law that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub law: Law,
    /// When.
    pub at: Time,
    /// Where.
    pub place: Place,
    /// Under which claim, where it is about one.
    pub claim: Option<Claim>,
    /// What is wrong.
    pub what: String,
    /// What has happened at the place last, the event in question at the end, and some of what followed.
    pub around: Vec<(Time, Event)>,
}

/// Where a claim starts that has no commit to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// At the start of the log.
    Oldest,
    /// At its end.
    Newest,
}

/// What a log is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Where a group without a commit begins.
    pub initial: Policy,
    /// Where a claim begins whose offset is not in the log.
    pub out_of_range: Policy,
    /// So long after a commit was superseded a claim may still start at it, where the log does not tell of
    /// [`Granted`](crate::Event::Granted): the answer was under way, or the claim was told late.
    pub told_late: Time,
    /// So long after it was suspended a process may deliver what it should not.
    pub resume_grace: Time,
    /// Whether what counts as the end of the log may be held back by a transaction that is open, of which
    /// the log does not tell: then the newest start may be anywhere.
    pub read_committed: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            initial: Policy::Oldest,
            out_of_range: Policy::Oldest,
            told_late: Time::from_secs(10),
            resume_grace: Time::from_secs(1),
            read_committed: false,
        }
    }
}

/// What there was, to see that a log without findings is not an empty one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Records that were acknowledged.
    pub produced: u64,
    /// Messages that were delivered, the repeated ones included.
    pub deliveries: u64,
    /// Those of them that had been delivered before.
    pub repetitions: u64,
    /// Claims.
    pub claims: u64,
    /// Commits that came into force.
    pub commits: u64,
    /// Members that came.
    pub members: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} records acknowledged, {} delivered, {} of them again; {} members, {} claims, {} commits",
            self.produced,
            self.deliveries,
            self.repetitions,
            self.members,
            self.claims,
            self.commits
        )
    }
}
