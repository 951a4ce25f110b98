//! What a user has done with the messages of one claim, and what may be committed of it.

mod acks;
mod runs;
#[cfg(test)]
mod tests;

use acks::Acks;
use runs::Runs;

/// Once a claim is acknowledged message by message, so many of its messages may be out from the
/// first one not acknowledged on; then its delivery pauses. Enough for any pool of workers (the
/// bits are 8 KiB), and a message that is forgotten shows while the log is still near.
pub const ACK_WINDOW: u64 = 65_536;

/// Acks may come further ahead than [`ACK_WINDOW`], for much can be out before the first of them
/// comes. Beyond so many messages (2 MiB of bits) they are ignored.
const ACKS_AHEAD: u64 = 1 << 24;

/// So many runs of offsets stay exact (96 KiB), whether they are still needed or not: a `reset` may
/// come back to them. A log without gaps is one run.
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
    metadata: String,
    /// What was put into the user's channel.
    runs: Runs,
    /// From the first ack on.
    acks: Option<Acks>,
    /// Neither a mark nor a commit goes above: the end of what the user was given. Known from the
    /// release on.
    limit: i64,
    ended: bool,
    /// Grows with each change of what is to be committed.
    revision: u64,
    committed_revision: u64,
    /// The highest position offered for a commit since the last reset: no later one goes below,
    /// for that commit may be in force.
    offered: i64,
}

/// What is to be committed of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The next offset to read.
    pub next_offset: i64,
    /// The user's word for the next owner.
    pub metadata: String,
    /// Which state of the marks this is.
    revision: u64,
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
    /// Nothing is marked yet. With `commit_start` the start itself is to be committed, once.
    pub fn new(start: i64, commit_start: bool) -> Self {
        Self {
            start,
            next: start,
            metadata: String::new(),
            runs: Runs::default(),
            acks: None,
            limit: i64::MAX,
            ended: false,
            revision: u64::from(commit_start),
            committed_revision: 0,
            offered: start,
        }
    }

    /// So many messages, with successive offsets from `first_offset` on, are put into the user's
    /// channel, behind all that were before. Said before the user can see the first of them.
    pub fn sent(&mut self, first_offset: i64, count: u64) {
        assert!(first_offset >= self.start, "a message from before the claim's start");
        self.runs.push(first_offset, count);
        // With acks the runs from the mark on stay exact: the window bounds them. Before the first
        // ack nobody can say what will be asked; a channel's worth of single messages stays exact.
        let needed = if self.acks.is_some() { self.next } else { i64::MAX };
        self.runs.shrink(RUNS_KEPT, needed);
    }

    /// The sequence number of the next message to send.
    pub fn next_seq(&self) -> u64 {
        self.runs.sent()
    }

    /// The message at `offset` and all before it are processed. Moves only forward.
    pub fn mark(&mut self, offset: i64, metadata: &str) -> Result<(), Ignored> {
        self.admit(offset)?;
        if offset < self.start {
            return Err(Ignored::BeforeStart);
        }
        let next = offset + 1;
        if next > self.next {
            self.move_to(next, metadata);
            if let Some(acks) = &mut self.acks {
                acks.acknowledge_below(self.runs.count_below(next));
                self.next = self.next.max(self.runs.end_of(acks.end()));
            }
        }
        Ok(())
    }

    /// All after the message at `offset` is not processed, whatever was marked. Moves only back.
    pub fn reset(&mut self, offset: i64, metadata: &str) -> Result<(), Ignored> {
        self.admit(offset)?;
        let next = offset + 1;
        if next < self.start {
            return Err(Ignored::BeforeStart);
        }
        if next <= self.next {
            self.move_to(next, metadata);
            self.offered = self.offered.min(next);
            if self.acks.is_some() {
                self.acks = Some(Acks::new(self.runs.count_below(next)));
            }
        }
        Ok(())
    }

    /// This one message is processed. The mark follows the contiguous run of such messages, with
    /// empty metadata.
    pub fn ack(&mut self, seq: u64, offset: i64) -> Result<(), Ignored> {
        self.admit(offset)?;
        let acks = self
            .acks
            .get_or_insert_with(|| Acks::new(self.runs.count_below(self.next)));
        if seq >= acks.end().saturating_add(ACKS_AHEAD) {
            return Err(Ignored::Beyond);
        }
        acks.insert(seq);
        let next = self.runs.end_of(acks.end());
        if next > self.next {
            self.move_to(next, "");
        }
        Ok(())
    }

    /// How many more messages may be sent before acks must come.
    pub fn ack_room(&self) -> u64 {
        match &self.acks {
            Some(acks) => ACK_WINDOW.saturating_sub(self.runs.sent() - acks.end()),
            None => u64::MAX,
        }
    }

    /// Whether delivery must pause until the oldest messages are acknowledged.
    pub fn is_full(&self) -> bool {
        self.ack_room() == 0
    }

    /// Delivery has stopped; `last_taken` is the last message that the user has taken, if any.
    pub fn close(&mut self, last_taken: Option<i64>) {
        let limit = last_taken.map_or(self.start, |offset| offset + 1);
        self.limit = self.limit.min(limit);
    }

    /// The message at `offset` was taken from the channel, but never given to the user.
    pub fn skip(&mut self, offset: i64) {
        let limit = self.runs.end_of(self.runs.count_below(offset)).max(self.start);
        self.limit = self.limit.min(limit);
    }

    /// The claim is over: nothing changes any more.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Whether the claim is over.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// After [`close`](Self::close): whether all that the user was given is processed.
    pub fn is_finished(&self) -> bool {
        self.next >= self.limit
    }

    /// What is to be committed, if it is not committed already.
    pub fn snapshot(&mut self) -> Option<Mark> {
        if self.revision == self.committed_revision {
            return None;
        }
        self.offered = self.offered.max(self.next.min(self.limit));
        Some(Mark {
            next_offset: self.offered,
            metadata: self.metadata.clone(),
            revision: self.revision,
        })
    }

    /// The commit of this snapshot is in force.
    pub fn committed(&mut self, mark: &Mark) {
        self.committed_revision = self.committed_revision.max(mark.revision);
    }

    /// What goes for marks, resets and acks alike.
    fn admit(&self, offset: i64) -> Result<(), Ignored> {
        if self.ended {
            return Err(Ignored::Late);
        }
        let sent = self.runs.last_offset().is_some_and(|last| offset <= last);
        // Before anything was sent a reset to the very start is still meaningful.
        let before_all = offset < self.start;
        if offset >= self.limit || !(sent || before_all) {
            return Err(Ignored::Beyond);
        }
        Ok(())
    }

    fn move_to(&mut self, next: i64, metadata: &str) {
        self.next = next;
        // Keeps its memory: a mark allocates nothing unless its metadata outgrows all before it.
        self.metadata.clear();
        self.metadata.push_str(metadata);
        self.revision += 1;
    }
}
