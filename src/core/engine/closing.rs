//! Closing: finish, commit, leave, in bounded time.

use std::time::{Duration, Instant};

use super::{Engine, release::Release};
use crate::error::Error;

/// The consumer is being closed.
#[derive(Debug)]
pub(super) struct Closing {
    deadline: Instant,
    /// Why not all marks could be committed.
    pub(super) failure: Option<Error>,
}

/// The time kept for leaving the group, out of the time for the close.
const LEAVE_TIME: Duration = Duration::from_secs(2);

impl Closing {
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Engine {
    /// Closes: users are waited for while they have messages in hand, but no longer than the dwell
    /// time.
    pub(super) fn close(&mut self, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        self.committer.close();
        let time = self.settings.close_timeout;
        self.closing = Some(Closing {
            deadline: now + time,
            failure: None,
        });
        let until = now + self.settings.dwell_time.min(time);
        let commit_until = now + time - LEAVE_TIME.min(time / 4);
        // A rebalance that waits for the users already waits no longer than the close does.
        let deadline = match self.release.as_ref().map(Release::limit) {
            Some(limit) => commit_until.min(limit),
            None => commit_until,
        };
        self.begin_release(now, Some(until), deadline);
    }

    /// The group was left, or there was nothing to leave.
    pub(super) fn left(&mut self) {
        self.stop();
    }
}
