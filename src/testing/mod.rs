//! An in-process Kafka for tests.
//!
//! A [`FakeCluster`] is one or several brokers on free ports of 127.0.0.1. To a client it is a Kafka of
//! the [release](KafkaRelease) it is built as: it keeps records, waits and wakes in fetches, and runs
//! consumer groups by the rules of Kafka's group coordinator. Beyond a real one it lets a test look inside
//! ([`committed`](FakeCluster::committed), [`members`](FakeCluster::members),
//! [`requests`](FakeCluster::requests)), wait for something without sleeping
//! ([`await_committed`](FakeCluster::await_committed), [`await_until`](FakeCluster::await_until)), move
//! the time ([`advance`](FakeCluster::advance)), and make things go wrong ([`inject`](FakeCluster::inject),
//! [`stop_broker`](FakeCluster::stop_broker), [`move_leader`](FakeCluster::move_leader)).
//!
//! ```
//! use sarama_cluster::testing::{ApiKey, ErrorCode, FakeCluster, Fault};
//!
//! let kafka = FakeCluster::builder().brokers(3).topic("orders", 4).start();
//! kafka.produce("orders", 0, [("key", "first"), ("key", "second")]);
//! assert_eq!(kafka.log_bounds("orders", 0), Some((0, 2)));
//!
//! // The next heartbeat of group "billing" is answered with an error.
//! let once = Fault::on(ApiKey::Heartbeat).group("billing").times(1);
//! kafka.inject(once.error(ErrorCode::COORDINATOR_NOT_AVAILABLE));
//! ```
//!
//! Not there: security, quotas, transactions as a producer sees them, deletion by age, and the
//! group protocol of KIP-848.

pub mod broker;
mod builder;
mod clock;
mod fake_cluster;
mod server;

pub use broker::{
    Cluster, Fault, FaultId, GroupState, KafkaRelease, MemberInfo, On, OnUnknownApi, Record,
    SeenCommit, SeenRequest,
};
pub use builder::Builder;
pub use fake_cluster::FakeCluster;

pub use crate::{
    protocol::{ApiKey, ErrorCode},
    record::Codec,
};
