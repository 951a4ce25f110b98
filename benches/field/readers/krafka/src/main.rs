//! The reader that is krafka: batches of records by `poll`, on Tokio.

use std::time::Duration;

use field_contract::{Job, Result, Seen, Watch};
use krafka::{Kafka, consumer::AutoOffsetReset};

#[tokio::main]
async fn main() -> Result<()> {
    let job = Job::from_args()?;
    let watch = Watch::new(&job);
    let kafka = Kafka::builder(&job.brokers).connect().await?;
    let mut builder = kafka
        .consumer(&job.group)
        .auto_offset_reset(AutoOffsetReset::Earliest);
    if job.mode == "tuned" {
        // What its documentation recommends for throughput, and buffers to go with it.
        builder = builder
            .fetch_max_bytes(100 << 20)
            .max_partition_fetch_bytes(10 << 20)
            .max_poll_records(10_000)
            .max_buffered_records(200_000);
    }
    let consumer = builder.build().await?;
    consumer.subscribe([job.topic.as_str()]).await?;
    let mut seen = Seen::default();
    let mut is_over = false;
    while !is_over {
        for record in consumer.poll(Duration::from_secs(1)).await? {
            is_over |= watch.deliver(&mut seen, record.value.as_deref());
        }
    }
    watch.add(seen);
    consumer.commit().await?;
    consumer.close().await?;
    watch.report()
}
