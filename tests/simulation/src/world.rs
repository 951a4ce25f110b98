//! The world: a clock, a cluster, members, and what happens between them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::{Duration, Instant},
};

use sarama_cluster::{
    Config, ErrorKind, KafkaVersion,
    call::{Broker, metadata},
    config::InitialOffset,
    consumer::desk::Origin,
    core::engine::{End, Event},
    testing::{
        Codec, KafkaRelease, Record,
        broker::{self, Cluster, ConnectionId},
    },
};

use crate::{
    faults::Fault,
    member::{Member, Wish},
    network::{Completion, Link, Packet, Weather},
    oracle::{Finding, Oracle, Place, Turn},
    user::{Deed, Habits, User},
};

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// The laws that were broken.
    pub findings: Vec<Finding>,
    /// What happened, the latest last; kept only where it was asked for.
    pub trace: Vec<String>,
    /// Records delivered, repetitions included.
    pub deliveries: u64,
    /// Records that were delivered before.
    pub repetitions: u64,
    /// Turns of members at partitions.
    pub turns: u64,
    /// Simulated time.
    pub lasted: Duration,
}

/// Everything.
pub struct World {
    start: Instant,
    now: Instant,
    rng: fastrand::Rng,
    cluster: Cluster,
    topics: Vec<(String, i32)>,
    members: Vec<Member>,
    members_made: u64,
    connections_made: u64,
    weather: Weather,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    happenings: BTreeMap<(Instant, u64), Happening>,
    happenings_made: u64,
    oracle: Oracle,
    trace: Option<Vec<String>>,
    is_calm: bool,
}

#[derive(Debug)]
enum Happening {
    Packet(u64, Packet),
    Fault(Fault),
    StartBroker(i32),
    EndCutOff(i32),
    GiveLeader(String, i32),
    EndStorm,
    Produce,
    EndOfFaults,
}

const BROKERS: i32 = 3;
/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(120);
/// How long it may take, after that, until all is delivered and committed.
const CALM: Duration = Duration::from_secs(240);
/// A run that does not get on in so many steps spins.
const STEPS: u64 = 3_000_000;

/// Runs one seed. With `traced` the report says what happened.
pub fn run(seed: u64, traced: bool) -> Report {
    World::new(seed, traced).run()
}

impl World {
    fn new(seed: u64, traced: bool) -> Self {
        let start = Instant::now();
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut settings = broker::Settings::new(BROKERS, KafkaRelease::V4_4);
        settings.seed = rng.u64(..);
        settings.min_session_timeout = Duration::from_secs(1);
        let mut cluster = Cluster::new(start, settings);
        let mut topics = Vec::new();
        for name in ["a", "b"].iter().take(rng.usize(1..=2)) {
            let partitions = rng.i32(1..=5);
            cluster.create_topic(start, name, partitions);
            topics.push(((*name).to_owned(), partitions));
        }
        let mut world = Self {
            start,
            now: start,
            rng,
            cluster,
            topics,
            members: Vec::new(),
            members_made: 0,
            connections_made: 0,
            weather: Weather::FAIR,
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            happenings_made: 0,
            oracle: Oracle::default(),
            trace: traced.then(Vec::new),
            is_calm: false,
        };
        for _ in 0..world.rng.usize(1..=4) {
            world.start_member();
        }
        for _ in 0..world.rng.usize(0..12) {
            let at = start + TROUBLE.mul_f64(world.rng.f64());
            let fault = Fault::any(&mut world.rng, BROKERS, &world.topics);
            world.plan(at, Happening::Fault(fault));
        }
        world.plan(start, Happening::Produce);
        world.plan(start + TROUBLE, Happening::EndOfFaults);
        world
    }

    fn run(mut self) -> Report {
        let end = self.start + TROUBLE + CALM;
        let mut steps = 0;
        while self.now < end && self.oracle.findings.is_empty() && !(self.is_calm && self.is_done())
        {
            self.step();
            steps += 1;
            assert!(steps < STEPS, "it spins at {:?}", self.now - self.start);
        }
        if self.oracle.findings.is_empty() {
            for (place, end) in self.logs() {
                self.oracle.conclude(&place, end);
            }
        }
        for member in &mut self.members {
            member.user.forget_all();
        }
        Report {
            findings: self.oracle.findings,
            trace: self.trace.unwrap_or_default(),
            deliveries: self.oracle.deliveries,
            repetitions: self.oracle.repetitions,
            turns: self.oracle.turns,
            lasted: self.now - self.start,
        }
    }

    fn is_done(&self) -> bool {
        self.logs()
            .iter()
            .all(|(place, end)| self.oracle.is_done(place, *end))
    }

    fn places(&self) -> Vec<Place> {
        let of =
            |(topic, n): &(String, i32)| (0..*n).map(|p| (topic.clone(), p)).collect::<Vec<_>>();
        self.topics.iter().flat_map(of).collect()
    }

    fn logs(&self) -> Vec<(Place, i64)> {
        let end = |place: &Place| {
            self.cluster
                .log_bounds(&place.0, place.1)
                .map_or(0, |(_, end)| end)
        };
        self.places()
            .into_iter()
            .map(|place| (place.clone(), end(&place)))
            .collect()
    }

    fn plan(&mut self, at: Instant, happening: Happening) {
        self.happenings_made += 1;
        let key = (at, self.happenings_made);
        self.queue.push(Reverse(key));
        self.happenings.insert(key, happening);
    }

    fn say(&mut self, line: impl FnOnce() -> String) {
        let at = self.now - self.start;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>10.3} {}", at.as_secs_f64(), line()));
        }
    }

    /// The next thing that happens, wherever it is.
    fn step(&mut self) {
        let planned = self.queue.peek().map(|Reverse((at, _))| *at);
        let broker = self.cluster.poll_deadline();
        let waking = self
            .members
            .iter()
            .enumerate()
            .filter_map(|(i, m)| Some((m.deadline()?, i)))
            .min();
        let acting = self
            .members
            .iter()
            .enumerate()
            .filter(|(_, m)| m.ended.is_none())
            .map(|(i, m)| (m.user.acts_at, i))
            .min();
        let times = [
            planned,
            broker,
            waking.map(|(at, _)| at),
            acting.map(|(at, _)| at),
        ];
        let next = times
            .iter()
            .flatten()
            .min()
            .copied()
            .expect("users act for ever");
        self.now = self.now.max(next);
        // Only what reaches the brokers can change a commit.
        let mut at_brokers = true;
        if planned == Some(next) {
            let Reverse(key) = self.queue.pop().expect("it was just seen");
            let happening = self.happenings.remove(&key).expect("each is planned once");
            self.happen(happening);
        } else if broker == Some(next) {
            self.cluster.handle_timeout(self.now);
        } else if let Some((_, index)) = waking.filter(|(at, _)| *at == next) {
            let wishes = self.members[index].wake(self.now, &mut self.rng);
            self.grant(index, wishes);
            at_brokers = false;
        } else if let Some((_, index)) = acting {
            self.user_acts(index);
            at_brokers = false;
        }
        if at_brokers {
            self.carry_outputs();
            self.watch_commits();
        }
        self.bury();
    }

    fn user_acts(&mut self, index: usize) {
        let member = &mut self.members[index];
        let deeds = member.user.act(self.now, &member.ends, &mut self.rng);
        let id = member.id;
        for deed in deeds {
            match deed {
                Deed::Took(seen) => {
                    let place = (seen.topic.clone(), seen.partition);
                    let right = seen.content == content(&place, seen.offset);
                    let turn = Turn {
                        member: id,
                        claim: seen.claim,
                    };
                    self.oracle
                        .delivered(self.now, &place, turn, seen.offset, right);
                }
                Deed::Marked(seen) => {
                    self.oracle
                        .marked(&(seen.topic, seen.partition), seen.offset + 1);
                }
            }
        }
        if let Some(wishes) = self.members[index].after_user(self.now, &mut self.rng) {
            self.grant(index, wishes);
        }
    }

    /// Does what a member wants from the network.
    fn grant(&mut self, index: usize, wishes: Vec<Wish>) {
        self.note_claims(index);
        if wishes.is_empty() {
            return;
        }
        let mut over: Vec<Completion> = Vec::new();
        for wish in wishes {
            let mut out = Vec::new();
            match wish {
                Wish::Send(to, call) => {
                    let id = self.members[index].id;
                    self.say(|| format!("member {id}: {:?} -> {to}", call.1));
                    self.with_link(index, &mut out, |connections, link| {
                        connections.send(to, call, link);
                    });
                }
                Wish::Disconnect(to) => {
                    let (id, failed) = self.members[index].connections.disconnect(&to);
                    if let Some(id) = id {
                        self.cluster.connection_closed(id);
                    }
                    over.extend(failed);
                }
            }
            self.post(index, out);
        }
        self.complete(index, over);
    }

    fn with_link<T>(
        &mut self,
        index: usize,
        out: &mut Vec<(Instant, Packet)>,
        work: impl FnOnce(&mut crate::network::Connections, &mut Link<'_>) -> T,
    ) -> T {
        let cluster = &self.cluster;
        let mut link = Link {
            now: self.now,
            rng: &mut self.rng,
            weather: self.weather,
            ids: &mut self.connections_made,
            is_running: &|id| cluster.is_running(id),
            out: Vec::new(),
        };
        let result = work(&mut self.members[index].connections, &mut link);
        out.append(&mut link.out);
        result
    }

    fn post(&mut self, index: usize, packets: Vec<(Instant, Packet)>) {
        let id = self.members[index].id;
        for (at, packet) in packets {
            self.plan(at, Happening::Packet(id, packet));
        }
    }

    fn complete(&mut self, index: usize, completions: Vec<Completion>) {
        let id = self.members[index].id;
        for (token, result) in completions {
            self.say(|| match &result {
                Ok(answer) => {
                    let text = format!("{answer:?}");
                    format!("member {id}: {}", &text[..text.len().min(300)])
                }
                Err(error) => format!("member {id}: {error:?}"),
            });
            let member = &mut self.members[index];
            if member.ended.is_some() {
                return;
            }
            let wishes = member.handle(self.now, Event::Answer { token, result }, &mut self.rng);
            self.grant(index, wishes);
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Packet(id, packet) => self.packet(id, packet),
            Happening::Produce => self.produce(),
            Happening::Fault(fault) => self.fault(fault),
            Happening::StartBroker(id) => {
                self.say(|| format!("broker {id} starts"));
                self.cluster.start_broker(self.now, id);
            }
            Happening::EndCutOff(id) => self.cluster.cut_off(self.now, id, false),
            Happening::GiveLeader(topic, partition) => {
                let to = self.rng.i32(1..=BROKERS);
                if self.cluster.is_running(to) {
                    self.cluster.move_leader(self.now, &topic, partition, to);
                } else {
                    let at = self.now + Duration::from_secs(1);
                    self.plan(at, Happening::GiveLeader(topic, partition));
                }
            }
            Happening::EndStorm => self.weather = Weather::FAIR,
            Happening::EndOfFaults => self.calm_down(),
        }
    }

    fn packet(&mut self, id: u64, packet: Packet) {
        if let Packet::Arrive {
            broker,
            connection,
            frame,
        } = packet
        {
            // What was under way on a connection is lost with it: else a commit of long ago could
            // come after later ones, and no client can help that.
            if self.members.iter().any(|m| m.connections.has(connection)) {
                self.cluster.handle(self.now, broker, connection, frame);
            }
            return;
        }
        let Some(index) = self.members.iter().position(|m| m.id == id) else {
            return;
        };
        let mut out = Vec::new();
        let completions = match packet {
            Packet::Arrive { .. } => unreachable!("handled above"),
            Packet::Answer { connection, frame } => self.with_link(index, &mut out, |c, link| {
                c.answered(connection, &frame, link)
            }),
            Packet::Closed { connection } => {
                self.cluster.connection_closed(connection);
                self.members[index]
                    .connections
                    .broken(connection, &ErrorKind::Disconnected)
            }
            Packet::Refused { connection } => self.members[index]
                .connections
                .broken(connection, &ErrorKind::Connect),
            Packet::Late {
                connection,
                token,
                after,
            } => {
                let late = self.members[index]
                    .connections
                    .late(connection, token, after);
                if !late.is_empty() {
                    self.cluster.connection_closed(connection);
                }
                late
            }
        };
        self.post(index, out);
        self.complete(index, completions);
    }

    /// What the brokers send is on its way.
    fn carry_outputs(&mut self) {
        while let Some(output) = self.cluster.poll_output() {
            let owner = self
                .members
                .iter()
                .find(|m| m.connections.has(output.connection))
                .map(|m| m.id);
            let Some(owner) = owner else { continue };
            let connection = output.connection;
            let at = self.now + Link::delay(self.weather, &mut self.rng);
            let packet = match output.action {
                broker::Action::Send(frame) => Packet::Answer { connection, frame },
                broker::Action::Close => Packet::Closed { connection },
            };
            self.plan(at, Happening::Packet(owner, packet));
        }
    }

    fn note_claims(&mut self, index: usize) {
        let places = self.places();
        let id = self.members[index].id;
        for (place, claim, start) in self.members[index].new_claims(&places) {
            self.say(|| format!("member {id}: claim {claim} of {place:?} begins at {start}"));
            self.oracle
                .turn_begins(self.now, &place, Turn { member: id, claim }, start);
        }
    }

    fn watch_commits(&mut self) {
        for place in self.places() {
            if let Some((offset, _)) = self.cluster.committed("group", &place.0, place.1) {
                self.oracle.committed(self.now, &place, offset);
            }
        }
    }

    /// Members that have ended are gone.
    fn bury(&mut self) {
        while let Some(index) = self.members.iter().position(|m| m.ended.is_some()) {
            let mut member = self.members.remove(index);
            if let Some(End::Failed(error)) = &member.ended {
                panic!("member {} failed: {error:?}", member.id);
            }
            self.say(|| format!("member {} has ended: {:?}", member.id, member.ended));
            member.user.forget_all();
            self.hang_up(&member.connections.ids());
            if self.is_calm && self.members.is_empty() {
                self.start_member();
            }
        }
    }

    fn hang_up(&mut self, connections: &[ConnectionId]) {
        for id in connections {
            self.cluster.connection_closed(*id);
        }
    }

    fn produce(&mut self) {
        if self.is_calm {
            return;
        }
        let places = self.places();
        let place = &places[self.rng.usize(0..places.len())];
        let next = self
            .cluster
            .log_bounds(&place.0, place.1)
            .map_or(0, |(_, end)| end);
        let count = [1, 10, 300][self.rng.usize(0..3)];
        let records = records(place, next, count);
        if self.cluster.leader(&place.0, place.1).is_some() {
            self.cluster
                .produce(self.now, &place.0, place.1, Codec::None, &records);
        }
        let at = self.now + Duration::from_millis(self.rng.u64(1..2_000));
        self.plan(at, Happening::Produce);
    }

    fn config(&mut self) -> Config {
        let mut config = Config::default();
        let seconds = Duration::from_secs;
        config.version = KafkaVersion::MAX;
        config.consumer.offsets.initial = InitialOffset::Oldest;
        config.consumer.offsets.commit_interval =
            Duration::from_millis([50, 1_000, 5_000][self.rng.usize(0..3)]);
        config.group.session.timeout = seconds(6);
        config.group.heartbeat.interval = seconds([1, 2][self.rng.usize(0..2)]);
        config.group.rebalance.timeout = seconds(self.rng.u64(6..20));
        config.channel_buffer_size = [None, Some(1), Some(7), Some(100)][self.rng.usize(0..4)];
        config.metadata.refresh_frequency = seconds(self.rng.u64(5..30));
        config.net.read_timeout = seconds([3, 30][self.rng.usize(0..2)]);
        config.group.partition_strategy = sarama_cluster::Strategy::ALL[self.rng.usize(0..2)];
        config
    }

    fn start_member(&mut self) {
        self.members_made += 1;
        let id = self.members_made;
        let config = self.config();
        let habits = Habits::any(&mut self.rng);
        let habits = if self.is_calm {
            habits.diligent()
        } else {
            habits
        };
        let topics: Vec<String> = self.topics.iter().map(|(name, _)| name.clone()).collect();
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let bootstrap = |id: i32| Broker {
            id: None,
            host: "127.0.0.1".to_owned(),
            port: 9091 + id as u16,
        };
        let origin = Origin {
            bootstrap: (1..=BROKERS).map(bootstrap).collect(),
            description: metadata::Answer::default(),
            seed: self.rng.u64(..),
        };
        self.say(|| format!("member {id} starts: {habits:?} {:?}", config.group));
        let user = User::new(self.now, habits);
        self.members
            .push(Member::new(self.now, id, &config, &topics, origin, user));
        let index = self.members.len() - 1;
        let wishes = self.members[index].handle(self.now, Event::Start, &mut self.rng);
        self.grant(index, wishes);
    }

    fn any_member(&mut self) -> Option<usize> {
        (!self.members.is_empty()).then(|| self.rng.usize(0..self.members.len()))
    }

    fn fault(&mut self, fault: Fault) {
        self.say(|| format!("fault: {fault:?}"));
        match fault {
            Fault::StopBroker(id, span) => {
                let running = (1..=BROKERS)
                    .filter(|id| self.cluster.is_running(*id))
                    .count();
                if running > 1 && self.cluster.is_running(id) {
                    self.cluster.stop_broker(self.now, id);
                    self.plan(self.now + span, Happening::StartBroker(id));
                }
            }
            Fault::CutOff(id, span) => {
                self.cluster.cut_off(self.now, id, true);
                self.plan(self.now + span, Happening::EndCutOff(id));
            }
            Fault::MoveLeader(topic, partition, to) => {
                if self.cluster.is_running(to) {
                    self.cluster.move_leader(self.now, &topic, partition, to);
                }
            }
            Fault::TakeLeader(topic, partition, span) => {
                self.cluster.take_leader(self.now, &topic, partition);
                self.plan(self.now + span, Happening::GiveLeader(topic, partition));
            }
            Fault::MoveCoordinator(to) => {
                if self.cluster.is_running(to) {
                    self.cluster.move_coordinator(self.now, "group", to);
                }
            }
            Fault::Evict => {
                let members = self.cluster.members("group");
                if !members.is_empty() {
                    let member = &members[self.rng.usize(0..members.len())];
                    self.cluster.evict(self.now, "group", &member.member_id);
                    // It learns that from its next heartbeat, and no client can know sooner.
                    self.oracle
                        .excuse_stale_until(self.now + Duration::from_secs(6));
                }
            }
            Fault::Storm(weather, span) => {
                self.weather = weather;
                self.plan(self.now + span, Happening::EndStorm);
            }
            Fault::Start => {
                if self.members.len() < 8 {
                    self.start_member();
                }
            }
            Fault::Close | Fault::CloseAndForget => {
                if let Some(index) = self.any_member() {
                    let member = &mut self.members[index];
                    if matches!(fault, Fault::CloseAndForget) {
                        member.user.forget_all();
                    }
                    member.is_closing = true;
                    let wishes = member.handle(self.now, Event::Close, &mut self.rng);
                    self.grant(index, wishes);
                }
            }
            Fault::Kill => {
                if let Some(index) = self.any_member() {
                    let member = self.members.remove(index);
                    self.hang_up(&member.connections.ids());
                }
            }
            Fault::AddPartitions(topic, count) => {
                let known = self.topics.iter_mut().find(|(name, _)| *name == topic);
                let (_, partitions) = known.expect("faults are made for topics that exist");
                *partitions = (*partitions).max(count);
                self.cluster.add_partitions(self.now, &topic, count);
            }
            Fault::Commit(times) => {
                if let Some(index) = self.any_member() {
                    for _ in 0..times {
                        let (reply, _) = crossbeam_channel::bounded(1);
                        let wishes = self.members[index].commit(self.now, reply, &mut self.rng);
                        self.grant(index, wishes);
                    }
                }
            }
        }
    }

    /// From here on nothing goes wrong any more, and users do their work.
    fn calm_down(&mut self) {
        self.say(|| "calm".to_owned());
        self.is_calm = true;
        self.weather = Weather::FAIR;
        for id in 1..=BROKERS {
            self.cluster.cut_off(self.now, id, false);
            if !self.cluster.is_running(id) {
                self.cluster.start_broker(self.now, id);
            }
        }
        for (topic, partition) in self.places() {
            if self.cluster.leader(&topic, partition).is_none() {
                self.cluster.move_leader(self.now, &topic, partition, 1);
            }
        }
        for member in &mut self.members {
            member.user.habits = member.user.habits.diligent();
            member.user.acts_at = member.user.acts_at.min(self.now + Duration::from_secs(1));
        }
        if self.members.is_empty() {
            self.start_member();
        }
        // A last record everywhere: what was forgotten before is marked with it.
        for (place, next) in self.logs() {
            self.cluster.produce(
                self.now,
                &place.0,
                place.1,
                Codec::None,
                &records(&place, next, 1),
            );
        }
    }
}

fn records(place: &Place, first: i64, count: i64) -> Vec<Record> {
    (first..first + count)
        .map(|offset| Record::new("key", content(place, offset)))
        .collect()
}

fn content(place: &Place, offset: i64) -> Vec<u8> {
    format!("{}/{}/{offset}", place.0, place.1).into_bytes()
}
