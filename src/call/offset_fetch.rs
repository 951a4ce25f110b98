//! OffsetFetch: where the group stopped reading.

use crate::{
    protocol::{ApiKey, ErrorCode, offset_fetch as wire},
    wire::Uuid,
};

use super::{
    check::{Asked, TopicIds},
    envelope::{self, Envelope, Input, Request},
    problem::{Problem, Unfit},
};

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The group.
    pub group_id: String,
    /// Answer only with offsets that no open transaction can change (version 7 and newer,
    /// else silently not asked for).
    pub require_stable: bool,
    /// The partitions asked for.
    pub topics: Vec<Topic>,
}

/// A topic asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id, where known (version 10 needs it; without it an older version is spoken).
    pub id: Option<Uuid>,
    /// The partitions.
    pub partitions: Vec<i32>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, or the error of the whole request (in version 1, where there is no such field, the
    /// group error that stands at the partitions is lifted here).
    pub error: ErrorCode,
    /// The partitions, each of those asked for at most once; others are an error of decoding.
    pub partitions: Vec<Partition>,
}

/// A partition's committed offset.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// NONE, or why it is not known.
    pub error: ErrorCode,
    /// The committed offset; `None` where there is no commit (−1 on the wire), or one of no place in a log: clients can
    /// commit any number below zero.
    pub offset: Option<i64>,
    /// The leader epoch of the commit (version 5 and newer).
    pub leader_epoch: Option<i32>,
    /// The metadata committed with it.
    pub metadata: String,
}

/// Version 0 reads from ZooKeeper.
const FIRST: i16 = 1;
/// From here on an error of the group has a place of its own.
const FIRST_WITH_GROUP_ERROR: i16 = 2;
/// From here on offsets that a transaction may change can be waited for.
const FIRST_WITH_STABLE: i16 = 7;
/// From here on several groups may be asked for at once.
const FIRST_OF_SEVERAL: i16 = 8;
/// From here on topics have no names.
const FIRST_WITH_TOPIC_IDS: i16 = 10;

impl Ask {
    pub(super) fn encode(&self, envelope: &Envelope<'_>) -> Result<Request, Problem> {
        let (last, reason) = match self.topic_ids() {
            Some(_) => (i16::MAX, None),
            None => (FIRST_WITH_TOPIC_IDS - 1, Some("topics without an id")),
        };
        let version = envelope.pick_within(ApiKey::OffsetFetch, FIRST..=last, reason)?;
        if version < FIRST_OF_SEVERAL {
            return envelope.seal(&self.single_request(version), version);
        }
        let topics = self.topics.iter().map(|topic| wire::RequestTopic {
            name: topic.name.clone(),
            topic_id: topic.id.unwrap_or_default(),
            partition_indexes: topic.partitions.clone(),
        });
        let group = wire::RequestGroup {
            group_id: self.group_id.clone(),
            topics: Some(topics.collect()),
            ..Default::default()
        };
        let request = wire::Request {
            groups: vec![group],
            require_stable: self.require_stable,
        };
        envelope.seal(&request, version)
    }

    fn single_request(&self, version: i16) -> wire::SingleRequest {
        let topics = self.topics.iter().map(|topic| wire::SingleRequestTopic {
            name: topic.name.clone(),
            partition_indexes: topic.partitions.clone(),
        });
        wire::SingleRequest {
            group_id: self.group_id.clone(),
            topics: Some(topics.collect()),
            require_stable: self.require_stable && version >= FIRST_WITH_STABLE,
        }
    }

    fn topic_ids(&self) -> Option<TopicIds<'_>> {
        TopicIds::new(
            self.topics
                .iter()
                .map(|topic| (topic.id, topic.name.as_str())),
        )
    }

    pub(super) fn decode(&self, version: i16, frame: Input<'_>) -> Result<Answer, Problem> {
        if version < FIRST_OF_SEVERAL {
            return self.decode_single(version, frame);
        }
        let groups = envelope::open::<wire::Request>(frame, version)?.groups;
        let Some(group) = groups
            .into_iter()
            .find(|group| group.group_id == self.group_id)
        else {
            return Err(Unfit::Missing("the group").into());
        };
        let ids = self.topic_ids().filter(|_| version >= FIRST_WITH_TOPIC_IDS);
        let mut partitions = self.partitions();
        for topic in group.topics {
            let name = match &ids {
                Some(ids) => ids.name(topic.topic_id)?,
                None => &topic.name,
            };
            for partition in topic.partitions {
                partitions.add(name, partition)?;
            }
        }
        Ok(Answer {
            error: group.error_code,
            partitions: partitions.fetched,
        })
    }

    fn decode_single(&self, version: i16, frame: Input<'_>) -> Result<Answer, Problem> {
        let answer = envelope::open::<wire::SingleRequest>(frame, version)?;
        let mut partitions = self.partitions();
        for topic in answer.topics {
            for partition in topic.partitions {
                partitions.add(&topic.name, partition.into())?;
            }
        }
        let partitions = partitions.fetched;
        let error = match version {
            ..FIRST_WITH_GROUP_ERROR => group_error(&partitions),
            _ => answer.error_code,
        };
        Ok(Answer { error, partitions })
    }

    fn partitions(&self) -> Partitions<'_> {
        let asked = self.topics.iter().flat_map(|topic| {
            let name = topic.name.as_str();
            topic
                .partitions
                .iter()
                .map(move |&partition| (name, partition))
        });
        Partitions {
            asked: Asked::new(asked),
            fetched: Vec::new(),
        }
    }
}

/// The group's error among those of the partitions: each that does not concern a partition.
fn group_error(partitions: &[Partition]) -> ErrorCode {
    let mut errors = partitions.iter().map(|partition| partition.error);
    errors
        .find(|&error| !is_of_partition(error))
        .unwrap_or_default()
}

fn is_of_partition(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::NONE
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::TOPIC_AUTHORIZATION_FAILED
    )
}

/// The partitions of an answer, as they are read.
struct Partitions<'a> {
    asked: Asked<'a>,
    fetched: Vec<Partition>,
}

impl Partitions<'_> {
    fn add(&mut self, topic: &str, partition: wire::ResponsePartition) -> Result<(), Unfit> {
        self.asked.cross_off(topic, partition.partition_index)?;
        let is_told = partition.error_code == ErrorCode::NONE;
        let (offset, leader_epoch) = (partition.committed_offset, partition.committed_leader_epoch);
        self.fetched.push(Partition {
            topic: topic.to_owned(),
            partition: partition.partition_index,
            error: partition.error_code,
            offset: (is_told && offset >= 0).then_some(offset),
            leader_epoch: (is_told && leader_epoch >= 0).then_some(leader_epoch),
            metadata: partition.metadata.unwrap_or_default(),
        });
        Ok(())
    }
}

impl From<wire::SingleResponsePartition> for wire::ResponsePartition {
    fn from(single: wire::SingleResponsePartition) -> Self {
        Self {
            partition_index: single.partition_index,
            committed_offset: single.committed_offset,
            committed_leader_epoch: single.committed_leader_epoch,
            metadata: single.metadata,
            error_code: single.error_code,
        }
    }
}
