//! What an answer says of each partition.

use std::collections::HashMap;

/// The parts of an answer, each to be taken out by its partition. Answers may name ten thousand, in an
/// order of their own.
#[derive(Debug)]
pub struct ByPartition<T>(HashMap<String, HashMap<i32, T>>);

/// A part of an answer that is about one partition.
pub trait OfPartition {
    /// The topic and the partition.
    fn partition(&self) -> (&str, i32);
}

impl<T: OfPartition> ByPartition<T> {
    /// The parts of an answer, each about another partition.
    pub fn new(parts: Vec<T>) -> Self {
        let mut topics: HashMap<String, HashMap<i32, T>> = HashMap::new();
        for part in parts {
            let (topic, partition) = part.partition();
            match topics.get_mut(topic) {
                Some(partitions) => _ = partitions.insert(partition, part),
                None => {
                    let topic = topic.to_owned();
                    topics.insert(topic, HashMap::from([(partition, part)]));
                }
            }
        }
        Self(topics)
    }

    /// What it says of this partition, unless that was taken already.
    pub fn take(&mut self, topic: &str, partition: i32) -> Option<T> {
        self.0.get_mut(topic)?.remove(&partition)
    }
}

macro_rules! of_partition {
    ($($part:ty),+) => {$(
        impl OfPartition for $part {
            fn partition(&self) -> (&str, i32) {
                (&self.topic, self.partition)
            }
        }
    )+};
}

of_partition!(
    crate::call::fetch::Fetched,
    crate::call::list_offsets::Listed,
    crate::call::offset_commit::Committed,
    crate::call::offset_fetch::Partition
);
