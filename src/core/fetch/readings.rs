//! All readings, and the lines that each of them stands in.
//!
//! There may be ten thousand of them, while something happens to one or the other many thousand times a
//! second. So nobody looks through all: a reading is changed through [`Change`], which puts it into
//! the right lines when the change is done, and what is to be done next is at the front of a line.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{
        Bound::{Excluded, Unbounded},
        Deref, DerefMut,
    },
    time::Instant,
};

use super::reading::{Aim, Asked, Reading};
use crate::{
    call::{Broker, Token},
    core::{ChannelId, ClaimId},
};

/// The readings of all claims.
#[derive(Debug)]
pub(super) struct Readings {
    all: BTreeMap<ClaimId, Reading>,
    lines: Lines,
    budget: usize,
    /// The number of readings has changed, and with it what each may hold.
    shares_changed: bool,
}

/// Who waits for what.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// How many bytes one claim may hold.
    share: usize,
    /// An offset is to be looked up.
    lookups: BTreeSet<ClaimId>,
    /// Records are to be read.
    sources: BTreeMap<Broker, Source>,
    /// A wait is to pass first.
    waits: BTreeSet<(Instant, ClaimId)>,
    /// Something is buffered.
    queues: BTreeMap<ChannelId, Queue>,
    /// Queues that the decoder could do something for.
    hungry: BTreeSet<ChannelId>,
    /// Those of them whose readers have nothing left, and will get nothing before.
    dry: BTreeSet<ChannelId>,
    /// Those of them for which there is something that is not compressed.
    plain: BTreeSet<ChannelId>,
    /// How many bytes are decoded and stand still.
    standing: usize,
    /// Channels for which there is something new.
    stirred: BTreeSet<ChannelId>,
    /// How many readings wait for a user to take something.
    buffering: usize,
    /// How many are asked less for because of what is in a user's channel.
    full: usize,
}

/// What could be read from one broker.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The claims that have credit, with how much; who was served longest ago comes first.
    pub(super) credited: BTreeMap<(u64, ClaimId), usize>,
    /// The sum of that.
    pub(super) bytes: usize,
    /// Those of them for which nothing is buffered.
    pub(super) dry: BTreeSet<(u64, ClaimId)>,
    /// The claims that have none for now.
    pub(super) starved: BTreeSet<ClaimId>,
}

/// What is to be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What some channel will want soon.
    Soon,
    /// Of that, what is not compressed.
    Plain,
    /// What some reader waits for.
    Now,
}

/// What is buffered for one channel.
#[derive(Debug)]
struct Queue {
    capacity: usize,
    /// Records decoded, or being decoded.
    ahead: usize,
    /// Bytes decoded, those in the channel included.
    decoded: usize,
    undecoded: BTreeSet<ClaimId>,
    /// Those of them whose next batch is not compressed.
    plain: BTreeSet<ClaimId>,
    ready: BTreeSet<ClaimId>,
}

/// Where a reading stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Filed {
    lookup: bool,
    source: Option<(Broker, Standing)>,
    wait: Option<Instant>,
    queued: Queued,
    buffering: bool,
    full: bool,
}

/// What of it is in the queue of its channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Queued {
    ahead: usize,
    decoded: usize,
    standing: usize,
    undecoded: bool,
    plain: bool,
    ready: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Credited {
        turn: u64,
        bytes: usize,
        is_dry: bool,
    },
    Starved,
}

/// A reading while it is changed.
pub(super) struct Change<'a> {
    reading: &'a mut Reading,
    lines: &'a mut Lines,
}

impl Readings {
    /// None, with so many bytes to share.
    pub(super) fn new(budget: usize) -> Self {
        Self {
            all: BTreeMap::new(),
            lines: Lines::default(),
            budget,
            shares_changed: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn get(&self, claim: ClaimId) -> Option<&Reading> {
        self.all.get(&claim)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Reading> {
        self.all.values()
    }

    /// A reading to change.
    pub(super) fn change(&mut self, claim: ClaimId) -> Option<Change<'_>> {
        let lines = &mut self.lines;
        let reading = self.all.get_mut(&claim)?;
        Some(Change { reading, lines })
    }

    /// The same, if the answer to this request is still worth something.
    pub(super) fn change_asked(&mut self, claim: ClaimId, by: Token) -> Option<Change<'_>> {
        self.change(claim).filter(|reading| reading.waits_for(by))
    }

    pub(super) fn change_all(&mut self, mut change: impl FnMut(&mut Reading)) {
        for reading in self.all.values_mut() {
            change(reading);
            self.lines.file(reading);
        }
    }

    /// A new reading, of a claim that has none.
    pub(super) fn insert(&mut self, mut reading: Reading) {
        self.lines.file(&mut reading);
        let old = self.all.insert(reading.claim, reading);
        assert!(old.is_none(), "a claim reads once");
        self.shares_changed = true;
    }

    pub(super) fn remove(&mut self, claim: ClaimId) -> Option<Reading> {
        let mut reading = self.all.remove(&claim)?;
        self.lines.strike(&mut reading);
        self.shares_changed = true;
        Some(reading)
    }

    /// Makes all shares right again after claims have come or gone.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.shares_changed) {
            self.lines.share = self.budget / self.all.len().max(1);
            self.change_all(|_| ());
        }
    }

    /// Ends the waits that are over.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(&(at, claim)) = self.lines.waits.first() {
            if at > now {
                break;
            }
            let mut reading = self.change(claim).expect("who waits is there");
            reading.not_before = None;
        }
    }

    /// When the next wait is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lines.waits.first().map(|(at, _)| *at)
    }

    /// The claims whose offset is to be looked up now.
    pub(super) fn lookups(&self) -> impl Iterator<Item = &Reading> {
        self.lines.lookups.iter().map(|claim| &self.all[claim])
    }

    /// What could be read now, by broker.
    pub(super) fn sources(&self) -> &BTreeMap<Broker, Source> {
        &self.lines.sources
    }

    /// Whether something waits for a user to take what there is.
    pub(super) fn wait_for_user(&self) -> bool {
        self.lines.buffering > 0 || self.lines.full > 0
    }

    /// Something has changed for a channel that may let it get more.
    pub(super) fn stir(&mut self, channel: ChannelId) {
        self.lines.stirred.insert(channel);
    }

    /// The next channel for which something has changed.
    pub(super) fn poll_stirred(&mut self) -> Option<ChannelId> {
        self.lines.stirred.pop_first()
    }

    /// Whether claims for which nothing is buffered have readers who get nothing: with a channel each they have, and
    /// the one reader of all claims has if nothing is buffered for any, but for what is held back.
    pub(super) fn readers_may_have_nothing(&self) -> bool {
        let shared = self.lines.queues.get(&ChannelId::Shared);
        shared.is_none_or(Queue::has_nothing_to_come)
    }

    /// How many bytes are decoded and stand still.
    pub(super) fn standing(&self) -> usize {
        self.lines.standing
    }

    /// How many bytes one claim may hold.
    pub(super) fn share(&self) -> usize {
        self.lines.share
    }

    /// The claim for which batches are to be decoded next, behind `last` in a circle.
    pub(super) fn next_to_decode(
        &self,
        wanted: Wanted,
        last: Option<(ChannelId, ClaimId)>,
    ) -> Option<ClaimId> {
        let (channel, claim) = last.unzip();
        let queues = match wanted {
            Wanted::Soon => &self.lines.hungry,
            Wanted::Plain => &self.lines.plain,
            Wanted::Now => &self.lines.dry,
        };
        let queue = &self.lines.queues[&behind(queues, channel).next()?];
        let claims = match wanted {
            Wanted::Plain => &queue.plain,
            Wanted::Soon | Wanted::Now => &queue.undecoded,
        };
        behind(claims, claim).next()
    }

    /// The first claim that is wanted, of those that have a block ready for this channel, in a circle
    /// from behind `last`.
    pub(super) fn next_ready(
        &self,
        channel: ChannelId,
        last: Option<ClaimId>,
        mut wanted: impl FnMut(&Reading) -> bool,
    ) -> Option<ClaimId> {
        let queue = self.lines.queues.get(&channel)?;
        behind(&queue.ready, last).find(|claim| wanted(&self.all[claim]))
    }
}

#[cfg(test)]
impl Readings {
    /// Compares the lines with those of all readings filed anew.
    pub(super) fn check(&mut self) {
        let mut anew = Lines {
            share: self.lines.share,
            ..Lines::default()
        };
        for reading in self.all.values_mut() {
            reading.filed = Filed::default();
            anew.file(reading);
        }
        // What has happened is not to be seen from what is.
        anew.stirred.clone_from(&self.lines.stirred);
        assert_eq!(format!("{:#?}", self.lines), format!("{anew:#?}"));
    }
}

/// What is in a set, in a circle that begins behind `last`.
fn behind<T: Ord + Copy>(set: &BTreeSet<T>, last: Option<T>) -> impl Iterator<Item = T> {
    let from = last.map_or(Unbounded, Excluded);
    let rest = last.into_iter().flat_map(|last| set.range(..=last));
    set.range((from, Unbounded)).chain(rest).copied()
}

impl Deref for Change<'_> {
    type Target = Reading;

    fn deref(&self) -> &Reading {
        self.reading
    }
}

impl DerefMut for Change<'_> {
    fn deref_mut(&mut self) -> &mut Reading {
        self.reading
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.lines.file(self.reading);
    }
}

impl Lines {
    /// Puts a reading where it belongs now.
    fn file(&mut self, reading: &mut Reading) {
        let claim = reading.claim;
        let is_free = reading.asked == Asked::No && reading.not_before.is_none();
        let lookup = is_free && matches!(reading.aim, Aim::Lookup(_));
        if lookup != reading.filed.lookup {
            set(&mut self.lookups, claim, lookup);
            reading.filed.lookup = lookup;
        }
        let wait = reading
            .not_before
            .filter(|_| reading.asked == Asked::No && !reading.paused);
        if wait != reading.filed.wait {
            if let Some(at) = reading.filed.wait {
                self.waits.remove(&(at, claim));
            }
            self.waits.extend(wait.map(|at| (at, claim)));
            reading.filed.wait = wait;
        }
        self.file_source(reading);
        self.file_queue(reading);
        let buffering = reading.buffer.bytes() > 0 || matches!(reading.aim, Aim::End(_));
        count(&mut self.buffering, &mut reading.filed.buffering, buffering);
        // Less than a whole fetch can be asked for, perhaps less than the next batch has.
        let full = reading.delivered > 0 && reading.delivered + reading.fetch_size > self.share;
        count(&mut self.full, &mut reading.filed.full, full);
    }

    /// Where to read from, and how much.
    fn file_source(&mut self, reading: &mut Reading) {
        // Who is asked for stays in the line: its broker is asked nothing else meanwhile.
        let wants = matches!(reading.aim, Aim::Read(_))
            && !reading.paused
            && reading.not_before.is_none()
            && !reading.is_asked_elsewhere();
        let claim = reading.claim;
        let standing = match reading.credit(self.share) {
            Some(bytes) => Standing::Credited {
                turn: reading.turn,
                bytes,
                is_dry: reading.held() == 0,
            },
            None => Standing::Starved,
        };
        let place = reading.source().filter(|_| wants).map(|b| (b, standing));
        let filed = reading.filed.source.as_ref().map(|(b, s)| (b, *s));
        if place == filed {
            return;
        }
        let place = place.map(|(broker, standing)| (broker.clone(), standing));
        if let Some((broker, standing)) = std::mem::replace(&mut reading.filed.source, place) {
            let source = self.sources.get_mut(&broker);
            let source = source.expect("a source lasts while somebody stands in its lines");
            source.leave(claim, standing);
            if source.is_empty() {
                self.sources.remove(&broker);
            }
        }
        if let Some((broker, standing)) = &reading.filed.source {
            match self.sources.get_mut(broker) {
                Some(source) => source.join(claim, *standing),
                None => {
                    let source = self.sources.entry(broker.clone()).or_default();
                    source.join(claim, *standing);
                }
            }
        }
    }

    /// What is buffered, and what is to be done about it.
    fn file_queue(&mut self, reading: &mut Reading) {
        let (decoded, standing) = reading.decoded();
        let undecoded = reading.wants_decoding(self.share);
        let is = Queued {
            ahead: reading.ahead(),
            decoded,
            standing,
            undecoded,
            plain: undecoded && reading.is_plain(),
            ready: reading.buffer.peek().is_some() && !reading.paused,
        };
        let was = std::mem::replace(&mut reading.filed.queued, is);
        if is == was {
            return;
        }
        let (claim, id, capacity) = (reading.claim, reading.channel, reading.capacity);
        let queue = self
            .queues
            .entry(id)
            .or_insert_with(|| Queue::new(capacity));
        queue.ahead = queue.ahead - was.ahead + is.ahead;
        queue.decoded = queue.decoded - was.decoded + is.decoded;
        self.standing = self.standing - was.standing + is.standing;
        set(&mut queue.undecoded, claim, is.undecoded);
        set(&mut queue.plain, claim, is.plain);
        set(&mut queue.ready, claim, is.ready);
        if is.ready && !was.ready {
            self.stirred.insert(id);
        }
        let is_hungry = queue.ahead < queue.capacity && !queue.undecoded.is_empty();
        let is_dry = is_hungry && queue.is_dry();
        let is_plain = is_hungry && !queue.plain.is_empty();
        let is_empty = queue.is_empty();
        set(&mut self.hungry, id, is_hungry);
        set(&mut self.dry, id, is_dry);
        set(&mut self.plain, id, is_plain);
        if is_empty {
            self.queues.remove(&id);
        }
    }

    /// Takes a reading out of all lines.
    fn strike(&mut self, reading: &mut Reading) {
        reading.aim = Aim::Rest;
        reading.not_before = None;
        reading.delivered = 0;
        let buffer = std::mem::take(&mut reading.buffer);
        self.file(reading);
        reading.buffer = buffer;
    }
}

impl Reading {
    /// Whether it stands in the line of those who may be asked for there.
    pub(super) fn is_credited_at(&self, broker: &Broker) -> bool {
        let place = self.filed.source.as_ref();
        place.is_some_and(|(at, standing)| {
            at == broker && matches!(standing, Standing::Credited { .. })
        })
    }
}

impl Source {
    fn join(&mut self, claim: ClaimId, standing: Standing) {
        match standing {
            Standing::Credited {
                turn,
                bytes,
                is_dry,
            } => {
                self.credited.insert((turn, claim), bytes);
                self.bytes += bytes;
                set(&mut self.dry, (turn, claim), is_dry);
            }
            Standing::Starved => _ = self.starved.insert(claim),
        }
    }

    fn leave(&mut self, claim: ClaimId, standing: Standing) {
        match standing {
            Standing::Credited { turn, bytes, .. } => {
                self.credited.remove(&(turn, claim));
                self.bytes -= bytes;
                self.dry.remove(&(turn, claim));
            }
            Standing::Starved => _ = self.starved.remove(&claim),
        }
    }

    fn is_empty(&self) -> bool {
        self.credited.is_empty() && self.starved.is_empty()
    }
}

impl Queue {
    fn new(capacity: usize) -> Self {
        Self {
            capacity,
            ahead: 0,
            decoded: 0,
            undecoded: BTreeSet::new(),
            plain: BTreeSet::new(),
            ready: BTreeSet::new(),
        }
    }

    /// Whether the reader has nothing left, and nothing is decoded for it.
    fn is_dry(&self) -> bool {
        (self.ahead, self.decoded) == (0, 0)
    }

    fn has_nothing_to_come(&self) -> bool {
        self.is_dry() && self.undecoded.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.has_nothing_to_come() && self.ready.is_empty()
    }
}

fn set<T: Ord>(set: &mut BTreeSet<T>, item: T, is_in: bool) {
    if is_in {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}

fn count(counter: &mut usize, was: &mut bool, is: bool) {
    *counter = *counter - usize::from(*was) + usize::from(is);
    *was = is;
}
