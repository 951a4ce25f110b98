//! OffsetCommit: the group has read so far.

use crate::{
    protocol::{ApiKey, ErrorCode, offset_commit as wire},
    wire::Uuid,
};

use super::{
    check::{Asked, TopicIds},
    envelope::{self, Envelope, Input, Request},
    group_by_topic,
    problem::Problem,
};

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The group.
    pub group_id: String,
    /// The generation under which the offsets were read.
    pub generation: i32,
    /// The own member id.
    pub member_id: String,
    /// The name of a static member (version 7 and newer; an error below).
    pub instance_id: Option<String>,
    /// How long the broker keeps the commit (versions 2 to 4; silently the broker's default elsewhere).
    pub retention_ms: Option<i64>,
    /// What is committed.
    pub partitions: Vec<Partition>,
}

/// A partition's offset to commit.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// The topic's name.
    pub topic: String,
    /// Its id, where known (version 10 needs it; without it an older version is spoken).
    pub topic_id: Option<Uuid>,
    /// The partition.
    pub partition: i32,
    /// The next offset to read.
    pub offset: i64,
    /// The leader epoch of the last record read (version 6 and newer, else not sent).
    pub leader_epoch: Option<i32>,
    /// A word for the next owner.
    pub metadata: String,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The result of each partition asked for, at most once; others are an error of decoding.
    pub partitions: Vec<Committed>,
}

/// The result of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// NONE, or why it was refused.
    pub error: ErrorCode,
}

/// Version 0 stores in ZooKeeper; version 1 has a time for each partition, which 0.9 does not need.
const FIRST: i16 = 2;
/// From here on a commit may come from a static member.
const FIRST_WITH_INSTANCE_ID: i16 = 7;
/// From here on topics have no names.
const FIRST_WITH_TOPIC_IDS: i16 = 10;

/// No broker takes a metadata string as long as this (its `offset.metadata.max.bytes` is 4096, unless it
/// is set otherwise), and the versions before 8 cannot carry a longer one.
const LONGEST_METADATA: usize = i16::MAX as usize;

impl Ask {
    pub(super) fn encode(&self, envelope: &Envelope<'_>) -> Result<Request, Problem> {
        let version = self.pick(envelope)?;
        let sent = self
            .partitions
            .iter()
            .filter(|partition| partition.can_be_sent());
        let topics = group_by_topic(sent, |partition| &partition.topic);
        let topics = topics
            .into_iter()
            .map(|(name, partitions)| wire::RequestTopic {
                name: name.to_owned(),
                topic_id: partitions[0].topic_id.unwrap_or_default(),
                partitions: partitions.into_iter().map(Partition::to_wire).collect(),
            });
        let request = wire::Request {
            group_id: self.group_id.clone(),
            generation_id_or_member_epoch: self.generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance_id.clone(),
            retention_time_ms: self.retention_ms.unwrap_or(-1),
            topics: topics.collect(),
        };
        envelope.seal(&request, version)
    }

    fn pick(&self, envelope: &Envelope<'_>) -> Result<i16, Problem> {
        let (first, why_not_older) = match &self.instance_id {
            Some(_) => (FIRST_WITH_INSTANCE_ID, Some("group.instance_id")),
            None => (FIRST, None),
        };
        let (last, why_not_newer) = match self.topic_ids() {
            Some(_) => (i16::MAX, None),
            None => (FIRST_WITH_TOPIC_IDS - 1, Some("topics without an id")),
        };
        let reason = why_not_older.or(why_not_newer);
        envelope.pick_within(ApiKey::OffsetCommit, first..=last, reason)
    }

    fn topic_ids(&self) -> Option<TopicIds<'_>> {
        TopicIds::new(
            self.partitions
                .iter()
                .map(|p| (p.topic_id, p.topic.as_str())),
        )
    }

    pub(super) fn decode(&self, version: i16, frame: Input<'_>) -> Result<Answer, Problem> {
        let answer = envelope::open::<wire::Request>(frame, version)?;
        let ids = self.topic_ids().filter(|_| version >= FIRST_WITH_TOPIC_IDS);
        let sent = self
            .partitions
            .iter()
            .filter(|partition| partition.can_be_sent());
        let mut asked = Asked::new(sent.map(|p| (p.topic.as_str(), p.partition)));
        let mut partitions = Vec::with_capacity(self.partitions.len());
        for topic in &answer.topics {
            let name = match &ids {
                Some(ids) => ids.name(topic.topic_id)?,
                None => &topic.name,
            };
            for partition in &topic.partitions {
                asked.cross_off(name, partition.partition_index)?;
                partitions.push(Committed {
                    topic: name.to_owned(),
                    partition: partition.partition_index,
                    error: partition.error_code,
                });
            }
        }
        let refused = self
            .partitions
            .iter()
            .filter(|partition| !partition.can_be_sent());
        partitions.extend(refused.map(|partition| Committed {
            topic: partition.topic.clone(),
            partition: partition.partition,
            error: ErrorCode::OFFSET_METADATA_TOO_LARGE,
        }));
        Ok(Answer { partitions })
    }
}

impl Partition {
    /// One partition with a monstrous metadata string must not keep the others from being committed.
    fn can_be_sent(&self) -> bool {
        self.metadata.len() <= LONGEST_METADATA
    }

    fn to_wire(&self) -> wire::RequestPartition {
        wire::RequestPartition {
            partition_index: self.partition,
            committed_offset: self.offset,
            committed_leader_epoch: self.leader_epoch.unwrap_or(-1),
            committed_metadata: Some(self.metadata.clone()),
            ..Default::default()
        }
    }
}
