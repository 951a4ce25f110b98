use std::sync::Arc;

use super::*;
use crate::consumer::{
    claim::Claim,
    deliveries::{Batches, Messages},
    outlet::{Form, Outlet},
    sample::{Consumer, block},
};

/// A channel for batches with these two in it.
fn channel(claim: &Arc<Claim>) -> (Outlet, Messages, Batches) {
    let (mut outlet, messages, batches) = Outlet::open(8, Form::Batched);
    outlet.push(claim, block([10, 11, 15]));
    outlet.push(claim, block([16]));
    (outlet, messages, batches)
}

#[test]
fn a_batch_holds_the_messages_of_a_block() {
    let claim = Consumer::new().claim(10);
    let (_outlet, messages, batches) = channel(&claim);
    let batch = batches.recv().unwrap();
    assert_eq!((batch.topic(), batch.partition()), ("topic", 7));
    assert_eq!((batch.first_offset(), batch.last_offset()), (10, 15));
    let seen: Vec<_> = batch.iter().map(|m| (m.offset(), m.value())).collect();
    let expected: [(i64, Option<&[u8]>); 3] =
        [(10, Some(b"10")), (11, Some(b"11")), (15, Some(b"15"))];
    assert_eq!(seen, expected);
    assert_eq!(batch.iter().len(), batch.len());
    assert_eq!(batches.try_iter().map(|b| b.len()).sum::<usize>(), 1);
    assert!(messages.is_empty(), "the other channel stays silent");
}

#[test]
fn the_room_and_what_was_taken_are_counted_in_messages() {
    let claim = Consumer::new().claim(10);
    let (mut outlet, _, batches) = channel(&claim);
    assert_eq!((outlet.len(), outlet.free()), (4, 4));
    assert_eq!(outlet.poll_taken(), None);
    let first = batches.recv().unwrap();
    assert_eq!((outlet.len(), outlet.free()), (1, 7));
    assert_eq!(outlet.poll_taken(), Some(3));
    drop(first);
    outlet.push(&claim, block([17, 18]));
    assert_eq!(batches.try_iter().count(), 2);
    assert_eq!(outlet.poll_taken(), Some(6));
    assert!(outlet.is_empty());
}

#[test]
fn a_mark_of_a_batch_is_one_of_its_last_message() {
    let consumer = Consumer::new();
    let claim = consumer.claim(10);
    let (mut outlet, _, batches) = channel(&claim);
    let batch = batches.recv().unwrap();
    let second = batch.iter().nth(1).unwrap();
    consumer.user_side.mark(&second, "");
    assert_eq!(outlet.observe(&claim).mark.0, 12);
    consumer.user_side.mark(&batch, "whole");
    assert_eq!(outlet.observe(&claim).mark, (16, "whole".into()));
    consumer.user_side.reset(&second, "back");
    assert_eq!(outlet.observe(&claim).mark, (12, "back".into()));
}

#[test]
fn an_ack_of_a_batch_is_one_of_each_of_its_messages() {
    let consumer = Consumer::new();
    let claim = consumer.claim(10);
    let (mut outlet, _, batches) = channel(&claim);
    let [first, second] = [(); 2].map(|()| batches.recv().unwrap());
    consumer.user_side.ack(&second);
    assert_eq!(outlet.observe(&claim).mark.0, 10);
    consumer.user_side.ack(&first.iter().last().unwrap());
    assert_eq!(outlet.observe(&claim).mark.0, 10);
    consumer.user_side.ack(&first);
    assert_eq!(outlet.observe(&claim).mark.0, 17);
}

#[test]
fn a_release_bounds_marks_by_the_batches_taken_and_waits_for_them() {
    let consumer = Consumer::new();
    let claim = consumer.claim(10);
    let (mut outlet, _, batches) = channel(&claim);
    let batch = batches.recv().unwrap();
    let message = batch.iter().next().unwrap().to_message();
    outlet.release(&claim);
    assert_eq!(
        batches.try_recv().err(),
        Some(crossbeam_channel::TryRecvError::Empty)
    );
    assert_eq!(consumer.user_side.ignored().skipped, 1);
    claim.mark(16, "");
    assert_eq!(consumer.user_side.ignored().beyond, 1);
    drop(batch);
    assert!(outlet.observe(&claim).alive, "a message of it is in hand");
    consumer.user_side.waker().arm();
    drop(message);
    assert!(consumer.kicked());
    let progress = outlet.observe(&claim);
    assert!(!progress.alive && !progress.all_marked);
}

#[test]
fn a_batch_that_was_left_out_cannot_be_committed_by_a_later_one() {
    let consumer = Consumer::new();
    let claim = consumer.claim(10);
    let (mut outlet, _, batches) = channel(&claim);
    let on_its_way = crossbeam_channel::Receiver::recv(&batches).unwrap();
    outlet.release(&claim);
    assert!(!on_its_way.admit());
    let raw = crossbeam_channel::Receiver::recv(&batches).unwrap();
    consumer.user_side.mark(&raw, "");
    assert_eq!(outlet.observe(&claim).mark.0, 10);
    assert_eq!(consumer.user_side.ignored().skipped, 3);
}

#[test]
fn what_points_to_a_message_is_marked_like_it() {
    let consumer = Consumer::new();
    let claim = consumer.claim(10);
    let (mut outlet, _, batches) = channel(&claim);
    let shared = Arc::new(batches.recv().unwrap());
    consumer.user_side.mark(&shared, "");
    assert_eq!(outlet.observe(&claim).mark.0, 16);
}
