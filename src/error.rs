//! What went wrong, where, and what to do.

use std::{error::Error as StdError, fmt, io, mem, sync::Arc, time::Duration};

use crate::{
    call::Broker,
    config::ConfigError,
    protocol::{ApiKey, ErrorCode},
    record,
};

/// An error with the place where it happened: what the library was doing, and the broker, the API,
/// the topic and the partition where they are known. Cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Inside>);

#[derive(Clone)]
struct Inside {
    kind: ErrorKind,
    context: &'static str,
    broker: Option<Broker>,
    api: Option<ApiKey>,
    topic: Option<Arc<str>>,
    partition: Option<i32>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting breaks its rule: the text names both.
    Config,
    /// The broker answered with this error code.
    Broker(ErrorCode),
    /// The host name could not be resolved.
    Resolve,
    /// No connection could be opened.
    Connect,
    /// The connection broke, or the broker closed it.
    Disconnected,
    /// No answer came in time.
    Timeout(Duration),
    /// What answered is not Kafka: it spoke this protocol ("HTTP", "TLS").
    NotKafka(&'static str),
    /// The broker's bytes break the protocol; the source says how.
    Protocol,
    /// Broker and library have no common version of this API, or none that can carry what was asked.
    Version,
    /// A record batch is corrupt, too large, or of a kind this build cannot read; the source says which.
    Record,
    /// No sign of life from the group coordinator within the session timeout (within the rebalance timeout, where that is
    /// shorter): the claims were given up.
    SessionExpired,
    /// Messages were still in work when the time for the release ended: the marks that come now are refused.
    ReleaseTimedOut,
    /// So many messages of a claim are delivered behind the first one not acknowledged that its delivery pauses.
    AckWindowFull,
    /// A partition handle was dropped by a panic of its user.
    HandlerPanicked,
    /// There is no generation to commit under: a rebalance is going on.
    RebalanceInProgress,
    /// The client already serves a consumer.
    ClientInUse,
    /// The consumer or client is closed.
    Closed,
    /// The operating system gave no thread. (Where it gives no socket, that is [`Connect`](Self::Connect).)
    System,
    /// A thread of the library panicked. This is a bug in the library.
    Panicked(String),
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this kind, met while doing `context`.
    pub fn new(kind: ErrorKind, context: &'static str) -> Self {
        Self(Arc::new(Inside {
            kind,
            context,
            broker: None,
            api: None,
            topic: None,
            partition: None,
            source: None,
        }))
    }

    /// A broker's error code.
    pub fn broker_code(code: ErrorCode, context: &'static str) -> Self {
        Self::new(ErrorKind::Broker(code), context)
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// What the library was doing: "heartbeat", "commit", "rebalance", "topics", "fetch", ….
    pub fn context(&self) -> &'static str {
        self.0.context
    }

    /// The code the broker answered with.
    pub fn code(&self) -> Option<ErrorCode> {
        match self.0.kind {
            ErrorKind::Broker(code) => Some(code),
            _ => None,
        }
    }

    /// The address of the broker concerned, as `host:port`.
    pub fn broker(&self) -> Option<String> {
        self.0.broker.as_ref().map(Broker::address)
    }

    /// The name of the API concerned.
    pub fn api(&self) -> Option<&'static str> {
        self.0.api.map(ApiKey::name)
    }

    /// The topic concerned.
    pub fn topic(&self) -> Option<&str> {
        self.0.topic.as_deref()
    }

    /// The partition concerned.
    pub fn partition(&self) -> Option<i32> {
        self.0.partition
    }

    /// Adds the broker.
    #[doc(hidden)]
    #[must_use]
    pub fn at_broker(self, broker: &Broker) -> Self {
        self.edit(|e| e.broker = Some(broker.clone()))
    }

    /// Adds the API.
    #[doc(hidden)]
    #[must_use]
    pub fn at_api(self, api: ApiKey) -> Self {
        self.edit(|e| e.api = Some(api))
    }

    /// Adds the topic.
    #[doc(hidden)]
    #[must_use]
    pub fn at_topic(self, topic: &str) -> Self {
        self.edit(|e| e.topic = Some(topic.into()))
    }

    /// Adds the topic and the partition.
    #[doc(hidden)]
    #[must_use]
    pub fn at_partition(self, topic: &str, partition: i32) -> Self {
        self.edit(|e| {
            e.topic = Some(topic.into());
            e.partition = Some(partition);
        })
    }

    /// Says what the library was doing.
    #[doc(hidden)]
    #[must_use]
    pub fn doing(self, context: &'static str) -> Self {
        self.edit(|e| e.context = context)
    }

    /// Adds the cause.
    #[doc(hidden)]
    #[must_use]
    pub fn because(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.edit(|e| e.source = Some(Arc::new(source)))
    }

    /// Whether it is the same thing that went wrong, be it at another place or with other numbers.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        mem::discriminant(self.kind()) == mem::discriminant(other.kind())
            && self.code() == other.code()
            && match (self.record(), other.record()) {
                (Some(one), Some(other)) => one.is_like(other),
                (one, other) => one.is_none() && other.is_none(),
            }
    }

    fn record(&self) -> Option<&record::ErrorKind> {
        let source = self.0.source.as_deref()?;
        source.downcast_ref().map(record::Error::kind)
    }

    fn edit(mut self, change: impl FnOnce(&mut Inside)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// What a user can do about it, where that can be said in general.
    fn advice(&self) -> Option<&'static str> {
        Some(match &self.0.kind {
            ErrorKind::Resolve => "check the host name, or advertised.listeners of the broker",
            ErrorKind::Connect => {
                "check that a broker listens there, and advertised.listeners of the brokers"
            }
            ErrorKind::Timeout(_) if self.0.broker.is_some() => {
                "check the address and the network; config.net sets the timeouts"
            }
            ErrorKind::Disconnected if self.0.context == "bootstrap" => {
                "check that it is a listener for Kafka, without TLS"
            }
            ErrorKind::NotKafka(_) => "check the address, and advertised.listeners of the brokers",
            ErrorKind::Version => "check config.version and the release of the broker",
            ErrorKind::ReleaseTimedOut => {
                "raise group.rebalance.timeout, or finish messages faster; they will be delivered again"
            }
            ErrorKind::Broker(ErrorCode::THROTTLING_QUOTA_EXCEEDED) => {
                "raise the quota consumer_byte_rate of this client_id or user"
            }
            ErrorKind::AckWindowFull => "acknowledge the oldest messages",
            ErrorKind::ClientInUse => "close that consumer first, or use a client of its own",
            ErrorKind::Panicked(_) => "please report this",
            _ => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = &*self.0;
        match &e.source {
            // What is wrong with a setting belongs into the first line that a user sees.
            Some(setting) if e.kind == ErrorKind::Config => write!(f, "{}: {setting}", e.context)?,
            _ => write!(f, "{}: {}", e.context, e.kind)?,
        }
        if let (Some(topic), Some(partition)) = (&e.topic, e.partition) {
            write!(f, ", partition {topic}/{partition}")?;
        } else if let Some(topic) = &e.topic {
            write!(f, ", topic {topic:?}")?;
        }
        if let Some(api) = e.api {
            write!(f, ", {}", api.name())?;
        }
        if let Some(broker) = &e.broker {
            write!(f, ", {broker}")?;
        }
        match self.advice() {
            Some(advice) => write!(f, " ({advice})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self}")?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        f.write_str(")")
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let told = self.0.kind == ErrorKind::Config;
        self.0.source.as_deref().filter(|_| !told).map(|s| s as _)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("invalid configuration"),
            Self::Broker(code) => write!(f, "the broker answered {code}"),
            Self::Resolve => f.write_str("the host name cannot be resolved"),
            Self::Connect => f.write_str("no connection"),
            Self::Disconnected => f.write_str("the connection was lost"),
            Self::Timeout(limit) => write!(f, "no answer within {limit:?}"),
            Self::NotKafka(spoken) => write!(f, "what answers there speaks {spoken}, not Kafka"),
            Self::Protocol => f.write_str("the broker's bytes break the protocol"),
            Self::Version => f.write_str("no common protocol version"),
            Self::Record => f.write_str("a record batch cannot be read"),
            Self::SessionExpired => f.write_str(
                "no answer from the group coordinator within the session timeout, claims given up",
            ),
            Self::ReleaseTimedOut => {
                f.write_str("messages were still in work when the rebalance could wait no longer")
            }
            Self::AckWindowFull => f.write_str(
                "delivery pauses: too many messages behind the first one not acknowledged",
            ),
            Self::HandlerPanicked => f.write_str("the partition's handle was dropped by a panic"),
            Self::RebalanceInProgress => f.write_str("a rebalance is in progress"),
            Self::ClientInUse => f.write_str("client is already used by another consumer"),
            Self::Closed => f.write_str("closed"),
            Self::System => f.write_str("the operating system refused"),
            Self::Panicked(message) => write!(f, "a library thread panicked: {message}"),
        }
    }
}

impl From<ConfigError> for Error {
    fn from(source: ConfigError) -> Self {
        Self::new(ErrorKind::Config, "config").because(source)
    }
}

impl From<record::Error> for Error {
    fn from(source: record::Error) -> Self {
        Self::new(ErrorKind::Record, "decode").because(source)
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::new(ErrorKind::System, "system").because(source)
    }
}
