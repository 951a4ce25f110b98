//! How many instructions the library's own part of a record takes, by path.
//!
//! `cargo bench --bench instructions` runs each path under callgrind (Debian: valgrind). The count is the same
//! on a busy machine, so a change of some percent means something. It fails where a path takes more than its
//! limit. What the system does, and what waiting for memory takes, is not in it.

mod decoding;
mod handover;
mod planning;

use std::{
    env,
    error::Error,
    hint::black_box,
    process::{Command, Stdio, exit},
};

use sarama_cluster::record::Codec;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A single-threaded path through the library.
struct Path {
    name: &'static str,
    /// Runs it so often.
    run: fn(usize),
    /// Records, or what else is counted, in one round.
    per_round: usize,
    /// The most instructions for one of these: what it was when the path was looked at last, and a tenth.
    limit: f64,
}

const fn path(name: &'static str, run: fn(usize), per_round: usize, limit: f64) -> Path {
    Path {
        name,
        run,
        per_round,
        limit,
    }
}

/// How often a path is run. The first time is not like the others, but it is one of many.
const ROUNDS: usize = 10;

const PATHS: &[Path] = &[
    path(
        "decode, none",
        |rounds| decoding::run(rounds, Codec::None),
        decoding::RECORDS,
        280.0,
    ),
    path(
        "decode, lz4",
        |rounds| decoding::run(rounds, Codec::Lz4),
        decoding::RECORDS,
        840.0,
    ),
    path(
        "decode, zstd",
        |rounds| decoding::run(rounds, Codec::Zstd),
        decoding::RECORDS,
        4_500.0,
    ),
    path(
        "push, take, mark, drop",
        handover::messages,
        handover::RECORDS,
        355.0,
    ),
    path(
        "the same by the batch",
        handover::batches,
        handover::RECORDS,
        22.0,
    ),
    path(
        "a partition's fetch, 1 partition",
        |rounds| planning::run(rounds, 1),
        1,
        15_000.0,
    ),
    path(
        "a partition's fetch, 10 partitions",
        |rounds| planning::run(rounds, 10),
        10,
        15_000.0,
    ),
    path(
        "a partition's fetch, 100 partitions",
        |rounds| planning::run(rounds, 100),
        100,
        15_000.0,
    ),
    path(
        "a partition's fetch, 1,000 partitions",
        |rounds| planning::run(rounds, 1_000),
        1_000,
        15_000.0,
    ),
];

fn main() -> Result<()> {
    let args: Vec<String> = env::args().collect();
    if let [_, flag, name] = &args[..]
        && flag == "--run"
    {
        let path = PATHS.iter().find(|path| path.name == name);
        (path.ok_or("there is no such path")?.run)(ROUNDS);
        return Ok(());
    }
    let mut is_fine = true;
    println!(
        "{:40} {:>12} {:>8}",
        "instructions for a record, or a fetch", "measured", "limit"
    );
    for path in PATHS {
        let each = count(path)? as f64 / (ROUNDS * path.per_round) as f64;
        let verdict = if each > path.limit { "  too many" } else { "" };
        println!("{:40} {each:>12.1} {:>8}{verdict}", path.name, path.limit);
        is_fine &= each <= path.limit;
    }
    if !is_fine {
        exit(1);
    }
    Ok(())
}

/// The only place where instructions count; callgrind knows it by its name.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

/// The instructions that count, of a process that runs a path.
fn count(path: &Path) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*counted*")
        .arg(env::current_exe()?)
        .args(["--run", path.name])
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{}: {text}", path.name).into());
    }
    let line = text.lines().find(|line| line.contains("Collected :"));
    let number = line.and_then(|line| line.split_whitespace().last());
    Ok(number.ok_or("callgrind has not counted")?.parse()?)
}
