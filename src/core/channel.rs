//! How full the user's channels are, and whose messages are in them.

use std::collections::VecDeque;

use crate::core::ClaimId;

/// Names a channel of messages: the one of the consumer, or that of one claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChannelId {
    /// Multiplex mode: all claims share it.
    Shared,
    /// Partition mode.
    Of(ClaimId),
}

/// One channel of messages. The queue is first in, first out, so the number of messages taken tells
/// which ones.
#[derive(Debug)]
pub struct Channel {
    capacity: usize,
    sent: u64,
    taken: u64,
    inside: VecDeque<Segment>,
}

/// Messages of one block that are still in the channel.
#[derive(Debug)]
struct Segment {
    claim: ClaimId,
    end: u64,
    bytes: usize,
}

/// A block is given to a user whole, so it must fit into a window of acknowledgements several times,
/// however large the channel is. Larger ones would save nothing.
const LARGEST_BLOCK: usize = 8192;

impl Channel {
    /// An empty channel for so many messages.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            sent: 0,
            taken: 0,
            inside: VecDeque::new(),
        }
    }

    /// How many messages it can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The most records of a block: four blocks fill the channel, so that it can be refilled in
    /// parts while the reader works on the rest.
    pub fn block_records(&self) -> usize {
        (self.capacity / 4).clamp(1, LARGEST_BLOCK)
    }

    /// How many messages are inside, as far as is known.
    pub fn len(&self) -> usize {
        (self.sent - self.taken) as usize
    }

    /// Whether nothing is inside, as far as is known.
    pub fn is_empty(&self) -> bool {
        self.sent == self.taken
    }

    /// Whether so many messages fit.
    pub fn fits(&self, count: usize) -> bool {
        self.len() + count <= self.capacity
    }

    /// Whether it is time to refill: the reader should neither run dry nor wake the sender for
    /// every single message.
    pub fn is_low(&self) -> bool {
        self.len() <= self.capacity / 2
    }

    /// A block goes in.
    pub fn push(&mut self, claim: ClaimId, count: usize, bytes: usize) {
        assert!(
            self.fits(count),
            "the channel has room, or nothing is pushed"
        );
        self.sent += count as u64;
        self.inside.push_back(Segment {
            claim,
            end: self.sent,
            bytes,
        });
    }

    /// The reader has taken so many messages since the channel was made. Returns how many bytes of
    /// each claim have left it.
    pub fn take(&mut self, total: u64) -> Vec<(ClaimId, usize)> {
        assert!(total <= self.sent, "a reader takes what was sent");
        self.taken = self.taken.max(total);
        let mut left = Vec::new();
        while let Some(front) = self.inside.front() {
            if front.end > self.taken {
                break;
            }
            left.push((front.claim, front.bytes));
            self.inside.pop_front();
        }
        left
    }

    /// The reader has taken all.
    #[cfg(test)]
    pub fn take_all(&mut self) -> Vec<(ClaimId, usize)> {
        self.take(self.sent)
    }

    /// The bytes that are still inside, when the channel goes away.
    pub fn bytes(&self) -> usize {
        self.inside.iter().map(|s| s.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_quarter_of_the_channel_but_never_much_of_an_ack_window() {
        let blocks = [1, 3, 16, 4096, 10_000_000].map(|size| Channel::new(size).block_records());
        assert_eq!(blocks, [1, 1, 4, 1024, 8192]);
    }

    #[test]
    fn a_block_leaves_with_its_last_message() {
        let (a, b) = (ClaimId(1), ClaimId(2));
        let mut channel = Channel::new(8);
        channel.push(a, 2, 20);
        channel.push(b, 3, 30);
        assert_eq!(channel.len(), 5);
        assert!(!channel.is_low() && channel.fits(3) && !channel.fits(4));
        assert_eq!(channel.take(1), []);
        assert_eq!(channel.take(4), [(a, 20)]);
        assert!(channel.is_low());
        assert_eq!(channel.take(3), [], "an older count changes nothing");
        assert_eq!(channel.take(5), [(b, 30)]);
        assert!(channel.is_empty());
    }
}
