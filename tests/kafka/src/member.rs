//! Group members of other makes, to share a group with, and members in processes that can be killed.
//!
//! All of them tell what happens to them in the same words, [`Event`].

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fmt,
    path::Path,
    str::FromStr,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rdkafka::{
    ClientContext, Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
};

use crate::{
    cluster::Cluster, distribution::Distribution, process::Process, release::Release,
    scratch::Scratch,
};

/// How long a member that runs may take to leave its group in order.
const LEAVE: Duration = Duration::from_secs(30);

/// A partition of a topic.
pub type TopicPartition = (String, i32);

/// How a group shares out partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    /// Neighbouring partitions of each topic.
    Range,
    /// All partitions in turn.
    RoundRobin,
}

impl Assignor {
    fn protocol(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }
}

/// What a member tells. As text it is one line with tabs between the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// These partitions are its own from now on, and no others.
    Assigned(BTreeSet<TopicPartition>),
    /// It owns nothing until it is assigned something.
    Revoked,
    /// It has been given a record.
    Record {
        /// The record's topic.
        topic: String,
        /// Its partition there.
        partition: i32,
        /// Its offset there.
        offset: i64,
    },
    /// It has left its group in order.
    Left,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assigned(partitions) => {
                f.write_str("assigned")?;
                partitions
                    .iter()
                    .try_for_each(|(topic, n)| write!(f, "\t{topic}\t{n}"))
            }
            Self::Revoked => f.write_str("revoked"),
            Self::Record {
                topic,
                partition,
                offset,
            } => {
                write!(f, "record\t{topic}\t{partition}\t{offset}")
            }
            Self::Left => f.write_str("left"),
        }
    }
}

impl FromStr for Event {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split('\t').collect();
        let strange = |error| format!("{line}: {error}");
        match words[..] {
            ["assigned", ref rest @ ..] => {
                let partition = |pair: &[&str]| match pair {
                    [topic, n] => Ok(((*topic).to_owned(), n.parse().map_err(strange)?)),
                    _ => Err(format!("{line}: a topic without a partition")),
                };
                Ok(Self::Assigned(
                    rest.chunks(2).map(partition).collect::<Result<_, _>>()?,
                ))
            }
            ["revoked"] => Ok(Self::Revoked),
            ["record", topic, partition, offset] => Ok(Self::Record {
                topic: topic.to_owned(),
                partition: partition.parse().map_err(strange)?,
                offset: offset.parse().map_err(strange)?,
            }),
            ["left"] => Ok(Self::Left),
            _ => Err(format!("no event: {line}")),
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
    Thread {
        stop: Arc<AtomicBool>,
        thread: Option<JoinHandle<()>>,
    },
    Process {
        process: Process,
        _scratch: Scratch,
    },
}

impl Member {
    /// A member by librdkafka. It commits what it has been given when its partitions are revoked.
    pub fn librdkafka(cluster: &Cluster, group: &str, topics: &[&str], assignor: Assignor) -> Self {
        let (sender, events) = unbounded();
        let consumer: BaseConsumer<Teller> = cluster
            .client_config()
            .set("group.id", group)
            .set("client.id", "librdkafka")
            .set("partition.assignment.strategy", assignor.protocol())
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "200")
            .set("topic.metadata.refresh.interval.ms", "500")
            .create_with_context(Teller(sender.clone()))
            .expect("the settings are valid");
        consumer
            .subscribe(topics)
            .expect("the topics have valid names");

        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match consumer.poll(Duration::from_millis(50)) {
                    Some(Ok(message)) => consumer.context().tell(Event::Record {
                        topic: message.topic().to_owned(),
                        partition: message.partition(),
                        offset: message.offset(),
                    }),
                    Some(Err(error)) => eprintln!("librdkafka: {error}"),
                    None => (),
                }
            }
            // Dropping it commits and leaves.
            drop(consumer);
            let _ = sender.send(Event::Left);
        });
        Self::new(
            "librdkafka",
            events,
            Life::Thread {
                stop,
                thread: Some(thread),
            },
        )
    }

    /// A member by the Java client of the cluster's release (2.0 or newer).
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
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("java/GroupMember.java");
        let mut command = Distribution::of(client).java(source);
        let arguments = [&cluster.bootstrap().join(","), group, assignor.protocol()];
        command.extend(arguments.iter().chain(topics).map(OsString::from));
        Self::process("java", &command)
    }

    /// A member in a process of its own, which prints [`Event`]s and leaves its group at SIGTERM.
    pub fn process(name: &str, command: &[OsString]) -> Self {
        let (sender, events) = unbounded();
        let scratch = Scratch::new();
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
    pub fn leave(mut self) -> Vec<Event> {
        match &mut self.life {
            Life::Thread { stop, thread } => {
                stop.store(true, Ordering::Relaxed);
                let ended = thread.take().expect("it leaves once").join();
                ended.expect("a member does not panic");
            }
            Life::Process { process, .. } => {
                process.signal("TERM");
                process.wait(LEAVE).expect("the member leaves in time");
            }
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
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Life::Thread { stop, thread } = &mut self.life {
            stop.store(true, Ordering::Relaxed);
            thread.take().map(JoinHandle::join);
        }
    }
}

/// Passes on what librdkafka calls back with.
struct Teller(Sender<Event>);

impl Teller {
    fn tell(&self, event: Event) {
        // The test may have seen enough.
        let _ = self.0.send(event);
    }
}

impl ClientContext for Teller {}

impl ConsumerContext for Teller {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => self.tell(Event::Assigned(set(partitions))),
            Rebalance::Revoke(_) => self.tell(Event::Revoked),
            Rebalance::Error(error) => eprintln!("librdkafka: {error}"),
        }
    }
}

fn set(partitions: &TopicPartitionList) -> BTreeSet<TopicPartition> {
    let elements = partitions.elements();
    elements
        .iter()
        .map(|one| (one.topic().to_owned(), one.partition()))
        .collect()
}
