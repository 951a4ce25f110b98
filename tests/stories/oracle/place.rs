//! A partition's log and commits, as far as the story has been read.

use std::{collections::BTreeSet, ops::Range};

use super::ClaimNo;

#[derive(Default)]
pub(super) struct History {
    records: BTreeSet<i64>,
    start: i64,
    end: i64,
    delivered: BTreeSet<i64>,
    /// In the order in which they began.
    pub(super) claims: Vec<ClaimNo>,
    /// The commit in force.
    pub(super) committed: Option<i64>,
    /// The next commit may be below that one.
    pub(super) may_regress: bool,
}

impl History {
    pub(super) fn start(&self) -> i64 {
        self.start
    }

    pub(super) fn end(&self) -> i64 {
        self.end
    }

    pub(super) fn produced(&mut self, offsets: &Range<i64>) {
        self.records.extend(offsets.clone());
        self.end = offsets.end;
    }

    pub(super) fn deleted_before(&mut self, offset: i64) {
        self.start = offset;
        self.records = self.records.split_off(&offset);
    }

    pub(super) fn truncated(&mut self, offset: i64) {
        self.end = offset;
        self.records.split_off(&offset);
        self.delivered.split_off(&offset);
    }

    /// The first record at this offset or behind it.
    pub(super) fn record_from(&self, offset: i64) -> Option<i64> {
        self.records.range(offset..).next().copied()
    }

    /// Whether this is its first delivery.
    pub(super) fn deliver(&mut self, offset: i64) -> bool {
        self.delivered.insert(offset)
    }

    pub(super) fn undelivered(&self, from: i64) -> impl Iterator<Item = i64> {
        let all = self.records.range(from..).copied();
        all.filter(|offset| !self.delivered.contains(offset))
    }
}
