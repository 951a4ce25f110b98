//! What the leader of a group watches: the partition counts that the assignment in force was made from.

use std::collections::{BTreeMap, BTreeSet};

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
    /// What it was made from, once the share has come; `None` where the leader was another client.
    origin: Option<Origin>,
    /// Whether what is known of the counts was asked for since.
    is_current: bool,
}

impl Kept {
    pub(super) fn new(roster: Roster, is_whole: bool) -> Self {
        Self {
            roster,
            is_whole,
            origin: None,
            is_current: false,
        }
    }
}

impl Lead {
    /// The share of this member has come.
    pub(super) fn came_from(&mut self, origin: Option<Origin>) {
        if let Self::Kept(kept) = self {
            kept.origin = origin;
        }
    }

    /// From here on what is known of the counts was asked for since the member has come back.
    pub(super) fn is_told(&mut self) {
        if let Self::Kept(kept) = self {
            kept.is_current = true;
        }
    }

    /// Whether the group has to rebalance, now that so much is known; `own` are the topics of this member. What was
    /// kept is judged by what it is known by. When all is known and it would be made so today, it is as good as one
    /// that was made today.
    pub(super) fn has_to_go(&mut self, own: &BTreeSet<String>, known: &Counts) -> bool {
        let kept = match self {
            Self::Assigned(assigned) => {
                let count = |topic| known.get(topic).copied().flatten();
                return assigned.iter().any(|(topic, n)| count(topic) != *n);
            }
            Self::Kept(kept) => kept,
        };
        let Some(origin) = kept.origin else {
            return true;
        };
        // Nobody would watch the topics that only the others read: which ones they are is told to who assigns.
        if !kept.is_whole && !origin.reads_all() {
            return true;
        }
        if !kept.is_current {
            return false;
        }
        if all_of(own, known).is_some_and(|own| !origin.has(&own)) {
            return true;
        }
        let Some(counts) = all_of(&kept.roster.topics(), known) else {
            return false;
        };
        if kept.is_whole && !origin.is_of(kept.roster.digest(&counts)) {
            return true;
        }
        *self = Self::Assigned(counts);
        false
    }
}

/// The counts of these topics, if all are known.
fn all_of(topics: &BTreeSet<String>, known: &Counts) -> Option<Counts> {
    let count = |topic: &String| Some((topic.clone(), *known.get(topic)?));
    topics.iter().map(count).collect()
}
