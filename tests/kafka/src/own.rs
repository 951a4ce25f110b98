//! The processes of a cluster that is started here.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    broker::{self, Broker, Plan, Properties},
    cluster::PATIENCE,
    distribution::Distribution,
    metadata::{self, Metadata},
    process::Process,
    release::Quorum,
    scratch::Scratch,
};

/// How many lines of each log a failed test prints.
const LOG_TAIL: usize = 40;

/// A cluster started here. Its parts end in this order: what writes to the folder before the folder.
pub(crate) struct Own {
    brokers: BTreeMap<i32, Mutex<Broker>>,
    setting: Mutex<()>,
    zookeeper: Option<Process>,
    plan: Plan,
    distribution: Distribution,
    scratch: Scratch,
}

impl Own {
    /// Starts all brokers of a plan, with properties of their own by id.
    pub(crate) fn start(
        distribution: Distribution,
        plan: Plan,
        properties: impl Fn(i32) -> Properties,
    ) -> Self {
        let scratch = Scratch::new();
        let new = |id| {
            Broker::new(
                id,
                distribution.clone(),
                &plan,
                scratch.path(),
                &properties(id),
            )
        };
        let brokers = plan.ids().map(|id| (id, Mutex::new(new(id)))).collect();
        let mut own = Self {
            brokers,
            setting: Mutex::new(()),
            zookeeper: None,
            plan,
            distribution,
            scratch,
        };
        if let Err(why) = own.launch() {
            let release = own.distribution.release();
            panic!("{release} did not start: {why}\n{}", own.log_tails());
        }
        own
    }

    fn launch(&mut self) -> Result<(), String> {
        match self.plan.quorum {
            Quorum::ZooKeeper => {
                let path = self.scratch.path();
                let zookeeper = broker::start_zookeeper(&self.distribution, &self.plan, path)?;
                self.zookeeper = Some(zookeeper);
            }
            Quorum::KRaft => {
                let formats: Vec<_> = self.plan.ids().map(|id| self.broker(id).format()).collect();
                for mut format in formats {
                    let status = format.wait(PATIENCE).ok_or("formatting takes too long")?;
                    status.success().then_some(()).ok_or("formatting failed")?;
                }
            }
        }
        for id in self.plan.ids() {
            self.broker(id).launch();
        }
        for id in self.plan.ids() {
            self.broker(id).await_port()?;
        }
        let addresses: Vec<SocketAddr> = self.plan.ids().map(|id| self.plan.address(id)).collect();
        let all_are_there = |metadata: &Metadata| metadata.brokers.len() == addresses.len();
        metadata::await_on(&addresses, all_are_there, || true)
    }

    pub(crate) fn broker(&self, id: i32) -> MutexGuard<'_, Broker> {
        let broker = self
            .brokers
            .get(&id)
            .unwrap_or_else(|| panic!("there is no broker {id}"));
        broker
            .lock()
            .expect("a broker whose handling failed is not used again")
    }

    /// Who changes settings by those programs holds this until the brokers have seen the change. Brokers of 0.9 read the
    /// notes of several changes in any order, and pass over one that is older than the last they have read.
    pub(crate) fn setting(&self) -> MutexGuard<'_, ()> {
        self.setting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs Kafka's own program for topics, for releases that cannot be asked over the wire.
    pub(crate) fn topic_command(&self, arguments: &[&str]) {
        self.command("kafka.admin.TopicCommand", arguments);
    }

    /// The same of the program for settings.
    pub(crate) fn config_command(&self, arguments: &[&str]) {
        self.command("kafka.admin.ConfigCommand", arguments);
    }

    fn command(&self, program: &str, arguments: &[&str]) {
        let mut command = self.distribution.java(program, self.scratch.path());
        command.extend(["--zookeeper".into(), self.plan.zookeeper().into()]);
        command.extend(arguments.iter().map(OsString::from));
        let log = self.scratch.path().join("command.log");
        let status = Process::spawn(&command, &log, |_| ()).wait(PATIENCE);
        let log = fs::read_to_string(log).unwrap_or_default();
        assert!(
            status.is_some_and(|status| status.success()),
            "{arguments:?}: {log}"
        );
    }

    /// The end of the log of each process.
    pub(crate) fn log_tails(&self) -> String {
        let mut tails = String::new();
        for (home, log) in self.logs() {
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<_> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n");
            tails += &format!("--- {}\n{tail}\n", home.display());
        }
        tails
    }

    pub(crate) fn copy_logs(&self, to: &Path) {
        for (home, log) in self.logs() {
            let copy = to.join(home).with_extension("log");
            fs::write(copy, log).expect("the folder is ours");
        }
    }

    /// What each process has logged, by the name of its folder.
    fn logs(&self) -> impl Iterator<Item = (OsString, Vec<u8>)> {
        let homes = fs::read_dir(self.scratch.path()).expect("the folder is ours");
        let of =
            |home: fs::DirEntry| Some((home.file_name(), fs::read(home.path().join("log")).ok()?));
        homes.flatten().filter_map(of)
    }
}
