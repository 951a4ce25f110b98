//! What a slow reader's client costs: the same reader, with and without it.

use std::time::Duration;

use field_contract::Job;
use kafka_tests::{Cluster, Codec};

use crate::{
    Result,
    contestants::{Contestant, Kind, of},
    flags::Flags,
    programs::{Program, Programs},
    results::{Results, Slow},
    run::{Running, job},
    topics::{self, Load},
};

const LOOP: Contestant = of("loop", Kind::Ours, Program::Ours, "loop", 1, "");
const ALONE: Contestant = of("alone", Kind::Limit, Program::Ours, "alone", 1, "");

/// How long a reader works on each record, and how many it reads. The longest works are waits.
const WORKS: [(Duration, u64); 4] = [
    (Duration::ZERO, 4_000_000),
    (Duration::from_micros(1), 2_000_000),
    (Duration::from_micros(10), 200_000),
    (Duration::from_millis(1), 10_000),
];

/// Lets readers of each slowness read a topic that holds just what they read.
pub(crate) fn measure(
    cluster: &Cluster,
    programs: &Programs,
    flags: &Flags,
    results: &mut Results,
) -> Result<()> {
    results.slow.clear();
    for (work, records) in WORKS {
        let load = Load {
            name: "slow readers",
            codec: Codec::None,
            size: 100,
            records,
            partitions: 4,
        };
        let topic = topics::fill(cluster, &load)?;
        for round in 1..=flags.rounds {
            let job = Job {
                work,
                ..job(
                    cluster.bootstrap().join(","),
                    &topic,
                    load.partitions,
                    records,
                )
            };
            let run = |contestant| Running::start(programs, contestant, &job)?.finish();
            let (alone, ours) = (run(&ALONE)?, run(&LOOP)?);
            let slow = Slow {
                work_ns: work.as_nanos() as u64,
                client_cpu_ns: (ours.cpu_after_first() - alone.cpu_after_first()) * 1e9,
                seconds: ours.seconds / alone.seconds,
            };
            println!("slow readers, {round}: {slow:?}");
            results.slow.push(slow);
        }
        cluster.delete_topic(&topic);
    }
    Ok(())
}
