//! ListOffsets: the oldest and the newest offset, or the first one at a time.

use crate::protocol::ErrorCode;

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
