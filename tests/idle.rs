//! Consumers with nothing to do hardly ever wake up. A target of its own, for other tests
//! would disturb the measurement.
#![cfg(target_os = "linux")]

use std::{collections::BTreeMap, fs, path::PathBuf, thread, time::Duration};

use sarama_cluster::{
    Config, Consumer, ConsumerMode, PartitionConsumer,
    config::InitialOffset,
    testing::{ApiKey, FakeCluster},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// The time of the measurement.
const SPAN: Duration = Duration::from_secs(10);

/// How often all threads of a consumer together may wake up in it: the coordinator does ten times a second, and
/// a heartbeat wakes two threads.
const WAKES: u64 = 300;

/// What they may use of a processor. It is a few milliseconds; but where a virtual machine is held up, what runs
/// seems to run on, and a thread that never sleeps takes much more.
const PROCESSOR: Duration = Duration::from_millis(500);

/// What a thread has used.
#[derive(Debug, Clone, Copy)]
struct Used {
    /// How often it has waited for something.
    wakes: u64,
    processor: Duration,
}

/// The threads of the library.
type Threads = BTreeMap<PathBuf, Used>;

fn threads() -> Threads {
    let tasks = fs::read_dir("/proc/self/task").expect("the system tells");
    let of_task = |task: fs::DirEntry| {
        let read = |file| fs::read_to_string(task.path().join(file)).ok();
        let is_ours = read("comm")?.starts_with("kafka-");
        let stat = read("schedstat").filter(|_| is_ours)?;
        // The first number: nanoseconds on a processor.
        let nanos = stat.split_whitespace().next()?.parse().ok()?;
        let status = read("status")?;
        let mut fields = status.lines().filter_map(|line| line.split_once(':'));
        let (_, wakes) = fields.find(|(name, _)| *name == "voluntary_ctxt_switches")?;
        let used = Used {
            wakes: wakes.trim().parse().ok()?,
            processor: Duration::from_nanos(nanos),
        };
        Some((task.path(), used))
    };
    tasks.flatten().filter_map(of_task).collect()
}

/// A consumer at rest, with what it holds, its cluster and its threads.
struct Resting<'a> {
    what: &'static str,
    kafka: &'a FakeCluster,
    threads: Vec<PathBuf>,
    _held: Box<dyn std::any::Any>,
}

impl<'a> Resting<'a> {
    /// The consumer that this starts and brings to rest. All threads that come into being belong to it.
    fn start<T: 'static>(
        what: &'static str,
        kafka: &'a FakeCluster,
        start: impl FnOnce(&FakeCluster) -> T,
    ) -> Self {
        let before = threads();
        let held = Box::new(start(kafka));
        let all = threads().into_keys();
        Self {
            what,
            kafka,
            threads: all.filter(|task| !before.contains_key(task)).collect(),
            _held: held,
        }
    }

    /// What each thread has used between these.
    fn used(&self, before: &Threads, after: &Threads) -> Vec<(String, Used)> {
        let of = |task: &PathBuf| {
            let name = fs::read_to_string(task.join("comm")).expect("it is there");
            let (before, after) = (before[task], after[task]);
            let used = Used {
                wakes: after.wakes - before.wakes,
                processor: after.processor - before.processor,
            };
            (name.trim().to_owned(), used)
        };
        self.threads.iter().map(of).collect()
    }

    /// What it has asked its cluster for, behind so many requests.
    fn asked(&self, behind: usize) -> Vec<ApiKey> {
        self.kafka
            .view(|cluster| cluster.requests().skip(behind).map(|r| r.api).collect())
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.consumer.offsets.initial = InitialOffset::Oldest;
    // So that there is more than is buffered.
    config.consumer.fetch.default = 100_000;
    // Rest is what there is between two of them.
    config.group.heartbeat.interval = Duration::from_secs(1);
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
fn consumers_with_nothing_to_do_sleep() {
    let (empty, full, fuller) = (kafka(0), kafka(5_000), kafka(5_000));
    let resting = [
        Resting::start("nothing comes", &empty, |empty| {
            let consumer = join(empty, config());
            empty.await_requests(PATIENCE, ApiKey::Heartbeat, 1);
            consumer
        }),
        Resting::start("the channel is full and its reader sleeps", &full, |full| {
            let consumer = join(full, config());
            let first = consumer.messages().recv().unwrap();
            await_rest(full);
            assert!(consumer.messages().len() > 2000, "it is as good as full");
            (consumer, first)
        }),
        Resting::start(
            "some handles sleep and some are paused",
            &fuller,
            |fuller| {
                let mut config = config();
                config.group.mode = ConsumerMode::Partitions;
                let consumer = join(fuller, config);
                let handles: Vec<_> = consumer.partitions().iter().take(6).collect();
                for handle in &handles {
                    handle.messages().recv().unwrap();
                }
                handles[..3].iter().for_each(PartitionConsumer::pause);
                await_rest(fuller);
                (consumer, handles)
            },
        ),
    ];
    let asked = resting.each_ref().map(|consumer| consumer.asked(0).len());
    let before = threads();
    // The span itself is what is measured.
    thread::sleep(SPAN);
    let after = threads();
    assert!(after.keys().eq(before.keys()), "no thread came or went");
    for (consumer, asked) in resting.iter().zip(asked) {
        let used = consumer.used(&before, &after);
        let asked = consumer.asked(asked);
        let wakes: u64 = used.iter().map(|(_, used)| used.wakes).sum();
        let processor: Duration = used.iter().map(|(_, used)| used.processor).sum();
        assert!(
            wakes < WAKES && processor < PROCESSOR,
            "{}: {used:#?} in {SPAN:?}, asked for {asked:?}",
            consumer.what
        );
    }
}
