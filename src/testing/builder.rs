//! How a user says what cluster it wants.

use std::{collections::BTreeMap, io, ops::RangeInclusive, time::Duration};

use super::{
    FakeCluster,
    broker::{BrokerSettings, Cluster, KafkaRelease, OnUnknownApi, Settings},
    clock::Clock,
    server::{self, Server},
};
use crate::protocol::ApiKey;

/// A [`FakeCluster`] to be; see [`FakeCluster::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    brokers: i32,
    racks: BTreeMap<i32, String>,
    release: KafkaRelease,
    on_unknown_api: Option<OnUnknownApi>,
    topics: Vec<(String, i32)>,
    is_standing: bool,
    changes: Settings,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            brokers: 1,
            racks: BTreeMap::new(),
            release: KafkaRelease::NEWEST,
            on_unknown_api: None,
            topics: Vec::new(),
            is_standing: false,
            changes: Settings::new(1, KafkaRelease::NEWEST),
        }
    }
}

impl Builder {
    /// So many brokers, with ids from 1 on. One if not said.
    pub fn brokers(mut self, count: i32) -> Self {
        self.brokers = count;
        self
    }

    /// Brokers of this release: it decides which versions they speak, in which format they keep
    /// records, and some rules. The newest if not said.
    pub fn version(mut self, release: KafkaRelease) -> Self {
        self.release = release;
        self
    }

    /// No broker speaks a higher version of this API.
    pub fn api_version_cap(mut self, api: ApiKey, highest: i16) -> Self {
        self.changes.version_caps.push((None, api, highest));
        self
    }

    /// This broker speaks no higher version of this API: an upgrade that is not finished.
    pub fn broker_api_version_cap(mut self, broker: i32, api: ApiKey, highest: i16) -> Self {
        self.changes.version_caps.push((Some(broker), api, highest));
        self
    }

    /// What a broker does with a request of an API that its release does not know. If not said it closes
    /// the connection, and stays silent if it is a 0.9, which does not know ApiVersions.
    pub fn on_unknown_api(mut self, what: OnUnknownApi) -> Self {
        self.on_unknown_api = Some(what);
        self
    }

    /// With this topic from the start.
    pub fn topic(mut self, name: &str, partitions: i32) -> Self {
        self.topics.push((name.to_owned(), partitions));
        self
    }

    /// Topics come into being, with so many partitions, when a client asks for them and does not forbid
    /// it. Not so if not said, though it is Kafka's default: a wrong name would not be noticed.
    pub fn auto_create_topics(mut self, partitions: i32) -> Self {
        self.changes.auto_create_topics = Some(partitions);
        self
    }

    /// So many replicas of each partition, as far as there are brokers. Three if not said.
    pub fn replication_factor(mut self, replicas: usize) -> Self {
        self.changes.replication_factor = replicas;
        self
    }

    /// The rack of a broker.
    pub fn rack(mut self, broker: i32, rack: &str) -> Self {
        self.racks.insert(broker, rack.to_owned());
        self
    }

    /// Clients that say in which rack they are, are sent to a replica in it.
    pub fn rack_aware(mut self) -> Self {
        self.changes.is_rack_aware = true;
        self
    }

    /// How long an empty group waits for more members. Not at all if not said; Kafka's default is 3 s.
    pub fn initial_rebalance_delay(mut self, delay: Duration) -> Self {
        self.changes.initial_rebalance_delay = delay;
        self
    }

    /// Which session timeouts the group coordinator accepts. 6 s to 30 min, as in Kafka, if not said.
    pub fn session_timeouts(mut self, accepted: RangeInclusive<Duration>) -> Self {
        self.changes.min_session_timeout = *accepted.start();
        self.changes.max_session_timeout = *accepted.end();
        self
    }

    /// The clock stands, and goes only when the test moves it: no timeout comes by surprise.
    pub fn standing_clock(mut self) -> Self {
        self.is_standing = true;
        self
    }

    /// Starts the brokers, on free ports of 127.0.0.1.
    ///
    /// # Panics
    /// If there is no port or no thread to be had.
    pub fn start(self) -> FakeCluster {
        match self.try_start() {
            Ok(cluster) => cluster,
            Err(error) => panic!("no in-process Kafka: {error}"),
        }
    }

    fn try_start(self) -> io::Result<FakeCluster> {
        let defaults = Settings::new(self.brokers, self.release);
        let mut sockets = BTreeMap::new();
        let mut brokers = Vec::new();
        for id in 1..=self.brokers {
            let socket = server::bind_any()?;
            let address = server::address(&socket)?;
            let rack = self.racks.get(&id).cloned();
            brokers.push(BrokerSettings {
                id,
                host: address.ip().to_string(),
                port: address.port(),
                rack,
            });
            sockets.insert(id, socket);
        }
        let settings = Settings {
            brokers,
            release: self.release,
            on_unknown_api: self.on_unknown_api.unwrap_or(defaults.on_unknown_api),
            started_at_ms: unix_time_ms(),
            ..self.changes
        };
        let clock = if self.is_standing {
            Clock::standing()
        } else {
            Clock::running()
        };
        let now = clock.now();
        let mut cluster = Cluster::new(now, settings);
        for (name, partitions) in &self.topics {
            cluster.create_topic(now, name, *partitions);
        }
        Ok(FakeCluster::new(Server::start(cluster, clock, sockets)?))
    }
}

fn unix_time_ms() -> i64 {
    let since_1970 = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default();
    since_1970.as_millis() as i64
}
