//! A thousand consumers, one after the other, leave the process as it was. One test, for it counts what the
//! whole process has, and its memory.
#![cfg(target_os = "linux")]

mod process;

use std::{thread, time::Duration};

use parking_lot::{Condvar, Mutex};
use peak_alloc::PeakAlloc;
use sarama_cluster::{
    Client, Config, Consumer, ConsumerMode, Delivered, config::InitialOffset, testing::FakeCluster,
};

use process::{Has, await_that, ours_are_gone};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const CYCLES: usize = 1_000;

/// For what is kept once, whoever asks for it: less than two bytes a cycle.
const KEPT: usize = 1_024;

const PARTITIONS: i32 = 4;
const RECORDS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);

fn kafka() -> FakeCluster {
    let kafka = FakeCluster::builder()
        .brokers(2)
        .topic("t", PARTITIONS)
        .start();
    for partition in 0..PARTITIONS {
        let records = (0..RECORDS).map(|n| ("key", n.to_string()));
        kafka.produce("t", partition, records);
    }
    kafka
}

fn config(mode: ConsumerMode, batches: bool) -> Config {
    let mut config = Config::default();
    config.group.mode = mode;
    config.group.offsets.synchronization.dwell_time = Duration::from_millis(1);
    config.group.returns.notifications = true;
    config.consumer.offsets.initial = InitialOffset::Oldest;
    config.consumer.returns.batches = batches;
    config.consumer.returns.errors = true;
    config
}

/// Opens a consumer, does something with it, and closes it. Each number does it in another way.
fn cycle(kafka: &FakeCluster, number: usize) {
    let mode = match number % 2 {
        0 => ConsumerMode::Multiplex,
        _ => ConsumerMode::Partitions,
    };
    let batches = (number / 2).is_multiple_of(2);
    let config = config(mode, batches);
    // A group of its own reads from the start, and nobody waits for somebody else.
    let group = format!("group-{number}");
    let consumer = if number.is_multiple_of(5) {
        let client = Client::new(kafka.bootstrap(), config).unwrap();
        let consumer = Consumer::from_client(&client, group, "t").unwrap();
        client.close();
        consumer
    } else {
        Consumer::new(kafka.bootstrap(), group, "t", config).unwrap()
    };
    match number % 7 {
        // It may be joining just now.
        0 => {}
        1 => drop(consumer.notifications().recv_timeout(PATIENCE).unwrap()),
        _ => work(&consumer, mode, batches, number),
    }
    match number % 3 {
        0 => consumer.commit_offsets().unwrap_or_default(),
        1 => consumer.close().unwrap(),
        _ => {}
    }
}

/// Takes something from the channels that this consumer has, and marks or acknowledges it.
fn work(consumer: &Consumer, mode: ConsumerMode, batches: bool, number: usize) {
    match (mode, batches) {
        (ConsumerMode::Multiplex, false) => {
            let message = consumer.messages().recv_timeout(PATIENCE).unwrap();
            finish(consumer, &message, number);
        }
        (ConsumerMode::Multiplex, true) => {
            let batch = consumer.batches().recv_timeout(PATIENCE).unwrap();
            finish(consumer, &batch, number);
        }
        (ConsumerMode::Partitions, batches) => {
            let part = consumer.partitions().recv_timeout(PATIENCE).unwrap();
            if batches {
                finish(
                    consumer,
                    &part.batches().recv_timeout(PATIENCE).unwrap(),
                    number,
                );
            } else {
                let message = part.messages().recv_timeout(PATIENCE).unwrap();
                finish(consumer, &message.detach(), number);
            }
        }
    }
}

fn finish(consumer: &Consumer, delivered: &impl Delivered, number: usize) {
    if (number / 4).is_multiple_of(2) {
        consumer.mark_offset(delivered, "metadata");
    } else {
        consumer.ack(delivered);
    }
}

/// `parking_lot` keeps a table that is as large as ever so many threads have waited at once, and never gives it
/// back. So more of them wait here than any consumer has.
fn wait_in_crowd() {
    const CROWD: usize = 64;
    let (waiting, gone) = (Mutex::new(0), Condvar::new());
    thread::scope(|scope| {
        for _ in 0..CROWD {
            scope.spawn(|| {
                let mut waiting = waiting.lock();
                *waiting += 1;
                gone.wait_while(&mut waiting, |waiting| *waiting <= CROWD);
            });
        }
        // Who has counted itself and let go of the lock waits.
        while *waiting.lock() < CROWD {
            thread::yield_now();
        }
        *waiting.lock() += 1;
        gone.notify_all();
    });
}

#[test]
fn a_thousand_consumers_leave_threads_files_and_memory_as_they_were() {
    let run = |cycles| {
        let kafka = kafka();
        for number in 0..cycles {
            cycle(&kafka, number);
            ours_are_gone();
        }
    };
    let before = Has::now();
    // What is made once in a process is made by this.
    wait_in_crowd();
    run(105);
    await_that(|| before.is_now());
    let used_before = MEMORY.current_usage();
    run(CYCLES);
    await_that(|| before.is_now());
    let used = MEMORY.current_usage();
    assert!(
        used <= used_before + KEPT,
        "{used_before} bytes in use before, {used} after"
    );
}
