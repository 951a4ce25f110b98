//! Members come, act and go.

use std::time::Duration;

use sarama_cluster::{
    ErrorCode,
    call::{Broker, Call, Limits, Versions, metadata},
    config::InitialOffset,
    consumer::desk::Origin,
    core::engine::{End, Event},
    record::Recycler,
    testing::broker::{Action, ConnectionId},
};

use super::{Happening, World};
use crate::{
    fault::Fault,
    judge::Lead,
    member::Member,
    plan::{BROKERS, MEMBERS},
    variety,
};

impl World {
    pub(super) fn start_member(&mut self) {
        let name = self.free_name();
        self.start_member_as(name);
    }

    /// The name of a newcomer, if it has one. One that was there before comes back without a rebalance.
    fn free_name(&self) -> Option<String> {
        let is_static = self.plan.style.is_static;
        let is_free = |name: &String| self.members.iter().all(|m| m.name.as_ref() != Some(name));
        let mut names = (0..=MEMBERS).map(|number| format!("s{number}"));
        match self.is_calm {
            true => is_static.then(|| format!("new{}", self.members_made)),
            false => names.find(|name| is_static && is_free(name)),
        }
    }

    /// A member goes without a word, and comes back under its name with all topics. Meanwhile one may have grown.
    pub(super) fn start_one_anew(&mut self) {
        let index = self.rng.usize(..self.members.len());
        let name = self.members[index].name.clone();
        self.kill(index);
        if self.plan.style.initial == InitialOffset::Oldest && self.rng.bool() {
            let which = self.rng.usize(..);
            self.fault(Fault::AddPartition(which));
        }
        self.start_member_as(name);
    }

    fn start_member_as(&mut self, name: Option<String>) {
        self.members_made += 1;
        let id = self.members_made;
        let mut profile = self.plan.profile(id, self.topics.iter().count());
        if self.is_calm {
            profile.habits = profile.habits.diligent();
            profile.wants.fill(true);
        }
        profile.config.group.instance_id = name;
        // The first topics, so that one that comes again is wanted again.
        let wanted = (0..self.plan.topics.len()).filter(|n| profile.wants.get(*n) != Some(&false));
        let mut topics: Vec<String> = wanted.map(|number| format!("t{number}")).collect();
        if self.plan.is_varied && self.rng.bool() {
            variety::by_pattern(&mut profile.config, &mut topics);
        }
        let Some(description) = self.describe() else {
            self.say(|_| format!("member {id} finds no broker and gives up"));
            return;
        };
        let bootstrap = |id: i32| Broker {
            id: None,
            host: "127.0.0.1".to_owned(),
            port: 9091 + id as u16,
        };
        // Who knows but one address asks that broker more often than the others.
        let known = match self.rng.i32(0..=BROKERS) {
            0 => 1..=BROKERS,
            one => one..=one,
        };
        let origin = Origin {
            bootstrap: known.map(bootstrap).collect(),
            description,
            seed: self.plan.seed ^ u64::from(id),
        };
        self.say(|_| {
            format!(
                "member {id} starts: {topics:?} {:?} {:?}",
                profile.habits, profile.config
            )
        });
        let commits_every = profile.commits_every;
        let member = Member::new(self.now, id, profile, topics, origin);
        self.members.push(member);
        self.judge.started(self.now, id);
        if let Some(every) = commits_every {
            self.plan_for(self.now + every, Happening::AskForCommit(id));
        }
        let index = self.members.len() - 1;
        let wishes = self.members[index].handle(self.now, Event::Start, self.weather);
        self.grant(index, wishes);
    }

    /// What some broker says of the cluster to somebody who has just come.
    fn describe(&mut self) -> Option<metadata::Answer> {
        let ask = metadata::Ask {
            topics: None,
            allow_auto_topic_creation: false,
        };
        let call = Call::Metadata(ask);
        (1..=BROKERS).find_map(|id| {
            let versions =
                Versions::negotiate(&self.cluster.listed_versions(id), self.plan.version);
            let question = call.encode(&versions, 0, "newcomer");
            let question = question.expect("a simulated cluster speaks all versions");
            self.connections_made += 1;
            let connection = ConnectionId(self.connections_made);
            let frame = question.frame[4..].to_vec();
            self.cluster.handle(self.now, id, connection, frame);
            let mut answer = None;
            // What the same moment has brought for others is not lost.
            let mut outputs = Vec::new();
            while let Some(output) = self.cluster.poll_output() {
                match output.action {
                    Action::Send(frame) if output.connection == connection => answer = Some(frame),
                    _ => outputs.push(output),
                }
            }
            self.carry(outputs);
            self.cluster.connection_closed(connection);
            let answer = call.decode(
                question.version,
                &answer?[4..],
                &Limits::default(),
                &Recycler::new(),
            );
            Some(answer.expect("it is an answer to that").into_metadata())
        })
    }

    /// A member does what it wants to do at this time, or its user does.
    pub(super) fn member_acts(&mut self, index: usize) {
        if self.members[index]
            .sleeps_until
            .take_if(|until| *until <= self.now)
            .is_some()
        {
            let id = self.members[index].id;
            self.say(|_| format!("member {id} goes on"));
            self.judge.resumed(self.now, id);
        }
        let weather = self.weather;
        let member = &mut self.members[index];
        if !member.is_users_turn() {
            let wishes = member.wake(self.now, weather);
            return self.grant(index, wishes);
        }
        let deeds = member.user.act(self.now, &member.ends, &mut member.rng);
        let id = member.id;
        self.say(|_| format!("member {id}: user {deeds:?}"));
        self.judge.deeds(self.now, id, &deeds);
        if let Some(wishes) = self.members[index].after_user(self.now, weather) {
            self.grant(index, wishes);
        }
    }

    /// Claims have begun and ended.
    pub(super) fn tell_of_claims(&mut self, index: usize, lead: Lead) {
        let id = self.members[index].id;
        let (begun, ended) = self.members[index].news_of_claims();
        for claim in ended {
            self.say(|_| format!("member {id}: {claim:?} has ended"));
            self.judge.ended(self.now, id, &claim);
        }
        for claim in begun {
            self.say(|_| format!("member {id}: {claim:?} begins"));
            let bounds = self.cluster.log_bounds(claim.topic(), claim.partition());
            self.judge
                .begun(self.now, id, &claim, lead, bounds, &self.topics);
        }
    }

    /// A user who commits by hand does so.
    pub(super) fn ask_for_commit(&mut self, id: u32) {
        let Some(index) = self.members.iter().position(|member| member.id == id) else {
            return;
        };
        let member = &self.members[index];
        let every = member.commits_every.expect("it was planned for that");
        if member.sleeps_until.is_none() {
            self.commit(index);
        }
        self.plan_for(self.now + every, Happening::AskForCommit(id));
    }

    pub(super) fn commit(&mut self, index: usize) {
        let (reply, replied) = crossbeam_channel::bounded(1);
        self.replies.push(replied);
        let wishes = self.members[index].commit(self.now, reply, self.weather);
        self.grant(index, wishes);
    }

    /// Members that have ended are gone.
    pub(super) fn bury(&mut self) {
        while let Some(index) = self.members.iter().position(|m| m.ended.is_some()) {
            self.tell_of_claims(index, Lead::None);
            let mut member = self.members.remove(index);
            let id = member.id;
            if let Some(End::Failed(error)) = &member.ended {
                // Somebody who comes under its name takes its place.
                let is_replaced = error.code() == Some(ErrorCode::FENCED_INSTANCE_ID);
                assert!(is_replaced, "member {id} failed: {error:?}");
            }
            self.say(|_| format!("member {id} has ended: {:?}", member.ended));
            member.user.forget_all();
            self.judge.died(self.now, id);
            self.hang_up(&member.connections.ids());
            if self.is_calm {
                self.start_member();
            }
        }
    }

    /// A member is gone without a word.
    pub(super) fn kill(&mut self, index: usize) {
        let member = self.members.remove(index);
        self.judge.died(self.now, member.id);
        self.hang_up(&member.connections.ids());
    }

    /// How long a member may not know that it is out of the group.
    pub(super) fn longest_ignorance(&self) -> Duration {
        self.plan.style.session
    }
}
