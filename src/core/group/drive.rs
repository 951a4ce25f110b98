//! What is done when its time has come.

use std::time::Instant;

use super::{
    Destination, Group,
    state::{Assigning, Beat, Membership, State},
};
use crate::{
    call::{Call, find_coordinator, heartbeat},
    error::{Error, ErrorKind},
    protocol::ApiKey,
};

impl Group {
    /// Does what is due. Every step leads into a wait, for an answer or for a later time, so this
    /// ends.
    pub(super) fn drive(&mut self, now: Instant) {
        while self.step(now) {}
    }

    fn step(&mut self, now: Instant) -> bool {
        if self.state.needs_coordinator() && self.seek.is_due(now) {
            self.find_coordinator();
            return true;
        }
        let coordinator_known = self.seek.target().is_some();
        match &self.state {
            State::Seeking { join_at } if *join_at <= now && coordinator_known => self.join(now),
            State::Assigning(Assigning { until, .. }) if *until <= now => self.assign_late(now),
            State::Stable(membership) | State::Releasing(membership)
                if self.fence(membership) <= now =>
            {
                let error = Error::new(ErrorKind::SessionExpired, "heartbeat");
                self.lose(now, error);
            }
            State::Stable(membership) | State::Releasing(membership)
                if membership.next_heartbeat().is_some_and(|at| at <= now) && coordinator_known =>
            {
                self.beat(now);
            }
            State::Stable(membership) | State::Releasing(membership)
                if membership.is_silent_since(now, self.settings.heartbeat_timeout()) =>
            {
                let waited = self.settings.heartbeat_timeout();
                let error = Error::new(ErrorKind::Timeout(waited), "heartbeat");
                let error = self.place(error, ApiKey::Heartbeat);
                self.coordinator_lost(now, &error);
            }
            State::Departing { .. } if coordinator_known => self.say_goodbye(now),
            State::Departing { until } | State::Leaving { until, .. } if *until <= now => {
                self.end();
            }
            _ => return false,
        }
        true
    }

    /// When something will be due.
    pub fn poll_deadline(&self) -> Option<Instant> {
        let due = match &self.state {
            State::Seeking { join_at } => self.seek.target().map(|_| *join_at),
            State::Assigning(Assigning { until, .. })
            | State::Departing { until }
            | State::Leaving { until, .. } => Some(*until),
            State::Stable(membership) | State::Releasing(membership) => {
                Some(self.membership_deadline(membership))
            }
            State::Idle | State::Joining(_) | State::Syncing(_) | State::Left | State::Failed => {
                None
            }
        };
        let seek = self.seek.deadline();
        let seek = seek.filter(|_| self.state.needs_coordinator());
        due.into_iter().chain(seek).min()
    }

    fn membership_deadline(&self, membership: &Membership) -> Instant {
        let next = membership.next_heartbeat();
        let next = next.filter(|_| self.seek.target().is_some());
        let late = membership.silent_at(self.settings.heartbeat_timeout());
        let due = next.into_iter().chain(late);
        due.fold(self.fence(membership), Instant::min)
    }

    /// When the claims are lost, unless a sign of life comes through: then the session is over, or a
    /// rebalance that nobody told us of, which ends without those who have not joined in time.
    pub(super) fn fence(&self, membership: &Membership) -> Instant {
        let session = membership.pulse.alive_at + self.settings.session_timeout;
        if matches!(self.state, State::Releasing(..)) {
            // That ends in time: see `Action::Release`.
            return session;
        }
        let calm_at = membership.pulse.calm_at.max(membership.pulse.began_at);
        let version = membership.seat.join_version;
        session.min(calm_at + self.settings.rebalance_time(version))
    }

    fn find_coordinator(&mut self) {
        let group_id = self.settings.group_id.clone();
        let ask = Call::FindCoordinator(find_coordinator::Ask { group_id });
        let timeout = self.settings.call_timeout();
        let call = self.send(self.seek.whom_to_ask(), ask, timeout);
        self.seek.asked(call);
    }

    /// Sends a heartbeat, if the group coordinator is known.
    pub(super) fn beat(&mut self, now: Instant) {
        let (Some(session), Some(_)) = (self.session(), self.state.membership()) else {
            return;
        };
        let ask = Call::Heartbeat(heartbeat::Ask {
            group_id: self.settings.group_id.clone(),
            generation: session.generation,
            member_id: session.member_id,
            instance_id: session.instance_id,
        });
        let timeout = self.settings.call_timeout();
        let call = self.send(Destination::Coordinator(session.coordinator), ask, timeout);
        let interval = self.settings.heartbeat_interval;
        if let Some(membership) = self.state.membership_mut() {
            membership.pulse.in_flight = Some(Beat { call, sent_at: now });
            membership.pulse.next_at = now + interval;
        }
    }
}
