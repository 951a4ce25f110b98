//! The readers of the benchmark that are sarama-cluster, and the loops that show the limit.
//!
//! `--mode walk` and `decode` are limits: one thread and one connection, no group. The others read as users
//! do, with the settings that users get.

mod groups;
mod idle;
mod limit;
mod members;
mod records;

use std::time::Duration;

use field_contract::{Job, Result, Seen, Watch};

fn main() -> Result<()> {
    let job = Job::from_args()?;
    let watch = Watch::new(&job);
    match job.mode.as_str() {
        "walk" => limit::read(&job, &watch, limit::Depth::Headers)?,
        "decode" => limit::read(&job, &watch, limit::Depth::Records)?,
        "alone" => work_alone(&watch),
        "loop" => groups::read_in_a_loop(&job, &watch, groups::config())?,
        "rebalance" => {
            let mut config = groups::config();
            config.group.heartbeat.interval = Duration::from_millis(500);
            groups::read_in_a_loop(&job, &watch, config)?;
        }
        "members" => return members::assemble(&job),
        "idle" => return idle::rest(&job),
        "batches" => groups::read_batches(&job, &watch)?,
        "select" => groups::read_by_select(&job, &watch)?,
        "pool" => groups::read_in_a_pool(&job, &watch)?,
        "partitions" => groups::read_each_partition(&job, &watch)?,
        other => return Err(format!("there is no mode {other}").into()),
    }
    watch.report()
}

/// What a reader's work takes without a client.
fn work_alone(watch: &Watch) {
    let mut seen = Seen::default();
    while !watch.deliver(&mut seen, Some(&[0; 100])) {}
    watch.add(seen);
}
