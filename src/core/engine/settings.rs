//! What the engine takes from the configuration.

use std::time::Duration;

use crate::{
    call::list_offsets::At,
    config::{
        Config, ConsumerMode, InitialOffset, IsolationLevel, KafkaVersion, OutOfRange,
        Subscription, group::Topics,
    },
    core::{ChannelId, ClaimId, Waits, cluster, commit, fetch, group as membership},
};

/// What the engine needs to know from the start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cluster's description.
    pub cluster: cluster::Settings,
    /// The membership.
    pub group: membership::Settings,
    /// The commits.
    pub commit: commit::Settings,
    /// The reading.
    pub fetch: fetch::Settings,
    /// The topics named.
    pub subscription: Subscription,
    /// Which further topics are read.
    pub topics: Topics,
    /// How the user gets the messages.
    pub delivery: Delivery,
    /// Where a claim without a commit starts.
    pub initial: At,
    /// What to do where the offset to read is not in the log.
    pub out_of_range: OutOfRange,
    /// Whether the start of a claim without a commit is committed.
    pub commit_start: bool,
    /// How long messages that were dropped without a mark are waited for.
    pub dwell_time: Duration,
    /// How long a close may take.
    pub close_timeout: Duration,
}

/// How the user gets the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// All claims share one channel of this capacity.
    Shared(usize),
    /// Each claim has a channel of its own.
    PerClaim(ChannelSize),
}

/// The capacity of the channel of one claim: it shrinks with the number of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelSize {
    /// For few claims.
    pub most: usize,
    /// For all claims together.
    pub all: usize,
}

/// What a channel holds by default: with less, the reader of a fast log is woken too often.
const SHARED_CAPACITY: usize = 4096;
const CLAIM_CAPACITY: usize = 1024;
/// 24 MiB of slots of 24 bytes: a bounded channel allocates all of them at once.
const ALL_CAPACITY: usize = 1 << 20;
/// Even with very many claims a channel holds a few messages.
const LEAST_CAPACITY: usize = 16;

impl ChannelSize {
    /// The capacity of one channel among so many.
    pub fn of_one_in(self, claims: usize) -> usize {
        self.most
            .min((self.all / claims.max(1)).max(LEAST_CAPACITY))
    }
}

impl Settings {
    /// As the configuration has it. Runs the user's backoff functions.
    pub fn of(config: &Config, group_id: &str, subscription: Subscription) -> Self {
        let group = &config.group;
        let offsets = &config.consumer.offsets;
        let auto_commit = offsets.auto_commit.enable;
        Self {
            cluster: cluster::Settings::of(config),
            group: membership::Settings {
                group_id: group_id.to_owned(),
                instance_id: group.instance_id.clone(),
                strategy: group.partition_strategy,
                user_data: group.member.user_data.clone(),
                session_timeout: group.session.timeout,
                // Who hears of a rebalance when it is over is too late for it.
                heartbeat_interval: group.heartbeat.interval.min(group.rebalance.timeout / 3),
                rebalance_timeout: group.rebalance.timeout,
                retry_backoff: config.metadata.retry.backoff,
                request_timeout: config.net.read_timeout,
                array_bytes: config.limits.arrays,
            },
            commit: commit::Settings {
                group_id: group_id.to_owned(),
                interval: auto_commit.then_some(offsets.commit_interval),
                retention: offsets.retention,
                retry_max: group.offsets.retry.max,
                last_retry_max: offsets.retry.max,
                retry_backoff: config.metadata.retry.backoff,
                // So short that it can be tried again within the session.
                timeout: config.net.read_timeout.min(group.session.timeout / 2),
            },
            fetch: fetch::Settings::of(config),
            subscription,
            topics: group.topics.clone(),
            delivery: Delivery::of(config),
            initial: match offsets.initial {
                InitialOffset::Newest => At::Newest,
                InitialOffset::Oldest => At::Oldest,
            },
            out_of_range: offsets.out_of_range,
            commit_start: offsets.commit_start && auto_commit,
            dwell_time: group.offsets.synchronization.dwell_time,
            close_timeout: config.close_timeout,
        }
    }
}

impl Delivery {
    /// The channel of a claim's messages.
    pub(super) fn channel_of(self, claim: ClaimId) -> ChannelId {
        match self {
            Self::Shared(_) => ChannelId::Shared,
            Self::PerClaim(_) => ChannelId::Of(claim),
        }
    }

    fn of(config: &Config) -> Self {
        let wished = config.channel_buffer_size;
        match config.group.mode {
            ConsumerMode::Multiplex => Self::Shared(wished.unwrap_or(SHARED_CAPACITY)),
            ConsumerMode::Partitions => Self::PerClaim(ChannelSize {
                most: wished.unwrap_or(CLAIM_CAPACITY),
                all: ALL_CAPACITY,
            }),
        }
    }
}

impl fetch::Settings {
    fn of(config: &Config) -> Self {
        let consumer = &config.consumer;
        let fetch = &consumer.fetch;
        let bytes = |n: i32| usize::try_from(n).unwrap_or(0);
        Self {
            min_bytes: bytes(fetch.min),
            default_bytes: bytes(fetch.default),
            max_partition_bytes: fetch.max.map(bytes),
            max_bytes: bytes(fetch.max_bytes),
            max_wait: consumer.max_wait_time,
            read_timeout: config.net.read_timeout,
            read_committed: consumer.isolation_level == IsolationLevel::ReadCommitted,
            is_converted: config.version < KafkaVersion::V0_11_0_0,
            rack_id: config.rack_id.clone().unwrap_or_default(),
            budget: fetch.budget,
            largest_answer: config.limits.response.min(config.limits.batch),
            retry: match &consumer.retry.backoff_func {
                Some(func) => Waits::asked(func),
                None => Waits::Doubling {
                    first: consumer.retry.backoff,
                    longest: consumer.retry.backoff,
                },
            },
            retry_max: consumer.retry.max,
            quiet_retries: config.metadata.retry.max,
        }
    }
}
