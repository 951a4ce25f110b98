//! Three minutes of chaos. `cargo run --release -p kafka-tests --bin soak` is the long version.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use kafka_tests::{
    Release,
    soak::{self, Settings},
};

kafka_tests::with_own_brokers![no_law_is_broken_in_three_minutes_of_chaos];

/// KRaft in its youth and today, and ZooKeeper.
const RELEASES: [Release; 3] = [Release::V2_8_2, Release::V3_9_1, Release::V4_4_0];

fn no_law_is_broken_in_three_minutes_of_chaos() {
    // Another one each time: what was found once is told by its seed, which stands in the report.
    let seed = fastrand::u64(..1 << 32);
    let settings = Settings {
        release: RELEASES[seed as usize % RELEASES.len()],
        seed,
        duration: Duration::from_secs(180),
        rate: 3_000,
        ..Settings::default()
    };
    let report = soak::run(&settings).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    println!("{report}");
    assert!(report.findings.is_empty(), "{report}");

    // Less would be no chaos, and a quarter of what a busy machine does.
    assert!(report.figures.produced > 50_000, "{report}");
    assert!(report.generations > 0, "{report}");
    // Which of these is for the seed to say; a gentle one need not kill anything.
    let counts = &report.counts;
    let sum = |counts: [&AtomicU64; 3]| counts.iter().map(|count| count.load(Relaxed)).sum::<u64>();
    let of_brokers = sum([
        &counts.broker_kills,
        &counts.broker_restarts,
        &counts.broker_suspensions,
    ]);
    let of_members = sum([
        &counts.member_kills,
        &counts.member_restarts,
        &counts.member_suspensions,
    ]);
    assert!(of_brokers > 0, "{report}");
    assert!(of_members > 30, "{report}");
}
