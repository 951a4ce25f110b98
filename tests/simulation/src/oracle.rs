//! The laws of at-least-once delivery, checked as things happen.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

/// A partition.
pub type Place = (String, i32);

/// A turn of one member at one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// The member; a member that is started again is another one.
    pub member: u64,
    /// The claim.
    pub claim: u64,
}

/// A law that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// A record was delivered out of the order of the log, or one was left out.
    NotSuccessive {
        /// What should have come.
        expected: i64,
        /// What came.
        got: i64,
    },
    /// A record has another content than the log.
    WrongContent,
    /// A claim starts where nothing says that it should.
    StartWithoutCause {
        /// Where it starts.
        start: i64,
        /// The commit in force, and those that were in force shortly before.
        in_force: Vec<i64>,
    },
    /// A commit goes beyond what was marked in any claim.
    CommitAhead {
        /// What was committed.
        committed: i64,
        /// The highest position that a mark allows.
        allowed: i64,
    },
    /// A commit goes back.
    CommitBack {
        /// What was in force.
        from: i64,
        /// What is in force now.
        to: i64,
    },
    /// A member was given a record after another one had begun a later turn.
    StaleDelivery {
        /// The later turn.
        later: Turn,
    },
    /// A record was never delivered.
    Lost {
        /// The first one.
        offset: i64,
        /// The end of the log.
        end: i64,
    },
    /// All is delivered and marked, and not committed in time.
    NotCommitted {
        /// What is in force.
        committed: Option<i64>,
        /// The end of the log.
        end: i64,
    },
}

/// A law that was broken, where.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The partition.
    pub place: Place,
    /// The turn concerned, where there is one.
    pub turn: Option<Turn>,
    /// The law.
    pub violation: Violation,
}

/// Watches all partitions.
#[derive(Debug, Default)]
pub struct Oracle {
    partitions: BTreeMap<Place, Partition>,
    /// What was found so far.
    pub findings: Vec<Finding>,
    /// Until when members may not know that they were put out of the group.
    stale_until: Option<Instant>,
    /// How many records were delivered, repetitions included.
    pub deliveries: u64,
    /// How many of them had been delivered before.
    pub repetitions: u64,
    /// How many turns there were.
    pub turns: u64,
}

#[derive(Debug, Default)]
struct Partition {
    /// How often each record was delivered.
    delivered: Vec<u32>,
    turns: BTreeMap<Turn, Progress>,
    /// The latest turn.
    latest: Option<Turn>,
    /// Commits as they came into force, with the time.
    commits: Vec<(Instant, i64)>,
    /// The highest position that any mark allows to commit.
    allowed: i64,
}

#[derive(Debug)]
struct Progress {
    next: i64,
}

/// A commit that was in force so long before a turn began may still be what it was told.
const TOLD_LATE: Duration = Duration::from_secs(30);

impl Oracle {
    fn find(&mut self, place: &Place, turn: Option<Turn>, violation: Violation) {
        self.findings.push(Finding {
            place: place.clone(),
            turn,
            violation,
        });
    }

    fn at(&mut self, place: &Place) -> &mut Partition {
        self.partitions.entry(place.clone()).or_default()
    }

    /// A turn begins at an offset. Groups without a commit start at 0.
    pub fn turn_begins(&mut self, now: Instant, place: &Place, turn: Turn, start: i64) {
        self.turns += 1;
        let partition = self.at(place);
        let in_force = partition.commits.last().map_or(0, |(_, offset)| *offset);
        let mut causes = vec![in_force];
        for pair in partition.commits.windows(2).rev() {
            // The former one was in force until the latter came.
            if now.saturating_duration_since(pair[1].0) > TOLD_LATE {
                break;
            }
            causes.push(pair[0].1);
        }
        if partition
            .commits
            .first()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) <= TOLD_LATE)
        {
            causes.push(0);
        }
        partition.turns.insert(turn, Progress { next: start });
        partition.latest = Some(turn);
        partition.allowed = partition.allowed.max(start);
        if !causes.contains(&start) {
            self.find(
                place,
                Some(turn),
                Violation::StartWithoutCause {
                    start,
                    in_force: causes,
                },
            );
        }
    }

    /// The group coordinator has put a member out on somebody's order, not for its silence.
    pub fn excuse_stale_until(&mut self, until: Instant) {
        self.stale_until = self.stale_until.max(Some(until));
    }

    /// A record was given to the user.
    pub fn delivered(
        &mut self,
        now: Instant,
        place: &Place,
        turn: Turn,
        offset: i64,
        content_is_right: bool,
    ) {
        self.deliveries += 1;
        let excused = self.stale_until.is_some_and(|until| now < until);
        let partition = self.at(place);
        let index = offset as usize;
        if partition.delivered.len() <= index {
            partition.delivered.resize(index + 1, 0);
        }
        partition.delivered[index] += 1;
        let repeated = partition.delivered[index] > 1;
        let latest = partition.latest;
        let Some(progress) = partition.turns.get_mut(&turn) else {
            panic!("a delivery for a turn that was not seen to begin: {place:?} {turn:?}");
        };
        let expected = progress.next;
        progress.next = offset + 1;
        self.repetitions += u64::from(repeated);
        if offset != expected {
            self.find(
                place,
                Some(turn),
                Violation::NotSuccessive {
                    expected,
                    got: offset,
                },
            );
        }
        if !content_is_right {
            self.find(place, Some(turn), Violation::WrongContent);
        }
        if let Some(later) = latest.filter(|later| later.member != turn.member && !excused) {
            self.find(place, Some(turn), Violation::StaleDelivery { later });
        }
    }

    /// A message was marked: so far may be committed.
    pub fn marked(&mut self, place: &Place, next: i64) {
        let partition = self.at(place);
        partition.allowed = partition.allowed.max(next);
    }

    /// A commit is in force.
    pub fn committed(&mut self, now: Instant, place: &Place, offset: i64) {
        let partition = self.at(place);
        let from = partition.commits.last().map_or(0, |(_, offset)| *offset);
        if partition
            .commits
            .last()
            .is_some_and(|(_, last)| *last == offset)
        {
            return;
        }
        partition.commits.push((now, offset));
        let allowed = partition.allowed;
        if offset > allowed {
            self.find(
                place,
                None,
                Violation::CommitAhead {
                    committed: offset,
                    allowed,
                },
            );
        }
        if offset < from {
            self.find(place, None, Violation::CommitBack { from, to: offset });
        }
    }

    /// Whether all up to the end of a log is delivered and committed.
    pub fn is_done(&self, place: &Place, end: i64) -> bool {
        if end == 0 {
            return true;
        }
        self.partitions.get(place).is_some_and(|p| {
            p.delivered.len() as i64 == end
                && p.delivered.iter().all(|n| *n > 0)
                && p.commits.last().is_some_and(|(_, offset)| *offset == end)
        })
    }

    /// At the end, when time enough has passed without a fault.
    pub fn conclude(&mut self, place: &Place, end: i64) {
        if self.is_done(place, end) {
            return;
        }
        let partition = self.at(place);
        let missing =
            (0..end).find(|o| partition.delivered.get(*o as usize).is_none_or(|n| *n == 0));
        let committed = partition.commits.last().map(|(_, offset)| *offset);
        match missing {
            Some(offset) => self.find(place, None, Violation::Lost { offset, end }),
            None => self.find(place, None, Violation::NotCommitted { committed, end }),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: {:?}", self.place.0, self.place.1, self.violation)?;
        match self.turn {
            Some(turn) => write!(f, " (member {}, claim {})", turn.member, turn.claim),
            None => Ok(()),
        }
    }
}
