//! What a user is told about rebalances.

use std::{collections::BTreeMap, fmt};

use crate::core::engine::{Notice, NoticeKind};

/// How the claims of a consumer have changed.
///
/// Sent to [`Consumer::notifications`](crate::Consumer::notifications) where the settings ask for it.
/// All partitions are sorted, by topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notification {
    /// What happened.
    pub kind: NotificationType,
    /// Partitions that were not claimed before.
    pub claimed: BTreeMap<String, Vec<i32>>,
    /// Partitions that are claimed no longer.
    pub released: BTreeMap<String, Vec<i32>>,
    /// All partitions that are claimed now.
    pub current: BTreeMap<String, Vec<i32>>,
}

/// What happened to the claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum NotificationType {
    /// Not known.
    #[default]
    Unknown,
    /// A rebalance begins; `current` is what is being released.
    RebalanceStart,
    /// A rebalance has ended; delivery begins.
    RebalanceOk,
    /// The claims were lost, or a rebalance failed and is tried again.
    RebalanceError,
}

impl From<Notice> for Notification {
    fn from(notice: Notice) -> Self {
        let Notice {
            kind,
            claimed,
            released,
            current,
        } = notice;
        let kind = match kind {
            NoticeKind::Start => NotificationType::RebalanceStart,
            NoticeKind::Ok => NotificationType::RebalanceOk,
            NoticeKind::Error => NotificationType::RebalanceError,
        };
        Self {
            kind,
            claimed,
            released,
            current,
        }
    }
}

impl fmt::Display for NotificationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::RebalanceStart => "rebalance start",
            Self::RebalanceOk => "rebalance OK",
            Self::RebalanceError => "rebalance error",
        })
    }
}
