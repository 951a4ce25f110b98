//! What is past: the leaders and the forerunners of topics.
//!
//! A broker that has lost touch with the others describes the cluster as it was then. The ids of topics and the
//! epochs of leaders tell (KIP-516, KIP-320). It is passed over, but not for ever: who hears of nothing else has to
//! go by it.

use std::collections::{BTreeMap, BTreeSet};

use super::Topic;
use crate::wire::Uuid;

/// So many descriptions of a topic in a row are passed over.
pub(super) const MOST_PASSED_OVER: u32 = 8;

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
    passed_over: u32,
}

impl Past {
    /// What is to be held of a topic that was known like this, if at all, and is now described like that.
    pub(super) fn sift(
        &mut self,
        name: &str,
        known: Option<Topic>,
        mut told: Topic,
    ) -> Option<Topic> {
        let Some(id) = told.id else {
            // Nobody can tell which topic that is.
            return Some(told);
        };
        let heard = self.0.entry(name.to_owned()).or_default();
        if heard.passed_over < MOST_PASSED_OVER {
            if heard.ids.iter().rev().skip(1).any(|former| *former == id) {
                heard.passed_over += 1;
                return known;
            }
            let same = known.filter(|known| known.id == told.id);
            if same.is_some_and(|known| told.keep_newer_leaders(known)) {
                heard.passed_over += 1;
                return Some(told);
            }
        }
        heard.now_is(id);
        Some(told)
    }

    /// These topics matter from now on, of which something may be known already.
    pub(super) fn follow(&mut self, wanted: &BTreeSet<String>, known: &BTreeMap<String, Topic>) {
        for name in wanted {
            if let Some(id) = known.get(name).and_then(|topic| topic.id)
                && !self.0.contains_key(name)
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
        self.passed_over = 0;
        self.ids.retain(|former| *former != id);
        self.ids.push(id);
        let surplus = self.ids.len().saturating_sub(IDS);
        self.ids.drain(..surplus);
    }
}

impl Topic {
    /// Keeps what was known of partitions whose leader is said to be one of an older epoch; tells whether there are
    /// any.
    fn keep_newer_leaders(&mut self, known: Self) -> bool {
        let mut kept = false;
        for (number, known) in known.partitions {
            if let Some(told) = self.partitions.get_mut(&number)
                && told
                    .leader_epoch
                    .is_some_and(|epoch| Some(epoch) < known.leader_epoch)
            {
                *told = known;
                kept = true;
            }
        }
        kept
    }
}
