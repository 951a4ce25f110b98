//! What goes over the network.

use std::time::Instant;

use sarama_cluster::{
    ErrorKind,
    call::{Answer, Call},
    core::engine::Event,
    protocol::{ApiKey, ErrorCode},
    testing::broker::{Action, ConnectionId, Output},
};

use super::{Happening, World};
use crate::{
    judge::Lead,
    member::Wish,
    network::{Completion, Connections, Link, Packet},
    topics::Place,
};

impl World {
    /// Does what a member wants from the network.
    pub(super) fn grant(&mut self, index: usize, wishes: Vec<Wish>) {
        self.grant_after(index, wishes, Lead::None);
    }

    fn grant_after(&mut self, index: usize, wishes: Vec<Wish>, lead: Lead) {
        self.tell_of_claims(index, lead);
        let mut over: Vec<Completion> = Vec::new();
        for wish in wishes {
            let mut out = Vec::new();
            match wish {
                Wish::Send(to, call) => {
                    let id = self.members[index].id;
                    self.say(|_| format!("member {id} to {to}: {:?}", call.1));
                    if matches!(call.1, Call::OffsetCommit(_)) {
                        self.judge.commit_sent(self.now, id);
                    }
                    over.extend(self.with_link(index, &mut out, |connections, link| {
                        connections.send(to, call, link)
                    }));
                }
                Wish::GoOn(onward) => {
                    let id = self.members[index].id;
                    self.say(|_| format!("member {id} to {}: to go on", onward.to));
                    over.extend(self.with_link(index, &mut out, |connections, link| {
                        connections.go_on(onward, link)
                    }));
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
        work: impl FnOnce(&mut Connections, &mut Link<'_>) -> T,
    ) -> T {
        let cluster = &self.cluster;
        let mut link = Link {
            now: self.now,
            rng: &mut self.rng,
            weather: self.weather,
            ids: &mut self.connections_made,
            is_running: &|id| cluster.is_running(id),
            listed: &|id| cluster.listed_versions(id),
            out: Vec::new(),
        };
        let result = work(&mut self.members[index].connections, &mut link);
        out.append(&mut link.out);
        result
    }

    fn post(&mut self, index: usize, packets: Vec<(Instant, Packet)>) {
        let id = self.members[index].id;
        for (at, packet) in packets {
            self.plan_for(at, Happening::Packet(id, packet));
        }
    }

    /// Calls of a member are answered, or have failed.
    fn complete(&mut self, index: usize, completions: Vec<Completion>) {
        let id = self.members[index].id;
        for (token, result) in completions {
            self.say(|_| match &result {
                Ok(answer) => {
                    let text = format!("{answer:?}");
                    let shown: String = text.chars().take(300).collect();
                    format!("member {id} gets {shown}")
                }
                Err(error) => format!("member {id} fails: {error:?}"),
            });
            if self.members[index].ended.is_some() {
                return;
            }
            let lead = result
                .as_ref()
                .map_or(Lead::None, |answer| self.learns(id, answer));
            let event = Event::Answer { token, result };
            let wishes = self.members[index].handle(self.now, event, self.weather);
            self.grant_after(index, wishes, lead);
        }
    }

    /// What the judge has to know of an answer.
    fn learns(&mut self, member: u32, answer: &Answer) -> Lead {
        match answer {
            Answer::OffsetFetch(_) => return Lead::Commit,
            Answer::ListOffsets(_) => return Lead::Lookup,
            Answer::Metadata(answer) => {
                // With an error brokers name no id; here it is a fault that has hidden the description.
                let described = answer.topics.iter().filter(|t| t.error == ErrorCode::NONE);
                let ids = described.filter_map(|topic| topic.id);
                self.judge.heard_of(self.now, member, ids);
            }
            Answer::Fetch(answer) => {
                let refused = answer.partitions.iter();
                for fetched in refused.filter(|f| f.error == ErrorCode::OFFSET_OUT_OF_RANGE) {
                    if let Some(topic) = self.topics.named(&fetched.topic) {
                        let place = Place {
                            topic: topic.number,
                            partition: fetched.partition,
                        };
                        self.judge.out_of_range(member, place);
                    }
                }
            }
            _ => {}
        }
        Lead::None
    }

    pub(super) fn packet(&mut self, id: u32, packet: Packet) {
        if let Packet::Arrive {
            broker,
            connection,
            frame,
            outlives_connection,
        } = packet
        {
            let is_open = self.members.iter().any(|m| m.connections.has(connection));
            // When all is to be calm, a commit of a closed connection would be one more fault: who has committed more since
            // does not expect it, and has no reason to commit again.
            let is_commit = frame.starts_with(&ApiKey::OffsetCommit.key().to_be_bytes());
            if is_open || outlives_connection && !(self.is_calm && is_commit) {
                self.cluster.handle(self.now, broker, connection, frame);
                self.tell_of_grants(connection);
                self.after_brokers(!is_open);
            }
            if !is_open {
                self.cluster.connection_closed(connection);
            }
            return;
        }
        let Some(index) = self.members.iter().position(|m| m.id == id) else {
            return;
        };
        if let Some(until) = self.members[index]
            .sleeps_until
            .filter(|until| *until > self.now)
        {
            return self.plan_for(until, Happening::Packet(id, packet));
        }
        let mut out = Vec::new();
        let completions = self.delivered(index, packet, &mut out);
        self.post(index, out);
        self.complete(index, completions);
    }

    /// Who has just asked where to start may start where the group is at this moment, and nowhere else.
    fn tell_of_grants(&mut self, connection: ConnectionId) {
        let asked = self.members.iter().find_map(|member| {
            let call = member.connections.asked(connection)?;
            Some((member.id, call))
        });
        let Some((member, Call::OffsetFetch(ask))) = asked else {
            return;
        };
        let topics = &self.topics;
        let places = ask.topics.iter().flat_map(|asked| {
            let topic = topics.named(&asked.name).map(|topic| topic.number);
            let partitions = asked.partitions.iter();
            partitions.filter_map(move |&partition| {
                Some(Place {
                    topic: topic?,
                    partition,
                })
            })
        });
        let generation = self.cluster.generation("group");
        self.judge.granted(self.now, member, generation, places);
    }

    fn delivered(
        &mut self,
        index: usize,
        packet: Packet,
        out: &mut Vec<(Instant, Packet)>,
    ) -> Vec<Completion> {
        match packet {
            Packet::Arrive { .. } => unreachable!("that goes to a broker"),
            Packet::Answer { connection, frame } => {
                self.with_link(index, out, |c, link| c.answered(connection, &frame, link))
            }
            Packet::Closed { connection } => {
                self.cluster.connection_closed(connection);
                let connections = &mut self.members[index].connections;
                connections.broken(connection, &ErrorKind::Disconnected)
            }
            Packet::Refused { connection } => {
                let connections = &mut self.members[index].connections;
                connections.broken(connection, &ErrorKind::Connect)
            }
            Packet::Late {
                connection,
                token,
                after,
            } => {
                let connections = &mut self.members[index].connections;
                let late = connections.late(connection, token, after);
                if !late.is_empty() {
                    self.cluster.connection_closed(connection);
                }
                late
            }
        }
    }

    /// What the brokers send is on its way, and what they have done is told.
    pub(super) fn after_brokers(&mut self, of_the_past: bool) {
        let (cluster, topics) = (&self.cluster, &self.topics);
        self.judge
            .look_at_commits(self.now, cluster, topics, of_the_past);
        let outputs = std::iter::from_fn(|| self.cluster.poll_output()).collect();
        self.carry(outputs);
    }

    /// What the brokers have sent is on its way to those who are still there.
    pub(super) fn carry(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            let connection = output.connection;
            let owner = self.members.iter().find(|m| m.connections.has(connection));
            let Some(owner) = owner else {
                continue;
            };
            let at = self.now + self.weather.delay(&mut self.rng);
            let Some(at) = owner.connections.arrival(connection, at) else {
                continue;
            };
            let owner = owner.id;
            let packet = match output.action {
                Action::Send(frame) => Packet::Answer { connection, frame },
                Action::Close => Packet::Closed { connection },
            };
            self.plan_for(at, Happening::Packet(owner, packet));
        }
    }

    pub(super) fn hang_up(&mut self, connections: &[ConnectionId]) {
        for id in connections {
            self.cluster.connection_closed(*id);
        }
    }
}
