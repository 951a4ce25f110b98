//! What a user has done with the messages of one claim, and what may be committed of it.

mod acks;
mod runs;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use acks::Acks;
use runs::Runs;

/// Acks so far ahead of the first message not acknowledged are ignored, for each takes a bit up to
/// there (2 MiB). Delivery pauses long before, but only once acks are used: much can be out before
/// the first of them comes.
const ACKS_AHEAD: u64 = 1 << 24;

/// So many runs of offsets stay exact (96 KiB), whether they are still needed or not: a user may mark or
/// reset to them by the offset alone. A log without gaps is one run.
const RUNS_KEPT: usize = 4096;

/// The marks of one claim.
///
/// A message is known by its offset and by its *sequence number*: the place in the order of
/// delivery, counted from 0 at the start of the claim. A log has gaps where offsets lack
/// (compaction, transaction markers); sequence numbers have none.
#[derive(Debug)]
pub struct Marks {
    /// Where the claim starts. No mark goes below.
    start: i64,
    /// The next offset to read, as the marks and acks have it.
    next: i64,
    /// How many messages are processed, by their sequence numbers: what the first ack begins with. Too
    /// few where a mark was made by the offset alone, of a message inside of runs that are fused; there
    /// `next` can be too low for it.
    done: u64,
    metadata: String,
    /// What was put into the user's channel.
    runs: Runs,
    /// From the first ack on.
    acks: Option<Acks>,
    /// Neither a mark nor a commit goes above: the end of what the user was given. Known from the
    /// release on.
    limit: i64,
    /// How many messages lie before the first one that was skipped.
    before_skipped: u64,
    closed: bool,
    ended: bool,
    /// Counts the changes.
    changes: u64,
    /// How many of them whoever commits has seen.
    seen: u64,
    /// What the group's commit is, as far as is known.
    committed: Option<(i64, String)>,
    /// No commit goes below, for one of it is in force; a reset lowers it.
    floor: i64,
}

/// A message that something is said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Its offset.
    pub offset: i64,
    /// Its sequence number, unless a user knows it by its offset alone.
    pub seq: Option<u64>,
}

impl From<i64> for Message {
    /// The message with this offset.
    fn from(offset: i64) -> Self {
        Self { offset, seq: None }
    }
}

/// Why a mark, a reset or an ack was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// The claim is over.
    Late,
    /// The user was not given this message, or delivery has stopped before it.
    Beyond,
    /// The offset lies before the start of the claim.
    BeforeStart,
}

impl Marks {
    /// Nothing is marked yet. `metadata` is what was committed with the start; with `commit_start`
    /// both are still to be committed.
    pub fn new(start: i64, metadata: String, commit_start: bool) -> Self {
        Self {
            start,
            next: start,
            done: 0,
            committed: (!commit_start).then(|| (start, metadata.clone())),
            metadata,
            runs: Runs::default(),
            acks: None,
            limit: i64::MAX,
            before_skipped: u64::MAX,
            closed: false,
            ended: false,
            changes: 0,
            seen: 0,
            floor: start,
        }
    }

    /// So many messages, with successive offsets from `first_offset` on, are put into the user's
    /// channel, behind all that were before. Said before the user can see the first of them.
    pub fn sent(&mut self, first_offset: i64, count: u64) {
        assert!(
            first_offset >= self.start,
            "a message from before the claim's start"
        );
        self.runs.push(first_offset, count);
    }

    /// Forgets where gaps lie below the mark, as far as there are more than are kept. Whether there still
    /// are more: so many are out before the first ack, and nobody knows what will be asked. With acks the
    /// window bounds them.
    pub fn shrink(&mut self) -> bool {
        self.runs.shrink(RUNS_KEPT, self.next);
        self.acks.is_none() && self.runs.len() > RUNS_KEPT
    }

    /// Forgets where the oldest gaps lie, also above the mark. A mark that is made before this and told
    /// afterwards must come with its sequence number.
    pub fn forget_gaps(&mut self) {
        self.runs.shrink(RUNS_KEPT, i64::MAX);
    }

    /// Whether the gaps are known, all of them.
    pub fn knows_gaps(&self) -> bool {
        self.runs.are_exact()
    }

    /// The sequence number of the next message to send.
    pub fn next_seq(&self) -> u64 {
        self.runs.sent()
    }

    /// The message and all before it are processed. Moves only forward.
    pub fn mark(&mut self, message: impl Into<Message>, metadata: &str) -> Result<(), Ignored> {
        let message = message.into();
        self.admit(message.offset)?;
        self.mark_to(message.offset + 1, self.count_through(message), metadata);
        Ok(())
    }

    /// A mark without metadata that was made while delivery went on, of a message that was sent, and
    /// is told only now. If delivery has stopped since, what lies beyond the limit does not count.
    pub fn absorb(&mut self, next: i64) -> Result<(), Ignored> {
        if self.ended {
            return Err(Ignored::Late);
        }
        self.mark_to(next, self.runs.count_below(next), "");
        Ok(())
    }

    /// This message was marked, by its offset alone: so many there are up to it.
    pub fn count(&mut self, message: Message) {
        if message.offset < self.next && !self.ended {
            self.mark_to(message.offset + 1, self.count_through(message), "");
        }
    }

    /// All after the message is not processed, whatever was marked or acknowledged. The mark moves only
    /// back, at the most to the start.
    pub fn reset(&mut self, message: impl Into<Message>, metadata: &str) -> Result<(), Ignored> {
        let message = message.into();
        let to_start = message.offset == self.start - 1;
        if self.ended || !to_start {
            self.admit(message.offset)?;
        }
        let count = self.count_through(message);
        let next = match message.seq {
            // Inside of fused runs nobody knows where it lies: all that may be meant comes again.
            None if self.acks.is_some() && count < self.done => self.next.min(message.offset + 1),
            _ => message.offset + 1,
        };
        // The sequence number knows better there.
        let is_back = message.seq.is_some_and(|seq| seq < self.done);
        if next <= self.next || is_back {
            self.done = match message.seq {
                None if next == self.next && self.acks.is_none() => self.done,
                _ => count,
            };
            self.move_to(next, metadata);
            self.floor = self.floor.min(next);
            if self.acks.is_some() {
                self.acks = Some(Acks::new(self.done));
            }
        } else if let Some(acks) = &mut self.acks {
            acks.forget_from(count);
            self.changes += 1;
        }
        Ok(())
    }

    /// This one message is processed. The mark follows the contiguous run of such messages, with
    /// empty metadata.
    pub fn ack(&mut self, seq: u64, offset: i64) -> Result<(), Ignored> {
        self.ack_all(seq..=seq, offset)
    }

    /// As [`ack`](Self::ack), for successive messages up to the one at `last_offset`.
    pub fn ack_all(&mut self, seqs: RangeInclusive<u64>, last_offset: i64) -> Result<(), Ignored> {
        self.admit(last_offset)?;
        let acks = self.acks.get_or_insert_with(|| Acks::new(self.done));
        let last = *seqs.end();
        if last >= acks.end().saturating_add(ACKS_AHEAD) {
            return Err(Ignored::Beyond);
        }
        seqs.for_each(|seq| acks.insert(seq));
        let next = match acks.end() == last + 1 {
            true => last_offset + 1,
            false => self.runs.end_of(acks.end()),
        };
        self.done = acks.end();
        if next > self.next {
            self.move_to(next, "");
        } else {
            self.changes += 1;
        }
        Ok(())
    }

    /// The sequence number of the first message not acknowledged, once `ack` is used.
    pub fn first_unacked(&self) -> Option<u64> {
        self.acks.as_ref().map(Acks::end)
    }

    /// Delivery has stopped; `last_taken` is the last message that the user has taken, if any.
    pub fn close(&mut self, last_taken: Option<i64>) {
        let limit = last_taken.map_or(self.start, |offset| offset + 1);
        self.limit = self.limit.min(limit);
        self.closed = true;
    }

    /// The message with this sequence number was taken from the channel, but never given to the user.
    pub fn skip(&mut self, seq: u64, offset: i64) {
        let limit = self.runs.end_before(offset).max(self.start);
        self.limit = self.limit.min(limit);
        self.before_skipped = self.before_skipped.min(seq);
    }

    /// What is committed is what there is now. Returns how many changes there were so far.
    pub fn look(&mut self) -> u64 {
        self.seen = self.changes;
        self.changes
    }

    /// The claim is over: nothing changes any more. Returns how many changes have come too late to be
    /// committed with the others, which a release has waited for.
    pub fn end(&mut self) -> u64 {
        let late = match self.closed && !self.ended {
            true => self.changes - self.seen,
            false => 0,
        };
        self.ended = true;
        late
    }

    /// Whether delivery has stopped.
    pub fn is_closed(&self) -> bool {
        self.closed || self.ended
    }

    /// Once delivery has stopped: whether all that the user was given is processed.
    pub fn all_marked(&self) -> bool {
        self.next >= self.limit || self.done >= self.before_skipped
    }

    /// What a commit would say now: the next offset to read, and the metadata.
    pub fn to_commit(&self) -> (i64, &str) {
        (self.next.min(self.limit).max(self.floor), &self.metadata)
    }

    /// Whether that differs from what is committed.
    pub fn is_dirty(&self) -> bool {
        let committed = self.committed.as_ref();
        committed.is_none_or(|(next, metadata)| (*next, metadata.as_str()) != self.to_commit())
    }

    /// This commit is in force.
    pub fn committed(&mut self, next: i64, metadata: String) {
        // Not above: a reset that came while the commit was on its way still counts.
        self.floor = self.floor.max(next.min(self.next));
        self.committed = Some((next, metadata));
    }

    /// What goes for marks, resets and acks alike.
    fn admit(&self, offset: i64) -> Result<(), Ignored> {
        if self.ended {
            return Err(Ignored::Late);
        }
        if offset < self.start {
            return Err(Ignored::BeforeStart);
        }
        let sent = self.runs.last_offset().is_some_and(|last| offset <= last);
        if !sent || offset >= self.limit {
            return Err(Ignored::Beyond);
        }
        Ok(())
    }

    /// How many messages there are up to this one.
    fn count_through(&self, message: Message) -> u64 {
        match message.seq {
            Some(seq) => seq + 1,
            None => self.runs.count_below(message.offset + 1),
        }
    }

    /// All below `next` is processed, which are so many messages, or more.
    fn mark_to(&mut self, next: i64, count: u64, metadata: &str) {
        if next > self.next {
            self.move_to(next, metadata);
        }
        self.done = self.done.max(count);
        if let Some(acks) = &mut self.acks {
            acks.acknowledge_below(self.done);
            self.done = acks.end();
            self.next = self.next.max(self.runs.end_of(self.done));
        }
    }

    fn move_to(&mut self, next: i64, metadata: &str) {
        self.next = next;
        // Keeps its memory: a mark allocates nothing unless its metadata outgrows all before it.
        self.metadata.clear();
        self.metadata.push_str(metadata);
        self.changes += 1;
    }
}
