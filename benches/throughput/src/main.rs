//! How fast a consumer group reads a topic of a real broker, and what CPU time it takes for that.
//!
//! `cargo run --release -p throughput` starts a broker, fills a topic, and then lets each of the
//! readers read all of it, in several rounds, each time in a process of its own. The measure is
//! the bare loop: one thread that asks for the next records, waits, and decodes them.

mod fill;
mod flags;
mod groups;
mod raw;
mod run;
mod table;
mod usage;

use std::{env, error::Error, fs, process::Command, time::Instant};

use kafka_tests::{Cluster, Release, unique};

use self::{
    flags::{Flags, Task, USAGE},
    run::{Job, Measured},
    table::Table,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    match flags::parse()? {
        Task::Help => print!("{USAGE}"),
        Task::Compare(flags) => compare(&flags)?,
        Task::Run(job) => println!("{}", job.run()?),
    }
    Ok(())
}

/// Brings everything up, lets the readers run in turn, and prints what they took.
fn compare(flags: &Flags) -> Result<()> {
    let cluster = if flags.brokers.is_empty() {
        Cluster::start(Release::NEWEST, 1)
    } else {
        Cluster::existing(Release::NEWEST, flags.brokers.clone())
    };
    let topic = unique("throughput");
    cluster.create_topic(&topic, flags.partitions, 1);
    let start = Instant::now();
    fill::fill(&cluster, &topic, flags)?;
    println!(
        "{} records of {} bytes, codec {}, in {} partitions, written in {:.0} s",
        flags.records,
        flags.size,
        flags.codec.name(),
        flags.partitions,
        start.elapsed().as_secs_f64(),
    );
    let mut table = Table::default();
    for round in 1..=flags.rounds {
        for &reader in &flags.readers {
            let job = Job {
                reader,
                brokers: cluster.bootstrap(),
                topic: topic.clone(),
                records: flags.records,
                partitions: flags.partitions,
                size: flags.size,
            };
            let load = load();
            let measured = in_a_process(&job)?;
            println!("round {round}, load {load}: {reader:10} {measured:#}");
            table.add(reader, measured);
        }
    }
    println!("\nMedians of {} rounds:\n{table}", flags.rounds);
    if !flags.brokers.is_empty() {
        cluster.delete_topic(&topic);
    }
    Ok(())
}

/// CPU time and memory of a run are those of its process.
fn in_a_process(job: &Job) -> Result<Measured> {
    let output = Command::new(env::current_exe()?)
        .args(job.arguments())
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{}: {}", job.reader, output.status).into());
    }
    String::from_utf8(output.stdout)?.parse()
}

/// How many threads of this machine wanted to run in the last minute, on average.
fn load() -> String {
    let loads = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    loads.split(' ').next().unwrap_or_default().to_owned()
}
