//! Brokers, and who leads what.

use std::time::Instant;

use crate::{
    protocol::api_versions::ApiVersion,
    testing::broker::{
        Cluster, KafkaRelease, Recalled,
        release::listed,
        topics::{OFFSETS_TOPIC, TopicRef},
    },
};

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
            broker.recalls = None;
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

    /// Makes a broker one of another release, as an upgrade does. It must not run, or have no connections yet. Logs stay
    /// in the format of the cluster.
    pub fn install(&mut self, id: i32, release: KafkaRelease) {
        let versions = self.settings.versions(id, release);
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.release = release;
            broker.versions = versions;
        }
    }

    /// What a broker answers to ApiVersions.
    pub fn listed_versions(&self, id: i32) -> Vec<ApiVersion> {
        let broker = self.brokers.get(&id);
        broker.map_or_else(Vec::new, |broker| listed(&broker.versions))
    }

    /// Whether a broker runs.
    pub fn is_running(&self, id: i32) -> bool {
        self.brokers
            .get(&id)
            .is_some_and(|broker| broker.is_running)
    }

    /// Whether a broker runs and is in touch with the others.
    pub fn is_in_touch(&self, id: i32) -> bool {
        self.in_touch().contains(&id)
    }

    /// Cuts a broker off from its clients, or ends that. Nothing is refused: bytes are just not
    /// delivered meanwhile, in either direction. To the other brokers it looks well.
    pub fn cut_off(&mut self, now: Instant, id: i32, is_cut_off: bool) {
        if let Some(broker) = self.brokers.get_mut(&id) {
            broker.is_cut_off = is_cut_off;
            self.reconnect(now);
        }
    }

    /// Isolates a broker from the others, or ends that. They elect leaders in its place. It goes on to serve its
    /// clients, to whom it describes the brokers and the topics, and reads from them, as they were when it lost touch; of
    /// groups it knows what the others know.
    pub fn isolate(&mut self, now: Instant, id: i32, is_isolated: bool) {
        let running = self.running();
        if let Some(broker) = self.brokers.get_mut(&id)
            && broker.is_running
            && broker.is_isolated() != is_isolated
        {
            broker.recalls = is_isolated.then(|| Recalled {
                topics: self.topics.clone(),
                running,
            });
            self.leaders_changed(now);
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
            self.move_groups(now, partition);
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
    pub(super) fn leaders_changed(&mut self, now: Instant) {
        let in_touch = self.in_touch();
        for (topic, partition) in self.topics.elect(&in_touch) {
            if topic == OFFSETS_TOPIC {
                self.move_groups(now, partition);
            }
        }
        self.settle(now);
    }
}
