//! Many messages at once, for those who can work on them so.

#[cfg(test)]
mod tests;

use std::{fmt, iter::FusedIterator, sync::Arc, time::SystemTime};

use super::{
    delivered::{Delivered, DeliveredBlock, Place},
    deliveries::Admit,
    message::{ConsumerMessage, show, time_of},
};
use crate::record::{Headers, RecordView, Records};

/// Successive messages of one claimed partition, at least one.
///
/// It is what [`batches`](crate::Consumer::batches) gives: to take and mark many messages at once
/// costs a fraction of what it costs one by one. It is never longer than what Kafka's producers
/// wrote as a batch, and a quarter of
/// [`channel_buffer_size`](crate::Config::channel_buffer_size); with producers that send single
/// records it holds single messages. 8,192 is the most.
///
/// Like a message, it is owned, can go to any thread, and is in hand until it is dropped: until then
/// a rebalance waits for it (within bounds).
#[derive(Clone)]
pub struct MessageBatch {
    block: Arc<DeliveredBlock>,
}

/// A message of a [`MessageBatch`], borrowed from it.
#[derive(Clone, Copy)]
pub struct MessageView<'a> {
    block: &'a Arc<DeliveredBlock>,
    index: u32,
    record: RecordView<'a>,
}

/// The messages of a [`MessageBatch`], in order.
#[derive(Clone)]
pub struct MessageViews<'a> {
    block: &'a Arc<DeliveredBlock>,
    next: u32,
    records: Records<'a>,
}

impl MessageBatch {
    pub(super) fn new(block: Arc<DeliveredBlock>) -> Self {
        Self { block }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        self.block.claim().topic()
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.block.claim().partition()
    }

    /// How many messages there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.block.records().len()
    }

    /// The offset of the first message.
    pub fn first_offset(&self) -> i64 {
        self.block.records().base_offset()
    }

    /// The offset of the last message.
    pub fn last_offset(&self) -> i64 {
        self.block.records().last_offset()
    }

    /// The messages in order.
    #[inline]
    pub fn iter(&self) -> MessageViews<'_> {
        MessageViews {
            block: &self.block,
            next: 0,
            records: self.block.records().records(),
        }
    }

    /// Whether the claim that this was delivered under is neither over nor being released; see
    /// [`ConsumerMessage::is_current`].
    #[inline]
    pub fn is_current(&self) -> bool {
        self.block.claim().is_current()
    }
}

impl<'a> IntoIterator for &'a MessageBatch {
    type Item = MessageView<'a>;
    type IntoIter = MessageViews<'a>;

    #[inline]
    fn into_iter(self) -> MessageViews<'a> {
        self.iter()
    }
}

impl Admit for MessageBatch {
    fn admit(&self) -> bool {
        let claim = self.block.claim();
        // There may be room for another one.
        claim.user_side().waker().wake();
        let current = claim.is_current();
        if !current {
            claim.messages_skipped(self.place().seqs(), self.first_offset());
        }
        current
    }
}

impl Delivered for MessageBatch {
    #[inline]
    fn place(&self) -> Place<'_> {
        Place::all(&self.block)
    }
}

impl fmt::Debug for MessageBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageBatch")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("first_offset", &self.first_offset())
            .field("last_offset", &self.last_offset())
            .field("len", &self.len())
            .finish()
    }
}

impl<'a> Iterator for MessageViews<'a> {
    type Item = MessageView<'a>;

    #[inline]
    fn next(&mut self) -> Option<MessageView<'a>> {
        let record = self.records.next()?;
        let index = self.next;
        self.next += 1;
        Some(MessageView {
            block: self.block,
            index,
            record,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

impl ExactSizeIterator for MessageViews<'_> {}
impl FusedIterator for MessageViews<'_> {}

impl fmt::Debug for MessageViews<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> MessageView<'a> {
    /// The topic.
    pub fn topic(&self) -> &'a str {
        self.block.claim().topic()
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.block.claim().partition()
    }

    /// The place in the partition's log.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.record.offset()
    }

    /// Milliseconds since 1970; see [`ConsumerMessage::timestamp_ms`].
    #[inline]
    pub fn timestamp_ms(&self) -> i64 {
        self.record.timestamp_ms()
    }

    /// The timestamp, unless it is absent, before 1970, or too late for a [`SystemTime`].
    pub fn timestamp(&self) -> Option<SystemTime> {
        time_of(self.timestamp_ms())
    }

    /// The key; null is not empty.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.record.key()
    }

    /// The value; null is not empty (a tombstone, in a compacted topic).
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.record.value()
    }

    /// The headers, in order. Keys can repeat.
    pub fn headers(&self) -> Headers<'a> {
        self.record.headers()
    }

    /// The message on its own, to be given to somebody else and marked or acknowledged there. It
    /// shares the batch's bytes.
    #[must_use]
    pub fn to_message(&self) -> ConsumerMessage {
        ConsumerMessage::of(self.block, self.index)
    }
}

impl Delivered for MessageView<'_> {
    #[inline]
    fn place(&self) -> Place<'_> {
        Place::one(self.block, self.index)
    }
}

impl fmt::Debug for MessageView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "MessageView", self.block.claim(), &self.record)
    }
}
