//! What was to be reached, and whether it is.

use crate::{
    contestants::{self, Contestant, Kind},
    latency,
    results::{Latency, Results, median},
    run::Outcome,
    throughput::LOADS,
};

/// One thing that was to be reached.
pub(crate) struct Goal {
    /// Which of the numbered goals it belongs to.
    pub(crate) number: u32,
    pub(crate) what: String,
    pub(crate) wanted: String,
    /// `None` if it was not measured.
    pub(crate) measured: Option<f64>,
    pub(crate) is_met: bool,
    /// What stands in the way, where something is known to.
    pub(crate) why: &'static str,
}

/// What a record costs on its way through a channel.
const HANDOVER: &str = "**The loop.** The pools of franz-go take away what its defaults spend on garbage. Twice and a \
half of that is more than the one-thread decode limit. Of a record's processor time in the loop more than \
half is its hand-over: about 330 instructions with the mark (`cargo bench --bench instructions`), of which 190 are \
crossbeam's channel and most others count references and look whether the claim is current; a slot of the \
channel and the counter change hands between two cores. Handing over blocks in the loop's place would break the \
promise that the loop, `recv` and `select!` read one channel. Who wants the rest takes batches.";

const ZSTD: &str = "**zstd.** The default decoder, ruzstd, is pure and mostly safe Rust, and takes more than two thirds of \
the time (the table of threads below). The feature `zstd-c` takes the C library instead. Of the pure ones only \
structured-zstd is faster; it is months old, needs a newer compiler than we promise, and has some 250 `unsafe` \
blocks in its decoder. Compressed batches are decoded by as many threads as there are cores, four at most.";

const LARGE_CPU: &str = "**1 KiB.** More than half of a record's processor time is the kernel's copy out of the socket, which \
every client pays (`limit: fetch`); the rest is a checksum over memory that another core has written, and the \
hand-over. To compute the checksum where the bytes are read was tried: what the decoders saved the thread that \
reads had to do, and all wait for that one.";

const LATENCY: &str = "**Latency.** A message changes threads twice, from the connection to the coordinator and from there to \
the reader; in librdkafka once. On two cores that the broker and the producer share each change waits some 30 µs for a \
processor. The next request does not wait for that: at the end of a log the connection asks again by itself, which \
is in time for 99 of 100 requests, and threads that wait for something new sleep without yielding first (before, half of \
the records came within 0.48 ms and 95 % within 0.95). To wake the reader before the request goes out was tried and \
changed nothing. From p99 on pauses of the broker show with every client, and rounds differ twofold.";

const GROWTH: &str = "**Growth.** The least is one partition: a request brings one MiB of it (`fetch.default`, as in Kafka's own \
clients), and the next one goes out when it has come. With 4 MiB it was 1.2 times as fast, in seven turns each, which would \
do; but that setting also says how much is held for a partition that nobody reads. Up to some ten partitions what is read \
ahead fits into the processor's cache, with a hundred it is the whole budget.";

const SLOW: &str = "**A reader of 1 ms** takes ten thousand records in ten seconds. They share what a client does in that time \
whatever it reads: heartbeats, commits, long polls, and a look at the channel each time the reader has taken something. One \
microsecond for each record is ten milliseconds in ten seconds; two are allowed.";

const NOISE: &str = "**Starts and rebalances** are a few milliseconds of work, or a heartbeat's wait, and differ more between \
rounds than between the quickest clients.";

/// All goals in order.
pub(crate) fn all(results: &Results) -> Vec<Goal> {
    let mut judge = Judge {
        results,
        goals: Vec::new(),
    };
    judge.throughput();
    judge.batches();
    judge.other_forms();
    judge.cpu();
    judge.memory_and_start();
    judge.latency();
    judge.slow_readers();
    judge.growth();
    judge.members();
    judge.rebalance();
    judge.goals
}

const PLAIN: &str = "100 B, none";
const LARGE: &str = "1 KiB, none";
const POOLED: &str = "franz-go, pooled";
/// The fetch budget, and what a process has beside it.
const MEMORY_MIB: f64 = 64.0 + 32.0;

struct Judge<'a> {
    results: &'a Results,
    goals: Vec<Goal>,
}

impl Judge<'_> {
    fn throughput(&mut self) {
        for (load, factor) in LOADS.iter().zip([2.5, 1.2, 1.6, 1.2]) {
            let what = format!("{}: loop, records/s of the fastest peer's", load.name);
            let ratio = over(self.rate(load.name, "loop"), self.fastest_peer(load.name));
            self.at_least(1, what, factor, ratio);
        }
        let zstd = LOADS[2].name;
        let ratio = over(self.rate(zstd, "loop, zstd-c"), self.fastest_peer(zstd));
        let what = format!("{zstd}, by the C library: the same");
        self.at_least(1, what, 2.0, ratio);
        for (load, form, factor) in [
            (PLAIN, "loop", 2.5),
            (zstd, "loop", 1.6),
            (zstd, "loop, zstd-c", 2.0),
        ] {
            let what = format!("{load}: {form}, records/s of the fastest peer's without pools");
            let peer = self
                .of_peers_without_pools(load, Outcome::rate)
                .max_by(f64::total_cmp);
            self.at_least(1, what, factor, over(self.rate(load, form), peer));
        }
        for (load, factor) in [(PLAIN, 0.6), (LARGE, 0.9)] {
            let what = format!("{load}: loop, records/s of the one-thread decode limit's");
            let ratio = over(self.rate(load, "loop"), self.rate(load, "limit: decode"));
            self.at_least(1, what, factor, ratio);
        }
        let ratio = over(self.rate(PLAIN, "select!"), self.rate(PLAIN, "sarama"));
        let what = format!("{PLAIN}: `select!` over three channels, records/s of sarama's channel");
        self.at_least(1, what, 1.0, ratio);
    }

    fn batches(&mut self) {
        let ratio = over(
            self.rate(PLAIN, "batches"),
            self.rate(PLAIN, "limit: decode"),
        );
        let what = format!("{PLAIN}: batches, records/s of the one-thread decode limit's");
        self.at_least(2, what, 0.8, ratio);
    }

    fn other_forms(&mut self) {
        for (form, factor) in [("partitions", 0.9), ("pool", 0.5)] {
            let ratio = over(self.rate(PLAIN, form), self.rate(PLAIN, "loop"));
            let what = format!("{PLAIN}: {form}, records/s of the loop's");
            self.at_least(3, what, factor, ratio);
        }
    }

    fn cpu(&mut self) {
        for (load, form, factor) in [
            (PLAIN, "loop", 0.5),
            (LARGE, "loop", 0.5),
            (LOADS[1].name, "loop", 1.0),
            (LOADS[2].name, "loop", 1.0),
            (LOADS[1].name, "batches", 0.75),
            (LOADS[2].name, "batches", 0.75),
        ] {
            let ours = self.results.median(load, form, Outcome::cpu);
            let peer = self.least_of_peers(load, Outcome::cpu);
            let what = format!("{load}: {form}, CPU a record of the thriftiest peer's");
            self.at_most(4, what, factor, over(ours, peer));
        }
        let ours = self.results.median(PLAIN, "loop", Outcome::cpu);
        let peer = self
            .of_peers_without_pools(PLAIN, Outcome::cpu)
            .min_by(f64::total_cmp);
        let what = format!("{PLAIN}: loop, CPU a record of the thriftiest peer's without pools");
        self.at_most(4, what, 0.5, over(ours, peer));
    }

    fn memory_and_start(&mut self) {
        for load in &LOADS {
            let peak = |outcome: &Outcome| outcome.peak_rss_kib as f64 / 1024.0;
            let mib = self.results.median(load.name, "loop", peak);
            let what = format!("{}: loop, most MiB resident", load.name);
            self.at_most(4, what, MEMORY_MIB, mib);
        }
        let ours = self
            .results
            .median(PLAIN, "loop", |outcome| outcome.to_first);
        let peer = self.least_of_peers(PLAIN, |outcome| outcome.to_first);
        let what = "start of the process to its first record, of the quickest peer's".into();
        self.at_most(4, what, 1.0, over(ours, peer));
    }

    fn latency(&mut self) {
        for share in [500.0, 990.0, 999.0] {
            let ours = self.latency_of("loop", share);
            for peer in latency::CONTESTANTS
                .iter()
                .filter(|one| one.kind == Kind::Peer)
            {
                let what = format!("latency, p{}: loop's of {}'s", share / 10.0, peer.id);
                self.at_most(5, what, 1.0, over(ours, self.latency_of(peer.id, share)));
            }
        }
        let latest = self.results.commits.last().copied();
        let what = "a mark is a commit that others see after so many seconds (interval: 1 s)";
        self.at_most(5, what.into(), 1.05, latest);
    }

    fn slow_readers(&mut self) {
        let figure = |work, figure: fn(&crate::results::Slow) -> f64| {
            let runs = self.results.slow.iter().filter(|slow| slow.work_ns == work);
            median(runs.map(figure))
        };
        let fast = figure(0, |slow| slow.client_cpu_ns);
        let mut goals = Vec::new();
        for (work, name) in [(1_000, "1 µs"), (10_000, "10 µs"), (1_000_000, "1 ms")] {
            let cpu = figure(work, |slow| slow.client_cpu_ns);
            let more = cpu.zip(fast).map(|(slow, fast)| slow - fast);
            let what =
                format!("reader of {name}: ns of the client's CPU a record over a fast reader's");
            goals.push((what, 200.0, more));
            let what = format!("reader of {name}: how many times as long as the reader alone");
            goals.push((what, 1.1, figure(work, |slow| slow.seconds)));
        }
        for (what, wanted, measured) in goals {
            self.at_most(6, what, wanted, measured);
        }
    }

    fn growth(&mut self) {
        let curve = self.results.curve("partitions", "loop", Outcome::rate);
        let what = "1 to 1,000 partitions: records/s, the least of the most";
        self.at_least(7, what.into(), 0.7, spread(&curve));
        let curve = self.results.curve("partitions", "loop", Outcome::cpu);
        let what = "1 to 1,000 partitions: CPU a record, the most of the least";
        self.at_most(7, what.into(), 1.5, spread(&curve).map(|least| 1.0 / least));
        for (partitions, name, wanted) in [(1_000, "1,000", 50.0), (10_000, "10,000", 500.0)] {
            let runs = self.results.idle.iter();
            let runs = runs.filter(|idle| idle.partitions == partitions);
            let what = format!("idle with {name} partitions: ms of CPU in 10 s");
            self.at_most(7, what, wanted, median(runs.map(|idle| idle.cpu_ms)));
        }
    }

    fn members(&mut self) {
        let curve = self
            .results
            .curve("members", "members", |outcome| outcome.cpu_seconds);
        let at = |count: f64| {
            curve
                .iter()
                .find(|point| point.0 == count)
                .map(|point| point.1)
        };
        let ratio = over(at(1_000.0), at(100.0));
        // n log n: ten times as many, and a logarithm of three digits instead of two.
        let most = 15.0;
        let what = "1,000 members share 10,000 partitions: CPU, of what 100 take";
        self.at_most(7, what.into(), most, ratio);
    }

    fn rebalance(&mut self) {
        let of = |name: &str| {
            let runs = self.results.rebalance.iter();
            let runs = runs.filter(|run| run.contestant == name);
            median(runs.map(|run| run.seconds))
        };
        let goals = ["franz-go", "librdkafka"].map(|peer| (peer, over(of("loop"), of(peer))));
        for (peer, ratio) in goals {
            let what = format!("start of a second member to its first record, of {peer}'s");
            self.at_most(7, what, 1.0, ratio);
        }
    }

    fn rate(&self, load: &str, contestant: &str) -> Option<f64> {
        self.results.median(load, contestant, Outcome::rate)
    }

    fn fastest_peer(&self, load: &str) -> Option<f64> {
        let rates = self.of_peers(load, Outcome::rate);
        rates.max_by(f64::total_cmp)
    }

    fn least_of_peers(&self, load: &str, figure: impl Fn(&Outcome) -> f64) -> Option<f64> {
        self.of_peers(load, figure).min_by(f64::total_cmp)
    }

    fn of_peers(&self, load: &str, figure: impl Fn(&Outcome) -> f64) -> impl Iterator<Item = f64> {
        self.of(load, figure, |one| one.kind == Kind::Peer)
    }

    /// Of those that are not told to give back their memory by hand, which is how most are used.
    fn of_peers_without_pools(
        &self,
        load: &str,
        figure: impl Fn(&Outcome) -> f64,
    ) -> impl Iterator<Item = f64> {
        let chosen = |one: &Contestant| one.kind == Kind::Peer && one.id != POOLED;
        self.of(load, figure, chosen)
    }

    fn of(
        &self,
        load: &str,
        figure: impl Fn(&Outcome) -> f64,
        chosen: impl Fn(&Contestant) -> bool,
    ) -> impl Iterator<Item = f64> {
        let chosen = contestants::ALL.iter().filter(move |one| chosen(one));
        chosen.filter_map(move |one| self.results.median(load, one.id, &figure))
    }

    fn latency_of(&self, contestant: &str, share: f64) -> Option<f64> {
        let rounds = self.results.latency.iter();
        let rounds = rounds.filter(|one| one.contestant == contestant);
        median(rounds.map(|round: &Latency| round.at(share)))
    }

    fn at_least(&mut self, number: u32, what: String, wanted: f64, measured: Option<f64>) {
        self.goals.push(Goal {
            why: why(number, &what),
            number,
            what,
            wanted: format!("≥ {wanted}"),
            measured,
            is_met: measured.is_some_and(|measured| measured >= wanted),
        });
    }

    fn at_most(&mut self, number: u32, what: String, wanted: f64, measured: Option<f64>) {
        self.goals.push(Goal {
            why: why(number, &what),
            number,
            what,
            wanted: format!("≤ {wanted}"),
            measured,
            is_met: measured.is_some_and(|measured| measured <= wanted),
        });
    }
}

/// What stands in the way of a goal.
fn why(number: u32, what: &str) -> &'static str {
    match number {
        5 => LATENCY,
        7 if what.contains("to 1,000 partitions") => GROWTH,
        1 | 4 if what.contains("zstd") => ZSTD,
        4 if what.contains(LARGE) => LARGE_CPU,
        6 => SLOW,
        7 => NOISE,
        4 if what.contains("start") => NOISE,
        _ => HANDOVER,
    }
}

fn over(ours: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(ours? / other?)
}

/// The least of a curve's values as a share of the greatest.
fn spread(curve: &[(f64, f64)]) -> Option<f64> {
    let values = || curve.iter().map(|&(_, value)| value);
    let (least, most) = (
        values().min_by(f64::total_cmp)?,
        values().max_by(f64::total_cmp)?,
    );
    Some(least / most)
}
