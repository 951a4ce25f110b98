//! The same records over more and more partitions and brokers, and what partitions cost that have none.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use field_contract::Job;
use kafka_tests::{Cluster, Codec};

use crate::{
    Result,
    contestants::{Contestant, Kind, of},
    flags::Flags,
    programs::{Program, Programs},
    results::{Growth, Idle, Results},
    run::{Running, job},
    topics::{self, Load},
};

/// Whose curves are drawn.
const CONTESTANTS: [Contestant; 3] = [
    of("limit: decode", Kind::Limit, Program::Ours, "decode", 1, ""),
    of("loop", Kind::Ours, Program::Ours, "loop", 1, ""),
    of("franz-go", Kind::Peer, Program::FranzGo, "poll", 1, ""),
];
const LOOP: Contestant = CONTESTANTS[1];
const IDLE: Contestant = of("idle", Kind::Ours, Program::Ours, "idle", 1, "");

const MEMBERS: Contestant = of("members", Kind::Ours, Program::Ours, "members", 1, "");

/// How many members share [`MEMBERS_PARTITIONS`].
const MEMBER_COUNTS: [usize; 5] = [10, 30, 100, 300, 1_000];
const MEMBERS_PARTITIONS: usize = 10_000;

const PARTITIONS: [usize; 4] = [1, 10, 100, 1_000];
const IDLE_PARTITIONS: [usize; 2] = [1_000, 10_000];
const BROKERS: [usize; 4] = [1, 2, 5, 10];
const RECORDS: u64 = 5_000_000;
/// Records in the in-process cluster, which keeps them in memory.
const FAKE_RECORDS: usize = 4_000_000;
/// Partitions in it, for each broker count.
const FAKE_PARTITIONS: usize = 20;

/// Measures all the curves.
pub(crate) fn measure(
    cluster: &Cluster,
    programs: &Programs,
    flags: &Flags,
    results: &mut Results,
) -> Result<()> {
    results.growth.clear();
    results.idle.clear();
    over_partitions(cluster, programs, flags, results)?;
    over_brokers(programs, flags, results)?;
    over_idle_partitions(programs, flags, results)?;
    over_members(programs, flags, results)
}

/// Lets the contestants read the same total from topics of more and more partitions.
fn over_partitions(
    cluster: &Cluster,
    programs: &Programs,
    flags: &Flags,
    results: &mut Results,
) -> Result<()> {
    let mut topics = Vec::new();
    for partitions in PARTITIONS {
        let load = Load {
            name: "growth",
            codec: Codec::None,
            size: 100,
            records: RECORDS / flags.divisor,
            partitions,
        };
        topics.push((load, topics::fill(cluster, &load)?));
    }
    for round in 1..=flags.rounds {
        for (load, topic) in &topics {
            for contestant in &CONTESTANTS {
                let brokers = cluster.bootstrap().join(",");
                let job = job(brokers, topic, load.partitions, load.records);
                let count = load.partitions;
                read(
                    programs,
                    contestant,
                    &job,
                    "partitions",
                    count,
                    round,
                    results,
                );
            }
        }
    }
    for (_, topic) in topics {
        cluster.delete_topic(&topic);
    }
    Ok(())
}

fn over_brokers(programs: &Programs, flags: &Flags, results: &mut Results) -> Result<()> {
    for brokers in BROKERS {
        let fake = FakeCluster::start(brokers, FAKE_PARTITIONS, FAKE_RECORDS)?;
        for round in 1..=flags.rounds {
            let records = FAKE_RECORDS as u64;
            let job = job(fake.brokers.clone(), "topic", FAKE_PARTITIONS, records);
            read(programs, &LOOP, &job, "brokers", brokers, round, results);
        }
    }
    Ok(())
}

fn over_idle_partitions(programs: &Programs, flags: &Flags, results: &mut Results) -> Result<()> {
    for partitions in IDLE_PARTITIONS {
        let fake = FakeCluster::start(1, partitions, 0)?;
        for round in 1..=flags.rounds.min(3) {
            let job = job(fake.brokers.clone(), "topic", partitions, 0);
            let outcome = Running::start(programs, &IDLE, &job)?.finish()?;
            let idle = Idle {
                partitions,
                cpu_ms: outcome.cpu_seconds * 1e3,
                peak_rss_kib: outcome.peak_rss_kib,
            };
            println!("idle, {round}: {idle:?}");
            results.idle.push(idle);
        }
    }
    Ok(())
}

/// A cluster of its own for each group: the last member of one would hold up the next.
fn over_members(programs: &Programs, flags: &Flags, results: &mut Results) -> Result<()> {
    for members in MEMBER_COUNTS {
        for round in 1..=flags.rounds.min(3) {
            let fake = FakeCluster::start(1, MEMBERS_PARTITIONS, 0)?;
            let records = members as u64;
            let job = job(fake.brokers.clone(), "topic", MEMBERS_PARTITIONS, records);
            read(programs, &MEMBERS, &job, "members", members, round, results);
        }
    }
    Ok(())
}

fn read(
    programs: &Programs,
    contestant: &Contestant,
    job: &Job,
    of: &str,
    count: usize,
    round: u32,
    results: &mut Results,
) {
    match Running::start(programs, contestant, job).and_then(Running::finish) {
        Ok(outcome) => {
            println!(
                "growth, {round}: {count} {of}, {}: {:.0} in {:.2} s, {:.3} CPU s, {} MiB",
                contestant.id,
                outcome.records,
                outcome.seconds,
                outcome.cpu_seconds,
                outcome.peak_rss_kib >> 10
            );
            results.growth.push(Growth {
                of: of.to_owned(),
                count,
                contestant: contestant.id.to_owned(),
                outcome,
            });
        }
        Err(why) => eprintln!("growth, {count} {of}, {}: {why}", contestant.id),
    }
}

/// The library's in-process cluster, in a process of its own, so that what the client uses can be told
/// from what the brokers use.
struct FakeCluster {
    process: Child,
    brokers: String,
}

impl FakeCluster {
    fn start(brokers: usize, partitions: usize, records: usize) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("--fake")
            .arg(format!("{brokers},{partitions},{records}"));
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut brokers = String::new();
        BufReader::new(process.stdout.take().expect("it was asked for")).read_line(&mut brokers)?;
        Ok(Self {
            process,
            brokers: brokers.trim().to_owned(),
        })
    }
}

impl Drop for FakeCluster {
    fn drop(&mut self) {
        // Waiting closes its input first, at which it ends.
        _ = self.process.wait();
    }
}
