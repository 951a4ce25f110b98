//! How records are fetched and offsets committed: `config.consumer`.

use std::time::Duration;

use super::BackoffFunc;

/// Fetching and committing: `config.consumer` (Go: `Consumer`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Consumer {
    /// What happens when a partition cannot be read.
    pub retry: Retry,

    /// How many bytes are asked for.
    pub fetch: Fetch,

    /// How long a broker may hold a fetch while fewer than `fetch.min` bytes have arrived. Whole
    /// milliseconds. Records are answered as soon as they are there, however long that is. But a partition that is
    /// claimed, or resumed, while its broker holds a fetch for others waits until that is answered, and perhaps for the next
    /// one: twice this time at the most.
    ///
    /// Default 500 ms. Go: `Consumer.MaxWaitTime`; Java: `fetch.max.wait.ms`.
    pub max_wait_time: Duration,

    /// Which channels carry something.
    pub returns: Returns,

    /// Where reading starts and how progress is committed.
    pub offsets: Offsets,

    /// Which records of transactions are delivered.
    ///
    /// Default [`IsolationLevel::ReadUncommitted`]. Go: `Consumer.IsolationLevel`; Java:
    /// `isolation.level` (KIP-98).
    pub isolation_level: IsolationLevel,
}

impl Default for Consumer {
    fn default() -> Self {
        Self {
            retry: Retry::default(),
            fetch: Fetch::default(),
            max_wait_time: Duration::from_millis(500),
            returns: Returns::default(),
            offsets: Offsets::default(),
            isolation_level: IsolationLevel::default(),
        }
    }
}

/// Retries of a partition that cannot be read: `config.consumer.retry`.
///
/// Each partition counts for itself, from its last good answer; the others go on meanwhile. A broker that cannot be
/// reached is not counted: it is tried again for ever, after 50 ms and then up to 2 s, and its partitions are read as
/// soon as it, or another leader, is there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Retry {
    /// The wait before each retry.
    ///
    /// Default 2 s. Go: `Consumer.Retry.Backoff`.
    pub backoff: Duration,

    /// Says how long to wait, in place of `backoff`.
    ///
    /// Default `None`. Go: `Consumer.Retry.BackoffFunc`.
    pub backoff_func: Option<BackoffFunc>,

    /// After how many failed retries in a row a partition is given up until the next rebalance,
    /// which is reported; `None` never gives up.
    ///
    /// Default `None`. Go: `Consumer.Retry.Max`, where 0 means no limit.
    pub max: Option<u32>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            backoff: Duration::from_secs(2),
            backoff_func: None,
            max: None,
        }
    }
}

/// Sizes of a fetch in bytes, as they travel (`i32`): `config.consumer.fetch`.
///
/// A broker exceeds `default` and `max_bytes` for one batch that is larger (since Kafka 0.10.1,
/// KIP-74), so that reading never gets stuck at it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fetch {
    /// How many bytes a broker waits for, up to `max_wait_time`.
    ///
    /// Default 1: answer as soon as there is a record. Go: `Consumer.Fetch.Min`; Java:
    /// `fetch.min.bytes`.
    pub min: i32,

    /// How much is asked for of one partition at a time.
    ///
    /// Default 1 MiB. Go: `Consumer.Fetch.Default`; Java: `max.partition.fetch.bytes`.
    pub default: i32,

    /// How far the size asked for of one partition may grow to get a record that does not fit,
    /// which brokers before 0.10.1 require. A record beyond it is an error of its partition.
    /// `None` leaves `config.limits.response` as the only bound.
    ///
    /// Default `None`. Go: `Consumer.Fetch.Max`, where 0 means no limit.
    pub max: Option<i32>,

    /// How much one answer may carry, all its partitions together (Fetch v3, KIP-74).
    ///
    /// Default 50 MiB. Go: `Consumer.Fetch.MaxBytes`; Java: `fetch.max.bytes`.
    pub max_bytes: i32,

    /// How many bytes one client buffers, whatever the number of partitions: from the request for
    /// a batch until the last of its messages has left the channel, counted uncompressed once that
    /// is known. A batch larger than all of it passes, alone; and the next batch of a partition (64 KiB at the least) for
    /// which nothing is buffered does while its reader has nothing to read, so that partitions that nobody reads
    /// or acknowledges keep no other waiting. What the user holds of messages received does not count, nor what a batch
    /// takes besides its bytes until it is decoded, which is up to 220 bytes.
    /// Nor does the buffer of each connection, which is 1 MiB where answers are small, and up to the size of
    /// an answer while large ones of many small batches come one after another.
    ///
    /// Default 64 MiB. In Go nothing bounds this.
    pub budget: usize,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            min: 1,
            default: 1024 * 1024,
            max: None,
            max_bytes: 50 * 1024 * 1024,
            budget: 64 * 1024 * 1024,
        }
    }
}

/// Channels that are silent unless asked for: `config.consumer.returns` (Go: `Consumer.Return`).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Returns {
    /// Sends errors to the errors channel. `false` logs them instead. Nobody has to read the
    /// channel: when it is full, the oldest error is dropped.
    ///
    /// Default `false`. Go: `Consumer.Return.Errors`.
    pub errors: bool,
    /// Hands messages over by the batch, on [`Consumer::batches`](crate::Consumer::batches) or
    /// [`PartitionConsumer::batches`](crate::PartitionConsumer::batches), instead of one by one: for
    /// services that read millions of small records a second.
    ///
    /// Default `false`. Go has no such thing.
    pub batches: bool,
}

/// Where reading starts and how progress is committed: `config.consumer.offsets`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Offsets {
    /// How often marked offsets are committed, if `auto_commit` is on. After a crash, at most the
    /// records of about one interval are delivered again.
    ///
    /// Default 1 s. Go: `Consumer.Offsets.CommitInterval`; Java: `auto.commit.interval.ms`.
    pub commit_interval: Duration,

    /// Whether marked offsets are committed without being told to.
    pub auto_commit: AutoCommit,

    /// Commits the start of a claim that found no commit, at once, before anything is marked. Without
    /// it a group at [`InitialOffset::Newest`] that is rebalanced before its first commit
    /// starts at a newer end, and the records in between are never read. Works with `auto_commit`
    /// only.
    ///
    /// Default `true`. Go has no such switch and does not commit the start.
    pub commit_start: bool,

    /// Where a group starts in a partition for which it has no commit.
    ///
    /// Default [`InitialOffset::Newest`]. Go: `Consumer.Offsets.Initial`; Java:
    /// `auto.offset.reset`.
    pub initial: InitialOffset,

    /// What to do when the leader of a partition says that the offset to read at does not exist:
    /// retention has removed it, or the log became shorter. Always reported, whatever the policy.
    ///
    /// Default [`OutOfRange::Oldest`], which skips nothing that still exists. Go has no such
    /// switch: there `Consumer.Offsets.Initial` decides, and newest loses records without a word.
    pub out_of_range: OutOfRange,

    /// How long the group coordinator keeps a commit; `None` leaves it to the broker
    /// (`offsets.retention.minutes`). Whole milliseconds. Sent in OffsetCommit v2 to v4, that is up
    /// to Kafka 2.0; later brokers take no such wish (KIP-211). Before 2.1 brokers drop what is older also where
    /// the group is alive, so with `auto_commit` a commit that has not changed is sent again every ten minutes,
    /// or after an eighth of this time if that is less.
    ///
    /// Default `None`. Go: `Consumer.Offsets.Retention`.
    pub retention: Option<Duration>,

    /// Retries of the last commit, the one at close.
    pub retry: CommitRetry,
}

impl Default for Offsets {
    fn default() -> Self {
        Self {
            commit_interval: Duration::from_secs(1),
            auto_commit: AutoCommit::default(),
            commit_start: true,
            initial: InitialOffset::default(),
            out_of_range: OutOfRange::default(),
            retention: None,
            retry: CommitRetry::default(),
        }
    }
}

/// The switch of automatic commits: `config.consumer.offsets.auto_commit`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AutoCommit {
    /// Commits marked offsets every `commit_interval`, when partitions are released and at close.
    /// `false` commits only when the program calls `commit_offsets`, and at no other moment.
    ///
    /// Default `true`. Go: `Consumer.Offsets.AutoCommit.Enable`; Java: `enable.auto.commit`.
    pub enable: bool,
}

impl Default for AutoCommit {
    fn default() -> Self {
        Self { enable: true }
    }
}

/// Retries of the commit at close: `config.consumer.offsets.retry`.
///
/// The retries of all other commits are in `config.group.offsets.retry`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CommitRetry {
    /// How often the commit at close is repeated after an error that may pass, within
    /// `config.close_timeout`.
    ///
    /// Default 3. Go: `Consumer.Offsets.Retry.Max`.
    pub max: u32,
}

impl Default for CommitRetry {
    fn default() -> Self {
        Self { max: 3 }
    }
}

/// Where a group without a commit starts to read a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialOffset {
    /// At the end: only records that arrive from now on. A topic or partition that appears while a
    /// consumer runs is read from its first record all the same, if it is this consumer that is given it. One that was there
    /// when the consumer began cannot be told from an old one, though the group may never have read it: what was written to
    /// it before is not read. Who adds partitions and cannot do without the records that come before all members have
    /// been given them uses [`Oldest`](Self::Oldest), or starts no member meanwhile.
    #[default]
    Newest,
    /// At the oldest record that still exists.
    Oldest,
}

/// What to do when the offset to read at does not exist (any more) in a partition.
///
/// That does not always mean that something was missed. A commit is one above the last mark, and what is not for users is
/// never marked: the marker that ends a transaction (KIP-98), what was aborted. Once such a partition has been silent for its whole
/// retention, its log begins behind all that was read, and behind the commit. [`Oldest`](Self::Oldest) goes on there
/// with the next record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutOfRange {
    /// Start again at the oldest record that exists: records may be delivered twice, none that
    /// exists is left out.
    #[default]
    Oldest,
    /// Start again at the end: what lies before it is left out.
    Newest,
    /// Deliver nothing of this partition, and say so; the other partitions go on.
    Error,
}

/// Which records of transactions are delivered (KIP-98).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All records, also those of open and aborted transactions.
    #[default]
    ReadUncommitted,
    /// Records up to the first open transaction, without those of aborted ones.
    ReadCommitted,
}
