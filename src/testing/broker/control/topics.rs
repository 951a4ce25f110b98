//! Topics and their records.

use std::{collections::HashMap, time::Instant};

use crate::{
    record::{self, Codec, MarkerType, RecordView, build::control_batch},
    testing::broker::{
        Cluster, Record, records,
        topics::{Partition, TopicRef},
    },
    wire::Uuid,
};

impl Cluster {
    /// Creates a topic, unless it exists, with the cluster's replication factor.
    pub fn create_topic(&mut self, now: Instant, name: &str, partitions: i32) {
        if self.topics.get(name).is_none() {
            let brokers = self.brokers.keys().copied().collect::<Vec<_>>();
            self.topics
                .create(name, partitions, self.settings.replication_factor, &brokers);
            self.leaders_changed(now);
        }
    }

    /// Adds partitions to a topic, up to this count.
    pub fn add_partitions(&mut self, now: Instant, name: &str, count: i32) {
        let brokers = self.brokers.keys().copied().collect::<Vec<_>>();
        self.topics
            .grow(name, count, self.settings.replication_factor, &brokers);
        self.leaders_changed(now);
    }

    /// Deletes a topic, its records and the commits for it. Created again it has another id.
    pub fn delete_topic(&mut self, now: Instant, name: &str) {
        self.topics.delete(name);
        for group in self.groups.values_mut() {
            group.offsets_mut().retain(|(topic, _), _| topic != name);
        }
        self.settle(now);
    }

    /// The id of a topic.
    pub fn topic_id(&self, name: &str) -> Option<Uuid> {
        self.topics.get(name).map(|topic| topic.id)
    }

    /// Appends records as one batch, in the format of the cluster's release. Tells the first offset.
    ///
    /// # Panics
    /// If there is no such partition or no record.
    pub fn produce(
        &mut self,
        now: Instant,
        topic: &str,
        partition: i32,
        codec: Codec,
        records: &[Record],
    ) -> i64 {
        let batch = records::encode(
            records,
            codec,
            self.settings.release.magic(),
            self.timestamp_ms(now),
        );
        let appended = self.append_batches(now, topic, partition, &batch);
        appended.unwrap_or_else(|error| panic!("an own batch is refused: {error}"))
    }

    /// Appends batches or messages as a producer would send them: their offsets are assigned. Tells the
    /// first one.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn append_batches(
        &mut self,
        now: Instant,
        topic: &str,
        partition: i32,
        batches: &[u8],
    ) -> Result<i64, record::Error> {
        let found = self.partition_mut(topic, partition);
        let appended = found.log.append(batches, found.leader_epoch);
        self.settle(now);
        appended
    }

    /// Ends a transaction of that producer in a partition.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn end_transaction(
        &mut self,
        now: Instant,
        topic: &str,
        partition: i32,
        producer_id: i64,
        commit: bool,
    ) {
        let marker = if commit {
            MarkerType::Commit
        } else {
            MarkerType::Abort
        };
        let batch = control_batch(0, producer_id, 0, marker, self.timestamp_ms(now));
        let appended = self.append_batches(now, topic, partition, &batch);
        appended.unwrap_or_else(|error| panic!("an own batch is refused: {error}"));
    }

    /// Deletes the records below the offset: the log starts there.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn delete_records_before(
        &mut self,
        now: Instant,
        topic: &str,
        partition: i32,
        offset: i64,
    ) {
        self.partition_mut(topic, partition)
            .log
            .delete_before(offset);
        self.settle(now);
    }

    /// Loses the records from the offset on, as in an unclean leader election: the leader's epoch is new.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn truncate(&mut self, now: Instant, topic: &str, partition: i32, offset: i64) {
        let found = self.partition_mut(topic, partition);
        found.log.truncate(offset);
        found.leader_epoch += 1;
        self.settle(now);
    }

    /// Keeps only the last record of each key, as the log cleaner does. Records without a key go, too.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn compact(&mut self, now: Instant, topic: &str, partition: i32) {
        let mut last = HashMap::new();
        self.retain_records(now, topic, partition, true, |record| {
            if let Some(key) = record.key() {
                last.insert(key.to_vec(), record.offset());
            }
            true
        });
        self.retain_records(now, topic, partition, false, |record| {
            record
                .key()
                .is_some_and(|key| last.get(key) == Some(&record.offset()))
        });
    }

    /// Removes records and leaves gaps, as the log cleaner does. Batches of which nothing is left stay as
    /// empty ones if `keep_empty`.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn retain_records(
        &mut self,
        now: Instant,
        topic: &str,
        partition: i32,
        keep_empty: bool,
        keep: impl FnMut(&RecordView<'_>) -> bool,
    ) {
        self.partition_mut(topic, partition)
            .log
            .retain(keep_empty, keep);
        self.settle(now);
    }

    /// The first offset that can be read, and the one behind the last.
    pub fn log_bounds(&self, topic: &str, partition: i32) -> Option<(i64, i64)> {
        let found = self
            .topics
            .partition(TopicRef::Name(topic), partition)
            .ok()?;
        Some((found.log.start(), found.log.end()))
    }

    pub(super) fn partition_mut(&mut self, topic: &str, partition: i32) -> &mut Partition {
        let found = self.topics.partition_mut(topic, partition);
        found.unwrap_or_else(|| panic!("there is no partition {topic}-{partition}"))
    }
}
