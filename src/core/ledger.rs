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

/// Messages of one claim with successive offsets.
#[derive(Debug)]
struct Segment {
    claim: ClaimId,
    first_offset: i64,
    count: usize,
}

/// One claim's part of the channel.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// How many of its messages the user has taken.
    pub taken: u64,
    /// The offset of the last one taken.
    pub last_taken: Option<i64>,
    /// How many of its messages are still in the channel.
    pub in_channel: usize,
}

impl Ledger {
    /// So many messages of this claim, with successive offsets, are put into the channel.
    pub fn sent(&mut self, claim: ClaimId, first_offset: i64, count: usize) {
        assert!(count > 0, "a segment has messages");
        self.segments.push_back(Segment {
            claim,
            first_offset,
            count,
        });
        self.in_channel += count;
        self.claims.entry(claim).or_default().in_channel += count;
    }

    /// The channel now holds so many messages: the others were taken.
    pub fn remaining(&mut self, in_channel: usize) {
        let mut taken = self
            .in_channel
            .checked_sub(in_channel)
            .expect("only the library sends");
        self.in_channel = in_channel;
        while taken > 0 {
            let segment = self
                .segments
                .front_mut()
                .expect("the segments hold all that is in the channel");
            let count = segment.count.min(taken);
            taken -= count;
            // An account that was closed is not opened again by what the channel still holds.
            if let Some(account) = self.claims.get_mut(&segment.claim) {
                account.taken += count as u64;
                account.last_taken = Some(segment.first_offset + (count - 1) as i64);
                account.in_channel -= count;
            }
            segment.first_offset += count as i64;
            segment.count -= count;
            if segment.count == 0 {
                self.segments.pop_front();
            }
        }
    }

    /// How many messages the channel held when last looked at.
    pub fn in_channel(&self) -> usize {
        self.in_channel
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

    #[test]
    fn what_is_taken_is_told_by_what_remains() {
        let mut ledger = Ledger::default();
        ledger.sent(A, 10, 3);
        ledger.sent(B, 100, 2);
        ledger.sent(A, 13, 2);

        ledger.remaining(7);
        assert_eq!(
            ledger.account(A),
            Account {
                taken: 0,
                last_taken: None,
                in_channel: 5
            }
        );

        ledger.remaining(5);
        assert_eq!(
            ledger.account(A),
            Account {
                taken: 2,
                last_taken: Some(11),
                in_channel: 3
            }
        );
        assert_eq!(
            ledger.account(B),
            Account {
                taken: 0,
                last_taken: None,
                in_channel: 2
            }
        );

        ledger.remaining(1);
        assert_eq!(
            ledger.account(A),
            Account {
                taken: 4,
                last_taken: Some(13),
                in_channel: 1
            }
        );
        assert_eq!(
            ledger.account(B),
            Account {
                taken: 2,
                last_taken: Some(101),
                in_channel: 0
            }
        );
        assert_eq!(ledger.in_channel(), 1);
    }

    #[test]
    fn a_gap_between_segments_is_not_counted_as_taken() {
        let mut ledger = Ledger::default();
        ledger.sent(A, 10, 1);
        ledger.sent(A, 50, 2);
        ledger.remaining(2);
        assert_eq!(ledger.account(A).last_taken, Some(10));
        ledger.remaining(1);
        assert_eq!(ledger.account(A).last_taken, Some(50));
    }

    #[test]
    fn an_account_that_is_closed_stays_closed() {
        let mut ledger = Ledger::default();
        ledger.sent(A, 0, 2);
        ledger.sent(B, 0, 1);
        ledger.close(A);
        ledger.remaining(0);
        assert_eq!(ledger.account(A), Account::default());
        assert_eq!(ledger.account(B).taken, 1);
        assert_eq!(ledger.claims.len(), 1);
    }

    #[test]
    #[should_panic(expected = "only the library sends")]
    fn a_channel_cannot_hold_more_than_was_sent() {
        let mut ledger = Ledger::default();
        ledger.sent(A, 0, 2);
        ledger.remaining(3);
    }
}
