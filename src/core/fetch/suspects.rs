//! Answers that cannot be read: which partition is to blame.

use std::{collections::BTreeSet, time::Instant};

use super::{Fetcher, Outcome, Question};
use crate::{call::Broker, core::ClaimId, error::Error};

/// Claims that were asked for together when the answer could not be read. Each is asked for alone until
/// one is answered, so that what is wrong with one partition is an error of that one.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    claims: BTreeSet<ClaimId>,
    /// Who was asked for alone last: the next one comes from behind it, in a circle.
    last: Option<ClaimId>,
    /// That has failed, so first the others are asked for.
    others_first: bool,
}

impl Suspects {
    /// Of those who could be asked for, each with its bytes, leaves those who may be asked for together.
    /// True if others are left out.
    pub(super) fn choose(&mut self, credited: &mut Vec<(ClaimId, usize)>) -> bool {
        if self.claims.is_empty() {
            return false;
        }
        let all = credited.len();
        let is_suspect = |claim: &ClaimId| self.claims.contains(claim);
        let others = credited.iter().filter(|(claim, _)| !is_suspect(claim));
        let has_others = others.count() > 0;
        let suspects = || credited.iter().map(|(claim, _)| *claim).filter(is_suspect);
        let behind = suspects().filter(|claim| Some(*claim) > self.last).min();
        match behind.or_else(|| suspects().min()) {
            Some(suspect) if !(self.others_first && has_others) => {
                self.last = Some(suspect);
                credited.retain(|(claim, _)| *claim == suspect);
            }
            _ => credited.retain(|(claim, _)| !self.claims.contains(claim)),
        }
        self.others_first = false;
        credited.len() < all
    }

    /// Those who were asked for are above suspicion.
    pub(super) fn acquit(&mut self, asked: &Question) {
        for claim in &asked.claims {
            if self.claims.is_empty() {
                break;
            }
            self.claims.remove(claim);
        }
    }
}

impl Fetcher {
    /// The answer of a broker cannot be read. Where several partitions were asked for, each is asked for
    /// alone then. The one that it comes to has the error, and the others go on while it waits.
    pub(super) fn answer_unreadable(
        &mut self,
        now: Instant,
        broker: &Broker,
        asked: &Question,
        error: &Error,
    ) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::StaleMetadata];
        let is_alone = asked.partitions == 1;
        let mut by_follower = false;
        for claim in &asked.claims {
            let Some(mut reading) = self.readings.change_asked(*claim, asked.token) else {
                continue;
            };
            by_follower |= reading.end_in_vain();
            if is_alone {
                reading.read_from(broker);
                drop(reading);
                self.broken(now, *claim, error.clone().doing("fetch"), &mut outcomes);
            }
        }
        if by_follower {
            self.read_from_leaders(now);
        }
        if let Some(work) = self.loops.get_mut(broker) {
            let Suspects {
                claims,
                others_first,
                ..
            } = &mut work.suspects;
            claims.extend(&asked.claims);
            // Those whose claim is over are never asked for again.
            claims.retain(|claim| self.readings.get(*claim).is_some());
            *others_first = is_alone;
        }
        outcomes
    }
}
