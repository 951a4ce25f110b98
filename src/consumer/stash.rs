//! Offsets collected, to be marked together.

#[cfg(test)]
mod tests;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, btree_map},
    fmt,
    sync::Arc,
};

use parking_lot::Mutex;

use super::{claim::Claim, delivered::Delivered, user_side::UserSide};
use crate::core::marks::Message;

/// Offsets of processed messages, collected to be marked in one go: by
/// [`Consumer::mark_offsets`](crate::Consumer::mark_offsets), or by
/// [`Consumer::reset_offsets`](crate::Consumer::reset_offsets). Both empty the stash.
///
/// There is one entry for each partition. An entry made from a message is for the claim of that
/// message only; where messages of several claims meet, the later claim wins. An entry made from an
/// offset is for the claim that is current when the stash is used.
#[derive(Default)]
pub struct OffsetStash {
    entries: Mutex<BTreeMap<String, BTreeMap<i32, Entry>>>,
}

struct Entry {
    message: Message,
    metadata: String,
    claim: Option<Arc<Claim>>,
}

impl OffsetStash {
    /// An empty stash.
    pub fn new() -> Self {
        Self::default()
    }

    /// This message, or the last one of a batch, is processed. Moves the entry only forward.
    pub fn mark_offset(&self, delivered: &impl Delivered, metadata: &str) {
        self.put_delivered(delivered, metadata, Ordering::Greater);
    }

    /// The message at this offset is processed. Moves the entry only forward.
    pub fn mark_partition_offset(&self, topic: &str, partition: i32, offset: i64, metadata: &str) {
        self.put(
            topic,
            partition,
            Entry::new(offset.into(), metadata, None),
            Ordering::Greater,
        );
    }

    /// This message, or the last one of a batch, is the last one processed. Moves the entry only
    /// back.
    pub fn reset_offset(&self, delivered: &impl Delivered, metadata: &str) {
        self.put_delivered(delivered, metadata, Ordering::Less);
    }

    /// The message at this offset is the last one processed. Moves the entry only back.
    pub fn reset_partition_offset(&self, topic: &str, partition: i32, offset: i64, metadata: &str) {
        self.put(
            topic,
            partition,
            Entry::new(offset.into(), metadata, None),
            Ordering::Less,
        );
    }

    /// The offset of each partition's entry, by topic and partition.
    pub fn offsets(&self) -> BTreeMap<String, BTreeMap<i32, i64>> {
        let of_topic = |entries: &BTreeMap<i32, Entry>| {
            entries
                .iter()
                .map(|(p, e)| (*p, e.message.offset))
                .collect()
        };
        let entries = self.entries.lock();
        entries
            .iter()
            .map(|(topic, entries)| (topic.clone(), of_topic(entries)))
            .collect()
    }

    /// Marks all entries and forgets them. `current` finds the current claim of a partition.
    pub(super) fn mark_all(
        &self,
        user_side: &UserSide,
        current: impl FnMut(&str, i32) -> Option<Arc<Claim>>,
    ) {
        self.take_all(user_side, current, UserSide::mark_offset);
    }

    /// Resets to all entries and forgets them. `current` finds the current claim of a partition.
    pub(super) fn reset_all(
        &self,
        user_side: &UserSide,
        current: impl FnMut(&str, i32) -> Option<Arc<Claim>>,
    ) {
        self.take_all(user_side, current, UserSide::reset_offset);
    }

    fn take_all(
        &self,
        user_side: &UserSide,
        mut current: impl FnMut(&str, i32) -> Option<Arc<Claim>>,
        apply: impl Fn(&UserSide, Option<&Claim>, Message, &str),
    ) {
        let taken = std::mem::take(&mut *self.entries.lock());
        for (topic, entries) in taken {
            for (partition, entry) in entries {
                let found;
                let claim = match &entry.claim {
                    Some(claim) if user_side.owns(claim) => Some(&**claim),
                    Some(_) => continue,
                    None => {
                        found = current(&topic, partition);
                        found.as_deref()
                    }
                };
                apply(user_side, claim, entry.message, &entry.metadata);
            }
        }
    }

    fn put_delivered(&self, delivered: &impl Delivered, metadata: &str, direction: Ordering) {
        let place = delivered.place();
        let claim = place.claim();
        let entry = Entry::new(place.last(), metadata, Some(Arc::clone(claim)));
        self.put(claim.topic(), claim.partition(), entry, direction);
    }

    fn put(&self, topic: &str, partition: i32, new: Entry, direction: Ordering) {
        let mut topics = self.entries.lock();
        if !topics.contains_key(topic) {
            topics.insert(topic.to_owned(), BTreeMap::new());
        }
        let entries = topics.get_mut(topic).expect("it was just put in");
        match entries.entry(partition) {
            btree_map::Entry::Vacant(place) => {
                place.insert(new);
            }
            btree_map::Entry::Occupied(mut old) => old.get_mut().meet(new, direction),
        }
    }
}

impl fmt::Debug for OffsetStash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OffsetStash").field(&self.offsets()).finish()
    }
}

impl Entry {
    fn new(message: Message, metadata: &str, claim: Option<Arc<Claim>>) -> Self {
        Self {
            message,
            metadata: metadata.to_owned(),
            claim,
        }
    }

    /// Takes in a newer entry of the same partition, whose offset counts if it lies in this
    /// direction.
    fn meet(&mut self, new: Self, direction: Ordering) {
        let order = match (&self.claim, &new.claim) {
            (Some(old), Some(new)) => new.order_after(old),
            // An offset alone joins the claim that the other one names.
            _ => Ordering::Equal,
        };
        match order {
            Ordering::Less => {}
            Ordering::Greater => *self = new,
            Ordering::Equal => {
                let claim = self.claim.take().or_else(|| new.claim.clone());
                let moves = new.message.offset.cmp(&self.message.offset);
                if moves == direction || moves == Ordering::Equal {
                    *self = new;
                }
                self.claim = claim;
            }
        }
    }
}
