//! What is known of the cluster: brokers, topics, leaders; and when to ask again.

mod naming;
mod past;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use self::{naming::Naming, past::Past};
use crate::{
    call::{Answer, Broker, Call, Lane, Target, Token, metadata},
    config::Config,
    core::{
        Backoff, Tokens, Waits,
        reaction::{Reaction, reaction, reaction_to_failure},
    },
    error::{Error, Result},
    protocol::{ApiKey, ErrorCode},
    wire::Uuid,
};

/// When and what to ask.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How often all is asked anew; `None` never.
    pub refresh_frequency: Option<Duration>,
    /// The shortest time between two questions.
    pub retry_backoff: Duration,
    /// The waits after failures.
    pub retry: Waits,
    /// How many failures in a row are passed over in silence.
    pub retry_max: u32,
    /// Whether all topics are asked for.
    pub full: bool,
    /// Whether a broker may create a topic that is asked for.
    pub allow_auto_topic_creation: bool,
    /// How long an answer may take at the most.
    pub timeout: Duration,
}

impl Settings {
    /// As the configuration has it.
    pub fn of(config: &Config) -> Self {
        let metadata = &config.metadata;
        Self {
            refresh_frequency: Some(metadata.refresh_frequency).filter(|every| !every.is_zero()),
            retry_backoff: metadata.retry.backoff,
            retry: match &metadata.retry.backoff_func {
                Some(func) => Waits::asked(func),
                None => Waits::Doubling {
                    first: metadata.retry.backoff,
                    longest: LONGEST_BACKOFF,
                },
            },
            retry_max: metadata.retry.max,
            full: metadata.full,
            allow_auto_topic_creation: metadata.allow_auto_topic_creation,
            timeout: metadata.timeout.unwrap_or(config.net.read_timeout),
        }
    }
}

/// The longest wait between two tries that failed, and between two looks for an absent topic.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

/// The longest wait between two looks for the leader of a partition.
const LONGEST_LEADERLESS: Duration = Duration::from_secs(2);

/// A broker that is gone says nothing, and another one is asked after this time; after twice as long the next one, for a
/// large answer may take its time.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);

/// The cluster as last described.
#[derive(Debug)]
pub struct Cluster {
    settings: Settings,
    bootstrap: Vec<Broker>,
    brokers: BTreeMap<i32, Broker>,
    topics: BTreeMap<String, Topic>,
    past: Past,
    /// Topics that must be known, besides all.
    wanted: BTreeSet<String>,
    /// Those that the user has named.
    subscribed: BTreeSet<String>,
    naming: Naming,
    refresh: Refresh,
    /// How long the last answer took.
    took: Duration,
    /// When the last answer was asked for: an answer older than a wish does not fulfil it.
    updated_at: Option<Instant>,
    /// Which broker gave it, where that is known.
    described_by: Option<i32>,
    retry: Backoff,
    absent: Backoff,
    leaderless: Backoff,
    rng: fastrand::Rng,
    /// Whom to ask next, among the known brokers.
    turn: usize,
    /// How many questions that any broker can answer were asked since the last one that was answered.
    asked_in_vain: usize,
}

#[derive(Debug)]
enum Refresh {
    /// Due at this time; `None` when never.
    Waiting(Option<Instant>),
    /// Asked; `again` when someone needs an answer younger than this one.
    Asked {
        token: Token,
        to: Broker,
        at: Instant,
        again: bool,
    },
}

/// A topic as last described.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its id, which tells a recreated topic from its forerunner.
    pub id: Option<Uuid>,
    /// Whether Kafka itself uses it.
    pub is_internal: bool,
    /// NONE, or why it is not usable.
    pub error: ErrorCode,
    /// NONE, or why it was not described this time. It will pass, and all else is as it was before.
    pub passing: ErrorCode,
    /// The partitions by number.
    pub partitions: BTreeMap<i32, metadata::Partition>,
}

/// The leader of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leader {
    /// Where it is.
    pub broker: Broker,
    /// Its epoch, where known.
    pub epoch: Option<i32>,
}

/// How many partitions a topic has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Is(i32),
    /// There is no such topic, or none that may be read.
    NoTopic,
    /// Nobody has said yet.
    Unknown,
}

/// What an answer changed.
#[derive(Debug)]
pub enum Update {
    /// There is a new description.
    Described,
    /// It may be known now why the description has left some topics out.
    Named,
    /// Asking failed. The user hears of it at once where somebody has to act, else when it lasts.
    Failed(Option<Error>),
    /// Asking again cannot help.
    Fatal(Error),
}

impl Cluster {
    /// Knows the addresses to start from, and nothing else.
    pub fn new(settings: Settings, bootstrap: Vec<Broker>, seed: u64) -> Self {
        Self {
            absent: Backoff::new(settings.retry_backoff, LONGEST_BACKOFF),
            leaderless: Backoff::new(settings.retry_backoff, LONGEST_LEADERLESS),
            retry: Backoff::of(&settings.retry),
            settings,
            bootstrap,
            brokers: BTreeMap::new(),
            topics: BTreeMap::new(),
            past: Past::default(),
            wanted: BTreeSet::new(),
            subscribed: BTreeSet::new(),
            naming: Naming::default(),
            refresh: Refresh::Waiting(None),
            took: Duration::ZERO,
            updated_at: None,
            described_by: None,
            rng: fastrand::Rng::with_seed(seed),
            turn: 0,
            asked_in_vain: 0,
        }
    }

    /// Takes in a description that was asked for at `asked_at`, of this broker if that is known.
    pub fn describe(
        &mut self,
        now: Instant,
        asked_at: Instant,
        by: Option<&Broker>,
        answer: metadata::Answer,
    ) {
        self.retry.reset();
        self.heard();
        self.updated_at = Some(asked_at);
        let brokers = answer.brokers.into_iter().map(|b| {
            let broker = Broker {
                id: Some(b.id),
                host: b.host,
                port: b.port,
            };
            (b.id, broker)
        });
        self.brokers = brokers.collect();
        self.described_by = by.and_then(|by| self.id_of(by));
        let mut before = std::mem::take(&mut self.topics);
        for topic in answer.topics {
            let name = topic.name.clone();
            let topic = match before.remove(&name) {
                Some(known) if self.holds(&name, &known, topic.error) => Some(Topic {
                    passing: topic.error,
                    ..known
                }),
                known => self.sift(now, known, topic),
            };
            if let Some(topic) = topic {
                self.topics.insert(name, topic);
            }
        }
        let passing = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let mut left_out = BTreeSet::new();
        for (name, known) in before {
            if self.holds(&name, &known, passing) {
                self.topics.insert(name, Topic { passing, ..known });
            } else if self.naming.is_left_out(&name) {
                left_out.insert(name.clone());
                self.topics.insert(name, known);
            }
        }
        if self.settings.full {
            let is_left_out = |name: &&String| !self.topics.contains_key(*name);
            left_out.extend(self.subscribed.iter().filter(is_left_out).cloned());
        }
        self.naming.described(left_out);
        self.schedule(now);
    }

    /// The topics that the user has named. What a description of all has to say of them is asked for by name if it leaves
    /// them out.
    pub fn subscribe(&mut self, topics: BTreeSet<String>) {
        self.subscribed = topics;
    }

    /// What is to be held of a topic that was known like this, and is now described like that.
    fn sift(&mut self, now: Instant, known: Option<Topic>, told: metadata::Topic) -> Option<Topic> {
        let name = told.name.clone();
        let told = Topic::from(told);
        match self.wanted.contains(&name) || self.past.knows(&name) {
            true => self.past.sift(now, &name, known, told),
            false => Some(told),
        }
    }

    /// Whether that still holds what was known of a topic that is not described this time: a group must not rebalance
    /// for trouble that passes. Nor for the word of one broker that a topic in use is not there, for one that has just
    /// started may not know it yet; the next to be asked is another one.
    fn holds(&self, name: &str, known: &Topic, error: ErrorCode) -> bool {
        let is_first_word = error == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            && known.passing != error
            && self.wanted.contains(name);
        let passes = reaction(ApiKey::Metadata, error) == Reaction::Retry || is_first_word;
        passes && known.error == ErrorCode::NONE
    }

    /// The topics that must be known even where not all are asked for.
    pub fn want(&mut self, now: Instant, topics: BTreeSet<String>) {
        if topics != self.wanted {
            let more = topics.iter().any(|t| !self.topics.contains_key(t));
            self.wanted = topics;
            self.past.follow(&self.wanted, &self.topics);
            if more {
                self.absent.reset();
                self.refresh(now);
            }
        }
    }

    /// While a partition has no leader its return is looked for.
    pub fn look_again(&mut self, now: Instant, leaderless: bool) {
        if !leaderless {
            return self.leaderless.reset();
        }
        let look = self.leaderless.next(now, &mut self.rng);
        if let Refresh::Waiting(due) = &mut self.refresh {
            *due = Some(due.map_or(look, |at| at.min(look)));
        }
    }

    /// Asks anew as soon as may be: at once, or after the backoff where the last try was just now.
    pub fn refresh(&mut self, now: Instant) {
        match &mut self.refresh {
            Refresh::Asked { again, .. } => *again = true,
            Refresh::Waiting(due) => {
                let earliest = match self.updated_at {
                    Some(last) if self.retry.tries() == 0 => {
                        now.max(last + self.settings.retry_backoff)
                    }
                    // While tries fail the backoff decides.
                    _ if self.retry.tries() > 0 => return,
                    _ => now,
                };
                *due = Some(due.map_or(earliest, |d| d.min(earliest)));
            }
        }
    }

    /// Asks anew at once, unless the last tries failed: somebody waits for it.
    pub fn refresh_now(&mut self, now: Instant) {
        self.refresh(now);
        if let Refresh::Waiting(due) = &mut self.refresh
            && self.retry.tries() == 0
        {
            *due = Some(now);
        }
    }

    /// The id of a broker that may be known by its address alone.
    fn id_of(&self, broker: &Broker) -> Option<i32> {
        let is_it = |known: &&Broker| known.host == broker.host && known.port == broker.port;
        let found = self.brokers.values().find(is_it);
        broker.id.or_else(|| found.and_then(|known| known.id))
    }

    /// Whether it is not this broker alone that says what is known of the topic: another one has described it last, or
    /// there is no other.
    pub fn is_told_by_another(&self, topic: &str, broker: &Broker) -> bool {
        let is_told = self
            .topics
            .get(topic)
            .is_some_and(|t| t.passing == ErrorCode::NONE);
        let by_another = self.described_by.is_some_and(|by| Some(by) != broker.id);
        is_told && (by_another || self.brokers.len() == 1)
    }

    /// When the present description was asked for.
    pub fn updated_at(&self) -> Option<Instant> {
        self.updated_at
    }

    /// When there is something to do.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.refresh {
            Refresh::Waiting(due) => *due,
            Refresh::Asked { .. } => None,
        }
    }

    /// The question that is due, and whom to ask; not who is said to be silent, if there is another.
    pub fn poll_call(
        &mut self,
        now: Instant,
        tokens: &mut Tokens,
        is_silent: impl Fn(&Broker) -> bool,
    ) -> Option<(Target, Token, Call, Duration)> {
        if self.naming.is_due() {
            // The one that has left them out: others may know other topics.
            let describer = self.described_by.and_then(|id| self.broker(id)).cloned();
            let to = describer.unwrap_or_else(|| self.any_broker(is_silent));
            let token = tokens.fresh();
            let topics = self.naming.ask(token);
            return Some(self.question(to, token, Some(topics)));
        }
        match &self.refresh {
            Refresh::Waiting(Some(due)) if *due <= now => {}
            Refresh::Waiting(_) | Refresh::Asked { .. } => return None,
        }
        let to = self.any_broker(is_silent);
        let token = tokens.fresh();
        self.refresh = Refresh::Asked {
            token,
            to: to.clone(),
            at: now,
            again: false,
        };
        let topics = (!self.settings.full).then(|| self.wanted.iter().cloned().collect());
        Some(self.question(to, token, topics))
    }

    fn question(
        &self,
        broker: Broker,
        token: Token,
        topics: Option<Vec<String>>,
    ) -> (Target, Token, Call, Duration) {
        let ask = metadata::Ask {
            topics,
            allow_auto_topic_creation: self.settings.allow_auto_topic_creation,
        };
        let target = Target {
            broker,
            lane: Lane::Control,
        };
        let patience = FIRST_PATIENCE.max(2 * self.took) * (1 << self.retry.tries().min(8));
        let timeout = self.settings.timeout.min(patience);
        (target, token, Call::Metadata(ask), timeout)
    }

    /// Whether this names a question that is on its way.
    pub fn is_waiting_for(&self, token: Token) -> bool {
        self.naming.is_waiting_for(token)
            || matches!(&self.refresh, Refresh::Asked { token: t, .. } if *t == token)
    }

    /// Takes in the answer to a question that is on its way.
    pub fn answer(&mut self, now: Instant, token: Token, result: Result<Answer>) -> Update {
        if self.naming.is_waiting_for(token) {
            let answer = result.map(Answer::into_metadata);
            return self.named(now, answer);
        }
        let asked = std::mem::replace(&mut self.refresh, Refresh::Waiting(None));
        let Refresh::Asked {
            to,
            at: asked_at,
            again,
            ..
        } = asked
        else {
            unreachable!("the caller has asked whether it is waited for")
        };
        match result {
            Ok(answer) => {
                self.took = now - asked_at;
                self.describe(now, asked_at, Some(&to), answer.into_metadata());
                if again {
                    self.refresh(now);
                }
                Update::Described
            }
            Err(error) => self.failed(now, error.doing("metadata")),
        }
    }

    /// There is an answer to the question by name. What is there after all was created meanwhile, and may be another
    /// topic than before: marks of the former one must not be committed for it any more.
    fn named(&mut self, now: Instant, answer: Result<metadata::Answer>) -> Update {
        let mut update = Update::Named;
        for told in self.naming.answered(answer) {
            if told.error == ErrorCode::NONE {
                update = Update::Described;
            }
            let name = told.name.clone();
            let known = self.topics.remove(&name);
            if let Some(topic) = self.sift(now, known, told) {
                self.topics.insert(name, topic);
            }
        }
        update
    }

    /// There was no answer, or one that refuses the question as a whole.
    fn failed(&mut self, now: Instant, error: Error) -> Update {
        self.refresh = Refresh::Waiting(Some(self.retry.next(now, &mut self.rng)));
        let tries = self.retry.tries();
        let of_failure = reaction_to_failure(&error);
        // The codes of the first words on a connection are no answer to this question.
        let of_metadata = error.api() == Some(ApiKey::Metadata.name());
        let code = error.code().filter(|_| of_metadata);
        let of_code = code.map(|code| reaction(ApiKey::Metadata, code));
        let loud = match of_code
            .filter(|_| of_failure != Reaction::Fatal)
            .unwrap_or(of_failure)
        {
            Reaction::Fatal => return Update::Fatal(error),
            Reaction::Report => tries.is_power_of_two(),
            _ => tries == self.settings.retry_max.saturating_add(1),
        };
        Update::Failed(Some(error).filter(|_| loud))
    }

    /// The next refresh after a success: sooner while a wanted topic is absent.
    fn schedule(&mut self, now: Instant) {
        let mut due = self.settings.refresh_frequency.map(|every| now + every);
        let is_well = |topic: &Topic| topic.passing == ErrorCode::NONE;
        if self
            .wanted
            .iter()
            .all(|t| self.usable(t).is_some_and(is_well))
        {
            self.absent.reset();
        } else {
            let look = self.absent.next(now, &mut self.rng);
            due = Some(due.map_or(look, |d| d.min(look)));
        }
        if let Refresh::Waiting(at) = &mut self.refresh {
            *at = due;
        }
    }

    /// A broker for questions that any can answer: another one each time. Those that are said to be silent are left out
    /// until all others were asked in vain, unless that leaves one who has told all already: it may have lost touch with
    /// the rest. The bootstrap addresses, at which nobody may be any more, have their turns only when all known brokers
    /// were asked in vain.
    pub fn any_broker(&mut self, is_silent: impl Fn(&Broker) -> bool) -> Broker {
        let known: Vec<&Broker> = self.brokers.values().collect();
        let mut others = known.clone();
        others.retain(|broker| !is_silent(broker));
        let is_one_voice = others.len() == 1 && others[0].id == self.described_by;
        let in_vain = self.asked_in_vain;
        let broker = if in_vain < others.len() && !is_one_voice {
            others[self.turn % others.len()]
        } else if in_vain < known.len() {
            known[self.turn % known.len()]
        } else {
            let turn = in_vain % (known.len() + self.bootstrap.len());
            let bootstrap = || &self.bootstrap[turn - known.len()];
            known.get(turn).copied().unwrap_or_else(bootstrap)
        };
        let broker = broker.clone();
        self.turn += 1;
        self.asked_in_vain += 1;
        broker
    }

    /// A question that any broker can answer was answered.
    pub fn heard(&mut self) {
        self.asked_in_vain = 0;
    }

    /// A topic that exists and has no error.
    fn usable(&self, topic: &str) -> Option<&Topic> {
        self.topics
            .get(topic)
            .filter(|t| t.error == ErrorCode::NONE && !t.partitions.is_empty())
    }

    /// How many partitions a topic has; `None` while it is absent.
    pub fn partition_count(&self, topic: &str) -> Option<i32> {
        // As many as are listed: Kafka numbers them without a gap, and a broker that leaves some out
        // must not make us allocate for them.
        self.usable(topic)
            .and_then(|t| i32::try_from(t.partitions.len()).ok())
    }

    /// The same, and what it means where there is none.
    pub fn count(&self, topic: &str) -> Count {
        if let Some(count) = self.partition_count(topic) {
            return Count::Is(count);
        }
        let is_told = match self.topics.get(topic) {
            Some(told) => reaction(ApiKey::Metadata, told.error) == Reaction::Report,
            None => self.settings.full,
        };
        match is_told {
            true => Count::NoTopic,
            false => Count::Unknown,
        }
    }

    /// What is wrong with a topic; NONE if nothing is.
    pub fn trouble(&self, topic: &str) -> ErrorCode {
        match self.topics.get(topic) {
            None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            Some(topic) if topic.error.is_error() => topic.error,
            Some(topic) => topic.passing,
        }
    }

    /// Whether it is still to be found out why a wanted topic is not there, or whether it is created.
    pub fn is_in_question(&self, topic: &str) -> bool {
        let may_be_created = self.settings.allow_auto_topic_creation;
        let told = self.topics.get(topic);
        !self.trouble_lasts() && told.is_none_or(|told| may_be_created && !told.exists())
    }

    /// Whether something has been wrong with a wanted topic for longer than is passed over in silence.
    pub fn trouble_lasts(&self) -> bool {
        self.absent.tries() > self.settings.retry_max
    }

    /// A topic, also one with an error.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// Whether there is this partition, as far as is known.
    pub fn has_partition(&self, topic: &str, partition: i32) -> bool {
        let known = self.usable(topic);
        known.is_some_and(|t| t.partitions.contains_key(&partition))
    }

    /// Whether the last answer had this partition.
    pub fn is_described(&self, topic: &str, partition: i32) -> bool {
        self.has_partition(topic, partition) && self.topics[topic].passing == ErrorCode::NONE
    }

    /// All topics by name.
    pub fn topics(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.topics
            .iter()
            .map(|(name, topic)| (name.as_str(), topic))
    }

    /// The id of a topic.
    pub fn topic_id(&self, topic: &str) -> Option<Uuid> {
        self.topics.get(topic).and_then(|t| t.id)
    }

    /// The id of a topic, or the last one that was told: not every broker of a cluster that is being upgraded tells ids.
    pub fn last_topic_id(&self, topic: &str) -> Option<Uuid> {
        self.topic_id(topic).or_else(|| self.past.last_id(topic))
    }

    /// Who leads the partition.
    pub fn leader(&self, topic: &str, partition: i32) -> Result<Leader> {
        let place = |code| Err(Error::broker_code(code, "metadata").at_partition(topic, partition));
        let Some(t) = self.topics.get(topic) else {
            return place(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        };
        let Some(p) = t.partitions.get(&partition) else {
            return place(if t.error == ErrorCode::NONE {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            } else {
                t.error
            });
        };
        match p.leader.and_then(|id| self.brokers.get(&id)) {
            Some(broker) => Ok(Leader {
                broker: broker.clone(),
                epoch: p.leader_epoch,
            }),
            None if p.error.is_error() => place(p.error),
            None => place(ErrorCode::LEADER_NOT_AVAILABLE),
        }
    }

    /// All live brokers.
    pub fn brokers(&self) -> impl Iterator<Item = &Broker> {
        self.brokers.values()
    }

    /// The addresses to start from, which are never forgotten.
    pub fn bootstrap(&self) -> &[Broker] {
        &self.bootstrap
    }

    /// A broker by its id.
    pub fn broker(&self, id: i32) -> Option<&Broker> {
        self.brokers.get(&id)
    }
}

impl Topic {
    /// Whether there is such a topic, well or not.
    pub fn exists(&self) -> bool {
        self.error != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    }
}

impl From<metadata::Topic> for Topic {
    fn from(topic: metadata::Topic) -> Self {
        Self {
            id: topic.id,
            is_internal: topic.is_internal,
            error: topic.error,
            passing: ErrorCode::NONE,
            partitions: topic.partitions.into_iter().map(|p| (p.id, p)).collect(),
        }
    }
}
