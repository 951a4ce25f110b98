//! A conversation with one broker, written down so that it can be compared.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use sarama_cluster::{
    protocol::{
        Request,
        consumer_protocol::Subscription,
        describe_groups, find_coordinator,
        header::{decode_response, encode_request},
        heartbeat, join_group, leave_group, list_offsets, offset_commit, sync_group,
    },
    testing::{ErrorCode, KafkaRelease},
};

/// What the brokers are set up with.
pub(crate) const SHORTEST_SESSION: Duration = Duration::from_millis(500);
pub(crate) const LONGEST_SESSION: Duration = Duration::from_secs(30 * 60);

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough for a broker that would answer to do so, short beside the sessions of the stories.
const MOMENT: Duration = Duration::from_millis(200);

/// One broker, one group, and members that go by names.
pub(crate) struct Scene {
    address: String,
    release: KafkaRelease,
    pub(crate) topic: String,
    pub(crate) group: String,
    connections: BTreeMap<String, TcpStream>,
    /// The ids that the members were given last, and all that were ever given, each with its name.
    ids: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
    lines: Vec<String>,
}

/// How a member joins.
#[derive(Clone)]
pub(crate) struct Join {
    pub(crate) version: i16,
    pub(crate) session_ms: i32,
    pub(crate) rebalance_ms: i32,
    pub(crate) instance: Option<&'static str>,
    /// Each with the one topic of its subscription.
    pub(crate) protocols: Vec<(&'static str, &'static str)>,
    /// Comes without the id that it was given.
    pub(crate) is_forgetful: bool,
}

impl Default for Join {
    fn default() -> Self {
        Self {
            version: 3,
            session_ms: 20_000,
            rebalance_ms: 20_000,
            instance: None,
            protocols: vec![("range", "topic")],
            is_forgetful: false,
        }
    }
}

impl Scene {
    pub(crate) fn new(address: &str, release: KafkaRelease, topic: &str) -> Self {
        let mut scene = Self {
            address: address.to_owned(),
            release,
            topic: topic.to_owned(),
            group: kafka_tests::unique("like"),
            connections: BTreeMap::new(),
            ids: BTreeMap::new(),
            names: BTreeMap::new(),
            lines: Vec::new(),
        };
        scene.await_leader();
        scene.find_coordinator();
        scene
    }

    /// Kafka tells who leads a partition of a new topic a little before that broker does.
    fn await_leader(&mut self) {
        self.await_that("no leader", |scene| {
            let partitions = [0, 1].map(|partition_index| list_offsets::RequestPartition {
                partition_index,
                timestamp: -1,
                ..Default::default()
            });
            let topic = list_offsets::RequestTopic {
                name: scene.topic.clone(),
                partitions: partitions.to_vec(),
            };
            let request = list_offsets::Request {
                topics: vec![topic],
                ..Default::default()
            };
            let listed = scene.call("scene", 1, &request);
            let mut partitions = listed.topics.iter().flat_map(|topic| &topic.partitions);
            let is_led = partitions.all(|partition| partition.error_code == ErrorCode::NONE);
            (is_led, listed)
        });
    }

    /// Kafka creates the topic of the groups when it is first needed, and takes its time.
    fn find_coordinator(&mut self) {
        let key = self.group.clone();
        self.await_that("no group coordinator", |scene| {
            let found = scene.call(
                "scene",
                2,
                &find_coordinator::SingleRequest {
                    key: key.clone(),
                    key_type: 0,
                },
            );
            let beat = heartbeat::Request {
                group_id: key.clone(),
                ..Default::default()
            };
            let serves = found.error_code == ErrorCode::NONE
                && scene.call("scene", 3, &beat).error_code == ErrorCode::UNKNOWN_MEMBER_ID;
            (serves, found)
        });
    }

    /// Looks again and again, until what was seen is as it has to be.
    fn await_that<T: Debug>(
        &mut self,
        complaint: &str,
        mut look: impl FnMut(&mut Self) -> (bool, T),
    ) {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            let (is_right, seen) = look(self);
            if is_right {
                return;
            }
            assert!(std::time::Instant::now() < until, "{complaint}: {seen:?}");
            std::thread::sleep(MOMENT / 4);
        }
    }

    /// Goes on with a group that nobody has used.
    pub(crate) fn next_group(&mut self) {
        self.group = kafka_tests::unique("like");
        self.connections.clear();
        self.ids.clear();
        self.find_coordinator();
        self.say("another group".to_owned());
    }

    pub(crate) fn release(&self) -> KafkaRelease {
        self.release
    }

    pub(crate) fn transcript(self) -> Vec<String> {
        self.lines
    }

    pub(crate) fn say(&mut self, line: String) {
        self.lines.push(line);
    }

    fn connection(&mut self, who: &str) -> &mut TcpStream {
        let address = &self.address;
        self.connections.entry(who.to_owned()).or_insert_with(|| {
            let socket = TcpStream::connect(address).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        })
    }

    pub(crate) fn send<R: Request>(&mut self, who: &str, version: i16, request: &R) {
        let frame = encode_request(request, version, 1, Some(who)).unwrap();
        self.connection(who).write_all(&frame).unwrap();
    }

    /// The next frame without its length.
    pub(crate) fn frame(&mut self, who: &str) -> Vec<u8> {
        let socket = self.connection(who);
        let mut length = [0; 4];
        socket.read_exact(&mut length).unwrap();
        let mut frame = vec![0; i32::from_be_bytes(length) as usize];
        socket.read_exact(&mut frame).unwrap();
        frame
    }

    pub(crate) fn answer<R: Request>(&mut self, who: &str, version: i16) -> R::Response {
        decode_response::<R>(&self.frame(who), version).unwrap().1
    }

    pub(crate) fn call<R: Request>(&mut self, who: &str, version: i16, request: &R) -> R::Response {
        self.send(who, version, request);
        self.answer::<R>(who, version)
    }

    /// Writes down whether there is an answer by now to the join that makes the group, or leaves it, so large. A join of
    /// another that is sent behind this cannot overtake it.
    pub(crate) fn waits_among(&mut self, members: usize, who: &str) {
        self.await_that(&format!("the join of {who} is not there"), |scene| {
            let group = scene.group_described();
            let is_there =
                group.group_state == "PreparingRebalance" && group.members.len() == members;
            (is_there, group)
        });
        self.waits(who);
    }

    /// Writes down whether there is an answer by now.
    pub(crate) fn waits(&mut self, who: &str) {
        let socket = self.connection(who);
        socket.set_read_timeout(Some(MOMENT)).unwrap();
        let peeked = socket.peek(&mut [0]);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let waits = peeked.is_err_and(|error| {
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        });
        self.say(format!(
            "{who} {}",
            if waits { "waits" } else { "has an answer" }
        ));
    }

    pub(crate) fn id(&self, who: &str) -> String {
        self.ids.get(who).cloned().unwrap_or_default()
    }

    /// Has somebody use an id, such as the one that another was given.
    pub(crate) fn take_id(&mut self, who: &str, id: &str) {
        self.ids.insert(who.to_owned(), id.to_owned());
    }

    fn name(&self, id: &str) -> String {
        match self.names.get(id) {
            _ if id.is_empty() => "nobody".to_owned(),
            Some(name) if self.ids.get(name).is_some_and(|current| current == id) => name.clone(),
            Some(name) => format!("former {name}"),
            None => "a stranger".to_owned(),
        }
    }

    pub(crate) fn send_join(&mut self, who: &str, join: &Join) {
        let protocols = join
            .protocols
            .iter()
            .map(|(name, topic)| join_group::Protocol {
                name: (*name).to_owned(),
                metadata: subscription(topic),
            });
        let request = join_group::Request {
            group_id: self.group.clone(),
            session_timeout_ms: join.session_ms,
            rebalance_timeout_ms: join.rebalance_ms,
            member_id: if join.is_forgetful {
                String::new()
            } else {
                self.id(who)
            },
            group_instance_id: join.instance.map(str::to_owned),
            protocol_type: "consumer".to_owned(),
            protocols: protocols.collect(),
            reason: None,
        };
        self.send(who, join.version, &request);
    }

    /// The answer to a join: which generation, and who leads.
    pub(crate) fn joined(&mut self, who: &str, join: &Join) -> join_group::Response {
        let joined = self.answer::<join_group::Request>(who, join.version);
        if !joined.member_id.is_empty() {
            self.names.insert(joined.member_id.clone(), who.to_owned());
            if matches!(
                joined.error_code,
                ErrorCode::NONE | ErrorCode::MEMBER_ID_REQUIRED
            ) {
                self.ids.insert(who.to_owned(), joined.member_id.clone());
            }
        }
        let mut members = joined.members.iter().map(|member| {
            let topics = Subscription::from_bytes(&member.metadata).unwrap().topics;
            format!(
                "{} {topics:?} {:?}",
                self.name(&member.member_id),
                member.group_instance_id
            )
        });
        let mut members: Vec<_> = members.by_ref().collect();
        members.sort();
        self.say(format!(
            "{who} joined: {} generation {} as {} by {:?} led by {} skip {} members {members:?}",
            joined.error_code.name(),
            joined.generation_id,
            self.name(&joined.member_id),
            joined.protocol_name,
            self.name(&joined.leader),
            joined.skip_assignment,
        ));
        joined
    }

    pub(crate) fn join(&mut self, who: &str, join: &Join) -> join_group::Response {
        self.send_join(who, join);
        self.joined(who, join)
    }

    pub(crate) fn send_sync(
        &mut self,
        who: &str,
        generation_id: i32,
        instance: Option<&str>,
        assigned: &[(&str, &str)],
    ) {
        let assignments = assigned
            .iter()
            .map(|(to, what)| sync_group::MemberAssignment {
                member_id: self.id(to),
                assignment: what.as_bytes().to_vec(),
            });
        let request = sync_group::Request {
            group_id: self.group.clone(),
            generation_id,
            member_id: self.id(who),
            group_instance_id: instance.map(str::to_owned),
            assignments: assignments.collect(),
            ..Default::default()
        };
        self.send(who, 3, &request);
    }

    pub(crate) fn synced(&mut self, who: &str) {
        let synced = self.answer::<sync_group::Request>(who, 3);
        let assignment = String::from_utf8_lossy(&synced.assignment).into_owned();
        self.say(format!(
            "{who} synced: {} {assignment:?}",
            synced.error_code.name()
        ));
    }

    pub(crate) fn sync(&mut self, who: &str, generation: i32, assigned: &[(&str, &str)]) {
        self.send_sync(who, generation, None, assigned);
        self.synced(who);
    }

    pub(crate) fn heartbeat(
        &mut self,
        who: &str,
        generation: i32,
        instance: Option<&str>,
    ) -> ErrorCode {
        let request = heartbeat::Request {
            group_id: self.group.clone(),
            generation_id: generation,
            member_id: self.id(who),
            group_instance_id: instance.map(str::to_owned),
        };
        self.call(&format!("heart of {who}"), 3, &request)
            .error_code
    }

    pub(crate) fn beat(&mut self, who: &str, generation: i32) {
        let code = self.heartbeat(who, generation, None);
        self.say(format!("{who} beats in {generation}: {}", code.name()));
    }

    /// Beats until something else than NONE comes back, and writes that down.
    pub(crate) fn beat_until_refused(&mut self, who: &str, generation: i32) {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            let code = self.heartbeat(who, generation, None);
            if code != ErrorCode::NONE || std::time::Instant::now() > until {
                return self.say(format!("{who} beats at last: {}", code.name()));
            }
            std::thread::sleep(MOMENT / 4);
        }
    }

    pub(crate) fn commit_as(
        &mut self,
        who: &str,
        version: i16,
        generation: i32,
        instance: Option<&str>,
        metadata: &str,
    ) {
        let partition = offset_commit::RequestPartition {
            committed_offset: 3,
            committed_metadata: Some(metadata.to_owned()),
            ..Default::default()
        };
        let topic = self.topic.clone();
        let topic = offset_commit::RequestTopic {
            name: topic,
            partitions: vec![partition],
            ..Default::default()
        };
        let request = offset_commit::Request {
            group_id: self.group.clone(),
            generation_id_or_member_epoch: generation,
            member_id: self.id(who),
            group_instance_id: instance.map(str::to_owned),
            topics: vec![topic],
            ..Default::default()
        };
        let response = self.call(&format!("heart of {who}"), version, &request);
        let code = response.topics[0].partitions[0].error_code;
        self.say(format!(
            "{who} commits in {generation} by version {version}: {}",
            code.name()
        ));
    }

    pub(crate) fn commit(&mut self, who: &str, generation: i32) {
        self.commit_as(who, 7, generation, None, "");
    }

    pub(crate) fn leave(&mut self, who: &str, instance: Option<&str>) {
        let member = leave_group::RequestMember {
            member_id: self.id(who),
            group_instance_id: instance.map(str::to_owned),
            reason: None,
        };
        let request = leave_group::Request {
            group_id: self.group.clone(),
            members: vec![member],
        };
        let left = self.call(&format!("heart of {who}"), 3, &request);
        let members = left
            .members
            .iter()
            .map(|member| member.error_code.name())
            .collect::<Vec<_>>();
        self.say(format!(
            "{who} leaves: {} {members:?}",
            left.error_code.name()
        ));
    }

    fn group_described(&mut self) -> describe_groups::Group {
        let request = describe_groups::Request {
            groups: vec![self.group.clone()],
            ..Default::default()
        };
        self.call("scene", 4, &request).groups.remove(0)
    }

    pub(crate) fn describe(&mut self) {
        let group = self.group_described();
        let mut members = group.members.iter().map(|member| {
            // The releases do not agree on what they tell of a group in motion.
            let assignment = match &group.group_state[..] {
                "Stable" => String::from_utf8_lossy(&member.member_assignment),
                _ => "whatever".into(),
            };
            format!(
                "{} from {} has {assignment:?}",
                self.name(&member.member_id),
                member.client_id
            )
        });
        let mut members: Vec<_> = members.by_ref().collect();
        members.sort();
        self.say(format!(
            "{} {} {:?} {:?} {members:?}",
            group.error_code.name(),
            group.group_state,
            group.protocol_type,
            group.protocol_data
        ));
    }
}

/// As consumers write it: some releases read it, and a group hangs if they fail.
fn subscription(topic: &str) -> Vec<u8> {
    let subscription = Subscription {
        topics: vec![topic.to_owned()],
        ..Default::default()
    };
    subscription.to_bytes(0).unwrap()
}
