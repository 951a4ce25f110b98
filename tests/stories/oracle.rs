//! The oracle: what happened in a story, on one clock, and the laws it must have kept.
//!
//! Readers write into a [`Log`] what they produce, claim, take, mark, acknowledge and reset. What was
//! committed is what the brokers have accepted. [`violations`] reads the whole and names each breach.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex, MutexGuard};

mod claim;
mod place;
#[cfg(test)]
mod teeth;

use claim::Claim;
use place::History;

/// A topic and a partition of it.
pub(crate) type Place = (String, i32);

/// Names a claim within a story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClaimNo(pub(crate) u32);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Brokers have acknowledged records with these offsets.
    Produced { place: Place, offsets: Range<i64> },
    /// The log starts here now: what lies before is gone.
    DeletedBefore { place: Place, offset: i64 },
    /// The log ends here now: what lies behind is lost, and its offsets are used again.
    Truncated { place: Place, offset: i64 },
    /// A member comes.
    Started { member: String },
    /// A member has a claim, as its first message or its handle shows.
    Claimed {
        claim: ClaimNo,
        member: String,
        place: Place,
        start: i64,
        cause: Cause,
    },
    /// A claim is over, as a notification or the end of its messages shows.
    Ended { claim: ClaimNo },
    /// The user takes a message.
    Delivered { claim: ClaimNo, offset: i64 },
    /// The user marks a message and all before it.
    Marked { claim: ClaimNo, offset: i64 },
    /// The user acknowledges one message.
    Acked { claim: ClaimNo, offset: i64 },
    /// The user takes its marks back, beyond this message.
    Reset { claim: ClaimNo, offset: i64 },
    /// A broker has accepted a commit; without a member's name an administrator's.
    Committed {
        member: String,
        place: Place,
        offset: i64,
    },
}

/// Why a claim starts where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The group has given the partition: the commit in force says where, else the initial policy.
    Assigned,
    /// The leader said that the offset to read is not in the log.
    OutOfRange,
    /// The handle was dropped, and another one is offered.
    Reoffered,
}

/// An event with its time.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: Instant,
    pub(crate) event: Event,
}

/// Where a claim starts that has no offset to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Oldest,
    Newest,
}

/// What a story is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) initial: Policy,
    pub(crate) out_of_range: Policy,
    /// Whether all records must have been delivered: the story was told to its end.
    pub(crate) complete: bool,
}

/// The laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Law {
    /// Every acknowledged record is delivered.
    Everything,
    /// A claim's messages are successive records: no hole, no repetition, no inversion.
    Successive,
    /// A claim starts at the commit in force, or where its policy says, or at the last mark.
    Start,
    /// Commits do not go back, but for a reset, and for an offset out of range.
    Monotonic,
    /// A commit is not ahead of what is marked or acknowledged without a gap.
    NotAhead,
    /// A record comes twice only if the later claim started below it.
    Twice,
    /// Nothing is delivered under a claim that is over, nor after a later claim of the partition.
    Generation,
}

/// A law that was broken.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) law: Law,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.what)
    }
}

/// The log of a story. Whoever takes something from a channel holds it meanwhile, so that the order
/// of the entries is the order in which things were taken.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Pages>);

/// The log in the hands of the one who writes.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    entries: Vec<Entry>,
    claims: u32,
    deliveries: usize,
    changed: Arc<Condvar>,
}

impl Log {
    pub(crate) fn open(&self) -> MutexGuard<'_, Pages> {
        self.0.lock()
    }

    pub(crate) fn write(&self, event: Event) {
        self.open().write(event);
    }

    /// Waits until so many messages were taken, the repeated ones included. False if that takes longer.
    pub(crate) fn await_deliveries(&self, count: usize, patience: Duration) -> bool {
        let mut pages = self.open();
        let too_few = |pages: &mut Pages| pages.deliveries < count;
        let changed = Arc::clone(&pages.changed);
        changed.wait_while_for(&mut pages, too_few, patience);
        pages.deliveries >= count
    }
}

impl Pages {
    pub(crate) fn write(&mut self, event: Event) {
        let at = Instant::now();
        self.deliveries += usize::from(matches!(event, Event::Delivered { .. }));
        self.entries.push(Entry { at, event });
        self.changed.notify_all();
    }

    /// A name for a new claim.
    pub(crate) fn new_claim(&mut self) -> ClaimNo {
        self.claims += 1;
        ClaimNo(self.claims)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// Judges a story; its entries are in the order of time.
pub(crate) fn violations(entries: &[Entry], rules: Rules) -> Vec<Violation> {
    let mut judge = Judge {
        rules,
        places: BTreeMap::new(),
        claims: BTreeMap::new(),
        started: BTreeMap::new(),
        violations: Vec::new(),
    };
    let next_claims = next_claims(entries);
    for (entry, next_claim) in entries.iter().zip(next_claims) {
        judge.take(&entry.event, next_claim);
    }
    judge.end();
    judge.violations
}

/// For each commit: the next claim of its maker there, which explains a commit of its start.
fn next_claims(entries: &[Entry]) -> Vec<Option<(i64, Cause)>> {
    let mut upcoming: BTreeMap<(&str, &Place), (i64, Cause)> = BTreeMap::new();
    let found = entries.iter().rev().map(|entry| match &entry.event {
        Event::Claimed {
            member,
            place,
            start,
            cause,
            ..
        } => {
            upcoming.insert((member, place), (*start, *cause));
            None
        }
        Event::Committed { member, place, .. } => upcoming.get(&(member.as_str(), place)).copied(),
        _ => None,
    });
    let mut found: Vec<_> = found.collect();
    found.reverse();
    found
}

/// What is known while a log is read.
struct Judge {
    rules: Rules,
    places: BTreeMap<Place, History>,
    claims: BTreeMap<ClaimNo, Claim>,
    /// Where the logs ended when a member came.
    started: BTreeMap<String, BTreeMap<Place, i64>>,
    violations: Vec<Violation>,
}

impl Judge {
    fn take(&mut self, event: &Event, next_claim: Option<(i64, Cause)>) {
        match event {
            Event::Produced { place, offsets } => self.history(place).produced(offsets),
            Event::DeletedBefore { place, offset } => self.history(place).deleted_before(*offset),
            Event::Truncated { place, offset } => self.history(place).truncated(*offset),
            Event::Started { member } => {
                let ends = self.places.iter().map(|(p, h)| (p.clone(), h.end()));
                self.started.insert(member.clone(), ends.collect());
            }
            Event::Claimed {
                claim,
                member,
                place,
                start,
                cause,
            } => self.claimed(*claim, member, place, *start, *cause),
            Event::Ended { claim } => self.claim(*claim).ended = true,
            Event::Delivered { claim, offset } => self.delivered(*claim, *offset),
            Event::Marked { claim, offset } => self.claim(*claim).marked(*offset),
            Event::Acked { claim, offset } => self.claim(*claim).acked(*offset),
            Event::Reset { claim, offset } => {
                self.claim(*claim).reset(*offset);
                let place = self.claim(*claim).place.clone();
                self.history(&place).may_regress = true;
            }
            Event::Committed {
                member,
                place,
                offset,
            } => self.committed(member, place, *offset, next_claim),
        }
    }

    fn history(&mut self, place: &Place) -> &mut History {
        self.places.entry(place.clone()).or_default()
    }

    fn claim(&mut self, claim: ClaimNo) -> &mut Claim {
        let known = self.claims.get_mut(&claim);
        known.unwrap_or_else(|| panic!("{claim:?} was never claimed"))
    }

    fn accuse(&mut self, law: Law, what: String) {
        self.violations.push(Violation { law, what });
    }

    fn claimed(&mut self, no: ClaimNo, member: &str, place: &Place, start: i64, cause: Cause) {
        let came_at = self.started.get(member).and_then(|ends| ends.get(place));
        let came_at = came_at.copied().unwrap_or(0);
        let rules = self.rules;
        let history = self.history(place);
        let (before, in_force) = (history.claims.last().copied(), history.committed);
        let by_policy = |policy| match policy {
            Policy::Oldest => history.start()..=history.start(),
            Policy::Newest => came_at..=history.end(),
        };
        let expected = match (cause, in_force) {
            (Cause::OutOfRange, _) => by_policy(rules.out_of_range),
            (Cause::Assigned, None) => by_policy(rules.initial),
            (Cause::Assigned, Some(offset)) => offset..=offset,
            (Cause::Reoffered, _) => {
                let before = before.and_then(|before| self.claims.get(&before));
                let mark = before.map_or(i64::MAX, Claim::committable);
                mark..=mark
            }
        };
        if !expected.contains(&start) {
            let what = format!(
                "{no:?} of {member} at {place:?}, {cause:?}, starts at {start} and not at {expected:?}"
            );
            self.accuse(Law::Start, what);
        }
        let repeats_from = match cause {
            Cause::Assigned => in_force.unwrap_or(i64::MIN),
            Cause::Reoffered => *expected.start(),
            Cause::OutOfRange => i64::MIN,
        };
        let history = self.history(place);
        history.claims.push(no);
        // Unless that was committed already.
        history.may_regress |= cause == Cause::OutOfRange && in_force > Some(start);
        let claim = Claim::new(member, place, start, repeats_from);
        self.claims.insert(no, claim);
    }

    fn delivered(&mut self, no: ClaimNo, offset: i64) {
        let claim = self.claim(no);
        let (place, member) = (claim.place.clone(), claim.member.clone());
        let (next, ended, repeats_from) = (claim.next, claim.ended, claim.repeats_from);
        claim.delivered(offset);
        let who = format!("{no:?} of {member} at {place:?}");
        let history = self.history(&place);
        let latest = history.claims.last().copied();
        let expected = history.record_from(next);
        let is_new = history.deliver(offset);
        if expected != Some(offset) {
            let what = format!("{who} delivers {offset} where {expected:?} comes next");
            self.accuse(Law::Successive, what);
        }
        if ended || latest != Some(no) {
            let what = format!("{who} delivers {offset} though {latest:?} has the partition");
            self.accuse(Law::Generation, what);
        }
        if !is_new && offset < repeats_from {
            let what = format!("{who} repeats {offset}, below {repeats_from} from which it starts");
            self.accuse(Law::Twice, what);
        }
    }

    fn committed(
        &mut self,
        member: &str,
        place: &Place,
        offset: i64,
        next_claim: Option<(i64, Cause)>,
    ) {
        let initial = self.rules.initial;
        let history = self.history(place);
        let (before, may_regress) = (history.committed, history.may_regress);
        let (start, end) = (history.start(), history.end());
        history.committed = Some(offset);
        if member.is_empty() {
            history.may_regress = true;
            return;
        }
        let regresses = before.is_some_and(|before| offset < before);
        history.may_regress &= !regresses;
        let claims = history.claims.clone();
        // Its start may be committed before the first message shows that there is a new claim.
        let starts_there = |cause| next_claim == Some((offset, cause));
        let explained = starts_there(Cause::OutOfRange)
            || (before.is_none() && starts_there(Cause::Assigned))
            || before == Some(offset);
        let own = claims
            .iter()
            .rev()
            .find(|no| self.claims[*no].member == member);
        let is_start = match initial {
            Policy::Oldest => offset == start,
            Policy::Newest => offset <= end,
        };
        let allowed = match own {
            Some(claim) => self.claim(*claim).committed(offset),
            None => before.is_none() && is_start,
        };
        if !allowed && !explained {
            let most = own.map(|claim| self.claims[claim].committable());
            let what = format!("{member} commits {offset} of {place:?}, and has marked {most:?}");
            self.accuse(Law::NotAhead, what);
        }
        if regresses && !may_regress && !explained {
            let what = format!("{member} commits {offset} of {place:?} after {before:?}");
            self.accuse(Law::Monotonic, what);
        }
    }

    fn end(&mut self) {
        if !self.rules.complete {
            return;
        }
        let mut lacking = Vec::new();
        for (place, history) in &self.places {
            let first = match self.rules.initial {
                Policy::Oldest => i64::MIN,
                // What lies before the first claim was there before the group.
                Policy::Newest => {
                    let starts = history.claims.iter().map(|no| self.claims[no].start);
                    starts.min().unwrap_or(i64::MAX)
                }
            };
            let missing: BTreeSet<i64> = history.undelivered(first).collect();
            if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
                let count = missing.len();
                lacking.push(format!(
                    "{count} records of {place:?} in {first}..={last} were never delivered"
                ));
            }
        }
        for what in lacking {
            self.accuse(Law::Everything, what);
        }
    }
}
