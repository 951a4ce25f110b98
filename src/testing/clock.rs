//! The time of a cluster, which a test may move.

use std::time::{Duration, Instant};

/// A clock that runs, or stands until it is moved.
#[derive(Debug)]
pub(super) struct Clock {
    /// The moment from which a standing clock counts; a running one has none.
    stands_at: Option<Instant>,
    moved_by: Duration,
}

impl Clock {
    /// A clock that goes with the real time.
    pub(super) fn running() -> Self {
        Self {
            stands_at: None,
            moved_by: Duration::ZERO,
        }
    }

    /// A clock that goes only when it is moved.
    pub(super) fn standing() -> Self {
        Self {
            stands_at: Some(Instant::now()),
            moved_by: Duration::ZERO,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.stands_at.unwrap_or_else(Instant::now) + self.moved_by
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.moved_by += by;
    }

    /// How long to sleep until then, unless somebody moves the clock; `None` is forever.
    pub(super) fn sleep_until(&self, then: Instant) -> Option<Duration> {
        let left = then.saturating_duration_since(self.now());
        self.stands_at.is_none().then_some(left)
    }
}
