//! Topics and groups, handled by librdkafka.

use std::{collections::BTreeMap, thread, time::Instant};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication, TopicResult},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaResult, RDKafkaErrorCode},
    topic_partition_list::TopicPartitionListElem,
};

use crate::{broker::POLL, cluster::PATIENCE};

/// An administrator of a cluster.
pub struct Admin {
    config: ClientConfig,
    client: AdminClient<DefaultClientContext>,
}

/// What a group has committed for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The offset that the next owner starts at.
    pub offset: i64,
    /// The string committed with it.
    pub metadata: String,
}

impl Admin {
    pub(crate) fn new(config: ClientConfig) -> Self {
        let client = config.create().expect("the settings are valid");
        Self { config, client }
    }

    pub(crate) fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        replication: i32,
        config: &[(&str, &str)],
    ) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
        for (name, value) in config {
            topic = topic.set(name, value);
        }
        self.insist(&format!("create {name}"), || {
            single(&pollster::block_on(
                self.client.create_topics([&topic], &options()),
            ))
        });
    }

    pub(crate) fn add_partitions(&self, topic: &str, count: i32) {
        let partitions = NewPartitions::new(topic, count as usize);
        self.insist(&format!("add partitions to {topic}"), || {
            single(&pollster::block_on(
                self.client.create_partitions([&partitions], &options()),
            ))
        });
    }

    pub(crate) fn delete_topic(&self, name: &str) {
        self.insist(&format!("delete {name}"), || {
            single(&pollster::block_on(
                self.client.delete_topics(&[name], &options()),
            ))
        });
    }

    pub(crate) fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets
            .add_partition_offset(topic, partition, Offset::Offset(before))
            .expect("the offset is valid");
        let deletion = self.client.delete_records(&offsets, &options());
        let result = pollster::block_on(deletion).expect("the records can be deleted");
        let result = result.elements()[0].error();
        result.expect("the records can be deleted");
    }

    /// What `group` has committed for the partitions of `topic`; those without a commit are left out.
    pub fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, Committed> {
        let consumer: BaseConsumer = self
            .config
            .clone()
            .set("group.id", group)
            .create()
            .expect("the settings are valid");
        let metadata = consumer
            .fetch_metadata(Some(topic), PATIENCE)
            .expect("a broker answers");
        let mut wanted = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            wanted.add_partition(topic, partition.id());
        }
        let deadline = Instant::now() + PATIENCE;
        let committed = loop {
            match consumer.committed_offsets(wanted.clone(), PATIENCE) {
                Ok(committed) => break committed,
                // While the coordinator moves, the old one is asked once or twice.
                Err(error) => assert!(Instant::now() < deadline, "{group}: {error}"),
            }
            thread::sleep(POLL);
        };
        let of_one = |element: &TopicPartitionListElem<'_>| {
            let Offset::Offset(offset) = element.offset() else {
                return None;
            };
            let metadata = element.metadata().to_owned();
            Some((element.partition(), Committed { offset, metadata }))
        };
        committed.elements().iter().filter_map(of_one).collect()
    }

    /// Waits until what `group` has committed for `topic` is so.
    ///
    /// # Panics
    /// If it is not in time.
    pub fn await_committed(
        &self,
        group: &str,
        topic: &str,
        condition: impl Fn(&BTreeMap<i32, Committed>) -> bool,
    ) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let committed = self.committed(group, topic);
            if condition(&committed) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{group} has still committed {committed:?}"
            );
            thread::sleep(POLL);
        }
    }

    /// Waits until a partition's log starts at this offset.
    pub(crate) fn await_start(&self, topic: &str, partition: i32, wanted: i64) {
        let consumer: BaseConsumer = self.config.create().expect("the settings are valid");
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A broker of 0.9 fails with UNKNOWN while it removes the segment that it looks at.
            let marks = consumer.fetch_watermarks(topic, partition, PATIENCE);
            if marks.as_ref().is_ok_and(|(start, _)| *start == wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "{topic} is still at {marks:?}");
            thread::sleep(POLL);
        }
    }

    /// The offset of the next record of a partition that readers will see.
    pub(crate) fn end(&self, topic: &str, partition: i32) -> i64 {
        self.insist(&format!("ask for the end of {topic}/{partition}"), || {
            // A new one remembers no leader.
            let consumer: BaseConsumer = self.config.create().expect("the settings are valid");
            let marks = consumer.fetch_watermarks(topic, partition, PATIENCE);
            let (_, end) = marks.map_err(|error| {
                let code = error.rdkafka_error_code();
                code.expect("librdkafka has a code for all that it says")
            })?;
            Ok(end)
        })
    }

    /// Repeats what fails because of a cluster that has not settled.
    fn insist<T>(&self, what: &str, attempt: impl Fn() -> Result<T, RDKafkaErrorCode>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match attempt() {
                Ok(done) => return done,
                Err(code) => assert!(
                    passes(code) && Instant::now() < deadline,
                    "cannot {what}: {code}"
                ),
            }
            thread::sleep(POLL);
        }
    }
}

fn passes(code: RDKafkaErrorCode) -> bool {
    match code {
        // A broker is listed a moment before the controller counts on it.
        RDKafkaErrorCode::InvalidReplicationFactor => true,
        // The one that was asked has just ceased to be the controller.
        RDKafkaErrorCode::NotController => true,
        // The one that was asked has just ceased to lead: a broker that comes back leads again soon what it led before.
        RDKafkaErrorCode::NotLeaderForPartition => true,
        _ => false,
    }
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE))
}

/// The answer to a question about one topic.
fn single(answer: &KafkaResult<Vec<TopicResult>>) -> Result<(), RDKafkaErrorCode> {
    match answer.as_deref() {
        Ok([Ok(_)]) => Ok(()),
        Ok([Err((_, code))]) => Err(*code),
        other => panic!("no answer about one topic: {other:?}"),
    }
}
