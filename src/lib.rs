//! Apache Kafka consumer groups for Rust services that block: pure Rust, threads and channels, no
//! async runtime.
//!
//! A [`Consumer`] is a member of a consumer group. It joins by itself, shares the partitions of its
//! topics with the other members (whatever client those use), and hands their records over on
//! channels, to be iterated or waited for with [`select!`](crossbeam_channel::select). The model and
//! most names are those of Go's [`sarama-cluster`](https://github.com/bsm/sarama-cluster).
//!
//! # All messages on one channel
//!
//! ```no_run
//! use sarama_cluster::{Config, Consumer, crossbeam_channel};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let (interrupt, interrupts) = crossbeam_channel::bounded(1);
//!     ctrlc::set_handler(move || drop(interrupt.try_send(())))?;
//!
//!     let mut config = Config::default();
//!     config.consumer.returns.errors = true;
//!     config.group.returns.notifications = true;
//!
//!     let consumer = Consumer::new(["127.0.0.1:9092"], "my-consumer-group", ["my_topic", "other_topic"], config)?;
//!
//!     loop {
//!         crossbeam_channel::select! {
//!             recv(consumer.messages()) -> msg => {
//!                 let Ok(msg) = msg else { break };                 // closed
//!                 if !msg.is_current() { continue }                 // its claim is over: someone else gets it
//!                 println!("{}/{}/{}\t{:?}\t{:?}", msg.topic(), msg.partition(), msg.offset(), msg.key(), msg.value());
//!                 consumer.mark_offset(&msg, "");                   // mark as processed
//!             }
//!             recv(consumer.errors()) -> err => if let Ok(err) = err { eprintln!("error: {err}") },
//!             recv(consumer.notifications()) -> ntf => if let Ok(ntf) = ntf { eprintln!("rebalanced: {ntf:?}") },
//!             recv(interrupts) -> _ => break,
//!         }
//!     }
//!     consumer.close()?;
//!     Ok(())
//! }
//! ```
//!
//! With nothing else to wait for, `for msg in consumer.messages()` does; it asks
//! [`is_current`](ConsumerMessage::is_current) by itself, and ends when a [`Closer`] closes the consumer.
//!
//! # A thread for each partition
//!
//! ```no_run
//! use std::thread;
//!
//! use sarama_cluster::{Config, Consumer, ConsumerMessage, ConsumerMode, Result};
//!
//! fn main() -> Result<()> {
//!     let mut config = Config::default();
//!     config.group.mode = ConsumerMode::Partitions;
//!
//!     let consumer = Consumer::new(["127.0.0.1:9092"], "my-consumer-group", ["my_topic", "other_topic"], config)?;
//!     let closer = consumer.closer();
//!     ctrlc::set_handler(move || closer.signal()).expect("there is no other handler");
//!
//!     thread::scope(|scope| {
//!         for part in consumer.partitions() {                       // ends when the consumer is closed
//!             scope.spawn(move || {
//!                 for msg in part.messages() {                      // ends when the claim ends
//!                     work(&msg);
//!                     part.mark_offset(msg.offset(), "");
//!                 }
//!             });                                                   // dropping the handle says: I am done with this claim
//!         }
//!     });
//!     consumer.close()
//! }
//!
//! fn work(msg: &ConsumerMessage) {
//!     println!("{:?}", msg.value());
//! }
//! ```
//!
//! Between the two lies a pool: workers on clones of [`messages`](Consumer::messages) that
//! [`ack`](Consumer::ack) what they have done, in any order. All three are in the folder `examples`,
//! and run on a Kafka of their own with `cargo run --example multiplex`, `partitions` or `pool`.
//!
//! Where messages are small and come by the million, [`batches`](Consumer::batches) hands them over many
//! at a time, for a fraction of the cost of single ones; in partition mode, too.
//!
//! # What is delivered
//!
//! Every record from the group's start on, at least once, unless retention deletes it first. A *claim*
//! is one turn of one member at one partition. It begins at the committed offset, and within it you see
//! the records as they lie in the log: no hole, no repetition, no other order, also while the consumer
//! is closed or a rebalance goes on. A record comes again, to whoever has the next claim, only if it
//! lay above the last commit; so what a message causes should bear being caused twice.
//!
//! What is committed is what you say is processed, every
//! [`commit_interval`](config::consumer::Offsets::commit_interval), when partitions are given up, at a
//! close, and by [`commit_offsets`](Consumer::commit_offsets):
//!
//! - A *mark* ([`mark_offset`](Consumer::mark_offset)) stands for this message and all before it in its
//!   claim. It moves only forward; [`reset_offset`](Consumer::reset_offset) moves it back.
//! - An *ack* ([`ack`](Consumer::ack)) stands for this message alone. Committed is the end of the run
//!   without a gap, counted by delivery.
//!
//! Either belongs to the claim of its message. One that comes when the claim is over touches no other:
//! it is ignored, and counted in [`ignored`](Consumer::ignored).
//!
//! A rebalance ends all claims. First delivery stops; then the member waits until the messages in your
//! hands are marked, acknowledged or dropped, as long as the group allows
//! ([`rebalance.timeout`](config::group::Rebalance::timeout)); it commits, and joins again. A member that
//! hears nothing of its group coordinator for a whole
//! [`session.timeout`](config::group::Session::timeout) delivers no more, because others may have its
//! partitions by then.
//!
//! # Threads
//!
//! | thread | how many | what it does |
//! |---|---|---|
//! | `kafka-GROUP` | 1 | the coordinator: owns the group's state and the positions, fills the channels |
//! | `kafka-GROUP-decoder` | 1, and up to 4 where compressed batches queue up | decompresses and checks batches |
//! | `kafka-BROKER-LANE` | 1 for each open connection | one request after the other; the lanes of a broker are `control`, `group` and `fetch` |
//!
//! They are the consumer's own and gone when [`close`](Consumer::close) returns. Looking up a host name cannot
//! be interrupted; that has a thread of its own, which may stay behind until the system answers.
//!
//! None of them waits for you. However slow a reader is, heartbeats go out in time; a full channel stops
//! the fetching of what would go into it, and [`fetch.budget`](config::consumer::Fetch::budget) bounds the
//! bytes that wait. Errors and notifications that nobody reads make room for newer ones. All handles
//! can go to any thread, and all methods take `&self`.
//!
//! # Settings and errors
//!
//! [`Config`] has the paths and most defaults of the Go original; each field in [`config`] says what it
//! does, its default, and what Go and Java call it. Three to know about from the start:
//! a group without a commit begins at the end of the log, unless
//! [`consumer.offsets.initial`](config::consumer::Offsets::initial) says [`Oldest`](config::InitialOffset);
//! errors are logged (by [`log`](https://docs.rs/log)), unless
//! [`consumer.returns.errors`](config::consumer::Returns::errors) asks for them on
//! [`errors`](Consumer::errors); and [`close`](Consumer::close) waits for messages in work only as long as
//! [`dwell_time`](config::group::Synchronization::dwell_time), 100 ms.
//!
//! An [`Error`] says what the library was doing, which broker, API, topic and partition it was about, and
//! often what to do. What may heal is tried again and reported. What cannot heal ends the
//! consumer and its channels, and [`error`](Consumer::error) keeps the cause: a refused group, another member with
//! the same [`instance_id`](config::Group::instance_id), settings that no common version of the protocol can carry.
//!
//! The member that leads the group deals out the partitions of all its members' topics. So each member must be
//! allowed to describe all of them; the leader reports a topic that it does not see.
//!
//! # Tests
//!
//! With the feature `testing` the module `testing` has an in-process Kafka for the tests of your service,
//! on real sockets and with faults to inject. It begins with an example.
//!
//! # Features of the crate
//!
//! | feature | default | |
//! |---|---|---|
//! | `gzip`, `snappy`, `lz4`, `zstd` | yes | each lets topics be read that are compressed so; in pure Rust |
//! | `zstd-c` | no | zstd by the C library: several times faster, needs a C compiler |
//! | `testing` | no | the in-process Kafka |
//!
//! # Which brokers
//!
//! Apache Kafka from 0.9 to 4.4. What a broker speaks is found out by itself, for each connection, so that
//! brokers can be upgraded under a running consumer; [`version`](Config::version) sets a limit.
//! `docs/compatibility.md` tells what has been measured on which release.
//!
//! # What is not supported
//!
//! - TLS, SASL and proxies: for now it speaks to plaintext listeners only.
//! - Producing, administration, and reading without a group.
//! - The group protocol of KIP-848, and the cooperative
//!   rebalancing of KIP-429: every rebalance ends all claims. Static membership (KIP-345) avoids
//!   rebalances at restarts. Since Kafka 4.0 members that use the protocol of KIP-848 can share the
//!   group.
//! - Assignors of your own; there are range and round robin, as in the Java client, and members that use
//!   other clients can share the group.
//! - Exactly once: offsets are not committed in transactions of a producer. Transactions of others are
//!   respected by [`IsolationLevel::ReadCommitted`](config::IsolationLevel).

#![cfg_attr(docsrs, feature(doc_cfg))]

/// The program in the README compiles, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

// The layers, lowest first; blank lines keep that order. The hidden ones are open to this repository's
// own tests, benches and fuzz targets, and follow no semantic versioning.

// Bytes.
#[doc(hidden)]
pub mod wire;

// Kafka's messages, each declared once.
#[doc(hidden)]
pub mod protocol;

// Record batches and their codecs.
#[doc(hidden)]
pub mod record;

pub mod config;

mod error;

// What is asked of brokers, whatever version they speak.
#[doc(hidden)]
pub mod call;

// The logic: state machines without sockets, threads, channels, locks or clocks.
#[doc(hidden)]
pub mod core;

// Connections.
#[doc(hidden)]
pub mod net;

mod client;

#[doc(hidden)]
pub mod consumer;

#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;

pub use crossbeam_channel;

pub use crate::{
    client::{Broker, Client, OffsetSpec},
    config::{Config, ConfigError, ConsumerMode, KafkaVersion, Strategy, Subscription},
    consumer::{
        Batches, CloseGuard, Closer, Consumer, ConsumerMessage, Delivered, Deliveries,
        IgnoredCounts, MessageBatch, MessageView, MessageViews, Messages, Notification,
        NotificationType, OffsetStash, PartitionConsumer, Partitions,
    },
    error::{Error, ErrorKind, Result},
    protocol::ErrorCode,
    record::{Header, Headers},
};
