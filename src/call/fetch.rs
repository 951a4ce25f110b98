//! Fetch: records from a leader (or, by its leave, from a follower).

use std::time::Duration;

use crate::{
    error::{Error, ErrorKind},
    protocol::{ApiKey, ErrorCode, fetch as wire, header::decode_response_of},
    record::{self, Batch, End, Split},
    wire::{self as bytes, Apart, Input, Uuid},
};

use super::{
    Frame, Limits,
    check::{self, Asked, TopicIds},
    envelope::{Envelope, Request},
    problem::{Problem, Unfit},
};

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// How long the broker may wait for `min_bytes`.
    pub max_wait_ms: i32,
    /// The broker answers as soon as it has so many bytes.
    pub min_bytes: i32,
    /// The answer's limit (version 3 and newer); the first batch may exceed it.
    pub max_bytes: i32,
    /// Whether aborted and open transactions are left out (version 4 and newer).
    pub read_committed: bool,
    /// The own rack, for fetching from followers (version 11 and newer, else not sent).
    pub rack_id: String,
    /// The partitions, in the order in which they are to be served.
    pub partitions: Vec<Partition>,
}

/// A partition asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// The topic's name.
    pub topic: String,
    /// Its id, where known (version 13 needs all ids; without one version 12 is spoken).
    pub topic_id: Option<Uuid>,
    /// The partition.
    pub partition: i32,
    /// The leader's epoch as known (version 9 and newer): an old one is answered FENCED_LEADER_EPOCH.
    pub leader_epoch: Option<i32>,
    /// The offset to read from.
    pub offset: i64,
    /// The most bytes of this partition.
    pub max_bytes: i32,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, or the error of the whole request (version 7 and newer).
    pub error: ErrorCode,
    /// How long the broker reads nothing more from the connection, for the client has used up its quota (KIP-219).
    pub throttle: Duration,
    /// Each partition asked for at most once; others are an error of decoding.
    pub partitions: Vec<Fetched>,
    /// Where each partition asked for was read to, in the order of the question, if something came, all of them
    /// were read to their ends, and nothing is wrong with any.
    pub ends: Option<Vec<i64>>,
    /// How many bytes the answer had on the wire.
    pub wire_bytes: usize,
    /// Whether `max_bytes` was heeded (version 3 and newer); else there is only the sum of what the partitions may
    /// have.
    pub is_bounded: bool,
}

/// What was fetched of one partition.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// NONE, or why there is nothing.
    pub error: ErrorCode,
    /// The offset after the last replicated record; `None` with an error.
    pub high_watermark: Option<i64>,
    /// The first offset of the log (version 5 and newer).
    pub log_start: Option<i64>,
    /// Transactions that were aborted within the batches: producer and first offset.
    pub aborted: Vec<Aborted>,
    /// The replica to read from instead (version 11 and newer).
    pub preferred_read_replica: Option<i32>,
    /// The batches, in the log's order, headers checked.
    pub batches: Vec<Batch>,
    /// The size of the batch at the end that was cut off, if it was the first one: the fetch size
    /// must grow to this before anything comes.
    pub needs_bytes: Option<usize>,
    /// The broker has read something, and none of it is left in the format that it was asked for.
    pub converted_to_nothing: bool,
    /// What is wrong with the bytes behind the last of the batches, or with what the answer says of the
    /// partition: nothing of that is taken then. The other partitions do not suffer from it.
    pub broken: Option<Error>,
}

/// An aborted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted {
    /// The producer.
    pub producer_id: i64,
    /// The transaction's first offset.
    pub first_offset: i64,
}

/// From here on the whole answer has a limit (KIP-74).
const FIRST_BOUNDED: i16 = 3;

/// From here on records come in the format that they are stored in.
const FIRST_UNCONVERTED: i16 = 4;

/// From here on topics have no names.
const FIRST_WITH_TOPIC_IDS: i16 = 13;

impl Ask {
    /// The same question from where the answer to it ends; `None` where the answer leaves more to think about.
    #[must_use]
    pub fn onward(mut self, answer: &Answer) -> Option<Self> {
        for (partition, end) in self.partitions.iter_mut().zip(answer.ends.as_ref()?) {
            partition.offset = *end;
        }
        Some(self)
    }

    /// The same question for at most so many bytes.
    #[must_use]
    pub fn at_most(mut self, max_bytes: i32) -> Self {
        self.max_bytes = self.max_bytes.min(max_bytes);
        self.min_bytes = self.min_bytes.min(self.max_bytes);
        self
    }

    pub(super) fn encode(&self, envelope: &Envelope<'_>) -> Result<Request, Problem> {
        let (last, reason) = match self.topic_ids() {
            Some(_) => (i16::MAX, None),
            None => (FIRST_WITH_TOPIC_IDS - 1, Some("topics without an id")),
        };
        let version = envelope.pick_within(ApiKey::Fetch, 0..=last, reason)?;
        let request = wire::Request {
            max_wait_ms: self.max_wait_ms,
            min_bytes: self.min_bytes,
            max_bytes: self.max_bytes,
            isolation_level: self.read_committed.into(),
            // Brokers serve partitions in this order, so a topic may come several times.
            topics: self
                .partitions
                .chunk_by(|one, next| one.topic == next.topic)
                .map(topic)
                .collect(),
            rack_id: self.rack_id.clone(),
            ..Default::default()
        };
        envelope.seal(&request, version)
    }

    fn topic_ids(&self) -> Option<TopicIds<'_>> {
        TopicIds::new(
            self.partitions
                .iter()
                .map(|p| (p.topic_id, p.topic.as_str())),
        )
    }

    pub(super) fn decode(
        &self,
        version: i16,
        frame: Frame<'_>,
        limits: &Limits,
        memory: &record::Recycler,
    ) -> Result<Answer, Problem> {
        let Frame {
            bytes,
            taken,
            records: apart,
        } = frame;
        let wire_bytes = bytes.len() + taken.iter().map(|(_, length)| length).sum::<usize>();
        let input = Input {
            bytes,
            apart: Apart {
                taken: &taken,
                to_come: 0,
            },
            array_bytes: limits.array_bytes,
        };
        let (_, answer) = decode_response_of::<wire::Request>(input, version)?;
        let mut apart: Vec<_> = apart.into_iter().map(Some).collect();
        let ids = self.topic_ids().filter(|_| version >= FIRST_WITH_TOPIC_IDS);
        let mut asked = Asked::new(
            self.partitions
                .iter()
                .map(|p| (p.topic.as_str(), p.partition)),
        );
        let mut partitions = Vec::with_capacity(self.partitions.len());
        let mut ends = vec![None; self.partitions.len()];
        for topic in answer.responses {
            let name = match &ids {
                Some(ids) => ids.name(topic.topic_id)?,
                None => &topic.topic,
            };
            for partition in topic.partitions {
                let index = asked.cross_off(name, partition.partition_index)?;
                let from = self.partitions[index].offset;
                let split = match partition.records.apart() {
                    Some(index) => {
                        let read = apart[index].take().expect("each is in one place");
                        read.fetched_from(from)
                    }
                    None => {
                        let records = partition.records.slice(bytes);
                        record::split_from(records, from, &limits.records, memory)
                    }
                };
                let split = match version < FIRST_UNCONVERTED {
                    true => split,
                    false => split.unconverted(),
                };
                let fetched = Fetched::new(name, partition, split);
                ends[index] = fetched.end(from);
                partitions.push(fetched);
            }
        }
        let brings = partitions.iter().any(|p| !p.batches.is_empty());
        let is_plain = answer.error_code == ErrorCode::NONE && brings;
        let throttle_ms = u64::try_from(answer.throttle_time_ms).unwrap_or(0);
        Ok(Answer {
            error: answer.error_code,
            throttle: Duration::from_millis(throttle_ms),
            partitions,
            ends: ends.into_iter().collect::<Option<_>>().filter(|_| is_plain),
            wire_bytes,
            is_bounded: version >= FIRST_BOUNDED,
        })
    }
}

impl Answer {
    /// Whether this is no answer to the question: the client has used up its quota, and nothing is said of any
    /// partition until that is over. (Before 2.0 brokers held back the whole answer for so long.)
    pub fn is_put_off(&self) -> bool {
        self.error == ErrorCode::NONE && self.partitions.is_empty() && !self.throttle.is_zero()
    }
}

/// Fewer bytes are read with the rest of the answer, and copied: to begin anew at every set of
/// records costs more, where there are many.
const WORTH_IT: usize = 128 * 1024;

/// See [`Call::find_records`](super::Call::find_records).
pub(super) fn find_records(version: i16, frame: Input<'_>) -> Option<(usize, usize)> {
    match decode_response_of::<wire::Request>(frame, version) {
        Err(error) => match error.kind() {
            bytes::ErrorKind::RecordsToCome { at, length } if length >= WORTH_IT => {
                Some((at, length))
            }
            _ => None,
        },
        Ok(_) => None,
    }
}

/// Partitions of one topic, at least one.
fn topic(partitions: &[Partition]) -> wire::RequestTopic {
    let to_wire = |partition: &Partition| wire::RequestPartition {
        partition: partition.partition,
        current_leader_epoch: partition.leader_epoch.unwrap_or(-1),
        fetch_offset: partition.offset,
        partition_max_bytes: partition.max_bytes,
        ..Default::default()
    };
    wire::RequestTopic {
        topic: partitions[0].topic.clone(),
        topic_id: partitions[0].topic_id.unwrap_or_default(),
        partitions: partitions.iter().map(to_wire).collect(),
    }
}

impl Fetched {
    /// Where the log ends, if it was read to there from this offset and there is nothing else to say.
    fn end(&self, from: i64) -> Option<i64> {
        let is_plain = self.error == ErrorCode::NONE
            && self.needs_bytes.is_none()
            && self.broken.is_none()
            && self.preferred_read_replica.is_none();
        let first = self.batches.first();
        let fits = first.is_none_or(|batch| batch.last_offset() >= from);
        let read_to = self.batches.last().map_or(from, Batch::next_offset);
        (is_plain && fits && self.high_watermark <= Some(read_to)).then_some(read_to)
    }

    fn new(topic: &str, answered: wire::ResponsePartition, split: Split) -> Self {
        let partition = answered.partition_index;
        Self::check(topic, answered, split).unwrap_or_else(|unfit| {
            let broken = Error::new(ErrorKind::Protocol, "fetch").because(unfit);
            Self {
                topic: topic.to_owned(),
                partition,
                error: ErrorCode::NONE,
                high_watermark: None,
                log_start: None,
                aborted: Vec::new(),
                preferred_read_replica: None,
                batches: Vec::new(),
                needs_bytes: None,
                converted_to_nothing: false,
                broken: Some(broken),
            }
        })
    }

    fn check(topic: &str, answered: wire::ResponsePartition, split: Split) -> Result<Self, Unfit> {
        let high_watermark = match answered.error_code {
            ErrorCode::NONE => Some(check::not_negative(
                answered.high_watermark,
                "a high watermark",
            )?),
            _ => None,
        };
        let converted_to_nothing = split.end == End::Filled && split.batches.is_empty();
        let (needs_bytes, broken) = match split.end {
            End::CutOff { needed } if split.batches.is_empty() => (Some(needed), None),
            End::Clean | End::CutOff { .. } | End::Filled => (None, None),
            End::Broken(error) => (None, Some(error.into())),
        };
        let aborted = answered.aborted_transactions.unwrap_or_default();
        let preferred =
            check::none_if_minus_one(answered.preferred_read_replica, "a replica's id")?;
        Ok(Self {
            topic: topic.to_owned(),
            partition: answered.partition_index,
            error: answered.error_code,
            high_watermark,
            log_start: check::none_if_minus_one(answered.log_start_offset, "a log's start")?,
            aborted: aborted
                .iter()
                .map(Aborted::check)
                .collect::<Result<_, _>>()?,
            preferred_read_replica: preferred,
            batches: split.batches,
            needs_bytes,
            converted_to_nothing,
            broken,
        })
    }
}

impl Aborted {
    fn check(answered: &wire::AbortedTransaction) -> Result<Self, Unfit> {
        Ok(Self {
            producer_id: check::not_negative(answered.producer_id, "a producer's id")?,
            first_offset: check::not_negative(
                answered.first_offset,
                "the offset of a transaction",
            )?,
        })
    }
}
