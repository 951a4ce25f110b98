//! Messages acknowledged one by one.

use std::collections::VecDeque;

const WORD: u64 = u64::BITS as u64;

/// Which messages are acknowledged, by sequence number: all below `end`, and some beyond it, one
/// bit each.
#[derive(Debug)]
pub(super) struct Acks {
    /// The first message not acknowledged.
    end: u64,
    /// The first word holds the bit of `end`. Bits below it mean nothing; what lies behind the last
    /// word is not acknowledged.
    words: VecDeque<u64>,
}

impl Acks {
    pub(super) fn new(end: u64) -> Self {
        Self {
            end,
            words: VecDeque::new(),
        }
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn insert(&mut self, seq: u64) {
        if seq < self.end {
            return;
        }
        let index = (seq / WORD - self.end / WORD) as usize;
        if index >= self.words.len() {
            self.words.resize(index + 1, 0);
        }
        self.words[index] |= 1 << (seq % WORD);
        if seq == self.end {
            self.advance();
        }
    }

    pub(super) fn acknowledge_below(&mut self, seq: u64) {
        if seq <= self.end {
            return;
        }
        let passed = (seq / WORD - self.end / WORD) as usize;
        self.words.drain(..passed.min(self.words.len()));
        self.end = seq;
        self.advance();
    }

    /// No message from this one on is acknowledged, as far as they lie behind the end.
    pub(super) fn forget_from(&mut self, seq: u64) {
        let seq = seq.max(self.end);
        let index = (seq / WORD - self.end / WORD) as usize;
        self.words.truncate(index + 1);
        if let Some(word) = self.words.get_mut(index) {
            *word &= (1 << (seq % WORD)) - 1;
        }
    }

    /// Moves the end over the acknowledged messages that it has met.
    fn advance(&mut self) {
        while let Some(&word) = self.words.front() {
            let bit = self.end % WORD;
            let acknowledged = u64::from((word >> bit).trailing_ones());
            self.end += acknowledged;
            if bit + acknowledged < WORD {
                break;
            }
            self.words.pop_front();
        }
    }
}
