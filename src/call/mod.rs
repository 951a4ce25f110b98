//! What the library asks of a broker, in words that hold for every version of the protocol.
//!
//! The logic of the group speaks in [`Call`]s and [`Answer`]s and knows no versions. Each file here
//! holds one kind of call: the question, the answer, and how the versions put them. The version is
//! chosen where the connection is, for each connection has negotiated its own.

pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod join_group;
pub mod leave_group;
pub mod list_offsets;
pub mod metadata;
pub mod offset_commit;
pub mod offset_fetch;
pub mod sync_group;
mod target;

pub use target::{Broker, Lane, Target, Token};

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
