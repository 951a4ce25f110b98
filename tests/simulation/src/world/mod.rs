//! The world: a clock, a cluster, members, and what happens between them.

mod faults;
mod members;
mod traffic;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use fastrand::Rng;
use sarama_cluster::{
    Result,
    testing::{
        Codec,
        broker::{self, Cluster, FaultId},
    },
};

use crate::{
    judge::Judge,
    member::Member,
    network::{Packet, Weather},
    odds::up_to,
    plan::{BROKERS, Plan},
    report::Report,
    topics::Topics,
    variety,
};

/// Everything.
pub(crate) struct World {
    plan: Plan,
    start: Instant,
    now: Instant,
    /// The chances of the network and of the brokers.
    rng: Rng,
    cluster: Cluster,
    topics: Topics,
    members: Vec<Member>,
    members_made: u32,
    connections_made: u64,
    weather: Weather,
    happenings: BTreeMap<(Instant, u64), Happening>,
    happenings_made: u64,
    records_left: i64,
    injected: Vec<FaultId>,
    /// Those who asked for a commit.
    replies: Vec<Receiver<Result<()>>>,
    judge: Judge,
    trace: Option<Vec<String>>,
    is_calm: bool,
}

/// What is going to happen.
#[derive(Debug)]
enum Happening {
    Packet(u32, Packet),
    Fault(usize),
    StartBroker(i32),
    EndCutOff(i32),
    Reunite(i32),
    GiveLeader(String, i32),
    EndStorm,
    Create(String, i32),
    Produce,
    AskForCommit(u32),
    EndOfFaults,
}

/// How long it may take, after the last fault, until all is delivered and committed.
const CALM: Duration = Duration::from_secs(120);
/// A run that does not get on in so many steps spins.
const STEPS: u64 = 1_000_000;

impl World {
    /// The world of a plan, without the faults of these numbers.
    pub(crate) fn new(plan: Plan, without: &[usize], traced: bool) -> Self {
        let start = Instant::now();
        let mut rng = Rng::with_seed(plan.seed ^ 0x5eed);
        let mut settings = broker::Settings::new(BROKERS, plan.release);
        settings.seed = rng.u64(..);
        settings.min_session_timeout = Duration::from_secs(1);
        if plan.is_varied {
            variety::place_in_racks(&mut settings);
        }
        let mut world = Self {
            start,
            now: start,
            rng,
            cluster: Cluster::new(start, settings),
            topics: Topics::new(),
            members: Vec::new(),
            members_made: 0,
            connections_made: 0,
            weather: Weather::FAIR,
            happenings: BTreeMap::new(),
            happenings_made: 0,
            records_left: plan.load.records,
            injected: Vec::new(),
            replies: Vec::new(),
            judge: Judge::new(start, &plan),
            trace: traced.then(Vec::new),
            is_calm: false,
            plan,
        };
        world.say(|world| format!("{:#?}", world.plan));
        if world.plan.is_varied {
            for id in 1..=BROKERS {
                let release = variety::older_release(&world.plan, &mut world.rng);
                world.say(|_| format!("broker {id} is {release:?}"));
                world.cluster.install(id, release);
            }
        }
        for (number, partitions) in world.plan.topics.clone().into_iter().enumerate() {
            world.create_topic(&format!("t{number}"), partitions);
        }
        for _ in 0..world.plan.members {
            world.start_member();
        }
        for (number, (after, _)) in world.plan.faults.iter().enumerate() {
            if !without.contains(&number) {
                world.happenings_made += 1;
                let key = (start + *after, world.happenings_made);
                world.happenings.insert(key, Happening::Fault(number));
            }
        }
        world.plan_for(start, Happening::Produce);
        world.plan_for(start + world.plan.trouble, Happening::EndOfFaults);
        world
    }

    pub(crate) fn run(mut self) -> Report {
        let end = self.start + self.plan.trouble + CALM;
        let mut steps = 0;
        while self.now < end && self.is_sound() && !(self.is_calm && self.judge.is_done()) {
            self.step();
            steps += 1;
            assert!(steps < STEPS, "it spins at {:?}", self.now - self.start);
        }
        if self.is_sound() {
            self.judge.conclude(self.now);
        }
        for member in &mut self.members {
            member.user.forget_all();
        }
        let checker = self.judge.checker();
        let findings = checker.findings().iter();
        Report {
            findings: findings.map(|finding| checker.explain(finding)).collect(),
            law: checker.findings().first().map(|finding| finding.law),
            trace: self.trace.unwrap_or_default(),
            figures: checker.figures(),
            faults: self.plan.faults.len(),
            lasted: self.now - self.start,
        }
    }

    fn is_sound(&self) -> bool {
        self.judge.checker().findings().is_empty()
    }

    fn plan_for(&mut self, at: Instant, happening: Happening) {
        self.happenings_made += 1;
        self.happenings
            .insert((at, self.happenings_made), happening);
    }

    fn say(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_none() {
            return;
        }
        let line = line(self);
        let at = self.now - self.start;
        let trace = self.trace.as_mut().expect("it was just there");
        trace.push(format!("{:>10.3} {line}", at.as_secs_f64()));
    }

    /// The next thing that happens, wherever it is.
    fn step(&mut self) {
        let planned = self.happenings.keys().next().map(|(at, _)| *at);
        let broker = self.cluster.poll_deadline();
        let deadlines = self.members.iter().enumerate();
        let member = deadlines
            .filter_map(|(index, member)| Some((member.deadline()?, index)))
            .min();
        let times = [planned, broker, member.map(|(at, _)| at)];
        let next = times.into_iter().flatten().min();
        let next = next.expect("there is an end of the faults, and metadata is refreshed for ever");
        self.now = self.now.max(next);
        if planned == Some(next) {
            let (_, happening) = self.happenings.pop_first().expect("it was just seen");
            self.happen(happening);
        } else if broker == Some(next) {
            self.cluster.handle_timeout(self.now);
            self.after_brokers(false);
        } else if let Some((_, index)) = member {
            self.member_acts(index);
        }
        self.bury();
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Packet(member, packet) => self.packet(member, packet),
            Happening::Produce => self.produce(),
            Happening::Fault(number) => {
                let fault = self.plan.faults[number].1.clone();
                self.say(|_| format!("fault {number}: {fault:?}"));
                self.fault(fault);
            }
            Happening::StartBroker(id) => {
                self.say(|_| format!("broker {id} starts"));
                if self.plan.is_varied && self.rng.bool() {
                    self.cluster.install(id, self.plan.release);
                }
                self.cluster.start_broker(self.now, id);
            }
            Happening::EndCutOff(id) => self.cluster.cut_off(self.now, id, false),
            Happening::Reunite(id) => self.cluster.isolate(self.now, id, false),
            Happening::GiveLeader(topic, partition) => self.give_leader(topic, partition),
            Happening::EndStorm => self.weather = Weather::FAIR,
            Happening::Create(topic, partitions) => self.create_topic(&topic, partitions),
            Happening::AskForCommit(member) => self.ask_for_commit(member),
            Happening::EndOfFaults => self.calm_down(),
        }
        self.after_brokers(false);
    }

    fn create_topic(&mut self, name: &str, partitions: i32) {
        self.topics
            .create(self.now, name, partitions, &mut self.cluster);
        let topic = self.topics.named(name).expect("it was just created");
        self.judge.created(topic);
    }

    fn produce(&mut self) {
        if self.is_calm || self.records_left <= 0 {
            return;
        }
        let which = self.rng.usize(..);
        if let Some(place) = self.topics.any(which) {
            let load = &self.plan.load;
            let rng = &mut self.rng;
            let changes = self
                .topics
                .write(self.now, place, load, rng, &mut self.cluster);
            self.records_left -= load.batch;
            for change in changes {
                self.judge.changed(self.now, place, &change);
            }
        }
        let pause = up_to(&mut self.rng, self.plan.load.pause);
        self.plan_for(self.now + pause, Happening::Produce);
    }

    /// From here on nothing goes wrong any more, and users do their work.
    fn calm_down(&mut self) {
        self.say(|_| "calm".to_owned());
        self.is_calm = true;
        self.weather = Weather::FAIR;
        self.cluster.lift_all(self.now);
        for id in 1..=BROKERS {
            self.cluster.cut_off(self.now, id, false);
            self.cluster.isolate(self.now, id, false);
            if !self.cluster.is_running(id) {
                self.cluster.start_broker(self.now, id);
            }
        }
        for member in &mut self.members {
            member.connections.unblock();
            member.user.calm_down(self.now);
        }
        // It wants all topics, and what was given up until the next rebalance is given to somebody.
        if self.plan.style.comes_back && !self.members.is_empty() {
            self.start_one_anew();
        } else {
            self.start_member();
        }
        for place in self.topics.places() {
            let name = self.topics.name(place).to_owned();
            if self.cluster.leader(&name, place.partition).is_none() {
                self.cluster
                    .move_leader(self.now, &name, place.partition, 1);
            }
            let mut changes = self
                .topics
                .end_transaction(self.now, place, &mut self.cluster);
            // A last record: what was forgotten before is marked with it.
            let topics = &self.topics;
            changes.push(topics.write_plain(self.now, place, 1, Codec::None, &mut self.cluster));
            for change in changes {
                self.judge.changed(self.now, place, &change);
            }
        }
    }
}
