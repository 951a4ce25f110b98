//! Membership of the consumer group: `config.group`.

use std::fmt;
use std::time::Duration;

use regex::Regex;

/// The consumer group: `config.group` (Go: `Group`).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Group {
    /// How the group leader hands out partitions. All strategies are offered to the group
    /// coordinator, this one first; it takes one that every member offers, by their votes.
    ///
    /// Default [`Strategy::Range`]. Go: `Group.PartitionStrategy`; Java:
    /// `partition.assignment.strategy`.
    pub partition_strategy: Strategy,

    /// Whether messages come on one channel or on one per partition.
    ///
    /// Default [`ConsumerMode::Multiplex`]. Go: `Group.Mode`.
    pub mode: ConsumerMode,

    /// Commits within the group.
    pub offsets: Offsets,

    /// How the group coordinator notices that a member is gone.
    pub session: Session,

    /// How a member shows that it is alive.
    pub heartbeat: Heartbeat,

    /// How long a rebalance may take.
    pub rebalance: Rebalance,

    /// Which channels carry something.
    pub returns: Returns,

    /// Topics by pattern, beside those named.
    pub topics: Topics,

    /// What a member tells the group about itself.
    pub member: Member,

    /// Makes this a static member (KIP-345): one that comes back under the same id within the
    /// session timeout gets its partitions back without a rebalance, and that does not leave at
    /// close. One that comes back with other topics makes the group rebalance; but where another
    /// client leads the group, or one of this library whose [`version`](super::Config::version) is
    /// set below 2.3, a topic that was added is read from the next rebalance on. Before Kafka 3.2
    /// the leader makes the group rebalance too when it comes back, if others read topics that it
    /// does not: nobody else would see partitions that are added to those. Unique within the
    /// group: a member that joins with the id of a running one fences that one off
    /// (`FENCED_INSTANCE_ID`, fatal). At most 249 of the characters a-z, A-Z, 0-9, `.`, `_` and
    /// `-`. Needs Kafka 2.3.
    ///
    /// Before Kafka 3.3.2 the group coordinator goes on with the timeouts of the one that was there before
    /// (KAFKA-14009): to raise them, stay away for longer than the former session.
    ///
    /// A group that has static members and is led by this library takes in no member of the KIP-848
    /// protocol: the group coordinator refuses it (`GROUP_ID_NOT_FOUND`).
    ///
    /// Default `None`. Go: `Consumer.Group.InstanceId` of sarama; Java: `group.instance.id`.
    pub instance_id: Option<String>,
}

/// Commits within the group: `config.group.offsets`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Offsets {
    /// Retries of commits.
    pub retry: CommitRetry,
    /// The wait for marks before partitions are released.
    pub synchronization: Synchronization,
}

/// Retries of commits but the one at close: `config.group.offsets.retry`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CommitRetry {
    /// How often a commit is repeated after an error that may pass, such as a group coordinator
    /// that moves; then it is reported, and the next commit carries the offsets again.
    ///
    /// Default 3. Go: `Group.Offsets.Retry.Max`.
    pub max: u32,
}

impl Default for CommitRetry {
    fn default() -> Self {
        Self { max: 3 }
    }
}

/// The wait for marks before partitions are released: `config.group.offsets.synchronization`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Synchronization {
    /// How long a released partition waits, after the last mark and the last message dropped, for
    /// a mark that is still to come. It matters to programs that drop a message before they
    /// mark its offset; a message that is still held is waited for anyway, as long as the
    /// rebalance allows.
    ///
    /// No such wait follows where the handle of the partition was dropped.
    ///
    /// A close waits so long, and no longer, for messages that are still held, and not at all for
    /// others. A program that takes longer over a message should raise this: what is marked later
    /// is delivered again after the restart.
    ///
    /// More than zero, at most 10 minutes.
    ///
    /// Default 100 ms. Go: `Group.Offsets.Synchronization.DwellTime`.
    pub dwell_time: Duration,
}

impl Default for Synchronization {
    fn default() -> Self {
        Self {
            dwell_time: Duration::from_millis(100),
        }
    }
}

/// How the group coordinator notices that a member is gone: `config.group.session`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Session {
    /// After how long without a heartbeat the group coordinator gives the partitions to others.
    /// The member itself stops delivering then, for it can no longer know that they are its own.
    /// Whole milliseconds.
    ///
    /// A broker refuses to let a member join (`INVALID_SESSION_TIMEOUT`) outside of its
    /// `group.min.session.timeout.ms` (6 s) and `group.max.session.timeout.ms` (30 s in 0.9,
    /// 30 min in 4.0).
    ///
    /// Default 30 s. Go: `Group.Session.Timeout`; Java: `session.timeout.ms`.
    pub timeout: Duration,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
        }
    }
}

/// How a member shows that it is alive: `config.group.heartbeat`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Heartbeat {
    /// How often a heartbeat is sent; its answer is also how a member learns of a rebalance. At
    /// most a third of the session timeout, so that two lost ones do no harm. It is sent at least three
    /// times within the rebalance timeout, whatever is set here.
    ///
    /// Default 3 s. Go: `Group.Heartbeat.Interval`; Java: `heartbeat.interval.ms`.
    pub interval: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(3),
        }
    }
}

/// How long a rebalance may take: `config.group.rebalance`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rebalance {
    /// How long the group coordinator waits for all members to join again, and so the time to
    /// finish the messages in hand and to commit them. Who is late is put out of the group. Whole
    /// milliseconds.
    ///
    /// Sent since Kafka 0.10.1 (JoinGroup v1, KIP-62); older brokers take the session timeout.
    ///
    /// The group coordinator waits for the longest of all members. Where others have a longer one, as Java clients with
    /// their 5 minutes, set this as long: a JoinGroup is given up 5 s after it, and before Kafka 2.2 a newcomer that
    /// tries again is taken for one member more (KAFKA-7610).
    ///
    /// Default 60 s. Go: `Consumer.Group.Rebalance.Timeout` of sarama; Java:
    /// `max.poll.interval.ms`.
    pub timeout: Duration,
}

impl Default for Rebalance {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
        }
    }
}

/// Channels that are silent unless asked for: `config.group.returns` (Go: `Group.Return`).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Returns {
    /// Sends a notification at each rebalance. Nobody has to read the channel: when it is full,
    /// the oldest notification is dropped.
    ///
    /// Default `false`. Go: `Group.Return.Notifications`.
    pub notifications: bool,
}

/// Topics by pattern, beside those named: `config.group.topics`.
///
/// A pattern matches anywhere in a name; write `^…$` for all of it. Both need
/// `config.metadata.full`. Topics that appear later are seen within
/// `config.metadata.refresh_frequency`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Topics {
    /// Subscribes to all topics that match, but for those that the blacklist matches and those of
    /// Kafka itself (`__consumer_offsets`, …).
    ///
    /// Default `None`. Go: `Group.Topics.Whitelist`; Java: `subscribe(Pattern)`.
    pub whitelist: Option<Regex>,

    /// Takes topics out of what the whitelist matches. It neither adds topics by itself nor
    /// touches those that are named.
    ///
    /// Default `None`. Go: `Group.Topics.Blacklist`.
    pub blacklist: Option<Regex>,
}

impl Topics {
    /// Whether the patterns subscribe to `topic`.
    pub fn select(&self, topic: &str) -> bool {
        let matches = |list: &Option<Regex>| list.as_ref().is_some_and(|list| list.is_match(topic));
        matches(&self.whitelist) && !matches(&self.blacklist) && !INTERNAL_TOPICS.contains(&topic)
    }
}

/// The topics that brokers mark as internal. The mark itself is missing in Metadata v0.
const INTERNAL_TOPICS: [&str; 3] = [
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
];

/// What a member tells the group about itself: `config.group.member`.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Member {
    /// Bytes of the program's own that travel in the join metadata, once per strategy offered.
    /// Members and tools see them (DescribeGroups). The group coordinator stores them of all
    /// members in one record, which a broker refuses above its `message.max.bytes` (1 MB).
    ///
    /// Default empty. Go: `Group.Member.UserData`.
    pub user_data: Vec<u8>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is in there is the program's business, and none of a log's.
        f.debug_struct("Member")
            .field("user_data", &format_args!("{} bytes", self.user_data.len()))
            .finish()
    }
}

/// How the group leader hands out partitions to members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Topic by topic: each member gets a run of successive partitions. Topics with the same
    /// number of partitions and the same members are handed out alike.
    #[default]
    Range,
    /// One partition after the other, over all topics, to each member in turn: the most even.
    RoundRobin,
}

impl Strategy {
    /// All strategies, the default first.
    pub const ALL: [Self; 2] = [Self::Range, Self::RoundRobin];

    /// What members call it in JoinGroup; the Java client and librdkafka use the same names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }

    /// The strategy that has this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.name() == name)
    }
}

/// Whether messages come on one channel or on one per partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsumerMode {
    /// Messages and errors of all partitions come on one channel each.
    #[default]
    Multiplex,
    /// Each claimed partition comes as a handle with channels of its own.
    Partitions,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(whitelist: Option<&str>, blacklist: Option<&str>) -> Topics {
        let compile = |pattern: Option<&str>| pattern.map(|pattern| Regex::new(pattern).unwrap());
        Topics {
            whitelist: compile(whitelist),
            blacklist: compile(blacklist),
        }
    }

    #[test]
    fn the_blacklist_wins_and_adds_nothing() {
        let both = patterns(Some(r"topic-\w+"), Some("[bcd]$"));
        assert!(both.select("topic-a"));
        assert!(both.select("my-topic-a.v2"), "patterns are not anchored");
        assert!(!both.select("topic-b"));
        assert!(!both.select("other"));

        assert!(!patterns(None, Some("[bcd]$")).select("topic-a"));
        assert!(!Topics::default().select("topic-a"));
    }

    #[test]
    fn a_pattern_never_selects_the_topics_of_kafka_itself() {
        let all = patterns(Some(".*"), None);
        assert!(all.select("__mine"));
        for internal in INTERNAL_TOPICS {
            assert!(!all.select(internal));
        }
    }

    #[test]
    fn strategies_are_found_by_their_names() {
        for strategy in Strategy::ALL {
            assert_eq!(Strategy::from_name(strategy.name()), Some(strategy));
        }
        assert_eq!(Strategy::from_name("sticky"), None);
    }

    #[test]
    fn user_data_does_not_reach_a_log() {
        let member = Member {
            user_data: b"secret".to_vec(),
        };
        assert_eq!(format!("{member:?}"), "Member { user_data: 6 bytes }");
    }
}
