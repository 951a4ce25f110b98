//! What a test does to a cluster from outside, and what it sees of it.

mod brokers;
mod faults;
mod groups;
mod topics;

pub use groups::MemberInfo;
