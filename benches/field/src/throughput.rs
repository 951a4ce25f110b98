//! How fast each contestant reads a topic that is full, and what it uses for that.

use std::io::{self, Read};

use kafka_tests::{Cluster, Codec};

use crate::{
    Result,
    contestants::{Contestant, Kind, in_turn},
    flags::Flags,
    programs::Programs,
    results::{Results, Run},
    run::{Outcome, Running, job},
    topics::{self, Load},
};

const PARTITIONS: usize = 4;

const fn load(name: &'static str, codec: Codec, size: usize, records: u64) -> Load {
    Load {
        name,
        codec,
        size,
        records,
        partitions: PARTITIONS,
    }
}

/// What is read.
pub(crate) const LOADS: [Load; 4] = [
    load("100 B, none", Codec::None, 100, 10_000_000),
    load("100 B, lz4", Codec::Lz4, 100, 10_000_000),
    load("100 B, zstd", Codec::Zstd, 100, 10_000_000),
    load("1 KiB, none", Codec::None, 1024, 2_000_000),
];

/// Fills the topics and lets the contestants read each of them, in turn, round after round.
pub(crate) fn measure(
    cluster: &Cluster,
    programs: &Programs,
    flags: &Flags,
    results: &mut Results,
) -> Result<()> {
    let measured = flags.loads().into_iter().map(|load| load.name);
    results.forget(measured, flags.contestants().map(|one| one.id));
    for load in flags.loads() {
        let load = Load {
            records: load.records / flags.divisor,
            ..load
        };
        let topic = topics::fill(cluster, &load)?;
        if flags.hold {
            println!(
                "--brokers {} --topic {topic}",
                cluster.bootstrap().join(",")
            );
            continue;
        }
        for round in 1..=flags.rounds {
            let contestants = flags.contestants();
            let contestants = contestants.filter(|one| one.is_of_interest(load.codec));
            for contestant in in_turn(round, contestants) {
                if programs.command(contestant.program).is_none() {
                    continue;
                }
                match read(cluster, programs, contestant, &load, &topic, round == 1) {
                    Ok(outcome) => {
                        print(&load, round, contestant, &outcome);
                        results.throughput.push(Run {
                            load: load.name.to_owned(),
                            contestant: contestant.id.to_owned(),
                            outcome,
                        });
                    }
                    Err(why) => eprintln!("{}, {}: {why}", load.name, contestant.id),
                }
            }
        }
        cluster.delete_topic(&topic);
        // It takes long to have it again.
        results.save()?;
    }
    if flags.hold {
        io::stdin().read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

fn read(
    cluster: &Cluster,
    programs: &Programs,
    contestant: &Contestant,
    load: &Load,
    topic: &str,
    is_first: bool,
) -> Result<Outcome> {
    let records = load.records / contestant.slowness;
    let brokers = cluster.bootstrap().join(",");
    let job = job(brokers, topic, load.partitions, records);
    let outcome = Running::start(programs, contestant, &job)?.finish()?;
    if outcome.records < job.records {
        return Err(format!("{} records instead of {}", outcome.records, job.records).into());
    }
    // Who walks by headers sees no values.
    if contestant.mode != "walk" && outcome.bytes != outcome.records * load.size as u64 {
        return Err(format!("{} bytes in {} records", outcome.bytes, outcome.records).into());
    }
    if is_first && contestant.kind != Kind::Limit {
        let committed = cluster.admin().committed(&job.group, topic);
        let sum: i64 = committed.values().map(|committed| committed.offset).sum();
        if (sum as u64) < job.records {
            return Err(format!("only {sum} of {} records are committed", job.records).into());
        }
    }
    Ok(outcome)
}

fn print(load: &Load, round: u32, contestant: &Contestant, outcome: &Outcome) {
    print!(
        "{}, {round}: {:18} {:>6.2} M/s  {:.3} CPU s/M  {:>4} MiB  {:>5.0} faults/M  first after {:.0} ms ",
        load.name,
        contestant.id,
        outcome.rate() / 1e6,
        outcome.cpu(),
        outcome.peak_rss_kib >> 10,
        outcome.page_faults as f64 * 1e6 / outcome.records as f64,
        outcome.to_first * 1e3,
    );
    for (name, cpu) in outcome.threads.iter().take(4) {
        print!(" {name} {:.3}", cpu * 1e6 / outcome.records as f64);
    }
    println!();
}
