//! Real Apache Kafka for tests: any release as a [`Cluster`] of its own, records written by a [`Producer`]
//! that shares no code with the library, and group [`Member`]s of other makes.
//!
//! Releases come from Maven Central, and run on Java (17 runs them all). A test that needs them is marked
//! by [`on_each_release!`] or [`with_own_brokers!`], so that it shows as ignored, with the reason, where Java
//! or Maven is missing. `KAFKA_BROKERS=host:port,…` at compile and run time puts a cluster that exists in
//! the place of those started here.

mod admin;
mod broker;
mod by_hand;
mod cluster;
pub mod compatibility;
mod distribution;
mod java;
pub mod ledger;
mod member;
mod metadata;
mod on_release;
pub mod oracle;
mod own;
mod ports;
mod process;
mod producer;
mod quota;
mod release;
mod replicas;
mod scratch;
pub mod soak;
mod stored;

pub use admin::{Admin, Committed};
pub use cluster::{Builder, Cluster, Shared};
pub use java::write_by_java;
pub use member::{Assignor, Event, Member, TopicPartition, library};
pub use metadata::{Metadata, Partition};
pub use producer::{Acknowledged, Codec, NewRecord, Producer, TransactionalProducer, patient};
pub use release::Release;
pub use stored::Format;

/// A name for a topic or group that no other test and no other run uses.
pub fn unique(name: &str) -> String {
    format!("{name}-{:012x}", fastrand::u64(..1 << 48))
}
