//! What is past: former leaders, and the forerunners of topics.
//!
//! A broker that has lost touch with the others describes the cluster as it was then. The epochs of leaders tell
//! (KIP-320), and so do the ids of topics (KIP-516) where both topics were heard of. What it says is passed over, but
//! not for ever: who hears of nothing else has to go by it. Without ids nobody can tell an old epoch from one of
//! another topic.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::Topic;
use crate::{protocol::ErrorCode, wire::Uuid};

/// For so long nothing else is heard before the past is believed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// So many ids are remembered for each name.
const IDS: usize = 4;

/// So many names are remembered that are not wanted any more.
const NAMES: usize = 1024;

/// What was heard of topics, by name.
#[derive(Debug, Default)]
pub(super) struct Past(BTreeMap<String, Heard>);

#[derive(Debug, Default)]
struct Heard {
    /// The ids it had, the present one last.
    ids: Vec<Uuid>,
    /// Whether the present id was told more than once in a row. Ids have no order: until then it may be the past
    /// that was told last.
    is_sure: bool,
    /// Since when only the past was heard.
    passed_over_since: Option<Instant>,
}

impl Past {
    /// What is to be held of a topic that was known like this, if at all, and is now described like that. What is kept
    /// in spite of the description is marked as passing, so it is soon asked for again.
    pub(super) fn sift(
        &mut self,
        now: Instant,
        name: &str,
        known: Option<Topic>,
        mut told: Topic,
    ) -> Option<Topic> {
        if told.error != ErrorCode::NONE {
            // Nothing is told of partitions.
            return Some(told);
        }
        let Some(id) = told.id else {
            told.keep_at_first(known);
            return Some(told);
        };
        let heard = self.0.entry(name.to_owned()).or_default();
        let since = *heard.passed_over_since.get_or_insert(now);
        if now - since < PATIENCE {
            if heard.is_sure && heard.ids.iter().rev().skip(1).any(|former| *former == id) {
                let passing = ErrorCode::UNKNOWN_TOPIC_ID;
                return known.map(|known| Topic { passing, ..known });
            }
            let same = known.filter(|known| known.id == told.id);
            if same.is_some_and(|known| told.keep_what_is_newer(known)) {
                told.passing = ErrorCode::FENCED_LEADER_EPOCH;
                return Some(told);
            }
        }
        heard.now_is(id);
        Some(told)
    }

    /// Whether something was heard of a topic.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The id that was told last.
    pub(super) fn last_id(&self, name: &str) -> Option<Uuid> {
        self.0.get(name)?.ids.last().copied()
    }

    /// These topics matter from now on, of which something may be known already.
    pub(super) fn follow(&mut self, wanted: &BTreeSet<String>, known: &BTreeMap<String, Topic>) {
        for name in wanted {
            if let Some(id) = known.get(name).and_then(|topic| topic.id)
                && !self.knows(name)
            {
                self.0.entry(name.clone()).or_default().now_is(id);
            }
        }
        if self.0.len() > wanted.len() + NAMES {
            self.0.retain(|name, _| wanted.contains(name));
        }
    }
}

impl Heard {
    fn now_is(&mut self, id: Uuid) {
        self.passed_over_since = None;
        self.is_sure = self.ids.last() == Some(&id);
        self.ids.retain(|former| *former != id);
        self.ids.push(id);
        let surplus = self.ids.len().saturating_sub(IDS);
        self.ids.drain(..surplus);
    }
}

impl Topic {
    /// Without an id nobody can tell a broker that has not heard of new partitions from a topic that was created again
    /// with fewer. That some are gone is believed when it is told again.
    fn keep_at_first(&mut self, known: Option<Self>) {
        let passing = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let Some(known) = known.filter(|known| known.passing != passing) else {
            return;
        };
        for (number, partition) in known.partitions {
            self.partitions.entry(number).or_insert_with(|| {
                self.passing = passing;
                partition
            });
        }
    }

    /// Keeps what was known of partitions whose leader is said to be one of an older epoch, or that are not described
    /// any more, for partitions do not go away. Tells whether there are any.
    fn keep_what_is_newer(&mut self, known: Self) -> bool {
        let mut kept = false;
        for (number, known) in known.partitions {
            let is_past = self.partitions.get(&number).is_none_or(|told| {
                told.leader_epoch
                    .is_some_and(|epoch| Some(epoch) < known.leader_epoch)
            });
            if is_past {
                self.partitions.insert(number, known);
                kept = true;
            }
        }
        kept
    }
}
