//! What goes into the engine, and what comes out.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    call::{Answer, Call, Target, Token},
    core::{
        ChannelId, ClaimId,
        commit::Ticket,
        fetch::{Decoded, Job, Onward},
    },
    error::{Error, Result},
    record::Block,
    wire::Uuid,
};

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The consumer starts.
    Start,
    /// The deadline is reached.
    Timeout,
    /// A call was answered, or failed.
    Answer {
        /// Which call.
        token: Token,
        /// The answer.
        result: Result<Answer>,
    },
    /// A job was done.
    Decoded(Decoded),
    /// The user has taken messages.
    Taken {
        /// From this channel.
        channel: ChannelId,
        /// How many since the channel was made.
        total: u64,
    },
    /// The user acknowledges the messages of a claim one by one.
    Acked {
        /// The claim.
        claim: ClaimId,
        /// How many messages, in the order of delivery, come before the first one not acknowledged.
        first_unacked: u64,
    },
    /// A user took, marked or dropped something that was waited for.
    Kick,
    /// How far the users are, as asked for by [`Action::Observe`].
    Observed(Vec<Progress>),
    /// Somebody wants all marks committed, and waits.
    Commit(Ticket),
    /// The handle of a claim was paused or resumed.
    Pause {
        /// The claim.
        claim: ClaimId,
        /// Whether it is paused now.
        paused: bool,
    },
    /// The handle of a claim is gone.
    HandleGone {
        /// The claim.
        claim: ClaimId,
        /// In which way.
        how: Gone,
    },
    /// The consumer is to be closed.
    Close,
}

/// How a handle went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Dropped: its user is done with this claim, the partition is offered again.
    Dropped,
    /// Dropped by a panic.
    Panicked,
    /// Closed: not again in this generation.
    Closed,
}

/// How far the user is with the messages of a claim.
#[derive(Debug, Clone)]
pub struct Progress {
    /// The claim.
    pub claim: ClaimId,
    /// The offset that a commit would have now, with its metadata.
    pub mark: (i64, String),
    /// Whether that differs from what is committed.
    pub dirty: bool,
    /// Whether all messages that the user took are marked.
    pub all_marked: bool,
    /// Whether the user still has a message in hand.
    pub alive: bool,
    /// Changes whenever a message is marked or dropped.
    pub changes: u64,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Ask a broker.
    Send {
        /// Whom.
        to: Target,
        /// Names the answer.
        token: Token,
        /// What.
        call: Call,
        /// How long the answer may take.
        timeout: Duration,
    },
    /// Let a connection ask once more by itself.
    GoOn(Onward),
    /// Close a connection.
    Disconnect(Target),
    /// A claim begins.
    Open(Opened),
    /// Put a block into the claim's channel. There is room.
    Push {
        /// The claim.
        claim: ClaimId,
        /// The records.
        block: Block,
    },
    /// Decode batches.
    Decode(Job),
    /// Deliver no more to this claim and take no marks beyond what was taken.
    Hold(ClaimId),
    /// The claim is over.
    End(ClaimId),
    /// Tell how far the users are: answered by [`Event::Observed`].
    Observe,
    /// A mark is committed.
    Committed {
        /// The claim.
        claim: ClaimId,
        /// The offset committed.
        next: i64,
        /// The metadata committed.
        metadata: String,
    },
    /// The offset after the last replicated record of a claim's partition.
    HighWatermark {
        /// The claim.
        claim: ClaimId,
        /// The offset.
        offset: i64,
    },
    /// Those who waited for a commit are told.
    CommitDone(Vec<Ticket>, Result<()>),
    /// The user may want to know how the claims have changed.
    Notify(Notice),
    /// The user should hear of this.
    Report {
        /// The claim it is about, if it is about one.
        claim: Option<ClaimId>,
        /// What went wrong.
        error: Error,
    },
    /// All is over.
    Stopped(End),
}

/// How it ended.
#[derive(Debug)]
pub enum End {
    /// By a close; an error where not all marks could be committed.
    Closed(Result<()>),
    /// By itself.
    Failed(Error),
}

/// A claim that begins.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The claim.
    pub claim: ClaimId,
    /// The channel of its messages.
    pub channel: ChannelId,
    /// That channel's capacity.
    pub capacity: usize,
    /// The topic.
    pub topic: Arc<str>,
    /// Its id, where known.
    pub topic_id: Option<Uuid>,
    /// The partition.
    pub partition: i32,
    /// The first offset to be delivered.
    pub start: i64,
    /// The metadata that was committed with that offset.
    pub metadata: String,
    /// Whether that start is to be committed as if it were marked.
    pub commit_start: bool,
}

/// How the claims have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What happens.
    pub kind: NoticeKind,
    /// Partitions that were not claimed before.
    pub claimed: BTreeMap<String, Vec<i32>>,
    /// Partitions that are no longer claimed.
    pub released: BTreeMap<String, Vec<i32>>,
    /// All that is claimed now.
    pub current: BTreeMap<String, Vec<i32>>,
}

/// What happens to the claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// A rebalance begins.
    Start,
    /// A rebalance has ended.
    Ok,
    /// The claims were lost.
    Error,
}
