//! One consumer group, by the rules of Kafka's group coordinator.
//!
//! A group goes round: *empty*, *preparing* the rebalance (JoinGroups are collected), *completing* it
//! (SyncGroups wait for the leader's assignment), *stable*. Kafka's fifth state, dead, is a group
//! that is not here. What Kafka writes to `__consumer_offsets` is [`Stored`], the only thing that
//! a new coordinator has of a group.

mod join;
mod member;
mod offsets;
mod sync;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use crate::protocol::ErrorCode;

pub(crate) use join::{Join, Joined};
pub(crate) use member::Member;
use member::Waiting;
pub(crate) use offsets::{Committed, Committer, METADATA_LIMIT, Offsets};
pub(crate) use sync::{Sync, Synced};

/// Names a request whose answer comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestId(pub(crate) u64);

/// An answer that is ready.
#[derive(Debug)]
pub(crate) enum Answer {
    Join(Joined),
    Sync(Synced),
}

/// In what the coordinators of different releases and configurations differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members.
    pub(crate) initial_rebalance_delay: Duration,
    /// `group.min.session.timeout.ms`.
    pub(crate) min_session_timeout: Duration,
    /// `group.max.session.timeout.ms`.
    pub(crate) max_session_timeout: Duration,
    /// Before 2.7 (KAFKA-10134) a heartbeat between JoinGroup and SyncGroup is answered
    /// REBALANCE_IN_PROGRESS.
    pub(crate) heartbeats_while_completing: bool,
    /// From 3.0 on (KAFKA-12890) members who do not send SyncGroup in time lose their seats.
    pub(crate) awaits_sync: bool,
}

/// How long a first JoinGroup may wait before the coordinator gives up on the client.
const NEW_MEMBER_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    rules: Rules,
    state: State,
    generation: i32,
    protocol_type: Option<String>,
    protocol: Option<String>,
    leader: Option<String>,
    /// In the order of joining.
    members: Vec<Member>,
    /// Member ids given out with MEMBER_ID_REQUIRED and not yet used, and when they expire.
    pending: BTreeMap<String, Instant>,
    offsets: Offsets,
    stored: Stored,
    answers: Vec<(RequestId, Answer)>,
    rng: fastrand::Rng,
}

#[derive(Debug)]
enum State {
    Empty,
    PreparingRebalance {
        deadline: Instant,
        initial: Option<InitialDelay>,
    },
    CompletingRebalance(Syncing),
    Stable(Syncing),
}

/// The wait of a group that was empty: prolonged while members keep coming.
#[derive(Debug, Clone, Copy)]
struct InitialDelay {
    /// The present wait.
    delay: Duration,
    /// How much longer it could become.
    remaining: Duration,
    /// Somebody came since it began.
    member_added: bool,
}

/// Who has not sent SyncGroup in this generation, and until when that is tolerated.
#[derive(Debug)]
struct Syncing {
    missing: BTreeSet<String>,
    deadline: Option<Instant>,
}

/// A generation as it is written to `__consumer_offsets`.
#[derive(Debug, Clone, Default)]
struct Stored {
    generation: i32,
    protocol_type: Option<String>,
    protocol: Option<String>,
    leader: Option<String>,
    members: Vec<Member>,
}

/// The state by Kafka's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// No members; offsets may be committed by anyone who claims no membership.
    Empty,
    /// JoinGroups are being collected.
    PreparingRebalance,
    /// The members have joined and wait for the leader's assignment.
    CompletingRebalance,
    /// All is assigned.
    Stable,
    /// There is no such group.
    Dead,
}

impl GroupState {
    /// The name as in DescribeGroups.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

impl Group {
    /// An empty group. The seed makes its member ids.
    pub(crate) fn new(rules: Rules, seed: u64) -> Self {
        Self {
            rules,
            state: State::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: Vec::new(),
            pending: BTreeMap::new(),
            offsets: Offsets::default(),
            stored: Stored::default(),
            answers: Vec::new(),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Its state.
    pub(crate) fn state(&self) -> GroupState {
        match self.state {
            State::Empty => GroupState::Empty,
            State::PreparingRebalance { .. } => GroupState::PreparingRebalance,
            State::CompletingRebalance(_) => GroupState::CompletingRebalance,
            State::Stable(_) => GroupState::Stable,
        }
    }

    /// The last generation.
    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    /// "consumer", usually.
    pub(crate) fn protocol_type(&self) -> &str {
        self.protocol_type.as_deref().unwrap_or_default()
    }

    /// The assignor chosen for this generation.
    pub(crate) fn protocol(&self) -> &str {
        self.protocol.as_deref().unwrap_or_default()
    }

    /// The member id of the leader.
    pub(crate) fn leader(&self) -> Option<&str> {
        self.leader.as_deref()
    }

    /// Its members, in the order of joining.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// What was committed.
    pub(crate) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// What was committed, to be changed past the rules.
    pub(crate) fn offsets_mut(&mut self) -> &mut Offsets {
        &mut self.offsets
    }

    /// The next answer to a request that waited.
    pub(crate) fn poll_answer(&mut self) -> Option<(RequestId, Answer)> {
        (!self.answers.is_empty()).then(|| self.answers.remove(0))
    }

    /// A sign of life from a member.
    pub(crate) fn heartbeat(
        &mut self,
        now: Instant,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> ErrorCode {
        let index = match self.check_member(member_id, instance_id) {
            Ok(index) => index,
            Err(code) => return code,
        };
        if generation != self.generation {
            return ErrorCode::ILLEGAL_GENERATION;
        }
        match self.state {
            State::Empty => ErrorCode::UNKNOWN_MEMBER_ID,
            State::CompletingRebalance(_) if !self.rules.heartbeats_while_completing => {
                ErrorCode::REBALANCE_IN_PROGRESS
            }
            State::PreparingRebalance { .. } => {
                self.members[index].restart_session(now);
                ErrorCode::REBALANCE_IN_PROGRESS
            }
            State::CompletingRebalance(_) | State::Stable(_) => {
                self.members[index].restart_session(now);
                ErrorCode::NONE
            }
        }
    }

    /// A member goes by its own will, or by an administrator's, who knows only its instance id.
    pub(crate) fn leave(
        &mut self,
        now: Instant,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> ErrorCode {
        if member_id.is_empty() {
            let Some(index) = instance_id.and_then(|name| self.static_member(name)) else {
                return ErrorCode::UNKNOWN_MEMBER_ID;
            };
            self.remove_and_rebalance(now, index);
        } else if self.pending.remove(member_id).is_some() {
            self.try_complete_join(now);
        } else {
            match self.check_member(member_id, instance_id) {
                Ok(index) => self.remove_and_rebalance(now, index),
                Err(code) => return code,
            }
        }
        ErrorCode::NONE
    }

    /// When something is due.
    pub(crate) fn poll_deadline(&self) -> Option<Instant> {
        let phase = match &self.state {
            State::PreparingRebalance { deadline, .. } => Some(*deadline),
            State::CompletingRebalance(syncing) | State::Stable(syncing) => {
                self.sync_deadline(syncing)
            }
            State::Empty => None,
        };
        let sessions = self.members.iter().filter_map(|member| member.expires_at);
        sessions
            .chain(self.pending.values().copied())
            .chain(phase)
            .min()
    }

    fn sync_deadline(&self, syncing: &Syncing) -> Option<Instant> {
        let is_awaited = self.rules.awaits_sync && !syncing.missing.is_empty();
        syncing.deadline.filter(|_| is_awaited)
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.expire_members(now);
        match &self.state {
            State::PreparingRebalance { deadline, initial } if *deadline <= now => match *initial {
                Some(wait) if wait.member_added && !wait.remaining.is_zero() => {
                    self.prolong_initial_delay(now, wait);
                }
                _ => self.complete_join(now),
            },
            State::CompletingRebalance(syncing) | State::Stable(syncing)
                if self
                    .sync_deadline(syncing)
                    .is_some_and(|deadline| deadline <= now) =>
            {
                let missing = syncing.missing.clone();
                self.members.retain(|member| !missing.contains(&member.id));
                self.replace_lost_leader();
                self.prepare_rebalance(now);
            }
            _ => {}
        }
    }

    fn prolong_initial_delay(&mut self, now: Instant, wait: InitialDelay) {
        let delay = self.rules.initial_rebalance_delay.min(wait.remaining);
        let remaining = wait.remaining.saturating_sub(wait.delay);
        let initial = Some(InitialDelay {
            delay,
            remaining,
            member_added: false,
        });
        self.state = State::PreparingRebalance {
            deadline: now + delay,
            initial,
        };
    }

    fn expire_members(&mut self, now: Instant) {
        self.pending.retain(|_, expires_at| *expires_at > now);
        let is_due = |member: &Member| member.expires_at.is_some_and(|at| at <= now);
        for member in self
            .members
            .iter_mut()
            .filter(|member| is_due(member) && member.is_excused())
        {
            member.expires_at = None;
        }
        while let Some(index) = self.members.iter().position(is_due) {
            self.remove_and_rebalance(now, index);
        }
        self.try_complete_join(now);
    }

    /// Where the member is, if it may speak for itself.
    fn check_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<usize, ErrorCode> {
        if let Some(name) = instance_id {
            match self.static_member(name) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(index) if self.members[index].id != member_id => {
                    return Err(ErrorCode::FENCED_INSTANCE_ID);
                }
                Some(_) => {}
            }
        }
        self.position(member_id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
    }

    fn position(&self, member_id: &str) -> Option<usize> {
        self.members
            .iter()
            .position(|member| member.id == member_id)
    }

    fn static_member(&self, instance_id: &str) -> Option<usize> {
        self.members
            .iter()
            .position(|member| member.instance_id.as_deref() == Some(instance_id))
    }

    fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// Takes a seat away. A JoinGroup that waits is told to start over; a SyncGroup of that member is
    /// never answered, as in Kafka: its client has left by another connection.
    fn remove_and_rebalance(&mut self, now: Instant, index: usize) {
        let member = self.members.remove(index);
        if let Waiting::ForJoin(request) = member.waiting {
            let refused = Joined::refused("", ErrorCode::UNKNOWN_MEMBER_ID);
            self.answers.push((request, Answer::Join(refused)));
        }
        if let State::CompletingRebalance(syncing) | State::Stable(syncing) = &mut self.state {
            syncing.missing.remove(&member.id);
        }
        self.replace_lost_leader();
        match self.state {
            State::Empty => {}
            State::Stable(_) | State::CompletingRebalance(_) => self.prepare_rebalance(now),
            State::PreparingRebalance { .. } => self.try_complete_join(now),
        }
    }

    /// A leader that is gone is followed by any other member.
    fn replace_lost_leader(&mut self) {
        let has_seat = |leader: &String| self.members.iter().any(|member| member.id == *leader);
        if !self.leader.as_ref().is_some_and(has_seat) {
            self.leader = self.members.first().map(|member| member.id.clone());
        }
    }

    fn rebalance_timeout(&self) -> Duration {
        self.members
            .iter()
            .map(|member| member.rebalance_timeout)
            .max()
            .unwrap_or_default()
    }

    /// Writes the generation to the log that a next coordinator reads.
    fn store(&mut self) {
        self.stored = Stored {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: self.members.clone(),
        };
    }

    /// The group loses its coordinator: who waits is told so, and what was not stored is lost. Nothing
    /// happens to it until another one [loads](Self::load) it.
    pub(crate) fn unload(&mut self) {
        for member in std::mem::take(&mut self.members) {
            match member.waiting {
                Waiting::No => {}
                Waiting::ForJoin(request) => {
                    let refused = Joined::refused(&member.id, ErrorCode::NOT_COORDINATOR);
                    self.answers.push((request, Answer::Join(refused)));
                }
                Waiting::ForSync(request) => {
                    let refused = Synced::refused(ErrorCode::NOT_COORDINATOR);
                    self.answers.push((request, Answer::Sync(refused)));
                }
            }
        }
        let stored = self.stored.clone();
        self.pending.clear();
        self.generation = stored.generation;
        self.protocol_type = stored.protocol_type;
        self.protocol = stored.protocol;
        self.leader = stored.leader;
        self.members = stored.members;
        for member in &mut self.members {
            member.waiting = Waiting::No;
            member.is_new = false;
            member.expires_at = None;
        }
        self.state = match self.members.is_empty() {
            true => State::Empty,
            false => State::Stable(Syncing {
                missing: BTreeSet::new(),
                deadline: None,
            }),
        };
    }

    /// A coordinator takes the group over, as it was stored. Everybody starts a new session.
    pub(crate) fn load(&mut self, now: Instant) {
        for member in &mut self.members {
            member.restart_session(now);
        }
    }
}
