//! Failures in a row: how long to wait after each, and which of them the user is told of.

use std::time::Instant;

use crate::{core::Backoff, error::Error};

/// What has failed since the last success.
#[derive(Debug)]
pub(super) struct Failures {
    backoff: Backoff,
    /// One failure of each kind that does not pass by itself or has lasted, and how often it came.
    kinds: Vec<(Error, u32)>,
}

/// A peer may invent kinds of failures: those beyond so many count as one.
const MOST_KINDS: usize = 8;

impl Failures {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            kinds: Vec::new(),
        }
    }

    /// How many there were.
    pub(super) fn count(&self) -> u32 {
        self.backoff.tries()
    }

    /// A success.
    pub(super) fn forget(&mut self) {
        self.backoff.reset();
        self.kinds.clear();
    }

    /// One more: when to try again.
    pub(super) fn add(&mut self, now: Instant, rng: &mut fastrand::Rng) -> Instant {
        self.backoff.next(now, rng)
    }

    /// Whether the user is told of the one that was added last. The first `quiet` of the row are passed over; then each
    /// kind is told when it comes for the first time, and again ever more rarely. Each counts for itself: of two that
    /// take turns, one could otherwise fall where nothing is told, for ever.
    pub(super) fn is_told(&mut self, error: &Error, quiet: u32) -> bool {
        if self.count() <= quiet {
            return false;
        }
        let known = self.kinds.iter().position(|(e, _)| e.is_like(error));
        let at = known.unwrap_or_else(|| {
            if self.kinds.len() < MOST_KINDS {
                self.kinds.push((error.clone(), 0));
            }
            self.kinds.len() - 1
        });
        let (_, times) = &mut self.kinds[at];
        *times = times.saturating_add(1);
        times.is_power_of_two()
    }
}
