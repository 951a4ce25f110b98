//! Marks, acknowledgements, resets and stashes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use sarama_cluster::{
    ConsumerMessage, ErrorKind, NotificationType, OffsetStash,
    testing::{ApiKey, Fault},
};

use crate::{
    oracle::Event,
    reader::{Delivery, Reader},
    world::{GROUP, PATIENCE, World},
};

fn one_partition(records: i64) -> (World, Reader) {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, records);
    let reader = world.join("a");
    (world, reader)
}

fn commit(reader: &Reader) {
    reader.consumer.commit_offsets().unwrap();
}

#[test]
fn a_mark_acknowledges_all_before_and_never_goes_back() {
    let (world, reader) = one_partition(6);
    let taken = reader.take(6);
    reader.mark(&taken[3]);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(4));
    reader.mark(&taken[1]);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(4));
    reader.mark(&taken[5]);
    drop(taken);
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(6));
    world.judge();
}

#[test]
fn a_reset_moves_the_commit_back_and_not_the_position() {
    let (world, reader) = one_partition(8);
    let taken = reader.take(5);
    reader.mark(&taken[4]);
    commit(&reader);
    reader.reset(&taken[1], "again from here");
    commit(&reader);
    assert_eq!(
        world.kafka.committed(GROUP, "t", 0),
        Some((2, "again from here".to_owned()))
    );
    reader.reset(&taken[3], "forward is no reset");
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(2));
    assert_eq!(reader.recv().offset(), 5, "the position stays");
    drop(taken);
    reader.consumer.close().unwrap();
    let next = world.join("b");
    assert_eq!(next.recv().offset(), 2);
    next.consume(5);
    next.consumer.close().unwrap();
    world.judge();
}

/// The last commit is in force, but its answer is lost: to go back to the one before is no idle wish.
#[test]
fn a_reset_undoes_a_commit_whose_answer_is_lost() {
    let world = World::with(&[("t", 1)]);
    world.produce("t", 0, 5);
    let mut config = world.config();
    config.consumer.offsets.auto_commit.enable = false;
    let reader = world.start("a", "t", config);
    let taken = reader.take(5);
    reader.mark(&taken[1]);
    commit(&reader);
    reader.mark(&taken[4]);
    let before = world.kafka.requests_seen(ApiKey::OffsetCommit);
    let lost = world
        .kafka
        .inject(Fault::on(ApiKey::OffsetCommit).drop_after());
    thread::scope(|scope| {
        let asked = scope.spawn(|| while reader.consumer.commit_offsets().is_err() {});
        // On an idle connection it is sent once more at once, as it is.
        world
            .kafka
            .await_requests(PATIENCE, ApiKey::OffsetCommit, before + 2);
        reader.reset(&taken[1], "");
        world.kafka.lift(lost);
        asked.join().unwrap();
    });
    assert_eq!(world.committed("t", 0), Some(2));
    drop(taken);
    reader.consumer.close().unwrap();
    let next = world.join("b");
    assert_eq!(next.recv().offset(), 2);
    next.consume(2);
    next.consumer.close().unwrap();
    world.judge();
}

#[test]
fn a_mark_after_a_reset_goes_forward_again() {
    let (world, reader) = one_partition(4);
    let taken = reader.take(4);
    reader.mark(&taken[3]);
    reader.reset(&taken[0], "");
    reader.mark(&taken[1]);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(2));
    reader.mark(&taken[3]);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(4));
    world.judge();
}

#[test]
fn acks_in_any_order_commit_what_is_contiguous() {
    let (world, reader) = one_partition(6);
    let taken = reader.take(6);
    for (acked, committed) in [(3, 0), (1, 0), (0, 2), (5, 2), (2, 4), (4, 6)] {
        reader.ack(&taken[acked]);
        commit(&reader);
        assert_eq!(world.committed("t", 0), Some(committed), "after {acked}");
    }
    world.judge();
}

#[test]
fn a_mark_acknowledges_what_acks_have_left_open() {
    let (world, reader) = one_partition(6);
    let taken = reader.take(6);
    reader.ack(&taken[1]);
    reader.ack(&taken[4]);
    reader.mark(&taken[3]);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(5));
    world.judge();
}

#[test]
fn a_reset_takes_acks_back_which_may_be_given_again() {
    let (world, reader) = one_partition(5);
    let taken = reader.take(5);
    for delivery in &taken {
        reader.ack(delivery);
    }
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(5));
    reader.reset(&taken[1], "");
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(2));
    reader.ack(&taken[3]);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(2));
    reader.ack(&taken[2]);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(4));
    world.judge();
}

/// Acks go by the order of delivery, so a gap in the log keeps nobody waiting.
#[test]
fn a_gap_in_the_log_is_no_gap_in_the_acks() {
    let world = World::with(&[("t", 1)]).incomplete();
    world.produce("t", 0, 10);
    world
        .kafka
        .retain_records("t", 0, false, |offset| offset % 3 == 0);
    let reader = world.join("a");
    let taken: Vec<_> = (0..4)
        .map(|_| reader.consumer.messages().recv().unwrap())
        .collect();
    let offsets: Vec<i64> = taken.iter().map(ConsumerMessage::offset).collect();
    assert_eq!(offsets, [0, 3, 6, 9]);
    for (acked, committed) in [(1, 0), (0, 4), (2, 7), (3, 10)] {
        reader.consumer.ack(&taken[acked]);
        commit(&reader);
        assert_eq!(world.committed("t", 0), Some(committed));
    }
}

#[test]
fn too_many_messages_behind_one_not_acknowledged_pause_the_delivery() {
    const WINDOW: usize = 65_536;
    let world = World::with(&[("t", 1)]);
    for _ in 0..7 {
        world.produce("t", 0, 10_000);
    }
    let reader = world.join("a");
    let first = reader.recv();
    let mut taken = 1;
    let full = loop {
        let errors = reader.errors();
        if let Some(full) = errors
            .into_iter()
            .find(|e| *e.kind() == ErrorKind::AckWindowFull)
        {
            break full;
        }
        while let Some(delivery) = reader.try_recv() {
            reader.ack(&delivery);
            taken += 1;
        }
    };
    assert_eq!((full.topic(), full.partition()), (Some("t"), Some(0)));
    while let Some(delivery) = reader.try_recv() {
        reader.ack(&delivery);
        taken += 1;
    }
    assert!(
        taken <= WINDOW && taken > WINDOW - 4096,
        "{taken} were taken"
    );
    reader.ack(&first);
    drop(first);
    while taken < 70_000 {
        reader.ack(&reader.recv());
        taken += 1;
    }
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(70_000));
    let windows = reader.errors();
    let windows = windows
        .iter()
        .filter(|e| *e.kind() == ErrorKind::AckWindowFull);
    assert_eq!(windows.count(), 1, "said once");
    world.judge();
}

#[test]
fn an_offset_alone_counts_within_what_was_sent_of_the_present_claim() {
    let world = World::with(&[("t", 1), ("u", 1)]);
    world.produce("t", 0, 10);
    world.kafka.commit(GROUP, "t", 0, 4, "");
    let reader = world.join("a");
    let delivery = reader.recv();
    assert_eq!(delivery.offset(), 4);
    let ignored = || reader.consumer.ignored();
    let consumer = &reader.consumer;

    consumer.mark_partition_offset("t", 0, 10, "");
    assert_eq!(ignored().beyond, 1, "there is no such record yet");
    consumer.mark_partition_offset("t", 0, 3, "");
    assert_eq!(ignored().before_start, 1);
    consumer.mark_partition_offset("u", 0, 0, "");
    consumer.mark_partition_offset("t", 7, 0, "");
    assert_eq!(ignored().unclaimed, 2);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(4));

    let (claim, offset) = (delivery.claim, 6);
    world.log.write(Event::Marked { claim, offset });
    consumer.mark_partition_offset("t", 0, offset, "by hand");
    commit(&reader);
    assert_eq!(
        world.kafka.committed(GROUP, "t", 0),
        Some((7, "by hand".to_owned()))
    );
    let offset = 4;
    world.log.write(Event::Reset { claim, offset });
    consumer.reset_partition_offset("t", 0, offset, "back");
    commit(&reader);
    assert_eq!(
        world.kafka.committed(GROUP, "t", 0),
        Some((5, "back".to_owned()))
    );
    consumer.reset_partition_offset("t", 0, 2, "");
    assert_eq!(ignored().before_start, 2);
    reader.take(5);
    let counts = ignored();
    assert_eq!(counts.beyond + counts.before_start + counts.unclaimed, 5);
    assert_eq!(counts.late + counts.foreign + counts.skipped, 0);
    world.incomplete().judge();
}

/// Two claims of one partition by one member, with messages of both.
fn two_claims(reader: &Reader, world: &World) -> (Vec<Delivery>, Vec<Delivery>) {
    let old = reader.take(3);
    reader.mark(&old[0]);
    commit(reader);
    let member = world.kafka.members(GROUP).remove(0);
    world.kafka.evict(GROUP, &member.member_id);
    reader.await_notification(NotificationType::RebalanceError, 1);
    reader.await_claims(1);
    let new = reader.take(3);
    assert_eq!(new[0].offset(), 1);
    (old, new)
}

/// Scenario 33: the partition has come back to the same member.
#[test]
fn a_late_mark_does_not_touch_the_next_claim() {
    let (world, reader) = one_partition(6);
    let (old, new) = two_claims(&reader, &world);
    assert!(!old[2].is_current());
    reader.mark(&old[2]);
    reader.ack(&old[1]);
    reader.reset(&old[0], "");
    assert_eq!(reader.consumer.ignored().late, 3);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(1));
    reader.mark(&new[0]);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(2));
    drop((old, new));
    reader.consume(2);
    reader.consumer.close().unwrap();
    world.judge();
}

#[test]
fn in_a_stash_the_later_claim_wins() {
    let (world, reader) = one_partition(6);
    let (old, new) = two_claims(&reader, &world);
    let consumer = &reader.consumer;
    for new_first in [true, false] {
        let stash = OffsetStash::new();
        if new_first {
            stash.mark_offset(&new[0], "new");
            stash.mark_offset(&old[2], "old");
        } else {
            stash.mark_offset(&old[2], "old");
            stash.mark_offset(&new[0], "new");
        }
        assert_eq!(stash.offsets()["t"][&0], 1);
        let (claim, offset) = (new[0].claim, 1);
        world.log.write(Event::Marked { claim, offset });
        consumer.mark_offsets(&stash);
        assert!(stash.offsets().is_empty());
    }
    commit(&reader);
    assert_eq!(
        world.kafka.committed(GROUP, "t", 0),
        Some((2, "new".to_owned()))
    );
    let late = OffsetStash::new();
    late.mark_offset(&old[2], "");
    consumer.mark_offsets(&late);
    assert_eq!(consumer.ignored().late, 1);
    world.incomplete().judge();
}

#[test]
fn a_stash_is_marked_and_reset_as_a_whole() {
    let world = World::with(&[("t", 2)]);
    world.fill("t", 2, 3);
    let reader = world.join("a");
    let taken = reader.take(6);
    let stash = OffsetStash::new();
    for delivery in &taken {
        stash.mark_offset(delivery, "");
        let (claim, offset) = (delivery.claim, delivery.offset());
        world.log.write(Event::Marked { claim, offset });
    }
    reader.consumer.mark_offsets(&stash);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(3));
    assert_eq!(world.committed("t", 1), Some(3));
    for partition in 0..2 {
        stash.reset_partition_offset("t", partition, 0, "back");
    }
    for delivery in taken.iter().filter(|d| d.offset() == 0) {
        let (claim, offset) = (delivery.claim, 0);
        world.log.write(Event::Reset { claim, offset });
    }
    reader.consumer.reset_offsets(&stash);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(1));
    assert_eq!(world.committed("t", 1), Some(1));
    world.judge();
}

#[test]
fn messages_of_another_consumer_are_left_alone() {
    let (world, reader) = one_partition(2);
    let delivery = reader.recv();
    let other = world.join("b");
    other.consumer.mark_offset(&delivery, "");
    other.consumer.ack(&delivery);
    other.consumer.reset_offset(&delivery, "");
    let stash = OffsetStash::new();
    stash.mark_offset(&delivery, "");
    other.consumer.mark_offsets(&stash);
    assert_eq!(other.consumer.ignored().foreign, 4);
    assert_eq!(other.consumer.ignored().late, 0);
    commit(&reader);
    assert_eq!(world.committed("t", 0), Some(0));
    world.incomplete().judge();
}

/// Scenario 30: in multiplex mode.
#[test]
fn a_handler_that_panics_on_its_first_message_commits_nothing() {
    let (world, reader) = one_partition(5);
    let handler = catch_unwind(AssertUnwindSafe(|| {
        let _message = reader.recv();
        panic!("in the handler, on purpose");
    }));
    handler.unwrap_err();
    reader.consumer.close().unwrap();
    assert_eq!(world.committed("t", 0), Some(0), "the start");
    let next = world.join("b");
    next.consume(5);
    next.consumer.close().unwrap();
    world.judge();
}

/// Scenario 32: a pool: acks in any order from several threads, then another member.
#[test]
fn a_pool_of_workers_loses_nothing() {
    let world = World::with(&[("t", 3)]);
    world.fill("t", 3, 400);
    let reader = world.join("a");
    thread::scope(|scope| {
        for seed in 0..4 {
            let reader = &reader;
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                let mut held: Vec<Delivery> = Vec::new();
                for _ in 0..100 {
                    held.push(reader.recv());
                    // Some at a time, in any order.
                    if held.len() > 7 {
                        reader.ack(&held.swap_remove(random.usize(..held.len())));
                    }
                }
                // What is left is never acknowledged.
            });
        }
    });
    reader.consumer.close().unwrap();
    let next = world.join("b");
    let committed: i64 = (0..3).filter_map(|p| world.committed("t", p)).sum();
    next.consume(1200 - committed as usize);
    next.consumer.close().unwrap();
    world.judge();
}
