//! What the answers mean: the table of reactions, put to work.

use std::time::{Duration, Instant};

use super::{
    Action, Group, share,
    state::{Joining, State, Syncing},
    trouble::Loudness::{Loud, Quiet},
    violation::Violation,
};
use crate::{
    call::{Answer, Broker, Lane, Target, find_coordinator},
    core::reaction::{Reaction, has_to_be_mended, reaction, reaction_to_failure},
    error::{Error, ErrorKind, Result},
    protocol::ApiKey,
};

/// Who waits longer than this wants to know why.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);

impl Group {
    /// The answer to FindCoordinator.
    pub(super) fn coordinator_answered(&mut self, now: Instant, result: Result<Answer>) {
        let api = ApiKey::FindCoordinator;
        let (reaction, error) = match result {
            Ok(Answer::FindCoordinator(answer)) => {
                match (reaction(api, answer.error), answer.coordinator) {
                    (Reaction::Proceed, Some(coordinator)) => return self.found(now, coordinator),
                    (Reaction::Proceed, None) => (
                        Reaction::Report,
                        self.violation(api, Violation::NoCoordinator),
                    ),
                    (reaction, _) => (reaction, self.refusal(api, answer.error)),
                }
            }
            Ok(answer) => unreachable!("{api} was answered by {answer:?}"),
            Err(error) => (reaction_to_failure(&error), self.place(error, api)),
        };
        if let State::Departing { .. } = self.state {
            // One look-up is all that leaving is worth.
            return self.end();
        }
        let failure = match reaction {
            Reaction::Fatal => return self.fail(error),
            Reaction::Report => self.trouble.retry_slowly(now, &error),
            reaction => {
                debug_assert!(matches!(
                    reaction,
                    Reaction::Retry | Reaction::FindCoordinator
                ));
                self.trouble.retry(now, &error, Quiet)
            }
        };
        let mut ask_at = self.after(failure);
        // Another broker may know it, and who has a seat has to be heard within a session.
        if !self.member_id.is_empty() {
            ask_at = ask_at.min(now + self.settings.session_timeout / 4);
        }
        self.seek.lost(ask_at);
    }

    fn found(&mut self, now: Instant, coordinator: find_coordinator::Coordinator) {
        let find_coordinator::Coordinator { id, host, port } = coordinator;
        let broker = Broker {
            id: Some(id),
            host,
            port,
        };
        let target = Target {
            broker,
            lane: Lane::Group,
        };
        if let Some(former) = self.seek.found(now, target) {
            self.actions.push_back(Action::Disconnect(former));
        }
        if let Some(membership) = self.state.membership_mut() {
            // How long it was not known counts against the session.
            membership.pulse.next_at = now;
        }
    }

    /// The answer to the call that the state waits for.
    pub(super) fn state_answered(&mut self, now: Instant, result: Result<Answer>) {
        match &self.state {
            State::Stable(_) | State::Releasing(..) => self.heartbeat_answered(now, result),
            // Whatever the answer is.
            State::Leaving { .. } => self.end(),
            _ => match self.take_state(now) {
                State::Joining(joining) => self.join_answered(now, joining, result),
                State::Syncing(syncing) => self.sync_answered(now, syncing, result),
                state => unreachable!("{state:?} waits for no answer"),
            },
        }
    }

    fn join_answered(&mut self, now: Instant, joining: Joining, result: Result<Answer>) {
        let api = ApiKey::JoinGroup;
        match result {
            Ok(Answer::JoinGroup(answer)) => match reaction(api, answer.error) {
                Reaction::Proceed => self.joined(now, joining, answer),
                Reaction::TakeMemberId => self.take_member_id(now, &joining, answer.member_id),
                reaction => self.join_refused(now, reaction, self.refusal(api, answer.error)),
            },
            Ok(answer) => unreachable!("{api} was answered by {answer:?}"),
            Err(error) => {
                let reaction = reaction_to_failure(&error);
                self.join_refused(now, reaction, self.place(error, api));
            }
        }
    }

    fn sync_answered(&mut self, now: Instant, syncing: Syncing, result: Result<Answer>) {
        let api = ApiKey::SyncGroup;
        match result {
            Ok(Answer::SyncGroup(answer)) => match reaction(api, answer.error) {
                Reaction::Proceed => {
                    let share = share::read_assignment(
                        &answer.assignment,
                        self.settings.array_bytes,
                        &syncing.seat.topics,
                    );
                    if self.joins_changed(now, &syncing.seat, &share) {
                        return;
                    }
                    match share {
                        Ok(share) => self.synced(now, syncing, share),
                        Err(violation) => {
                            let error = self.violation(api, violation);
                            self.join_slowly(now, &error);
                        }
                    }
                }
                reaction => self.join_refused(now, reaction, self.refusal(api, answer.error)),
            },
            Ok(answer) => unreachable!("{api} was answered by {answer:?}"),
            Err(error) => {
                let reaction = reaction_to_failure(&error);
                self.join_refused(now, reaction, self.place(error, api));
            }
        }
    }

    /// A JoinGroup or a SyncGroup has failed. No claims depend on it.
    fn join_refused(&mut self, now: Instant, reaction: Reaction, error: Error) {
        let failure = match reaction {
            Reaction::Retry => self.trouble.retry(now, &error, Quiet),
            Reaction::Report => return self.join_slowly(now, &error),
            Reaction::FindCoordinator => {
                self.coordinator_lost(now, &error);
                return self.join_at(now);
            }
            Reaction::Rejoin => self.trouble.retry_soon(now, &error, Quiet),
            Reaction::RejoinAsNew => {
                self.member_id.clear();
                self.trouble.retry_soon(now, &error, Quiet)
            }
            Reaction::Fatal => return self.fail(error),
            Reaction::Proceed
            | Reaction::RefreshMetadata
            | Reaction::TakeMemberId
            | Reaction::Release
            | Reaction::ResetOffset => {
                unreachable!("the table has no {reaction:?} for JoinGroup and SyncGroup")
            }
        };
        let join_at = self.after(failure);
        self.join_at(join_at);
    }

    fn heartbeat_answered(&mut self, now: Instant, result: Result<Answer>) {
        let api = ApiKey::Heartbeat;
        let membership = self.state.membership_mut();
        let membership = membership.expect("only a state with claims sends heartbeats");
        let beat = membership.pulse.in_flight.take();
        let sent_at = beat
            .expect("the answer is the one that was waited for")
            .sent_at;
        let (reaction, error) = match result {
            Ok(Answer::Heartbeat(answer)) => {
                let reaction = reaction(api, answer.error);
                match reaction {
                    Reaction::Proceed => {
                        membership.pulse.answered = true;
                        membership.is_alive(sent_at);
                        membership.pulse.calm_at = sent_at;
                        return self.trouble.end();
                    }
                    Reaction::Release => {
                        membership.pulse.answered = true;
                        // With JoinGroup v0 that answer does not restart the session timer.
                        if membership.seat.join_version >= 1 {
                            membership.is_alive(sent_at);
                        }
                        self.trouble.end();
                        return self.release(now);
                    }
                    _ => (reaction, self.refusal(api, answer.error)),
                }
            }
            Ok(answer) => unreachable!("{api} was answered by {answer:?}"),
            Err(error) => (reaction_to_failure(&error), self.place(error, api)),
        };
        match reaction {
            // The next heartbeat is the retry, which is not waited for where it has to make sure of the seat.
            Reaction::Retry | Reaction::Report => {
                let loudness = if reaction == Reaction::Retry {
                    Quiet
                } else {
                    Loud
                };
                let failure = self.trouble.retry(now, &error, loudness);
                let retry_at = self.after(failure);
                if let Some(membership) = self.state.membership_mut() {
                    membership.is_unheard();
                    if membership.is_unsure() {
                        let next_at = &mut membership.pulse.next_at;
                        *next_at = retry_at.min(*next_at);
                    }
                }
            }
            reaction => self.react(now, reaction, &error),
        }
    }

    /// What an answer means to the membership; the rest is the business of who has asked.
    pub(super) fn react(&mut self, now: Instant, reaction: Reaction, error: &Error) {
        match reaction {
            Reaction::FindCoordinator => self.coordinator_lost(now, error),
            Reaction::Release => self.release(now),
            Reaction::Rejoin => self.lose(now, error.clone()),
            Reaction::RejoinAsNew => {
                self.member_id.clear();
                self.lose(now, error.clone());
            }
            Reaction::Fatal => self.fail(error.clone()),
            Reaction::Proceed
            | Reaction::Retry
            | Reaction::RefreshMetadata
            | Reaction::ResetOffset
            | Reaction::Report => {}
            Reaction::TakeMemberId => unreachable!("only JoinGroup is answered with a member id"),
        }
    }

    /// The group coordinator has to be looked up. A heartbeat that it still owes is forgotten.
    pub(super) fn coordinator_lost(&mut self, now: Instant, error: &Error) {
        // What was kept for a rebalance and never came has lasted long enough.
        let has_lasted =
            matches!(error.kind(), ErrorKind::Timeout(waited) if *waited > LONGEST_SILENCE);
        let loudness = match has_lasted || has_to_be_mended(error) {
            true => Loud,
            false => Quiet,
        };
        let failure = self.trouble.retry_soon(now, error, loudness);
        let ask_at = self.after(failure);
        self.seek.lost(ask_at);
        if let Some(membership) = self.state.membership_mut() {
            membership.pulse.in_flight = None;
            membership.is_unheard();
        }
    }

    /// Somebody broke the protocol.
    pub(super) fn violation(&self, api: ApiKey, violation: Violation) -> Error {
        self.place(Error::new(ErrorKind::Protocol, "rebalance"), api)
            .because(violation)
    }
}
