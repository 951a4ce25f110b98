//! Stories told on real Apache Kafka. They share one broker a release, which is why they share one program.

use std::{collections::BTreeMap, time::Duration};

use kafka_tests::{Cluster, Committed};

mod append_time;
mod brokers;
mod ceiling;
mod codecs;
mod commits;
mod compatibility;
mod formats;
mod headers;
mod load;
mod mixed;
mod new_protocol;
mod offsets;
mod quotas;
mod rebalances;
mod records;
mod rolling;
mod sharing;
mod sizes;
mod starts;
mod statics;
mod support;
mod times;
mod topics;
mod transactions;
mod upgrades;

/// How long a group may take for anything. A free machine takes a second or two; one with many other things
/// to do may take as long to start a program in Java.
const SOON: Duration = Duration::from_secs(120);

/// Checks the offsets that a group has committed, of partitions from 0.
#[track_caller]
fn assert_committed(kafka: &Cluster, group: &str, topic: &str, offsets: &[i64]) {
    let committed: BTreeMap<i32, Committed> = kafka.admin().committed(group, topic);
    let committed: Vec<_> = committed
        .into_iter()
        .map(|(n, at)| (n, at.offset))
        .collect();
    let expected: Vec<_> = (0..).zip(offsets.iter().copied()).collect();
    assert_eq!(committed, expected);
}
