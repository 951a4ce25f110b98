//! The handle of one claimed partition.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use crossbeam_channel::Receiver;

use super::{
    claim::Claim,
    deliveries::{Batches, Messages},
};
use crate::{
    core::{ClaimId, engine::Gone},
    error::{Error, ErrorKind, Result},
};

/// One turn at one partition, in [`ConsumerMode::Partitions`](crate::ConsumerMode::Partitions): its
/// messages, its errors, its marks.
///
/// Give it to a thread of its own. A loop over [`messages`](Self::messages) ends when the claim is
/// over or being released. Then drop the handle: a rebalance waits for messages in hand, but not
/// for a handle that is gone. While the claim goes on, a handle that is dropped is offered again, from
/// the last mark; to give the partition up until the next rebalance, [`close`](Self::close) it.
pub struct PartitionConsumer {
    claim: Arc<Claim>,
    messages: Messages,
    batches: Batches,
    errors: Receiver<Error>,
    close_timeout: Duration,
    paused: AtomicBool,
    closed: AtomicBool,
}

/// What a user has said of a handle.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct HandleNews {
    /// Whether it is paused, if that was said.
    pub paused: Option<bool>,
    /// Whether it was closed.
    pub is_closed: bool,
    /// Whether it was dropped, be it by a panic.
    pub dropped: Option<Gone>,
}

impl PartitionConsumer {
    #[doc(hidden)]
    pub fn new(
        claim: Arc<Claim>,
        (messages, batches): (Messages, Batches),
        errors: Receiver<Error>,
        close_timeout: Duration,
    ) -> Self {
        Self {
            claim,
            messages,
            batches,
            errors,
            close_timeout,
            paused: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        self.claim.topic()
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.claim.partition()
    }

    /// The offset at which this claim starts.
    pub fn initial_offset(&self) -> i64 {
        self.claim.start()
    }

    /// The metadata that was committed with the offset at which this claim starts; empty if there
    /// was none.
    pub fn initial_metadata(&self) -> &str {
        self.claim.initial_metadata()
    }

    /// The messages of this partition. They end when the claim is over or being released.
    pub fn messages(&self) -> &Messages {
        &self.messages
    }

    /// The messages of this partition by the batch, while `consumer.returns.batches` is set; else
    /// none ever comes. They end when the claim is over or being released.
    pub fn batches(&self) -> &Batches {
        &self.batches
    }

    /// What went wrong with this partition, where `consumer.returns.errors` is set. If nobody reads
    /// them, the oldest are dropped.
    pub fn errors(&self) -> &Receiver<Error> {
        &self.errors
    }

    /// The offset behind the last record that all replicas have, as of the last fetch.
    ///
    /// Until then, the offset at which this claim starts.
    pub fn high_water_mark_offset(&self) -> i64 {
        let known = self.claim.high_water_mark();
        known.unwrap_or_else(|| self.initial_offset())
    }

    /// The message at this offset and all before it are processed. Moves only forward. Ignored if
    /// the claim is over, or did not deliver this offset.
    ///
    /// What is committed, soon after, is the offset behind it, with the metadata: the next owner of
    /// the partition can read them.
    pub fn mark_offset(&self, offset: i64, metadata: &str) {
        self.claim.mark(offset, metadata);
    }

    /// The message at this offset is the last one processed, whatever was marked. Moves only back.
    /// It changes where the next claim starts, not what this one delivers.
    pub fn reset_offset(&self, offset: i64, metadata: &str) {
        self.claim.reset(offset, metadata);
    }

    /// Asks for no more messages, in this claim and in this generation. Does not wait.
    ///
    /// What was taken can still be marked, and the marks are committed.
    pub fn async_close(&self) {
        if !self.closed.swap(true, SeqCst) {
            self.say(|news| news.is_closed = true);
        }
    }

    /// As [`async_close`](Self::async_close), and waits until delivery has stopped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`] if that takes longer than the consumer's close timeout.
    pub fn close(&self) -> Result<()> {
        self.async_close();
        if self.claim.wait_until_stopped(self.close_timeout) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Timeout(self.close_timeout), "close");
        Err(error.at_partition(self.topic(), self.partition()))
    }

    /// Stops fetching and delivering, until [`resume`](Self::resume). What is in the channel already
    /// can still be read. The claim is kept.
    pub fn pause(&self) {
        self.say_paused(true);
    }

    /// Goes on where [`pause`](Self::pause) has stopped.
    pub fn resume(&self) {
        self.say_paused(false);
    }

    pub(super) fn claim(&self) -> ClaimId {
        self.claim.id()
    }

    /// Whether the claim is neither over nor being released.
    pub(super) fn is_current(&self) -> bool {
        self.claim.is_current()
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.paused.load(SeqCst)
    }

    fn say_paused(&self, paused: bool) {
        self.say(|news| {
            // Under the lock, so that the last word here is the last one there.
            self.paused.store(paused, SeqCst);
            news.paused = Some(paused);
        });
    }

    fn say(&self, tell: impl FnOnce(&mut HandleNews)) {
        let user_side = self.claim.user_side();
        user_side.tell_of_handle(self.claim.id(), tell);
    }
}

impl Drop for PartitionConsumer {
    fn drop(&mut self) {
        let how = match thread::panicking() {
            true => Gone::Panicked,
            false => Gone::Dropped,
        };
        self.say(|news| news.dropped = Some(how));
    }
}

impl fmt::Debug for PartitionConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionConsumer")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("initial_offset", &self.initial_offset())
            .field("is_paused", &self.is_paused())
            .finish_non_exhaustive()
    }
}
