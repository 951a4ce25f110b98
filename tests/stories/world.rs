//! A cluster, a group and the log of what they do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use sarama_cluster::{
    Client, Config, Consumer, ConsumerMode, Subscription,
    config::{InitialOffset, OutOfRange},
    testing::{ApiKey, Builder, FakeCluster, Fault, FaultId},
};

use crate::{
    oracle::{self, Entry, Event, Log, Place, Policy, Rules},
    reader::Reader,
};

/// Long enough for a loaded machine. Nothing waits so long unless something is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The group of all stories; each has a cluster of its own.
pub(crate) const GROUP: &str = "group";

/// The stage of a story.
pub(crate) struct World {
    pub(crate) kafka: FakeCluster,
    pub(crate) log: Arc<Log>,
    rules: Rules,
}

impl World {
    /// One broker with these topics, each with so many partitions.
    pub(crate) fn with(topics: &[(&str, i32)]) -> Self {
        let builder = topics
            .iter()
            .fold(FakeCluster::builder(), |builder, (name, partitions)| {
                builder.topic(name, *partitions)
            });
        Self::of(builder)
    }

    /// A cluster of one's own choice, in which a session may be short.
    pub(crate) fn of(builder: Builder) -> Self {
        let sessions = Duration::from_millis(100)..=Duration::from_secs(60);
        Self {
            kafka: builder.session_timeouts(sessions).start(),
            log: Arc::default(),
            rules: Rules {
                initial: Policy::Oldest,
                out_of_range: Policy::Oldest,
                complete: true,
            },
        }
    }

    /// Members start at the end of logs without a commit.
    pub(crate) fn newest(mut self) -> Self {
        self.rules.initial = Policy::Newest;
        self
    }

    /// The story ends before all records are delivered.
    pub(crate) fn incomplete(mut self) -> Self {
        self.rules.complete = false;
        self
    }

    /// An offset out of range leads to the end of the log.
    pub(crate) fn skipping(mut self) -> Self {
        self.rules.out_of_range = Policy::Newest;
        self
    }

    /// Settings by which stories take milliseconds, and in which only a member that is cut off loses
    /// its session.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::default();
        config.metadata.retry.backoff = Duration::from_millis(20);
        config.consumer.retry.backoff = Duration::from_millis(50);
        // What a new claim may have to wait for the last fetch of the one before.
        config.consumer.max_wait_time = Duration::from_millis(100);
        config.consumer.returns.errors = true;
        config.consumer.offsets.commit_interval = Duration::from_millis(50);
        config.consumer.offsets.initial = match self.rules.initial {
            Policy::Oldest => InitialOffset::Oldest,
            Policy::Newest => InitialOffset::Newest,
        };
        config.consumer.offsets.out_of_range = match self.rules.out_of_range {
            Policy::Oldest => OutOfRange::Oldest,
            Policy::Newest => OutOfRange::Newest,
        };
        config.group.session.timeout = Duration::from_secs(20);
        config.group.heartbeat.interval = Duration::from_millis(50);
        config.group.rebalance.timeout = Duration::from_secs(20);
        config.group.offsets.synchronization.dwell_time = Duration::from_millis(20);
        config.group.returns.notifications = true;
        config
    }

    /// The same, with a handle for each partition.
    pub(crate) fn partition_config(&self) -> Config {
        let mut config = self.config();
        config.group.mode = ConsumerMode::Partitions;
        config
    }

    /// A member of this name and with these settings. Returns before it has joined.
    pub(crate) fn start(
        &self,
        name: &str,
        topics: impl Into<Subscription>,
        mut config: Config,
    ) -> Reader {
        config.client_id = name.to_owned();
        self.comes(name);
        let consumer = Consumer::new(self.kafka.bootstrap(), GROUP, topics, config);
        let consumer = consumer.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        Reader::new(name, consumer, &self.log)
    }

    /// A member of this name on a client of its own. Returns before it has joined.
    pub(crate) fn start_on(
        &self,
        client: &Client,
        name: &str,
        topics: impl Into<Subscription>,
    ) -> Reader {
        self.comes(name);
        let consumer = Consumer::from_client(client, GROUP, topics);
        let consumer = consumer.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        Reader::new(name, consumer, &self.log)
    }

    fn comes(&self, name: &str) {
        let member = name.to_owned();
        self.log.write(Event::Started { member });
    }

    /// Waits until brokers have got so many requests more.
    pub(crate) fn await_more(&self, api: ApiKey, count: u64) {
        let seen = self.kafka.requests_seen(api);
        self.kafka.await_requests(PATIENCE, api, seen + count);
    }

    /// A member of topic `t` with the usual settings.
    pub(crate) fn join(&self, name: &str) -> Reader {
        self.start(name, "t", self.config())
    }

    /// Writes so many records to a partition, as one batch. The value of a record is its offset.
    pub(crate) fn produce(&self, topic: &str, partition: i32, count: i64) {
        let mut log = self.log.open();
        let bounds = self.kafka.log_bounds(topic, partition);
        let (_, end) = bounds.unwrap_or_else(|| panic!("there is no {topic}-{partition}"));
        let records = (end..end + count).map(|offset| ("", offset.to_string()));
        let first = self.kafka.produce(topic, partition, records);
        assert_eq!(first, end, "nobody else writes");
        log.write(Event::Produced {
            place: (topic.to_owned(), partition),
            offsets: end..end + count,
        });
    }

    /// Writes so many records to each partition of a topic.
    pub(crate) fn fill(&self, topic: &str, partitions: i32, count: i64) {
        for partition in 0..partitions {
            self.produce(topic, partition, count);
        }
    }

    /// The log of a partition starts there from now on.
    pub(crate) fn delete_before(&self, topic: &str, partition: i32, offset: i64) {
        let mut log = self.log.open();
        self.kafka.delete_records_before(topic, partition, offset);
        let place = (topic.to_owned(), partition);
        log.write(Event::DeletedBefore { place, offset });
    }

    /// The log of a partition ends there from now on. A batch is lost as a whole.
    pub(crate) fn truncate(&self, topic: &str, partition: i32, offset: i64) {
        let mut log = self.log.open();
        self.kafka.truncate(topic, partition, offset);
        let bounds = self.kafka.log_bounds(topic, partition);
        assert_eq!(bounds.map(|(_, end)| end), Some(offset));
        let place = (topic.to_owned(), partition);
        log.write(Event::Truncated { place, offset });
    }

    /// From now on nothing reaches the cluster from this member, and it hears nothing more.
    pub(crate) fn cut_off(&self, name: &str) -> FaultId {
        self.kafka.inject(Fault::on_any().client_id(name).silence())
    }

    /// Waits until the group is stable with these members.
    pub(crate) fn await_members(&self, count: usize) {
        self.kafka.await_members(PATIENCE, GROUP, count);
    }

    /// Waits until so many messages were taken by all members together.
    pub(crate) fn await_deliveries(&self, count: usize) {
        let came = self.log.await_deliveries(count, PATIENCE);
        assert!(came, "not {count} messages after {PATIENCE:?}");
    }

    /// Waits until the group has committed this offset of a partition, or a later one.
    pub(crate) fn await_committed(&self, topic: &str, partition: i32, offset: i64) {
        self.kafka
            .await_committed(PATIENCE, GROUP, topic, partition, offset);
    }

    /// What the group has committed of a partition.
    pub(crate) fn committed(&self, topic: &str, partition: i32) -> Option<i64> {
        let committed = self.kafka.committed(GROUP, topic, partition);
        committed.map(|(offset, _)| offset)
    }

    /// What the members own by the last assignment, by their names.
    pub(crate) fn assignments(&self) -> BTreeMap<String, BTreeMap<String, Vec<i32>>> {
        let members = self.kafka.members(GROUP).into_iter();
        members.map(|m| (m.client_id, m.assignment)).collect()
    }

    /// The story so far: what readers have logged, and the commits that the brokers have accepted.
    fn story(&self) -> Vec<Entry> {
        let log = self.log.open();
        let commits = self.kafka.commits(GROUP).into_iter().map(|seen| Entry {
            at: seen.at,
            event: Event::Committed {
                member: seen.client_id,
                place: (seen.topic, seen.partition),
                offset: seen.offset,
            },
        });
        let mut story = log.entries().to_vec();
        story.extend(commits);
        story.sort_by_key(|entry| entry.at);
        story
    }

    /// The offsets delivered of a partition, in the order of time.
    pub(crate) fn deliveries(&self, topic: &str, partition: i32) -> Vec<i64> {
        let is_there = |(of, _): &(Place, i64)| of.0 == topic && of.1 == partition;
        let there = self.all_deliveries().into_iter().filter(is_there);
        there.map(|(_, offset)| offset).collect()
    }

    /// How many deliveries were repetitions.
    pub(crate) fn repetitions(&self) -> usize {
        let all = self.all_deliveries();
        let count = all.len();
        count - all.into_iter().collect::<BTreeSet<_>>().len()
    }

    fn all_deliveries(&self) -> Vec<(Place, i64)> {
        let mut places = BTreeMap::new();
        let deliveries = self
            .story()
            .into_iter()
            .filter_map(|entry| match entry.event {
                Event::Claimed { claim, place, .. } => {
                    places.insert(claim, place);
                    None
                }
                Event::Delivered { claim, offset } => Some((places[&claim].clone(), offset)),
                _ => None,
            });
        deliveries.collect()
    }

    /// The oracle's word.
    ///
    /// # Panics
    /// If a law was broken, with the end of the story.
    #[track_caller]
    pub(crate) fn judge(&self) {
        let story = self.story();
        let violations = oracle::violations(&story, self.rules);
        if violations.is_empty() {
            return;
        }
        for entry in story.iter().skip(story.len().saturating_sub(200)) {
            eprintln!("{:?} {:?}", entry.at, entry.event);
        }
        panic!("laws were broken:\n{}", violations.join("\n"));
    }
}
