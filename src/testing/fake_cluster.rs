//! The cluster that a test holds in its hand.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    broker::{Cluster, Fault, FaultId, GroupState, MemberInfo, Record, SeenCommit, SeenRequest},
    builder::Builder,
    server::Server,
};
use crate::{
    protocol::ApiKey,
    record::{self, Codec},
};

/// An in-process Kafka on real sockets. Dropping it closes them and ends its threads.
pub struct FakeCluster {
    server: Arc<Server>,
}

/// Starting, and being found.
impl FakeCluster {
    /// One broker of the newest release, without topics.
    ///
    /// # Panics
    /// If there is no port or no thread to be had.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A cluster of one's own choice.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server }
    }

    /// The addresses of all brokers, as `host:port`; of those that are stopped, too.
    pub fn bootstrap(&self) -> Vec<String> {
        self.view(|cluster| cluster.addresses().map(|(_, address)| address).collect())
    }

    /// The address of one broker, as `host:port`.
    ///
    /// # Panics
    /// If there is no such broker.
    pub fn address(&self, broker: i32) -> String {
        let address = self.server.address(broker);
        address
            .unwrap_or_else(|| panic!("there is no broker {broker}"))
            .to_string()
    }

    /// Looks at the cluster while nothing moves.
    pub fn view<T>(&self, look: impl FnOnce(&Cluster) -> T) -> T {
        look(&self.server.lock().cluster)
    }

    /// The cluster's time.
    pub fn now(&self) -> Instant {
        self.server.lock().clock.now()
    }

    /// Moves the cluster's clock forward: sessions expire, fetches are answered, delays are over. What
    /// clients do by their own clocks does not change.
    pub fn advance(&self, by: Duration) {
        self.server.advance(by);
    }
}

/// Topics and records.
impl FakeCluster {
    /// Creates a topic, unless it exists.
    pub fn create_topic(&self, name: &str, partitions: i32) {
        self.server
            .with(|cluster, now| cluster.create_topic(now, name, partitions));
    }

    /// Adds partitions to a topic, up to this count.
    pub fn add_partitions(&self, name: &str, count: i32) {
        self.server
            .with(|cluster, now| cluster.add_partitions(now, name, count));
    }

    /// Deletes a topic, its records and the commits for it. Created again it has another id.
    pub fn delete_topic(&self, name: &str) {
        self.server
            .with(|cluster, now| cluster.delete_topic(now, name));
    }

    /// Appends records as one batch and tells the offset of the first. Pairs are keys and values.
    ///
    /// # Panics
    /// If there is no such partition or no record.
    pub fn produce<R: Into<Record>>(
        &self,
        topic: &str,
        partition: i32,
        records: impl IntoIterator<Item = R>,
    ) -> i64 {
        self.produce_compressed(topic, partition, Codec::None, records)
    }

    /// Like [`produce`](Self::produce), compressed.
    ///
    /// # Panics
    /// If there is no such partition or no record, or if the codec's crate feature is off.
    pub fn produce_compressed<R: Into<Record>>(
        &self,
        topic: &str,
        partition: i32,
        codec: Codec,
        records: impl IntoIterator<Item = R>,
    ) -> i64 {
        let records = records.into_iter().map(Into::into).collect::<Vec<_>>();
        self.server
            .with(|cluster, now| cluster.produce(now, topic, partition, codec, &records))
    }

    /// Appends batches as a producer would send them: their offsets are assigned. Tells the first one.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn produce_batch(
        &self,
        topic: &str,
        partition: i32,
        batch: &[u8],
    ) -> Result<i64, record::Error> {
        self.server
            .with(|cluster, now| cluster.append_batches(now, topic, partition, batch))
    }

    /// Ends a transaction of that producer in a partition.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn end_transaction(&self, topic: &str, partition: i32, producer_id: i64, commit: bool) {
        self.server.with(|cluster, now| {
            cluster.end_transaction(now, topic, partition, producer_id, commit);
        });
    }

    /// Deletes the records below the offset: the log starts there.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn delete_records_before(&self, topic: &str, partition: i32, offset: i64) {
        self.server
            .with(|cluster, now| cluster.delete_records_before(now, topic, partition, offset));
    }

    /// Loses the records from the offset on, as in an unclean leader election.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn truncate(&self, topic: &str, partition: i32, offset: i64) {
        self.server
            .with(|cluster, now| cluster.truncate(now, topic, partition, offset));
    }

    /// Keeps only the last record of each key, as the log cleaner does.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn compact(&self, topic: &str, partition: i32) {
        self.server
            .with(|cluster, now| cluster.compact(now, topic, partition));
    }

    /// Removes records and leaves gaps in the offsets. Batches of which nothing is left stay as empty
    /// ones if `keep_empty`.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn retain_records(
        &self,
        topic: &str,
        partition: i32,
        keep_empty: bool,
        mut keep: impl FnMut(i64) -> bool,
    ) {
        self.server.with(|cluster, now| {
            cluster.retain_records(now, topic, partition, keep_empty, |record| {
                keep(record.offset())
            });
        });
    }

    /// The first offset that can be read, and the one behind the last.
    pub fn log_bounds(&self, topic: &str, partition: i32) -> Option<(i64, i64)> {
        self.view(|cluster| cluster.log_bounds(topic, partition))
    }
}

/// Brokers and leaders.
impl FakeCluster {
    /// Stops a broker: its connections end and new ones are refused, others lead and coordinate in its
    /// place. It keeps its port.
    ///
    /// # Panics
    /// If the port is lost at that moment to another process.
    pub fn stop_broker(&self, id: i32) {
        self.server
            .with(|cluster, now| cluster.stop_broker(now, id));
        self.server
            .shut(id)
            .unwrap_or_else(|error| panic!("the port of broker {id} is lost: {error}"));
    }

    /// Starts a broker that was stopped.
    ///
    /// # Panics
    /// If there is no thread to be had.
    pub fn start_broker(&self, id: i32) {
        self.server
            .with(|cluster, now| cluster.start_broker(now, id));
        self.server
            .open(id)
            .unwrap_or_else(|error| panic!("broker {id} does not start: {error}"));
    }

    /// Cuts a broker off from its clients: it accepts connections, and nothing else arrives in either
    /// direction, until [`reconnect`](Self::reconnect). To the other brokers it looks well.
    pub fn cut_off(&self, id: i32) {
        self.server
            .with(|cluster, now| cluster.cut_off(now, id, true));
    }

    /// Ends [`cut_off`](Self::cut_off): what was on the way arrives.
    pub fn reconnect(&self, id: i32) {
        self.server
            .with(|cluster, now| cluster.cut_off(now, id, false));
    }

    /// Isolates a broker from the others, which elect leaders in its place. It goes on to serve its clients, to whom it
    /// describes the brokers and the topics, and reads from them, as they were at this moment, until [`reunite`](Self::reunite).
    pub fn isolate(&self, id: i32) {
        self.server
            .with(|cluster, now| cluster.isolate(now, id, true));
    }

    /// Ends [`isolate`](Self::isolate): the broker knows what the others know, and follows.
    pub fn reunite(&self, id: i32) {
        self.server
            .with(|cluster, now| cluster.isolate(now, id, false));
    }

    /// Has another broker lead a partition.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn move_leader(&self, topic: &str, partition: i32, to: i32) {
        self.server
            .with(|cluster, now| cluster.move_leader(now, topic, partition, to));
    }

    /// Takes a partition's leader away until [`move_leader`](Self::move_leader) gives it one.
    ///
    /// # Panics
    /// If there is no such partition.
    pub fn take_leader(&self, topic: &str, partition: i32) {
        self.server
            .with(|cluster, now| cluster.take_leader(now, topic, partition));
    }

    /// Who leads a partition.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        self.view(|cluster| cluster.leader(topic, partition))
    }

    /// Has another broker coordinate a group. Who waits for a rebalance there is answered
    /// NOT_COORDINATOR; the new coordinator knows the last stable generation and all commits.
    pub fn move_coordinator(&self, group: &str, to: i32) {
        self.server
            .with(|cluster, now| cluster.move_coordinator(now, group, to));
    }

    /// Who coordinates a group; nobody before the first client has asked.
    pub fn coordinator(&self, group: &str) -> Option<i32> {
        self.view(|cluster| cluster.coordinator(group))
    }
}

/// Groups.
impl FakeCluster {
    /// What a group has committed: the next offset to be read, and its metadata.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<(i64, String)> {
        self.view(|cluster| cluster.committed(group, topic, partition))
    }

    /// Commits an offset past the group's rules, as an administrator would reset it.
    pub fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64, metadata: &str) {
        self.server
            .with(|cluster, now| cluster.commit(now, group, topic, partition, offset, metadata));
    }

    /// The latest commits of a group that were accepted, the oldest first (65,536 of all groups are kept).
    pub fn commits(&self, group: &str) -> Vec<SeenCommit> {
        self.view(|cluster| {
            let all = cluster.commits().filter(|commit| commit.group == group);
            all.cloned().collect()
        })
    }

    /// The members of a group, in the order of joining.
    pub fn members(&self, group: &str) -> Vec<MemberInfo> {
        self.view(|cluster| cluster.members(group))
    }

    /// The generation of a group; 0 before the first.
    pub fn generation(&self, group: &str) -> i32 {
        self.view(|cluster| cluster.generation(group))
    }

    /// The state of a group.
    pub fn group_state(&self, group: &str) -> GroupState {
        self.view(|cluster| cluster.group_state(group))
    }

    /// Removes a member, as an expired session would.
    pub fn evict(&self, group: &str, member_id: &str) {
        self.server
            .with(|cluster, now| cluster.evict(now, group, member_id));
    }
}

/// Faults and requests.
impl FakeCluster {
    /// From now on something goes wrong.
    pub fn inject(&self, fault: Fault) -> FaultId {
        self.server.with(|cluster, _| cluster.inject(fault))
    }

    /// A fault is over; answers that it held back go out.
    pub fn lift(&self, fault: FaultId) {
        self.server.with(|cluster, now| cluster.lift(now, fault));
    }

    /// All faults are over.
    pub fn lift_all(&self) {
        self.server.with(Cluster::lift_all);
    }

    /// How many requests of an API the brokers have seen.
    pub fn requests_seen(&self, api: ApiKey) -> u64 {
        self.view(|cluster| cluster.requests_seen(api))
    }

    /// The latest requests that the brokers have seen, the oldest first (65,536 are kept).
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.view(|cluster| cluster.requests().cloned().collect())
    }
}

/// Waiting. The time given is real time, whatever the cluster's clock does.
impl FakeCluster {
    /// Waits until a condition holds. It is looked at whenever something has happened in the cluster.
    ///
    /// # Panics
    /// If it does not hold in time.
    #[track_caller]
    pub fn await_until(&self, timeout: Duration, mut holds: impl FnMut(&Cluster) -> bool) {
        assert!(
            self.holds_within(timeout, &mut holds),
            "the cluster is not as expected after {timeout:?}"
        );
    }

    /// Waits until a group has committed this offset of a partition, or a later one.
    ///
    /// # Panics
    /// If it does not in time.
    #[track_caller]
    pub fn await_committed(
        &self,
        timeout: Duration,
        group: &str,
        topic: &str,
        partition: i32,
        offset: i64,
    ) {
        let committed = |cluster: &Cluster| cluster.committed(group, topic, partition);
        let is_there = self.holds_within(timeout, &mut |cluster| {
            committed(cluster).is_some_and(|(at, _)| at >= offset)
        });
        assert!(
            is_there,
            "{group} has committed {:?} of {topic}-{partition}, and not {offset}, after {timeout:?}",
            self.view(committed)
        );
    }

    /// Waits until a group is stable with so many members.
    ///
    /// # Panics
    /// If it is not in time.
    #[track_caller]
    pub fn await_members(&self, timeout: Duration, group: &str, count: usize) {
        let state = |cluster: &Cluster| (cluster.group_state(group), cluster.members(group).len());
        let expected = if count == 0 {
            (GroupState::Empty, 0)
        } else {
            (GroupState::Stable, count)
        };
        let is_there = self.holds_within(timeout, &mut |cluster| state(cluster) == expected);
        assert!(
            is_there,
            "{group} is {:?}, and not {expected:?}, after {timeout:?}",
            self.view(state)
        );
    }

    /// Waits until the brokers have seen so many requests of an API.
    ///
    /// # Panics
    /// If they have not in time.
    #[track_caller]
    pub fn await_requests(&self, timeout: Duration, api: ApiKey, count: u64) {
        let is_there =
            self.holds_within(timeout, &mut |cluster| cluster.requests_seen(api) >= count);
        assert!(
            is_there,
            "{} requests of {api}, and not {count}, after {timeout:?}",
            self.requests_seen(api)
        );
    }

    fn holds_within(&self, timeout: Duration, holds: &mut dyn FnMut(&Cluster) -> bool) -> bool {
        let until = Instant::now() + timeout;
        let mut state = self.server.lock();
        loop {
            if holds(&state.cluster) {
                return true;
            }
            if !self.server.wait(&mut state, until) {
                return holds(&state.cluster);
            }
        }
    }
}

impl Drop for FakeCluster {
    fn drop(&mut self) {
        self.server.stop();
    }
}

impl fmt::Debug for FakeCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCluster")
            .field("bootstrap", &self.bootstrap())
            .finish_non_exhaustive()
    }
}
