//! Runs seeds, until so many are bad: `simulation [--seeds N] [--from SEED] [--bad N]`; or one of them with
//! its trace: `simulation --seed SEED`. With `--emphasis topics`, `statics`, `faults` or `variety`
//! they have more of these.

use std::{
    env, panic,
    process::ExitCode,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use simulation::{Emphasis, Report, Seed};

/// What is wanted.
struct Wanted {
    from: u64,
    seeds: u64,
    one: Option<u64>,
    emphasis: Emphasis,
    /// Who fails so often fails for a reason that some of them tell.
    bad: u64,
}

/// What came of all runs so far.
#[derive(Default)]
struct Sum {
    seeds: AtomicU64,
    bad: AtomicU64,
    produced: AtomicU64,
    deliveries: AtomicU64,
    repetitions: AtomicU64,
    claims: AtomicU64,
    commits: AtomicU64,
    simulated_s: AtomicU64,
}

/// The end of a trace that is printed.
const LINES: usize = 300;

fn main() -> ExitCode {
    let wanted = Wanted::read();
    match wanted.one {
        Some(number) => show(wanted.seed(number)),
        None => run(&wanted),
    }
}

impl Wanted {
    fn read() -> Self {
        let mut wanted = Self {
            from: 0,
            seeds: 1_000,
            one: None,
            emphasis: Emphasis::None,
            bad: 10,
        };
        let mut arguments = env::args().skip(1);
        while let Some(flag) = arguments.next() {
            let value = arguments.next().unwrap_or_default();
            let number = || {
                let number = value.parse::<u64>();
                number.unwrap_or_else(|_| panic!("a number follows {flag}"))
            };
            match flag.as_str() {
                "--seeds" => wanted.seeds = number(),
                "--from" => wanted.from = number(),
                "--seed" => wanted.one = Some(number()),
                "--bad" => wanted.bad = number(),
                "--emphasis" => {
                    wanted.emphasis = value.parse().unwrap_or_else(|error| panic!("{error}"));
                }
                _ => {
                    panic!("there are --seeds, --from, --seed, --bad and --emphasis, and no {flag}")
                }
            }
        }
        wanted
    }

    fn seed(&self, number: u64) -> Seed {
        Seed {
            number,
            emphasis: self.emphasis,
        }
    }
}

/// One seed, with all that happened.
fn show(seed: Seed) -> ExitCode {
    let report = simulation::run(seed, true);
    for line in &report.trace {
        println!("{line}");
    }
    println!("{:?}, {:?}", report.figures, report.lasted);
    for finding in &report.findings {
        println!("seed {seed}: {finding}");
    }
    exit_code(report.findings.is_empty())
}

fn run(wanted: &Wanted) -> ExitCode {
    let (sum, next, done) = (
        Sum::default(),
        AtomicU64::new(wanted.from),
        AtomicBool::new(false),
    );
    let end = wanted.from + wanted.seeds;
    let start = Instant::now();
    // Each failure is told below, shrunken.
    panic::set_hook(Box::new(|_| {}));
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let work = || {
            while sum.bad.load(Relaxed) < wanted.bad {
                let number = next.fetch_add(1, Relaxed);
                if number >= end {
                    break;
                }
                sum.run(wanted.seed(number));
            }
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let reporter = scope.spawn(|| {
            while !done.load(Relaxed) {
                thread::park_timeout(Duration::from_secs(10));
                sum.tell(start);
            }
        });
        for worker in workers {
            worker.join().expect("panics of runs are caught");
        }
        done.store(true, Relaxed);
        reporter.thread().unpark();
    });
    exit_code(sum.bad.load(Relaxed) == 0)
}

impl Sum {
    fn run(&self, seed: Seed) {
        let report = panic::catch_unwind(|| simulation::run(seed, false));
        self.seeds.fetch_add(1, Relaxed);
        match report {
            Ok(report) if report.findings.is_empty() => self.add(&report),
            _ => {
                self.bad.fetch_add(1, Relaxed);
                explain(seed);
            }
        }
    }

    fn add(&self, report: &Report) {
        let figures = &report.figures;
        self.produced.fetch_add(figures.produced, Relaxed);
        self.deliveries.fetch_add(figures.deliveries, Relaxed);
        self.repetitions.fetch_add(figures.repetitions, Relaxed);
        self.claims.fetch_add(figures.claims, Relaxed);
        self.commits.fetch_add(figures.commits, Relaxed);
        self.simulated_s.fetch_add(report.lasted.as_secs(), Relaxed);
    }

    fn tell(&self, start: Instant) {
        let took = start.elapsed().as_secs_f64();
        let seeds = self.seeds.load(Relaxed);
        println!(
            "{seeds} seeds, {} bad, {:.0} a second; {} records, {} deliveries, {} repeated, {} claims, {} commits, {} h simulated",
            self.bad.load(Relaxed),
            seeds as f64 / took,
            self.produced.load(Relaxed),
            self.deliveries.load(Relaxed),
            self.repetitions.load(Relaxed),
            self.claims.load(Relaxed),
            self.commits.load(Relaxed),
            self.simulated_s.load(Relaxed) / 3600,
        );
    }
}

/// What is left of a seed that fails when all is removed that is not needed for it.
fn explain(seed: Seed) {
    let Some(shrunk) = simulation::shrink(seed) else {
        return println!("seed {seed} fails only sometimes: something in it is not from the seed");
    };
    let from = shrunk.trace.len().saturating_sub(LINES);
    println!(
        "seed {seed}, which fails also without the faults {:?}:\n{}\nseed {seed}: {}",
        shrunk.without,
        shrunk.trace[from..].join("\n"),
        shrunk.breach
    );
}

fn exit_code(is_good: bool) -> ExitCode {
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
