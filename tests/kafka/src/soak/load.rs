//! Records written throughout a soak, by an independent client with acknowledgement by all replicas.
//!
//! Each carries its partition and its number there, so that a reader sees whether it is the one that was
//! written at its offset.

use std::{
    ops::RangeInclusive,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use checker::Event;
use rdkafka::{
    ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext},
};
use sarama_cluster::ConsumerMessage;

use super::{Topic, journal::Journal};
use crate::{Cluster, Codec, producer::told_offset};

/// The pace: so often some records are written, and what was acknowledged is written down.
const TICK: Duration = Duration::from_millis(20);

/// So many records go to one partition at a time.
const PORTION: usize = 64;

/// How long the last records may take to be acknowledged, once all brokers run.
const FLUSH: Duration = Duration::from_secs(120);

/// What a producer has done, for those who watch it.
#[derive(Default)]
pub(crate) struct Watch {
    /// Tells it to end.
    pub(crate) stop: AtomicBool,
    /// How many records are acknowledged.
    pub(crate) acknowledged: AtomicU64,
    /// How many lie at another offset than their number says: the producer or the brokers have made
    /// duplicates, or dropped what was refused, and the contents tell nothing any more.
    pub(crate) displaced: AtomicU64,
}

/// Writes until it is told to stop, and waits until all is acknowledged. Gives the ends of the partitions.
pub(crate) fn run(
    kafka: &Cluster,
    topics: &[Topic],
    codec: Codec,
    rate: u64,
    journal: &Journal,
    watch: &Watch,
) -> Result<Vec<(String, i32, i64)>, String> {
    let mut lanes: Vec<Lane> = topics.iter().flat_map(Lane::of_topic).collect();
    let context = Answers {
        stored: Mutex::new(vec![Stored::default(); lanes.len()]),
        displaced: AtomicU64::new(0),
        failed: Mutex::new(None),
    };
    let client: BaseProducer<Answers> = kafka
        .producer_config()
        .set("compression.codec", codec.name())
        .set("acks", "all")
        .set("enable.idempotence", "true")
        // Until it is acknowledged, however long the brokers are gone.
        .set("message.timeout.ms", "0")
        .set("linger.ms", "20")
        .set("queue.buffering.max.messages", "400000")
        .create_with_context(context)
        .expect("the settings are valid");

    let mut rng = fastrand::Rng::new();
    let began = Instant::now();
    let mut written = 0;
    while !watch.stop.load(Relaxed) {
        // What could not be written while the brokers were gone is not caught up with.
        let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
        let mut left = due.saturating_sub(written).min(rate);
        written = due;
        while left > 0 {
            let index = rng.usize(..lanes.len());
            let portion = PORTION.min(left as usize);
            left -= portion as u64;
            if !lanes[index].write(&client, index, portion, &mut rng) {
                break;
            }
        }
        client.poll(TICK);
        // A pace, not a wait.
        thread::sleep(TICK);
        client.context().write_down(&lanes, journal, watch);
        if let Some(error) = client.context().failure() {
            return Err(error);
        }
    }
    let flushed = client.flush(FLUSH);
    client.context().write_down(&lanes, journal, watch);
    flushed.map_err(|error| format!("the last records are not acknowledged: {error}"))?;
    Ok(lanes
        .into_iter()
        .map(|lane| (lane.topic, lane.partition, lane.end))
        .collect())
}

/// Whether a message is what was written at its offset.
pub(crate) fn is_genuine(message: &ConsumerMessage) -> bool {
    let Some(value) = message.value().and_then(|value| value.get(..12)) else {
        return false;
    };
    value[..4] == message.partition().to_be_bytes() && value[4..] == message.offset().to_be_bytes()
}

/// One partition.
struct Lane {
    topic: String,
    partition: i32,
    next: i64,
    end: i64,
}

impl Lane {
    fn of_topic(topic: &Topic) -> impl Iterator<Item = Self> {
        (0..topic.partitions).map(|partition| Self {
            topic: topic.name.clone(),
            partition,
            next: 0,
            end: 0,
        })
    }

    /// Writes some records; false if the producer cannot take more just now.
    fn write(
        &mut self,
        client: &BaseProducer<Answers>,
        index: usize,
        count: usize,
        rng: &mut fastrand::Rng,
    ) -> bool {
        for _ in 0..count {
            let mut value = Vec::with_capacity(64);
            value.extend(self.partition.to_be_bytes());
            value.extend(self.next.to_be_bytes());
            value.resize(rng.usize(12..48), 0);
            let opaque = Box::new((index, self.next));
            let record = BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topic, opaque)
                .partition(self.partition)
                .payload(&value);
            match client.send(record) {
                Ok(()) => self.next += 1,
                Err((KafkaError::MessageProduction(code), _)) if passes(code) => return false,
                Err((error, _)) => panic!("{}: {error}", self.topic),
            }
        }
        self.end = self.next;
        true
    }
}

fn passes(code: RDKafkaErrorCode) -> bool {
    match code {
        RDKafkaErrorCode::QueueFull => true,
        // A broker that has just started does not know its topics yet, and says so.
        RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownPartition => true,
        _ => false,
    }
}

/// What has become of the records, by the index of their lane.
struct Answers {
    stored: Mutex<Vec<Stored>>,
    displaced: AtomicU64,
    failed: Mutex<Option<String>>,
}

impl Answers {
    fn write_down(&self, lanes: &[Lane], journal: &Journal, watch: &Watch) {
        let mut stored = self.stored.lock().expect("no holder panics");
        let mut book = journal.open();
        let now = super::clock::now();
        for (lane, stored) in lanes.iter().zip(&mut *stored) {
            for run in stored.runs.drain(..) {
                let count = run.end() - run.start() + 1;
                watch.acknowledged.fetch_add(count as u64, Relaxed);
                let place = book.names.place(&lane.topic, lane.partition);
                let offsets = run;
                book.write(now, &Event::Produced { place, offsets });
            }
        }
        book.flush();
        let displaced = self.displaced.load(Relaxed);
        watch.displaced.store(displaced, Relaxed);
    }

    fn failure(&self) -> Option<String> {
        self.failed.lock().expect("no holder panics").clone()
    }
}

impl ClientContext for Answers {}

impl ProducerContext for Answers {
    type DeliveryOpaque = Box<(usize, i64)>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Self::DeliveryOpaque) {
        let (lane, number) = *opaque;
        let told = match result {
            Ok(message) => told_offset(message),
            Err((error, _)) => {
                let mut failed = self.failed.lock().expect("no holder panics");
                failed.get_or_insert_with(|| format!("a record is refused: {error}"));
                return;
            }
        };
        let mut stored = self.stored.lock().expect("no holder panics");
        let offset = stored[lane].add(told);
        self.displaced
            .fetch_add(u64::from(offset != number), Relaxed);
    }
}

/// Where the records of a lane lie, as they are acknowledged.
#[derive(Clone, Default)]
struct Stored {
    next: i64,
    /// Not yet written down.
    runs: Vec<RangeInclusive<i64>>,
}

impl Stored {
    /// Gives the offset of a record: it lies behind the one before it, unless something else is told.
    fn add(&mut self, told: Option<i64>) -> i64 {
        let offset = told.unwrap_or(self.next);
        match self.runs.last_mut() {
            Some(run) if run.end() + 1 == offset => *run = *run.start()..=offset,
            _ => self.runs.push(offset..=offset),
        }
        self.next = offset + 1;
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_without_an_offset_lie_behind_those_before() {
        let mut stored = Stored::default();
        let told = [None, Some(1), None, None, Some(4), Some(9), None];
        let offsets = told.map(|told| stored.add(told));
        assert_eq!(offsets, [0, 1, 2, 3, 4, 9, 10]);
        assert_eq!(stored.runs, [0..=4, 9..=10]);
    }
}
