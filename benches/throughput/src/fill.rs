//! Writing the topic, by librdkafka: what reads it must not have written it.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use kafka_tests::Cluster;
use rdkafka::{
    ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
};

use crate::{Result, flags::Flags};

/// How long librdkafka may take to send what is left.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long to serve librdkafka's events where its queue is full. It takes all of that time.
const PAUSE: Duration = Duration::from_millis(5);

/// So many different values take turns: none comes twice in a batch, and a codec finds no more in it
/// than in real ones.
const VALUES: usize = 1 << 16;

/// Writes the records to the partitions in turn, in batches as a producer has that was set up for
/// throughput.
pub(crate) fn fill(cluster: &Cluster, topic: &str, flags: &Flags) -> Result<()> {
    let producer: BaseProducer<Count> = cluster
        .client_config()
        .set("compression.codec", flags.codec.name())
        .set("enable.idempotence", "true")
        .set("linger.ms", "50")
        .set("batch.size", "131072")
        .create_with_context(Count::default())?;
    let values = values(flags.size);
    for (value, n) in values.iter().cycle().zip(0..flags.records) {
        let partition = (n % flags.partitions as u64) as i32;
        let mut record: BaseRecord<'_, (), [u8]> =
            BaseRecord::to(topic).partition(partition).payload(value);
        while let Err((error, same)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            producer.poll(PAUSE);
            record = same;
        }
        if n % 1024 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(PATIENCE)?;
    match producer.context().0.load(Relaxed) {
        stored if stored == flags.records => Ok(()),
        stored => Err(format!("{stored} records were stored instead of {}", flags.records).into()),
    }
}

/// Texts that look like events, cut or stretched to the size.
fn values(size: usize) -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(1);
    let value = |_| {
        let mut value = format!(
            r#"{{"user":{:06},"event":"page_view","path":"/item/{:05}","ms":{:04},"ok":true}}"#,
            rng.u32(..1_000_000),
            rng.u32(..100_000),
            rng.u32(..10_000)
        );
        value.truncate(size);
        value.extend(std::iter::repeat_with(|| rng.lowercase()).take(size - value.len()));
        value.into_bytes()
    };
    (0..VALUES).map(value).collect()
}

/// How many records were stored.
#[derive(Default)]
struct Count(AtomicU64);

impl ClientContext for Count {}

impl ProducerContext for Count {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => _ = self.0.fetch_add(1, Relaxed),
            Err((error, _)) => eprintln!("a record was not stored: {error}"),
        }
    }
}
