//! How a cluster is built.

use std::time::Duration;

use super::{KafkaRelease, group::Rules, release::Versions};
use crate::protocol::ApiKey;

/// A cluster to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The brokers.
    pub brokers: Vec<BrokerSettings>,
    /// What they are.
    pub release: KafkaRelease,
    /// Whom to keep from speaking the newest versions: a broker (or all), an API, and its highest version.
    pub version_caps: Vec<(Option<i32>, ApiKey, i16)>,
    /// What a broker does with a request of an API that it does not know.
    pub on_unknown_api: OnUnknownApi,
    /// `auto.create.topics.enable`, with the number of their partitions (`num.partitions`).
    pub auto_create_topics: Option<i32>,
    /// Replicas of a topic that is created without saying, as far as there are brokers.
    pub replication_factor: usize,
    /// `replica.selector.class` is Kafka's `RackAwareReplicaSelector`: clients with a rack are sent to a
    /// replica there.
    pub is_rack_aware: bool,
    /// `offsets.topic.num.partitions`.
    pub offsets_partitions: i32,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay: Duration,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout: Duration,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout: Duration,
    /// Milliseconds since 1970 at the start; timestamps count from there.
    pub started_at_ms: i64,
    /// Makes topic and member ids.
    pub seed: u64,
}

/// A broker to be.
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// Its node id.
    pub id: i32,
    /// Where clients are told to find it.
    pub host: String,
    /// Where clients are told to find it.
    pub port: u16,
    /// `broker.rack`.
    pub rack: Option<String>,
}

/// What a broker does with a request of an API that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnknownApi {
    /// It closes the connection.
    Close,
    /// It stays silent, as 0.9.0.1 does: nothing more happens on that connection.
    Silence,
}

impl Settings {
    /// The versions that a broker speaks if it is of this release.
    pub(super) fn versions(&self, broker: i32, release: KafkaRelease) -> Versions {
        let mut versions = release.versions();
        for (id, api, cap) in &self.version_caps {
            if id.is_none_or(|id| id == broker)
                && let Some(range) = versions.get_mut(api)
            {
                *range = *range.start()..=*cap.min(range.end());
            }
        }
        versions.retain(|_, range| range.start() <= range.end());
        versions
    }

    /// Brokers 1 to `brokers` of that release, with Kafka's defaults but for the initial rebalance
    /// delay, which is none.
    pub fn new(brokers: i32, release: KafkaRelease) -> Self {
        let broker = |id: i32| BrokerSettings {
            id,
            host: "127.0.0.1".to_owned(),
            port: 9091 + id as u16,
            rack: None,
        };
        let on_unknown_api = match release {
            KafkaRelease::V0_9 => OnUnknownApi::Silence,
            _ => OnUnknownApi::Close,
        };
        Self {
            brokers: (1..=brokers).map(broker).collect(),
            release,
            version_caps: Vec::new(),
            on_unknown_api,
            auto_create_topics: None,
            replication_factor: 3,
            is_rack_aware: false,
            offsets_partitions: 8,
            initial_rebalance_delay: Duration::ZERO,
            min_session_timeout: Duration::from_secs(6),
            max_session_timeout: Duration::from_secs(30 * 60),
            started_at_ms: 1_700_000_000_000,
            seed: 1,
        }
    }

    pub(super) fn group_rules(&self) -> Rules {
        Rules {
            initial_rebalance_delay: self.initial_rebalance_delay,
            min_session_timeout: self.min_session_timeout,
            max_session_timeout: self.max_session_timeout,
            heartbeats_while_completing: self.release.heartbeats_while_completing(),
            awaits_sync: self.release.awaits_sync(),
        }
    }
}
