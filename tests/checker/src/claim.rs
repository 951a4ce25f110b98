//! One claim, as far as the log has been read.

use std::ops::RangeInclusive;

use crate::{
    event::{Claim, Time},
    ranges::Ranges,
};

#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) claim: Claim,
    pub(crate) generation: Option<i32>,
    pub(crate) at: Time,
    pub(crate) start: i64,
    /// What is delivered next is here or behind.
    pub(crate) next: i64,
    /// From here on a record that was delivered before may come again.
    pub(crate) repeats_from: i64,
    pub(crate) ended: bool,
    /// Begun by a member that is excused for not knowing that it is out of the group, on its own account: for a topic
    /// that has come again.
    pub(crate) is_stray: bool,
    /// The last commit of it that was sent.
    pub(crate) sent: Option<i64>,
    /// Behind the last mark.
    marked: i64,
    /// What could be committed before a reset, while a commit of it may be on its way.
    taken_back: Option<i64>,
    delivered: Ranges,
    /// Delivered, and neither marked nor acknowledged.
    open: Ranges,
    /// Acknowledged one by one, beyond the mark.
    acked: Ranges,
}

impl Turn {
    pub(crate) fn new(
        claim: Claim,
        generation: Option<i32>,
        at: Time,
        start: i64,
        repeats_from: i64,
    ) -> Self {
        Self {
            claim,
            generation,
            at,
            start,
            next: start,
            repeats_from,
            ended: false,
            is_stray: false,
            sent: None,
            marked: start,
            taken_back: None,
            delivered: Ranges::default(),
            open: Ranges::default(),
            acked: Ranges::default(),
        }
    }

    pub(crate) fn deliver(&mut self, offsets: RangeInclusive<i64>) {
        let (first, last) = offsets.into_inner();
        self.next = last + 1;
        self.delivered.insert(first..=last);
        self.open.insert(first.max(self.marked)..=last);
    }

    pub(crate) fn mark(&mut self, offset: i64) {
        self.marked = self.marked.max(offset + 1);
        self.open.remove(i64::MIN..=self.marked - 1);
        self.acked.remove(i64::MIN..=self.marked - 1);
    }

    /// Of what was delivered; the rest is not there to be acknowledged.
    pub(crate) fn ack(&mut self, offsets: RangeInclusive<i64>) {
        let known: Vec<_> = self.open.within(offsets.clone()).collect();
        self.open.remove(offsets);
        for range in known {
            self.acked.insert(range);
        }
    }

    /// Whether that takes anything back.
    pub(crate) fn reset(&mut self, offset: i64) -> bool {
        let before = self.committable();
        let to = offset + 1;
        if to < self.start {
            return false;
        }
        let goes_back = to < before;
        if goes_back {
            self.taken_back = self.taken_back.max(Some(before));
        }
        if to <= before {
            self.marked = to;
            self.sent = None;
        }
        self.acked.remove(to..=i64::MAX);
        for range in self.delivered.within(to..=i64::MAX) {
            self.open.insert(range);
        }
        goes_back
    }

    /// The most that may be committed of it.
    pub(crate) fn committable(&self) -> i64 {
        let first_open = self.open.first().unwrap_or(self.next);
        let run = self.acked.within(i64::MIN..=first_open - 1).last();
        run.map_or(self.marked, |run| self.marked.max(run.end() + 1))
    }

    /// Whether so much may be committed of it; after a reset one commit from before may come.
    pub(crate) fn allows(&mut self, offset: i64) -> bool {
        if offset <= self.committable() {
            self.taken_back = None;
            return true;
        }
        self.taken_back.is_some_and(|before| offset <= before)
    }
}
