//! A Kafka cluster of one's own.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    net::{SocketAddr, ToSocketAddrs},
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    thread,
    time::{Duration, Instant},
};

use rdkafka::ClientConfig;

use crate::{
    admin::Admin,
    broker::{Broker, Detour, POLL, Plan, Properties},
    distribution::Distribution,
    metadata::{self, Metadata},
    own::Own,
    producer, quota,
    release::Release,
    replicas,
    stored::{self, Format},
};

/// How long the cluster may take for anything that it does on its own: to elect, to register, to spread
/// the word. Minutes are for a machine with many other things to do; a free one takes a second or two.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Brokers of one release, with ids from 1. They are gone when it is dropped or the test process ends.
///
/// With `KAFKA_BROKERS=host:port,…` in the environment it stands for that cluster, which can be used but
/// neither stopped nor configured.
pub struct Cluster {
    release: Release,
    bootstrap: Vec<String>,
    admin: OnceLock<Admin>,
    own: Option<Own>,
    detours: Vec<Detour>,
}

/// What a cluster shall be; see [`Cluster::builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    release: Release,
    brokers: usize,
    everywhere: Properties,
    of_one: BTreeMap<i32, Properties>,
    detour: bool,
    in_production: bool,
}

impl Builder {
    /// Sets how many brokers there are; one if never said.
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers;
        self
    }

    /// Sets a property of `server.properties` for every broker.
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.everywhere.insert(name.into(), value.into());
        self
    }

    /// Sets a property for one broker.
    pub fn broker_property(mut self, id: i32, name: &str, value: &str) -> Self {
        self.of_one
            .entry(id)
            .or_default()
            .insert(name.into(), value.into());
        self
    }

    /// Gives each broker a second listener, which clients are told to reach at another port: see
    /// [`Cluster::detours`]. Whoever serves that port stands between them and the broker.
    pub fn detour(mut self) -> Self {
        self.detour = true;
        self
    }

    /// Starts brokers as Kafka's own scripts do: they need longer until they are up, and are faster then.
    pub fn in_production(mut self) -> Self {
        self.in_production = true;
        self
    }

    /// Starts the cluster and waits until every broker knows every other.
    ///
    /// # Panics
    /// If it does not come up; the ends of the logs are in the message.
    pub fn start(&self) -> Cluster {
        let mut plan = Plan::new(self.release.quorum(), self.brokers);
        if self.detour {
            plan.add_detours();
        }
        let detours = plan.detours().to_vec();
        let bootstrap = plan.ids().map(|id| plan.address(id).to_string()).collect();
        let mut distribution = distribution(self.release);
        if self.in_production {
            distribution = distribution.in_production();
        }
        let own = Own::start(distribution, plan, |id| {
            let mut properties = self.everywhere.clone();
            properties.extend(self.of_one.get(&id).cloned().unwrap_or_default());
            properties
        });
        Cluster {
            release: self.release,
            bootstrap,
            admin: OnceLock::new(),
            own: Some(own),
            detours,
        }
    }
}

/// A release that is quick to start, once a broker of it has been up.
fn distribution(release: Release) -> Distribution {
    Distribution::of(release).with_classes(|distribution| {
        let plan = Plan::new(release.quorum(), 1);
        let first = Own::start(distribution, plan, |_| Properties::new());
        first.broker(1).stop();
    })
}

impl Cluster {
    /// Starts so many brokers of a release.
    pub fn start(release: Release, brokers: usize) -> Self {
        Self::builder(release).brokers(brokers).start()
    }

    /// Says what a cluster shall be before it starts.
    pub fn builder(release: Release) -> Builder {
        Builder {
            release,
            brokers: 1,
            everywhere: Properties::new(),
            of_one: BTreeMap::new(),
            detour: false,
            in_production: false,
        }
    }

    /// The one broker of a release that the tests of this process share. Each test keeps to topics and
    /// groups of its own, named by [`unique`](crate::unique).
    pub fn shared(release: Release) -> Shared {
        type Slot = Arc<OnceLock<Cluster>>;
        static CLUSTERS: Mutex<BTreeMap<Release, Slot>> = Mutex::new(BTreeMap::new());

        let slot = {
            let mut clusters = CLUSTERS.lock().expect("no holder panics");
            Arc::clone(clusters.entry(release).or_default())
        };
        slot.get_or_init(|| Self::external(release).unwrap_or_else(|| Self::start(release, 1)));
        Shared(slot)
    }

    /// The cluster of `KAFKA_BROKERS`, taken to be of the given release.
    fn external(release: Release) -> Option<Self> {
        let brokers = env::var("KAFKA_BROKERS").ok()?;
        let brokers = brokers.split(',').map(|broker| broker.trim().to_owned());
        Some(Self::existing(release, brokers.collect()))
    }

    /// A cluster that was started elsewhere, taken to be of the given release.
    pub fn existing(release: Release, bootstrap: Vec<String>) -> Self {
        Self {
            release,
            bootstrap,
            admin: OnceLock::new(),
            own: None,
            detours: Vec::new(),
        }
    }

    /// The release that its brokers were started as.
    pub fn release(&self) -> Release {
        self.release
    }

    /// The addresses of all its brokers, running or not, in the order of their ids.
    pub fn bootstrap(&self) -> Vec<String> {
        self.bootstrap.clone()
    }

    /// The second listeners of its brokers, in the order of their ids, if they were built with any.
    pub(crate) fn detours(&self) -> &[Detour] {
        &self.detours
    }

    /// Kills a broker with SIGKILL.
    pub fn kill(&self, broker: i32) {
        self.broker(broker).kill();
    }

    /// Stops a broker cleanly: it hands over what it leads.
    pub fn stop(&self, broker: i32) {
        self.broker(broker).stop();
    }

    /// Starts a broker again, stopping it first if it runs, and waits until all know of it.
    ///
    /// A killed broker of a ZooKeeper cluster is turned away until its last session has expired.
    pub fn restart(&self, broker: i32) {
        self.broker(broker).stop();
        let deadline = Instant::now() + PATIENCE;
        while let Err(why) = self.launch(broker) {
            assert!(Instant::now() < deadline, "{why}\n{}", self.log_tails());
        }
    }

    /// Starts a broker. Fails if it ends by itself, which it may do after it has begun to listen.
    fn launch(&self, broker: i32) -> Result<(), String> {
        let mut node = self.broker(broker);
        node.launch();
        node.await_port()?;
        drop(node);
        metadata::await_on(
            &self.running(),
            |metadata| metadata.brokers.contains_key(&broker),
            || self.broker(broker).is_running(),
        )
    }

    /// Restarts a broker as one of a newer release, with its data and on its port.
    pub fn upgrade(&self, broker: i32, release: Release) {
        let distribution = distribution(release);
        self.broker(broker).replace(distribution);
        self.restart(broker);
    }

    /// Stops the clock of a broker (SIGSTOP): it keeps its connections and answers nothing.
    pub fn suspend(&self, broker: i32) {
        self.broker(broker).signal("STOP");
    }

    /// Lets a suspended broker go on.
    pub fn resume(&self, broker: i32) {
        self.broker(broker).signal("CONT");
    }

    /// Sets a property of one broker for its next start.
    pub fn set_property(&self, broker: i32, name: &str, value: &str) {
        self.broker(broker).set(name, value);
    }

    /// Topics and groups, by an independent client.
    pub fn admin(&self) -> &Admin {
        self.admin.get_or_init(|| Admin::new(self.client_config()))
    }

    /// Settings that every librdkafka client of the tests shares.
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.bootstrap.join(","))
            // The tests stop and start brokers; a client that waits ten seconds to dial again would miss it.
            .set("reconnect.backoff.ms", "20")
            .set("reconnect.backoff.max.ms", "200")
            .set("broker.address.family", "v4");
        if self.release < Release::V0_10_0_1 {
            // 0.9 does not answer the question for its versions.
            config
                .set("api.version.request", "false")
                .set("broker.version.fallback", "0.9.0");
        }
        config
    }

    /// The same for those that write.
    pub(crate) fn producer_config(&self) -> ClientConfig {
        producer::patient(self.client_config())
    }

    /// Creates a topic and waits until every running broker knows a leader for each of its partitions.
    pub fn create_topic(&self, name: &str, partitions: i32, replication: i32) {
        self.create_topic_with(name, partitions, replication, &[]);
    }

    /// The same with configuration of the topic, such as `cleanup.policy`.
    pub fn create_topic_with(
        &self,
        name: &str,
        partitions: i32,
        replication: i32,
        config: &[(&str, &str)],
    ) {
        if self.release < Release::V0_10_2_2 {
            let (partitions, replication) = (partitions.to_string(), replication.to_string());
            let mut arguments = vec!["--create", "--topic", name, "--partitions", &partitions];
            arguments.extend(["--replication-factor", &replication]);
            let config: Vec<_> = config
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            arguments.extend(config.iter().flat_map(|pair| ["--config", pair]));
            self.own().topic_command(&arguments);
        } else {
            self.admin()
                .create_topic(name, partitions, replication, config);
        }
        self.await_partitions(name, partitions);
    }

    /// Raises the number of partitions of a topic to `count`, and waits as after its creation.
    pub fn add_partitions(&self, topic: &str, count: i32) {
        if self.release < Release::V1_1_1 {
            let count = count.to_string();
            self.own()
                .topic_command(&["--alter", "--topic", topic, "--partitions", &count]);
        } else {
            self.admin().add_partitions(topic, count);
        }
        self.await_partitions(topic, count);
    }

    /// Deletes a topic and waits until every running broker has forgotten it.
    pub fn delete_topic(&self, name: &str) {
        if self.release < Release::V0_10_2_2 {
            self.own().topic_command(&["--delete", "--topic", name]);
        } else {
            self.admin().delete_topic(name);
        }
        self.await_metadata(|metadata| !metadata.topics.contains_key(name));
    }

    /// Deletes the records of a partition below `before`, which becomes the start of its log.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        self.admin().delete_records(topic, partition, before);
    }

    /// Has the brokers give so many bytes a second to consumers of this client id. Topics that are created later are
    /// not known before: on releases that are told by a program of theirs one is created.
    pub fn limit_consumer(&self, client_id: &str, bytes_per_second: u32) {
        if self.release < Release::V2_8_2 {
            let rate = format!("consumer_byte_rate={bytes_per_second}");
            let mut arguments = vec!["--alter", "--add-config", &rate];
            arguments.extend(["--entity-type", "clients", "--entity-name", client_id]);
            let _alone = self.own().setting();
            self.own().config_command(&arguments);
            self.create_topic(&format!("after-the-limit-of-{client_id}"), 1, 1);
        } else {
            let broker = self.running()[0];
            quota::limit_consumer(broker, client_id, bytes_per_second)
                .unwrap_or_else(|error| panic!("{broker} sets no quota: {error}"));
        }
    }

    /// Has retention delete what it may of a topic of one partition, and gives the start of its log when
    /// that is done. For releases that delete no records when asked to.
    pub fn expire_records(&self, topic: &str) -> i64 {
        // Segments go one after the other, until this one is left.
        let last = stored::last_segment(&self.folder(topic, 0).expect("the files are at hand"));
        let _alone = self.own().setting();
        self.own()
            .topic_command(&["--alter", "--topic", topic, "--config", "retention.bytes=1"]);
        self.admin().await_start(topic, 0, last);
        last
    }

    /// In which formats the records of a partition are stored; `None` if the files are out of reach.
    pub fn stored(&self, topic: &str, partition: i32) -> Option<BTreeSet<Format>> {
        Some(stored::formats(&self.folder(topic, partition)?))
    }

    fn folder(&self, topic: &str, partition: i32) -> Option<PathBuf> {
        let own = self.own.as_ref()?;
        let leader = self.leader(topic, partition);
        let partition = format!("{topic}-{partition}");
        Some(own.broker(leader).data().join(partition))
    }

    /// What the first running broker that answers thinks of the cluster.
    pub fn metadata(&self) -> Metadata {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut brokers = self.running().into_iter();
            if let Some(answer) = brokers.find_map(|broker| Metadata::ask(broker).ok()) {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "no broker answers\n{}",
                self.log_tails()
            );
            thread::sleep(POLL);
        }
    }

    /// The id of the broker that leads a partition.
    pub fn leader(&self, topic: &str, partition: i32) -> i32 {
        self.metadata().topics[topic][&partition].leader
    }

    /// The id of the broker that coordinates a group, once any group has been used.
    pub fn coordinator(&self, group: &str) -> i32 {
        self.leader("__consumer_offsets", self.partition_of_group(group))
    }

    /// The partition of the topic of all commits that a group is kept in, once any group has been used.
    pub(crate) fn partition_of_group(&self, group: &str) -> i32 {
        // As Kafka does it: Java's hash of the name chooses.
        let hash = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
        let hash = group.encode_utf16().fold(0, hash) & i32::MAX;
        hash % self.metadata().topics["__consumer_offsets"].len() as i32
    }

    /// Waits until every running broker sees the cluster so.
    pub fn await_metadata(&self, condition: impl Fn(&Metadata) -> bool) {
        if let Err(why) = metadata::await_on(&self.running(), condition, || true) {
            panic!("{why}\n{}", self.log_tails());
        }
    }

    /// Waits until every running broker sees all replicas of all partitions in sync.
    pub fn await_replicas(&self) {
        // A leader that has not got there in a third of the time does not get there alone.
        replicas::heal(self, PATIENCE / 3, |_| ());
        self.await_metadata(|metadata| {
            !metadata.topics.is_empty() && metadata.incomplete().next().is_none()
        });
    }

    fn await_partitions(&self, topic: &str, count: i32) {
        self.await_metadata(|metadata| {
            metadata.topics.get(topic).is_some_and(|partitions| {
                partitions.len() == count as usize
                    && partitions.values().all(|partition| partition.leader >= 0)
            })
        });
    }

    fn broker(&self, id: i32) -> MutexGuard<'_, Broker> {
        self.own().broker(id)
    }

    fn own(&self) -> &Own {
        self.own
            .as_ref()
            .expect("the brokers of KAFKA_BROKERS are not ours to touch")
    }

    /// Where all brokers listen, whether they run or not.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let bootstrap = self.bootstrap.iter();
        bootstrap.flat_map(|address| address.to_socket_addrs().expect("an address"))
    }

    fn running(&self) -> Vec<SocketAddr> {
        (1..)
            .zip(&self.bootstrap)
            .filter(|(id, _)| self.own.is_none() || self.broker(*id).is_running())
            .flat_map(|(_, address)| address.to_socket_addrs().expect("an address"))
            .collect()
    }

    /// Copies what the own brokers have logged to this folder.
    pub(crate) fn copy_logs(&self, to: &Path) {
        self.own.iter().for_each(|own| own.copy_logs(to));
    }

    fn log_tails(&self) -> String {
        self.own.as_ref().map(Own::log_tails).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        print_logs_of_a_failure(self);
    }
}

/// A share in a cluster that outlives it.
pub struct Shared(Arc<OnceLock<Cluster>>);

impl Deref for Shared {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        self.0.get().expect("it was started before it was shared")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        print_logs_of_a_failure(self);
    }
}

fn print_logs_of_a_failure(cluster: &Cluster) {
    if thread::panicking() {
        eprintln!("{}", cluster.log_tails());
    }
}
