//! Which broker is the group coordinator.

use std::time::Instant;

use super::Destination;
use crate::call::{Lane, Target, Token};

/// Of so many questions in a row the last one goes to the coordinator that was lost.
const OTHERS_FIRST: u32 = 8;

/// The look-up of the group coordinator. It runs beside the states of the membership, for a
/// generation outlives the move of its coordinator.
#[derive(Debug)]
pub(super) struct Seek {
    phase: Phase,
    /// The coordinator of before, whose connection is of no use once there is another one.
    former: Option<Target>,
    /// How often was asked since it was lost.
    asked: u32,
}

#[derive(Debug)]
enum Phase {
    /// To be asked for at that time; `None`: as soon as it is needed.
    Unknown {
        ask_at: Option<Instant>,
    },
    Asking {
        call: Token,
    },
    Known {
        target: Target,
        since: Instant,
    },
}

impl Seek {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Unknown { ask_at: None },
            former: None,
            asked: 0,
        }
    }

    /// The coordinator, where it is known.
    pub(super) fn target(&self) -> Option<&Target> {
        match &self.phase {
            Phase::Known { target, .. } => Some(target),
            Phase::Unknown { .. } | Phase::Asking { .. } => None,
        }
    }

    /// Whether a call sent at that time went to the coordinator that is known now.
    pub(super) fn was_known_at(&self, sent_at: Instant) -> bool {
        matches!(self.phase, Phase::Known { since, .. } if since <= sent_at)
    }

    /// Whether it is time to ask.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        match self.phase {
            Phase::Unknown { ask_at } => ask_at.is_none_or(|at| at <= now),
            Phase::Asking { .. } | Phase::Known { .. } => false,
        }
    }

    /// When it will be time to ask.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Unknown { ask_at } => ask_at,
            Phase::Asking { .. } | Phase::Known { .. } => None,
        }
    }

    /// Whom to ask. The coordinator that was lost may be gone, and would not say so. But the others may have lost touch,
    /// so it has its turn after so many of them.
    pub(super) fn whom_to_ask(&self) -> Destination {
        match &self.former {
            Some(former) if self.asked % OTHERS_FIRST == OTHERS_FIRST - 1 => {
                Destination::Coordinator(Target {
                    broker: former.broker.clone(),
                    lane: Lane::Control,
                })
            }
            former => Destination::AnyBroker {
                but: former.as_ref().map(|former| former.broker.clone()),
            },
        }
    }

    /// The question is on its way.
    pub(super) fn asked(&mut self, call: Token) {
        self.asked = self.asked.wrapping_add(1);
        self.phase = Phase::Asking { call };
    }

    /// Whether this is the answer to the question.
    pub(super) fn waits_for(&self, token: Token) -> bool {
        matches!(self.phase, Phase::Asking { call } if call == token)
    }

    /// The coordinator is that one. Returns the former one, if it is another.
    pub(super) fn found(&mut self, now: Instant, target: Target) -> Option<Target> {
        let former = self.former.take().filter(|former| *former != target);
        self.phase = Phase::Known { target, since: now };
        former
    }

    /// The coordinator is not there any more, or was not found: ask at that time.
    pub(super) fn lost(&mut self, ask_at: Instant) {
        let ask_at = Some(ask_at);
        match std::mem::replace(&mut self.phase, Phase::Unknown { ask_at }) {
            Phase::Known { target, .. } => {
                self.former = Some(target);
                self.asked = 0;
            }
            Phase::Unknown { .. } | Phase::Asking { .. } => {}
        }
    }

    /// There is no time for a backoff.
    pub(super) fn hurry(&mut self) {
        if let Phase::Unknown { ask_at } = &mut self.phase {
            *ask_at = None;
        }
    }
}
