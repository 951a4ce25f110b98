//! Runs many seeds: `simulate [--seeds N] [--from SEED] [--seed SEED]` (one seed, with its trace).

use std::{
    env, panic,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Instant,
};

fn main() -> ExitCode {
    let (mut seeds, mut from, mut one) = (1_000, 0, None);
    let mut arguments = env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value: u64 = arguments
            .next()
            .and_then(|v| v.parse().ok())
            .expect("a number follows each flag");
        match name.as_str() {
            "--seeds" => seeds = value,
            "--from" => from = value,
            "--seed" => one = Some(value),
            _ => panic!("unknown flag {name}"),
        }
    }
    if let Some(seed) = one {
        let report = simulation::run(seed, true);
        for line in &report.trace {
            println!("{line}");
        }
        for finding in &report.findings {
            println!("seed {seed}: {finding}");
        }
        return if report.findings.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let next = AtomicU64::new(from);
    let (bad, deliveries, turns, repetitions) = (
        AtomicU64::new(0),
        AtomicU64::new(0),
        AtomicU64::new(0),
        AtomicU64::new(0),
    );
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(seed) =
                    Some(next.fetch_add(1, Relaxed)).filter(|seed| *seed < from + seeds)
                {
                    match panic::catch_unwind(|| simulation::run(seed, false)) {
                        Ok(report) => {
                            deliveries.fetch_add(report.deliveries, Relaxed);
                            repetitions.fetch_add(report.repetitions, Relaxed);
                            turns.fetch_add(report.turns, Relaxed);
                            if let Some(finding) = report.findings.first() {
                                bad.fetch_add(1, Relaxed);
                                println!("seed {seed}: {finding}");
                            }
                        }
                        Err(_) => {
                            bad.fetch_add(1, Relaxed);
                            println!("seed {seed}: panic");
                        }
                    }
                }
            });
        }
    });
    println!(
        "{seeds} seeds, {} bad, {} turns, {} deliveries, {} repeated, {:?}",
        bad.load(Relaxed),
        turns.load(Relaxed),
        deliveries.load(Relaxed),
        repetitions.load(Relaxed),
        start.elapsed()
    );
    if bad.load(Relaxed) == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
