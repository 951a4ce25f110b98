//! `docs/benchmarks.md` and its pictures, written from what was measured.

mod bars;
mod goals;
mod lines;
mod machine;
mod pictures;
mod svg;
mod threads;

use std::{fmt::Write as _, fs, path::Path};

use self::{goals::Goal, threads::Work};
use crate::{
    Result,
    contestants::{self, Contestant},
    latency,
    results::{Latency, Results, median},
    run::Outcome,
    throughput::LOADS,
};

const OPENING: &str = "\
# Benchmarks

Written by `cargo run --release -p bench-field`, which builds every program named here, starts Apache Kafka
4.4.0 with one broker on the same machine (on the Java machine of Kafka's own scripts), fills the topics, and
lets all of them read in turn, in several rounds. The numbers are medians. Compare them with each other, not
with those of another machine.

Each reader is a process of its own that joins a new group at the oldest offset, looks at the length and the
first byte of each value, commits and leaves. The rate counts from the first record to the last; processor
time and memory are those of the whole process up to its last record. Values are JSON-like texts; they are
written by librdkafka in batches of 128 KiB.
";

/// Writes the page.
pub(crate) fn write(results: &Results) -> Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let folder = docs.join("benchmarks");
    fs::create_dir_all(&folder)?;
    for (name, picture) in pictures::draw(results) {
        fs::write(folder.join(name), picture)?;
    }
    Ok(fs::write(docs.join("benchmarks.md"), text(results)?)?)
}

fn text(results: &Results) -> Result<String> {
    let mut page = OPENING.to_owned();
    write_goals(&mut page, results)?;
    write_throughput(&mut page, results)?;
    write_threads(&mut page, results)?;
    write_latency(&mut page, results)?;
    write_slow_readers(&mut page, results)?;
    write_growth(&mut page, results)?;
    write_settings(&mut page)?;
    write_machine(&mut page, results)?;
    Ok(page)
}

fn write_goals(page: &mut String, results: &Results) -> Result<()> {
    writeln!(page, "\n## Goals\n")?;
    writeln!(
        page,
        "| | what | goal | measured | met |\n|---|---|---|---|---|"
    )?;
    let goals = goals::all(results);
    for goal in &goals {
        let measured = goal.measured.map_or("–".into(), bars::short);
        let verdict = match goal.measured {
            None => "not measured",
            Some(_) if goal.is_met => "yes",
            Some(_) => "**no**",
        };
        let (number, what, wanted) = (goal.number, &goal.what, &goal.wanted);
        writeln!(
            page,
            "| {number} | {what} | {wanted} | {measured} | {verdict} |"
        )?;
    }
    let missed = |goal: &&Goal| goal.measured.is_some() && !goal.is_met;
    let mut reasons: Vec<&str> = Vec::new();
    for goal in goals.iter().filter(missed) {
        if !reasons.contains(&goal.why) {
            reasons.push(goal.why);
        }
    }
    if !reasons.is_empty() {
        writeln!(page, "\nWhat is not met, and why:\n")?;
    }
    for why in reasons {
        writeln!(page, "- {why}")?;
    }
    Ok(())
}

fn write_throughput(page: &mut String, results: &Results) -> Result<()> {
    writeln!(page, "\n## Throughput and processor time\n")?;
    writeln!(page, "![Records per second](benchmarks/throughput.svg)\n")?;
    writeln!(page, "![Processor time per record](benchmarks/cpu.svg)\n")?;
    writeln!(
        page,
        "Million records per second, and in brackets CPU seconds per million records:\n"
    )?;
    table(page, results, "records/s (CPU)", |load, id| {
        let rate = results.median(load, id, Outcome::rate)?;
        let cpu = results.median(load, id, Outcome::cpu)?;
        Some(format!("{} ({cpu:.3})", bars::short(rate / 1e6)))
    })?;
    writeln!(
        page,
        "\nMost MiB resident, and milliseconds from the start of the process to its first record:\n"
    )?;
    table(page, results, "MiB, ms", |load, id| {
        let kib = results.median(load, id, |outcome| outcome.peak_rss_kib as f64)?;
        let first = results.median(load, id, |outcome| outcome.to_first)?;
        Some(format!("{:.0}, {:.0}", kib / 1024.0, first * 1e3))
    })
}

/// A line for each contestant and a column for each topic.
fn table(
    page: &mut String,
    results: &Results,
    corner: &str,
    cell: impl Fn(&str, &str) -> Option<String>,
) -> Result<()> {
    let names = LOADS.map(|load| load.name).join(" | ");
    writeln!(page, "| {corner} | {names} |\n|---|---|---|---|---|")?;
    for contestant in contestants::ALL {
        let is_there = results
            .throughput
            .iter()
            .any(|run| run.contestant == contestant.id);
        if is_there {
            let cells = LOADS.map(|load| cell(load.name, contestant.id).unwrap_or("–".into()));
            writeln!(page, "| {} | {} |", contestant.id, cells.join(" | "))?;
        }
    }
    Ok(())
}

/// What each kind of thread takes, for the topics that show most.
fn write_threads(page: &mut String, results: &Results) -> Result<()> {
    writeln!(
        page,
        "\nNanoseconds of processor time that the threads of the client take for a record:\n"
    )?;
    let names = Work::ALL.map(|(_, name)| name).join(" | ");
    writeln!(page, "| | {names} |\n|---|---|---|---|---|")?;
    for load in LOADS {
        for id in ["loop", "loop, zstd-c", "batches"] {
            let nanos =
                |(work, _): (Work, _)| results.median(load.name, id, |outcome| work.nanos(outcome));
            if let [Some(a), Some(b), Some(c), Some(d)] = Work::ALL.map(nanos) {
                let name = load.name;
                writeln!(page, "| {name}: {id} | {a:.0} | {b:.0} | {c:.0} | {d:.0} |")?;
            }
        }
    }
    Ok(())
}

fn write_latency(page: &mut String, results: &Results) -> Result<()> {
    writeln!(page, "\n## Latency\n")?;
    writeln!(page, "![Latency](benchmarks/latency.svg)\n")?;
    writeln!(
        page,
        "10,000 records of 100 bytes a second, some each millisecond, over 4 partitions; milliseconds from the \
         making of a record\nby the producer (librdkafka, `linger.ms` 0) to its delivery:\n"
    )?;
    writeln!(
        page,
        "| | p50 | p99 | p99.9 | most |\n|---|---|---|---|---|"
    )?;
    for contestant in latency::CONTESTANTS {
        let at = |share| {
            let rounds = results.latency.iter();
            let rounds = rounds.filter(|one| one.contestant == contestant.id);
            let micros = median(rounds.map(|round: &Latency| round.at(share)));
            micros.map_or("–".into(), |micros| bars::short(micros / 1e3))
        };
        let cells = [500.0, 990.0, 999.0, 1000.0].map(at).join(" | ");
        writeln!(page, "| {} | {cells} |", contestant.id)?;
    }
    if let (Some(middle), Some(latest)) = (
        median(results.commits.iter().copied()),
        results.commits.last(),
    ) {
        writeln!(
            page,
            "\nA mark is a commit that another client sees after {middle:.2} s in the middle and {latest:.2} s at \
             the most,\nwith the default interval of 1 s.",
        )?;
    }
    Ok(())
}

fn write_slow_readers(page: &mut String, results: &Results) -> Result<()> {
    writeln!(page, "\n## Slow readers\n")?;
    writeln!(
        page,
        "A reader that works so long on each record, with the client and alone:\n\n\
         | work | the client's CPU a record | time, of the reader's alone |\n|---|---|---|"
    )?;
    for (work, name) in [
        (0, "none"),
        (1_000, "1 µs"),
        (10_000, "10 µs"),
        (1_000_000, "1 ms (waits)"),
    ] {
        let runs = || results.slow.iter().filter(|slow| slow.work_ns == work);
        let cpu = median(runs().map(|slow| slow.client_cpu_ns)).unwrap_or(f64::NAN);
        let time = match work {
            0 => "–".to_owned(),
            _ => format!(
                "{:.3}",
                median(runs().map(|slow| slow.seconds)).unwrap_or(f64::NAN)
            ),
        };
        writeln!(page, "| {name} | {cpu:.0} ns | {time} |")?;
    }
    Ok(())
}

fn write_growth(page: &mut String, results: &Results) -> Result<()> {
    writeln!(page, "\n## Growth\n")?;
    writeln!(page, "![Growth](benchmarks/growth.svg)\n")?;
    writeln!(
        page,
        "The same 5 million records over more and more partitions; the same 4 million in the in-process\ncluster over more and more brokers. Million records per second (CPU seconds per million):\n"
    )?;
    for (of, contestants) in [
        ("partitions", &["limit: decode", "loop", "franz-go"][..]),
        ("brokers", &["loop"]),
    ] {
        let rates: Vec<_> = contestants
            .iter()
            .map(|id| results.curve(of, id, Outcome::rate))
            .collect();
        let cpus: Vec<_> = contestants
            .iter()
            .map(|id| results.curve(of, id, Outcome::cpu))
            .collect();
        writeln!(page, "| {of} | {} |", contestants.join(" | "))?;
        writeln!(page, "|---|{}", "---|".repeat(contestants.len()))?;
        for (place, (count, _)) in rates[0].iter().enumerate() {
            write!(page, "| {count} |")?;
            for (rate, cpu) in rates.iter().zip(&cpus) {
                match (rate.get(place), cpu.get(place)) {
                    (Some((_, rate)), Some((_, cpu))) => {
                        write!(page, " {} ({cpu:.3}) |", bars::short(rate / 1e6))?;
                    }
                    _ => write!(page, " – |")?,
                }
            }
            writeln!(page)?;
        }
        writeln!(page)?;
    }
    writeln!(
        page,
        "| idle with so many partitions | CPU in 10 s | most resident |\n|---|---|---|"
    )?;
    for partitions in [1_000, 10_000] {
        let runs = || {
            results
                .idle
                .iter()
                .filter(|idle| idle.partitions == partitions)
        };
        let cpu = median(runs().map(|idle| idle.cpu_ms)).unwrap_or(f64::NAN);
        let mib = median(runs().map(|idle| idle.peak_rss_kib as f64 / 1024.0)).unwrap_or(f64::NAN);
        writeln!(page, "| {partitions} | {cpu:.0} ms | {mib:.0} MiB |")?;
    }
    write_members(page, results)?;
    writeln!(
        page,
        "\n| second member of a group: start to first record | heartbeats each 500 ms |\n|---|---|"
    )?;
    for id in ["loop", "franz-go", "librdkafka"] {
        let runs = results.rebalance.iter().filter(|run| run.contestant == id);
        let seconds = median(runs.map(|run| run.seconds)).unwrap_or(f64::NAN);
        writeln!(page, "| {id} | {seconds:.2} s |")?;
    }
    Ok(())
}

/// Groups whose members share 10,000 partitions.
fn write_members(page: &mut String, results: &Results) -> Result<()> {
    let seconds = results.curve("members", "members", |outcome| outcome.seconds);
    let cpus = results.curve("members", "members", |outcome| outcome.cpu_seconds);
    writeln!(
        page,
        "\n| members that share 10,000 partitions | until each has its share (3 s are the broker's) | CPU of all |\n|---|---|---|"
    )?;
    for ((count, seconds), (_, cpu)) in seconds.iter().zip(&cpus) {
        writeln!(page, "| {count} | {seconds:.1} s | {cpu:.2} s |")?;
    }
    Ok(())
}

fn write_settings(page: &mut String) -> Result<()> {
    writeln!(page, "\n## What was set\n")?;
    writeln!(
        page,
        "Whatever is not named has its default. Who is slow reads only a part of a topic.\n"
    )?;
    writeln!(page, "| | how it reads |\n|---|---|")?;
    let line = |one: &Contestant| format!("| {} | {} |", one.id, one.what);
    for contestant in contestants::ALL {
        writeln!(page, "{}", line(contestant))?;
    }
    Ok(())
}

fn write_machine(page: &mut String, results: &Results) -> Result<()> {
    writeln!(page, "\n## The machine\n\n| | |\n|---|---|")?;
    for (what, value) in machine::describe() {
        writeln!(page, "| {what} | {value} |")?;
    }
    let rounds = |count: usize, each: usize| count / each.max(1);
    let loops = results
        .throughput
        .iter()
        .filter(|run| run.contestant == "loop");
    writeln!(page, "| Rounds | {} |", rounds(loops.count(), LOADS.len()))?;
    Ok(())
}
