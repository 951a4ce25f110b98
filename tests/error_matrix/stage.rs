//! An in-process Kafka, a consumer that runs on it, and what was seen of it.

use std::{fmt, time::Duration};

use sarama_cluster::{
    Config, Consumer, Error, NotificationType,
    config::{InitialOffset, OutOfRange},
    testing::{ApiKey, ErrorCode, FakeCluster, SeenRequest},
};

use crate::table::Row;

/// Longer than anything here takes, so only a row that fails waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const GROUP: &str = "group";
pub(crate) const TOPIC: &str = "topic";
pub(crate) const PARTITION: i32 = 0;

/// A request that is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Ask(ApiKey),
    JoinAs(Who),
}

/// By which member id.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    /// The one of before.
    Same,
    /// None.
    Nobody,
    /// Another one.
    Another,
}

/// The request that was answered with a code: what counts comes behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Struck {
    pub(crate) api: ApiKey,
    pub(crate) code: ErrorCode,
}

/// A consumer in the middle of its work: it has read and committed, and is the only member of its group.
pub(crate) struct Stage {
    pub(crate) kafka: FakeCluster,
    pub(crate) consumer: Consumer,
    /// The member id at the beginning.
    pub(crate) member_id: String,
    /// How many requests were seen before the play begins.
    prelude: usize,
}

impl Stage {
    pub(crate) fn open() -> Self {
        let kafka = FakeCluster::builder().topic(TOPIC, 1).start();
        let consumer = Consumer::new(kafka.bootstrap(), GROUP, TOPIC, config()).unwrap();
        let mut stage = Self {
            kafka,
            consumer,
            member_id: String::new(),
            prelude: 0,
        };
        stage.consume_one();
        stage.await_look_of_leader();
        stage.member_id = stage.kafka.members(GROUP)[0].member_id.clone();
        assert_eq!(
            stage.notices(),
            [
                NotificationType::RebalanceStart,
                NotificationType::RebalanceOk
            ]
        );
        stage.prelude = stage.kafka.view(|cluster| cluster.requests().count());
        stage
    }

    /// Soon after a join the leader of a group looks again at what there is. It does so before the play begins.
    fn await_look_of_leader(&self) {
        self.kafka.await_until(PATIENCE, |cluster| {
            let mut seen = cluster.requests();
            seen.any(|request| request.api == ApiKey::JoinGroup)
                && seen.any(|request| request.api == ApiKey::Metadata)
        });
    }

    /// A record that is written now is delivered, and its mark is committed.
    pub(crate) fn consume_one(&self) {
        let offset = self.deliver_one();
        self.kafka
            .await_committed(PATIENCE, GROUP, TOPIC, PARTITION, offset + 1);
    }

    /// A record that is written now is delivered and marked. What comes again before it is marked, too.
    pub(crate) fn deliver_one(&self) -> i64 {
        let offset = self.kafka.produce(TOPIC, PARTITION, [("key", "value")]);
        loop {
            let msg = self.consumer.messages().recv_timeout(PATIENCE);
            let msg = msg.unwrap_or_else(|_| panic!("record {offset} does not come"));
            self.consumer.mark_offset(&msg, "");
            if msg.offset() == offset {
                return offset;
            }
        }
    }

    /// Waits until a request was answered with the code.
    pub(crate) fn await_struck(&self, struck: Struck) {
        self.await_steps(struck, &[]);
    }

    /// Waits until these steps are seen, in this order.
    pub(crate) fn await_steps(&self, struck: Struck, steps: &[Step]) {
        self.kafka.await_until(PATIENCE, |cluster| {
            let mut seen = cluster.requests().skip(self.prelude);
            struck.is_found(&mut seen)
                && steps
                    .iter()
                    .all(|step| seen.any(|request| self.is(request, *step)))
        });
    }

    /// All requests behind that one.
    pub(crate) fn behind(&self, struck: Struck) -> Vec<SeenRequest> {
        let seen = self.seen();
        let mut rest = seen.iter();
        assert!(struck.is_found(&mut rest), "somebody has waited for it");
        rest.cloned().collect()
    }

    fn seen(&self) -> Vec<SeenRequest> {
        self.kafka
            .view(|cluster| cluster.requests().skip(self.prelude).cloned().collect())
    }

    pub(crate) fn is(&self, request: &SeenRequest, step: Step) -> bool {
        let member_id = request.member_id.as_str();
        match step {
            Step::Ask(api) => request.api == api,
            Step::JoinAs(_) if request.api != ApiKey::JoinGroup => false,
            Step::JoinAs(Who::Same) => member_id == self.member_id,
            Step::JoinAs(Who::Nobody) => member_id.is_empty(),
            Step::JoinAs(Who::Another) => !member_id.is_empty() && member_id != self.member_id,
        }
    }

    /// The notifications since this was asked last.
    pub(crate) fn notices(&self) -> Vec<NotificationType> {
        self.consumer
            .notifications()
            .try_iter()
            .map(|notice| notice.kind)
            .collect()
    }

    /// The errors since this was asked last.
    pub(crate) fn errors(&self) -> Vec<Error> {
        self.consumer.errors().try_iter().collect()
    }
}

impl Struck {
    pub(crate) fn by(row: &Row) -> Self {
        let Row { api, code, .. } = *row;
        Self { api, code }
    }

    /// Goes on to what comes behind it, if it has come.
    fn is_found<'a>(self, seen: &mut impl Iterator<Item = &'a SeenRequest>) -> bool {
        seen.any(|request| request.api == self.api && request.injected == Some(self.code))
    }
}

/// For a row that has failed: what was asked since the play has begun.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for request in self.seen() {
            write!(f, "\n    {}", request.api)?;
            if !request.member_id.is_empty() {
                write!(f, " as {}", request.member_id)?;
            }
            if let Some(code) = request.injected {
                write!(f, " <- {}", code.name())?;
            }
        }
        Ok(())
    }
}

/// Everything that can be short is short.
pub(crate) fn config() -> Config {
    let millis = Duration::from_millis;
    let mut config = Config::default();
    config.consumer.returns.errors = true;
    config.consumer.offsets.initial = InitialOffset::Oldest;
    config.consumer.offsets.out_of_range = OutOfRange::Oldest;
    config.consumer.offsets.commit_interval = millis(20);
    config.consumer.max_wait_time = millis(50);
    config.consumer.retry.backoff = millis(10);
    config.metadata.retry.backoff = millis(10);
    config.group.heartbeat.interval = millis(50);
    config.group.offsets.synchronization.dwell_time = millis(1);
    config.group.returns.notifications = true;
    config
}
