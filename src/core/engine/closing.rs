//! Closing: finish, commit, leave, in bounded time.

use std::time::{Duration, Instant};

use super::{Engine, release::Release};
use crate::error::Error;

/// The consumer is being closed.
#[derive(Debug)]
pub(super) struct Closing {
    /// When it is to be over.
    deadline: Instant,
    /// Why not all marks could be committed.
    pub(super) failure: Option<Error>,
}

/// The time kept for leaving the group, out of the time for the close.
const LEAVE_TIME: Duration = Duration::from_secs(2);

fn leave_time(close_timeout: Duration) -> Duration {
    LEAVE_TIME.min(close_timeout / 4)
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
        let commit_until = now + time - leave_time(time);
        // A rebalance that waits for the users already waits no longer than the close does.
        let deadline = match self.release.as_ref().map(Release::limit) {
            Some(limit) => commit_until.min(limit),
            None => commit_until,
        };
        self.begin_release(now, Some(until), deadline);
    }

    /// Nothing is claimed any more. Who was held up until now takes leave all the same.
    pub(super) fn leave(&mut self, now: Instant) {
        let closing = self.closing.as_ref().expect("only who closes leaves");
        let least = now + leave_time(self.settings.close_timeout);
        self.group.leave(now, closing.deadline.max(least));
    }
}
