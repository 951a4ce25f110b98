//! What all claims of one consumer share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{claim::Claim, delivered::Delivered, partition::HandleNews, sync::Mutex, waker::Waker};
use crate::core::{
    ClaimId,
    marks::{Ignored, Message},
};

/// One for each consumer: how its users reach the coordinator, and what they did in vain.
#[derive(Debug)]
pub struct UserSide {
    waker: Waker,
    ignored: Counters,
    handle_news: Mutex<BTreeMap<ClaimId, HandleNews>>,
    /// How many messages of a claim come before the first one not acknowledged.
    acks: Mutex<BTreeMap<ClaimId, u64>>,
}

#[derive(Debug, Default)]
struct Counters {
    late: AtomicU64,
    beyond: AtomicU64,
    before_start: AtomicU64,
    unclaimed: AtomicU64,
    foreign: AtomicU64,
    skipped: AtomicU64,
    unread: AtomicU64,
}

/// How often users did something in vain, or did not read what was sent to them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct IgnoredCounts {
    /// Marks, resets and acks that came when their claim was over, or was given up without them.
    pub late: u64,
    /// Marks, resets and acks of messages that were not delivered, or not before a release.
    pub beyond: u64,
    /// Marks and resets to offsets before the start of the claim.
    pub before_start: u64,
    /// Marks and resets by the offset alone, of partitions that were not claimed.
    pub unclaimed: u64,
    /// Marks, resets and acks of another consumer's messages.
    pub foreign: u64,
    /// Messages that were taken from the channel, but not given to the user, for their claim was
    /// over or being released.
    pub skipped: u64,
    /// Errors and notifications that were dropped because nobody read them.
    pub unread: u64,
}

impl UserSide {
    /// For a coordinator that is woken by this waker.
    pub fn new(waker: Waker) -> Arc<Self> {
        Arc::new(Self {
            waker,
            ignored: Counters::default(),
            handle_news: Mutex::default(),
            acks: Mutex::default(),
        })
    }

    /// The coordinator's waker.
    #[inline]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// What was ignored so far.
    pub fn ignored(&self) -> IgnoredCounts {
        let counters = &self.ignored;
        IgnoredCounts {
            late: counters.late.load(Relaxed),
            beyond: counters.beyond.load(Relaxed),
            before_start: counters.before_start.load(Relaxed),
            unclaimed: counters.unclaimed.load(Relaxed),
            foreign: counters.foreign.load(Relaxed),
            skipped: counters.skipped.load(Relaxed),
            unread: counters.unread.load(Relaxed),
        }
    }

    /// This message, or the last one of these, and all before it in its claim are processed.
    #[inline]
    pub fn mark(&self, delivered: &impl Delivered, metadata: &str) {
        let place = delivered.place();
        if self.owns(place.claim()) {
            place.claim().mark(place.last(), metadata);
        }
    }

    /// All after this message, or the last one of these, is not processed.
    pub fn reset(&self, delivered: &impl Delivered, metadata: &str) {
        let place = delivered.place();
        if self.owns(place.claim()) {
            place.claim().reset(place.last(), metadata);
        }
    }

    /// These messages are processed.
    pub fn ack(&self, delivered: &impl Delivered) {
        let place = delivered.place();
        if self.owns(place.claim()) {
            place.claim().ack_all(place.seqs(), place.last_offset());
        }
    }

    /// As [`mark`](Self::mark), by the offset alone: in the claim that is current, if there is one.
    pub fn mark_offset(
        &self,
        current: Option<&Claim>,
        message: impl Into<Message>,
        metadata: &str,
    ) {
        match current {
            Some(claim) => claim.mark(message, metadata),
            None => self.count_unclaimed(),
        }
    }

    /// As [`reset`](Self::reset), by the offset alone: in the claim that is current, if there is one.
    pub fn reset_offset(
        &self,
        current: Option<&Claim>,
        message: impl Into<Message>,
        metadata: &str,
    ) {
        match current {
            Some(claim) => claim.reset(message, metadata),
            None => self.count_unclaimed(),
        }
    }

    /// What users have said of their handles since this was last asked. A kick tells when to ask.
    pub fn take_handle_news(&self) -> BTreeMap<ClaimId, HandleNews> {
        std::mem::take(&mut self.handle_news.lock())
    }

    /// How far claims are acknowledged one by one, where that has changed by much since this was
    /// last asked.
    pub fn take_acks(&self) -> BTreeMap<ClaimId, u64> {
        std::mem::take(&mut self.acks.lock())
    }

    pub(super) fn tell_of_acks(&self, claim: ClaimId, first_unacked: u64) {
        self.acks.lock().insert(claim, first_unacked);
        self.waker.wake();
    }

    pub(super) fn tell_of_handle(&self, claim: ClaimId, tell: impl FnOnce(&mut HandleNews)) {
        // One entry for each claim and one kick for all that wait, however often users change
        // their minds.
        let mut news = self.handle_news.lock();
        let was_empty = news.is_empty();
        tell(news.entry(claim).or_default());
        drop(news);
        if was_empty {
            self.waker.kick();
        }
    }

    /// Whether this is a claim of this consumer. If not, that is counted: nothing will be done.
    #[inline]
    pub(super) fn owns(&self, claim: &Claim) -> bool {
        let owns = claim.is_of(self);
        if !owns {
            self.ignored.foreign.fetch_add(1, Relaxed);
        }
        owns
    }

    pub(super) fn count_ignored(&self, why: Ignored) {
        let counter = match why {
            Ignored::Late => &self.ignored.late,
            Ignored::Beyond => &self.ignored.beyond,
            Ignored::BeforeStart => &self.ignored.before_start,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn count_late(&self, count: u64) {
        self.ignored.late.fetch_add(count, Relaxed);
    }

    pub(super) fn count_skipped(&self, count: u64) {
        self.ignored.skipped.fetch_add(count, Relaxed);
    }

    pub(super) fn count_unread(&self) {
        self.ignored.unread.fetch_add(1, Relaxed);
    }

    fn count_unclaimed(&self) {
        self.ignored.unclaimed.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::sample::{Consumer, message};

    #[test]
    fn what_is_done_in_vain_is_counted_by_its_reason() {
        let (consumer, other) = (Consumer::new(), Consumer::new());
        let user_side = &consumer.user_side;
        let claim = consumer.claim(10);
        let message = message(&claim, 10);
        let foreign = self::message(&other.claim(0), 0);
        user_side.mark(&foreign, "");
        user_side.reset(&foreign, "");
        user_side.ack(&foreign);
        user_side.mark_offset(None, 10, "");
        user_side.reset_offset(None, 10, "");
        user_side.mark_offset(Some(&claim), 11, "");
        user_side.mark_offset(Some(&claim), 9, "");
        user_side.reset_offset(Some(&claim), 8, "");
        claim.end();
        user_side.mark(&message, "");
        user_side.mark(&message, "m");
        user_side.ack(&message);
        let expected = IgnoredCounts {
            late: 3,
            beyond: 1,
            before_start: 2,
            unclaimed: 2,
            foreign: 3,
            skipped: 0,
            unread: 0,
        };
        assert_eq!(user_side.ignored(), expected);
        assert_eq!(other.user_side.ignored(), IgnoredCounts::default());
    }

    #[test]
    fn a_late_mark_does_not_touch_the_next_claim() {
        let consumer = Consumer::new();
        let old = consumer.claim(0);
        let late = message(&old, 5);
        old.end();
        let new = consumer.claim(0);
        let _sent = message(&new, 5);
        consumer.user_side.mark(&late, "");
        consumer.user_side.ack(&late);
        assert_eq!(new.progress(0, false).mark.0, 0);
        assert_eq!(new.first_unacked(), None);
    }
}
