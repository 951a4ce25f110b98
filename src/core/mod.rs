//! The logic of a consumer group, without sockets, threads, channels, locks or clocks.
//!
//! Everything here is a state machine that is *given* the time and what happened, and answers with
//! actions. The thread around it moves bytes and waits.

pub mod assignor;
mod backoff;
mod by_partition;
mod channel;
pub mod cluster;
pub mod commit;
pub mod engine;
pub mod fetch;
pub mod group;
mod ids;
pub mod ledger;
pub mod marks;
pub mod reaction;
pub mod starts;

pub use self::{
    backoff::{Backoff, Waits},
    by_partition::ByPartition,
    channel::{Channel, ChannelId},
    cluster::Cluster,
    ids::{ClaimId, Tokens},
};
