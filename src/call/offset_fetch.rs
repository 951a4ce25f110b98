//! OffsetFetch: where the group stopped reading.

use crate::{protocol::ErrorCode, wire::Uuid};

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
    /// The committed offset; `None` where there is no commit (−1 on the wire).
    pub offset: Option<i64>,
    /// The leader epoch of the commit (version 5 and newer).
    pub leader_epoch: Option<i32>,
    /// The metadata committed with it.
    pub metadata: String,
}
