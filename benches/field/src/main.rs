//! sarama-cluster beside the limit and beside other clients, on real Kafka.
//!
//! `cargo run --release -p bench-field` builds the programs that read, starts a broker, fills topics, lets
//! every program read in turn, and writes `docs/benchmarks.md` with its pictures. Go, Java and Maven are
//! needed for the peers in these languages; a peer that cannot be built is left out.

mod contestants;
mod fake;
mod flags;
mod growth;
mod latency;
mod page;
mod programs;
mod rebalance;
mod results;
mod run;
mod slow;
mod throughput;
mod topics;

use std::error::Error;

use kafka_tests::{Cluster, Release};

use self::{
    flags::{Flags, Task, USAGE},
    programs::Programs,
    results::Results,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    match flags::parse()? {
        Task::Help => print!("{USAGE}"),
        Task::List => {
            for contestant in contestants::ALL {
                println!("{:20} {}", contestant.id, contestant.what);
            }
        }
        Task::Fake(description) => fake::run(&description)?,
        Task::Measure(flags) => measure(&flags)?,
    }
    Ok(())
}

/// A part of the benchmark.
type Part = fn(&Cluster, &Programs, &Flags, &mut Results) -> Result<()>;

const PARTS: [(&str, Part); 5] = [
    ("throughput", throughput::measure),
    ("latency", latency::measure),
    ("slow", slow::measure),
    ("rebalance", rebalance::measure),
    ("growth", growth::measure),
];

/// Measures what is wanted. What was measured before stays, of the other parts.
fn measure(flags: &Flags) -> Result<()> {
    let is_known = |part: &&String| *part == "page" || PARTS.iter().any(|(name, _)| name == part);
    if let Some(part) = flags.parts.iter().find(|part| !is_known(part)) {
        return Err(format!("there is no part {part}").into());
    }
    let mut results = Results::load()?;
    if flags.parts.iter().all(|part| part == "page") && !flags.parts.is_empty() {
        return page::write(&results);
    }
    let programs = Programs::build(flags.contestants().map(|contestant| contestant.program));
    for (name, part) in PARTS.iter().filter(|(name, _)| flags.wants(name)) {
        // A broker for each, so that none finds what another has left.
        let cluster = Cluster::builder(Release::NEWEST).in_production().start();
        part(&cluster, &programs, flags, &mut results).map_err(|why| format!("{name}: {why}"))?;
        results.save()?;
    }
    page::write(&results)
}
