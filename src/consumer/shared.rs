//! What the consumer's handle and its coordinator share.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, atomic::{AtomicU64, Ordering}},
};

use parking_lot::{Mutex, RwLock};

use super::claim::Claim;
use crate::error::{Error, Result};

/// Written by the coordinator, read by everybody.
#[derive(Default)]
pub(super) struct Shared {
    /// The claims that may be marked, by topic and partition.
    claims: RwLock<BTreeMap<Arc<str>, BTreeMap<i32, Arc<Claim>>>>,
    /// All that is claimed, also what does not deliver yet.
    subscriptions: Mutex<BTreeMap<String, Vec<i32>>>,
    /// Why it ended; the result of a close.
    end: OnceLock<End>,
    ignored: AtomicU64,
}

/// How the consumer ended.
#[derive(Debug)]
struct End {
    result: Result<()>,
    fatal: bool,
}

impl Shared {
    /// The claim that is current at a partition.
    pub(super) fn claim(&self, topic: &str, partition: i32) -> Option<Arc<Claim>> {
        self.claims.read().get(topic)?.get(&partition).cloned()
    }

    /// A claim begins.
    pub(super) fn begin(&self, claim: &Arc<Claim>) {
        let mut claims = self.claims.write();
        let topic = claims.entry(Arc::clone(claim.topic())).or_default();
        topic.insert(claim.partition(), Arc::clone(claim));
    }

    /// A claim is over.
    pub(super) fn end(&self, claim: &Claim) {
        let mut claims = self.claims.write();
        if let Some(topic) = claims.get_mut(claim.topic()) {
            if topic.get(&claim.partition()).is_some_and(|c| c.id() == claim.id()) {
                topic.remove(&claim.partition());
            }
            if topic.is_empty() {
                claims.remove(claim.topic());
            }
        }
    }

    /// All that is claimed.
    pub(super) fn subscriptions(&self) -> BTreeMap<String, Vec<i32>> {
        self.subscriptions.lock().clone()
    }

    /// The claims have changed.
    pub(super) fn subscribe(&self, current: BTreeMap<String, Vec<i32>>) {
        *self.subscriptions.lock() = current;
    }

    /// The high water mark of each partition that is read.
    pub(super) fn high_water_marks(&self) -> BTreeMap<String, BTreeMap<i32, i64>> {
        let of = |partitions: &BTreeMap<i32, Arc<Claim>>| {
            partitions.iter().filter_map(|(p, claim)| Some((*p, claim.high_water_mark()?))).collect()
        };
        self.claims.read().iter().map(|(topic, partitions)| (topic.to_string(), of(partitions))).collect()
    }

    /// A mark, reset or ack was ignored.
    pub(super) fn count_ignored(&self) {
        self.ignored.fetch_add(1, Ordering::Relaxed);
    }

    /// How many marks, resets and acks were ignored.
    pub(super) fn ignored(&self) -> u64 {
        self.ignored.load(Ordering::Relaxed)
    }

    /// It is over.
    pub(super) fn finish(&self, result: Result<()>, fatal: bool) {
        // The first cause counts.
        let _ = self.end.set(End { result, fatal });
    }

    /// The cause, where it is over because of an error.
    pub(super) fn failure(&self) -> Option<Error> {
        self.end.get().filter(|end| end.fatal).and_then(|end| end.result.clone().err())
    }

    /// The result of the close, once it is over.
    pub(super) fn result(&self) -> Result<()> {
        self.end.get().map_or(Ok(()), |end| end.result.clone())
    }
}
