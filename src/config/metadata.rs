//! What the client knows of the cluster: `config.metadata`.

use std::time::Duration;

use super::BackoffFunc;

/// Metadata of brokers, topics and leaders: `config.metadata` (Go: `Metadata`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metadata {
    /// What happens when no broker gives a good answer.
    pub retry: Retry,

    /// How often the metadata is refreshed without a cause. New topics and new partitions are
    /// seen within this time. `Duration::ZERO` turns it off: then only an error that points to
    /// stale metadata refreshes it.
    ///
    /// Default 10 min. Go: `Metadata.RefreshFrequency`; Java: `metadata.max.age.ms`.
    pub refresh_frequency: Duration,

    /// Asks for all topics of the cluster, and by name for the subscribed ones that are not among them; `false` asks for
    /// the subscribed ones only, which is cheaper where a cluster has very many. A whitelist or blacklist needs all.
    ///
    /// Default `true`. Go: `Metadata.Full`.
    pub full: bool,

    /// How long a refresh that a [`Client`](crate::Client) is told to make may take, all brokers
    /// together. A consumer refreshes in the background and never gives up; there it is the most time of
    /// one attempt, of which the first has ten seconds, unless the last answer took long, and each after it twice as
    /// much. `None` sets no limit beyond `config.net.read_timeout` for each attempt.
    ///
    /// Default `None`. Go: `Metadata.Timeout`.
    pub timeout: Option<Duration>,

    /// Lets a broker with `auto.create.topics.enable` create a topic because a consumer that subscribes to it asks for it.
    /// Off, unlike in Go: a refresh would bring back a topic that has just been deleted.
    ///
    /// The request can say so since Kafka 0.11 (Metadata v4). From an older broker all topics are
    /// requested and filtered here, which creates none.
    ///
    /// Default `false`. Go: `Metadata.AllowAutoTopicCreation`; Java: `allow.auto.create.topics`
    /// (KIP-361).
    pub allow_auto_topic_creation: bool,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            retry: Retry::default(),
            refresh_frequency: Duration::from_secs(10 * 60),
            full: true,
            timeout: None,
            allow_auto_topic_creation: false,
        }
    }
}

/// Retries of questions about the cluster: `config.metadata.retry`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Retry {
    /// How often a [`Client`](crate::Client) asks again for an offset or a group coordinator while there is no
    /// leader or no coordinator; then the caller gets the last error. A question that every broker can answer goes to
    /// each of them once. A consumer never gives up: it passes over so many failures in a row that
    /// may heal by themselves, then it tells of them.
    ///
    /// Default 3. Go: `Metadata.Retry.Max`.
    pub max: u32,

    /// How long a [`Client`](crate::Client) waits before it asks again, and a consumer after a first failure; there the
    /// waits double, up to 10 s where it asks for metadata, and up to 2 s where it looks for a leader, joins the group or
    /// commits. A consumer refreshes what was answered only after so long.
    ///
    /// Default 250 ms. Go: `Metadata.Retry.Backoff`; Java: `retry.backoff.ms`.
    pub backoff: Duration,

    /// Says how long a consumer waits after a refresh that failed, in place of `backoff`.
    ///
    /// Default `None`. Go: `Metadata.Retry.BackoffFunc`.
    pub backoff_func: Option<BackoffFunc>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max: 3,
            backoff: Duration::from_millis(250),
            backoff_func: None,
        }
    }
}
