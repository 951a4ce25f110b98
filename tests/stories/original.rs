//! What the suite of Go's sarama-cluster shows, and that order and gaps are right, too.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use sarama_cluster::{
    NotificationType, Subscription,
    crossbeam_channel::{self, Receiver, TryRecvError},
    testing::ApiKey,
};

use crate::{
    handle::Handle,
    reader::{Next, Reader},
    worker::Worker,
    world::{PATIENCE, World},
};

const TOPICS: [&str; 2] = ["topic-a", "topic-b"];

/// Two topics of four partitions, with so many records in each partition.
fn seeded(records: i64) -> World {
    let world = World::with(&[(TOPICS[0], 4), (TOPICS[1], 4)]);
    if records > 0 {
        seed(&world, records);
    }
    world
}

fn seed(world: &World, records: i64) {
    for topic in TOPICS {
        world.fill(topic, 4, records);
    }
}

fn join(world: &World, name: &str, topics: impl Into<Subscription>) -> Reader {
    world.start(name, topics, world.config())
}

fn all_of(topics: &[&str]) -> BTreeMap<String, Vec<i32>> {
    let all = topics.iter().map(|t| ((*t).to_owned(), vec![0, 1, 2, 3]));
    all.collect()
}

fn counts(claims: &BTreeMap<String, Vec<i32>>) -> Vec<usize> {
    claims.values().map(Vec::len).collect()
}

/// Scenario 31: two members, of which one goes.
#[test]
fn init_and_share() {
    let world = seeded(50);
    let first = join(&world, "a", TOPICS);
    first.await_claims(8);
    assert_eq!(first.consumer.subscriptions(), all_of(&TOPICS));
    let second = join(&world, "b", TOPICS);
    for reader in [&first, &second] {
        reader.await_claims(4);
        assert_eq!(counts(&reader.consumer.subscriptions()), [2, 2]);
    }
    first.consume(100);
    first.consumer.close().unwrap();
    second.await_claims(8);
    assert_eq!(second.consumer.subscriptions(), all_of(&TOPICS));
    second.consume(300);
    second.consumer.close().unwrap();
    assert_eq!(world.repetitions(), 0);
    world.judge();
}

/// Scenario 31: five members share four partitions.
#[test]
fn more_consumers_than_partitions() {
    let world = seeded(10);
    let names = ["a", "b", "c", "d"];
    let mut readers = Vec::from(names.map(|name| join(&world, name, "topic-a")));
    for reader in &readers {
        reader.await_claims(1);
    }
    let fifth = join(&world, "e", "topic-a");
    world.await_members(5);
    let idle = world.assignments().into_iter().find(|(_, a)| a.is_empty());
    let (idle, _) = idle.expect("there are four partitions");
    readers.push(fifth);
    for reader in &readers {
        reader.await_notification(NotificationType::RebalanceOk, 1);
        assert!(reader.errors().is_empty(), "{:?}", reader.errors());
    }
    let owner = readers.iter().position(|r| r.name != idle);
    let leaving = readers.remove(owner.expect("four of them own one"));
    leaving.consumer.close().unwrap();
    assert!(leaving.consumer.subscriptions().is_empty());
    for reader in &readers {
        reader.await_claims(1);
    }
    for reader in readers {
        assert!(reader.errors().is_empty(), "{:?}", reader.errors());
        reader.consumer.close().unwrap();
    }
    world.incomplete().judge();
}

/// Scenario 31: the blacklist wins.
#[test]
fn whitelist_and_blacklist() {
    let world = seeded(1);
    let mut config = world.config();
    config.group.topics.whitelist = regex::Regex::new(r"topic-\w+").ok();
    config.group.topics.blacklist = regex::Regex::new("[bcd]$").ok();
    let reader = world.start("a", (), config);
    reader.await_claims(4);
    assert_eq!(reader.consumer.subscriptions(), all_of(&TOPICS[..1]));
    world.incomplete().judge();
}

/// Scenario 31: who is told what at two rebalances.
#[test]
fn notifications() {
    let world = seeded(10);
    let reader = join(&world, "a", TOPICS);
    let start = reader.await_notification(NotificationType::RebalanceStart, 1);
    assert!(start.current.is_empty() && start.claimed.is_empty() && start.released.is_empty());
    let ok = reader.await_notification(NotificationType::RebalanceOk, 1);
    assert_eq!(ok.claimed, all_of(&TOPICS));
    assert!(ok.released.is_empty());
    assert_eq!(ok.current, all_of(&TOPICS));
    let kinds: Vec<_> = reader.notifications().iter().map(|n| n.kind).collect();
    assert_eq!(
        kinds,
        [
            NotificationType::RebalanceStart,
            NotificationType::RebalanceOk
        ]
    );

    let other = join(&world, "b", TOPICS);
    other.await_claims(4);
    reader.await_claims(4);
    let told = reader.notifications();
    let [.., start, ok] = &told[..] else {
        panic!("a second rebalance was told")
    };
    assert_eq!(start.kind, NotificationType::RebalanceStart);
    assert_eq!(start.current, all_of(&TOPICS));
    assert!(ok.claimed.is_empty());
    assert_eq!(counts(&ok.released), [2, 2]);
    assert_eq!(counts(&ok.current), [2, 2]);
    assert!(reader.errors().is_empty());
    world.incomplete().judge();
}

/// Scenario 31: what the original does with offsets that were never delivered is not done here, for a
/// mark counts within what was sent.
#[test]
fn manual_mark_commit_and_reset() {
    let world = seeded(10);
    let mut config = world.config();
    config.consumer.offsets.auto_commit.enable = false;
    let reader = world.start("a", "topic-a", config);
    let taken = reader.take(40);
    let at = |partition: i32, offset: i64| {
        let is_it =
            |d: &&crate::reader::Delivery| (d.partition(), d.offset()) == (partition, offset);
        taken.iter().find(is_it).expect("it was taken")
    };
    let committed = || [0, 1, 2, 3].map(|p| world.committed("topic-a", p));
    for (partition, offset) in [(1, 3), (2, 4)] {
        let claim = at(partition, offset).claim;
        world
            .log
            .write(crate::oracle::Event::Marked { claim, offset });
        reader
            .consumer
            .mark_partition_offset("topic-a", partition, offset, "");
    }
    reader.consumer.mark_partition_offset("topic-b", 1, 2, "");
    reader.consumer.commit_offsets().unwrap();
    assert_eq!(committed(), [None, Some(4), Some(5), None]);

    for (partition, offset) in [(1, 2), (2, 3)] {
        let claim = at(partition, offset).claim;
        world
            .log
            .write(crate::oracle::Event::Reset { claim, offset });
        reader
            .consumer
            .reset_partition_offset("topic-a", partition, offset, "");
    }
    reader.consumer.reset_partition_offset("topic-b", 1, 2, "");
    reader.consumer.commit_offsets().unwrap();
    assert_eq!(committed(), [None, Some(3), Some(4), None]);
    assert_eq!(reader.consumer.ignored().unclaimed, 2);
    world.incomplete().judge();
}

/// Scenario 31: all of it, with a thread for each handle.
#[test]
fn three_members_consume_by_partition() {
    let world = seeded(250);
    let readers = ["a", "b", "c"].map(|name| {
        let config = world.partition_config();
        world.start(name, TOPICS, config)
    });
    thread::scope(|scope| {
        for reader in &readers {
            scope.spawn(move || {
                thread::scope(|scope| {
                    while let Some(handle) = reader.next_handle(Duration::from_secs(600)) {
                        scope.spawn(move || handle.consume_all());
                    }
                });
            });
        }
        for topic in TOPICS {
            for partition in 0..4 {
                world.await_committed(topic, partition, 250);
            }
        }
        for reader in &readers {
            reader.consumer.close().unwrap();
        }
    });
    world.judge();
}

/// Scenario 31: two members die while their handles are in use; a mark and a commit for each message;
/// the dwell time is long. Nobody waits for anybody.
#[test]
fn no_lock_on_a_rebalance_while_dying() {
    let world = seeded(200).incomplete();
    let count = Arc::new(AtomicUsize::new(0));
    let consume = |name: &str, close: Receiver<()>| {
        let mut config = world.partition_config();
        config.group.offsets.synchronization.dwell_time = Duration::from_secs(10);
        let reader = world.start(name, TOPICS, config);
        let count = Arc::clone(&count);
        thread::spawn(move || {
            thread::scope(|scope| {
                while is_open(&close) {
                    let Some(handle) = reader.next_handle(Duration::from_millis(20)) else {
                        continue;
                    };
                    let (reader, close, count) = (&reader, &close, &count);
                    scope.spawn(move || work(reader, &handle, close, count));
                }
            });
            reader.consumer.close().unwrap();
        })
    };
    let (close_a, closed_a) = crossbeam_channel::bounded::<()>(0);
    let a = consume("a", closed_a);
    let (close_b, closed_b) = crossbeam_channel::bounded::<()>(0);
    let b = consume("b", closed_b);
    world.await_members(2);
    let commits = world.kafka.requests_seen(ApiKey::OffsetCommit);
    // The first of them may have read all that there was.
    seed(&world, 200);
    world
        .kafka
        .await_requests(PATIENCE, ApiKey::OffsetCommit, commits + 50);
    drop(close_a);
    a.join().unwrap();
    world.await_members(1);
    drop(close_b);
    b.join().unwrap();
    world.await_members(0);
    assert!(count.load(Ordering::Relaxed) >= 50);
    world.judge();
}

fn work(reader: &Reader, handle: &Handle<'_>, close: &Receiver<()>, count: &AtomicUsize) {
    while is_open(close) {
        match handle.next(Duration::from_millis(20)) {
            Next::Message(delivery) => {
                count.fetch_add(1, Ordering::Relaxed);
                handle.mark(&delivery);
                // A rebalance may be going on.
                let _ = reader.consumer.commit_offsets();
            }
            Next::Late => {}
            Next::Stop | Next::Closed => break,
        }
    }
    handle.part.async_close();
}

/// Whether the other end still exists.
fn is_open(end: &Receiver<()>) -> bool {
    end.try_recv() == Err(TryRecvError::Empty)
}

/// Scenario 31: thirteen members that each take a number of messages and leave; 15,000 messages in the
/// end, each once. The waits of the original are conditions here.
#[test]
fn thirteen_members_consume_commit_and_resume() {
    let world = seeded(0);
    let mut members = Vec::new();
    let start = |name: &str, most: usize| {
        let mut left = most;
        let reader = join(&world, name, TOPICS);
        Worker::doing(reader, move |reader, delivery| {
            reader.mark(&delivery);
            left -= 1;
            left > 0
        })
    };
    for (name, most) in [
        ("a", 1500),
        ("b", 2000),
        ("c", 1500),
        ("d", 200),
        ("e", 100),
    ] {
        members.push(start(name, most));
    }
    world.await_members(5);
    seed(&world, 625);
    world.await_deliveries(4_900);
    for (name, most) in [("f", 300), ("g", 400), ("h", 1000), ("i", 2000)] {
        members.push(start(name, most));
    }
    seed(&world, 625);
    world.await_deliveries(8_000);
    members.push(start("j", 1000));
    world.await_deliveries(9_000);
    for (name, most) in [("k", 1000), ("l", 3000)] {
        members.push(start(name, most));
    }
    seed(&world, 625);
    world.await_deliveries(12_000);
    // The original's last member leaves messages over; this one reads to the end.
    members.push(start("m", 20_000));
    for topic in TOPICS {
        for partition in 0..4 {
            world.await_committed(topic, partition, 1875);
        }
    }
    for member in members {
        member.stop();
    }
    assert_eq!(world.repetitions(), 0, "all 15,000 came once");
    world.judge();
}

/// Scenario 31: only the first does anything.
#[test]
fn close_may_be_called_several_times() {
    let world = seeded(1);
    let reader = join(&world, "a", TOPICS);
    for _ in 0..3 {
        reader.consumer.close().unwrap();
    }
    world.incomplete().judge();
}
