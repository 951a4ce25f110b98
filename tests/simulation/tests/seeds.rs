//! A short run of the simulation; `cargo run --release -p simulation --bin simulate` is the long one.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

/// So many take some seconds without optimisation.
const SEEDS: u64 = 16;

#[test]
fn no_law_is_broken_under_any_of_these_seeds() {
    let next = AtomicU64::new(0);
    let deliveries = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= SEEDS {
                        return;
                    }
                    let report = simulation::run(seed, false);
                    deliveries.fetch_add(report.deliveries, Relaxed);
                    if let Some(finding) = report.findings.first() {
                        panic!("seed {seed}: {finding}\nsee: cargo run --release -p simulation --bin simulate -- --seed {seed}");
                    }
                }
            });
        }
    });
    assert!(
        deliveries.into_inner() > 10_000,
        "a simulation without records proves nothing"
    );
}

#[test]
fn a_seed_determines_everything() {
    let runs = [simulation::run(7, true), simulation::run(7, true)];
    assert!(runs[0].trace.len() > 100);
    assert_eq!(runs[0].trace, runs[1].trace);
}
