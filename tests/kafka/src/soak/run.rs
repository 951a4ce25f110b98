//! A soak from its beginning to its end.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, bounded};

use super::{
    Mode, Report, Settings, Topic,
    crew::{Crew, Orders},
    diary::Diary,
    faults::{Counts, Stage},
    journal::Journal,
    leaders, load,
    proxy::{Proxy, Taps},
    report,
};
use crate::{Cluster, Codec, broker::Detour, ledger, replicas, scratch::Scratch};

/// How long the group may take, once nothing goes wrong any more, to read and commit all.
const CALM: Duration = Duration::from_secs(120);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(500);

/// The group under test.
const GROUP: &str = "soak";

/// Runs a soak and judges it.
///
/// # Errors
/// If it could not be run to its end: a broker or a member ended by itself, or the producer failed.
pub fn run(settings: &Settings) -> Result<Report, String> {
    let scratch = Scratch::new();
    let kafka = Cluster::builder(settings.release)
        .brokers(3)
        .property("min.insync.replicas", "1")
        .property(
            "offsets.topic.num.partitions",
            &super::OFFSETS_PARTITIONS.to_string(),
        )
        // All of the ledger shall still be there at the end.
        .property("offsets.topic.segment.bytes", "1073741824")
        .property("unclean.leader.election.enable", "false")
        // A machine that is busy shall not make the controllers elect each other for ever.
        .property("controller.quorum.election.timeout.ms", "5000")
        .property("controller.quorum.fetch.timeout.ms", "10000")
        .property("controller.quorum.request.timeout.ms", "10000")
        .property("broker.session.timeout.ms", "9000")
        // Beside ZooKeeper a killed broker is turned away until then.
        .property("zookeeper.session.timeout.ms", "4000")
        .detour()
        .start();
    let topics = [("main", 8, 3), ("side", 4, 2)].map(|(name, partitions, copies)| Topic {
        name: name.to_owned(),
        partitions,
        copies,
    });
    for topic in &topics {
        let in_sync = (topic.copies - 1).to_string();
        kafka.create_topic_with(
            &topic.name,
            topic.partitions,
            topic.copies,
            &[("min.insync.replicas", &in_sync)],
        );
    }
    let counts = Counts::default();
    let folder = scratch.path().to_owned();
    let result = endure(settings, &kafka, &topics, &folder, &counts);
    let report = match result {
        Ok((files, displaced, generations)) => {
            report::judge(settings, &files, displaced, generations, counts)
        }
        Err(why) => Err(why),
    };
    let is_sound = report
        .as_ref()
        .is_ok_and(|report| report.findings.is_empty());
    if !is_sound || settings.keep.is_some() {
        kafka.copy_logs(&folder);
        let kept = report::keep(&folder, settings);
        eprintln!("the journals are kept in {}", kept.display());
    }
    report
}

/// The trouble and the calm after it. Gives the journals, how many records were displaced, and how many
/// generations there were.
fn endure(
    settings: &Settings,
    kafka: &Cluster,
    topics: &[Topic],
    folder: &Path,
    counts: &Counts,
) -> Result<(Vec<std::path::PathBuf>, u64, usize), String> {
    let mut rng = fastrand::Rng::with_seed(settings.seed);
    let (harness, written) = (folder.join("harness"), folder.join("produced"));
    let harness_journal = Journal::create(&harness);
    let load_journal = Journal::create(&written);
    let doors = kafka.detours().iter().map(|detour: &Detour| {
        let listener = (Ipv4Addr::LOCALHOST, detour.listener).into();
        (detour.advertised, listener)
    });
    let commits = folder.join("commits");
    let taps = Taps {
        journal: Arc::new(Journal::create(&commits)),
        topics: Arc::new(leaders::topic_ids(kafka, topics)),
    };
    let proxy = Proxy::start(&doors.collect::<Vec<_>>(), taps);
    let bootstrap: Vec<_> = kafka
        .detours()
        .iter()
        .map(|detour| format!("127.0.0.1:{}", detour.advertised))
        .collect();
    let orders = Orders {
        bootstrap: bootstrap.join(","),
        group: GROUP.to_owned(),
        topics: topics.iter().map(|topic| topic.name.clone()).collect(),
        folder: folder.to_owned(),
    };
    let modes = modes(settings, &mut rng);
    let crew = Crew::new(orders, &modes, &harness_journal);
    let codec = Codec::ALL[rng.usize(..Codec::ALL.len())];
    eprintln!("seed {}: {modes:?}, {}", settings.seed, codec.name());

    let diary = Diary::create(&folder.join("faults"));
    let watch = load::Watch::default();
    let ends = thread::scope(|scope| {
        let load =
            scope.spawn(|| load::run(kafka, topics, codec, settings.rate, &load_journal, &watch));
        let end_of_load = EndOfLoad(&watch);
        for slot in 0..crew.size() {
            crew.start(slot);
        }
        kafka
            .admin()
            .await_committed(GROUP, &topics[0].name, |now| !now.is_empty());
        let troubled = trouble(
            settings, kafka, topics, &crew, &proxy, counts, &diary, &mut rng, &watch,
        );
        replicas::heal(kafka, Duration::from_secs(60), |broker| {
            diary.note(format_args!("restart broker {broker}, which leads alone"));
        });
        drop(end_of_load);
        let ends = load
            .join()
            .map_err(|_| "the producer panicked".to_owned())?;
        troubled.and(ends)
    })?;
    for slot in 0..crew.size() {
        crew.start(slot);
    }
    await_the_end(kafka, &ends);
    for slot in 0..crew.size() {
        crew.stop(slot)?;
    }
    let entries = ledger::read(kafka, GROUP)?;
    let ledger = folder.join("ledger");
    report::write_ledger(&ledger, &entries);
    let mut files = vec![written, harness, ledger, commits];
    files.extend(crew.journals());
    let displaced = watch.displaced.load(Relaxed);
    Ok((files, displaced, ledger::generations(&entries)))
}

/// How each member works: alike, or each in a way of its own.
fn modes(settings: &Settings, rng: &mut fastrand::Rng) -> Vec<Mode> {
    let any = |rng: &mut fastrand::Rng| Mode::ALL[rng.usize(..Mode::ALL.len())];
    let alike = any(rng);
    let is_mixed = rng.bool();
    (0..settings.members)
        .map(|_| if is_mixed { any(rng) } else { alike })
        .collect()
}

#[expect(clippy::too_many_arguments, reason = "all that there is takes part")]
fn trouble(
    settings: &Settings,
    kafka: &Cluster,
    topics: &[Topic],
    crew: &Crew<'_>,
    proxy: &Proxy,
    counts: &Counts,
    diary: &Diary,
    rng: &mut fastrand::Rng,
    watch: &load::Watch,
) -> Result<(), String> {
    let (end, enough) = bounded::<()>(0);
    let of_seed = rng.bool();
    let stage = Stage {
        kafka,
        crew,
        proxy,
        topics,
        group: GROUP,
        counts,
        diary,
        is_gentle: settings.gently.unwrap_or(of_seed),
        enough,
    };
    if stage.is_gentle {
        eprintln!("gently: many rebalances, few dead");
    }
    let [
        mut for_brokers,
        mut for_some,
        mut for_others,
        mut for_network,
    ] = std::array::from_fn(|_| rng.fork());
    let half = crew.size() / 2;
    let broken = |whose: &str| format!("the {whose} cannot be handled");
    thread::scope(|scope| {
        let brokers = scope.spawn(|| stage.trouble_brokers(&mut for_brokers));
        let some = scope.spawn(|| stage.trouble_members(0..half, &mut for_some));
        let others = scope.spawn(|| stage.trouble_members(half..crew.size(), &mut for_others));
        let network = scope.spawn(|| stage.trouble_network(&mut for_network));
        let is_broken = || {
            let hands_on_members = some.is_finished() || others.is_finished();
            brokers.is_finished() || network.is_finished() || hands_on_members
        };
        last(settings, end, is_broken, counts, watch);
        brokers.join().map_err(|_| broken("brokers"))?;
        network.join().map_err(|_| broken("network"))?;
        some.join().map_err(|_| broken("members"))??;
        others.join().map_err(|_| broken("members"))?
    })
}

/// Waits for the end of the trouble, or of a hand that does not work any more.
fn last(
    settings: &Settings,
    end: Sender<()>,
    is_broken: impl Fn() -> bool,
    counts: &Counts,
    watch: &load::Watch,
) {
    let began = Instant::now();
    let mut told = Duration::ZERO;
    while began.elapsed() < settings.duration && !is_broken() {
        thread::sleep(LOOK);
        if settings.verbose && began.elapsed() - told > Duration::from_secs(15) {
            told = began.elapsed();
            let records = watch.acknowledged.load(Relaxed);
            eprintln!("{:>5} s: {records} records, {counts:?}", told.as_secs());
        }
    }
    drop(end);
}

/// Waits until the group has committed all. If it does not, the checker says so.
fn await_the_end(kafka: &Cluster, ends: &[(String, i32, i64)]) {
    let deadline = Instant::now() + CALM;
    while Instant::now() < deadline {
        let mut of_topic: BTreeMap<&str, BTreeMap<i32, i64>> = BTreeMap::new();
        for (topic, partition, end) in ends {
            of_topic.entry(topic).or_default().insert(*partition, *end);
        }
        let is_done = of_topic.iter().all(|(topic, ends)| {
            let committed = kafka.admin().committed(GROUP, topic);
            ends.iter().all(|(partition, end)| {
                *end == 0 || committed.get(partition).is_some_and(|at| at.offset >= *end)
            })
        });
        if is_done {
            return;
        }
        thread::sleep(LOOK);
    }
}

/// Ends the load, also when the trouble panics.
struct EndOfLoad<'a>(&'a load::Watch);

impl Drop for EndOfLoad<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Relaxed);
    }
}
