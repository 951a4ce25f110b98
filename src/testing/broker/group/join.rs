//! JoinGroup, and the phase of the rebalance that collects it.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{
    Answer, Group, InitialDelay, Member, NEW_MEMBER_TIMEOUT, RequestId, State, Synced, Syncing,
    Waiting,
};
use crate::protocol::ErrorCode;

/// A JoinGroup request.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    /// Empty at first.
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) protocol_type: String,
    pub(crate) protocols: Vec<(String, Vec<u8>)>,
    /// Version 4 and newer: a dynamic member must come back with the id that it is given.
    pub(crate) requires_member_id: bool,
    /// Version 9 and newer: a static leader that comes back can be told not to assign.
    pub(crate) can_skip_assignment: bool,
}

/// The answer to JoinGroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Joined {
    pub(crate) error: ErrorCode,
    pub(crate) generation: i32,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) leader: String,
    pub(crate) skip_assignment: bool,
    pub(crate) member_id: String,
    /// All members with their subscriptions, for the leader; else empty.
    pub(crate) members: Vec<JoinedMember>,
}

/// A member as the leader is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinedMember {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) metadata: Vec<u8>,
}

impl Joined {
    /// No seat.
    pub(crate) fn refused(member_id: &str, error: ErrorCode) -> Self {
        Self {
            error,
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members: Vec::new(),
        }
    }
}

impl Group {
    /// A member, or who wants to be one, asks for a seat in the next generation. The answer comes
    /// out of [`poll_answer`](Self::poll_answer), at once or when the rebalance is over.
    pub(crate) fn join(&mut self, now: Instant, request: RequestId, join: Join) {
        let timeouts = self.rules.min_session_timeout..=self.rules.max_session_timeout;
        if !timeouts.contains(&join.session_timeout) {
            self.refuse_join(request, &join.member_id, ErrorCode::INVALID_SESSION_TIMEOUT);
        } else if join.member_id.is_empty() {
            self.join_as_new(now, request, join);
        } else {
            self.join_again(now, request, join);
        }
        self.try_complete_join(now);
    }

    fn join_as_new(&mut self, now: Instant, request: RequestId, join: Join) {
        if !self.supports_any(&join) {
            return self.refuse_join(request, "", ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        let member_id = self.new_member_id(join.instance_id.as_deref().unwrap_or(&join.client_id));
        match join
            .instance_id
            .as_deref()
            .map(|name| self.static_member(name))
        {
            Some(Some(index)) => self.replace_static(now, request, index, &member_id, join),
            Some(None) => self.add(now, request, member_id, join),
            None if join.requires_member_id => {
                self.pending
                    .insert(member_id.clone(), now + join.session_timeout);
                self.refuse_join(request, &member_id, ErrorCode::MEMBER_ID_REQUIRED);
            }
            None => self.add(now, request, member_id, join),
        }
    }

    fn join_again(&mut self, now: Instant, request: RequestId, join: Join) {
        let member_id = join.member_id.clone();
        if !self.supports_any(&join) {
            return self.refuse_join(request, &member_id, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        if self.pending.contains_key(&member_id) {
            return self.add(
                now,
                request,
                member_id,
                Join {
                    instance_id: None,
                    ..join
                },
            );
        }
        let index = match self.check_member(&member_id, join.instance_id.as_deref()) {
            Ok(index) => index,
            Err(code) => return self.refuse_join(request, &member_id, code),
        };
        let is_unchanged = self.members[index].protocols == join.protocols;
        match self.state {
            State::PreparingRebalance { .. } => self.update(now, request, index, join),
            // It seems to have missed the answer to its JoinGroup.
            State::CompletingRebalance(_) if is_unchanged => self.answer_joined(request, index),
            // Whatever the leader wants to assign anew, it says so by joining.
            State::Stable(_) if is_unchanged && !self.is_leader(&member_id) => {
                self.answer_follower(request, index);
            }
            State::CompletingRebalance(_) | State::Stable(_) => {
                self.update(now, request, index, join);
            }
            State::Empty => self.refuse_join(request, &member_id, ErrorCode::UNKNOWN_MEMBER_ID),
        }
    }

    /// Whether there is a protocol that the new one and all present members support.
    fn supports_any(&self, join: &Join) -> bool {
        if matches!(self.state, State::Empty) {
            return !join.protocol_type.is_empty() && !join.protocols.is_empty();
        }
        let all_support =
            |protocol: &str| self.members.iter().all(|member| member.supports(protocol));
        self.protocol_type.as_deref() == Some(&join.protocol_type)
            && join
                .protocols
                .iter()
                .any(|(protocol, _)| all_support(protocol))
    }

    fn new_member_id(&mut self, prefix: &str) -> String {
        let (high, low) = (self.rng.u64(..), self.rng.u64(..));
        let (a, b, c, d, e) = (
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff,
        );
        format!("{prefix}-{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }

    fn add(&mut self, now: Instant, request: RequestId, id: String, join: Join) {
        if let State::PreparingRebalance {
            initial: Some(wait),
            ..
        } = &mut self.state
            && self.generation == 0
        {
            wait.member_added = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type);
        }
        self.pending.remove(&id);
        self.leader.get_or_insert_with(|| id.clone());
        self.members.push(Member {
            id,
            instance_id: join.instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            protocols: join.protocols,
            assignment: Vec::new(),
            waiting: Waiting::ForJoin(request),
            is_new: true,
            expires_at: Some(now + NEW_MEMBER_TIMEOUT),
        });
        self.maybe_prepare_rebalance(now);
    }

    /// A known member joins the next generation with what it can do now.
    fn update(&mut self, now: Instant, request: RequestId, index: usize, join: Join) {
        self.members[index].renew(join);
        // If it waits for SyncGroup as well, that is refused here with all the others.
        self.maybe_prepare_rebalance(now);
        self.members[index].waiting = Waiting::ForJoin(request);
    }

    /// A static member comes back without its member id, after a restart: it gets its seat and a new
    /// id, and whoever still uses the old one is fenced.
    fn replace_static(
        &mut self,
        now: Instant,
        request: RequestId,
        index: usize,
        new_id: &str,
        join: Join,
    ) {
        let old_leader = self.leader.clone();
        let can_skip_assignment = join.can_skip_assignment;
        self.rename(index, new_id);
        let member = &mut self.members[index];
        member.renew(join);
        member.restart_session(now);
        member.waiting = Waiting::ForJoin(request);
        match self.state {
            State::Stable(_)
                if self.protocol.as_deref() == Some(self.selected_protocol().as_str()) =>
            {
                self.store();
                self.members[index].waiting = Waiting::No;
                if can_skip_assignment {
                    self.answer_joined(request, index);
                    if let Some((_, Answer::Join(joined))) = self.answers.last_mut() {
                        joined.skip_assignment = joined.leader == joined.member_id;
                    }
                } else {
                    // The old leader's id, so that nobody takes himself for the leader: an assignment
                    // would be ignored now.
                    self.answer_follower(request, index);
                    if let Some((_, Answer::Join(joined))) = self.answers.last_mut() {
                        joined.leader = old_leader.unwrap_or_default();
                    }
                }
            }
            State::Stable(_) | State::CompletingRebalance(_) => self.prepare_rebalance(now),
            State::PreparingRebalance { .. } => {}
            State::Empty => unreachable!("an empty group has no static member"),
        }
    }

    fn rename(&mut self, index: usize, new_id: &str) {
        let member = &mut self.members[index];
        let old_id = std::mem::replace(&mut member.id, new_id.to_owned());
        match std::mem::replace(&mut member.waiting, Waiting::No) {
            Waiting::No => {}
            Waiting::ForJoin(request) => {
                let fenced = Joined::refused(&old_id, ErrorCode::FENCED_INSTANCE_ID);
                self.answers.push((request, Answer::Join(fenced)));
            }
            Waiting::ForSync(request) => {
                self.answers.push((
                    request,
                    Answer::Sync(Synced::refused(ErrorCode::FENCED_INSTANCE_ID)),
                ));
            }
        }
        if self.is_leader(&old_id) {
            self.leader = Some(new_id.to_owned());
        }
        if let State::CompletingRebalance(syncing) | State::Stable(syncing) = &mut self.state
            && syncing.missing.remove(&old_id)
        {
            syncing.missing.insert(new_id.to_owned());
        }
    }

    fn maybe_prepare_rebalance(&mut self, now: Instant) {
        if !matches!(self.state, State::PreparingRebalance { .. }) {
            self.prepare_rebalance(now);
        }
    }

    /// Begins to collect JoinGroups for the next generation.
    pub(super) fn prepare_rebalance(&mut self, now: Instant) {
        if matches!(self.state, State::CompletingRebalance(_)) {
            self.refuse_syncs(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        let timeout = self.rebalance_timeout();
        self.state = match self.state {
            State::Empty => {
                let delay = self.rules.initial_rebalance_delay;
                let remaining = timeout.saturating_sub(delay);
                let initial = Some(InitialDelay {
                    delay,
                    remaining,
                    member_added: false,
                });
                State::PreparingRebalance {
                    deadline: now + delay,
                    initial,
                }
            }
            _ => State::PreparingRebalance {
                deadline: now + timeout,
                initial: None,
            },
        };
        self.try_complete_join(now);
    }

    /// The rebalance need not wait when all are there. The first one of an empty group waits for more.
    pub(super) fn try_complete_join(&mut self, now: Instant) {
        if matches!(self.state, State::PreparingRebalance { initial: None, .. })
            && self.pending.is_empty()
            && self.members.iter().all(Member::awaits_join)
        {
            self.complete_join(now);
        }
    }

    /// Starts the next generation with those who have joined. Static members keep their seats.
    pub(super) fn complete_join(&mut self, now: Instant) {
        self.members
            .retain(|member| member.awaits_join() || member.instance_id.is_some());
        self.replace_lost_leader();
        if self.members.is_empty() {
            self.generation += 1;
            self.protocol = None;
            self.leader = None;
            self.state = State::Empty;
            return self.store();
        }
        if !self.elect_joined_leader() {
            // Only static members, and none has joined: their sessions decide.
            let deadline = now + self.rebalance_timeout().max(Duration::from_millis(1));
            self.state = State::PreparingRebalance {
                deadline,
                initial: None,
            };
            return;
        }
        self.generation += 1;
        self.protocol = Some(self.selected_protocol());
        let missing = self
            .members
            .iter()
            .map(|member| member.id.clone())
            .collect::<BTreeSet<_>>();
        let deadline = Some(now + self.rebalance_timeout());
        self.state = State::CompletingRebalance(Syncing { missing, deadline });
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            member.is_new = false;
            member.restart_session(now);
            if let Waiting::ForJoin(request) = std::mem::replace(&mut member.waiting, Waiting::No) {
                self.answer_joined(request, index);
            }
        }
    }

    /// A leader that has not joined loses the lead to somebody who has.
    fn elect_joined_leader(&mut self) -> bool {
        let leader = self
            .leader
            .as_deref()
            .and_then(|leader| self.position(leader));
        if leader.is_some_and(|index| self.members[index].awaits_join()) {
            return true;
        }
        let joined = self.members.iter().find(|member| member.awaits_join());
        let elected = joined.map(|member| member.id.clone());
        let found = elected.is_some();
        self.leader = elected.or_else(|| self.leader.take());
        found
    }

    /// Each member votes for the first protocol on its list that all support; most votes win.
    fn selected_protocol(&self) -> String {
        let all_support =
            |protocol: &str| self.members.iter().all(|member| member.supports(protocol));
        let mut votes: Vec<(&str, usize)> = Vec::new();
        for member in &self.members {
            let vote = member
                .protocols
                .iter()
                .map(|(name, _)| name.as_str())
                .find(|name| all_support(name));
            let Some(vote) = vote else { continue };
            match votes.iter_mut().find(|(name, _)| *name == vote) {
                Some((_, count)) => *count += 1,
                None => votes.push((vote, 1)),
            }
        }
        // Kafka breaks a tie by chance; here the member who came first does.
        let most = votes.iter().map(|(_, count)| *count).max();
        let winner = votes.iter().find(|(_, count)| Some(*count) == most);
        winner
            .map(|(name, _)| (*name).to_owned())
            .unwrap_or_default()
    }

    fn refuse_join(&mut self, request: RequestId, member_id: &str, error: ErrorCode) {
        self.answers
            .push((request, Answer::Join(Joined::refused(member_id, error))));
    }

    /// The current generation; with all members, if the leader asked.
    fn answer_joined(&mut self, request: RequestId, index: usize) {
        self.answer_follower(request, index);
        if self.is_leader(&self.members[index].id) {
            let protocol = self.protocol().to_owned();
            let members = self.members.iter().map(|member| JoinedMember {
                id: member.id.clone(),
                instance_id: member.instance_id.clone(),
                metadata: member.metadata(&protocol),
            });
            let members = members.collect();
            if let Some((_, Answer::Join(joined))) = self.answers.last_mut() {
                joined.members = members;
            }
        }
    }

    fn answer_follower(&mut self, request: RequestId, index: usize) {
        let joined = Joined {
            error: ErrorCode::NONE,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            member_id: self.members[index].id.clone(),
            members: Vec::new(),
        };
        self.answers.push((request, Answer::Join(joined)));
    }
}
