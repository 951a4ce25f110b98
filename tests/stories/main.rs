//! Stories of consumers on the in-process cluster, judged by an oracle.

mod client;
mod closing;
mod commits;
mod contents;
mod handle;
mod isolation;
mod marks;
mod membership;
mod oracle;
mod original;
mod outages;
mod pace;
mod partitions;
mod plain;
mod ranges;
mod reader;
mod recreated;
mod releases;
mod reports;
mod statics;
mod topics;
mod worker;
mod world;
