//! What a test does to a cluster from outside, and what it sees of it.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use super::{
    Cluster, Fault, FaultId, GroupState, Record, SeenRequest,
    group::{Committed, Group},
    records,
    topics::{OFFSETS_TOPIC, Partition, TopicRef, java_hash},
};
use crate::{
    protocol::{ApiKey, ErrorCode, consumer_protocol::Assignment},
    record::{self, Codec, MarkerType, RecordView, build::control_batch},
    wire::Uuid,
};

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberInfo {
    /// The id that it was given.
    pub member_id: String,
    /// Its name, if it is a static member.
    pub instance_id: Option<String>,
    /// As whom it came.
    pub client_id: String,
    /// What the leader gave it: topics and their partitions. Empty before the group is stable.
    pub assignment: BTreeMap<String, Vec<i32>>,
}

/// Topics and their records.
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

    fn partition_mut(&mut self, topic: &str, partition: i32) -> &mut Partition {
        let found = self.topics.partition_mut(topic, partition);
        found.unwrap_or_else(|| panic!("there is no partition {topic}-{partition}"))
    }
}

/// Brokers and leaders.
impl Cluster {
    /// All brokers, running or not, and their addresses.
    pub fn addresses(&self) -> impl Iterator<Item = (i32, String)> {
        self.brokers.iter().map(|(id, broker)| {
            (
                *id,
                format!("{}:{}", broker.settings.host, broker.settings.port),
            )
        })
    }

    /// Stops a broker: its connections end, others lead and coordinate in its place.
    pub fn stop_broker(&mut self, now: Instant, id: i32) {
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.is_running = false;
            let connections = self
                .connections
                .iter()
                .filter(|(_, connection)| connection.broker == id);
            for connection in connections.map(|(id, _)| *id).collect::<Vec<_>>() {
                self.close(connection);
            }
            self.leaders_changed(now);
        }
    }

    /// Starts a broker that was stopped. It follows; it leads only what has no other leader.
    pub fn start_broker(&mut self, now: Instant, id: i32) {
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.is_running = true;
            self.leaders_changed(now);
        }
    }

    /// Whether a broker runs.
    pub fn is_running(&self, id: i32) -> bool {
        self.brokers
            .get(&id)
            .is_some_and(|broker| broker.is_running)
    }

    /// Cuts a broker off from its clients, or ends that. Nothing is refused: bytes are just not
    /// delivered meanwhile, in either direction. To the other brokers it looks well.
    pub fn cut_off(&mut self, now: Instant, id: i32, is_cut_off: bool) {
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.is_cut_off = is_cut_off;
            self.reconnect(now);
        }
    }

    /// Has another broker lead a partition, which becomes a replica if it is none.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn move_leader(&mut self, now: Instant, topic: &str, partition: i32, to: i32) {
        let found = self.partition_mut(topic, partition);
        found.stays_leaderless = false;
        if !found.replicas.contains(&to) {
            found.replicas.push(to);
            found.in_sync.push(to);
        }
        let is_other = found.set_leader(Some(to));
        if topic == OFFSETS_TOPIC && is_other {
            self.reload_groups(now, partition);
        }
        self.settle(now);
    }

    /// Takes a partition's leader away until [`move_leader`](Self::move_leader) gives it one.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn take_leader(&mut self, now: Instant, topic: &str, partition: i32) {
        self.partition_mut(topic, partition).stays_leaderless = true;
        self.leaders_changed(now);
    }

    /// Who leads a partition.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        self.topics
            .partition(TopicRef::Name(topic), partition)
            .ok()?
            .leader
    }

    /// Elects leaders where they are missing; groups move to where their partition is led.
    fn leaders_changed(&mut self, now: Instant) {
        let running = self.running();
        for (topic, partition) in self.topics.elect(&running) {
            if topic == OFFSETS_TOPIC {
                self.reload_groups(now, partition);
            }
        }
        self.settle(now);
    }
}

/// Groups.
impl Cluster {
    /// Who coordinates a group: the leader of its partition of `__consumer_offsets`.
    pub fn coordinator(&self, group: &str) -> Option<i32> {
        self.leader(OFFSETS_TOPIC, self.offsets_partition(group))
    }

    /// Has another broker coordinate a group, and those that share its partition of
    /// `__consumer_offsets`. Who waits for a rebalance is answered NOT_COORDINATOR; the new coordinator
    /// knows the last stable generation and all commits.
    pub fn move_coordinator(&mut self, now: Instant, group: &str, to: i32) {
        self.ensure_offsets_topic();
        self.move_leader(now, OFFSETS_TOPIC, self.offsets_partition(group), to);
    }

    /// What a group has committed: the next offset to be read, and what the next owner is to know.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<(i64, String)> {
        let committed = self
            .groups
            .get(group)?
            .offsets()
            .get(&(topic.to_owned(), partition))?;
        Some((committed.offset, committed.metadata.clone()))
    }

    /// Commits an offset past the group's rules, as an administrator would reset it.
    pub fn commit(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        offset: i64,
        metadata: &str,
    ) {
        self.ensure_offsets_topic();
        if let Some(group) = self.group_mut(group, true) {
            let committed = Committed {
                offset,
                leader_epoch: -1,
                metadata: metadata.to_owned(),
            };
            group
                .offsets_mut()
                .insert((topic.to_owned(), partition), committed);
        }
    }

    /// The members of a group, in the order of joining.
    pub fn members(&self, group: &str) -> Vec<MemberInfo> {
        let members = self
            .groups
            .get(group)
            .map(Group::members)
            .unwrap_or_default();
        let members = members.iter().map(|member| {
            let assignment = Assignment::from_bytes(&member.assignment).unwrap_or_default();
            let assigned = assignment.assigned_partitions.into_iter();
            MemberInfo {
                member_id: member.id.clone(),
                instance_id: member.instance_id.clone(),
                client_id: member.client_id.clone(),
                assignment: assigned
                    .map(|topic| (topic.topic, topic.partitions))
                    .collect(),
            }
        });
        members.collect()
    }

    /// The generation of a group; 0 before the first.
    pub fn generation(&self, group: &str) -> i32 {
        self.groups.get(group).map_or(0, Group::generation)
    }

    /// The state of a group.
    pub fn group_state(&self, group: &str) -> GroupState {
        self.groups
            .get(group)
            .map_or(GroupState::Dead, Group::state)
    }

    /// The member id of a group's leader.
    pub fn group_leader(&self, group: &str) -> Option<&str> {
        self.groups.get(group)?.leader()
    }

    /// Removes a member, as an expired session would.
    pub fn evict(&mut self, now: Instant, group: &str, member_id: &str) {
        if let Some(group) = self.groups.get_mut(group) {
            group.leave(now, member_id, None);
        }
        self.settle(now);
    }

    fn offsets_partition(&self, group: &str) -> i32 {
        (java_hash(group) & i32::MAX) % self.settings.offsets_partitions
    }

    /// Kafka creates it when somebody first looks for a group coordinator.
    pub(super) fn ensure_offsets_topic(&mut self) {
        if self.topics.get(OFFSETS_TOPIC).is_none() {
            let brokers = self.brokers.keys().copied().collect::<Vec<_>>();
            let (partitions, replication) = (
                self.settings.offsets_partitions,
                self.settings.replication_factor,
            );
            self.topics
                .create(OFFSETS_TOPIC, partitions, replication, &brokers);
            let running = self.running();
            self.topics.elect(&running);
        }
    }

    pub(super) fn check_coordinator(&self, broker: i32, group: &str) -> Result<(), ErrorCode> {
        match self.coordinator(group) {
            Some(id) if id == broker => Ok(()),
            _ => Err(ErrorCode::NOT_COORDINATOR),
        }
    }

    pub(super) fn group_mut(&mut self, id: &str, create: bool) -> Option<&mut Group> {
        if create && !self.groups.contains_key(id) {
            // Each group makes its member ids from another seed.
            let seed = self
                .settings
                .seed
                .wrapping_add(self.groups.len() as u64 + 1);
            self.groups
                .insert(id.to_owned(), Group::new(self.settings.group_rules(), seed));
        }
        self.groups.get_mut(id)
    }

    fn reload_groups(&mut self, now: Instant, partition: i32) {
        let moved = self
            .groups
            .keys()
            .filter(|id| self.offsets_partition(id) == partition)
            .cloned();
        for id in moved.collect::<Vec<_>>() {
            if let Some(group) = self.groups.get_mut(&id) {
                group.reload(now);
            }
        }
    }
}

/// Faults and requests.
impl Cluster {
    /// From now on something goes wrong.
    pub fn inject(&mut self, fault: Fault) -> FaultId {
        self.faults.inject(fault)
    }

    /// A fault is over; answers that it held back go out.
    pub fn lift(&mut self, now: Instant, fault: FaultId) {
        self.faults.lift(fault);
        self.release_held(|held_by| held_by == fault);
        self.settle(now);
    }

    /// All faults are over.
    pub fn lift_all(&mut self, now: Instant) {
        self.faults.lift_all();
        self.release_held(|_| true);
        self.settle(now);
    }

    /// Whether a fault is in force and has requests left to go wrong.
    pub fn is_armed(&self, fault: FaultId) -> bool {
        self.faults.is_armed(fault)
    }

    /// How many requests of an API the brokers have seen.
    pub fn requests_seen(&self, api: ApiKey) -> u64 {
        self.requests.count(api)
    }

    /// The latest requests that the brokers have seen, the oldest first.
    pub fn requests(&self) -> impl Iterator<Item = &SeenRequest> {
        self.requests.latest()
    }
}
