//! What a member is told about its group, and the times that follow from it.

use std::time::Duration;

use crate::config::Strategy;

/// What a member is told about its group.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The group.
    pub group_id: String,
    /// The name of a static member (KIP-345): it does not leave, and fences off who had the name.
    pub instance_id: Option<String>,
    /// The assignor to be offered first.
    pub strategy: Strategy,
    /// The program's own bytes in the subscription.
    pub user_data: Vec<u8>,
    /// After how long without a sign of life the group coordinator drops the member, and the member
    /// its claims.
    pub session_timeout: Duration,
    /// How often a heartbeat is sent.
    pub heartbeat_interval: Duration,
    /// How long the group coordinator waits for the members to join.
    pub rebalance_timeout: Duration,
    /// The wait before the first retry.
    pub retry_backoff: Duration,
    /// The longest wait for the answer to a call that the broker answers at once.
    pub request_timeout: Duration,
    /// The most memory for what the blobs of one answer hold.
    pub array_bytes: usize,
}

/// What the answers to JoinGroup and SyncGroup may be late, beyond the time that the group
/// coordinator waits for the other members.
const JOIN_LAPSE: Duration = Duration::from_secs(5);

impl Settings {
    /// How long the answer to a JoinGroup or SyncGroup may take: they wait for the slowest member.
    /// A broker that speaks JoinGroup v0 waits for the session timeout.
    pub(super) fn join_timeout(&self) -> Duration {
        self.rebalance_timeout.max(self.session_timeout) + JOIN_LAPSE
    }

    /// How long the answer to any other call may take: so short that the session outlives a group
    /// coordinator that hangs, for that leaves time to ask where it is now.
    pub(super) fn call_timeout(&self) -> Duration {
        self.request_timeout.min(self.session_timeout / 3)
    }

    /// When a heartbeat is given up, whatever it waits for: a connection that is lost is opened anew first, and
    /// finding out an address has a time of its own.
    pub(super) fn heartbeat_timeout(&self) -> Duration {
        self.call_timeout() * 3 / 2
    }

    /// How long the leader waits for the partition counts. Nothing tells the group coordinator
    /// meanwhile that it is alive.
    pub(super) fn counts_timeout(&self) -> Duration {
        self.session_timeout / 3
    }

    /// How long a release may take after the last moment at which no rebalance had begun.
    pub(super) fn release_time(&self, join_version: i16) -> Duration {
        let timeout = self.rebalance_time(join_version);
        timeout - release_margin(timeout)
    }

    /// How long the group coordinator waits for members to join, once a rebalance has begun.
    pub(super) fn rebalance_time(&self, join_version: i16) -> Duration {
        match join_version {
            0 => self.session_timeout,
            _ => self.rebalance_timeout,
        }
    }
}

/// What is kept free at the end of a release for the last commit and the way of the JoinGroup.
fn release_margin(timeout: Duration) -> Duration {
    let margin = Duration::from_secs(2).max(timeout / 10);
    margin.min(timeout / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_a_tenth_at_least_two_seconds_and_at_most_a_third() {
        let margin = |ms| release_margin(Duration::from_millis(ms)).as_millis();
        assert_eq!(margin(60_000), 6_000);
        assert_eq!(margin(10_000), 2_000);
        assert_eq!(margin(3_000), 1_000);
    }
}
