//! An in-process Kafka with something wrong, a consumer that runs on it, and what it was given.

use std::{
    collections::BTreeMap,
    error::Error as _,
    time::{Duration, Instant},
};

use sarama_cluster::{
    Config, Consumer, Error, ErrorKind,
    config::InitialOffset,
    crossbeam_channel::select,
    testing::{FakeCluster, Fault},
};

use crate::case::{Case, Expected, Setting};

pub(crate) const TOPIC: &str = "topic";
/// The partitions: the one whose answers are changed, and the one beside it.
pub(crate) const SICK: i32 = 0;
const HEALTHY: i32 = 1;
/// The brokers.
const GOOD_BROKER: i32 = 1;
const SICK_BROKER: i32 = 2;

const GROUP: &str = "group";
/// What is in each partition at first.
const RECORDS: usize = 5;

/// Between two bytes of an answer that comes slowly.
const DRIP: Duration = Duration::from_millis(1200);
/// Longer than anything else here takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(2);
pub(crate) const RESPONSE_LIMIT: usize = 8 << 20;
const ARRAY_LIMIT: usize = 4 << 20;
const DECODED_LIMIT: usize = 2 << 20;

pub(crate) struct Stage {
    kafka: FakeCluster,
    setting: Setting,
    fault: Fault,
    config: Config,
}

/// What a consumer was given of each partition, in its order.
#[derive(Debug, Default)]
struct Given(BTreeMap<i32, Vec<i64>>);

impl Stage {
    pub(crate) fn open(case: &mut Case) -> Self {
        let kafka = FakeCluster::builder().brokers(2).topic(TOPIC, 2).start();
        let leader = match case.setting {
            Setting::Broker => SICK_BROKER,
            _ => GOOD_BROKER,
        };
        let coordinator = match case.setting {
            Setting::Coordinator => SICK_BROKER,
            _ => GOOD_BROKER,
        };
        kafka.move_coordinator(GROUP, coordinator);
        kafka.move_leader(TOPIC, SICK, leader);
        kafka.move_leader(TOPIC, HEALTHY, GOOD_BROKER);
        if case.from > 0 {
            kafka.commit(GROUP, TOPIC, SICK, case.from, "");
        }
        for partition in [SICK, HEALTHY] {
            kafka.produce(TOPIC, partition, [("key", "value"); RECORDS]);
        }
        let nothing = Box::new(|_, frame| frame);
        let alter = std::mem::replace(&mut case.alter, nothing);
        let on = Fault::on(case.api);
        let on = match case.setting {
            Setting::Broker | Setting::Coordinator | Setting::Start => on.broker(SICK_BROKER),
            _ => on,
        };
        Self {
            kafka,
            setting: case.setting,
            fault: match case.drips_from {
                Some(byte) => on.drip(byte, DRIP),
                None => on.alter(alter),
            },
            config: {
                let mut config = config();
                (case.tune)(&mut config);
                config
            },
        }
    }

    /// A consumer whose first answer is the changed one gets the error from its constructor. With the
    /// other broker beside the sick one it starts.
    pub(crate) fn play_start(&self, expected: &Expected) {
        self.kafka.inject(self.fault.clone());
        let sick = [self.kafka.address(SICK_BROKER)];
        let began = Instant::now();
        let error =
            Consumer::new(&sick, GROUP, TOPIC, self.config.clone()).expect_err("it cannot start");
        assert!(began.elapsed() < expected.within, "{:?}", began.elapsed());
        self.check(&error, expected);
        let both = [&sick[0], &self.kafka.address(GOOD_BROKER)];
        let consumer = Consumer::new(both, GROUP, TOPIC, self.config.clone()).expect("one is well");
        self.finish(&consumer, Given::default());
    }

    /// The error is told, what is healthy goes on, and all that was sick arrives when it is well again.
    pub(crate) fn play(&self, case: &Case) {
        let mut given = Given::default();
        given.0.entry(SICK).or_default().extend(0..case.from);
        let good = [self.kafka.address(GOOD_BROKER)];
        let start = || Consumer::new(&good, GROUP, TOPIC, self.config.clone()).expect("it starts");
        let (consumer, fault) = if self.setting == Setting::Member {
            let consumer = start();
            self.go_on(&consumer, SICK, &mut given);
            self.go_on(&consumer, HEALTHY, &mut given);
            (consumer, self.kafka.inject(self.fault.clone()))
        } else {
            let fault = self.kafka.inject(self.fault.clone());
            (start(), fault)
        };
        let before = given.count(SICK);
        if self.setting == Setting::Member {
            // A mark, to be committed.
            self.go_on(&consumer, SICK, &mut given);
        }
        self.await_error(&consumer, &case.expected, &mut given);
        if ![Setting::Joining, Setting::Coordinator].contains(&self.setting) {
            self.go_on(&consumer, HEALTHY, &mut given);
        }
        if self.setting == Setting::Member {
            self.go_on(&consumer, SICK, &mut given);
        } else {
            assert_eq!(given.count(SICK), before, "what is sick is not delivered");
        }
        self.kafka.lift(fault);
        self.finish(&consumer, given);
    }

    fn await_error(&self, consumer: &Consumer, expected: &Expected, given: &mut Given) {
        let until = Instant::now() + expected.within;
        let mut others = Vec::new();
        loop {
            select! {
                recv(consumer.errors()) -> error => {
                    let error = error.expect("the consumer lives");
                    if is_expected(&error, expected) {
                        return self.check(&error, expected);
                    }
                    others.push(error);
                }
                recv(consumer.messages()) -> msg => {
                    let msg = msg.expect("the consumer lives");
                    consumer.mark_offset(&msg, "");
                    given.take(msg.partition(), msg.offset());
                }
                default(until.saturating_duration_since(Instant::now())) => {
                    panic!("{expected:?} is not told, but {others:#?}")
                }
            }
        }
    }

    /// It says where, as far as that is known.
    fn check(&self, error: &Error, expected: &Expected) {
        assert!(
            is_expected(error, expected),
            "{error:?}, and not {expected:?}"
        );
        let brokers = match self.setting {
            Setting::Broker | Setting::Coordinator | Setting::Start => {
                vec![self.kafka.address(SICK_BROKER)]
            }
            _ => self.kafka.bootstrap(),
        };
        let broker = error.broker().unwrap_or_default();
        assert!(brokers.contains(&broker), "which broker? {error:?}");
        // Who starts does not wait longer for a broker than for all of them.
        let is_start = self.setting == Setting::Start;
        let is_late = is_start && matches!(error.kind(), ErrorKind::Timeout(_));
        assert!(error.api().is_some() || is_late, "which API? {error:?}");
        if expected.of_partition {
            let place = (error.topic(), error.partition());
            assert_eq!(place, (Some(TOPIC), Some(SICK)), "{error:?}");
        }
    }

    /// A record that is written now is delivered.
    fn go_on(&self, consumer: &Consumer, partition: i32, given: &mut Given) {
        let offset = self.kafka.produce(TOPIC, partition, [("key", "value")]);
        given.await_offset(consumer, partition, offset);
    }

    /// All records of both partitions arrive and are committed.
    fn finish(&self, consumer: &Consumer, mut given: Given) {
        for partition in [SICK, HEALTHY] {
            self.go_on(consumer, partition, &mut given);
        }
        consumer.close().expect("all is committed");
        for partition in [SICK, HEALTHY] {
            let end = self.kafka.log_bounds(TOPIC, partition).map(|(_, end)| end);
            let committed = self.kafka.committed(GROUP, TOPIC, partition);
            assert_eq!(
                committed.map(|(next, _)| next),
                end,
                "partition {partition}"
            );
            let all: Vec<_> = (0..end.expect("it exists")).collect();
            assert_eq!(given.0[&partition], all, "partition {partition}");
        }
    }
}

fn is_expected(error: &Error, expected: &Expected) -> bool {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        said.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    let kind = match (error.kind(), &expected.kind) {
        // A fetch may wait at the broker, besides.
        (ErrorKind::Timeout(_), ErrorKind::Timeout(_)) => true,
        (kind, expected) => kind == expected,
    };
    kind && said.contains(expected.says)
}

impl Given {
    fn count(&self, partition: i32) -> usize {
        self.0.get(&partition).map_or(0, Vec::len)
    }

    /// What comes again after a rebalance is passed over; what is left out shows in the list.
    fn take(&mut self, partition: i32, offset: i64) {
        let offsets = self.0.entry(partition).or_default();
        if !offsets.contains(&offset) {
            offsets.push(offset);
        }
    }

    fn await_offset(&mut self, consumer: &Consumer, partition: i32, offset: i64) {
        let has_come = |given: &Self| given.0.get(&partition).is_some_and(|o| o.contains(&offset));
        let until = Instant::now() + PATIENCE;
        while !has_come(self) {
            let msg = consumer.messages().recv_deadline(until);
            let msg = msg.unwrap_or_else(|_| {
                let told: Vec<_> = consumer.errors().try_iter().collect();
                panic!("{partition}@{offset} does not come after {self:?}, but {told:#?}")
            });
            consumer.mark_offset(&msg, "");
            self.take(msg.partition(), msg.offset());
        }
    }
}

/// What can be short is short, and limits are small.
fn config() -> Config {
    let millis = Duration::from_millis;
    let mut config = Config::default();
    config.net.dial_timeout = 2 * READ_TIMEOUT;
    config.net.read_timeout = READ_TIMEOUT;
    config.metadata.retry.max = 1;
    config.metadata.retry.backoff = millis(10);
    config.consumer.returns.errors = true;
    config.consumer.max_wait_time = millis(50);
    config.consumer.retry.backoff = millis(30);
    config.consumer.offsets.initial = InitialOffset::Oldest;
    config.consumer.offsets.commit_interval = millis(20);
    config.consumer.fetch.max_bytes = 4 << 20;
    config.limits.response = RESPONSE_LIMIT;
    config.limits.arrays = ARRAY_LIMIT;
    config.limits.decompressed_batch = DECODED_LIMIT;
    config.group.heartbeat.interval = millis(50);
    config.group.offsets.synchronization.dwell_time = millis(1);
    config
}
