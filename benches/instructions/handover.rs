//! From the decoder's block to the user, and what the user does with it.

use std::{hint::black_box, sync::Arc};

use sarama_cluster::{
    consumer::{
        claim::Claim,
        outlet::{Form, Outlet},
        user_side::UserSide,
        waker::Waker,
    },
    core::{ChannelId, ClaimId, engine::Opened},
};

use crate::{counted, decoding::block};

/// Messages of a block, as large as they come.
pub(crate) const RECORDS: usize = 1_024;

/// One by one, each marked.
pub(crate) fn messages(rounds: usize) {
    let (user_side, claim) = user();
    let (mut outlet, messages, _) = Outlet::open(4 * RECORDS, Form::Single);
    for round in 0..rounds {
        let block = block((round * RECORDS) as i64, RECORDS);
        counted(|| {
            outlet.push(&claim, block);
            for message in messages.try_iter() {
                black_box(message.value());
                user_side.mark(&message, "");
            }
            outlet.poll_taken();
        });
    }
}

/// By the batch, each marked as a whole.
pub(crate) fn batches(rounds: usize) {
    let (user_side, claim) = user();
    let (mut outlet, _, batches) = Outlet::open(4 * RECORDS, Form::Batched);
    for round in 0..rounds {
        let block = block((round * RECORDS) as i64, RECORDS);
        counted(|| {
            outlet.push(&claim, block);
            for batch in batches.try_iter() {
                for message in &batch {
                    black_box(message.value());
                }
                user_side.mark(&batch, "");
            }
            outlet.poll_taken();
        });
    }
}

fn user() -> (Arc<UserSide>, Arc<Claim>) {
    let user_side = UserSide::new(Waker::new(|| ()));
    let opened = Opened {
        claim: ClaimId(1),
        channel: ChannelId::Shared,
        capacity: 0,
        topic: "topic".into(),
        topic_id: None,
        partition: 0,
        start: 0,
        metadata: String::new(),
        commit_start: false,
    };
    let claim = Claim::new(&opened, Arc::clone(&user_side));
    (user_side, claim)
}
