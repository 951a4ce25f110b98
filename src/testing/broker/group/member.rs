//! A member of a group, as the coordinator knows it.

use std::time::{Duration, Instant};

use super::{Join, RequestId};

/// A seat in the group.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: String,
    /// The name of a static member, which outlives its member id.
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    /// What it can do, the preferred first, each with its subscription.
    pub(crate) protocols: Vec<(String, Vec<u8>)>,
    pub(crate) assignment: Vec<u8>,
    pub(super) waiting: Waiting,
    /// Joined for the first time and not yet part of a generation: only then can it expire while
    /// its JoinGroup waits, since a client that gave up would come back as yet another member.
    pub(super) is_new: bool,
    pub(super) expires_at: Option<Instant>,
}

/// Which of its requests the coordinator has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    No,
    ForJoin(RequestId),
    ForSync(RequestId),
}

impl Member {
    pub(super) fn awaits_join(&self) -> bool {
        matches!(self.waiting, Waiting::ForJoin(_))
    }

    /// Whoever waits for the coordinator need not show that it lives.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && self.waiting != Waiting::No
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    /// The subscription under that protocol.
    pub(crate) fn metadata(&self, protocol: &str) -> Vec<u8> {
        let offered = self.protocols.iter().find(|(name, _)| name == protocol);
        offered
            .map(|(_, metadata)| metadata.clone())
            .unwrap_or_default()
    }

    /// Takes over what the client says of itself now.
    pub(super) fn renew(&mut self, join: Join) {
        self.protocols = join.protocols;
        self.session_timeout = join.session_timeout;
        self.rebalance_timeout = join.rebalance_timeout;
    }

    pub(super) fn restart_session(&mut self, now: Instant) {
        self.expires_at = Some(now + self.session_timeout);
    }
}
