//! Fetch: records from a leader (or, by its leave, from a follower).

use crate::{
    protocol::ErrorCode,
    record::{self, Batch},
    wire::Uuid,
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
    /// Each partition asked for at most once; others are an error of decoding.
    pub partitions: Vec<Fetched>,
    /// How many bytes the answer had on the wire.
    pub wire_bytes: usize,
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
    /// The offset after the last replicated record.
    pub high_watermark: i64,
    /// The first offset of the log (version 5 and newer).
    pub log_start: Option<i64>,
    /// Transactions that were aborted within the batches: producer and first offset.
    pub aborted: Vec<Aborted>,
    /// The replica to read from instead (version 11 and newer).
    pub preferred_read_replica: Option<i32>,
    /// The batches, in the log's order, each in memory of its own, headers checked.
    pub batches: Vec<Batch>,
    /// The size of the batch at the end that was cut off, if it was the first one: the fetch size
    /// must grow to this before anything comes.
    pub needs_bytes: Option<usize>,
    /// What is wrong with the bytes behind the last of the batches.
    pub broken: Option<record::Error>,
}

/// An aborted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted {
    /// The producer.
    pub producer_id: i64,
    /// The transaction's first offset.
    pub first_offset: i64,
}
