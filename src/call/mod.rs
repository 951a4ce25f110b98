//! What the library asks of a broker, in words that hold for every version of the protocol.
//!
//! The logic of the group speaks in [`Call`]s and [`Answer`]s and knows no versions. Each file here
//! holds one kind of call: the question, the answer, and how the versions put them. The version is
//! chosen where the connection is, for each connection has negotiated its own.

mod check;
mod envelope;
pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod join_group;
pub mod leave_group;
pub mod list_offsets;
pub mod metadata;
pub mod offset_commit;
pub mod offset_fetch;
mod problem;
pub mod sync_group;
mod target;
#[cfg(test)]
mod tests;
mod versions;

use std::collections::HashMap;

use crate::{
    config,
    error::Error,
    protocol::ApiKey,
    record,
    wire::{Apart, Input},
};

use envelope::Envelope;

pub use envelope::Request;
pub use problem::Unfit;
pub use target::{Broker, Lane, Target, Token, address};
pub use versions::{NoVersion, Versions};

/// A question to one broker.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Who are the brokers, who leads which partition?
    Metadata(metadata::Ask),
    /// Which broker coordinates this group?
    FindCoordinator(find_coordinator::Ask),
    /// A seat in the group, please.
    JoinGroup(join_group::Ask),
    /// The assignment: given by the leader, awaited by all.
    SyncGroup(sync_group::Ask),
    /// Still here.
    Heartbeat(heartbeat::Ask),
    /// Goodbye.
    LeaveGroup(leave_group::Ask),
    /// Where did the group stop reading?
    OffsetFetch(offset_fetch::Ask),
    /// The group has read so far.
    OffsetCommit(offset_commit::Ask),
    /// Which offset is the oldest, the newest, the first at a time?
    ListOffsets(list_offsets::Ask),
    /// Records, please.
    Fetch(fetch::Ask),
}

/// What a broker answered. Error codes are part of the answer; a failed connection is not.
#[derive(Debug, Clone)]
pub enum Answer {
    /// To [`Call::Metadata`].
    Metadata(metadata::Answer),
    /// To [`Call::FindCoordinator`].
    FindCoordinator(find_coordinator::Answer),
    /// To [`Call::JoinGroup`].
    JoinGroup(join_group::Answer),
    /// To [`Call::SyncGroup`].
    SyncGroup(sync_group::Answer),
    /// To [`Call::Heartbeat`].
    Heartbeat(heartbeat::Answer),
    /// To [`Call::LeaveGroup`].
    LeaveGroup(leave_group::Answer),
    /// To [`Call::OffsetFetch`].
    OffsetFetch(offset_fetch::Answer),
    /// To [`Call::OffsetCommit`].
    OffsetCommit(offset_commit::Answer),
    /// To [`Call::ListOffsets`].
    ListOffsets(list_offsets::Answer),
    /// To [`Call::Fetch`].
    Fetch(fetch::Answer),
}

impl Call {
    /// The API that carries the question.
    pub fn api(&self) -> ApiKey {
        match self {
            Self::Metadata(_) => ApiKey::Metadata,
            Self::FindCoordinator(_) => ApiKey::FindCoordinator,
            Self::JoinGroup(_) => ApiKey::JoinGroup,
            Self::SyncGroup(_) => ApiKey::SyncGroup,
            Self::Heartbeat(_) => ApiKey::Heartbeat,
            Self::LeaveGroup(_) => ApiKey::LeaveGroup,
            Self::OffsetFetch(_) => ApiKey::OffsetFetch,
            Self::OffsetCommit(_) => ApiKey::OffsetCommit,
            Self::ListOffsets(_) => ApiKey::ListOffsets,
            Self::Fetch(_) => ApiKey::Fetch,
        }
    }

    /// What the library is doing with it, for errors.
    pub fn context(&self) -> &'static str {
        match self {
            Self::Metadata(_) => "metadata",
            Self::FindCoordinator(_) => "find coordinator",
            Self::JoinGroup(_) => "join group",
            Self::SyncGroup(_) => "sync group",
            Self::Heartbeat(_) => "heartbeat",
            Self::LeaveGroup(_) => "leave group",
            Self::OffsetFetch(_) => "fetch offsets",
            Self::OffsetCommit(_) => "commit",
            Self::ListOffsets(_) => "list offsets",
            Self::Fetch(_) => "fetch",
        }
    }

    /// Puts the question in the newest version that can carry it.
    ///
    /// # Errors
    /// [`Version`](crate::error::ErrorKind::Version) if there is none.
    pub fn encode(
        &self,
        versions: &Versions,
        correlation_id: i32,
        client_id: &str,
    ) -> Result<Request, Error> {
        let envelope = Envelope {
            versions,
            correlation_id,
            client_id,
        };
        let request = match self {
            Self::Metadata(ask) => ask.encode(&envelope),
            Self::FindCoordinator(ask) => ask.encode(&envelope),
            Self::JoinGroup(ask) => ask.encode(&envelope),
            Self::SyncGroup(ask) => ask.encode(&envelope),
            Self::Heartbeat(ask) => ask.encode(&envelope),
            Self::LeaveGroup(ask) => ask.encode(&envelope),
            Self::OffsetFetch(ask) => ask.encode(&envelope),
            Self::OffsetCommit(ask) => ask.encode(&envelope),
            Self::ListOffsets(ask) => ask.encode(&envelope),
            Self::Fetch(ask) => ask.encode(&envelope),
        };
        request.map_err(|problem| problem.into_error(self))
    }

    /// Reads the answer to this very question, put in `version`. The frame comes without its length.
    /// What stays of it, records, is in memory from `memory`.
    ///
    /// # Errors
    /// [`Protocol`](crate::error::ErrorKind::Protocol) for bytes that are no answer, none to this
    /// question, or one beyond the limits. [`Broker`](crate::error::ErrorKind::Broker) for a refusal
    /// that has no place in the [`Answer`]. The codes that have one are no errors here.
    pub fn decode<'a>(
        &self,
        version: i16,
        frame: impl Into<Frame<'a>>,
        limits: &Limits,
        memory: &record::Recycler,
    ) -> Result<Answer, Error> {
        let whole = frame.into();
        let frame = Input {
            bytes: whole.bytes,
            apart: Apart::default(),
            array_bytes: limits.array_bytes,
        };
        let answer = match self {
            Self::Metadata(ask) => ask.decode(version, frame).map(Answer::Metadata),
            Self::FindCoordinator(ask) => ask.decode(version, frame).map(Answer::FindCoordinator),
            Self::JoinGroup(ask) => ask.decode(version, frame).map(Answer::JoinGroup),
            Self::SyncGroup(ask) => ask.decode(version, frame).map(Answer::SyncGroup),
            Self::Heartbeat(ask) => ask.decode(version, frame).map(Answer::Heartbeat),
            Self::LeaveGroup(ask) => ask.decode(version, frame).map(Answer::LeaveGroup),
            Self::OffsetFetch(ask) => ask.decode(version, frame).map(Answer::OffsetFetch),
            Self::OffsetCommit(ask) => ask.decode(version, frame).map(Answer::OffsetCommit),
            Self::ListOffsets(ask) => ask.decode(version, frame).map(Answer::ListOffsets),
            Self::Fetch(ask) => ask
                .decode(version, whole, limits, memory)
                .map(Answer::Fetch),
        };
        answer.map_err(|problem| problem.into_error(self))
    }

    /// The fetch that goes on where the answer to this call ends, if it was one and that can be.
    #[must_use]
    pub fn onward(self, answer: &Result<Answer, Error>) -> Option<fetch::Ask> {
        match (self, answer) {
            (Self::Fetch(ask), Ok(Answer::Fetch(answer))) => ask.onward(answer),
            _ => None,
        }
    }

    /// Whether what has come of an answer, put in `version`, goes on with records that may be read apart
    /// from the rest: where they begin, and how many bytes they are.
    pub fn find_records(&self, version: i16, frame: Input<'_>) -> Option<(usize, usize)> {
        match self {
            Self::Fetch(_) => fetch::find_records(version, frame),
            _ => None,
        }
    }
}

/// How much an answer may make of its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most memory for the elements of its arrays, see [`Input`].
    pub array_bytes: usize,
    /// Those of its records.
    pub records: record::Limits,
}

impl Limits {
    /// As the settings say.
    pub fn of(limits: &config::Limits) -> Self {
        Self {
            array_bytes: limits.arrays,
            records: record::Limits {
                // A larger one could not come.
                batch_bytes: limits.batch.min(limits.response),
                decoded_bytes: limits.decompressed_batch,
                ..record::Limits::default()
            },
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(&config::Limits::default())
    }
}

/// An answer as it was read, without its length.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The bytes, but for the record sets that were read apart.
    pub bytes: &'a [u8],
    /// Where in the bytes those were, and how long they are.
    pub taken: Vec<(usize, usize)>,
    /// They themselves.
    pub records: Vec<record::Split>,
}

impl<'a> From<&'a [u8]> for Frame<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            taken: Vec::new(),
            records: Vec::new(),
        }
    }
}

impl<'a> From<&'a Vec<u8>> for Frame<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::from(&**bytes)
    }
}

/// An answer is of the kind of its call: whoever asked knows which it is.
macro_rules! into {
    ($($name:ident: $kind:ident, $module:ident;)*) => {
        impl Answer {
            $(
                #[doc = concat!("The answer to [`Call::", stringify!($kind), "`].")]
                #[must_use]
                pub fn $name(self) -> $module::Answer {
                    match self {
                        Self::$kind(answer) => answer,
                        other => unreachable!("a call is answered in its kind, not by {other:?}"),
                    }
                }
            )*
        }
    };
}

into! {
    into_metadata: Metadata, metadata;
    into_find_coordinator: FindCoordinator, find_coordinator;
    into_join_group: JoinGroup, join_group;
    into_sync_group: SyncGroup, sync_group;
    into_heartbeat: Heartbeat, heartbeat;
    into_leave_group: LeaveGroup, leave_group;
    into_offset_fetch: OffsetFetch, offset_fetch;
    into_offset_commit: OffsetCommit, offset_commit;
    into_list_offsets: ListOffsets, list_offsets;
    into_fetch: Fetch, fetch;
}

/// Puts the partitions of each topic together, the topics in the order of their first partitions.
fn group_by_topic<'a, P>(
    partitions: impl IntoIterator<Item = &'a P>,
    topic: impl Fn(&'a P) -> &'a str,
) -> Vec<(&'a str, Vec<&'a P>)> {
    let mut topics: Vec<(&str, Vec<&P>)> = Vec::new();
    let mut places = HashMap::new();
    for partition in partitions {
        let name = topic(partition);
        let place = *places.entry(name).or_insert(topics.len());
        match topics.get_mut(place) {
            Some((_, partitions)) => partitions.push(partition),
            None => topics.push((name, vec![partition])),
        }
    }
    topics
}
