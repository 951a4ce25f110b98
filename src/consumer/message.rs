//! A message as the user holds it.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    claim::Claim,
    delivered::{Delivered, DeliveredBlock, Place},
    deliveries::Admit,
};
use crate::record::{Headers, RecordView};

/// A record of a claimed partition.
///
/// It is owned and can go to any thread. It is small: a place in a batch of records that it shares
/// with its neighbours. The memory of the batch is free when the last of its messages is dropped
/// (batches up to 1 KiB that came together share pieces of 4 KiB, which are free when the last of theirs is);
/// to keep a few messages for long, [`detach`](Self::detach) them.
///
/// As long as a message that was taken from the channel exists and is not marked, a rebalance waits
/// for it (within bounds); so drop messages that need no work. A partition is waited for as a whole:
/// while one message of it is not marked, also for those that are acknowledged and still held.
pub struct ConsumerMessage {
    /// Only a drop takes it out.
    block: Option<Arc<DeliveredBlock>>,
    index: u32,
}

const _: () = assert!(size_of::<ConsumerMessage>() == 16);

impl ConsumerMessage {
    /// The topic.
    pub fn topic(&self) -> &str {
        self.claim().topic()
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.claim().partition()
    }

    /// The place in the partition's log.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.record().offset()
    }

    /// Milliseconds since 1970, set by the producer or, where the topic says so, by the broker. −1
    /// where there is none; any other value can occur, for nobody checks what producers send.
    pub fn timestamp_ms(&self) -> i64 {
        self.record().timestamp_ms()
    }

    /// The timestamp, unless it is absent, before 1970, or too late for a [`SystemTime`].
    pub fn timestamp(&self) -> Option<SystemTime> {
        time_of(self.timestamp_ms())
    }

    /// The key; null is not empty.
    pub fn key(&self) -> Option<&[u8]> {
        self.record().key()
    }

    /// The value; null is not empty (a tombstone, in a compacted topic).
    pub fn value(&self) -> Option<&[u8]> {
        self.record().value()
    }

    /// The headers, in order. Keys can repeat.
    pub fn headers(&self) -> Headers<'_> {
        self.record().headers()
    }

    /// Whether the claim that this message was delivered under is neither over nor being released.
    ///
    /// If not, and nothing was done with the message yet, leave it: it will be delivered again, to
    /// whoever gets the partition. A mark made during a release still counts. The methods of
    /// [`Messages`](super::Messages) have asked this already; `select!` cannot.
    #[inline]
    pub fn is_current(&self) -> bool {
        self.claim().is_current()
    }

    /// A copy that holds its own bytes instead of the whole batch. In everything else it is this
    /// message: it can be marked, and a rebalance waits for it.
    #[must_use]
    pub fn detach(&self) -> Self {
        let block = self.block();
        let records = block.records().detach(self.index as usize);
        Self {
            block: Some(DeliveredBlock::new(block.claim(), records, self.seq())),
            index: 0,
        }
    }

    /// The place in the order of delivery within the claim.
    pub(super) fn seq(&self) -> u64 {
        self.block().seq(self.index)
    }

    #[inline]
    pub(super) fn claim(&self) -> &Arc<Claim> {
        self.block().claim()
    }

    /// One message of a block.
    pub(super) fn of(block: &Arc<DeliveredBlock>, index: u32) -> Self {
        Self {
            block: Some(Arc::clone(block)),
            index,
        }
    }

    /// Makes all messages of a block. It is shared so often before any reader sees it: else both
    /// sides would fight for the counter with every message.
    pub(super) fn of_block(block: Arc<DeliveredBlock>, messages: &mut Vec<Self>) {
        let last = block.last_index();
        messages.extend((0..last).map(|index| Self::of(&block, index)));
        messages.push(Self {
            block: Some(block),
            index: last,
        });
    }

    #[inline]
    fn block(&self) -> &Arc<DeliveredBlock> {
        self.block.as_ref().expect("only a drop takes it out")
    }

    #[inline]
    fn record(&self) -> RecordView<'_> {
        self.block().records().record(self.index as usize)
    }
}

impl Admit for ConsumerMessage {
    #[inline]
    fn admit(&self) -> bool {
        let claim = self.claim();
        if self.index == 0 {
            // The reader has come to the next block: there may be room for another one.
            claim.user_side().waker().wake();
        }
        let current = claim.is_current();
        if !current {
            claim.messages_skipped(self.place().seqs(), self.offset());
        }
        current
    }
}

impl Delivered for ConsumerMessage {
    #[inline]
    fn place(&self) -> Place<'_> {
        Place::one(self.block(), self.index)
    }
}

impl Clone for ConsumerMessage {
    /// The same message once more. It is in hand until the last one is dropped.
    fn clone(&self) -> Self {
        Self {
            block: Some(Arc::clone(self.block())),
            index: self.index,
        }
    }
}

impl Drop for ConsumerMessage {
    #[inline]
    fn drop(&mut self) {
        // The last message of a block wakes the coordinator always (`DeliveredBlock`), any other
        // one during a release: the block at the front of the channel may have nothing more in
        // users' hands, and yet exist. A release that begins between this look and the end of the
        // reference is not told: the coordinator looks again after a short time.
        if self.claim().is_releasing()
            && let Some(block) = self.block.take()
        {
            let claim = Arc::clone(block.claim());
            drop(block);
            claim.user_side().waker().wake();
        }
    }
}

impl fmt::Debug for ConsumerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "ConsumerMessage", self.claim(), &self.record())
    }
}

/// A message for a log line: of key and value the beginning.
pub(super) fn show(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    claim: &Claim,
    record: &RecordView<'_>,
) -> fmt::Result {
    f.debug_struct(name)
        .field("topic", claim.topic())
        .field("partition", &claim.partition())
        .field("offset", &record.offset())
        .field("timestamp_ms", &record.timestamp_ms())
        .field("key", &record.key().map(Excerpt))
        .field("value", &record.value().map(Excerpt))
        .field("headers", &record.headers().len())
        .finish()
}

/// A timestamp, unless it is absent, before 1970, or too late for a [`SystemTime`].
pub(super) fn time_of(timestamp_ms: i64) -> Option<SystemTime> {
    let since_1970 = Duration::from_millis(u64::try_from(timestamp_ms).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since_1970)
}

/// The beginning of what may be text, and how long it is if that was not all.
struct Excerpt<'a>(&'a [u8]);

impl Excerpt<'_> {
    /// Enough to recognise a message by in a log line.
    const BYTES: usize = 64;
}

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(Self::BYTES)];
        write!(f, "{:?}", String::from_utf8_lossy(shown))?;
        if shown.len() < self.0.len() {
            write!(f, "… ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}
