//! What went into one user's channel, and what has come out of it.
//!
//! A channel is first in, first out, and tells how many messages it holds. So the order of sending
//! says which ones the user has taken, and no reader needs to report anything.

use std::collections::{HashMap, VecDeque};

use crate::core::ClaimId;

/// The accounts of one channel. It may carry many claims.
#[derive(Debug, Default)]
pub struct Ledger {
    /// What is still in the channel, in order. Bounded by the channel's capacity.
    segments: VecDeque<Segment>,
    /// The number of messages in `segments`.
    in_channel: usize,
    claims: HashMap<ClaimId, Account>,
}

/// Messages of one block with successive offsets.
#[derive(Debug)]
struct Segment {
    claim: ClaimId,
    first_offset: i64,
    count: usize,
    /// How many messages of the block come behind these.
    behind: usize,
}

/// One claim's part of the channel.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// How many of its messages the user has taken.
    pub taken: u64,
    /// The offset of the last one taken.
    pub last_taken: Option<i64>,
    /// How many of its blocks are in the channel, whole or in part.
    pub blocks: usize,
}

impl Ledger {
    /// A block of this claim is put into the channel: runs of successive offsets, each by its first
    /// offset and its length, together `count` messages.
    pub fn sent(&mut self, claim: ClaimId, count: usize, runs: impl Iterator<Item = (i64, usize)>) {
        let mut behind = count;
        for (first_offset, count) in runs {
            behind -= count;
            self.segments.push_back(Segment {
                claim,
                first_offset,
                count,
                behind,
            });
        }
        assert_eq!(behind, 0, "the runs are the whole block");
        self.in_channel += count;
        self.claims.entry(claim).or_default().blocks += 1;
    }

    /// How many messages the channel held at the last look, and those sent since.
    pub fn in_channel(&self) -> usize {
        self.in_channel
    }

    /// The channel now holds so many messages: the others were taken. Returns how many blocks have
    /// left it whole.
    pub fn remaining(&mut self, in_channel: usize) -> usize {
        let mut taken = self
            .in_channel
            .checked_sub(in_channel)
            .expect("only the library sends");
        self.in_channel = in_channel;
        let mut blocks = 0;
        while taken > 0 {
            let segment = self
                .segments
                .front_mut()
                .expect("the segments hold all that is in the channel");
            let count = segment.count.min(taken);
            taken -= count;
            let is_last = segment.count == count && segment.behind == 0;
            blocks += usize::from(is_last);
            // An account that was closed is not opened again by what the channel still holds.
            if let Some(account) = self.claims.get_mut(&segment.claim) {
                account.taken += count as u64;
                account.last_taken = Some(segment.first_offset + (count - 1) as i64);
                account.blocks -= usize::from(is_last);
            }
            segment.first_offset += count as i64;
            segment.count -= count;
            if segment.count == 0 {
                self.segments.pop_front();
            }
        }
        blocks
    }

    /// The block at the front, of which messages may have been taken: its claim, and how many of
    /// its messages are in the channel.
    pub fn front(&self) -> Option<(ClaimId, usize)> {
        let segment = self.segments.front()?;
        Some((segment.claim, segment.count + segment.behind))
    }

    /// This claim's part, as of the last look at the channel.
    pub fn account(&self, claim: ClaimId) -> Account {
        self.claims.get(&claim).copied().unwrap_or_default()
    }

    /// Forgets a claim that is over. Its messages may still be in the channel.
    pub fn close(&mut self, claim: ClaimId) {
        self.claims.remove(&claim);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ClaimId = ClaimId(1);
    const B: ClaimId = ClaimId(2);

    fn account(taken: u64, last_taken: Option<i64>, blocks: usize) -> Account {
        Account {
            taken,
            last_taken,
            blocks,
        }
    }

    #[test]
    fn what_is_taken_is_told_by_what_remains() {
        let mut ledger = Ledger::default();
        ledger.sent(A, 3, [(10, 3)].into_iter());
        ledger.sent(B, 2, [(100, 2)].into_iter());
        ledger.sent(A, 2, [(13, 2)].into_iter());

        assert_eq!(ledger.remaining(7), 0);
        assert_eq!(ledger.account(A), account(0, None, 2));
        assert_eq!(ledger.front(), Some((A, 3)));

        assert_eq!(ledger.remaining(5), 0);
        assert_eq!(ledger.account(A), account(2, Some(11), 2));
        assert_eq!(ledger.account(B), account(0, None, 1));
        assert_eq!(ledger.front(), Some((A, 1)));

        assert_eq!(ledger.remaining(1), 2);
        assert_eq!(ledger.account(A), account(4, Some(13), 1));
        assert_eq!(ledger.account(B), account(2, Some(101), 0));

        assert_eq!(ledger.remaining(0), 1);
        assert_eq!(ledger.account(A), account(5, Some(14), 0));
        assert_eq!(ledger.front(), None);
    }

    #[test]
    fn a_gap_in_a_block_is_not_counted_as_taken() {
        let mut ledger = Ledger::default();
        ledger.sent(A, 4, [(10, 1), (50, 2), (90, 1)].into_iter());
        assert_eq!(ledger.remaining(3), 0);
        assert_eq!(ledger.account(A), account(1, Some(10), 1));
        assert_eq!(ledger.front(), Some((A, 3)));
        assert_eq!(ledger.remaining(1), 0);
        assert_eq!(ledger.account(A), account(3, Some(51), 1));
        assert_eq!(ledger.front(), Some((A, 1)));
        assert_eq!(ledger.remaining(0), 1);
    }

    #[test]
    fn an_account_that_is_closed_stays_closed() {
        let mut ledger = Ledger::default();
        ledger.sent(A, 2, [(0, 2)].into_iter());
        ledger.sent(B, 1, [(0, 1)].into_iter());
        ledger.close(A);
        assert_eq!(ledger.remaining(0), 2);
        assert_eq!(ledger.account(A), Account::default());
        assert_eq!(ledger.account(B).taken, 1);
        assert_eq!(ledger.claims.len(), 1);
    }

    #[test]
    #[should_panic(expected = "only the library sends")]
    fn a_channel_cannot_hold_more_than_was_sent() {
        let mut ledger = Ledger::default();
        ledger.sent(A, 2, [(0, 2)].into_iter());
        ledger.remaining(3);
    }
}
