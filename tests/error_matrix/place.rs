//! Where Kafka puts an error code into an answer, and what brings a consumer to ask.

use sarama_cluster::testing::{ApiKey, ErrorCode, Fault, On};

use crate::{
    stage::{PARTITION, TOPIC},
    table::Row,
};

/// A place for an error code in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The one for the whole answer, or for the group that was asked about.
    Whole,
    /// That of a topic.
    Topic,
    /// That of a partition.
    Partition,
}

use Place::{Partition, Topic, Whole};

/// The places where brokers put a code.
///
/// # Panics
/// If the API has several and the code is new to the table: somebody has to say.
pub(crate) fn places(row: &Row) -> &'static [Place] {
    match row.api {
        ApiKey::OffsetCommit | ApiKey::ListOffsets => &[Partition],
        ApiKey::OffsetFetch => of_offset_fetch(row),
        ApiKey::Fetch => of_fetch(row),
        ApiKey::Metadata => of_metadata(row),
        _ => &[Whole],
    }
}

fn of_offset_fetch(row: &Row) -> &'static [Place] {
    match row.code {
        _ if !row.is_listed => &[Whole, Partition],
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::NOT_COORDINATOR
        | ErrorCode::STALE_MEMBER_EPOCH
        | ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::GROUP_ID_NOT_FOUND
        | ErrorCode::INVALID_GROUP_ID
        | ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::UNSUPPORTED_VERSION => &[Whole],
        ErrorCode::UNKNOWN_SERVER_ERROR => &[Whole, Partition],
        ErrorCode::UNSTABLE_OFFSET_COMMIT
        | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::TOPIC_AUTHORIZATION_FAILED => &[Partition],
        code => panic!("where in the answer to OffsetFetch is {code}?"),
    }
}

/// What fails altogether has its code at the partitions up to version 12, and then at the whole.
fn of_fetch(row: &Row) -> &'static [Place] {
    match row.code {
        _ if !row.is_listed => &[Whole, Partition],
        ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR
        | ErrorCode::FETCH_SESSION_ID_NOT_FOUND
        | ErrorCode::INVALID_FETCH_SESSION_EPOCH => &[Whole],
        ErrorCode::UNKNOWN_SERVER_ERROR
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::UNSUPPORTED_VERSION => &[Whole, Partition],
        ErrorCode::OFFSET_OUT_OF_RANGE
        | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::INCONSISTENT_TOPIC_ID
        | ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::REPLICA_NOT_AVAILABLE
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::FENCED_LEADER_EPOCH
        | ErrorCode::UNKNOWN_LEADER_EPOCH
        | ErrorCode::OFFSET_NOT_AVAILABLE
        | ErrorCode::CORRUPT_MESSAGE
        | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
        | ErrorCode::OFFSET_MOVED_TO_TIERED_STORAGE
        | ErrorCode::TOPIC_AUTHORIZATION_FAILED => &[Partition],
        code => panic!("where in the answer to Fetch is {code}?"),
    }
}

fn of_metadata(row: &Row) -> &'static [Place] {
    match row.code {
        _ if !row.is_listed => &[Whole, Topic],
        ErrorCode::BROKER_NOT_AVAILABLE
        | ErrorCode::REBOOTSTRAP_REQUIRED
        | ErrorCode::UNSUPPORTED_VERSION => &[Whole],
        ErrorCode::UNKNOWN_SERVER_ERROR | ErrorCode::INVALID_REQUEST => &[Whole, Topic],
        ErrorCode::LEADER_NOT_AVAILABLE => &[Topic, Partition],
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::INVALID_TOPIC_EXCEPTION
        | ErrorCode::TOPIC_AUTHORIZATION_FAILED => &[Topic],
        ErrorCode::LISTENER_NOT_FOUND
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::REPLICA_NOT_AVAILABLE => &[Partition],
        code => panic!("where in the answer to Metadata is {code}?"),
    }
}

/// These requests are answered with the row's code at that place.
pub(crate) fn fault(on: On, row: &Row, place: Place) -> Fault {
    match place {
        Whole if matches!(row.api, ApiKey::Fetch | ApiKey::Metadata) => {
            on.top_level_error(row.code)
        }
        Whole => on.error(row.code),
        Topic => on.topic(TOPIC).error(row.code),
        Partition => on.partition(TOPIC, PARTITION).error(row.code),
    }
}

/// A leader's first word that an offset is not in its log is doubted.
pub(crate) const WORDS_OUT_OF_RANGE: u32 = 2;

/// What makes a consumer that runs join again.
pub(crate) fn rebalance() -> Fault {
    let code = ErrorCode::REBALANCE_IN_PROGRESS;
    Fault::on(ApiKey::Heartbeat).times(1).error(code)
}

/// What makes a consumer that runs ask this API; `None` where it does so all the time, or where it takes
/// more than an answer.
pub(crate) fn trigger(api: ApiKey) -> Option<Fault> {
    let said = |times, api, code| Some(Fault::on(api).times(times).error(code));
    let answered = |api, code| said(1, api, code);
    match api {
        ApiKey::FindCoordinator => answered(ApiKey::Heartbeat, ErrorCode::NOT_COORDINATOR),
        ApiKey::JoinGroup | ApiKey::SyncGroup => Some(rebalance()),
        ApiKey::ListOffsets => said(
            WORDS_OUT_OF_RANGE,
            ApiKey::Fetch,
            ErrorCode::OFFSET_OUT_OF_RANGE,
        ),
        ApiKey::Metadata => answered(ApiKey::Fetch, ErrorCode::NOT_LEADER_OR_FOLLOWER),
        _ => None,
    }
}
