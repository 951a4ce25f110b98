//! One turn at one partition, as the users' threads and the coordinator share it.

use std::{
    cmp::Ordering,
    fmt,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use super::{
    sync::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Condvar, Mutex, MutexGuard},
    user_side::UserSide,
};
use crate::{
    core::{
        ChannelId, ClaimId,
        engine::{Opened, Progress},
        marks::{Ignored, Marks, Message},
    },
    wire::Uuid,
};

/// The states of a claim, in this order and never back.
const LIVE: u8 = 0;
const RELEASING: u8 = 1;
const ENDED: u8 = 2;

/// While messages are acknowledged one by one the coordinator is told of each stretch of so many, in
/// case it waits for the oldest ones.
const ACKS_PER_TELL: u64 = 1024;

/// No stretch was told of yet.
const UNTOLD: u64 = u64::MAX;

/// Below all offsets.
const NONE: i64 = i64::MIN;

/// One turn at one partition. Its messages hold it, and so do the handle and the coordinator.
pub struct Claim {
    id: ClaimId,
    channel: ChannelId,
    topic: Arc<str>,
    topic_id: Option<Uuid>,
    partition: i32,
    start: i64,
    initial_metadata: String,
    user_side: Arc<UserSide>,
    high_water_mark: AtomicI64,
    state: AtomicU8,
    /// The last offset put into the channel, written once for each block.
    last_sent: AtomicI64,
    /// The next offset to read by the highest mark that `marks` has not been told of.
    marked: AtomicI64,
    /// Whether messages are acknowledged one by one: then every mark may open the window, and goes to
    /// `marks` at once.
    uses_acks: AtomicBool,
    /// Whether gaps above the mark are forgotten: then `marks` is told of each mark at once, with its
    /// sequence number, for the offset alone does not say how many messages come before.
    counts: AtomicBool,
    marks: Mutex<Marks>,
    /// The stretch of the first message not acknowledged, as the coordinator was told; changed under
    /// the lock of `marks`.
    told: AtomicU64,
    /// Goes with `marks`, for those who wait until delivery has stopped.
    stopped: Condvar,
    /// How many blocks of this claim have a message that exists, in the channel or in a user's hands.
    live_blocks: AtomicUsize,
}

impl Claim {
    /// A claim that is live.
    pub fn new(opened: &Opened, user_side: Arc<UserSide>) -> Arc<Self> {
        let metadata = opened.metadata.clone();
        Arc::new(Self {
            id: opened.claim,
            channel: opened.channel,
            topic: Arc::clone(&opened.topic),
            topic_id: opened.topic_id,
            partition: opened.partition,
            start: opened.start,
            marks: Mutex::new(Marks::new(opened.start, metadata, opened.commit_start)),
            initial_metadata: opened.metadata.clone(),
            user_side,
            high_water_mark: AtomicI64::new(NONE),
            state: AtomicU8::new(LIVE),
            last_sent: AtomicI64::new(NONE),
            marked: AtomicI64::new(NONE),
            uses_acks: AtomicBool::new(false),
            counts: AtomicBool::new(false),
            told: AtomicU64::new(UNTOLD),
            stopped: Condvar::new(),
            live_blocks: AtomicUsize::new(0),
        })
    }

    /// Its name.
    pub fn id(&self) -> ClaimId {
        self.id
    }

    /// The channel of its messages.
    pub fn channel(&self) -> ChannelId {
        self.channel
    }

    /// The topic.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Its id, where known.
    pub fn topic_id(&self) -> Option<Uuid> {
        self.topic_id
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The first offset that is delivered.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The metadata that was committed with the start.
    pub fn initial_metadata(&self) -> &str {
        &self.initial_metadata
    }

    /// The offset behind the last replicated record, as of the last fetch, if there was one.
    pub fn high_water_mark(&self) -> Option<i64> {
        Some(self.high_water_mark.load(Relaxed)).filter(|offset| *offset != NONE)
    }

    /// As the last fetch says.
    pub fn set_high_water_mark(&self, offset: i64) {
        self.high_water_mark.store(offset, Relaxed);
    }

    #[inline]
    pub(super) fn user_side(&self) -> &UserSide {
        &self.user_side
    }

    /// Whether it is a claim of the consumer that this belongs to.
    #[inline]
    pub(super) fn is_of(&self, user_side: &UserSide) -> bool {
        std::ptr::eq(&*self.user_side, user_side)
    }

    /// Greater if this claim is later than the other one. Between consumers no order is known: what
    /// is asked about later counts as later.
    pub(super) fn order_after(&self, other: &Self) -> Ordering {
        if other.is_of(&self.user_side) {
            self.id.cmp(&other.id)
        } else {
            Ordering::Greater
        }
    }

    /// Whether it is neither over nor being released.
    ///
    /// A reader takes a message from the channel and then asks this; a release says no and then
    /// counts what is left in the channel. The channel's operations and these are all sequentially
    /// consistent: a reader that still gets a yes has taken its message before the count.
    #[inline]
    pub fn is_current(&self) -> bool {
        self.state.load(SeqCst) == LIVE
    }

    #[inline]
    pub(super) fn is_releasing(&self) -> bool {
        self.state.load(SeqCst) == RELEASING
    }
}

/// The users' part.
impl Claim {
    /// The message and all before it are processed.
    #[inline]
    pub fn mark(&self, message: impl Into<Message>, metadata: &str) {
        let message = message.into();
        let offset = message.offset;
        // Nearly all marks: one atomic maximum instead of a lock.
        let sent = self.start <= offset && offset <= self.last_sent.load(Relaxed);
        if metadata.is_empty() && sent && self.is_quiet() {
            self.marked.fetch_max(offset + 1, SeqCst);
            // The release comes first in the coordinator and the look at `marked` second; here it
            // is the other way round, all sequentially consistent. So the coordinator sees this
            // mark, or it is told now. The same holds for the first ack, and before gaps are
            // forgotten.
            if !self.is_quiet() {
                self.change(|marks| {
                    marks.count(message);
                    Ok(())
                });
            }
        } else {
            self.change(|marks| marks.mark(message, metadata));
        }
    }

    /// All after the message is not processed, whatever was marked.
    pub fn reset(&self, message: impl Into<Message>, metadata: &str) {
        self.change(|marks| {
            if !marks.knows_gaps() {
                self.expect_counts(marks);
            }
            marks.reset(message, metadata)
        });
    }

    /// This one message is processed.
    pub fn ack(&self, seq: u64, offset: i64) {
        self.ack_all(seq..=seq, offset);
    }

    /// These messages are processed; `last_offset` is the offset of the last of them.
    pub(super) fn ack_all(&self, seqs: RangeInclusive<u64>, last_offset: i64) {
        self.uses_acks.store(true, SeqCst);
        self.change(|marks| marks.ack_all(seqs, last_offset));
    }

    /// Whether nobody needs to know at once what is marked.
    #[inline]
    fn is_quiet(&self) -> bool {
        self.is_current() && !self.uses_acks.load(SeqCst) && !self.counts.load(SeqCst)
    }

    fn change(&self, change: impl FnOnce(&mut Marks) -> Result<(), Ignored>) {
        let mut marks = self.marks();
        if let Err(why) = change(&mut marks) {
            self.user_side.count_ignored(why);
        }
        self.tell_of_acks(&marks);
        drop(marks);
        // If the coordinator had the lock before, its change of the state is seen here; if it gets
        // it later, it sees the marks as they are now.
        if self.is_releasing() {
            self.user_side.waker().wake();
        }
    }

    fn tell_of_acks(&self, marks: &Marks) {
        let Some(first_unacked) = marks.first_unacked() else {
            return;
        };
        let stretch = first_unacked / ACKS_PER_TELL;
        if self.told.swap(stretch, Relaxed) != stretch {
            self.user_side.tell_of_acks(self.id, first_unacked);
        }
    }

    /// The marks, told of all that was marked.
    fn marks(&self) -> MutexGuard<'_, Marks> {
        let mut marks = self.marks.lock();
        self.tell_of_marked(&mut marks);
        marks
    }

    /// What is marked from here on comes with its sequence number; what was marked before is told now.
    fn expect_counts(&self, marks: &mut Marks) {
        self.counts.store(true, SeqCst);
        self.tell_of_marked(marks);
    }

    fn tell_of_marked(&self, marks: &mut Marks) {
        if self.marked.load(SeqCst) != NONE {
            let next = self.marked.swap(NONE, SeqCst);
            if let Err(why) = marks.absorb(next) {
                self.user_side.count_ignored(why);
            }
        }
    }

    /// Messages with these sequence numbers, from this offset on, were taken from the channel, but not
    /// given to the user, for the claim is over or being released.
    #[cold]
    pub(super) fn messages_skipped(&self, seqs: RangeInclusive<u64>, first_offset: i64) {
        let (first, last) = seqs.into_inner();
        self.user_side.count_skipped(last - first + 1);
        self.marks().skip(first, first_offset);
    }

    pub(super) fn block_begins(&self) {
        self.live_blocks.fetch_add(1, SeqCst);
    }

    /// The last message of a block is gone.
    pub(super) fn block_ends(&self) {
        // Counted before the look whether the coordinator waits, as `Waker` wants it.
        self.live_blocks.fetch_sub(1, SeqCst);
        self.user_side.waker().wake();
    }

    /// Waits until delivery has stopped, but not longer than this. Whether it has stopped.
    pub(super) fn wait_until_stopped(&self, timeout: Duration) -> bool {
        let mut marks = self.marks();
        let going_on = |marks: &mut Marks| !marks.is_closed();
        self.stopped.wait_while_for(&mut marks, going_on, timeout);
        marks.is_closed()
    }
}

/// The coordinator's part.
impl Claim {
    /// A block of messages goes into the channel, in runs of successive offsets; said before they
    /// do. Returns the sequence number of the first one.
    pub(super) fn sent(&self, runs: impl Iterator<Item = (i64, usize)>, last: i64) -> u64 {
        let mut marks = self.marks();
        let first_seq = marks.next_seq();
        for (first_offset, count) in runs {
            marks.sent(first_offset, count as u64);
        }
        if marks.shrink() {
            self.expect_counts(&mut marks);
            marks.forget_gaps();
        }
        // Users come to know of these offsets through the channel, and so of this.
        self.last_sent.store(last, Relaxed);
        first_seq
    }

    /// From here on `Messages`' own methods give no message of it. What is in the channel counts
    /// only after this.
    pub(super) fn begin_release(&self) {
        // Not back from ENDED.
        let _ = self.state.compare_exchange(LIVE, RELEASING, SeqCst, SeqCst);
    }

    /// No mark and no commit goes beyond the last message taken.
    pub(super) fn close_marks(&self, last_taken: Option<i64>) {
        self.marks().close(last_taken);
        self.stopped.notify_all();
    }

    /// How many of its blocks exist, in the channel or outside of it.
    pub(super) fn live_blocks(&self) -> usize {
        self.live_blocks.load(SeqCst)
    }

    /// How far the users are who have taken so many messages, of which some may be alive.
    pub(super) fn progress(&self, taken: u64, alive: bool) -> Progress {
        let mut marks = self.marks();
        // Both only grow. A drop shows by `alive`, or else the message was also taken since.
        let changes = marks.look() + taken;
        let (next, metadata) = marks.to_commit();
        Progress {
            claim: self.id,
            mark: (next, metadata.to_owned()),
            dirty: marks.is_dirty(),
            all_marked: marks.all_marked(),
            alive,
            changes,
        }
    }

    /// How many messages, in the order of delivery, come before the first one not acknowledged, if
    /// they are acknowledged one by one.
    pub fn first_unacked(&self) -> Option<u64> {
        self.marks().first_unacked()
    }

    /// This commit is in force.
    pub fn committed(&self, next: i64, metadata: String) {
        self.marks().committed(next, metadata);
    }

    /// The claim is over: marks are ignored from here on.
    pub fn end(&self) {
        self.state.store(ENDED, SeqCst);
        let late = self.marks().end();
        self.user_side.count_late(late);
        self.stopped.notify_all();
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("id", &self.id)
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("start", &self.start)
            .field("is_current", &self.is_current())
            .finish_non_exhaustive()
    }
}
