//! How soon a second member of a group gets its first record.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

use field_contract::Job;
use kafka_tests::{Cluster, unique};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::{
    Result,
    contestants::{Contestant, Kind, of},
    flags::Flags,
    programs::{Program, Programs},
    results::{Rebalance, Results},
    run::{Running, job},
};

/// Those that are compared: in all of them a member learns of a rebalance by its next heartbeat, so all send
/// one every 500 ms.
pub(crate) const CONTESTANTS: &[Contestant] = &[
    of("loop", Kind::Ours, Program::Ours, "rebalance", 1, ""),
    of("franz-go", Kind::Peer, Program::FranzGo, "rebalance", 1, ""),
    of(
        "librdkafka",
        Kind::Peer,
        Program::Librdkafka,
        "rebalance",
        1,
        "",
    ),
];

const PARTITIONS: i32 = 4;
const BEAT: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(30);
/// The first member reads for so long before the second comes.
const ALONE: u64 = 3_000;

/// Lets a second member join one that reads a steady stream.
pub(crate) fn measure(
    cluster: &Cluster,
    programs: &Programs,
    flags: &Flags,
    results: &mut Results,
) -> Result<()> {
    results.rebalance.clear();
    for round in 1..=flags.rounds {
        for contestant in CONTESTANTS {
            match join(cluster, programs, contestant) {
                Ok(seconds) => {
                    println!("rebalance, {round}: {} {seconds:.3} s", contestant.id);
                    results.rebalance.push(Rebalance {
                        contestant: contestant.id.to_owned(),
                        seconds,
                    });
                }
                Err(why) => eprintln!("rebalance, {}: {why}", contestant.id),
            }
        }
    }
    Ok(())
}

/// Seconds from the start of the second member to its first record.
fn join(cluster: &Cluster, programs: &Programs, contestant: &Contestant) -> Result<f64> {
    let topic = unique("rebalance");
    cluster.create_topic(&topic, PARTITIONS, 1);
    let producer: BaseProducer = cluster.client_config().set("linger.ms", "0").create()?;
    let is_over = AtomicBool::new(false);
    let brokers = cluster.bootstrap().join(",");
    let first = job(brokers, &topic, PARTITIONS as usize, u64::MAX);
    let second = Job {
        records: 1,
        ..first.clone()
    };
    let seconds = thread::scope(|scope| {
        scope.spawn(|| {
            let mut partition = 0;
            while !is_over.load(Relaxed) {
                partition = (partition + 1) % PARTITIONS;
                let record: BaseRecord<'_, (), _> =
                    BaseRecord::to(&topic).partition(partition).payload("value");
                // One that does not fit into the queue is not missed.
                _ = producer.send(record);
                producer.poll(Duration::ZERO);
                thread::sleep(BEAT);
            }
            _ = producer.flush(PATIENCE);
        });
        let outcome = run(programs, contestant, &first, &second);
        is_over.store(true, Relaxed);
        outcome
    });
    cluster.delete_topic(&topic);
    seconds
}

fn run(programs: &Programs, contestant: &Contestant, first: &Job, second: &Job) -> Result<f64> {
    // Ended when dropped.
    let _first = Running::start(programs, contestant, first)?;
    // Some time later than the first has joined, and at any time between two heartbeats.
    thread::sleep(Duration::from_millis(ALONE + fastrand::u64(..500)));
    Ok(Running::start(programs, contestant, second)?
        .finish()?
        .to_first)
}
