//! Committed offsets: who may commit, and what is kept.

use std::{collections::BTreeMap, time::Instant};

use super::{Group, State};
use crate::protocol::ErrorCode;

/// `offset.metadata.max.bytes`: a longer metadata string is refused with OFFSET_METADATA_TOO_LARGE.
pub(crate) const METADATA_LIMIT: usize = 4096;

/// A commit, as OffsetFetch tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    /// −1 if none was given.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
}

/// Commits by topic and partition.
pub(crate) type Offsets = BTreeMap<(String, i32), Committed>;

/// As whom a commit comes.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    /// Negative: from outside of the group.
    pub(crate) generation: i32,
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
}

impl Group {
    /// Whether a commit is accepted; if so it counts as a sign of life. While the rebalance is being
    /// prepared the old generation is still the current one, so its commits are welcome.
    pub(crate) fn admit_commit(
        &mut self,
        now: Instant,
        committer: &Committer,
    ) -> Result<(), ErrorCode> {
        let Committer {
            generation,
            member_id,
            instance_id,
        } = committer;
        let is_empty = matches!(self.state, State::Empty);
        if *generation < 0 && is_empty {
            return Ok(());
        }
        if *generation < 0 && member_id.is_empty() && instance_id.is_none() {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        let index = self.check_member(member_id, instance_id.as_deref())?;
        if *generation != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        match self.state {
            State::CompletingRebalance(_) => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            State::Stable(_) | State::PreparingRebalance { .. } => {
                self.members[index].restart_session(now);
                Ok(())
            }
            State::Empty => unreachable!("an empty group has no member to check"),
        }
    }
}
