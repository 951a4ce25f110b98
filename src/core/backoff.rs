//! How long to wait before the next try.

use std::time::{Duration, Instant};

/// Waits that double from a base up to a limit, each shortened at random by up to a fifth so that
/// clients that failed together do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    limit: Duration,
    tries: u32,
}

impl Backoff {
    /// A series of waits that starts at `base` and never exceeds `limit`.
    pub fn new(base: Duration, limit: Duration) -> Self {
        Self {
            base,
            limit: limit.max(base),
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
        // 2^16 times any base is beyond every limit that makes sense.
        let doubled = self
            .base
            .saturating_mul(1 << self.tries.min(16))
            .min(self.limit);
        self.tries = self.tries.saturating_add(1);
        now + doubled.mul_f64(1.0 - 0.2 * rng.f64())
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
        let mut longest = Vec::new();
        for _ in 0..6 {
            longest.push(backoff.next(now, &mut rng) - now);
        }
        for (wait, full) in longest.iter().zip([100, 200, 400, 800, 1000, 1000]) {
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
}
