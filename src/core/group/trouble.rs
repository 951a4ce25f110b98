//! Failures in a row: when to try again, and when to tell the user.

use std::time::{Duration, Instant};

use crate::{
    core::Backoff,
    error::{Error, ErrorKind},
};

/// The longest wait before a retry of what passes by itself. A coordinator that moves is back
/// within seconds, and a question every two seconds does not hurt the brokers.
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// The wait before a retry of what somebody has to mend.
const SLOW: Duration = Duration::from_secs(10);

/// So many failures of what passes by itself are not worth a word: with the usual backoff of a
/// quarter of a second they span a second.
const QUIET_FAILURES: u32 = 3;

/// How loud a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loudness {
    /// Told when it lasts.
    Quiet,
    /// Told at once.
    Loud,
    /// Told by other means.
    Silent,
}

/// The failures since the last heartbeat that was answered. Only that ends the row: a JoinGroup
/// that succeeds again and again, and is followed by a refusal, must not spin.
#[derive(Debug)]
pub(super) struct Trouble {
    backoff: Backoff,
    rng: fastrand::Rng,
    /// What the user was told last.
    told: Option<ErrorKind>,
}

/// A failure that was counted.
#[derive(Debug)]
#[must_use]
pub(super) struct Failure {
    /// When to try again.
    pub(super) retry_at: Instant,
    /// What the user has to know.
    pub(super) report: Option<Error>,
}

impl Trouble {
    pub(super) fn new(backoff: Duration, seed: u64) -> Self {
        Self {
            backoff: Backoff::new(backoff, LONGEST_BACKOFF),
            rng: fastrand::Rng::with_seed(seed),
            told: None,
        }
    }

    /// All is well.
    pub(super) fn end(&mut self) {
        self.backoff.reset();
        self.told = None;
    }

    /// Counts a failure: to be retried after a backoff.
    pub(super) fn retry(&mut self, now: Instant, error: &Error, loudness: Loudness) -> Failure {
        let retry_at = self.backoff.next(now, &mut self.rng);
        let report = self.is_worth_telling(error, loudness);
        Failure {
            retry_at,
            report: report.then(|| error.clone()),
        }
    }

    /// The same, but the first one of a row is retried at once.
    pub(super) fn retry_soon(
        &mut self,
        now: Instant,
        error: &Error,
        loudness: Loudness,
    ) -> Failure {
        let first = self.backoff.tries() == 0;
        let failure = self.retry(now, error, loudness);
        let retry_at = if first { now } else { failure.retry_at };
        Failure {
            retry_at,
            ..failure
        }
    }

    /// The same, but retried slowly and told at once: it will not pass by itself.
    pub(super) fn retry_slowly(&mut self, now: Instant, error: &Error) -> Failure {
        let failure = self.retry(now, error, Loudness::Loud);
        let retry_at = now + SLOW.mul_f64(1.0 - 0.2 * self.rng.f64());
        Failure {
            retry_at,
            ..failure
        }
    }

    /// What lasts is told again ever more rarely.
    fn is_worth_telling(&mut self, error: &Error, loudness: Loudness) -> bool {
        let failures = self.backoff.tries();
        let worth = match loudness {
            Loudness::Silent => false,
            Loudness::Quiet => {
                failures > QUIET_FAILURES && (failures - QUIET_FAILURES).is_power_of_two()
            }
            Loudness::Loud => {
                failures.is_power_of_two() || self.told.as_ref() != Some(error.kind())
            }
        };
        if worth {
            self.told = Some(error.kind().clone());
        }
        worth
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ErrorCode;

    const BASE: Duration = Duration::from_millis(100);

    fn refused(code: ErrorCode) -> Error {
        Error::broker_code(code, "test")
    }

    #[test]
    fn the_first_of_a_row_may_be_retried_at_once_and_no_other() {
        let mut trouble = Trouble::new(BASE, 1);
        let (now, error) = (Instant::now(), refused(ErrorCode::NOT_COORDINATOR));
        for _ in 0..2 {
            let soon = |trouble: &mut Trouble| {
                let failure = trouble.retry_soon(now, &error, Loudness::Quiet);
                failure.retry_at - now
            };
            assert_eq!(soon(&mut trouble), Duration::ZERO);
            assert!(soon(&mut trouble) > BASE);
            trouble.end();
        }
    }

    #[test]
    fn what_passes_by_itself_is_told_when_it_lasts_and_then_ever_more_rarely() {
        let mut trouble = Trouble::new(BASE, 1);
        let (now, error) = (Instant::now(), refused(ErrorCode::NOT_COORDINATOR));
        let told: Vec<usize> = (1..=40)
            .filter(|_| trouble.retry(now, &error, Loudness::Quiet).report.is_some())
            .collect();
        assert_eq!(told, [4, 5, 7, 11, 19, 35]);
    }

    #[test]
    fn what_does_not_pass_is_told_at_once_also_after_quiet_failures() {
        let mut trouble = Trouble::new(BASE, 1);
        let now = Instant::now();
        let quiet = refused(ErrorCode::NOT_COORDINATOR);
        for _ in 0..2 {
            let failure = trouble.retry(now, &quiet, Loudness::Quiet);
            assert!(failure.report.is_none());
        }
        let loud = refused(ErrorCode::GROUP_MAX_SIZE_REACHED);
        let told: Vec<usize> = (3..=16)
            .filter(|_| trouble.retry_slowly(now, &loud).report.is_some())
            .collect();
        assert_eq!(told, [3, 4, 8, 16]);
    }

    #[test]
    fn a_slow_retry_is_slow_from_the_start() {
        let mut trouble = Trouble::new(BASE, 1);
        let (now, error) = (Instant::now(), refused(ErrorCode::INVALID_GROUP_ID));
        for _ in 0..3 {
            let wait = trouble.retry_slowly(now, &error).retry_at - now;
            assert!(wait <= SLOW && wait >= SLOW.mul_f64(0.8), "{wait:?}");
        }
    }
}
