//! SyncGroup: the leader gives the assignment, all get their part of it.

use std::{collections::BTreeMap, time::Instant};

use super::{Answer, Group, RequestId, State, Waiting};
use crate::protocol::ErrorCode;

/// A SyncGroup request.
#[derive(Debug, Clone)]
pub(crate) struct Sync {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) generation: i32,
    /// Checked where the version has it (5 and newer).
    pub(crate) protocol_type: Option<String>,
    /// Checked where the version has it (5 and newer).
    pub(crate) protocol: Option<String>,
    /// By member id; empty unless from the leader.
    pub(crate) assignments: BTreeMap<String, Vec<u8>>,
}

/// The answer to SyncGroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Synced {
    pub(crate) error: ErrorCode,
    pub(crate) protocol_type: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) assignment: Vec<u8>,
}

impl Synced {
    /// No assignment.
    pub(crate) fn refused(error: ErrorCode) -> Self {
        Self {
            error,
            protocol_type: None,
            protocol: None,
            assignment: Vec::new(),
        }
    }
}

impl Group {
    /// A member asks for its assignment. The answer comes out of [`poll_answer`](Self::poll_answer), at
    /// once or when the leader has sent the assignment.
    pub(crate) fn sync(&mut self, now: Instant, request: RequestId, sync: Sync) {
        let index = match self.check_sync(&sync) {
            Ok(index) => index,
            Err(code) => {
                return self
                    .answers
                    .push((request, Answer::Sync(Synced::refused(code))));
            }
        };
        match &mut self.state {
            State::Stable(syncing) => {
                syncing.missing.remove(&sync.member_id);
                self.members[index].restart_session(now);
                self.answer_synced(request, index);
            }
            State::CompletingRebalance(syncing) => {
                syncing.missing.remove(&sync.member_id);
                self.members[index].waiting = Waiting::ForSync(request);
                if self.is_leader(&sync.member_id) {
                    self.become_stable(now, sync.assignments);
                }
            }
            State::Empty | State::PreparingRebalance { .. } => {
                unreachable!("refused by check_sync")
            }
        }
    }

    fn check_sync(&self, sync: &Sync) -> Result<usize, ErrorCode> {
        let index = self.check_member(&sync.member_id, sync.instance_id.as_deref())?;
        let differs =
            |given: &Option<String>, ours: &Option<String>| given.is_some() && given != ours;
        if sync.generation != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        if differs(&sync.protocol_type, &self.protocol_type)
            || differs(&sync.protocol, &self.protocol)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        match self.state {
            State::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            State::PreparingRebalance { .. } => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            State::CompletingRebalance(_) | State::Stable(_) => Ok(index),
        }
    }

    /// Who is left out of the leader's assignment gets an empty one.
    fn become_stable(&mut self, now: Instant, mut assignments: BTreeMap<String, Vec<u8>>) {
        for member in &mut self.members {
            member.assignment = assignments.remove(&member.id).unwrap_or_default();
        }
        self.store();
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            if let Waiting::ForSync(request) = member.waiting {
                member.waiting = Waiting::No;
                member.restart_session(now);
                self.answer_synced(request, index);
            }
        }
        self.state = match std::mem::replace(&mut self.state, State::Empty) {
            State::CompletingRebalance(syncing) => State::Stable(syncing),
            state => state,
        };
    }

    pub(super) fn refuse_syncs(&mut self, error: ErrorCode) {
        for member in &mut self.members {
            member.assignment.clear();
            if let Waiting::ForSync(request) = member.waiting {
                member.waiting = Waiting::No;
                self.answers
                    .push((request, Answer::Sync(Synced::refused(error))));
            }
        }
    }

    fn answer_synced(&mut self, request: RequestId, index: usize) {
        let synced = Synced {
            error: ErrorCode::NONE,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self.members[index].assignment.clone(),
        };
        self.answers.push((request, Answer::Sync(synced)));
    }
}
