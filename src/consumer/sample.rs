//! Claims and blocks for tests.

use std::sync::{Arc, Mutex};

use crossbeam_channel::Receiver;

use super::{
    claim::Claim, deliveries::Messages, message::ConsumerMessage, outlet::Outlet,
    user_side::UserSide, waker::Waker,
};
use crate::{
    core::{ChannelId, ClaimId, engine::Opened},
    record::{
        Block, Decoded, Decompressor, Limits,
        build::{BatchBuilder, NewRecord},
        decode, split,
    },
};

/// A consumer without a coordinator: the test is the coordinator.
pub(super) struct Consumer {
    pub(super) user_side: Arc<UserSide>,
    pub(super) kicks: Receiver<()>,
    claims: Mutex<u64>,
}

impl Consumer {
    pub(super) fn new() -> Self {
        let (kick, kicks) = crossbeam_channel::unbounded();
        // The test may be over when the last message is dropped.
        let waker = Waker::new(move || _ = kick.send(()));
        Self {
            kicks,
            ..Self::with_waker(waker)
        }
    }

    pub(super) fn with_waker(waker: Waker) -> Self {
        Self {
            user_side: UserSide::new(waker),
            kicks: crossbeam_channel::never(),
            claims: Mutex::new(0),
        }
    }

    /// A claim of the partition `topic/7` in the channel that all claims share.
    pub(super) fn claim(&self, start: i64) -> Arc<Claim> {
        self.open(start, |_| ChannelId::Shared)
    }

    /// A claim of the partition `topic/7` with a channel of its own.
    pub(super) fn claim_alone(&self, start: i64) -> Arc<Claim> {
        self.open(start, ChannelId::Of)
    }

    fn open(&self, start: i64, channel: impl Fn(ClaimId) -> ChannelId) -> Arc<Claim> {
        let mut claims = self.claims.lock().unwrap();
        *claims += 1;
        let id = ClaimId(*claims);
        Claim::new(&opened(id, channel(id), start), Arc::clone(&self.user_side))
    }

    /// Whether the coordinator was kicked since this was last asked.
    pub(super) fn kicked(&self) -> bool {
        self.kicks.try_iter().count() > 0
    }
}

/// A claim of the partition `topic/7`, as it is opened.
pub(super) fn opened(claim: ClaimId, channel: ChannelId, start: i64) -> Opened {
    Opened {
        claim,
        channel,
        capacity: 1,
        topic: "topic".into(),
        topic_id: None,
        partition: 7,
        start,
        metadata: "initial".into(),
        commit_start: false,
    }
}

/// Records at these offsets, each with its offset as text for a value.
pub(super) fn block(offsets: impl IntoIterator<Item = i64>) -> Block {
    let mut offsets = offsets.into_iter().peekable();
    let base = *offsets.peek().expect("a block has records");
    let mut batch = BatchBuilder::new(base);
    let mut next = base;
    for offset in offsets {
        batch.skip_offsets((offset - next) as u32);
        next = offset + 1;
        batch.push(&NewRecord {
            value: Some(offset.to_string().as_bytes()),
            ..NewRecord::default()
        });
    }
    decoded(&batch)
}

/// The records of a batch, all in one block.
pub(super) fn decoded(batch: &BatchBuilder) -> Block {
    let limits = Limits {
        block_records: usize::MAX,
        ..Limits::default()
    };
    let batches = split(&batch.build(), &limits).batches;
    match decode(&batches[0], 0, &limits, &mut Decompressor::new()) {
        Ok(Decoded::Records(mut blocks)) if blocks.len() == 1 => blocks.remove(0),
        other => panic!("{other:?}"),
    }
}

/// A channel with these messages of one claim in it.
pub(super) fn channel_with(
    claim: &Arc<Claim>,
    offsets: impl IntoIterator<Item = i64>,
) -> (Outlet, Messages) {
    let (mut outlet, messages) = Outlet::new(1024);
    outlet.push(claim, block(offsets));
    (outlet, messages)
}

/// A message of this claim that was taken from its channel.
pub(super) fn message(claim: &Arc<Claim>, offset: i64) -> ConsumerMessage {
    let (_, messages) = channel_with(claim, [offset]);
    messages.try_recv().unwrap()
}

pub(super) fn offsets(messages: impl IntoIterator<Item = ConsumerMessage>) -> Vec<i64> {
    messages.into_iter().map(|m| m.offset()).collect()
}
