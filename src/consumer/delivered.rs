//! Records on their way to a user, with the claim that they are delivered under.

use std::{
    ops::{Deref, RangeInclusive},
    sync::Arc,
};

use super::claim::Claim;
use crate::{core::marks, record::Block};

/// Records of one batch with the claim that they are delivered under. Messages are places in it.
#[derive(Debug)]
pub(super) struct DeliveredBlock {
    claim: Arc<Claim>,
    records: Block,
    /// The sequence number of the first record within the claim.
    first_seq: u64,
}

/// What can be marked and acknowledged: a [`ConsumerMessage`](crate::ConsumerMessage), a
/// [`MessageBatch`](crate::MessageBatch) as a whole, or a [`MessageView`](crate::MessageView) of one
/// message in a batch; and whatever points to one of them, as an `Arc` or a type of your own.
pub trait Delivered {
    #[doc(hidden)]
    fn place(&self) -> Place<'_>;
}

impl<P> Delivered for P
where
    P: Deref,
    P::Target: Delivered,
{
    #[inline]
    fn place(&self) -> Place<'_> {
        P::Target::place(self)
    }
}

/// Messages of a block, from `first` to `last`.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    block: &'a DeliveredBlock,
    first: u32,
    last: u32,
}

impl DeliveredBlock {
    pub(super) fn new(claim: &Arc<Claim>, records: Block, first_seq: u64) -> Arc<Self> {
        claim.block_begins();
        Arc::new(Self {
            claim: Arc::clone(claim),
            records,
            first_seq,
        })
    }

    #[inline]
    pub(super) fn claim(&self) -> &Arc<Claim> {
        &self.claim
    }

    #[inline]
    pub(super) fn records(&self) -> &Block {
        &self.records
    }

    /// The place of a message in the order of delivery within the claim.
    pub(super) fn seq(&self, index: u32) -> u64 {
        self.first_seq + u64::from(index)
    }

    pub(super) fn last_index(&self) -> u32 {
        u32::try_from(self.records.len() - 1).expect("a block fits into a channel")
    }
}

impl Drop for DeliveredBlock {
    fn drop(&mut self) {
        self.claim.block_ends();
    }
}

impl<'a> Place<'a> {
    #[inline]
    pub(super) fn one(block: &'a DeliveredBlock, index: u32) -> Self {
        Self {
            block,
            first: index,
            last: index,
        }
    }

    #[inline]
    pub(super) fn all(block: &'a DeliveredBlock) -> Self {
        Self {
            block,
            first: 0,
            last: block.last_index(),
        }
    }

    #[inline]
    pub(super) fn claim(&self) -> &'a Arc<Claim> {
        &self.block.claim
    }

    /// The offset of the last message.
    #[inline]
    pub(super) fn last_offset(&self) -> i64 {
        self.block.records.record(self.last as usize).offset()
    }

    /// The last message.
    #[inline]
    pub(super) fn last(&self) -> marks::Message {
        marks::Message {
            offset: self.last_offset(),
            seq: Some(self.block.seq(self.last)),
        }
    }

    /// The sequence numbers of the messages.
    pub(super) fn seqs(&self) -> RangeInclusive<u64> {
        self.block.seq(self.first)..=self.block.seq(self.last)
    }
}
