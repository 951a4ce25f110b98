//! What the consumer's handle reads and its coordinator writes.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use parking_lot::{Mutex, RwLock};

use super::claim::Claim;
use crate::error::{Error, Result};

/// The claims of one topic.
type Partitions = BTreeMap<i32, Arc<Claim>>;

/// Written by the coordinator, read by everybody.
#[derive(Default)]
pub struct Shared {
    /// The claims that may be marked, by topic and partition.
    claims: RwLock<BTreeMap<Arc<str>, Partitions>>,
    /// All that is claimed, also what does not deliver yet.
    subscriptions: Mutex<BTreeMap<String, Vec<i32>>>,
    end: OnceLock<End>,
}

/// How the consumer ended.
struct End {
    result: Result<()>,
    by_itself: bool,
}

impl Shared {
    /// The claim that is current at a partition.
    pub fn claim(&self, topic: &str, partition: i32) -> Option<Arc<Claim>> {
        self.claims.read().get(topic)?.get(&partition).cloned()
    }

    /// All claims that are current.
    pub fn claims(&self) -> Vec<Arc<Claim>> {
        let claims = self.claims.read();
        claims
            .values()
            .flat_map(|of| of.values().cloned())
            .collect()
    }

    /// A claim begins.
    pub fn begin(&self, claim: &Arc<Claim>) {
        let mut claims = self.claims.write();
        let topic = claims.entry(Arc::clone(claim.topic())).or_default();
        topic.insert(claim.partition(), Arc::clone(claim));
    }

    /// A claim is over.
    pub fn end(&self, claim: &Claim) {
        let mut claims = self.claims.write();
        let Some(partitions) = claims.get_mut(claim.topic()) else {
            return;
        };
        if partitions
            .get(&claim.partition())
            .is_some_and(|current| current.id() == claim.id())
        {
            partitions.remove(&claim.partition());
        }
        if partitions.is_empty() {
            claims.remove(claim.topic());
        }
    }

    /// All that is claimed.
    pub fn subscriptions(&self) -> BTreeMap<String, Vec<i32>> {
        self.subscriptions.lock().clone()
    }

    /// The claims have changed.
    pub fn subscribe(&self, current: BTreeMap<String, Vec<i32>>) {
        *self.subscriptions.lock() = current;
    }

    /// The high water mark of each partition that is read.
    pub fn high_water_marks(&self) -> BTreeMap<String, BTreeMap<i32, i64>> {
        let of_topic = |partitions: &Partitions| {
            partitions
                .iter()
                .filter_map(|(p, claim)| Some((*p, claim.high_water_mark()?)))
                .collect()
        };
        self.claims
            .read()
            .iter()
            .map(|(topic, partitions)| (topic.to_string(), of_topic(partitions)))
            .collect()
    }

    /// It is over: closed with this result, or ended by itself with this error. The first one counts.
    pub fn finish(&self, result: Result<()>, by_itself: bool) {
        let _ = self.end.set(End { result, by_itself });
        self.subscribe(BTreeMap::new());
    }

    /// Whether it is over.
    pub fn has_ended(&self) -> bool {
        self.end.get().is_some()
    }

    /// The cause, where it ended by itself.
    pub fn failure(&self) -> Option<Error> {
        self.end
            .get()
            .filter(|end| end.by_itself)
            .and_then(|end| end.result.clone().err())
    }

    /// The result, once it is over.
    pub fn result(&self) -> Result<()> {
        self.end.get().map_or(Ok(()), |end| end.result.clone())
    }
}
