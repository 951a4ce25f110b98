//! What the leader of a group watches: the partition counts that the assignment in force was made from.

use std::collections::BTreeMap;

use super::{origin::Origin, share::Roster};

/// How many partitions topics have, as far as that is known; `None`: there is no such topic.
pub(super) type Counts = BTreeMap<String, Option<i32>>;

#[derive(Debug)]
pub(super) enum Lead {
    /// It has assigned by these counts.
    Assigned(Counts),
    /// It has come back, and everybody keeps what they have (KIP-814).
    Kept(Kept),
}

/// An assignment of which it is not known yet whether it would be made so today.
#[derive(Debug)]
pub(super) struct Kept {
    roster: Roster,
    /// Whether that is the whole group. Brokers before 3.2 do not say who the others are.
    is_whole: bool,
    /// What it was made from; `None` until the share has come, and where the leader was another client.
    origin: Option<Origin>,
}

impl Kept {
    pub(super) fn new(roster: Roster, is_whole: bool) -> Self {
        Self {
            roster,
            is_whole,
            origin: None,
        }
    }

    /// Whether it was made from these counts.
    fn is_from(&self, counts: &Counts) -> bool {
        self.origin.is_some_and(|origin| {
            if self.is_whole {
                origin.is_of(self.roster.digest(counts))
            } else {
                origin.has(counts)
            }
        })
    }
}

impl Lead {
    /// The share of this member has come.
    pub(super) fn came_from(&mut self, origin: Option<Origin>) {
        if let Self::Kept(kept) = self {
            kept.origin = origin;
        }
    }

    /// Whether the group has to rebalance, now that so much is known. What was kept can be judged only when all
    /// is known; if it would be made so today, it is as good as one that was made today.
    pub(super) fn is_outdated(&mut self, known: &Counts) -> bool {
        match self {
            Self::Assigned(assigned) => assigned
                .iter()
                .any(|(topic, count)| known.get(topic).copied().flatten() != *count),
            Self::Kept(kept) => {
                let topics = kept.roster.topics().into_iter();
                let counts: Option<Counts> = topics
                    .map(|topic| known.get(&topic).map(|count| (topic, *count)))
                    .collect();
                let Some(counts) = counts else {
                    return false;
                };
                if kept.is_from(&counts) {
                    *self = Self::Assigned(counts);
                    return false;
                }
                true
            }
        }
    }
}
