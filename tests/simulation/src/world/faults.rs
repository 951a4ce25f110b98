//! Things go wrong.

use std::time::{Duration, Instant};

use sarama_cluster::{
    core::engine::Event,
    testing::{self, ApiKey},
};

use super::{Happening, World};
use crate::{
    fault::{Far, Fault},
    member::Member,
    network::Way,
    plan::{BROKERS, MEMBERS},
    topics::Place,
};

impl World {
    pub(super) fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::StopBroker(id, span) => self.stop_broker(id, span),
            Fault::CutOff(id, span) => {
                self.cluster.cut_off(self.now, id, true);
                self.plan_for(self.now + span, Happening::EndCutOff(id));
            }
            Fault::Isolate(id, span) => {
                // Two of three would confirm each other.
                if !self.is_one_isolated() {
                    self.cluster.isolate(self.now, id, true);
                    self.plan_for(self.now + span, Happening::Reunite(id));
                }
            }
            Fault::MoveLeader(which, to) => {
                if let Some((name, place)) =
                    self.place(which).filter(|_| self.cluster.is_in_touch(to))
                {
                    self.cluster
                        .move_leader(self.now, &name, place.partition, to);
                }
            }
            Fault::TakeLeader(which, span) => {
                if let Some((name, place)) = self.place(which) {
                    self.cluster.take_leader(self.now, &name, place.partition);
                    let back = Happening::GiveLeader(name, place.partition);
                    self.plan_for(self.now + span, back);
                }
            }
            Fault::MoveCoordinator(to) => {
                if self.cluster.is_in_touch(to) {
                    self.cluster.move_coordinator(self.now, "group", to);
                }
            }
            Fault::Storm(weather, span) => {
                self.weather = weather;
                self.plan_for(self.now + span, Happening::EndStorm);
            }
            Fault::Refuse(api, code, times) => {
                self.inject(testing::Fault::on(api).times(times).error(code));
            }
            Fault::Drop(api, is_applied, times) => {
                let on = testing::Fault::on(api).times(times);
                self.inject(if is_applied {
                    on.drop_after()
                } else {
                    on.drop_before()
                });
            }
            Fault::Delay(api, by, times) => {
                self.inject(testing::Fault::on(api).times(times).delay(by));
            }
            Fault::Throttle(by, times) => {
                self.inject(testing::Fault::on(ApiKey::Fetch).times(times).throttle(by));
            }
            Fault::AddPartition(which) => {
                if self.topics.iter().next().is_some() {
                    self.topics
                        .add_partition(self.now, which, &mut self.cluster);
                    self.topics
                        .iter()
                        .for_each(|topic| self.judge.created(topic));
                }
            }
            Fault::Delete(which) => drop(self.delete_topic(which)),
            Fault::Recreate(which, partitions, span) => {
                if let Some(name) = self.delete_topic(which) {
                    let again = Happening::Create(name, partitions);
                    self.plan_for(self.now + span, again);
                }
            }
            Fault::Retain(which, part) => self.retain(which, part),
            Fault::Compact(which, one_in, keeps_empty) => self.compact(which, one_in, keeps_empty),
            of_members => self.fault_of_members(of_members),
        }
    }

    fn fault_of_members(&mut self, fault: Fault) {
        match fault {
            Fault::Start => {
                if self.members.len() < MEMBERS {
                    self.start_member();
                }
            }
            Fault::Close(whom) => self.close(whom, false),
            Fault::CloseAndForget(whom) => self.close(whom, true),
            Fault::Kill(whom) => {
                if let Some(index) = self.member(whom) {
                    self.kill(index);
                }
            }
            Fault::Suspend(whom, span) => {
                if let Some(index) = self.member(whom) {
                    let member = &mut self.members[index];
                    member.sleeps_until = member.sleeps_until.max(Some(self.now + span));
                    let id = member.id;
                    self.judge.suspended(self.now, id);
                }
            }
            Fault::Commit(whom, times) => {
                if let Some(index) = self.member(whom) {
                    (0..times).for_each(|_| self.commit(index));
                }
            }
            Fault::Evict(whom) => self.evict(whom),
            Fault::Block(whom, far, way, span) => self.block(whom, far, way, span),
            Fault::HalfOpen(whom) => {
                if let Some(index) = self.member(whom) {
                    let connections = &mut self.members[index].connections;
                    connections.leave_half_open();
                    let ids = connections.ids();
                    self.hang_up(&ids);
                }
            }
            other => unreachable!("{other:?} is a matter of the cluster"),
        }
    }

    fn place(&self, which: usize) -> Option<(String, Place)> {
        let place = self.topics.any(which)?;
        Some((self.topics.name(place).to_owned(), place))
    }

    /// One of those who can do something.
    fn member(&self, whom: usize) -> Option<usize> {
        let is_awake = |index: &usize| {
            let member = &self.members[*index];
            member.sleeps_until.is_none() && member.ended.is_none()
        };
        let awake: Vec<_> = (0..self.members.len()).filter(is_awake).collect();
        (!awake.is_empty()).then(|| awake[whom % awake.len()])
    }

    fn inject(&mut self, fault: testing::Fault) {
        let id = self.cluster.inject(fault);
        self.injected.push(id);
    }

    fn is_one_isolated(&self) -> bool {
        let cluster = &self.cluster;
        (1..=BROKERS).any(|id| cluster.is_running(id) && !cluster.is_in_touch(id))
    }

    fn stop_broker(&mut self, id: i32, span: Duration) {
        let running = (1..=BROKERS).filter(|id| self.cluster.is_running(*id));
        if running.count() > 1 && self.cluster.is_running(id) {
            self.cluster.stop_broker(self.now, id);
            self.plan_for(self.now + span, Happening::StartBroker(id));
        }
    }

    pub(super) fn give_leader(&mut self, topic: String, partition: i32) {
        let exists = self
            .topics
            .named(&topic)
            .is_some_and(|t| partition < t.partitions);
        let to = self.rng.i32(1..=BROKERS);
        if exists && self.cluster.is_in_touch(to) {
            self.cluster.move_leader(self.now, &topic, partition, to);
        } else if exists {
            let later = self.now + Duration::from_secs(1);
            self.plan_for(later, Happening::GiveLeader(topic, partition));
        }
    }

    fn block(&mut self, whom: usize, far: Far, way: Way, span: Duration) {
        let Some(index) = self.member(whom) else {
            return;
        };
        let brokers = match far {
            Far::Coordinator => self.cluster.coordinator("group").into_iter().collect(),
            Far::Broker(id) => vec![id],
            Far::All => (1..=BROKERS).collect(),
        };
        for broker in brokers {
            let connections = &mut self.members[index].connections;
            connections.block(broker, way, self.now + span);
        }
    }

    fn close(&mut self, whom: usize, forgets: bool) {
        let Some(index) = self.member(whom) else {
            return;
        };
        let member = &mut self.members[index];
        if forgets {
            member.user.forget_all();
        }
        let wishes = member.handle(self.now, Event::Close, self.weather);
        self.grant(index, wishes);
    }

    fn evict(&mut self, whom: usize) {
        let members = self.cluster.members("group");
        if members.is_empty() {
            return;
        }
        let evicted = &members[whom % members.len()];
        // A static member that has taken another one's place is known by the other one's client id.
        let is_evicted = |member: &&Member| match &evicted.instance_id {
            Some(name) => member.name.as_ref() == Some(name),
            None => evicted.client_id == format!("m{}", member.id),
        };
        let member = self.members.iter().find(is_evicted);
        self.cluster.evict(self.now, "group", &evicted.member_id);
        if let Some(member) = member {
            // It learns that from its next heartbeat that is answered, or by its fence.
            let until: Instant = self.now + self.longest_ignorance();
            self.judge.excused(self.now, member.id, until);
        }
    }

    /// Tells the name of the topic that was deleted.
    fn delete_topic(&mut self, which: usize) -> Option<String> {
        self.topics.iter().next()?;
        let topic = self.topics.delete(self.now, which, &mut self.cluster);
        self.judge.deleted(self.now, &topic);
        Some(topic.name)
    }

    fn retain(&mut self, which: usize, part: f64) {
        // Who has lost touch still has what was removed, and may be read from.
        if self.is_one_isolated() {
            return;
        }
        let Some((name, place)) = self.place(which) else {
            return;
        };
        let bounds = self.cluster.log_bounds(&name, place.partition);
        let (start, end) = bounds.expect("it is there");
        let offset = start + ((end - start) as f64 * part) as i64;
        // First, for who is told of it must not be faster than the judge.
        self.judge.log_starts_at(self.now, place, offset);
        self.cluster
            .delete_records_before(self.now, &name, place.partition, offset);
    }

    fn compact(&mut self, which: usize, one_in: u32, keeps_empty: bool) {
        let Some((name, place)) = self.place(which) else {
            return;
        };
        let mut removed = Vec::new();
        self.cluster
            .retain_records(self.now, &name, place.partition, keeps_empty, |record| {
                let keep = record.offset() % i64::from(one_in) == 0;
                if !keep {
                    removed.push(record.offset());
                }
                keep
            });
        for offset in removed {
            self.judge.removed(self.now, place, offset);
        }
    }
}
