use crossbeam_channel::TryRecvError;

use super::*;
use crate::consumer::{
    deliveries::Admit,
    sample::{Consumer, block, channel_with, offsets},
};

#[test]
fn what_was_taken_is_told_when_it_has_changed() {
    let claim = Consumer::new().claim(0);
    let (mut outlet, messages) = channel_with(&claim, 0..10);
    assert_eq!((outlet.len(), outlet.free()), (10, 1014));
    assert_eq!(outlet.poll_taken(), None);
    let taken: Vec<_> = messages.iter().take(3).collect();
    assert_eq!(outlet.poll_taken(), Some(3));
    assert_eq!(outlet.poll_taken(), None);
    outlet.push(&claim, block(10..20));
    drop(taken);
    assert_eq!(outlet.poll_taken(), None);
    assert_eq!(messages.try_iter().count(), 17);
    assert_eq!(outlet.poll_taken(), Some(20));
    assert!(outlet.is_empty());
}

#[test]
fn messages_come_in_order_with_their_sequence_numbers() {
    let claim = Consumer::new().claim(0);
    let (mut outlet, messages) = channel_with(&claim, [0, 1, 5]);
    outlet.push(&claim, block([9]));
    let taken: Vec<_> = messages.try_iter().collect();
    let places: Vec<_> = taken.iter().map(|m| (m.offset(), m.seq())).collect();
    assert_eq!(places, [(0, 0), (1, 1), (5, 2), (9, 3)]);
}

#[test]
fn a_block_is_cut_into_runs_of_successive_offsets() {
    let runs = |offsets: &[i64]| dense_runs(&block(offsets.iter().copied())).collect::<Vec<_>>();
    assert_eq!(runs(&[4]), [(4, 1)]);
    assert_eq!(runs(&[4, 5, 6]), [(4, 3)]);
    assert_eq!(runs(&[4, 6, 7, 8, 20]), [(4, 1), (6, 3), (20, 1)]);
    assert_eq!(runs(&[4, 5, 9]), [(4, 2), (9, 1)]);
}

#[test]
#[should_panic(expected = "only where there is room")]
fn nothing_is_pushed_into_a_full_channel() {
    let claim = Consumer::new().claim(0);
    let (mut outlet, _messages) = Outlet::new(4);
    outlet.push(&claim, block(0..3));
    outlet.push(&claim, block(3..5));
}

#[test]
fn a_release_bounds_marks_by_what_was_taken() {
    let consumer = Consumer::new();
    let claim = consumer.claim(0);
    let (mut outlet, messages) = channel_with(&claim, [0, 3, 4, 8, 9]);
    let taken: Vec<_> = messages.iter().take(3).collect();
    outlet.release(&claim);
    claim.mark(3, "m");
    let progress = outlet.observe(&claim);
    assert_eq!((progress.mark, progress.dirty), ((4, "m".into()), true));
    assert!(!progress.all_marked && progress.alive);
    claim.mark(8, "");
    assert_eq!(consumer.user_side.ignored().beyond, 1);
    claim.mark(4, "");
    let progress = outlet.observe(&claim);
    assert_eq!(progress.mark, (5, String::new()));
    assert!(progress.all_marked);
    drop(taken);
    assert!(!outlet.observe(&claim).alive);
}

#[test]
fn marks_without_metadata_are_seen_by_the_next_look() {
    let consumer = Consumer::new();
    let claim = consumer.claim(0);
    let (mut outlet, messages) = channel_with(&claim, 0..5);
    let taken: Vec<_> = messages.iter().take(4).collect();
    assert_eq!(outlet.observe(&claim).mark, (0, "initial".into()));
    consumer.user_side.mark(&taken[2], "");
    consumer.user_side.mark(&taken[1], "");
    let progress = outlet.observe(&claim);
    assert_eq!(progress.mark, (3, String::new()));
    claim.committed(3, String::new());
    assert!(!outlet.observe(&claim).dirty);
    consumer.user_side.mark(&taken[3], "");
    claim.reset(1, "back");
    assert_eq!(outlet.observe(&claim).mark, (2, "back".into()));
}

/// So many that where the first gaps were is forgotten.
#[test]
fn acks_go_on_behind_marks_however_many_gaps_are_in_the_channel() {
    let consumer = Consumer::new();
    let claim = consumer.claim(0);
    let (mut outlet, messages) = Outlet::new(10_000);
    let gappy = |from: i64| block((from..from + 1_000).map(|n| 2 * n));
    outlet.push(&claim, gappy(0));
    let mut taken: Vec<_> = messages.try_iter().collect();
    consumer.user_side.mark(&taken[200], "");
    for n in 1..10 {
        outlet.push(&claim, gappy(n * 1_000));
    }
    taken.extend(messages.try_iter());
    consumer.user_side.mark(&taken[500], "");
    for message in &taken[501..] {
        consumer.user_side.ack(message);
        assert_eq!(outlet.observe(&claim).mark.0, message.offset() + 1);
    }
    assert_eq!(claim.first_unacked(), Some(10_000));
}

#[test]
fn a_mark_made_before_the_release_counts_up_to_what_was_taken() {
    let claim = Consumer::new().claim(0);
    let (mut outlet, messages) = channel_with(&claim, 0..5);
    let _taken: Vec<_> = messages.iter().take(2).collect();
    claim.mark(3, "");
    outlet.release(&claim);
    assert_eq!(outlet.observe(&claim).mark.0, 2);
    claim.end();
    claim.mark(1, "");
    assert_eq!(outlet.observe(&claim).mark.0, 2);
}

#[test]
fn what_a_reader_leaves_out_cannot_be_committed_by_what_it_takes_raw_behind() {
    let consumer = Consumer::new();
    let claim = consumer.claim(0);
    let (mut outlet, messages) = channel_with(&claim, 0..5);
    let first = messages.recv().unwrap();
    // The next one is on its way to the reader when the release begins: it counts as taken.
    let on_its_way = Receiver::recv(&messages).unwrap();
    outlet.release(&claim);
    assert!(!on_its_way.admit());
    drop(on_its_way);
    let raw = Receiver::recv(&messages).unwrap();
    assert_eq!(raw.offset(), 2);
    consumer.user_side.mark(&raw, "");
    consumer.user_side.mark(&first, "");
    let progress = outlet.observe(&claim);
    assert_eq!(progress.mark.0, 1);
    assert!(progress.all_marked);
}

#[test]
fn a_message_in_hand_is_alive_wherever_its_block_is() {
    let claim = Consumer::new().claim(0);
    let (mut outlet, messages) = channel_with(&claim, 0..3);
    outlet.push(&claim, block(3..5));
    assert!(!outlet.observe(&claim).alive, "all is in the channel");
    let first = messages.recv().unwrap();
    assert!(
        outlet.observe(&claim).alive,
        "the block is partly in the channel"
    );
    let second = messages.recv().unwrap();
    drop(first);
    assert!(outlet.observe(&claim).alive);
    drop(second);
    assert!(!outlet.observe(&claim).alive);
    let third = messages.recv().unwrap();
    assert!(
        outlet.observe(&claim).alive,
        "the block is no longer in the channel"
    );
    let copy = third.clone();
    drop(third);
    assert!(outlet.observe(&claim).alive, "a copy is as good");
    drop(copy);
    assert!(!outlet.observe(&claim).alive);
    let fourth = messages.recv().unwrap();
    let detached = fourth.detach();
    drop(fourth);
    assert!(outlet.observe(&claim).alive, "a detached one counts");
    drop(messages.recv().unwrap());
    assert!(outlet.observe(&claim).alive);
    drop(detached);
    assert!(!outlet.observe(&claim).alive);
}

#[test]
fn a_message_of_a_block_that_has_come_to_the_front_since_the_last_look_is_alive() {
    let claim = Consumer::new().claim(0);
    let (mut outlet, messages) = channel_with(&claim, [0]);
    outlet.push(&claim, block(1..4));
    drop(messages.recv());
    let held = messages.recv().unwrap();
    assert!(outlet.observe(&claim).alive);
    drop(held);
    assert!(!outlet.observe(&claim).alive);
}

#[test]
fn claims_in_one_channel_are_told_apart() {
    let consumer = Consumer::new();
    let (a, b) = (consumer.claim(0), consumer.claim(100));
    let (mut outlet, messages) = channel_with(&a, 0..3);
    outlet.push(&b, block(100..103));
    outlet.push(&a, block(3..5));
    let taken: Vec<_> = messages.iter().take(4).collect();
    outlet.release(&a);
    outlet.release(&b);
    consumer.user_side.mark(&taken[3], "");
    assert!(outlet.observe(&b).all_marked);
    assert!(!outlet.observe(&a).all_marked);
    let mut taken = taken.into_iter();
    let held = taken.next_back();
    drop(taken);
    assert!(!outlet.observe(&a).alive);
    assert!(outlet.observe(&b).alive);
    drop(held);
    assert!(!outlet.observe(&b).alive);
}

#[test]
fn changes_tell_that_the_user_is_at_work() {
    let claim = Consumer::new().claim(0);
    let (mut outlet, messages) = channel_with(&claim, 0..5);
    drop(messages.recv());
    drop(messages.recv());
    outlet.release(&claim);
    let before = outlet.observe(&claim).changes;
    assert_eq!(outlet.observe(&claim).changes, before);
    claim.mark(0, "");
    let marked = outlet.observe(&claim).changes;
    assert!(marked > before);
    drop(Receiver::recv(&messages));
    assert!(outlet.observe(&claim).changes > marked);
}

#[test]
fn a_release_ends_the_loop_over_a_channel_of_its_own_only() {
    let consumer = Consumer::new();
    let claim = consumer.claim_alone(0);
    let (mut outlet, messages) = channel_with(&claim, 0..5);
    assert_eq!(messages.recv().unwrap().offset(), 0);
    outlet.release(&claim);
    assert_eq!(messages.try_recv().err(), Some(TryRecvError::Disconnected));

    let claim = consumer.claim(0);
    let (mut outlet, messages) = channel_with(&claim, 0..5);
    outlet.release(&claim);
    assert_eq!(messages.try_recv().err(), Some(TryRecvError::Empty));
    let next = consumer.claim(5);
    outlet.push(&next, block(5..7));
    assert_eq!(offsets(messages.try_iter()), [5, 6]);
}

#[test]
fn what_is_in_the_channel_stays_there_when_the_reader_goes() {
    let claim = Consumer::new().claim_alone(0);
    let (mut outlet, messages) = channel_with(&claim, 0..5);
    drop(messages.recv());
    drop(messages);
    assert_eq!(outlet.len(), 4);
    outlet.release(&claim);
    claim.mark(3, "");
    assert_eq!(outlet.observe(&claim).mark.0, 0);
}

#[test]
fn a_claim_that_is_forgotten_does_not_come_back_with_its_messages() {
    let consumer = Consumer::new();
    let (old, new) = (consumer.claim(0), consumer.claim(0));
    let (mut outlet, messages) = channel_with(&old, 0..5);
    outlet.release(&old);
    old.end();
    outlet.forget(old.id());
    outlet.push(&new, block(0..5));
    assert_eq!(offsets(messages.iter().take(2)), [0, 1]);
    assert_eq!(outlet.poll_taken(), Some(7));
    outlet.release(&new);
    assert_eq!(consumer.user_side.ignored().skipped, 5);
    new.mark(1, "");
    assert!(outlet.observe(&new).all_marked);
}

#[test]
fn a_full_ack_window_wakes_the_coordinator_as_it_moves() {
    let consumer = Consumer::new();
    let claim = consumer.claim(0);
    let (mut outlet, messages) = Outlet::new(4096);
    outlet.push(&claim, block(0..4096));
    let taken: Vec<_> = messages.try_iter().collect();
    assert_eq!(claim.first_unacked(), None);
    consumer.user_side.ack(&taken[1023]);
    assert_eq!(claim.first_unacked(), Some(0));
    consumer.user_side.waker().arm();
    for message in &taken[..1022] {
        consumer.user_side.ack(message);
    }
    assert!(!consumer.kicked(), "not for every message");
    consumer.user_side.ack(&taken[1022]);
    assert!(consumer.kicked());
    assert_eq!(claim.first_unacked(), Some(1024));
}
