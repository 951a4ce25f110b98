//! The oracle: what happened in a story, on one clock, and the laws it must have kept.
//!
//! Readers write into a [`Log`] what they produce, claim, take, mark, acknowledge and reset. What was
//! committed is what the brokers have accepted. The [checker] judges the whole.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use checker::{By, Checker, Event as Fact, Law};
pub(crate) use checker::{Cause, Policy};
use parking_lot::{Condvar, Mutex, MutexGuard};

#[cfg(test)]
mod teeth;

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

/// An event with its time.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: Instant,
    pub(crate) event: Event,
}

/// What a story is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) initial: Policy,
    pub(crate) out_of_range: Policy,
    /// Whether all records must have been delivered: the story was told to its end.
    pub(crate) complete: bool,
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

/// Has the [checker] judge a story, whose entries are in the order of time. Gives the breaches in words.
pub(crate) fn violations(entries: &[Entry], rules: Rules) -> Vec<String> {
    let mut witness = Witness {
        checker: Checker::new(checker::Rules {
            initial: rules.initial,
            out_of_range: rules.out_of_range,
            // Claims are told with their first message, commits as they come into force.
            told_late: Duration::ZERO,
            ..checker::Rules::default()
        }),
        claims: BTreeMap::new(),
    };
    let Some(first) = entries.first() else {
        return Vec::new();
    };
    let mut at = Duration::ZERO;
    for entry in entries {
        at = entry.at - first.at;
        witness.tell(at, &entry.event);
    }
    let mut checker = witness.checker;
    checker.conclude(at);
    let is_meant = |law| match law {
        Law::Everything => rules.complete,
        // Not every story waits for its last commit.
        Law::Liveness => false,
        _ => true,
    };
    let findings = checker.findings().iter();
    let findings = findings.filter(|finding| is_meant(finding.law));
    findings.map(|finding| checker.explain(finding)).collect()
}

/// Tells the checker what is in a log.
struct Witness {
    checker: Checker,
    claims: BTreeMap<ClaimNo, checker::Claim>,
}

impl Witness {
    fn tell(&mut self, at: Duration, event: &Event) {
        let fact = self.fact(event);
        self.checker.see(at, fact);
    }

    fn fact(&mut self, event: &Event) -> Fact {
        match event {
            Event::Produced { place, offsets } => Fact::Produced {
                place: self.place(place),
                offsets: offsets.start..=offsets.end - 1,
            },
            Event::DeletedBefore { place, offset } => Fact::LogStart {
                place: self.place(place),
                offset: *offset,
            },
            Event::Truncated { place, offset } => Fact::Truncated {
                place: self.place(place),
                offset: *offset,
            },
            Event::Started { member } => Fact::Started {
                member: self.checker.member(member),
            },
            Event::Claimed {
                claim,
                member,
                place,
                start,
                cause,
            } => Fact::Claimed {
                claim: self.new_claim(*claim, member, place),
                generation: None,
                start: *start,
                cause: *cause,
            },
            Event::Ended { claim } => Fact::Ended {
                claim: self.claims[claim],
            },
            Event::Delivered { claim, offset } => Fact::Delivered {
                claim: self.claims[claim],
                offsets: *offset..=*offset,
            },
            Event::Marked { claim, offset } => Fact::Marked {
                claim: self.claims[claim],
                offset: *offset,
            },
            Event::Acked { claim, offset } => Fact::Acked {
                claim: self.claims[claim],
                offsets: *offset..=*offset,
            },
            Event::Reset { claim, offset } => Fact::Reset {
                claim: self.claims[claim],
                offset: *offset,
            },
            Event::Committed {
                member,
                place,
                offset,
            } => Fact::Committed {
                place: self.place(place),
                offset: *offset,
                by: match member.as_str() {
                    "" => By::Administrator,
                    member => By::Member(self.checker.member(member)),
                },
            },
        }
    }

    fn place(&mut self, (topic, partition): &Place) -> checker::Place {
        self.checker.place(topic, *partition)
    }

    fn new_claim(&mut self, no: ClaimNo, member: &str, place: &Place) -> checker::Claim {
        let claim = checker::Claim {
            member: self.checker.member(member),
            place: self.place(place),
            number: no.0.into(),
        };
        self.claims.insert(no, claim);
        claim
    }
}
