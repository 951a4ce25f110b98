//! OffsetCommit: the group has read so far.

use crate::{protocol::ErrorCode, wire::Uuid};

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
