//! Stories of consumers on the in-process cluster, judged by an oracle.

mod client;
mod closing;
mod commits;
mod handle;
mod marks;
mod membership;
mod oracle;
mod original;
mod partitions;
mod ranges;
mod reader;
mod recreated;
mod releases;
mod reports;
mod statics;
mod topics;
mod worker;
mod world;
