//! ListOffsets (2): the offset that belongs to a time. Only the leader of a partition answers.

use super::ErrorCode;

message! {
    /// Asks for one offset of each partition, or several in version 0.
    pub struct Request {
        /// −1 is a consumer.
        replica_id: i32 = -1,
        /// 0 reads uncommitted, 1 committed: then *latest* is the last stable offset.
        isolation_level: i8 [2..],
        topics: Vec<RequestTopic>,
        /// How long the broker may search tiered storage.
        timeout_ms: i32 [10.., ignorable],
    }

    /// What to look up in one topic.
    pub struct RequestTopic {
        name: String,
        partitions: Vec<RequestPartition>,
    }

    /// What to look up in one partition.
    pub struct RequestPartition {
        partition_index: i32,
        /// The leader epoch that the client knows, see Fetch; −1 is not checked.
        current_leader_epoch: i32 [4.., ignorable] = -1,
        /// −1 is the latest offset, −2 the earliest, any other value the first record with that time or a
        /// later one (version 0: the start of a log segment before it). From version 7 on −3 is the
        /// record with the largest time, from 8 −4 the earliest on local disk, from 9 −5 the latest in
        /// tiered storage, from 11 −6 the earliest not yet in tiered storage.
        timestamp: i64,
        /// How many offsets to list.
        max_num_offsets: i32 [..=0] = 1,
    }

    /// The offsets found.
    pub struct Response {
        throttle_time_ms: i32 [2.., ignorable],
        topics: Vec<ResponseTopic>,
    }

    /// The offsets found in one topic.
    pub struct ResponseTopic {
        name: String,
        partitions: Vec<ResponsePartition>,
    }

    /// The offset found in one partition.
    pub struct ResponsePartition {
        partition_index: i32,
        error_code: ErrorCode,
        /// The latest first; at most as many as asked for.
        old_style_offsets: Vec<i64> [..=0],
        /// The time of the record found; −1 if it was not searched by time.
        timestamp: i64 [1..] = -1,
        /// −1 if no record has that time or a later one.
        offset: i64 [1..] = -1,
        leader_epoch: i32 [4..] = -1,
    }
}
