//! Commits that are too large for one call go out in parts, one after the other.

use super::{Item, Ticket};
use crate::{core::ClaimId, error::Error};

/// How large a commit may be in the brokers' topic. They write it as one batch since 0.11, and refuse all of it where that
/// is larger than a message may be: 1 MiB by default.
const LARGEST: usize = 512 * 1024;

/// What a mark takes there besides names and metadata: some 45 bytes.
const BESIDES: usize = 64;

/// What of a commit in parts is behind us.
#[derive(Debug)]
pub(super) struct Round {
    /// The marks of the claims up to this one were committed as they were then, or refused.
    pub(super) covered: ClaimId,
    /// Who waits for all of it.
    pub(super) tickets: Vec<Ticket>,
    /// Why a mark was refused, if one was.
    pub(super) refused: Option<Error>,
}

impl Round {
    /// Whether a mark is still to be committed in this round.
    pub(super) fn lacks(&self, item: &Item) -> bool {
        !item.is_renewal && item.claim > self.covered
    }
}

/// What is left for the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing.
    Nothing,
    /// Only what says nothing new.
    Renewals,
    /// Marks of claims behind this one.
    Behind(ClaimId),
}

/// Takes as many as one call can have: in the order of their claims, and what says nothing new comes last.
pub(super) fn cut(items: &mut Vec<Item>, group_id: &str) -> Rest {
    items.sort_by_key(|item| (item.is_renewal, item.claim));
    let mut bytes = 0;
    let fit = items.iter().take_while(|item| {
        bytes += BESIDES + group_id.len() + item.topic.len() + item.metadata.len();
        bytes <= LARGEST
    });
    // One that is too large alone is refused alone.
    let rest = items.split_off(fit.count().clamp(1, items.len()));
    match (rest.first(), items.last()) {
        (None, _) | (_, None) => Rest::Nothing,
        (Some(next), _) if next.is_renewal => Rest::Renewals,
        (Some(_), Some(last)) => Rest::Behind(last.claim),
    }
}
