//! Taking, marking and dropping messages allocates no memory, whatever their number.

use std::sync::Arc;

use allocation_counter::measure;
use sarama_cluster::{
    ConsumerMessage, Messages,
    consumer::{claim::Claim, outlet::Outlet, user_side::UserSide, waker::Waker},
    core::{ChannelId, ClaimId, engine::Opened},
    record::{
        Block, Decoded, Decompressor, Limits,
        build::{BatchBuilder, NewRecord},
        decode, split,
    },
};

const BLOCK: i64 = 256;

struct Delivery {
    user_side: Arc<UserSide>,
    claim: Arc<Claim>,
    outlet: Outlet,
    messages: Messages,
    next_offset: i64,
}

impl Delivery {
    fn new() -> Self {
        let user_side = UserSide::new(Waker::new(|| ()));
        let opened = Opened {
            claim: ClaimId(1),
            channel: ChannelId::Shared,
            capacity: 1024,
            topic: "topic".into(),
            partition: 0,
            start: 0,
            metadata: String::new(),
            commit_start: false,
        };
        let claim = Claim::new(&opened, Arc::clone(&user_side));
        let (outlet, messages) = Outlet::new(opened.capacity);
        Self {
            user_side,
            claim,
            outlet,
            messages,
            next_offset: 0,
        }
    }

    /// How often memory is allocated while a block of messages is taken and each one worked on.
    fn allocations(&mut self, work: impl Fn(&UserSide, ConsumerMessage)) -> u64 {
        self.outlet.push(&self.claim, block(self.next_offset));
        self.next_offset += BLOCK;
        let read = || {
            let mut count = 0;
            for message in self.messages.try_iter() {
                work(&self.user_side, message);
                count += 1;
            }
            assert_eq!(count, BLOCK);
        };
        measure(read).count_total
    }
}

fn block(base: i64) -> Block {
    let mut batch = BatchBuilder::new(base);
    for _ in 0..BLOCK {
        batch.push(&NewRecord {
            key: Some(b"key"),
            value: Some(b"value"),
            ..NewRecord::default()
        });
    }
    let limits = Limits::default();
    let batches = split(&batch.build(), &limits).batches;
    match decode(&batches[0], 0, &limits, &mut Decompressor::new()) {
        Ok(Decoded::Records(mut blocks)) => blocks.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_way_of_a_message_through_a_users_hands_allocates_nothing() {
    let mut delivery = Delivery::new();
    let works: [fn(&UserSide, ConsumerMessage); 5] = [
        |_, message| drop(message),
        |user_side, message| user_side.mark(&message, ""),
        |user_side, message| user_side.mark(&message.clone(), "metadata"),
        |user_side, message| user_side.ack(&message),
        |_, message| assert_eq!(message.value(), Some(&b"value"[..])),
    ];
    for (number, work) in works.into_iter().enumerate() {
        // What is allocated once, as for the first metadata, is allocated here.
        delivery.allocations(work);
        assert_eq!(delivery.allocations(work), 0, "work {number}");
    }
}

#[test]
fn the_counter_counts() {
    let mut delivery = Delivery::new();
    let detach = |_: &UserSide, message: ConsumerMessage| drop(message.detach());
    assert!(delivery.allocations(detach) >= BLOCK as u64);
}
