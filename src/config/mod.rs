//! The settings of a consumer and their validation.
//!
//! [`Config`] is plain data: change what you need of its default. Its fields have the paths of the
//! Go original, `Config.Group.Session.Timeout` is `config.group.session.timeout`. Nothing is
//! corrected in silence: a value that makes no sense is a [`ConfigError`], which names the field
//! and the rule.
//!
//! ```
//! use std::time::Duration;
//! use sarama_cluster::config::{Config, InitialOffset};
//!
//! let mut config = Config::default();
//! config.consumer.offsets.initial = InitialOffset::Oldest;
//! config.group.session.timeout = Duration::from_secs(6);
//!
//! let error = config.validate().unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "group.heartbeat.interval = 3s: must be at most a third of group.session.timeout (6s)",
//! );
//!
//! config.group.heartbeat.interval = Duration::from_secs(2);
//! config.validate()?;
//! # Ok::<(), sarama_cluster::config::ConfigError>(())
//! ```

use std::time::Duration;

pub mod consumer;
pub mod group;
pub mod metadata;

mod backoff;
mod error;
mod net;
mod rules;
mod subscription;
mod version;

pub use self::backoff::BackoffFunc;
pub use self::consumer::{Consumer, InitialOffset, IsolationLevel, OutOfRange};
pub use self::error::ConfigError;
pub use self::group::{ConsumerMode, Group, Strategy};
pub use self::metadata::Metadata;
pub use self::net::Net;
pub use self::subscription::Subscription;
pub use self::version::KafkaVersion;

/// All settings of a client and its consumer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The name of this program, sent with each request; brokers show it in logs, metrics and
    /// quotas, and group coordinators begin member ids with it. Before Kafka 1.0 it is restricted
    /// to the characters a-z, A-Z, 0-9, `.`, `_` and `-` (KIP-190), which is checked if `version`
    /// is older.
    ///
    /// Default `sarama-cluster`. Go: `ClientID`; Java: `client.id`.
    pub client_id: String,

    /// The rack or zone this program runs in. A broker since 2.4 that has a
    /// `replica.selector.class` may then name a follower nearby to fetch from (KIP-392).
    ///
    /// Default `None`. Go: `RackID`; Java: `client.rack`.
    pub rack_id: Option<String>,

    /// How many messages a channel holds before its reader must take some: the one channel in
    /// multiplex mode, each partition's in partition mode. `None` means 4096 and 1024. All channels
    /// of a consumer together get at most 1,048,576 (24 MiB of slots, allocated at once), so with
    /// very many partitions each gets fewer, but 16.
    ///
    /// Default `None`. Go: `ChannelBufferSize`, 256.
    pub channel_buffer_size: Option<usize>,

    /// The newest release whose protocol may be spoken. What is spoken in fact is negotiated with
    /// each broker, so this matters to brokers that cannot (0.9) and to those that lie about it.
    /// At least 0.9.0.0, the first release with consumer groups.
    ///
    /// Default [`KafkaVersion::MAX`]. Go: `Version`.
    pub version: KafkaVersion,

    /// Connections.
    pub net: Net,

    /// What the client knows of the cluster.
    pub metadata: Metadata,

    /// Fetching and committing.
    pub consumer: Consumer,

    /// The consumer group.
    pub group: Group,

    /// Bounds on what a broker can make this program allocate.
    pub limits: Limits,

    /// How long closing may take in all: the wait for messages in hand (no longer than
    /// `group.offsets.synchronization.dwell_time`), the last commit, leaving the group. Then the
    /// threads end, which takes a moment; while the system is looking up a name, so long again at most.
    ///
    /// Default 10 s. Java: the argument of `KafkaConsumer.close`.
    pub close_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client_id: "sarama-cluster".to_owned(),
            rack_id: None,
            channel_buffer_size: None,
            version: KafkaVersion::MAX,
            net: Net::default(),
            metadata: Metadata::default(),
            consumer: Consumer::default(),
            group: Group::default(),
            limits: Limits::default(),
            close_timeout: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Checks every setting, and the settings that depend on each other.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), ConfigError> {
        rules::check(self)
    }

    /// Checks what a consumer is made of: the settings, the group id (not empty), and that the
    /// subscription names legal topics or there is a whitelist to find some.
    ///
    /// # Errors
    ///
    /// The first rule that is broken. Its field is `group_id` or `topics` if it is not a setting.
    pub fn validate_consumer(
        &self,
        group_id: &str,
        subscription: &Subscription,
    ) -> Result<(), ConfigError> {
        self.validate()?;
        rules::check_group_id(group_id)?;
        rules::check_subscription(subscription, &self.group.topics)
    }
}

/// Bounds on what a broker can make this program allocate, in bytes: `config.limits`.
///
/// Go has the first two as the globals `sarama.MaxRequestSize` and `sarama.MaxResponseSize`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The largest request sent. Brokers close the connection at one above their
    /// `socket.request.max.bytes`, which is 100 MiB.
    ///
    /// Default 100 MiB.
    pub request: usize,

    /// The largest response accepted; a connection that announces a larger one is closed with an
    /// error. No fetch size may be above it.
    ///
    /// Default 100 MiB.
    pub response: usize,

    /// The most memory that the elements of all arrays of one answer may take, besides their texts and
    /// bytes; more is an error, and the connection is closed. An element may be twenty times as large
    /// in memory as on the wire, so this is what bounds an answer of many small ones. A partition with
    /// three replicas takes about 120 bytes of a description of the cluster.
    ///
    /// Default 128 MiB, which is room for a million partitions.
    pub arrays: usize,

    /// The largest batch of records accepted, as it comes: compressed, if it is. A larger one is an
    /// error of its partition. None can be larger than `response`.
    ///
    /// Default 100 MiB.
    pub batch: usize,

    /// The most that one compressed batch of records may grow to; a larger one is an error of its
    /// partition.
    ///
    /// Default 128 MiB.
    pub decompressed_batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: 100 * 1024 * 1024,
            response: 100 * 1024 * 1024,
            arrays: 128 * 1024 * 1024,
            batch: 100 * 1024 * 1024,
            decompressed_batch: 128 * 1024 * 1024,
        }
    }
}
