//! Requests that are granted in advance.
//!
//! Who has read the logs of a broker to their ends asks for the same again and again, each time from where the last
//! answer ended. The connection can see that end as well as we can. So while a fetch is on its way, the next one is
//! granted: the connection sends it as soon as the answer is there, while the answer is on its way to here and to
//! the users. That saves two changes of threads between two requests, in which records would lie at the broker.
//!
//! The price: whoever comes to read from the same broker meanwhile may wait for two long polls, not one.

use std::time::{Duration, Instant};

use super::{
    Aim, Asked, Brought, Fetcher, Late, Question,
    plan::{SMALLEST_REQUEST, as_i32},
};
use crate::{
    call::{Broker, Lane, Target, Token},
    core::{ClaimId, Tokens},
};

/// At the end of a log comes little at once. Where more has gathered, the answer does not reach the end, and
/// whoever was served least comes first in the next request, as always.
const LARGEST: usize = 1024 * 1024;
/// Part of the free budget that may be granted in advance: others want to read as well. From grant to grant it only
/// becomes less; who then reaches no end is asked anew, for as much as there is.
const PART: usize = 4;

/// A request that a connection may send by itself.
#[derive(Debug)]
pub(super) struct Grant {
    token: Token,
    reserved: usize,
}

/// A grant to be handed to a connection.
#[derive(Debug, PartialEq)]
pub struct Onward {
    /// Whose connection.
    pub to: Target,
    /// Names the answer.
    pub token: Token,
    /// The most bytes of the answer.
    pub max_bytes: i32,
    /// How long the answer may take.
    pub timeout: Duration,
}

impl Grant {
    pub(super) fn token(&self) -> Token {
        self.token
    }

    /// What has been asked on this grant, behind `former`. That was answered a moment ago, but it brought something,
    /// so the time does not matter to the pace.
    pub(super) fn question(self, now: Instant, former: &Question) -> Question {
        Question {
            token: self.token,
            at: now,
            max_wait: former.max_wait,
            late: Late::after(now, former.max_wait, former.overtime(now)),
            reserved: self.reserved,
            partitions: former.partitions,
            credit: former.credit,
            claims: former.claims.clone(),
            has_rack: former.has_rack,
        }
    }
}

impl Fetcher {
    /// A fetch that may follow the one that is on its way, if that is answered as expected.
    pub fn poll_onward(&mut self, now: Instant, tokens: &mut Tokens) -> Option<Onward> {
        self.readings.settle();
        let has_rack = self.has_rack(now);
        let limit = LARGEST.min(self.budget.free() / PART);
        let found = self.loops.iter_mut().find_map(|(broker, work)| {
            if !std::mem::take(&mut work.grant_is_due) || work.grant.is_some() {
                return None;
            }
            let asked = work.fetch.as_ref()?;
            let bytes = asked.reserved.min(limit);
            let source = self.readings.sources().get(broker)?;
            let would_ask_the_same = || {
                let is_credited = |claim: &ClaimId| {
                    self.readings.get(*claim).is_some_and(|r| {
                        r.waits_for(asked.token) && r.is_credited_at(broker) && r.has_told_epoch()
                    })
                };
                source.starved.is_empty()
                    && source.credited.len() == asked.partitions
                    && asked.claims.len() == asked.partitions
                    && source.bytes >= asked.credit
                    && asked.max_wait == self.settings.max_wait
                    && asked.has_rack == has_rack
                    && asked.claims.iter().all(is_credited)
            };
            (bytes >= asked.reserved.min(SMALLEST_REQUEST) && would_ask_the_same())
                .then_some((broker, work, bytes))
        });
        let (broker, work, bytes) = found?;
        let token = tokens.fresh();
        self.budget.reserve(bytes);
        work.grant = Some(Grant {
            token,
            reserved: bytes,
        });
        Some(Onward {
            to: Target {
                broker: broker.clone(),
                lane: Lane::Fetch,
            },
            token,
            max_bytes: as_i32(bytes),
            timeout: self.settings.max_wait + self.settings.read_timeout,
        })
    }

    /// Nothing was asked on this grant.
    pub(super) fn revoke(&mut self, grant: Option<Grant>) {
        self.budget
            .unreserve(grant.map_or(0, |grant| grant.reserved));
    }

    /// An answer has brought the ends of all that was asked for. If the next request was granted, it is on its way
    /// from there on.
    pub(super) fn at_ends(&mut self, broker: &Broker, next: Option<Question>, ends: &[i64]) {
        let work = self.loops.get_mut(broker);
        let work = work.expect("the answer was found by its loop");
        work.brought = Brought::Ends;
        let Some(mut next) = next else {
            return;
        };
        let mut ends = ends.iter();
        next.claims.retain(|claim| {
            let end = ends.next();
            let Some(mut reading) = self.readings.change(*claim) else {
                return false;
            };
            // Else it is not what the connection has asked for.
            let goes_on = reading.asked == Asked::No
                && reading.source() == Some(broker)
                && end.is_some_and(|end| reading.aim == Aim::Read(*end));
            if goes_on {
                reading.ask(next.token);
            }
            goes_on
        });
        work.turn = next.token.0;
        // The connection goes on with all that was asked for, also with what does not matter any more.
        work.grant_is_due = next.claims.len() == next.partitions && work.fruitless == 0;
        work.fetch = Some(next);
    }
}
