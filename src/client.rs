//! A connection to a Kafka cluster: its brokers, its topics, its offsets.

mod bootstrap;
mod offsets;
mod state;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;

pub use self::offsets::OffsetSpec;
use self::{bootstrap::Bootstrap, state::State};
use crate::{
    call::{self, Call, find_coordinator, metadata},
    config::Config,
    core::{Tokens, cluster},
    error::{Error, ErrorKind, Result},
    net::{OnCompletion, Pool},
    protocol::{ApiKey, ErrorCode},
};

/// A client of a Kafka cluster: knows its brokers, topics, leaders and offsets, and serves one
/// [`Consumer`](crate::Consumer) at a time.
///
/// All methods block until the cluster has answered: one question takes at most the timeouts of
/// [`config.net`](crate::config::Net), but several brokers may have to be asked. What the cluster said
/// of brokers and topics is kept and asked anew when it is older than
/// `config.metadata.refresh_frequency`, or by [`refresh_metadata`](Self::refresh_metadata). A clone is
/// the same client.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<Config>,
    bootstrap: Bootstrap,
    state: Mutex<State>,
    serves_consumer: AtomicBool,
    /// Until it is closed. All questions under way end with it.
    open: Mutex<Option<Sender<Infallible>>>,
    closing: Receiver<Infallible>,
}

/// A broker of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    id: i32,
    host: String,
    port: u16,
    rack: Option<String>,
}

impl Broker {
    /// The node id.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The advertised address, as `host:port`.
    pub fn addr(&self) -> String {
        call::address(&self.host, self.port)
    }

    /// The rack, where the broker has one (`broker.rack`, since 0.10) and the last description of the cluster names it.
    pub fn rack(&self) -> Option<&str> {
        self.rack.as_deref()
    }
}

impl Client {
    /// Connects to a cluster: asks the bootstrap addresses, `host:port` each, for its description.
    ///
    /// # Errors
    ///
    /// An invalid setting or address ([`ErrorKind::Config`]); or that no address answered within
    /// `config.net.dial_timeout` in total, with the last cause.
    pub fn new<A: AsRef<str>>(addrs: impl IntoIterator<Item = A>, config: Config) -> Result<Self> {
        config.validate()?;
        let mut bootstrap = Bootstrap::parse(addrs)?;
        if config.net.resolve_canonical_bootstrap_servers {
            bootstrap = bootstrap.canonical(config.net.dial_timeout)?;
        }
        let config = Arc::new(config);
        let (sender, completions) = crossbeam_channel::unbounded();
        let mut pool = Pool::new(
            Arc::clone(&config),
            Arc::new(move |completion| {
                // Nobody listens any more only while the client goes away.
                let _ = sender.send(completion);
            }),
        );
        let mut tokens = Tokens::default();
        let last = match bootstrap.ask(&config, &mut pool, &completions, &mut tokens) {
            Ok(answer) => answer,
            Err(error) => {
                pool.close(Instant::now() + config.close_timeout);
                return Err(error);
            }
        };
        let brokers = bootstrap.brokers().to_vec();
        let (open, closing) = crossbeam_channel::bounded(0);
        let mut state = State {
            pool,
            completions,
            closing: closing.clone(),
            tokens,
            cluster: cluster::Cluster::new(
                cluster::Settings::of(&config),
                brokers,
                fastrand::u64(..),
            ),
            controller: None,
            cluster_id: None,
            last: metadata::Answer::default(),
            coordinators: std::collections::HashMap::new(),
        };
        state.describe(Instant::now(), last);
        let inner = Inner {
            config,
            bootstrap,
            state: Mutex::new(state),
            serves_consumer: AtomicBool::new(false),
            open: Mutex::new(Some(open)),
            closing,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The settings.
    pub fn cluster_config(&self) -> &Config {
        &self.inner.config
    }

    /// The id of the cluster, where brokers tell it (since 0.10.1).
    pub fn cluster_id(&self) -> Option<String> {
        self.inner.state.lock().cluster_id.clone()
    }

    /// All live brokers, by id.
    ///
    /// # Errors
    ///
    /// Those of [`refresh_metadata`](Self::refresh_metadata), where the description is out of date.
    pub fn brokers(&self) -> Result<Vec<Broker>> {
        let state = self.fresh()?;
        let mut brokers: Vec<Broker> = state.last.brokers.iter().map(Broker::from).collect();
        brokers.sort_by_key(Broker::id);
        Ok(brokers)
    }

    /// The broker with this id.
    ///
    /// # Errors
    ///
    /// `BROKER_NOT_AVAILABLE` where there is none; else as [`brokers`](Self::brokers).
    pub fn broker(&self, id: i32) -> Result<Broker> {
        let found = self.brokers()?.into_iter().find(|b| b.id == id);
        found.ok_or_else(|| Error::broker_code(ErrorCode::BROKER_NOT_AVAILABLE, "metadata"))
    }

    /// The broker that is the controller, as last described (since 0.10).
    ///
    /// # Errors
    ///
    /// As [`broker`](Self::broker).
    pub fn controller(&self) -> Result<Broker> {
        let id = self.fresh()?.controller;
        self.broker(id.unwrap_or(-1))
    }

    /// Asks anew who the controller is.
    ///
    /// # Errors
    ///
    /// As [`refresh_metadata`](Self::refresh_metadata).
    pub fn refresh_controller(&self) -> Result<Broker> {
        self.refresh_metadata::<&str>([])?;
        self.controller()
    }

    /// The names of all topics that are known, in alphabetical order.
    ///
    /// # Errors
    ///
    /// As [`brokers`](Self::brokers).
    pub fn topics(&self) -> Result<Vec<String>> {
        let state = self.fresh()?;
        let known = state
            .cluster
            .topics()
            .filter(|(_, t)| t.error == ErrorCode::NONE);
        Ok(known.map(|(name, _)| name.to_owned()).collect())
    }

    /// The partitions of a topic, in order.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_TOPIC_OR_PARTITION` and the like; else as [`brokers`](Self::brokers).
    pub fn partitions(&self, topic: &str) -> Result<Vec<i32>> {
        self.with_topic(topic, |t| t.partitions.keys().copied().collect())
    }

    /// The partitions of a topic that have a leader, in order.
    ///
    /// # Errors
    ///
    /// As [`partitions`](Self::partitions).
    pub fn writable_partitions(&self, topic: &str) -> Result<Vec<i32>> {
        self.with_topic(topic, |t| {
            t.partitions
                .values()
                .filter(|p| p.leader.is_some())
                .map(|p| p.id)
                .collect()
        })
    }

    /// The leader of a partition.
    ///
    /// # Errors
    ///
    /// `LEADER_NOT_AVAILABLE` where there is none; else as [`partitions`](Self::partitions).
    pub fn leader(&self, topic: &str, partition: i32) -> Result<Broker> {
        let id = self.with_partition(topic, partition, |p| p.leader)?;
        match id {
            Some(id) => self
                .broker(id)
                .map_err(|e| e.at_partition(topic, partition)),
            None => Err(
                Error::broker_code(ErrorCode::LEADER_NOT_AVAILABLE, "metadata")
                    .at_partition(topic, partition),
            ),
        }
    }

    /// The ids of all replicas of a partition.
    ///
    /// # Errors
    ///
    /// As [`partitions`](Self::partitions).
    pub fn replicas(&self, topic: &str, partition: i32) -> Result<Vec<i32>> {
        self.with_partition(topic, partition, |p| p.replicas.clone())
    }

    /// The ids of the replicas of a partition that are in sync.
    ///
    /// # Errors
    ///
    /// As [`partitions`](Self::partitions).
    pub fn in_sync_replicas(&self, topic: &str, partition: i32) -> Result<Vec<i32>> {
        self.with_partition(topic, partition, |p| p.in_sync_replicas.clone())
    }

    /// Asks the cluster for its description: brokers, and these topics; all topics where none is
    /// named.
    ///
    /// # Errors
    ///
    /// The last failure, after all known brokers and bootstrap addresses were tried once; or the
    /// error of one of the topics named.
    pub fn refresh_metadata<T: AsRef<str>>(
        &self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<()> {
        let named: BTreeSet<String> = topics.into_iter().map(|t| t.as_ref().to_owned()).collect();
        let mut state = self.open()?;
        // All topics are asked for in either case: one description serves everybody.
        state.refresh(&self.inner.config)?;
        for name in &named {
            let code = match state.cluster.topic(name) {
                Some(topic) => topic.error,
                None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            };
            if code != ErrorCode::NONE {
                return Err(Error::broker_code(code, "metadata")
                    .at_api(ApiKey::Metadata)
                    .at_topic(name));
            }
        }
        Ok(())
    }

    /// The coordinator of a group, as last heard.
    ///
    /// # Errors
    ///
    /// As [`refresh_coordinator`](Self::refresh_coordinator).
    pub fn coordinator(&self, group_id: &str) -> Result<Broker> {
        let known = self.open()?.coordinators.get(group_id).cloned();
        known.map_or_else(|| self.refresh_coordinator(group_id), Ok)
    }

    /// Asks anew who the coordinator of a group is. While there is none yet it is asked again, up to
    /// `config.metadata.retry.max` times.
    ///
    /// # Errors
    ///
    /// The code the cluster answered with, as `COORDINATOR_NOT_AVAILABLE` or
    /// `GROUP_AUTHORIZATION_FAILED`; or why it could not be asked.
    pub fn refresh_coordinator(&self, group_id: &str) -> Result<Broker> {
        let ask = find_coordinator::Ask {
            group_id: group_id.to_owned(),
        };
        let config = &self.inner.config;
        let mut tries = 0;
        loop {
            // Not kept over a wait: others have something to ask as well, and `close` ends this.
            let mut state = self.open()?;
            let answer = state
                .ask_any(config, &Call::FindCoordinator(ask.clone()), None)?
                .into_find_coordinator();
            if let (ErrorCode::NONE, Some(found)) = (answer.error, answer.coordinator) {
                let mut brokers = state.last.brokers.iter();
                let described = brokers.find(|broker| broker.id == found.id);
                let coordinator = Broker {
                    id: found.id,
                    host: found.host,
                    port: found.port,
                    rack: described.and_then(|broker| broker.rack.clone()),
                };
                let known = coordinator.clone();
                state.coordinators.insert(group_id.to_owned(), known);
                return Ok(coordinator);
            }
            if !answer.error.is_retriable() || tries == config.metadata.retry.max {
                return Err(
                    Error::broker_code(answer.error, "coordinator").at_api(ApiKey::FindCoordinator)
                );
            }
            drop(state);
            tries += 1;
            self.pause(config.metadata.retry.backoff);
        }
    }

    /// Closes the connections. A consumer that uses this client is not closed by it. Calls of others
    /// that are under way, and later ones, answer [`ErrorKind::Closed`].
    pub fn close(&self) {
        if self.inner.open.lock().take().is_some() {
            let mut state = self.inner.state.lock();
            let deadline = Instant::now() + self.inner.config.close_timeout;
            state.pool.close(deadline);
        }
    }

    /// Whether [`close`](Self::close) was called.
    pub fn closed(&self) -> bool {
        self.inner.open.lock().is_none()
    }

    /// Waits for so long, or until the client is closed.
    fn pause(&self, time: Duration) {
        let _ = self.inner.closing.recv_timeout(time);
    }

    fn open(&self) -> Result<parking_lot::MutexGuard<'_, State>> {
        let state = self.inner.state.lock();
        if self.closed() {
            Err(Error::new(ErrorKind::Closed, "client"))
        } else {
            Ok(state)
        }
    }

    /// The state, with a description that is not out of date.
    fn fresh(&self) -> Result<parking_lot::MutexGuard<'_, State>> {
        let mut state = self.open()?;
        let frequency = self.inner.config.metadata.refresh_frequency;
        let age = state
            .cluster
            .updated_at()
            .map_or(Duration::MAX, |at| at.elapsed());
        if !frequency.is_zero() && age > frequency {
            state.refresh(&self.inner.config)?;
        }
        Ok(state)
    }

    fn with_topic<T>(&self, topic: &str, read: impl FnOnce(&cluster::Topic) -> T) -> Result<T> {
        let state = self.fresh()?;
        let place = |code| {
            Error::broker_code(code, "metadata")
                .at_api(ApiKey::Metadata)
                .at_topic(topic)
        };
        match state.cluster.topic(topic) {
            Some(t) if t.error == ErrorCode::NONE => Ok(read(t)),
            Some(t) => Err(place(t.error)),
            None => Err(place(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)),
        }
    }

    fn with_partition<T>(
        &self,
        topic: &str,
        partition: i32,
        read: impl FnOnce(&metadata::Partition) -> T,
    ) -> Result<T> {
        self.with_topic(topic, |t| t.partitions.get(&partition).map(read))?
            .ok_or_else(|| {
                Error::broker_code(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "metadata")
                    .at_partition(topic, partition)
            })
    }

    /// Lends the client to a consumer.
    pub(crate) fn lend(&self) -> Result<Lease> {
        if self.closed() {
            return Err(Error::new(ErrorKind::Closed, "client"));
        }
        if self.inner.serves_consumer.swap(true, Ordering::AcqRel) {
            return Err(Error::new(ErrorKind::ClientInUse, "client"));
        }
        Ok(Lease {
            client: self.clone(),
        })
    }
}

/// The right of one consumer to a client, given back when dropped.
pub(crate) struct Lease {
    client: Client,
}

impl Lease {
    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.client.inner.config
    }

    /// Connections of one's own, with the client's settings and what it knows of the brokers.
    pub(crate) fn pool(&self, on_completion: OnCompletion) -> Pool {
        Pool::beside(&self.client.inner.state.lock().pool, on_completion)
    }

    /// Where to start from.
    pub(crate) fn bootstrap(&self) -> Vec<call::Broker> {
        self.client.inner.bootstrap.brokers().to_vec()
    }

    /// The cluster as last described.
    pub(crate) fn description(&self) -> metadata::Answer {
        self.client.inner.state.lock().last.clone()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.client
            .inner
            .serves_consumer
            .store(false, Ordering::Release);
    }
}

impl From<&metadata::Broker> for Broker {
    fn from(broker: &metadata::Broker) -> Self {
        Self {
            id: broker.id,
            host: broker.host.clone(),
            port: broker.port,
            rack: broker.rack.clone(),
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("bootstrap", &self.inner.bootstrap)
            .field("closed", &self.closed())
            .finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.open.get_mut().is_some() {
            let deadline = Instant::now() + self.config.close_timeout;
            self.state.get_mut().pool.close(deadline);
        }
    }
}
