//! An in-process cluster for another process: it prints where it is, and ends when its input ends.

use std::{
    io::{self, Read},
    time::Duration,
};

use sarama_cluster::testing::FakeCluster;

use crate::{Result, topics::values};

/// Records of a batch.
const BATCH: usize = 1_000;

/// Runs a cluster as `brokers,partitions,records` says, whose topic is `topic`.
pub(crate) fn run(description: &str) -> Result<()> {
    let numbers: Vec<usize> = description
        .split(',')
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?;
    let [brokers, partitions, records] = numbers[..] else {
        return Err("three numbers are wanted".into());
    };
    let cluster = FakeCluster::builder()
        .brokers(brokers as i32)
        .topic("topic", partitions as i32)
        // As Kafka has it: or many members that start at once were many rebalances.
        .initial_rebalance_delay(Duration::from_secs(3))
        .start();
    let values = values(100);
    for batch in 0..records / BATCH {
        let values = values
            .iter()
            .cycle()
            .skip(batch * BATCH % values.len())
            .take(BATCH);
        let partition = (batch % partitions) as i32;
        cluster.produce(
            "topic",
            partition,
            values.map(|value| ("", value.as_slice())),
        );
    }
    println!("{}", cluster.bootstrap().join(","));
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
