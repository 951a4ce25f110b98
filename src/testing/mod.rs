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
//! A service is tested as it is, on addresses that lead here:
//!
//! ```
//! use std::{collections::BTreeMap, thread, time::Duration};
//!
//! use sarama_cluster::{
//!     Config, Consumer,
//!     config::InitialOffset,
//!     testing::{ApiKey, ErrorCode, FakeCluster, Fault},
//! };
//!
//! // The service: adds up what each customer has ordered, until it is closed.
//! fn bill(consumer: &Consumer) -> BTreeMap<String, u32> {
//!     let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
//!     let mut bills = BTreeMap::new();
//!     for msg in consumer.messages() {
//!         *bills.entry(text(msg.key())).or_default() += text(msg.value()).parse().unwrap_or(0);
//!         consumer.mark_offset(&msg, "");
//!     }
//!     bills
//! }
//!
//! // The test: the first commit meets a group coordinator that has just moved.
//! let kafka = FakeCluster::builder().brokers(3).topic("orders", 2).start();
//! kafka.produce("orders", 0, [("ada", "3"), ("ada", "4")]);
//! kafka.produce("orders", 1, [("bo", "5")]);
//! kafka.inject(Fault::on(ApiKey::OffsetCommit).times(1).error(ErrorCode::NOT_COORDINATOR));
//!
//! let mut config = Config::default();
//! config.consumer.offsets.initial = InitialOffset::Oldest;
//! let consumer = Consumer::new(kafka.bootstrap(), "billing", "orders", config)?;
//! let bills = thread::scope(|scope| {
//!     let service = scope.spawn(|| bill(&consumer));
//!     let soon = Duration::from_secs(10);
//!     kafka.await_committed(soon, "billing", "orders", 0, 2);
//!     kafka.await_committed(soon, "billing", "orders", 1, 1);
//!     consumer.close().expect("all is committed");
//!     service.join().expect("the service does not panic")
//! });
//! assert_eq!(bills, BTreeMap::from([("ada".to_owned(), 7), ("bo".to_owned(), 5)]));
//! # Ok::<(), sarama_cluster::Error>(())
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
