//! A short run of the simulation; `cargo run --release -p simulation` is the long one.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    thread,
};

use simulation::{Emphasis, Seed};

/// So many of each kind; together they take a quarter of a minute on two cores.
const SEEDS: [(Emphasis, u64); 5] = [
    (Emphasis::None, 1_600),
    (Emphasis::Topics, 100),
    (Emphasis::Statics, 100),
    (Emphasis::Faults, 100),
    (Emphasis::Variety, 100),
];

#[test]
fn no_law_is_broken_under_any_of_these_seeds() {
    let of_kind = |(emphasis, count)| (0..count).map(move |number| Seed { number, emphasis });
    let seeds: Vec<Seed> = SEEDS.into_iter().flat_map(of_kind).collect();
    let (next, deliveries) = (AtomicUsize::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Relaxed)) {
                    let report = simulation::run(seed, false);
                    deliveries.fetch_add(report.figures.deliveries, Relaxed);
                    if let Some(finding) = report.findings.first() {
                        panic!("seed {seed}: {finding}\nsee: cargo run --release -p simulation -- --seed {seed}");
                    }
                }
            });
        }
    });
    assert!(
        deliveries.into_inner() > 50 * seeds.len() as u64,
        "a simulation without records proves nothing"
    );
}

/// Scenario 32: workers acknowledge in any order, and are killed fifty times.
#[test]
fn pools_that_are_killed_lose_nothing_and_repeat_only_what_was_not_committed() {
    let mut repetitions = 0;
    for seed in 0..3 {
        let report = simulation::run_killed_pools(seed);
        assert_eq!(report.findings, [""; 0], "seed {seed}");
        assert!(report.figures.members > 50);
        repetitions += report.figures.repetitions;
    }
    assert!(repetitions > 0, "nobody was killed in the middle of work");
}

#[test]
fn a_seed_determines_everything() {
    for seed in 0..8 {
        let runs = [simulation::run(seed, true), simulation::run(seed, true)];
        assert!(runs[0].trace.len() > 100);
        let mut pairs = runs[0].trace.iter().zip(&runs[1].trace);
        let first = pairs.find(|(one, other)| one != other);
        assert_eq!(first, None, "seed {seed}");
        assert_eq!(runs[0].trace.len(), runs[1].trace.len(), "seed {seed}");
    }
}
