//! Group members of other makes, to share a group with, and members in processes that can be killed.
//!
//! All of them tell what happens to them in the same words, [`Event`].

mod event;
pub mod library;
mod librdkafka;

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    mem,
    path::Path,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Select, Sender, TryRecvError, bounded, unbounded};
use sarama_cluster::{Config, Consumer, ConsumerMode};

pub use self::event::{Event, TopicPartition};
use crate::{
    cluster::Cluster, distribution::Distribution, process::Process, release::Release,
    scratch::Scratch,
};

/// How long a member that runs may take to leave its group in order: to wait for its users, to commit, to say
/// goodbye.
pub(crate) const LEAVE: Duration = Duration::from_secs(60);

/// How a group shares out partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    /// Neighbouring partitions of each topic.
    Range,
    /// All partitions in turn.
    RoundRobin,
}

impl Assignor {
    pub(crate) fn protocol(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }
}

/// A member of a group, and what it has told so far.
pub struct Member {
    name: String,
    events: Receiver<Event>,
    told: Vec<Event>,
    life: Life,
}

enum Life {
    /// It stops when `stop` is dropped.
    Thread {
        stop: Sender<()>,
        thread: JoinHandle<()>,
    },
    Process {
        process: Process,
        _scratch: Scratch,
    },
    Over,
}

impl Member {
    /// A member by the library under test.
    pub fn library(cluster: &Cluster, group: &str, topics: &[&str], config: Config) -> Self {
        let mode = config.group.mode;
        let consumer =
            Consumer::new(cluster.bootstrap(), group, topics, config).expect("the brokers answer");
        Self::thread("sarama-cluster", move |tell, stop| {
            // The test may have seen enough.
            library::run(&consumer, mode, &|event| drop(tell.send(event)), &stop);
        })
    }

    /// A member by the library under test in a process of its own, with the settings of
    /// `library::config`.
    pub fn library_process(
        cluster: &Cluster,
        group: &str,
        topics: &[&str],
        mode: ConsumerMode,
    ) -> Self {
        let mode = if mode == ConsumerMode::Multiplex {
            "multiplex"
        } else {
            "partitions"
        };
        let mut program = env::current_exe().expect("a test has a path");
        // From target/debug/deps/test-… to target/debug/member.
        program.pop();
        program.set_file_name("member");
        let mut command = vec![program.into_os_string()];
        let arguments = [&cluster.bootstrap().join(","), group, mode];
        command.extend(arguments.iter().chain(topics).map(OsString::from));
        Self::process("sarama-cluster", &command)
    }

    /// A member by librdkafka. It commits what it has been given when its partitions are revoked.
    pub fn librdkafka(cluster: &Cluster, group: &str, topics: &[&str], assignor: Assignor) -> Self {
        let (config, group) = (cluster.client_config(), group.to_owned());
        let topics: Vec<_> = topics.iter().map(|&topic| topic.to_owned()).collect();
        Self::thread("librdkafka", move |tell, stop| {
            librdkafka::run(config, &group, &topics, assignor, &tell, &stop);
        })
    }

    /// A member by the Java client of the cluster's release.
    pub fn java(cluster: &Cluster, group: &str, topics: &[&str], assignor: Assignor) -> Self {
        Self::java_of(cluster.release(), cluster, group, topics, assignor)
    }

    /// A member by the Java client of another release.
    pub fn java_of(
        client: Release,
        cluster: &Cluster,
        group: &str,
        topics: &[&str],
        assignor: Assignor,
    ) -> Self {
        Self::java_by(assignor.protocol(), client, cluster, group, topics)
    }

    /// A member by the Java client of the cluster's release and the group protocol of KIP-848, where the group
    /// coordinator assigns.
    pub fn java_of_new_protocol(cluster: &Cluster, group: &str, topics: &[&str]) -> Self {
        Self::java_by("consumer", cluster.release(), cluster, group, topics)
    }

    fn java_by(
        assignor: &str,
        client: Release,
        cluster: &Cluster,
        group: &str,
        topics: &[&str],
    ) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("java/GroupMember.java");
        let scratch = Scratch::new();
        let mut command = Distribution::of(client).java(source, scratch.path());
        let arguments = [&cluster.bootstrap().join(","), group, assignor];
        command.extend(arguments.iter().chain(topics).map(OsString::from));
        Self::process_in(scratch, "java", &command)
    }

    /// A member in a thread, which ends when the second of its arguments disconnects.
    fn thread(name: &str, run: impl FnOnce(Sender<Event>, Receiver<()>) + Send + 'static) -> Self {
        let (tell, events) = unbounded();
        let (stop, stopped) = bounded(0);
        let thread = thread::spawn(move || run(tell, stopped));
        Self::new(name, events, Life::Thread { stop, thread })
    }

    /// A member in a process of its own, which prints [`Event`]s and leaves its group at SIGTERM.
    pub fn process(name: &str, command: &[OsString]) -> Self {
        Self::process_in(Scratch::new(), name, command)
    }

    fn process_in(scratch: Scratch, name: &str, command: &[OsString]) -> Self {
        let (sender, events) = unbounded();
        let label = name.to_owned();
        let process = Process::spawn(command, &scratch.path().join("log"), move |line| {
            match line.parse() {
                // The test may have seen enough.
                Ok(event) => drop(sender.send(event)),
                Err(_) => eprintln!("{label}: {line}"),
            }
        });
        Self::new(
            name,
            events,
            Life::Process {
                process,
                _scratch: scratch,
            },
        )
    }

    fn new(name: &str, events: Receiver<Event>, life: Life) -> Self {
        Self {
            name: name.to_owned(),
            events,
            told: Vec::new(),
            life,
        }
    }

    /// What it has told until now.
    pub fn events(&mut self) -> &[Event] {
        self.told.extend(self.events.try_iter());
        &self.told
    }

    /// The partitions it owns now.
    pub fn assignment(&mut self) -> BTreeSet<TopicPartition> {
        let last = self.events().iter().rev().find_map(|event| match event {
            Event::Assigned(partitions) => Some(partitions.clone()),
            Event::Revoked | Event::Left => Some(BTreeSet::new()),
            Event::Record { .. } => None,
        });
        last.unwrap_or_default()
    }

    /// The records it has been given until now, in the order of their delivery.
    pub fn records(&mut self) -> Vec<(TopicPartition, i64)> {
        let record = |event: &Event| match event {
            Event::Record {
                topic,
                partition,
                offset,
            } => Some(((topic.clone(), *partition), *offset)),
            _ => None,
        };
        self.events().iter().filter_map(record).collect()
    }

    /// Waits until the condition holds, which is tried again at each event.
    ///
    /// # Panics
    /// If it does not hold in time, or the member ends first.
    pub fn await_that(&mut self, timeout: Duration, mut condition: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + timeout;
        while !condition(self) {
            match self.events.recv_deadline(deadline) {
                Ok(event) => self.told.push(event),
                Err(why) => panic!("{why} for {}, which told {:?}", self.name, self.told),
            }
        }
    }

    /// The same for a condition on several members, tried again at each event of any of them.
    ///
    /// # Panics
    /// If it does not hold in time, or one of them ends first.
    pub fn await_group(
        members: &mut [&mut Self],
        timeout: Duration,
        mut condition: impl FnMut(&mut [&mut Self]) -> bool,
    ) {
        let deadline = Instant::now() + timeout;
        while !condition(members) {
            let mut select = Select::new();
            for member in &*members {
                select.recv(&member.events);
            }
            let ready = select.ready_deadline(deadline);
            drop(select);
            match ready.map(|index| (index, members[index].events.try_recv())) {
                Ok((index, Ok(event))) => members[index].told.push(event),
                // It was taken by the condition before its channel woke those who wait.
                Ok((_, Err(TryRecvError::Empty))) => {}
                why => panic!(
                    "{why:?}: {:?}",
                    members.iter().map(|m| &m.told).collect::<Vec<_>>()
                ),
            }
        }
    }

    /// Kills it with SIGKILL: its group hears nothing.
    ///
    /// # Panics
    /// If it is a thread.
    pub fn kill(&mut self) {
        let Life::Process { process, .. } = &mut self.life else {
            panic!("{} is no process", self.name)
        };
        process.signal("KILL");
        process.wait(LEAVE).expect("nothing survives SIGKILL");
    }

    /// Stops the clock of a member in a process, or lets it go on.
    ///
    /// # Panics
    /// If it is a thread.
    pub fn suspend(&mut self, suspended: bool) {
        let Life::Process { process, .. } = &mut self.life else {
            panic!("{} is no process", self.name)
        };
        process.signal(if suspended { "STOP" } else { "CONT" });
    }

    /// Has it leave in order, and gives all that it told.
    ///
    /// # Panics
    /// If it panics, or ends otherwise.
    pub fn leave(mut self) -> Vec<Event> {
        match mem::replace(&mut self.life, Life::Over) {
            Life::Thread { stop, thread } => {
                drop(stop);
                thread.join().expect("a member does not panic");
            }
            Life::Process { mut process, .. } => {
                process.signal("TERM");
                process.wait(LEAVE).expect("the member leaves in time");
            }
            Life::Over => unreachable!("it leaves once"),
        }
        let events = self.events().to_vec();
        assert_eq!(
            events.last(),
            Some(&Event::Left),
            "{} ended otherwise",
            self.name
        );
        events
    }

    /// All that a member told that was killed.
    pub fn into_events(mut self) -> Vec<Event> {
        self.events().to_vec()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Life::Thread { stop, thread } = mem::replace(&mut self.life, Life::Over) {
            drop(stop);
            // A panic of its own has been printed; this one's end has another cause.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// crossbeam wakes those who wait for a channel a moment after its event can be taken: they may find nothing.
    /// Here the one who sends takes most of it back.
    #[test]
    fn a_channel_that_was_ready_and_is_empty_is_no_end() {
        let (tell, events) = unbounded();
        let taker = events.clone();
        let thread = thread::spawn(move || {
            for _ in 0..1_000 {
                tell.send(Event::Revoked).expect("the test listens");
                let _ = taker.try_recv();
                thread::yield_now();
            }
            tell.send(Event::Left).expect("the test listens");
        });
        let (stop, _) = bounded(0);
        let mut member = Member::new("taker", events, Life::Thread { stop, thread });
        Member::await_group(&mut [&mut member], LEAVE, |members| {
            members[0].events().last() == Some(&Event::Left)
        });
    }
}
