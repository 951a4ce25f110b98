//! The library's end of a channel of messages.

#[cfg(test)]
mod races;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    iter,
    sync::{
        Arc, Weak,
        atomic::{Ordering::SeqCst, fence},
    },
};

use crossbeam_channel::{Receiver, Sender};

use super::{
    batch::MessageBatch,
    claim::Claim,
    delivered::DeliveredBlock,
    deliveries::{Batches, Deliveries, Messages},
    message::ConsumerMessage,
    wait::CaughtUp,
};
use crate::{
    core::{ChannelId, ClaimId, engine::Progress, ledger::Ledger},
    record::Block,
};

/// Puts messages into one channel, and knows what has become of them. Nothing here waits.
#[derive(Debug)]
pub struct Outlet {
    messages: Line<ConsumerMessage>,
    batches: Line<MessageBatch>,
    /// Which of the two is used. The other one is there and stays empty.
    form: Form,
    capacity: usize,
    sent: u64,
    /// How many messages were taken when that was last asked.
    told: u64,
    ledger: Ledger,
    /// The blocks in the channel, whole or in part, as in the ledger.
    blocks: VecDeque<Inside>,
    /// The messages of the block that is being pushed. Empty, but keeps its memory.
    of_block: Vec<ConsumerMessage>,
}

/// How messages are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One by one.
    Single,
    /// By the block.
    Batched,
}

/// Both ends of a channel.
#[derive(Debug)]
struct Line<T> {
    /// `None` when nothing more will come.
    sender: Option<Sender<T>>,
    /// Counts what is in the channel, and takes nothing out. It also keeps the messages there when
    /// the user's end is gone, or they would all seem to be taken.
    receiver: Receiver<T>,
}

/// A block in the channel.
#[derive(Debug)]
struct Inside {
    block: Weak<DeliveredBlock>,
    len: usize,
}

impl<T> Line<T> {
    fn new(capacity: usize) -> Self {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        Self {
            sender: Some(sender),
            receiver,
        }
    }

    fn send(&self, item: T) {
        let sender = self.sender.as_ref();
        let sender = sender.expect("nothing is pushed after the release");
        let sent = sender.try_send(item);
        assert!(sent.is_ok(), "there is room, and this end holds a receiver");
    }
}

impl Outlet {
    /// A channel for so many messages, at least one, that are handed over one by one, with the user's
    /// end.
    pub fn new(capacity: usize) -> (Self, Messages) {
        let (outlet, messages, _) = Self::open(capacity, Form::Single);
        (outlet, messages)
    }

    /// A channel for so many messages, at least one, with the user's ends of both forms.
    pub fn open(capacity: usize, form: Form) -> (Self, Messages, Batches) {
        Self::open_for(capacity, form, &CaughtUp::default())
    }

    /// The same, for readers who wait as it suits.
    pub(super) fn open_for(
        capacity: usize,
        form: Form,
        caught_up: &CaughtUp,
    ) -> (Self, Messages, Batches) {
        assert!(capacity > 0, "without a place, sending would be waiting");
        // There is no block without a message, so a batch always finds a place too.
        let places = |of| if of == form { capacity } else { 1 };
        let outlet = Self {
            messages: Line::new(places(Form::Single)),
            batches: Line::new(places(Form::Batched)),
            form,
            capacity,
            sent: 0,
            told: 0,
            ledger: Ledger::default(),
            blocks: VecDeque::new(),
            of_block: Vec::new(),
        };
        let messages = Deliveries::new(outlet.messages.receiver.clone(), caught_up.clone());
        let batches = Deliveries::new(outlet.batches.receiver.clone(), caught_up.clone());
        (outlet, messages, batches)
    }

    /// How many messages the channel can hold.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many it holds.
    pub fn len(&self) -> usize {
        match self.form {
            Form::Single => self.messages.receiver.len(),
            Form::Batched => {
                let left = self.blocks.len() - self.batches.receiver.len();
                let taken = self.blocks.iter().take(left).map(|inside| inside.len);
                self.ledger.in_channel() - taken.sum::<usize>()
            }
        }
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many more it can hold.
    pub fn free(&self) -> usize {
        self.capacity - self.len()
    }

    /// Gives a block to the user. There must be room for it, and the claim must not be released.
    pub fn push(&mut self, claim: &Arc<Claim>, records: Block) {
        assert!(
            records.len() <= self.free(),
            "a block is pushed only where there is room"
        );
        // The books are right before the user sees the first message.
        let len = records.len();
        self.sent += len as u64;
        self.ledger.sent(claim.id(), len, dense_runs(&records));
        let first_seq = claim.sent(dense_runs(&records), records.last_offset());
        let block = DeliveredBlock::new(claim, records, first_seq);
        self.blocks.push_back(Inside {
            block: Arc::downgrade(&block),
            len,
        });
        match self.form {
            Form::Single => {
                ConsumerMessage::of_block(block, &mut self.of_block);
                for message in self.of_block.drain(..) {
                    self.messages.send(message);
                }
            }
            Form::Batched => self.batches.send(MessageBatch::new(block)),
        }
    }

    /// How many messages users have taken since the channel was made, if more than when this was
    /// last asked.
    pub fn poll_taken(&mut self) -> Option<u64> {
        let taken = self.look().0;
        (std::mem::replace(&mut self.told, taken) != taken).then_some(taken)
    }

    /// Stops delivery for a claim of this channel: `Messages`' own methods give no more of it, and
    /// nothing beyond the last message taken can be marked. If the channel is that claim's own,
    /// loops over it end. From here on drops and marks wake the coordinator, if it waits.
    pub fn release(&mut self, claim: &Claim) {
        // First the flag, then the count: see `Claim::is_current`.
        claim.begin_release();
        self.look();
        claim.close_marks(self.ledger.account(claim.id()).last_taken);
        if claim.channel() == ChannelId::Of(claim.id()) {
            self.messages.sender = None;
            self.batches.sender = None;
        }
    }

    /// How far the users of a claim of this channel are.
    pub fn observe(&mut self, claim: &Claim) -> Progress {
        // The marks last: who marks and drops a message does it in this order.
        let alive = self.is_alive(claim);
        claim.progress(self.ledger.account(claim.id()).taken, alive)
    }

    /// A claim of this channel is over. Its messages may still be in there.
    pub fn forget(&mut self, claim: ClaimId) {
        self.ledger.close(claim);
    }

    /// Whether a message of this claim that was taken from the channel still exists.
    ///
    /// Users go on taking, copying and dropping messages meanwhile. The order of the looks makes
    /// the answer err to one side only: a message that existed all the time is seen. One that was
    /// taken or dropped meanwhile may be seen too; its drop wakes the coordinator once more.
    fn is_alive(&mut self, claim: &Claim) -> bool {
        loop {
            // First how often the block is shared that may be partly in the channel: at most the
            // one at the front. If a message of it was detached and dropped before this look, the
            // fence makes the block of its copy count below.
            let shared = self.blocks.front();
            let shared = shared.map_or(0, |inside| inside.block.strong_count());
            fence(SeqCst);
            let live_blocks = claim.live_blocks();
            // Last what is in the channel, which can only have become less.
            let (_, left) = self.look();
            if left > 0 {
                // Another block is at the front now.
                continue;
            }
            let outside = live_blocks > self.ledger.account(claim.id()).blocks;
            let of_front = self
                .ledger
                .front()
                .is_some_and(|(id, inside)| id == claim.id() && shared > inside);
            return outside || of_front;
        }
    }

    /// Brings the books up to date. Returns how many messages were taken so far, and how many
    /// blocks have left the channel since the last look.
    fn look(&mut self) -> (u64, usize) {
        let inside = self.len();
        let left = self.ledger.remaining(inside);
        self.blocks.drain(..left);
        (self.sent - inside as u64, left)
    }
}

/// The offsets of a block as runs of successive ones: the first and how many.
fn dense_runs(records: &Block) -> impl Iterator<Item = (i64, usize)> {
    let len = records.len();
    let is_dense = records.last_offset() - records.base_offset() == (len - 1) as i64;
    let mut next = 0;
    iter::from_fn(move || {
        let first = next;
        if first == len {
            return None;
        }
        let first_offset = records.record(first).offset();
        next = if is_dense {
            len
        } else {
            let mut expected = (first_offset..).zip(first..len);
            expected
                .find(|(offset, index)| records.record(*index).offset() != *offset)
                .map_or(len, |(_, index)| index)
        };
        Some((first_offset, next - first))
    })
}
