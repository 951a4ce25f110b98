//! A consumer group on a simulated cluster, network and clock: one seed determines everything.
//!
//! The members are the library's own engines and channels, as a consumer has them; the cluster is
//! the library's in-process Kafka without its sockets. Between them a network delays, loses and
//! breaks. Users take, hold, mark, acknowledge and forget. An [oracle](oracle) that knows nothing of
//! the library's code watches what is delivered and committed.

mod faults;
mod member;
mod network;
pub mod oracle;
mod user;
mod world;

pub use world::{Report, World, run};
