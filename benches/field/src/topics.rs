//! The topics that are read, written by librdkafka: what reads them must not have written them.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use kafka_tests::{Cluster, Codec, unique};
use rdkafka::{
    ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
};

use crate::Result;

/// How long librdkafka may take to send what is left.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long to serve librdkafka's events where its queue is full. It takes all of that time.
const PAUSE: Duration = Duration::from_millis(5);

/// So many different values take turns: none comes twice in a batch, and a codec finds no more in it than
/// in real ones.
const VALUES: usize = 1 << 14;

/// What a topic is filled with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) codec: Codec,
    /// Bytes of a value.
    pub(crate) size: usize,
    pub(crate) records: u64,
    pub(crate) partitions: usize,
}

/// Makes a topic and writes the records to its partitions in turn, in batches as a producer has that was set
/// up for throughput. Gives its name.
pub(crate) fn fill(cluster: &Cluster, load: &Load) -> Result<String> {
    let start = Instant::now();
    let topic = unique("field");
    cluster.create_topic(&topic, load.partitions as i32, 1);
    let producer: BaseProducer<Count> = cluster
        .client_config()
        .set("compression.codec", load.codec.name())
        .set("enable.idempotence", "true")
        .set("linger.ms", "100")
        .set("batch.size", "131072")
        .set("queue.buffering.max.messages", "1000000")
        .create_with_context(Count::default())?;
    let values = values(load.size);
    for (value, n) in values.iter().cycle().zip(0..load.records) {
        let partition = (n % load.partitions as u64) as i32;
        let mut record: BaseRecord<'_, (), [u8]> =
            BaseRecord::to(&topic).partition(partition).payload(value);
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
    let stored = producer.context().0.load(Relaxed);
    if stored != load.records {
        return Err(format!("{stored} records were stored instead of {}", load.records).into());
    }
    println!(
        "{}: {} records in {} partitions, written in {:.0} s",
        load.name,
        load.records,
        load.partitions,
        start.elapsed().as_secs_f64()
    );
    Ok(topic)
}

/// Texts that look like events, of this many bytes each: some fields of few values, some numbers, some ids.
pub(crate) fn values(size: usize) -> Vec<Vec<u8>> {
    const EVENTS: [&str; 6] = [
        "page_view",
        "click",
        "add_to_cart",
        "search",
        "purchase",
        "login",
    ];
    const COUNTRIES: [&str; 8] = ["DE", "FR", "US", "JP", "BR", "IN", "GB", "PL"];

    let mut rng = fastrand::Rng::with_seed(1);
    let mut value = |_| {
        let mut value = format!(
            r#"{{"user":"{:08x}","event":"{}","item":{},"ms":{},"country":"{}","ok":true"#,
            rng.u32(..),
            EVENTS[rng.usize(..EVENTS.len())],
            rng.u32(..100_000),
            rng.u32(..2_000),
            COUNTRIES[rng.usize(..COUNTRIES.len())],
        );
        // Large events have more fields of the same kinds.
        let mut field = 0;
        while value.len() + 64 < size {
            value += &match field % 4 {
                0 => format!(r#","session_{field}":"{:016x}""#, rng.u64(..)),
                1 => format!(
                    r#","path_{field}":"/shop/category-{}/list""#,
                    rng.u32(..200)
                ),
                2 => format!(
                    r#","price_{field}":{}.{:02}"#,
                    rng.u32(..500),
                    rng.u32(..100)
                ),
                _ => format!(r#","agent_{field}":"Mozilla/5.0 (X11; Linux x86_64)""#),
            };
            field += 1;
        }
        let mut value = value.into_bytes();
        value.truncate(size);
        value.resize(size, b' ');
        value
    };
    (0..VALUES).map(&mut value).collect()
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
