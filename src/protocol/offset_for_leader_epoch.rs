//! OffsetForLeaderEpoch (23): where an epoch ended in the leader's log. Who has read beyond that has read
//! records that were truncated since (KIP-320).

use super::ErrorCode;

message! {
    /// Goes to the leaders of the partitions.
    pub struct Request {
        /// −1 is a consumer, which sees no further than the high watermark; −2 sees beyond it.
        replica_id: i32 [3.., ignorable] = -1,
        topics: Vec<RequestTopic>,
    }

    /// What to look up in one topic.
    pub struct RequestTopic {
        topic: String,
        partitions: Vec<RequestPartition>,
    }

    /// What to look up in one partition.
    pub struct RequestPartition {
        partition: i32,
        /// The leader epoch that the client knows, see Fetch; −1 is not checked.
        current_leader_epoch: i32 [2.., ignorable] = -1,
        /// The epoch whose end is asked for.
        leader_epoch: i32,
    }

    /// The ends.
    pub struct Response {
        throttle_time_ms: i32 [2.., ignorable],
        topics: Vec<ResponseTopic>,
    }

    /// The ends in one topic.
    pub struct ResponseTopic {
        topic: String,
        partitions: Vec<EpochEndOffset>,
    }

    /// The end in one partition.
    pub struct EpochEndOffset {
        error_code: ErrorCode,
        partition: i32,
        /// The largest epoch that is not above the one asked for; −1 if there is none.
        leader_epoch: i32 [1.., ignorable] = -1,
        /// One beyond the last record of that epoch; −1 if there is none.
        end_offset: i64 = -1,
    }
}
