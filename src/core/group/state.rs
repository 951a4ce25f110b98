//! The states of a membership, and what is known in each.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{
    lead::{Counts, Lead},
    share::Roster,
};
use crate::{
    call::{Target, Token},
    config::Strategy,
};

/// Where the membership stands. What leads from one to the other stands in `transitions`.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing is subscribed yet.
    Idle,
    /// In no generation. Joins at that time, or as soon as the group coordinator is known.
    Seeking { join_at: Instant },
    /// The group coordinator keeps the JoinGroup until all members have joined.
    Joining(Joining),
    /// The leader learns how many partitions the topics have.
    Assigning(Assigning),
    /// The group coordinator keeps the SyncGroup until the leader has sent the assignment.
    Syncing(Syncing),
    /// In a generation, with claims.
    Stable(Membership),
    /// The claims are being finished and committed.
    Releasing(Membership),
    /// Leaves as soon as the group coordinator is known.
    Departing { until: Instant },
    /// The LeaveGroup is on its way.
    Leaving { call: Token, until: Instant },
    /// Over, and told so.
    Left,
    /// Over by an error, and told so; `leave` has yet to be called.
    Failed,
}

#[derive(Debug)]
pub(super) struct Joining {
    pub(super) call: Token,
    pub(super) target: Target,
    /// The subscription in the JoinGroup.
    pub(super) topics: BTreeSet<String>,
    /// Whether it went without a member id.
    pub(super) as_new: bool,
}

#[derive(Debug)]
pub(super) struct Assigning {
    pub(super) seat: Seat,
    pub(super) roster: Roster,
    /// The assignor that the group coordinator chose.
    pub(super) strategy: Strategy,
    /// Then it assigns with what is known.
    pub(super) until: Instant,
}

#[derive(Debug)]
pub(super) struct Syncing {
    pub(super) call: Token,
    pub(super) sent_at: Instant,
    pub(super) seat: Seat,
}

/// A place in a generation.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) generation: i32,
    /// The group coordinator that gave it.
    pub(super) target: Target,
    /// The version of the JoinGroup by which it was got.
    pub(super) join_version: i16,
    /// The assignor that the group coordinator chose.
    pub(super) protocol: String,
    /// The subscription that the group knows of.
    pub(super) topics: BTreeSet<String>,
    /// What only the leader has.
    pub(super) lead: Option<Lead>,
}

impl Seat {
    pub(super) fn is_told(&mut self) {
        if let Some(lead) = &mut self.lead {
            lead.is_told();
        }
    }

    /// Whether a leader's assignment has to go, now that so much is known.
    pub(super) fn has_to_go(&mut self, known: &Counts) -> bool {
        let lead = self.lead.as_mut();
        lead.is_some_and(|lead| lead.has_to_go(&self.topics, known))
    }
}

/// A seat that is held by heartbeats.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) seat: Seat,
    /// When the seat was taken: what was sent before belongs to another one.
    pub(super) since: Instant,
    pub(super) pulse: Pulse,
}

/// The heartbeats, and what they tell. The times are those of sending: only that is certainly not
/// later than what the group coordinator reckons from.
#[derive(Debug)]
pub(super) struct Pulse {
    /// The last sign of life that the group coordinator has taken in.
    pub(super) alive_at: Instant,
    /// When the seat was taken, as far as that is known.
    pub(super) began_at: Instant,
    /// The last heartbeat whose answer said that no rebalance had begun; at first the SyncGroup.
    pub(super) calm_at: Instant,
    /// Whether any heartbeat of this generation was answered.
    pub(super) answered: bool,
    /// Whether the SyncGroup was kept, here or there.
    pub(super) was_kept: bool,
    pub(super) next_at: Instant,
    pub(super) in_flight: Option<Beat>,
}

/// A heartbeat on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beat {
    pub(super) call: Token,
    pub(super) sent_at: Instant,
}

impl Membership {
    /// A call was answered in a way that says it has restarted the session timer.
    pub(super) fn is_alive(&mut self, sent_at: Instant) {
        self.pulse.alive_at = self.pulse.alive_at.max(sent_at);
    }

    /// Whether a heartbeat has yet to make sure of the seat.
    pub(super) fn is_unsure(&self) -> bool {
        self.pulse.was_kept && !self.pulse.answered
    }

    /// A heartbeat did not come through: as long as none has, only the sending of the SyncGroup is certain.
    pub(super) fn is_unheard(&mut self) {
        if self.is_unsure() {
            self.pulse.alive_at = self.pulse.calm_at;
            self.pulse.began_at = self.pulse.calm_at;
        }
    }

    /// When the next heartbeat is to be sent; `None` while one is on its way.
    pub(super) fn next_heartbeat(&self) -> Option<Instant> {
        match self.pulse.in_flight {
            Some(_) => None,
            None => Some(self.pulse.next_at),
        }
    }

    /// When the heartbeat on its way will have been waited for so long.
    pub(super) fn silent_at(&self, wait: Duration) -> Option<Instant> {
        self.pulse.in_flight.map(|beat| beat.sent_at + wait)
    }

    /// Whether it has.
    pub(super) fn is_silent_since(&self, now: Instant, wait: Duration) -> bool {
        self.silent_at(wait).is_some_and(|at| at <= now)
    }
}

impl State {
    /// The seat, in the states that have claims.
    pub(super) fn membership(&self) -> Option<&Membership> {
        match self {
            Self::Stable(membership) | Self::Releasing(membership) => Some(membership),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn membership_mut(&mut self) -> Option<&mut Membership> {
        match self {
            Self::Stable(membership) | Self::Releasing(membership) => Some(membership),
            _ => None,
        }
    }

    /// Whether something can only be done when the group coordinator is known. The states that are
    /// left out either wait for its answer or want nothing of it.
    pub(super) fn needs_coordinator(&self) -> bool {
        match self {
            Self::Seeking { .. }
            | Self::Stable(_)
            | Self::Releasing(..)
            | Self::Departing { .. } => true,
            Self::Idle
            | Self::Joining(_)
            | Self::Assigning(_)
            | Self::Syncing(_)
            | Self::Leaving { .. }
            | Self::Left
            | Self::Failed => false,
        }
    }

    /// Whether this is the answer that the state waits for.
    pub(super) fn waits_for(&self, token: Token) -> bool {
        match self {
            Self::Joining(Joining { call, .. })
            | Self::Syncing(Syncing { call, .. })
            | Self::Leaving { call, .. } => *call == token,
            Self::Stable(membership) | Self::Releasing(membership) => {
                let beat = membership.pulse.in_flight;
                beat.is_some_and(|beat| beat.call == token)
            }
            Self::Idle
            | Self::Seeking { .. }
            | Self::Assigning(_)
            | Self::Departing { .. }
            | Self::Left
            | Self::Failed => false,
        }
    }
}
