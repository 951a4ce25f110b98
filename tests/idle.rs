//! Consumers with nothing to do use next to no processor time. A target of its own, for other tests
//! would disturb the measurement.
#![cfg(target_os = "linux")]

use std::{collections::BTreeMap, fs, path::PathBuf, thread, time::Duration};

use sarama_cluster::{
    Config, Consumer, ConsumerMode, PartitionConsumer,
    config::InitialOffset,
    testing::{ApiKey, FakeCluster},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// The time of the measurement, and what a consumer may use in it.
const SPAN: Duration = Duration::from_secs(10);
const ALLOWED: Duration = Duration::from_millis(50);

/// The threads of the library, by number, with the processor time that each has used.
fn threads() -> BTreeMap<PathBuf, Duration> {
    let tasks = fs::read_dir("/proc/self/task").expect("the system tells");
    let of_task = |task: fs::DirEntry| {
        let read = |file| fs::read_to_string(task.path().join(file)).ok();
        let is_ours = read("comm")?.starts_with("kafka-");
        let stat = read("schedstat").filter(|_| is_ours)?;
        // The first number: nanoseconds on a processor.
        let nanos = stat.split_whitespace().next()?.parse().ok()?;
        Some((task.path(), Duration::from_nanos(nanos)))
    };
    tasks.flatten().filter_map(of_task).collect()
}

/// A consumer at rest, with what it holds, and its threads.
struct Resting {
    what: &'static str,
    threads: Vec<PathBuf>,
    _held: Box<dyn std::any::Any>,
}

impl Resting {
    /// The consumer that this starts and brings to rest. All threads that come into being belong to it.
    fn start<T: 'static>(what: &'static str, start: impl FnOnce() -> T) -> Self {
        let before = threads();
        let held = Box::new(start());
        let all = threads().into_keys();
        Self {
            what,
            threads: all.filter(|task| !before.contains_key(task)).collect(),
            _held: held,
        }
    }

    fn used(&self, threads: &BTreeMap<PathBuf, Duration>) -> Duration {
        self.threads.iter().map(|task| threads[task]).sum()
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.consumer.offsets.initial = InitialOffset::Oldest;
    // So that there is more than is buffered.
    config.consumer.fetch.default = 100_000;
    config
}

fn kafka(records: usize) -> FakeCluster {
    let kafka = FakeCluster::builder().topic("t", 6).start();
    for partition in 0..6 {
        for _ in 0..records / 1000 {
            let batch = (0..1000).map(|n| ("", format!("{n:0>100}")));
            kafka.produce("t", partition, batch);
        }
    }
    kafka
}

fn join(kafka: &FakeCluster, config: Config) -> Consumer {
    Consumer::new(kafka.bootstrap(), "group", "t", config).unwrap()
}

/// Waits until nothing is fetched any more between two heartbeats.
fn await_rest(kafka: &FakeCluster) {
    for _ in 0..10 {
        let fetches = kafka.requests_seen(ApiKey::Fetch);
        let beats = kafka.requests_seen(ApiKey::Heartbeat);
        kafka.await_requests(PATIENCE, ApiKey::Heartbeat, beats + 1);
        if kafka.requests_seen(ApiKey::Fetch) == fetches {
            return;
        }
    }
    panic!("there is no end to the fetches");
}

#[test]
fn consumers_with_nothing_to_do_use_no_time() {
    let (empty, full, fuller) = (kafka(0), kafka(5_000), kafka(5_000));
    let resting = [
        Resting::start("nothing comes", || {
            let consumer = join(&empty, config());
            empty.await_requests(PATIENCE, ApiKey::Heartbeat, 1);
            consumer
        }),
        Resting::start("the channel is full and its reader sleeps", || {
            let consumer = join(&full, config());
            let first = consumer.messages().recv().unwrap();
            await_rest(&full);
            assert!(consumer.messages().len() > 2000, "it is as good as full");
            (consumer, first)
        }),
        Resting::start("some handles sleep and some are paused", || {
            let mut config = config();
            config.group.mode = ConsumerMode::Partitions;
            let consumer = join(&fuller, config);
            let handles: Vec<_> = consumer.partitions().iter().take(6).collect();
            for handle in &handles {
                handle.messages().recv().unwrap();
            }
            handles[..3].iter().for_each(PartitionConsumer::pause);
            await_rest(&fuller);
            (consumer, handles)
        }),
    ];
    let before = threads();
    // The span itself is what is measured.
    thread::sleep(SPAN);
    let after = threads();
    assert!(after.keys().eq(before.keys()), "no thread came or went");
    for consumer in &resting {
        let used = consumer.used(&after) - consumer.used(&before);
        assert!(used < ALLOWED, "{}: {used:?} of {SPAN:?}", consumer.what);
    }
}
