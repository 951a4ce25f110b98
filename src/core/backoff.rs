//! How long to wait before the next try.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::config::BackoffFunc;

/// Waits from a failure to the next try.
#[derive(Debug, Clone)]
pub struct Backoff {
    waits: Waits,
    tries: u32,
}

/// How the waits grow.
#[derive(Debug, Clone)]
pub enum Waits {
    /// They double from the first up to the longest, each shortened at random by up to a fifth, so
    /// that clients that failed together do not come back together.
    Doubling {
        /// The first wait.
        first: Duration,
        /// The longest wait.
        longest: Duration,
    },
    /// As somebody has listed them; the last one is for all that follow. Not empty.
    Listed(Arc<[Duration]>),
}

/// A function of the user is asked so many times beforehand, and never again: nobody's code may hold
/// up the coordinator.
const ASKED: u32 = 32;

impl Waits {
    /// What the user's function says. Runs it here and now.
    pub fn asked(func: &BackoffFunc) -> Self {
        Self::Listed((0..ASKED).map(|retries| func.call(retries)).collect())
    }
}

impl Backoff {
    /// Waits that double from `first` up to `longest`, none longer than that.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self::of(&Waits::Doubling { first, longest })
    }

    /// A series of such waits.
    pub fn of(waits: &Waits) -> Self {
        Self {
            waits: waits.clone(),
            tries: 0,
        }
    }

    /// How many waits were handed out since the last success.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// Forgets the failures.
    pub fn reset(&mut self) {
        self.tries = 0;
    }

    /// Counts a failure and tells when to try again.
    pub fn next(&mut self, now: Instant, rng: &mut fastrand::Rng) -> Instant {
        let wait = match &self.waits {
            Waits::Doubling { first, longest } => {
                // 2^16 times any base is beyond every limit that makes sense.
                let doubled = first.saturating_mul(1 << self.tries.min(16)).min(*longest);
                doubled.mul_f64(1.0 - 0.2 * rng.f64())
            }
            Waits::Listed(waits) => waits[(self.tries as usize).min(waits.len() - 1)],
        };
        self.tries = self.tries.saturating_add(1);
        now + wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_start_over_after_a_success() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..6 {
            waits.push(backoff.next(now, &mut rng) - now);
        }
        for (wait, full) in waits.iter().zip([100, 200, 400, 800, 1000, 1000]) {
            let full = Duration::from_millis(full);
            assert!(
                *wait <= full && *wait >= full.mul_f64(0.8),
                "{wait:?} of {full:?}"
            );
        }
        assert_eq!(backoff.tries(), 6);
        backoff.reset();
        assert!(backoff.next(now, &mut rng) - now <= Duration::from_millis(100));
    }

    /// A user may well wish for a minute between two tries; who joins a group within a session cannot wait for it.
    #[test]
    fn no_wait_is_longer_than_the_longest() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(2));
        let now = Instant::now();
        assert!(backoff.next(now, &mut rng) - now <= Duration::from_secs(2));
    }

    #[test]
    fn listed_waits_are_taken_as_they_are() {
        let mut rng = fastrand::Rng::with_seed(1);
        let listed = [5, 1].map(Duration::from_millis);
        let mut backoff = Backoff::of(&Waits::Listed(listed.into()));
        let now = Instant::now();
        let waits = [0; 3].map(|_| (backoff.next(now, &mut rng) - now).as_millis());
        assert_eq!(waits, [5, 1, 1]);
    }
}
