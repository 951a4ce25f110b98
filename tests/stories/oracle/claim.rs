//! A claim, as far as the log has been read.

use std::collections::BTreeSet;

use super::Place;

pub(super) struct Claim {
    pub(super) member: String,
    pub(super) place: Place,
    pub(super) start: i64,
    /// The next message has this offset, or the next one that exists.
    pub(super) next: i64,
    /// A record that was delivered before may come again from here on.
    pub(super) repeats_from: i64,
    pub(super) ended: bool,
    /// Behind the last mark.
    marked: i64,
    /// What was marked before a reset, while a commit of it may still be on its way.
    taken_back: Option<i64>,
    /// Delivered, and neither marked nor acknowledged.
    open: BTreeSet<i64>,
    /// Acknowledged one by one, beyond the mark.
    acked: BTreeSet<i64>,
}

impl Claim {
    pub(super) fn new(member: &str, place: &Place, start: i64, repeats_from: i64) -> Self {
        Self {
            member: member.to_owned(),
            place: place.clone(),
            start,
            next: start,
            repeats_from,
            ended: false,
            marked: start,
            taken_back: None,
            open: BTreeSet::new(),
            acked: BTreeSet::new(),
        }
    }

    pub(super) fn delivered(&mut self, offset: i64) {
        self.next = offset + 1;
        if offset >= self.marked {
            self.open.insert(offset);
        }
    }

    pub(super) fn marked(&mut self, offset: i64) {
        self.marked = self.marked.max(offset + 1);
        self.open = self.open.split_off(&self.marked);
        self.acked = self.acked.split_off(&self.marked);
    }

    pub(super) fn acked(&mut self, offset: i64) {
        if self.open.remove(&offset) {
            self.acked.insert(offset);
        }
    }

    pub(super) fn reset(&mut self, offset: i64) {
        let before = self.committable();
        if (self.start..before).contains(&(offset + 1)) {
            self.taken_back = self.taken_back.max(Some(before));
            self.marked = offset + 1;
            let undone = self.acked.split_off(&self.marked);
            self.open.extend(undone);
            self.open.extend(self.marked..self.next);
        }
    }

    /// A commit of it: whether that much was marked.
    pub(super) fn committed(&mut self, offset: i64) -> bool {
        if offset <= self.committable() {
            self.taken_back = None;
            return true;
        }
        self.taken_back.is_some_and(|before| offset <= before)
    }

    /// The most that may be committed of it.
    pub(super) fn committable(&self) -> i64 {
        let first_open = self.open.first().copied().unwrap_or(self.next);
        let run = self.acked.range(..first_open).next_back();
        run.map_or(self.marked, |last| self.marked.max(last + 1))
    }
}
