//! One broker, and the ZooKeeper of the older ones: what they are configured with and how they are run.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{
    cluster::PATIENCE, distribution::Distribution, ports, process::Process, release::Quorum,
};

/// How long a clean stop may take: the broker hands its partitions over and flushes its logs.
const CLEAN_STOP: Duration = Duration::from_secs(120);

/// How often a foreign process is asked whether it has come up.
pub(crate) const POLL: Duration = Duration::from_millis(25);

/// How soon a broker that was killed counts as dead.
const SESSION_MS: &str = "4000";

/// The same beside ZooKeeper, which forgives less: where a machine kept a broker or a ZooKeeper waiting for longer, the
/// session was over, and what had been asked of the broker meanwhile failed.
const ZOOKEEPER_SESSION_MS: &str = "10000";

/// Any 22 characters that decode to 16 bytes.
const CLUSTER_ID: &str = "c2FyYW1hLWNsdXN0ZXIuLg";

pub(crate) type Properties = BTreeMap<String, String>;

/// The addresses of one cluster, fixed before its first process starts.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) quorum: Quorum,
    zookeeper: u16,
    /// The ports of each broker, the first of which has id 1: for clients and, in KRaft, for controllers.
    brokers: Vec<(u16, u16)>,
    detours: Vec<Detour>,
}

/// A second listener of a broker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Detour {
    /// The port that the broker listens on.
    pub(crate) listener: u16,
    /// The port that it sends clients to.
    pub(crate) advertised: u16,
}

impl Plan {
    pub(crate) fn new(quorum: Quorum, brokers: usize) -> Self {
        let brokers = (0..brokers)
            .map(|_| (ports::free(), ports::free()))
            .collect();
        Self {
            quorum,
            zookeeper: ports::free(),
            brokers,
            detours: Vec::new(),
        }
    }

    pub(crate) fn add_detours(&mut self) {
        let detour = |_: &_| Detour {
            listener: ports::free(),
            advertised: ports::free(),
        };
        self.detours = self.brokers.iter().map(detour).collect();
    }

    pub(crate) fn detours(&self) -> &[Detour] {
        &self.detours
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = i32> + use<> {
        1..=self.brokers.len() as i32
    }

    pub(crate) fn address(&self, id: i32) -> SocketAddr {
        let (port, _) = self.brokers[id as usize - 1];
        (Ipv4Addr::LOCALHOST, port).into()
    }

    pub(crate) fn zookeeper(&self) -> String {
        format!("127.0.0.1:{}", self.zookeeper)
    }

    fn properties(&self, id: i32, data: &Path) -> Properties {
        let (port, controller) = self.brokers[id as usize - 1];
        let copies = self.brokers.len().min(3);
        let mut properties = Properties::new();
        let mut set = |name: &str, value: String| properties.insert(name.to_owned(), value);

        set(
            "advertised.listeners",
            format!("PLAINTEXT://127.0.0.1:{port}"),
        );
        set("log.dirs", data.display().to_string());
        set("auto.create.topics.enable", "false".into());
        set("delete.topic.enable", "true".into());
        set("offsets.topic.num.partitions", "5".into());
        set("offsets.topic.replication.factor", copies.to_string());
        set("transaction.state.log.num.partitions", "2".into());
        set(
            "transaction.state.log.replication.factor",
            copies.to_string(),
        );
        set("transaction.state.log.min.isr", "1".into());
        set("group.initial.rebalance.delay.ms", "0".into());
        // A test that waits for a session to expire should not have to wait for the usual six seconds.
        set("group.min.session.timeout.ms", "500".into());
        // What has used up a quota counts for a second or two, and not for ten.
        set("quota.window.num", "2".into());
        // The cleaner takes 128 MiB for itself if not asked to be modest.
        set("log.cleaner.dedupe.buffer.size", "4194304".into());

        match self.quorum {
            Quorum::ZooKeeper => {
                set("broker.id", id.to_string());
                set("listeners", format!("PLAINTEXT://127.0.0.1:{port}"));
                set("zookeeper.connect", self.zookeeper());
                set("zookeeper.session.timeout.ms", ZOOKEEPER_SESSION_MS.into());
                // Else it is the session's: too short where ten programs in Java start at once.
                set("zookeeper.connection.timeout.ms", "60000".into());
                // Before 0.11 retention is the only way to have records deleted.
                set("log.retention.check.interval.ms", "500".into());
                // What 0.9 and 0.10 go by beside the listeners.
                set("port", port.to_string());
                set("host.name", "127.0.0.1".into());
                set("advertised.host.name", "127.0.0.1".into());
            }
            Quorum::KRaft => {
                let voters: Vec<_> = (1..)
                    .zip(&self.brokers)
                    .map(|(id, (_, controller))| format!("{id}@127.0.0.1:{controller}"))
                    .collect();
                set("node.id", id.to_string());
                set("process.roles", "broker,controller".into());
                set("controller.quorum.voters", voters.join(","));
                set("controller.listener.names", "CONTROLLER".into());
                set(
                    "listener.security.protocol.map",
                    "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".into(),
                );
                set(
                    "listeners",
                    format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}"),
                );
                set("broker.session.timeout.ms", SESSION_MS.into());
                set("broker.heartbeat.interval.ms", "500".into());
            }
        }
        if let Some(detour) = self.detours.get(id as usize - 1) {
            detour.add_to(&mut properties);
        }
        properties
    }
}

impl Detour {
    fn add_to(self, properties: &mut Properties) {
        let mut add = |name: &str, first: &str, more: String| {
            let value = properties.entry(name.to_owned()).or_default();
            if value.is_empty() {
                *value = first.to_owned();
            }
            *value = format!("{value},{more}");
        };
        let Self {
            listener,
            advertised,
        } = self;
        add("listeners", "", format!("DETOUR://127.0.0.1:{listener}"));
        add(
            "advertised.listeners",
            "",
            format!("DETOUR://127.0.0.1:{advertised}"),
        );
        add(
            "listener.security.protocol.map",
            "PLAINTEXT:PLAINTEXT",
            "DETOUR:PLAINTEXT".into(),
        );
        let among_brokers = ("inter.broker.listener.name".into(), "PLAINTEXT".into());
        properties.extend([among_brokers]);
    }
}

/// Starts the ZooKeeper of `plan` and waits until it listens.
pub(crate) fn start_zookeeper(
    distribution: &Distribution,
    plan: &Plan,
    scratch: &Path,
) -> Result<Process, String> {
    let home = scratch.join("zookeeper");
    fs::create_dir(&home).expect("the folder is ours");
    let properties = Properties::from([
        ("dataDir".into(), home.join("data").display().to_string()),
        ("clientPort".into(), plan.zookeeper.to_string()),
        ("clientPortAddress".into(), "127.0.0.1".into()),
        ("maxClientCnxns".into(), "0".into()),
        ("admin.enableServer".into(), "false".into()),
        // Sessions may last from 2 to 20 ticks.
        ("tickTime".into(), "500".into()),
    ]);
    let file = write(&home.join("zookeeper.properties"), &properties);
    let mut command = distribution.java("org.apache.zookeeper.server.quorum.QuorumPeerMain", &home);
    command.push(file.into());
    let log = home.join("log");
    let mut zookeeper = Process::spawn(&command, &log, |_| ());
    let address = (Ipv4Addr::LOCALHOST, plan.zookeeper).into();
    await_port(address, &mut zookeeper).map_err(|why| format!("ZooKeeper {why}"))?;
    Ok(zookeeper)
}

/// One broker, running or not, with its folder.
pub(crate) struct Broker {
    id: i32,
    distribution: Distribution,
    address: SocketAddr,
    home: PathBuf,
    properties: Properties,
    process: Option<Process>,
}

impl Broker {
    pub(crate) fn new(
        id: i32,
        distribution: Distribution,
        plan: &Plan,
        scratch: &Path,
        overrides: &Properties,
    ) -> Self {
        let home = scratch.join(format!("broker-{id}"));
        fs::create_dir(&home).expect("the folder is ours");
        let mut broker = Self {
            id,
            distribution,
            address: plan.address(id),
            home,
            properties: Properties::new(),
            process: None,
        };
        broker.properties = plan.properties(id, &broker.data());
        broker.properties.extend(overrides.clone());
        broker
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.properties.insert(name.to_owned(), value.to_owned());
    }

    /// Has it be of another release from its next start on.
    pub(crate) fn replace(&mut self, distribution: Distribution) {
        self.distribution = distribution;
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// What must run to its end before a new KRaft broker may start.
    pub(crate) fn format(&self) -> Process {
        let mut command = self
            .distribution
            .java("kafka.tools.StorageTool", &self.home);
        command.extend(["format", "-t", CLUSTER_ID, "-c"].map(OsString::from));
        command.push(self.write_properties().into());
        Process::spawn(&command, &self.log(), |_| ())
    }

    /// Starts the program and returns at once.
    pub(crate) fn launch(&mut self) {
        let mut command = self.distribution.java("kafka.Kafka", &self.home);
        command.push(self.write_properties().into());
        self.process = Some(Process::spawn(&command, &self.log(), |_| ()));
    }

    /// Waits until it listens, which is some time before it serves.
    pub(crate) fn await_port(&mut self) -> Result<(), String> {
        let process = self.process.as_mut().expect("only called after launch");
        await_port(self.address, process).map_err(|why| format!("broker {} {why}", self.id))
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Ends it in order.
    pub(crate) fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        process.signal("TERM");
        if process.wait(CLEAN_STOP).is_none() {
            panic!("broker {} has not stopped in {CLEAN_STOP:?}", self.id);
        }
    }

    pub(crate) fn signal(&mut self, name: &str) {
        self.process
            .as_mut()
            .expect("only a running broker gets signals")
            .signal(name);
    }

    /// Where it keeps its partitions.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn log(&self) -> PathBuf {
        self.home.join("log")
    }

    fn write_properties(&self) -> PathBuf {
        write(&self.home.join("server.properties"), &self.properties)
    }
}

fn await_port(address: SocketAddr, process: &mut Process) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        if !process.is_running() {
            return Err("ended while starting".into());
        }
        if Instant::now() > deadline {
            return Err(format!("does not listen on {address}"));
        }
        thread::sleep(POLL);
    }
    Ok(())
}

fn write(file: &Path, properties: &Properties) -> PathBuf {
    let text: String = properties
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    fs::write(file, text).expect("the folder is ours");
    file.to_owned()
}
