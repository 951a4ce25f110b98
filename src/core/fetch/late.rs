//! Brokers that do not answer in time.
//!
//! A machine that is gone says nothing: what was sent to it, and each try to connect, takes as long as is allowed. So
//! nobody waits for that end to find out whether another broker leads by now.

use std::time::{Duration, Instant};

use super::{Fetcher, Outcome};
use crate::call::Broker;

/// An answer that takes so much longer than the broker was allowed to wait is late: it may be large, or it may never
/// come. After each such time leaders are looked for again.
const LATE: Duration = Duration::from_secs(5);

/// When a question counts as late.
#[derive(Debug)]
pub(super) struct Late {
    /// At that time it is, or once more.
    pub(super) at: Instant,
    is_late: bool,
}

impl Late {
    /// For one asked now, which the broker may keep for so long.
    pub(super) fn after(now: Instant, max_wait: Duration) -> Self {
        Self {
            at: now + max_wait + LATE,
            is_late: false,
        }
    }
}

impl Fetcher {
    /// Looks for answers that are late. Others may lead the partitions by now; and who was only to spare a leader is not
    /// waited for.
    pub fn look_for_late(&mut self, now: Instant) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut by_follower = false;
        for (broker, work) in &mut self.loops {
            for asked in [&mut work.fetch, &mut work.lookup].into_iter().flatten() {
                if asked.late.at > now {
                    continue;
                }
                asked.late = Late {
                    at: now + LATE,
                    is_late: true,
                };
                outcomes.push(Outcome::StaleMetadata);
                for claim in &asked.claims {
                    if let Some(mut reading) = self.readings.change_asked(*claim, asked.token) {
                        by_follower |= reading.give_up(broker);
                    }
                }
            }
        }
        if by_follower {
            self.read_from_leaders(now);
        }
        outcomes
    }

    /// Whether a broker does not answer just now, or is being tried again after it did not.
    pub fn is_silent(&self, broker: &Broker, now: Instant) -> bool {
        self.loops.get(broker).is_some_and(|work| {
            let asked = [&work.fetch, &work.lookup].into_iter().flatten();
            let is_tried = work.is_busy() || work.not_before.is_some_and(|at| at > now);
            asked.into_iter().any(|asked| asked.late.is_late)
                || (work.failures.count() > 0 && is_tried)
        })
    }
}
