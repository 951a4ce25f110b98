//! Records written by an independent client.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
};

use rdkafka::{
    ClientConfig, ClientContext, Message,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext},
};

use crate::{
    cluster::{Cluster, PATIENCE},
    release::Release,
};

/// How the batches of a producer are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Codec {
    /// Not at all.
    None,
    /// DEFLATE in gzip's frame.
    Gzip,
    /// Snappy in raw blocks (Java's producer frames them).
    Snappy,
    /// LZ4 in its frame.
    Lz4,
    /// Zstandard, since 2.1.
    Zstd,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Those that a release knows.
    pub fn all_of(release: Release) -> &'static [Self] {
        let has_zstd = release >= Release::V2_4_1;
        if has_zstd {
            &Self::ALL
        } else {
            &Self::ALL[..4]
        }
    }

    /// The name that Kafka's clients give it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// A record to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRecord {
    /// Where to; the producer chooses, by the key if there is one.
    pub partition: Option<i32>,
    /// Null is not empty.
    pub key: Option<Vec<u8>>,
    /// Null is not empty.
    pub value: Option<Vec<u8>>,
    /// In this order; a name may come twice.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970; now, if not given.
    pub timestamp_ms: Option<i64>,
}

impl NewRecord {
    /// A record with a value and nothing else.
    pub fn value(value: impl Into<Vec<u8>>) -> Self {
        Self {
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// Sets the key.
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the partition.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: Option<&[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.map(<[u8]>::to_vec)));
        self
    }
}

/// Where a record has been stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acknowledged {
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
}

/// Settings with which a producer does not give records up when a broker that has just started does not know
/// their topic yet.
pub fn patient(mut config: ClientConfig) -> ClientConfig {
    // librdkafka counts from when the topic was found, so this is longer than any story. An hour, the most that it
    // takes, would be none at all: it counts microseconds in an `int`.
    config.set("topic.metadata.propagation.max.ms", "2000000");
    config
}

/// Writes to one cluster, with acknowledgement by all replicas and, since 0.11, without duplicates of its
/// own making.
pub struct Producer {
    client: BaseProducer<Deliveries>,
}

impl Producer {
    /// Connects to a cluster.
    pub fn new(cluster: &Cluster, codec: Codec) -> Self {
        Self::with(cluster, codec, cluster.release() >= Release::V0_11_0_3)
    }

    /// The same for topics in a format of before 0.11, which leaves no room for what idempotence needs.
    pub fn of_old_formats(cluster: &Cluster, codec: Codec) -> Self {
        Self::with(cluster, codec, false)
    }

    fn with(cluster: &Cluster, codec: Codec, idempotent: bool) -> Self {
        Self::of(cluster.producer_config(), codec, idempotent)
    }

    fn of(mut config: ClientConfig, codec: Codec, idempotent: bool) -> Self {
        let client = config
            .set("compression.codec", codec.name())
            .set("acks", "all")
            .set("enable.idempotence", idempotent.to_string())
            // Time for more than one record to gather.
            .set("linger.ms", "20")
            .set("message.timeout.ms", PATIENCE.as_millis().to_string())
            // For its last words.
            .set("debug", "broker,topic,metadata,eos")
            .set_log_level(RDKafkaLogLevel::Debug)
            .create_with_context(Deliveries::default())
            .expect("the settings are valid");
        Self { client }
    }

    /// Writes records and waits until all are acknowledged: the answers are in the order of the records.
    ///
    /// # Panics
    /// If one is refused, or not acknowledged in time.
    pub fn send(&self, topic: &str, records: &[NewRecord]) -> Vec<Acknowledged> {
        let deliveries = self.client.context();
        deliveries.expect(records.len());
        for (index, record) in records.iter().enumerate() {
            self.enqueue(topic, index, record);
        }
        if let Err(error) = self.client.flush(PATIENCE) {
            deliveries.last_words.print();
            panic!("the records are not acknowledged in time: {error}");
        }
        locate(&deliveries.take(), |partition| {
            let client = self.client.client();
            let bounds = client.fetch_watermarks(topic, partition, PATIENCE);
            bounds.expect("a leader tells the end of its log").1
        })
    }

    /// Writes `count` records, each with its number for a value, over the partitions in turn.
    pub fn send_numbers(&self, topic: &str, count: usize, partitions: i32) -> Vec<Acknowledged> {
        let number = |n: usize| NewRecord::value(n.to_string()).partition(n as i32 % partitions);
        self.send(topic, &(0..count).map(number).collect::<Vec<_>>())
    }

    fn enqueue(&self, topic: &str, index: usize, record: &NewRecord) {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: value.as_ref(),
            });
        }
        let mut next = BaseRecord::<[u8], [u8], usize>::with_opaque_to(topic, index);
        next.partition = record.partition;
        next.key = record.key.as_deref();
        next.payload = record.value.as_deref();
        next.timestamp = record.timestamp_ms;
        // Without headers older brokers than 0.11 can be written to.
        next.headers = (!record.headers.is_empty()).then_some(headers);
        loop {
            match self.client.send(next) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), same)) => {
                    self.client.poll(PATIENCE);
                    next = same;
                }
                Err((error, _)) => panic!("{topic}: {error}"),
            }
        }
    }
}

/// Writes in transactions, since 0.11.
pub struct TransactionalProducer(Producer);

impl TransactionalProducer {
    /// Connects to a cluster. A later one with the same id fences this one.
    pub fn new(cluster: &Cluster, id: &str) -> Self {
        let mut config = cluster.producer_config();
        let client = config
            .set("transactional.id", id)
            .create_with_context(Deliveries::default())
            .expect("the settings are valid");
        let producer = Producer { client };
        let begun = producer.client.init_transactions(PATIENCE);
        begun.expect("the brokers know of transactions");
        Self(producer)
    }

    /// Writes records in a transaction of their own.
    pub fn commit(&self, topic: &str, records: &[NewRecord]) {
        self.write(topic, records);
        let committed = self.0.client.commit_transaction(PATIENCE);
        committed.expect("the transaction is committed");
    }

    /// Writes records and takes them back.
    pub fn abort(&self, topic: &str, records: &[NewRecord]) {
        self.write(topic, records);
        let aborted = self.0.client.abort_transaction(PATIENCE);
        aborted.expect("the transaction is aborted");
    }

    fn write(&self, topic: &str, records: &[NewRecord]) {
        let begun = self.0.client.begin_transaction();
        begun.expect("there is no other transaction");
        self.0.send(topic, records);
    }
}

/// What is said of a record that is stored.
#[derive(Debug, Clone, Copy)]
struct Delivery {
    partition: i32,
    offset: Option<i64>,
}

/// Where an acknowledged record lies, unless nobody has said so: of a record that a broker already had when it was
/// sent again, or whose own answer was lost and a later one's came, an idempotent producer knows only that it is
/// stored.
pub(crate) fn told_offset(message: &impl Message) -> Option<i64> {
    Some(message.offset()).filter(|offset| *offset >= 0)
}

/// Where records lie that were sent in this order: one of which nobody has said so lies before the next of its
/// partition, and the last at the partition's end.
fn locate(deliveries: &[Delivery], end: impl Fn(i32) -> i64) -> Vec<Acknowledged> {
    let mut next: BTreeMap<i32, i64> = BTreeMap::new();
    let mut located = Vec::with_capacity(deliveries.len());
    for &Delivery { partition, offset } in deliveries.iter().rev() {
        let offset = offset.unwrap_or_else(|| {
            let next = next.entry(partition).or_insert_with(|| end(partition));
            *next - 1
        });
        next.insert(partition, offset);
        located.push(Acknowledged { partition, offset });
    }
    located.reverse();
    located
}

/// What has become of the records in flight, by their index.
#[derive(Default)]
struct Deliveries {
    records: Mutex<Vec<Option<Result<Delivery, KafkaError>>>>,
    last_words: LastWords,
}

impl Deliveries {
    fn expect(&self, count: usize) {
        let mut deliveries = self.records.lock().expect("no holder panics");
        assert!(deliveries.is_empty(), "one call of send at a time");
        deliveries.resize(count, None);
    }

    fn take(&self) -> Vec<Delivery> {
        let deliveries = std::mem::take(&mut *self.records.lock().expect("no holder panics"));
        let result = |one: Option<Result<_, _>>| one.expect("flush waits for all").unwrap();
        deliveries.into_iter().map(result).collect()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.last_words.keep(format!("{facility}: {message}"));
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let outcome = match result {
            Ok(message) => Ok(Delivery {
                partition: message.partition(),
                offset: told_offset(message),
            }),
            Err((error, _)) => Err(error.clone()),
        };
        self.records.lock().expect("no holder panics")[index] = Some(outcome);
    }
}

/// The last that librdkafka has said of what it does: printed if it does not do what it should.
#[derive(Default)]
struct LastWords(Mutex<VecDeque<String>>);

impl LastWords {
    const LINES: usize = 2_000;

    fn keep(&self, line: String) {
        let mut lines = self.0.lock().expect("no holder panics");
        if lines.len() == Self::LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn print(&self) {
        for line in &*self.0.lock().expect("no holder panics") {
            eprintln!("{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::{
        mocking::MockCluster,
        types::{RDKafkaApiKey, RDKafkaRespErr},
    };

    use super::*;

    #[test]
    fn records_without_an_offset_lie_before_the_next_or_at_the_end() {
        let told = [
            (0, Some(7)),
            (1, None),
            (0, None),
            (0, None),
            (1, Some(4)),
            (0, Some(10)),
            (0, None),
            (1, None),
        ];
        let deliveries = told.map(|(partition, offset)| Delivery { partition, offset });
        let located = locate(&deliveries, |partition| [12, 6][partition as usize]);
        let offsets: Vec<_> = located.iter().map(|at| (at.partition, at.offset)).collect();
        let expected = [
            (0, 7),
            (1, 3),
            (0, 8),
            (0, 9),
            (1, 4),
            (0, 10),
            (0, 11),
            (1, 5),
        ];
        assert_eq!(offsets, expected);
    }

    /// The brokers had the record already when it was sent again: they say so, and not where it lies.
    #[test]
    fn a_record_that_is_stored_already_is_acknowledged_where_it_lies() {
        let kafka = MockCluster::new(1).unwrap();
        kafka.create_topic("t", 1, 1).unwrap();
        let connect = || {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", kafka.bootstrap_servers());
            Producer::of(config, Codec::None, true)
        };
        let producer = connect();
        let one = [NewRecord::value("v").partition(0)];
        assert_eq!(producer.send("t", &one)[0].offset, 0);

        assert_eq!(connect().send("t", &one)[0].offset, 1);
        let is_stored = RDKafkaRespErr::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER;
        kafka.request_errors(RDKafkaApiKey::Produce, &[is_stored]);
        assert_eq!(producer.send("t", &one)[0].offset, 1);
    }
}
