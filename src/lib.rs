//! Apache Kafka consumer groups for Rust services that block.

#![cfg_attr(docsrs, feature(doc_cfg))]

// The layers, lowest first. The hidden ones are open to this repository's own tests, benches and
// fuzz targets and follow no semantic versioning.
#[doc(hidden)]
pub mod call;
mod client;
pub mod config;
#[doc(hidden)]
pub mod consumer;
#[doc(hidden)]
pub mod core;
mod error;
#[doc(hidden)]
pub mod net;
#[doc(hidden)]
pub mod protocol;
#[doc(hidden)]
pub mod record;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
#[doc(hidden)]
pub mod wire;

pub use crossbeam_channel;

pub use crate::{
    client::{Broker, Client, OffsetSpec},
    config::{Config, ConfigError, ConsumerMode, KafkaVersion, Strategy, Subscription},
    consumer::{
        Closer, Consumer, ConsumerMessage, IgnoredCounts, Messages, Notification, NotificationType,
        OffsetStash, PartitionConsumer, Partitions,
    },
    error::{Error, ErrorKind, Result},
    protocol::ErrorCode,
};
