//! Offsets and the order of delivery.

use std::collections::VecDeque;

/// The offsets of all messages sent, in order, as runs of successive offsets.
///
/// To bound the memory the oldest runs can be fused into one that is no longer exact: how many
/// messages it has and its first and last offset are known, where the gaps lie is not. Answers
/// about the inside of that run then err to the side of redelivery: too few messages below an
/// offset, an end too low.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: VecDeque<Run>,
    /// How many messages there are; also the sequence number of the next one.
    sent: u64,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    /// The sequence number of the first message. The run ends where the next one begins.
    first_seq: u64,
    first_offset: i64,
    last_offset: i64,
}

impl Runs {
    pub(super) fn push(&mut self, first_offset: i64, count: u64) {
        assert!(count > 0, "a run has messages");
        assert!(
            self.last_offset().is_none_or(|last| first_offset > last),
            "offsets grow"
        );
        let last_offset = first_offset + (count - 1) as i64;
        assert!(last_offset < i64::MAX, "the next offset exists");
        match self.runs.back_mut() {
            // Also behind a run that is not exact: what is known of its inside stays true.
            Some(run) if run.last_offset + 1 == first_offset => run.last_offset = last_offset,
            _ => self.runs.push_back(Run {
                first_seq: self.sent,
                first_offset,
                last_offset,
            }),
        }
        self.sent += count;
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn last_offset(&self) -> Option<i64> {
        self.runs.back().map(|run| run.last_offset)
    }

    /// How many messages have an offset below this one; at the least, inside a fused run.
    pub(super) fn count_below(&self, offset: i64) -> u64 {
        let Some(index) = self.last_below(offset) else {
            return 0;
        };
        let run = self.runs[index];
        let end = self.end_seq(index);
        let not_below = run
            .last_offset
            .saturating_add(1)
            .saturating_sub(offset)
            .max(0) as u64;
        (end.saturating_sub(not_below)).max(run.first_seq + 1)
    }

    /// The offset behind the first `count` messages, lowest of all behind none; not above it, inside
    /// a fused run.
    pub(super) fn end_of(&self, count: u64) -> i64 {
        assert!(count <= self.sent, "messages that were never sent");
        let later = self.runs.partition_point(|run| run.first_seq < count);
        let Some(index) = later.checked_sub(1) else {
            return i64::MIN;
        };
        let run = self.runs[index];
        if count == self.end_seq(index) {
            return run.last_offset + 1;
        }
        run.first_offset + (count - run.first_seq) as i64
    }

    /// The offset behind the last message below this one, lowest of all where there is none. Where that is not known,
    /// inside a fused run, the offset itself: no message lies in between.
    pub(super) fn end_before(&self, offset: i64) -> i64 {
        self.last_below(offset).map_or(i64::MIN, |index| {
            offset.min(self.runs[index].last_offset + 1)
        })
    }

    /// Fuses the oldest runs while there are more than `keep`, but none that reaches to `needed`.
    pub(super) fn shrink(&mut self, keep: usize, needed: i64) {
        while self.runs.len() > keep.max(2) && self.runs[1].last_offset < needed {
            let second = self.runs[1];
            self.runs[0].last_offset = second.last_offset;
            self.runs.remove(1);
        }
    }

    /// Whether no run stands for several, between which there were gaps.
    pub(super) fn are_exact(&self) -> bool {
        let oldest = self.runs.front();
        oldest.is_none_or(|run| {
            let offsets = (run.last_offset - run.first_offset) as u64;
            offsets + 1 == self.end_seq(0) - run.first_seq
        })
    }

    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// The last run that begins below this offset.
    fn last_below(&self, offset: i64) -> Option<usize> {
        let later = self.runs.partition_point(|run| run.first_offset < offset);
        later.checked_sub(1)
    }

    fn end_seq(&self, index: usize) -> u64 {
        self.runs
            .get(index + 1)
            .map_or(self.sent, |next| next.first_seq)
    }
}
