//! Topics, their partitions, and who leads them.

use std::collections::{BTreeMap, BTreeSet};

use super::log::Log;
use crate::{protocol::ErrorCode, wire::Uuid};

/// Where Kafka keeps commits and groups. The leader of a group's partition coordinates the group.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// A topic.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) is_internal: bool,
    pub(crate) partitions: Vec<Partition>,
}

/// A partition. Its replicas share one log: replication takes no time here.
#[derive(Debug, Clone)]
pub(crate) struct Partition {
    pub(crate) log: Log,
    pub(crate) leader: Option<i32>,
    pub(crate) leader_epoch: i32,
    pub(crate) replicas: Vec<i32>,
    pub(crate) in_sync: Vec<i32>,
    /// A test took its leader away and will give it back itself.
    pub(crate) stays_leaderless: bool,
}

/// All topics of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Topics {
    by_name: BTreeMap<String, Topic>,
    rng: fastrand::Rng,
}

/// How a request names a topic: by id in the newest versions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TopicRef<'a> {
    Name(&'a str),
    Id(Uuid),
}

impl<'a> TopicRef<'a> {
    /// The name, for versions up to the last one that has it; else the id.
    pub(crate) fn of(version: i16, last_with_name: i16, name: &'a str, id: Uuid) -> Self {
        if version <= last_with_name {
            Self::Name(name)
        } else {
            Self::Id(id)
        }
    }
}

impl Topics {
    /// None yet. The seed makes their ids.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            by_name: BTreeMap::new(),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// The topic of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// All topics by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.by_name
            .iter()
            .map(|(name, topic)| (name.as_str(), topic))
    }

    /// The name of a topic, whatever names it, if there is such a topic.
    pub(crate) fn name<'a>(&'a self, topic: TopicRef<'a>) -> Option<&'a str> {
        match topic {
            TopicRef::Name(name) => self.by_name.contains_key(name).then_some(name),
            TopicRef::Id(id) => self
                .iter()
                .find(|(_, topic)| topic.id == id)
                .map(|(name, _)| name),
        }
    }

    /// A partition; else the code that a broker answers.
    pub(crate) fn partition(
        &self,
        topic: TopicRef<'_>,
        partition: i32,
    ) -> Result<&Partition, ErrorCode> {
        let unknown = match topic {
            TopicRef::Name(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            TopicRef::Id(_) => ErrorCode::UNKNOWN_TOPIC_ID,
        };
        let topic = self
            .name(topic)
            .and_then(|name| self.get(name))
            .ok_or(unknown)?;
        let index = usize::try_from(partition).ok();
        index
            .and_then(|index| topic.partitions.get(index))
            .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    /// A partition to be changed.
    pub(crate) fn partition_mut(&mut self, topic: &str, partition: i32) -> Option<&mut Partition> {
        let topic = self.by_name.get_mut(topic)?;
        topic.partitions.get_mut(usize::try_from(partition).ok()?)
    }

    /// Makes a topic, whose partitions are led by the brokers in turn.
    pub(crate) fn create(
        &mut self,
        name: &str,
        partitions: i32,
        replication: usize,
        brokers: &[i32],
    ) {
        // RFC 9562, version 4, as Kafka's are.
        let mut id = self.rng.u128(..).to_be_bytes();
        id[6] = id[6] & 0x0f | 0x40;
        id[8] = id[8] & 0x3f | 0x80;
        let topic = Topic {
            id: Uuid(id),
            is_internal: name == OFFSETS_TOPIC,
            partitions: Vec::new(),
        };
        self.by_name.insert(name.to_owned(), topic);
        self.grow(name, partitions, replication, brokers);
    }

    /// Adds partitions up to that count.
    pub(crate) fn grow(&mut self, name: &str, count: i32, replication: usize, brokers: &[i32]) {
        let Some(topic) = self.by_name.get_mut(name) else {
            return;
        };
        for index in topic.partitions.len()..usize::try_from(count).unwrap_or(0) {
            let in_turn = brokers.iter().cycle().skip(index % brokers.len());
            let replicas = in_turn
                .take(replication.min(brokers.len()))
                .copied()
                .collect::<Vec<_>>();
            topic.partitions.push(Partition {
                log: Log::default(),
                leader: replicas.first().copied(),
                leader_epoch: 0,
                in_sync: replicas.clone(),
                replicas,
                stays_leaderless: false,
            });
        }
    }

    /// Deletes a topic with all its records.
    pub(crate) fn delete(&mut self, name: &str) -> Option<Topic> {
        self.by_name.remove(name)
    }

    /// The set of running brokers has changed: replicas fall out of sync or come back, and partitions
    /// whose leader is gone get another, of a higher epoch. Returns the partitions with a new leader.
    pub(crate) fn elect(&mut self, running: &BTreeSet<i32>) -> Vec<(String, i32)> {
        let mut changed = Vec::new();
        for (name, topic) in &mut self.by_name {
            for (index, partition) in topic.partitions.iter_mut().enumerate() {
                if partition.elect(running) {
                    changed.push((name.clone(), index as i32));
                }
            }
        }
        changed
    }
}

impl Partition {
    fn elect(&mut self, running: &BTreeSet<i32>) -> bool {
        let live = self
            .replicas
            .iter()
            .copied()
            .filter(|id| running.contains(id))
            .collect::<Vec<_>>();
        // The last one in sync stays so while it is down: only it has all records.
        if !live.is_empty() {
            self.in_sync.clone_from(&live);
        }
        let leader = match self.leader {
            _ if self.stays_leaderless => None,
            Some(leader) if live.contains(&leader) => Some(leader),
            _ => live.first().copied(),
        };
        self.set_leader(leader)
    }

    /// Whether the leader is another one now. Each leader has its own epoch.
    pub(crate) fn set_leader(&mut self, leader: Option<i32>) -> bool {
        if self.leader == leader {
            return false;
        }
        self.leader = leader;
        self.leader_epoch += 1;
        true
    }
}

/// Whether Kafka accepts the name of a topic.
pub(crate) fn is_valid_topic_name(name: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !matches!(name, "" | "." | "..") && name.len() <= 249 && name.chars().all(is_legal)
}

/// Java's hash of a string, on which the partition of a group depends.
pub(crate) fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(unit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(brokers: &[i32]) -> BTreeSet<i32> {
        brokers.iter().copied().collect()
    }

    fn topics() -> Topics {
        let mut topics = Topics::new(1);
        topics.create("t", 2, 2, &[1, 2, 3]);
        topics
    }

    #[test]
    fn brokers_lead_in_turn_and_the_next_ones_follow() {
        let topics = topics();
        let partitions = &topics.get("t").unwrap().partitions;
        assert_eq!(partitions[0].replicas, [1, 2]);
        assert_eq!(partitions[1].replicas, [2, 3]);
        assert_eq!(partitions[1].leader, Some(2));
    }

    #[test]
    fn a_broker_that_stops_is_followed_by_the_next_replica_with_a_higher_epoch() {
        let mut topics = topics();
        assert_eq!(topics.elect(&running(&[1, 3])), [("t".to_owned(), 1)]);
        let partition = topics.partition(TopicRef::Name("t"), 1).unwrap();
        assert_eq!((partition.leader, partition.leader_epoch), (Some(3), 1));
        assert_eq!(partition.in_sync, [3]);
        assert_eq!(topics.elect(&running(&[1, 2, 3])), []);
        let partition = topics.partition(TopicRef::Name("t"), 1).unwrap();
        assert_eq!(
            (partition.leader, &partition.in_sync[..]),
            (Some(3), &[2, 3][..])
        );
    }

    #[test]
    fn without_a_live_replica_there_is_no_leader() {
        let mut topics = topics();
        topics.elect(&running(&[1]));
        let partition = topics.partition(TopicRef::Name("t"), 1).unwrap();
        assert_eq!((partition.leader, partition.leader_epoch), (None, 1));
        topics.elect(&running(&[1, 2]));
        let partition = topics.partition(TopicRef::Name("t"), 1).unwrap();
        assert_eq!((partition.leader, partition.leader_epoch), (Some(2), 2));
    }

    #[test]
    fn a_recreated_topic_has_another_id() {
        let mut topics = topics();
        let old = topics.delete("t").unwrap().id;
        topics.create("t", 1, 1, &[1]);
        assert_ne!(topics.get("t").unwrap().id, old);
        assert_eq!(
            topics.partition(TopicRef::Id(old), 0).err(),
            Some(ErrorCode::UNKNOWN_TOPIC_ID)
        );
    }

    #[test]
    fn strings_hash_as_in_java() {
        assert_eq!(java_hash("my-group"), -1_906_497_762);
        assert_eq!(java_hash("é"), 233);
    }
}
