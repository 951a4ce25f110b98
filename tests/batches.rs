//! Messages handed over by the batch, end to end on the in-process cluster.

use std::{collections::BTreeMap, thread, time::Duration};

use sarama_cluster::{
    Config, Consumer, ConsumerMode, MessageBatch,
    config::InitialOffset,
    crossbeam_channel::{self, select},
    testing::FakeCluster,
};

const PATIENCE: Duration = Duration::from_secs(60);
const GROUP: &str = "group";
const PARTITIONS: i32 = 4;
const RECORDS: i64 = 5_000;

fn cluster() -> FakeCluster {
    let kafka = FakeCluster::builder().topic("t", PARTITIONS).start();
    for partition in 0..PARTITIONS {
        for first in (0..RECORDS).step_by(1_250) {
            let records = (first..first + 1_250).map(|n| ("", n.to_string()));
            kafka.produce("t", partition, records);
        }
    }
    kafka
}

fn config() -> Config {
    let mut config = Config::default();
    config.consumer.returns.batches = true;
    config.consumer.offsets.initial = InitialOffset::Oldest;
    config.consumer.offsets.commit_interval = Duration::from_millis(50);
    config.group.heartbeat.interval = Duration::from_millis(50);
    config
}

/// The next offset of each partition, and the check that nothing is left out or comes twice.
#[derive(Default)]
struct Seen(BTreeMap<i32, i64>);

impl Seen {
    fn see(&mut self, batch: &MessageBatch) {
        let next = self.0.entry(batch.partition()).or_default();
        for message in batch {
            assert_eq!(
                message.offset(),
                *next,
                "of partition {}",
                batch.partition()
            );
            assert_eq!(message.value(), Some(next.to_string().as_bytes()));
            *next += 1;
        }
    }

    fn is_all(&self) -> bool {
        let ends = self.0.values().filter(|next| **next == RECORDS);
        ends.count() == PARTITIONS as usize
    }
}

fn await_committed(kafka: &FakeCluster) {
    for partition in 0..PARTITIONS {
        kafka.await_committed(PATIENCE, GROUP, "t", partition, RECORDS);
    }
}

#[test]
fn all_partitions_come_by_the_batch_on_one_channel() {
    let kafka = cluster();
    let consumer = Consumer::new(kafka.bootstrap(), GROUP, "t", config()).unwrap();
    let mut seen = Seen::default();
    for batch in consumer.batches() {
        assert!(
            batch.len() > 1,
            "records that were written together come so"
        );
        seen.see(&batch);
        consumer.mark_offset(&batch, "");
        if seen.is_all() {
            break;
        }
    }
    await_committed(&kafka);
    assert!(
        consumer.messages().is_empty(),
        "the other channel is silent"
    );
    consumer.close().unwrap();
    assert!(consumer.batches().recv().is_err() && consumer.messages().recv().is_err());
}

#[test]
fn select_takes_batches_and_a_pool_acknowledges_them() {
    let kafka = cluster();
    let consumer = Consumer::new(kafka.bootstrap(), GROUP, "t", config()).unwrap();
    let (to_workers, work) = crossbeam_channel::bounded::<MessageBatch>(8);
    let mut seen = Seen::default();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| work.iter().for_each(|batch| consumer.ack(&batch)));
        }
        while !seen.is_all() {
            select! {
                recv(consumer.batches()) -> batch => {
                    let batch = batch.unwrap();
                    assert!(batch.is_current());
                    seen.see(&batch);
                    to_workers.send(batch).unwrap();
                }
                recv(consumer.errors()) -> error => panic!("{error:?}"),
            }
        }
        drop(to_workers);
    });
    await_committed(&kafka);
    consumer.close().unwrap();
}

#[test]
fn each_handle_has_the_batches_of_its_partition() {
    let kafka = cluster();
    let mut config = config();
    config.group.mode = ConsumerMode::Partitions;
    let consumer = Consumer::new(kafka.bootstrap(), GROUP, "t", config).unwrap();
    thread::scope(|scope| {
        for part in consumer.partitions().iter().take(PARTITIONS as usize) {
            scope.spawn(move || {
                let mut seen = Seen::default();
                for batch in part.batches() {
                    assert_eq!(batch.partition(), part.partition());
                    seen.see(&batch);
                    part.mark_offset(batch.last_offset(), "");
                }
                assert_eq!(seen.0, BTreeMap::from([(part.partition(), RECORDS)]));
            });
        }
        await_committed(&kafka);
        consumer.close().unwrap();
    });
}

#[test]
fn a_batch_in_hand_holds_a_rebalance_up_and_its_mark_counts() {
    let kafka = cluster();
    let first = Consumer::new(kafka.bootstrap(), GROUP, "t", config()).unwrap();
    let in_hand = first.batches().recv().unwrap();
    let second = Consumer::new(kafka.bootstrap(), GROUP, "t", config()).unwrap();
    while in_hand.is_current() {
        thread::yield_now();
    }
    first.mark_offset(&in_hand, "");
    let (partition, next) = (in_hand.partition(), in_hand.last_offset() + 1);
    drop(in_hand);
    // Whoever gets the partition goes on behind the mark.
    kafka.await_members(PATIENCE, GROUP, 2);
    kafka.await_committed(PATIENCE, GROUP, "t", partition, next);
    let mut starts = BTreeMap::new();
    while starts.len() < PARTITIONS as usize {
        select! {
            recv(first.batches()) -> batch => note_start(&mut starts, &batch.unwrap()),
            recv(second.batches()) -> batch => note_start(&mut starts, &batch.unwrap()),
        }
    }
    assert_eq!(starts[&partition], next);
    assert!(
        starts
            .iter()
            .all(|(p, start)| p == &partition || *start == 0)
    );
}

fn note_start(starts: &mut BTreeMap<i32, i64>, batch: &MessageBatch) {
    if batch.is_current() {
        starts
            .entry(batch.partition())
            .or_insert(batch.first_offset());
    }
}
