//! ListOffsets: the oldest and the newest offset, or the first one at a time.

use crate::protocol::{ApiKey, ErrorCode, list_offsets as wire};

use super::{
    check::{self, Asked},
    envelope::{self, Envelope, Input, Request},
    group_by_topic,
    problem::{Problem, Unfit},
};

/// Which offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The first record that is still there (−2 on the wire).
    Oldest,
    /// The one after the last record (−1 on the wire); with read-committed the last stable one.
    Newest,
    /// The first record whose timestamp is this or later, in milliseconds since 1970. Version 1
    /// and newer; below it an error of encoding that says so.
    Timestamp(i64),
}

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Whether open transactions end the log (version 2 and newer).
    pub read_committed: bool,
    /// The partitions asked for.
    pub partitions: Vec<Partition>,
}

/// A partition asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The leader's epoch as known (version 4 and newer).
    pub leader_epoch: Option<i32>,
    /// Which offset.
    pub at: At,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Each partition asked for at most once; others are an error of decoding.
    pub partitions: Vec<Listed>,
}

/// A partition's offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// NONE, or why it is not known.
    pub error: ErrorCode,
    /// The offset; `None` where no record is that young (−1 on the wire, or an empty version 0 list).
    pub offset: Option<i64>,
    /// The leader epoch of that offset (version 4 and newer).
    pub leader_epoch: Option<i32>,
}

/// Below this a broker lists starts of log segments, and searches no time exactly.
const FIRST_EXACT: i16 = 1;

/// From here on the log may end at an open transaction.
const FIRST_WITH_ISOLATION: i16 = 2;

/// How long a broker may search tiered storage: less than the 30 s that its answer is waited for.
const SEARCH_TIMEOUT_MS: i32 = 20_000;

impl Ask {
    pub(super) fn encode(&self, envelope: &Envelope<'_>) -> Result<Request, Problem> {
        let by_time = self
            .partitions
            .iter()
            .any(|partition| matches!(partition.at, At::Timestamp(_)));
        let (first, reason) = match by_time {
            true => (FIRST_EXACT, Some("a timestamp")),
            false => (0, None),
        };
        let version = envelope.pick_within(ApiKey::ListOffsets, first..=i16::MAX, reason)?;
        let topics = group_by_topic(&self.partitions, |partition| &partition.topic);
        let topics = topics
            .into_iter()
            .map(|(name, partitions)| wire::RequestTopic {
                name: name.to_owned(),
                partitions: partitions.into_iter().map(Partition::to_wire).collect(),
            });
        let request = wire::Request {
            isolation_level: i8::from(self.read_committed && version >= FIRST_WITH_ISOLATION),
            topics: topics.collect(),
            timeout_ms: SEARCH_TIMEOUT_MS,
            ..Default::default()
        };
        envelope.seal(&request, version)
    }

    pub(super) fn decode(&self, version: i16, frame: Input<'_>) -> Result<Answer, Problem> {
        let answer = envelope::open::<wire::Request>(frame, version)?;
        let mut asked = Asked::new(
            self.partitions
                .iter()
                .map(|p| (p.topic.as_str(), p.partition)),
        );
        let mut partitions = Vec::with_capacity(self.partitions.len());
        for topic in &answer.topics {
            for partition in &topic.partitions {
                asked.cross_off(&topic.name, partition.partition_index)?;
                partitions.push(listed(&topic.name, partition, version)?);
            }
        }
        Ok(Answer { partitions })
    }
}

impl Partition {
    fn to_wire(&self) -> wire::RequestPartition {
        wire::RequestPartition {
            partition_index: self.partition,
            current_leader_epoch: self.leader_epoch.unwrap_or(-1),
            timestamp: match self.at {
                At::Oldest => -2,
                At::Newest => -1,
                At::Timestamp(timestamp) => timestamp,
            },
            ..Default::default()
        }
    }
}

fn listed(topic: &str, partition: &wire::ResponsePartition, version: i16) -> Result<Listed, Unfit> {
    let (offset, leader_epoch) = match version {
        _ if partition.error_code.is_error() => (-1, -1),
        ..FIRST_EXACT => (
            partition.old_style_offsets.first().copied().unwrap_or(-1),
            -1,
        ),
        _ => (partition.offset, partition.leader_epoch),
    };
    Ok(Listed {
        topic: topic.to_owned(),
        partition: partition.partition_index,
        error: partition.error_code,
        offset: check::none_if_minus_one(offset, "an offset")?,
        leader_epoch: check::none_if_minus_one(leader_epoch, "a leader epoch")?,
    })
}
