//! A short run of the simulation; `cargo run --release -p simulation` is the long one.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

/// So many take some seconds without optimisation.
const SEEDS: u64 = 400;

#[test]
fn no_law_is_broken_under_any_of_these_seeds() {
    let (next, deliveries) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= SEEDS {
                        return;
                    }
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
        deliveries.into_inner() > 50 * SEEDS,
        "a simulation without records proves nothing"
    );
}

#[test]
fn a_seed_determines_everything() {
    for seed in 0..20 {
        let runs = [simulation::run(seed, true), simulation::run(seed, true)];
        assert!(runs[0].trace.len() > 100);
        let mut pairs = runs[0].trace.iter().zip(&runs[1].trace);
        let first = pairs.find(|(one, other)| one != other);
        assert_eq!(first, None, "seed {seed}");
        assert_eq!(runs[0].trace.len(), runs[1].trace.len(), "seed {seed}");
    }
}
