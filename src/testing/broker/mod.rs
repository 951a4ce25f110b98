//! Kafka without sockets, threads or clocks.
//!
//! A [`Cluster`] is several brokers in one value. It is given request frames and the time, and gives
//! response frames and the time at which it wants to be called again. `FakeCluster` puts TCP and a clock
//! around it; a simulation can use it as it is.
//!
//! Its rules are Kafka's, where a client can tell the difference: each connection is served one request
//! after the other, a fetch or a join that waits blocks its connection, groups go by the rules of the
//! group coordinator. Left out is what only brokers see: replication takes no time, nothing is deleted
//! by age, and transactions exist only as what they leave in the log.

#[allow(
    clippy::needless_pass_by_value,
    reason = "handlers have one shape, and most take the request apart"
)]
mod api;
mod control;
mod exchange;
mod fault;
mod group;
mod log;
mod records;
mod release;
mod requests;
mod settings;
mod subject;
#[cfg(test)]
mod tests;
mod topics;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

pub use control::MemberInfo;
pub use exchange::{Action, ConnectionId, Output};
pub use fault::{Fault, FaultId, On};
pub use group::GroupState;
pub use records::Record;
pub use release::KafkaRelease;
pub use requests::{SeenCommit, SeenRequest};
pub use settings::{BrokerSettings, OnUnknownApi, Settings};

use api::ParkedFetch;
use exchange::{Connection, Finished, Ticket};
use fault::Faults;
use group::{Group, RequestId};
use release::Versions;
use requests::{CommitLog, RequestLog};
use topics::Topics;

/// Several brokers.
#[derive(Debug)]
pub struct Cluster {
    settings: Settings,
    started_at: Instant,
    brokers: BTreeMap<i32, Broker>,
    topics: Topics,
    groups: BTreeMap<String, Group>,
    faults: Faults,
    requests: RequestLog,
    commits: CommitLog,
    last_request: u64,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Connections that are free for their next request.
    ready: VecDeque<ConnectionId>,
    /// JoinGroup and SyncGroup requests whose answers come from their group.
    waiting: BTreeMap<RequestId, Ticket>,
    fetches: Vec<ParkedFetch>,
    /// Answers that are late on purpose, by the time at which they go out, in the order they were made.
    delayed: BTreeMap<(Instant, RequestId), Finished>,
    /// Answers that go out when a fault is lifted.
    held: Vec<(FaultId, Finished)>,
    /// Answers of brokers that are cut off.
    undelivered: Vec<Finished>,
    outputs: VecDeque<Output>,
}

/// One broker.
#[derive(Debug)]
struct Broker {
    settings: BrokerSettings,
    release: KafkaRelease,
    versions: Versions,
    is_running: bool,
    /// Takes bytes and never answers, as if packets were lost.
    is_cut_off: bool,
    /// What it goes by while it has lost touch with the other brokers.
    recalls: Option<Recalled>,
}

/// What there was when a broker lost touch with the others.
#[derive(Debug)]
struct Recalled {
    topics: Topics,
    running: BTreeSet<i32>,
}

impl Broker {
    /// Whether it has lost touch with the other brokers.
    fn is_isolated(&self) -> bool {
        self.recalls.is_some()
    }
}

impl Cluster {
    /// A cluster that starts now, without topics.
    ///
    /// # Panics
    /// If there is no broker.
    pub fn new(now: Instant, settings: Settings) -> Self {
        assert!(!settings.brokers.is_empty(), "a cluster has brokers");
        let brokers = settings.brokers.iter().map(|broker| {
            let state = Broker {
                settings: broker.clone(),
                release: settings.release,
                versions: settings.versions(broker.id, settings.release),
                is_running: true,
                is_cut_off: false,
                recalls: None,
            };
            (broker.id, state)
        });
        Self {
            brokers: brokers.collect(),
            started_at: now,
            topics: Topics::new(settings.seed),
            groups: BTreeMap::new(),
            faults: Faults::default(),
            requests: RequestLog::default(),
            commits: CommitLog::default(),
            last_request: 0,
            connections: BTreeMap::new(),
            ready: VecDeque::new(),
            waiting: BTreeMap::new(),
            fetches: Vec::new(),
            delayed: BTreeMap::new(),
            held: Vec::new(),
            undelivered: Vec::new(),
            outputs: VecDeque::new(),
            settings,
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn timestamp_ms(&self, now: Instant) -> i64 {
        let since_start = now.saturating_duration_since(self.started_at);
        self.settings.started_at_ms + since_start.as_millis() as i64
    }

    fn running(&self) -> BTreeSet<i32> {
        self.brokers
            .iter()
            .filter(|(_, broker)| broker.is_running)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Those that run, as far as this one knows.
    fn running_as_known_to(&self, broker: i32) -> BTreeSet<i32> {
        match self
            .brokers
            .get(&broker)
            .and_then(|broker| broker.recalls.as_ref())
        {
            Some(recalled) => recalled.running.clone(),
            None => self.running(),
        }
    }

    /// Those that run and are in touch with each other.
    fn in_touch(&self) -> BTreeSet<i32> {
        let mut running = self.running();
        running.retain(|id| !self.brokers[id].is_isolated());
        running
    }

    /// Does something with the topics as a broker knows them.
    fn as_known_to<T>(&mut self, broker: i32, act: impl FnOnce(&mut Self) -> T) -> T {
        self.exchange_topics(broker);
        let result = act(self);
        self.exchange_topics(broker);
        result
    }

    /// Exchanges the topics with those that a broker recalls, if it does.
    fn exchange_topics(&mut self, broker: i32) {
        let recalled = self
            .brokers
            .get_mut(&broker)
            .and_then(|broker| broker.recalls.as_mut());
        if let Some(recalled) = recalled {
            std::mem::swap(&mut self.topics, &mut recalled.topics);
        }
    }

    /// Any will do, and no test should depend on which: the one with the lowest id.
    fn controller(&self) -> Option<i32> {
        self.running().first().copied()
    }
}

/// A number of milliseconds from the wire; negative ones are none.
fn millis(ms: i32) -> Duration {
    Duration::from_millis(ms.max(0).cast_unsigned().into())
}
