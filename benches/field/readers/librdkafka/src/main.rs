//! The readers that are librdkafka: its batch call, which C programs use, and the poll of the crate rdkafka.

mod batch;

use std::time::Duration;

use field_contract::{Job, Result, Seen, Watch};
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, CommitMode, Consumer},
};

fn main() -> Result<()> {
    let job = Job::from_args()?;
    let watch = Watch::new(&job);
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &job.brokers)
        .set("group.id", &job.group)
        .set("auto.offset.reset", "earliest");
    if job.mode == "rebalance" {
        config.set("heartbeat.interval.ms", "500");
    }
    match job.mode.as_str() {
        "batch" => batch::read(&config, &job.topic, &watch)?,
        "poll" | "latency" | "rebalance" => read_one_by_one(&config, &job.topic, &watch)?,
        other => return Err(format!("there is no mode {other}").into()),
    }
    watch.report()
}

fn read_one_by_one(config: &ClientConfig, topic: &str, watch: &Watch) -> Result<()> {
    let consumer: BaseConsumer = config.create()?;
    consumer.subscribe(&[topic])?;
    let mut seen = Seen::default();
    loop {
        let Some(message) = consumer.poll(Duration::from_secs(1)) else {
            continue;
        };
        if watch.deliver(&mut seen, message?.payload()) {
            break;
        }
    }
    watch.add(seen);
    Ok(consumer.commit_consumer_state(CommitMode::Sync)?)
}
