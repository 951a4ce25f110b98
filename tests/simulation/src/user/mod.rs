//! Users: what they do with the messages that they get.

mod hand;
mod handles;
mod item;
mod reader;

use std::time::{Duration, Instant};

use fastrand::Rng;
use sarama_cluster::{ConsumerMode, consumer::desk::Ends};

use self::{handles::Handles, reader::Reader};
use crate::{
    content::Content,
    odds::{pick, pick_ms, strikes},
};

/// How a user works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    pub(crate) way: Way,
    /// How many messages it takes at once.
    pub(crate) takes: usize,
    /// How many it has in hand at most.
    pub(crate) holds: usize,
    /// How long between two actions, at the most.
    pub(crate) pause: Duration,
    /// One action in so many is followed by a long sleep; 0: none.
    pub(crate) sleeps_one_in: u32,
    /// How long that is.
    pub(crate) sleep: Duration,
    /// One message (or batch) in so many is received past the library's own methods, which asks the user to look
    /// whether it is current; 0: none.
    pub(crate) raw_one_in: u32,
    /// One message (or batch) in so many is dropped without a mark, to be marked by a later one; 0: none.
    pub(crate) forgets_one_in: u32,
    /// One message in so many is detached from its batch, or one batch in so many is taken apart; 0: none.
    pub(crate) detaches_one_in: u32,
    /// One mark in so many is taken back later; 0: none.
    pub(crate) resets_one_in: u32,
    /// One action in so many is something done to a handle; 0: none. In partition mode only.
    pub(crate) fidgets_one_in: u32,
    /// One mark in so many is made by the offset alone, in whatever claim is current then; 0: none.
    pub(crate) by_offset_one_in: u32,
    /// It takes messages by the batch, and marks or acknowledges them together or one by one.
    pub(crate) takes_batches: bool,
}

/// How messages are said to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// One after the other.
    Marks,
    /// By the last of several.
    MarksLast,
    /// One by one, in any order.
    Acks,
}

impl Habits {
    pub(crate) fn any(rng: &mut Rng) -> Self {
        let way = pick(rng, [Way::Marks, Way::Marks, Way::MarksLast, Way::Acks]);
        // Who acknowledges forgets nothing, or nothing behind it would ever be committed.
        let forgetful = way != Way::Acks;
        Self {
            way,
            takes: pick(rng, [1, 3, 50, 1000]),
            holds: pick(rng, [1, 5, 100, 2000]),
            pause: pick_ms(rng, [3, 20, 300]),
            sleeps_one_in: pick(rng, [0, 20, 200]),
            sleep: pick_ms(rng, [500, 3_000, 12_000]),
            raw_one_in: pick(rng, [0, 0, 1, 2]),
            forgets_one_in: if forgetful { pick(rng, [0, 0, 10]) } else { 0 },
            detaches_one_in: pick(rng, [0, 0, 7]),
            resets_one_in: pick(rng, [0, 0, 0, 30]),
            fidgets_one_in: pick(rng, [0, 10, 50]),
            by_offset_one_in: 0,
            takes_batches: strikes(rng, 3),
        }
    }

    /// The same with another way to say that messages are done.
    pub(crate) fn doing(self, way: Way) -> Self {
        Self {
            way,
            forgets_one_in: 0,
            ..self
        }
    }

    /// Does nothing that only a rebalance sets right.
    pub(crate) fn settled(self) -> Self {
        let leaves_gaps = self.way == Way::Acks;
        let or_never = |one_in| if leaves_gaps { 0 } else { one_in };
        Self {
            fidgets_one_in: 0,
            forgets_one_in: or_never(self.forgets_one_in),
            resets_one_in: or_never(self.resets_one_in),
            ..self
        }
    }

    /// One that gets everything done.
    pub(crate) fn diligent(self) -> Self {
        Self {
            // The last one of several is not the last one of each partition.
            way: match self.way {
                Way::Marks | Way::MarksLast => Way::Marks,
                Way::Acks => Way::Acks,
            },
            pause: self.pause.min(Duration::from_millis(20)),
            takes: self.takes.max(50),
            holds: self.holds.max(50),
            sleeps_one_in: 0,
            forgets_one_in: 0,
            resets_one_in: 0,
            fidgets_one_in: 0,
            ..self
        }
    }
}

/// What a user does, for the judge.
#[derive(Debug)]
pub(crate) enum Deed {
    /// Took a message that was current.
    Took(Seen),
    /// Marked a message.
    Marked(Seen),
    /// Acknowledged a message.
    Acked(Seen),
    /// Took back what is marked behind a message.
    Reset(Seen),
}

/// A message as it was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) claim: u64,
    pub(crate) offset: i64,
    /// What it should have in it, or nothing if it has something else.
    pub(crate) content: Option<Content>,
}

/// The user of one member.
#[derive(Debug)]
pub(crate) struct User {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Reader(Reader),
    Handles(Handles),
}

impl User {
    pub(crate) fn new(mode: ConsumerMode, habits: Habits) -> Self {
        let kind = match mode {
            ConsumerMode::Multiplex => Kind::Reader(Reader::new(habits)),
            ConsumerMode::Partitions => Kind::Handles(Handles::new(habits)),
        };
        Self { kind }
    }

    /// When it acts next; `None` while it waits for messages.
    pub(crate) fn acts_at(&self) -> Option<Instant> {
        match &self.kind {
            Kind::Reader(reader) => reader.acts_at,
            Kind::Handles(handles) => handles.acts_at(),
        }
    }

    /// Something may have come that it waits for.
    pub(crate) fn look(&mut self, now: Instant, ends: &Ends, rng: &mut Rng) {
        match &mut self.kind {
            Kind::Reader(reader) => reader.look(now, ends, rng),
            Kind::Handles(handles) => handles.look(now, ends, rng),
        }
    }

    /// It is its time.
    pub(crate) fn act(&mut self, now: Instant, ends: &Ends, rng: &mut Rng) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match &mut self.kind {
            Kind::Reader(reader) => reader.act(now, ends, rng, &mut deeds),
            Kind::Handles(handles) => handles.act(now, ends, rng, &mut deeds),
        }
        deeds
    }

    /// From here on it does its work.
    pub(crate) fn calm_down(&mut self, now: Instant) {
        match &mut self.kind {
            Kind::Reader(reader) => reader.calm_down(now),
            Kind::Handles(handles) => handles.calm_down(now),
        }
    }

    /// Drops what is in hand.
    pub(crate) fn forget_all(&mut self) {
        match &mut self.kind {
            Kind::Reader(reader) => reader.forget_all(),
            Kind::Handles(handles) => handles.forget_all(),
        }
    }
}
