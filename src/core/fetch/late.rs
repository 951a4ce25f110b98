//! Brokers that do not answer in time.
//!
//! A machine that is gone says nothing: what was sent to it, and each try to connect, takes as long as is allowed. So
//! nobody waits for that end to find out whether another broker leads by now.

use std::time::{Duration, Instant};

use super::{Asked, Fetcher, Loop, Outcome, Question, Readings};
use crate::{
    call::{Broker, Lane, Target},
    core::ClaimId,
    error::{Error, ErrorKind},
};

/// An answer that takes so much longer than the broker was allowed to wait is late: it may be large, or it may never
/// come. After each such time leaders are looked for again.
const LATE: Duration = Duration::from_secs(5);

/// Who has taken long gets twice that time, but not more than this.
const LATEST: Duration = Duration::from_secs(30);

/// For so long a broker that has failed is held to be silent while it is tried again.
const SILENT: Duration = Duration::from_secs(60);

/// When a question counts as late.
#[derive(Debug)]
pub(super) struct Late {
    /// At that time it is, or once more.
    pub(super) at: Instant,
    is_late: bool,
}

impl Late {
    /// For one asked now, which the broker may keep for so long, where the last answer took so much longer.
    pub(super) fn after(now: Instant, max_wait: Duration, took: Duration) -> Self {
        Self {
            at: now + max_wait + (2 * took).clamp(LATE, LATEST),
            is_late: false,
        }
    }

    /// It is late.
    fn once_more(now: Instant) -> Self {
        Self {
            at: now + LATE,
            is_late: true,
        }
    }
}

/// Whether somebody who is gone would fail like this.
pub(super) fn says_nothing(error: &Error) -> bool {
    use ErrorKind::{Connect, Disconnected, Timeout};
    matches!(error.kind(), Connect | Disconnected | Timeout(_))
}

impl Fetcher {
    /// Looks for answers that are late. Others may lead the partitions by now; and who was only to spare a leader is not
    /// waited for.
    pub fn look_for_late(&mut self, now: Instant) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut by_follower = false;
        for (broker, work) in &mut self.loops {
            if let Some(asked) = work.fetch.as_mut().filter(|asked| asked.late.at <= now) {
                asked.late = Late::once_more(now);
                if self.readings.leave_follower(asked) {
                    // It may only be slow, and have something to say next time.
                    work.took = work.took.max(asked.overtime(now));
                    by_follower = true;
                }
                outcomes.push(match self.readings.wait_for(asked) {
                    true => Outcome::StaleMetadata,
                    // It keeps a part of the budget, and whoever comes to be led by this broker again from asking it.
                    false => Outcome::Disconnect(Target {
                        broker: broker.clone(),
                        lane: Lane::Fetch,
                    }),
                });
            }
            if let Some(asked) = work.lookup.as_mut().filter(|asked| asked.late.at <= now) {
                asked.late = Late::once_more(now);
                match self.readings.wait_for(asked) {
                    true => outcomes.push(Outcome::StaleMetadata),
                    // Others have questions on that connection.
                    false => work.lookup = None,
                }
            }
        }
        if by_follower {
            self.read_from_leaders(now);
        }
        outcomes
    }

    /// Whether a broker would keep somebody waiting who asks it something else: it is silent, or has a look-up to answer
    /// first.
    pub fn keeps_waiting(&self, broker: &Broker, now: Instant) -> bool {
        let work = self.loops.get(broker);
        work.is_some_and(|work| work.lookup.is_some() || work.is_silent(now))
    }

    /// Whether a broker does not answer just now, or is being tried again after it did not.
    pub(super) fn is_silent(&self, broker: &Broker, now: Instant) -> bool {
        let work = self.loops.get(broker);
        work.is_some_and(|work| work.is_silent(now))
    }
}

impl Readings {
    /// Whether there is one for which the answer counts.
    fn wait_for(&self, asked: &Question) -> bool {
        let is_wanted = |claim: &ClaimId| {
            let reading = self.get(*claim);
            reading.is_some_and(|reading| reading.waits_for(asked.token))
        };
        asked.claims.iter().any(is_wanted)
    }

    /// Those that ask a follower turn to their leaders. Whether there were any.
    fn leave_follower(&mut self, asked: &Question) -> bool {
        let mut any = false;
        for claim in &asked.claims {
            if let Some(mut reading) = self.change_asked(*claim, asked.token)
                && matches!(reading.asked, Asked::Follower(_))
            {
                any |= reading.end_in_vain();
            }
        }
        any
    }
}

impl Loop {
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        let is_late = |asked: &Question| asked.late.is_late;
        let is_tried = self.fetch.is_some() || self.not_before.is_some_and(|at| at > now);
        let has_failed = self.silent_at.is_some_and(|at| now < at + SILENT);
        self.fetch.as_ref().is_some_and(is_late) || (has_failed && is_tried)
    }
}
