//! Stories of a fetcher with a broker that says what the story needs.

mod followers;
mod late;
mod onward;
mod quota;
mod suspects;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Fetcher, Job, Outcome, Settings};
use crate::{
    call::{self, Answer, Broker, Call, Target, Token, fetch, list_offsets, metadata},
    config::Config,
    core::{Channel, ChannelId, ClaimId, Cluster, Tokens, Waits, cluster},
    error::{Error, ErrorKind},
    protocol::ErrorCode,
    record::{
        self, Decompressor, Limits,
        build::{BatchBuilder, MessageSetBuilder, NewRecord},
    },
};

const KIB: usize = 1024;
const MAX_WAIT: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_secs(2);

fn settings() -> Settings {
    Settings {
        min_bytes: 1,
        default_bytes: 64 * KIB,
        max_partition_bytes: None,
        max_bytes: 1024 * KIB,
        max_wait: MAX_WAIT,
        read_timeout: Duration::from_secs(30),
        read_committed: false,
        is_converted: false,
        rack_id: String::new(),
        budget: 1024 * KIB,
        largest_answer: 1024 * KIB,
        retry: Waits::Listed([RETRY].into()),
        retry_max: None,
        quiet_retries: 1,
    }
}

/// One topic, led by broker 1; broker 2 follows.
struct Bench {
    now: Instant,
    cluster: Cluster,
    fetcher: Fetcher,
    tokens: Tokens,
    channels: BTreeMap<ChannelId, Channel>,
    /// Whether answers have a limit as a whole.
    is_bounded: bool,
}

/// A fetch that went out.
struct Sent {
    to: Target,
    token: Token,
    ask: fetch::Ask,
}

impl Sent {
    fn partitions(&self) -> Vec<i32> {
        self.ask.partitions.iter().map(|p| p.partition).collect()
    }

    /// How much of each partition.
    fn sizes(&self) -> impl Iterator<Item = usize> {
        self.ask.partitions.iter().map(|p| p.max_bytes as usize)
    }
}

impl Bench {
    /// Each partition has a channel of its own.
    fn new(settings: Settings, partitions: i32) -> Self {
        Self::with_channels(settings, partitions, ChannelId::Of)
    }

    fn with_channels(
        settings: Settings,
        partitions: i32,
        channel_of: impl Fn(ClaimId) -> ChannelId,
    ) -> Self {
        let now = Instant::now();
        let mut cluster = Cluster::new(
            cluster::Settings::of(&Config::default()),
            vec![Broker {
                id: None,
                host: "b".to_owned(),
                port: 9000,
            }],
            1,
        );
        cluster.describe(now, now, None, description(partitions));
        let mut bench = Self {
            now,
            cluster,
            fetcher: Fetcher::new(settings, 1),
            tokens: Tokens::default(),
            channels: BTreeMap::new(),
            is_bounded: true,
        };
        for partition in 0..partitions {
            let claim = claim(partition);
            let channel = channel_of(claim);
            bench.channels.insert(channel, Channel::new(16));
            let topic = Arc::from("t");
            let at = (partition, 0);
            bench
                .fetcher
                .read(claim, (channel, 16), &topic, at, &bench.cluster);
        }
        bench
    }

    /// Of 32 partitions the first has brought so many bytes, which are in its user's channel.
    fn with_a_full_channel(bytes: impl Fn(usize) -> usize) -> Self {
        let settings = Settings {
            default_bytes: KIB,
            ..settings()
        };
        let share = settings.budget / 32;
        let mut bench = Self::new(settings, 32);
        let sent = bench.fetch();
        bench.feed(&sent, &[(0, bytes(share))]);
        assert_eq!(bench.deliver(), [(claim(0), 0)]);
        bench
    }

    /// One partition, whose leader has sent its reader to the other broker, which is asked.
    fn at_follower(settings: Settings) -> (Self, Sent) {
        let mut bench = Self::new(settings, 1);
        let sent = bench.fetch();
        bench.answer(&sent, sent_to(2));
        let sent = bench.fetch();
        assert_eq!(sent.to.broker.id, Some(2));
        (bench, sent)
    }

    /// Two partitions. The leader has sent the reader of the first one to the other broker. Both are asked: the follower, for
    /// the first one, and the leader, for the second one.
    fn at_follower_and_leader(settings: Settings) -> (Self, Sent, Sent) {
        let mut bench = Self::new(settings, 2);
        let sent = bench.fetch();
        bench.answer(&sent, vec![follow(0), silent(1)]);
        let (first, second) = (bench.fetch(), bench.fetch());
        assert_eq!(
            (first.partitions(), second.partitions()),
            (vec![0], vec![1])
        );
        (bench, first, second)
    }

    /// The cluster is described anew, by the broker that follows.
    fn describe(&mut self, description: metadata::Answer) -> Vec<Outcome> {
        self.describe_by(2, self.now, description)
    }

    fn describe_by(
        &mut self,
        broker: i32,
        asked_at: Instant,
        description: metadata::Answer,
    ) -> Vec<Outcome> {
        let by = Broker {
            id: Some(broker),
            host: "b".to_owned(),
            port: 9000 + broker as u16,
        };
        self.cluster
            .describe(self.now, asked_at, Some(&by), description);
        self.fetcher.leaders_changed(self.now, &self.cluster)
    }

    /// The cluster is described anew: the first partition has another leader.
    fn move_leader(&mut self, partitions: i32, to: i32) {
        let mut moved = description(partitions);
        moved.topics[0].partitions[0].leader = Some(to);
        self.describe(moved);
    }

    /// The cluster is described anew: the one partition has the same leader in another epoch.
    fn elect_again(&mut self) {
        let mut elected = description(1);
        elected.topics[0].partitions[0].leader_epoch = Some(4);
        self.describe(elected);
    }

    /// The leader says that its log does not have the offset, twice, and the descriptions between call it the leader.
    fn refuse_for_good(&mut self, sent: &Sent) -> Vec<Outcome> {
        self.refuse(sent);
        self.confirm_leader();
        let sent = self.fetch();
        self.refuse(&sent)
    }

    /// The one partition is said not to have the offset.
    fn refuse(&mut self, sent: &Sent) -> Vec<Outcome> {
        let refused = fetched(0, ErrorCode::OFFSET_OUT_OF_RANGE, Vec::new());
        self.answer(sent, vec![refused])
    }

    /// The other broker calls it the leader, as often as it takes.
    fn confirm_leader(&mut self) {
        for _ in 0..2 {
            self.describe(description(1));
        }
    }

    fn try_fetch(&mut self) -> Option<Sent> {
        let (to, token, call, _) =
            self.fetcher
                .poll_fetch(self.now, &self.cluster, &mut self.tokens)?;
        match call {
            Call::Fetch(ask) => Some(Sent { to, token, ask }),
            other => panic!("no fetch: {other:?}"),
        }
    }

    fn fetch(&mut self) -> Sent {
        self.try_fetch().expect("a fetch is due")
    }

    fn answer(&mut self, sent: &Sent, partitions: Vec<fetch::Fetched>) -> Vec<Outcome> {
        self.answer_with(sent, answer(partitions))
    }

    fn answer_with(&mut self, sent: &Sent, answer: fetch::Answer) -> Vec<Outcome> {
        let result = Ok(Answer::Fetch(fetch::Answer {
            is_bounded: self.is_bounded,
            ..answer
        }));
        self.fetcher
            .answer(self.now, sent.token, result, &self.cluster)
    }

    fn fail(&mut self, sent: &Sent, error: Error) -> Vec<Outcome> {
        self.fetcher
            .answer(self.now, sent.token, Err(error), &self.cluster)
    }

    /// The first claim does not read yet: its offset is looked up.
    fn look_up(&mut self) {
        self.fetcher.remove(claim(0));
        let (topic, oldest) = (Arc::from("t"), list_offsets::At::Oldest);
        self.fetcher
            .look_up(claim(0), &topic, 0, oldest, &self.cluster);
    }

    /// Answers all partitions, these with records of so many bytes.
    fn feed(&mut self, sent: &Sent, bytes: &[(i32, usize)]) -> Vec<Outcome> {
        let of = |p: &fetch::Partition| {
            let size = bytes
                .iter()
                .find(|(partition, _)| *partition == p.partition);
            let batches = size
                .map(|(_, size)| batch(p.offset, *size))
                .into_iter()
                .collect();
            fetched(p.partition, ErrorCode::NONE, batches)
        };
        let partitions = sent.ask.partitions.iter().map(of).collect();
        self.answer(sent, partitions)
    }

    /// Answers as a broker does that has much: as far as the answer may go, in the order asked for.
    fn fill(&mut self, sent: &Sent) -> Vec<Outcome> {
        let mut left = sent.ask.max_bytes as usize;
        let mut sizes = Vec::new();
        for p in &sent.ask.partitions {
            let size = left.min(p.max_bytes as usize).saturating_sub(200);
            if size > 0 {
                sizes.push((p.partition, size));
                left -= size + 200;
            }
        }
        self.feed(sent, &sizes)
    }

    /// The user takes all that is in the channel of a claim.
    fn take(&mut self, claim: ClaimId) {
        self.take_from(ChannelId::Of(claim));
    }

    fn take_from(&mut self, channel: ChannelId) {
        let channel = self.channels.get_mut(&channel).unwrap();
        for (claim, bytes) in channel.take_all() {
            self.fetcher.taken(claim, bytes);
        }
    }

    /// Decodes and delivers what can be; the user takes nothing.
    fn deliver(&mut self) -> Vec<(ClaimId, i64)> {
        self.deliver_to(|_| true)
    }

    /// The same, where not all may get something.
    fn deliver_to(&mut self, may_get: impl Fn(ClaimId) -> bool) -> Vec<(ClaimId, i64)> {
        let mut delivered = Vec::new();
        while let Some(job) = self.fetcher.poll_job(&self.channels) {
            let done = job.decode(&Limits::default(), &mut Decompressor::default());
            self.fetcher.decoded(self.now, done);
        }
        let mut held_back = Vec::new();
        for (id, channel) in &mut self.channels {
            while let Some((claim, block)) =
                self.fetcher.poll_block(self.now, *id, channel, |claim, _| {
                    held_back.extend((!may_get(claim)).then_some(claim));
                    may_get(claim)
                })
            {
                delivered.extend((0..block.len()).map(|i| (claim, block.record(i).offset())));
            }
        }
        for claim in held_back {
            self.fetcher.hold_back(claim);
        }
        delivered
    }
}

#[test]
fn what_is_small_and_not_compressed_is_decoded_on_the_way() {
    let job = |sizes: &[usize]| {
        let batches = sizes.iter().enumerate();
        Job {
            claim: claim(0),
            batches: batches.map(|(at, size)| batch(at as i64, *size)).collect(),
            from_offset: 0,
            block_records: 16,
            enough: KIB,
        }
    };
    assert!(job(&[10]).is_quick());
    assert!(job(&[5 * KIB, 10 * KIB]).is_quick());
    assert!(!job(&[10 * KIB, 10 * KIB]).is_quick());
    let mut compressed = BatchBuilder::new(0).codec(record::Codec::Lz4);
    compressed.push(&NewRecord::default());
    let batches = vec![split(&compressed.build())];
    assert!(
        !Job {
            batches,
            ..job(&[])
        }
        .is_quick()
    );
}

/// Whatever happens, each reading stands in the lines that a look at all readings would find.
#[test]
fn the_lines_are_right_after_every_change() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut bench = Bench::new(settings(), 12);
        let mut sent = Vec::new();
        for _ in 0..300 {
            let chosen = claim(rng.i32(0..12));
            match rng.u32(0..9) {
                0 | 1 => sent.extend(bench.try_fetch()),
                2 | 3 if !sent.is_empty() => {
                    let question = sent.swap_remove(rng.usize(..sent.len()));
                    let sizes = [1, 300, 40 * KIB].map(|size| (rng.i32(0..12), size));
                    bench.feed(&question, &sizes);
                }
                4 if !sent.is_empty() => {
                    let question = sent.swap_remove(rng.usize(..sent.len()));
                    let code = rng.choice([
                        ErrorCode::NOT_LEADER_OR_FOLLOWER,
                        ErrorCode::OFFSET_OUT_OF_RANGE,
                    ]);
                    let code = code.unwrap();
                    let refused = |p: &fetch::Partition| fetched(p.partition, code, Vec::new());
                    bench.answer(
                        &question,
                        question.ask.partitions.iter().map(refused).collect(),
                    );
                }
                5 => _ = bench.deliver(),
                6 => {
                    let held = bench
                        .fetcher
                        .readings
                        .get(chosen)
                        .map_or(0, |r| r.delivered);
                    bench.fetcher.taken(chosen, held);
                }
                7 => bench.fetcher.pause(chosen, rng.bool()),
                _ => {
                    bench.fetcher.remove(chosen);
                    let at = (chosen.0 as i32 - 1, 0);
                    let channel = (ChannelId::Of(chosen), 16);
                    let topic = Arc::from("t");
                    bench
                        .fetcher
                        .read(chosen, channel, &topic, at, &bench.cluster);
                    bench.channels.insert(channel.0, Channel::new(16));
                }
            }
            bench.now += Duration::from_millis(rng.u64(0..500));
            bench.fetcher.readings.settle();
            bench.fetcher.readings.check();
        }
    }
}

fn claim(partition: i32) -> ClaimId {
    ClaimId(partition as u64 + 1)
}

fn description(partitions: i32) -> metadata::Answer {
    let broker = |id| metadata::Broker {
        id,
        host: "b".to_owned(),
        port: 9000 + id as u16,
        rack: None,
    };
    let partition = |id| metadata::Partition {
        error: ErrorCode::NONE,
        id,
        leader: Some(1),
        leader_epoch: Some(3),
        replicas: vec![1, 2],
        in_sync_replicas: vec![1, 2],
        offline_replicas: Vec::new(),
    };
    metadata::Answer {
        brokers: vec![broker(1), broker(2)],
        topics: vec![metadata::Topic {
            error: ErrorCode::NONE,
            name: "t".to_owned(),
            id: None,
            is_internal: false,
            partitions: (0..partitions).map(partition).collect(),
        }],
        ..metadata::Answer::default()
    }
}

/// One record whose value has so many bytes.
fn bytes_of(offset: i64, size: usize) -> Vec<u8> {
    let value = vec![b'v'; size];
    let record = NewRecord {
        timestamp_ms: 0,
        key: None,
        value: Some(&value),
        headers: &[],
    };
    BatchBuilder::new(offset).push(&record).build()
}

fn batch(offset: i64, size: usize) -> record::Batch {
    split(&bytes_of(offset, size))
}

fn split(bytes: &[u8]) -> record::Batch {
    record::split(bytes, &Limits::default()).batches.remove(0)
}

/// The cluster is to be described anew, and nothing else.
#[track_caller]
fn assert_stale(outcomes: &[Outcome]) {
    assert!(matches!(outcomes, [Outcome::StaleMetadata]), "{outcomes:?}");
}

/// The one outcome is that this offset is out of range.
#[track_caller]
fn assert_out_of_range(outcomes: &[Outcome], at: i64) {
    assert!(
        matches!(outcomes, [Outcome::OutOfRange { offset, .. }] if *offset == at),
        "{outcomes:?}"
    );
}

fn answer(partitions: Vec<fetch::Fetched>) -> fetch::Answer {
    fetch::Answer {
        error: ErrorCode::NONE,
        throttle: Duration::ZERO,
        partitions,
        ends: None,
        wire_bytes: 0,
        is_bounded: true,
    }
}

fn fetched(partition: i32, error: ErrorCode, batches: Vec<record::Batch>) -> fetch::Fetched {
    fetch::Fetched {
        topic: "t".to_owned(),
        partition,
        error,
        high_watermark: Some(100),
        log_start: None,
        aborted: Vec::new(),
        preferred_read_replica: None,
        batches,
        needs_bytes: None,
        converted_to_nothing: false,
        broken: None,
    }
}

fn reports(outcomes: &[Outcome]) -> Vec<&Error> {
    fn report(outcome: &Outcome) -> Option<&Error> {
        match outcome {
            Outcome::Report(_, error) => Some(error),
            _ => None,
        }
    }
    outcomes.iter().filter_map(report).collect()
}

#[test]
fn a_claim_that_is_not_read_is_left_out_and_the_others_go_on() {
    let mut bench = Bench::new(settings(), 2);
    for _ in 0..10 {
        let Some(sent) = bench.try_fetch() else { break };
        bench.feed(&sent, &[(0, 40 * KIB), (1, 40 * KIB)]);
        // Only the user of partition 1 reads.
        bench.fetcher.remove(claim(1));
        let at = (1, 0);
        bench.fetcher.read(
            claim(1),
            (ChannelId::Of(claim(1)), 16),
            &Arc::from("t"),
            at,
            &bench.cluster,
        );
    }
    assert_eq!(
        bench.fetch().partitions(),
        [1],
        "partition 0 has enough buffered"
    );
}

#[test]
fn a_claim_whose_share_is_in_the_users_channel_waits_for_the_user_and_then_goes_on() {
    let mut bench = Bench::with_a_full_channel(|_| 40 * KIB);
    let others = bench.fetch();
    assert_eq!(others.partitions(), (1..32).collect::<Vec<_>>());
    assert!(
        bench.fetcher.wants_room(),
        "else nobody looks what the user takes"
    );

    bench.fetcher.taken(claim(0), bench.fetcher.buffered());
    assert!(!bench.fetcher.wants_room());
    bench.feed(&others, &[]);
    assert!(bench.fetch().partitions().contains(&0));
}

/// A broker is asked for a short poll where a claim will soon have room, but not while its user stands still.
#[test]
fn a_user_who_stands_still_makes_nobody_poll_often() {
    let mut bench = Bench::with_a_full_channel(|_| 40 * KIB);
    let mut waits = Vec::new();
    for _ in 0..5 {
        let sent = bench.fetch();
        assert!(!sent.partitions().contains(&0));
        waits.push(sent.ask.max_wait_ms);
        bench.feed(&sent, &[]);
        bench.now += Duration::from_millis(300);
    }
    assert_eq!(waits[4], MAX_WAIT.as_millis() as i32, "{waits:?}");
    assert!(waits.is_sorted(), "{waits:?}");
}

/// The next batch may be larger than what is left of the share, and nothing but the user's taking makes that
/// more.
#[test]
fn whoever_is_asked_less_for_because_of_what_the_user_has_waits_for_the_user() {
    let mut bench = Bench::with_a_full_channel(|share| share - KIB);
    let sent = bench.fetch();
    let asked = sent.ask.partitions.iter().find(|p| p.partition == 0);
    assert!((asked.unwrap().max_bytes as usize) < KIB);
    assert!(bench.fetcher.wants_room());
    bench.fetcher.taken(claim(0), bench.fetcher.buffered());
    assert!(!bench.fetcher.wants_room());
}

/// Brokers before 0.10.1 cut the batch off then, and asking again for the same would bring the same.
#[test]
fn a_batch_that_does_not_fit_into_the_rest_of_the_share_is_asked_for_when_it_does() {
    let settings = Settings {
        default_bytes: 8 * KIB,
        budget: 16 * KIB,
        ..settings()
    };
    let mut bench = Bench::new(settings, 1);
    let sent = bench.fetch();
    bench.feed(&sent, &[(0, 10 * KIB)]);
    assert_eq!(bench.deliver(), [(claim(0), 0)]);
    let sent = bench.fetch();
    let rest = sent.ask.partitions[0].max_bytes as usize;
    assert!(rest < 7 * KIB, "{rest}");
    let cut = fetch::Fetched {
        needs_bytes: Some(7 * KIB),
        ..fetched(0, ErrorCode::NONE, Vec::new())
    };
    let outcomes = bench.answer(&sent, vec![cut]);
    assert!(reports(&outcomes).is_empty(), "{outcomes:?}");
    assert!(bench.try_fetch().is_none());
    assert!(bench.fetcher.wants_room());

    bench.fetcher.taken(claim(0), bench.fetcher.buffered());
    let sent = bench.fetch();
    assert_eq!(sent.ask.partitions[0].max_bytes as usize, 8 * KIB);
}

#[test]
fn what_is_asked_for_and_held_never_exceeds_the_budget() {
    let settings = Settings {
        budget: 256 * KIB,
        ..settings()
    };
    let mut bench = Bench::with_channels(settings, 8, |_| ChannelId::Shared);
    let mut most = 0;
    for _ in 0..50 {
        let Some(sent) = bench.try_fetch() else { break };
        let asked = sent.ask.max_bytes as usize;
        assert!(bench.fetcher.buffered() + asked <= 256 * KIB);
        bench.fill(&sent);
        most = most.max(bench.fetcher.buffered());
    }
    assert!(most > 128 * KIB, "it is made use of: {most}");
    assert!(
        bench.try_fetch().is_none(),
        "nobody reads, so nothing more is asked for"
    );
}

/// With a channel each, for in one channel the others' records would have to wait all the same.
#[test]
fn claims_whose_users_stand_still_starve_no_other() {
    let settings = Settings {
        budget: 256 * KIB,
        ..settings()
    };
    // Half of them have enough to do: their shares together, or more than the budget.
    for (claims, is_large) in [(4, false), (8, false), (8, true)] {
        let mut bench = Bench::new(settings.clone(), claims);
        let mut got = BTreeMap::<ClaimId, usize>::new();
        for _ in 0..100 {
            if let Some(sent) = bench.try_fetch() {
                match is_large {
                    true => bench.feed(&sent, &[(sent.partitions()[0], 200 * KIB)]),
                    false => bench.fill(&sent),
                };
            }
            for (claim, _) in bench.deliver() {
                *got.entry(claim).or_default() += 1;
            }
            for moving in claims / 2..claims {
                bench.take(claim(moving));
            }
        }
        let moving: Vec<_> = (claims / 2..claims).map(|p| got[&claim(p)]).collect();
        assert!(moving.iter().all(|records| *records >= 10), "{got:?}");
    }
}

#[test]
fn no_answer_takes_the_budget_for_itself() {
    let settings = Settings {
        budget: 256 * KIB,
        default_bytes: 16 * KIB,
        ..settings()
    };
    let mut bench = Bench::new(settings.clone(), 32);
    let sent = bench.fetch();
    assert_eq!(sent.partitions().len(), 32, "all can be in it");
    assert_eq!(sent.ask.max_bytes as usize, 64 * KIB);
    // One fetch of one partition fits in any case, and a small budget too has its quarter asked for.
    for (budget, default_bytes, asked) in [(256, 128, 128), (100, 16, 25), (100, 32, 32)] {
        let settings = Settings {
            budget: budget * KIB,
            default_bytes: default_bytes * KIB,
            ..settings.clone()
        };
        let sent = Bench::new(settings, 32).fetch();
        assert_eq!(sent.ask.max_bytes as usize, asked * KIB);
    }
}

#[test]
fn a_budget_too_small_for_all_brokers_at_once_starves_none() {
    let budget = 64 * KIB;
    let mut bench = Bench::new(
        Settings {
            budget,
            ..settings()
        },
        3,
    );
    let mut spread = description(3);
    spread.brokers.push(metadata::Broker {
        id: 3,
        port: 9003,
        ..spread.brokers[0].clone()
    });
    for (leader, partition) in (1..).zip(&mut spread.topics[0].partitions) {
        partition.leader = Some(leader);
    }
    bench.describe(spread);
    let mut asked = BTreeMap::new();
    let mut on_their_way: Vec<Sent> = Vec::new();
    for _ in 0..20 {
        while let Some(sent) = bench.try_fetch() {
            *asked.entry(sent.partitions()).or_insert(0) += 1;
            on_their_way.push(sent);
        }
        // The logs are silent: one after the other the brokers answer nothing.
        bench.now += MAX_WAIT;
        bench.feed(&on_their_way.remove(0), &[]);
    }
    let least = asked.values().min();
    assert!(asked.len() == 3 && least >= Some(&6), "{asked:?}");
}

#[test]
fn whoever_was_served_goes_to_the_end_of_the_line() {
    let mut bench = Bench::new(settings(), 3);
    let sent = bench.fetch();
    assert_eq!(sent.partitions(), [0, 1, 2]);
    bench.feed(&sent, &[(0, 10)]);
    let sent = bench.fetch();
    assert_eq!(sent.partitions(), [1, 2, 0]);
    bench.feed(&sent, &[(1, 10), (2, 10)]);
    assert_eq!(bench.fetch().partitions(), [0, 1, 2]);
}

#[test]
fn the_next_fetch_goes_out_before_the_answer_is_decoded() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    bench.feed(&sent, &[(0, 10)]);
    assert_eq!(
        bench.fetch().ask.partitions[0].offset,
        1,
        "the header alone tells where to go on"
    );
    assert_eq!(bench.deliver(), [(claim(0), 0)]);
}

/// With one channel, and little records or large ones.
#[test]
fn a_claim_that_waits_for_an_acknowledgement_holds_up_no_other() {
    for size in [10, 20 * KIB] {
        let settings = Settings {
            default_bytes: 256 * KIB,
            ..settings()
        };
        let mut bench = Bench::with_channels(settings, 2, |_| ChannelId::Shared);
        let mut got = 0;
        for _ in 0..200 {
            if let Some(sent) = bench.try_fetch() {
                let of = |p: &fetch::Partition| {
                    let batches = (0..8).map(|i| batch(p.offset + i, size));
                    fetched(p.partition, ErrorCode::NONE, batches.collect())
                };
                let partitions = sent.ask.partitions.iter().map(of).collect();
                bench.answer(&sent, partitions);
            }
            got += bench.deliver_to(|to| to == claim(1)).len();
            bench.take_from(ChannelId::Shared);
        }
        assert!(got >= 1000, "{got}");
        let moving = bench.deliver_to(|to| to == claim(0));
        assert!(moving.first() == Some(&(claim(0), 0)), "{moving:?}");
        bench.fetcher.acknowledged(claim(0), ChannelId::Shared);
        bench.fetcher.readings.check();
        let mut all = moving;
        for _ in 0..4 {
            bench.take_from(ChannelId::Shared);
            all.extend(bench.deliver_to(|to| to == claim(0)));
        }
        assert!(all.len() > 16, "it goes on: {all:?}");
        assert!(
            all.iter()
                .map(|(_, offset)| *offset)
                .eq(0..all.len() as i64)
        );
    }
}

/// Though all that may be buffered is theirs.
#[test]
fn claims_that_wait_for_acknowledgements_starve_no_other() {
    let claims = 8;
    let moving = claim(claims - 1);
    let mut bench = Bench::with_channels(settings(), claims, |_| ChannelId::Shared);
    let mut got = 0;
    for _ in 0..100 {
        if let Some(sent) = bench.try_fetch() {
            bench.feed(&sent, &[(sent.partitions()[0], 200 * KIB)]);
        }
        got += bench.deliver_to(|to| to == moving).len();
        bench.take_from(ChannelId::Shared);
    }
    assert!(got >= 10, "{got}");
    // What is beyond the budget is what one of them needs.
    assert!(bench.fetcher.buffered() < 1024 * KIB + 2 * 200 * KIB);
    for standing in (0..claims - 1).map(claim) {
        bench.fetcher.acknowledged(standing, ChannelId::Shared);
    }
    assert!(!bench.deliver().is_empty());
    let nothing = bench.try_fetch().is_none();
    assert!(nothing, "its reader has enough, so all share the budget");
}

/// Decompression takes long, and what needs none is decoded on the way.
#[cfg(feature = "lz4")]
#[test]
fn what_is_not_compressed_waits_for_no_decoder() {
    let mut bench = Bench::new(settings(), 6);
    let sent = bench.fetch();
    let of = |p: &fetch::Partition| {
        let compressed = vec![bomb(0)];
        let mixed = vec![batch(0, 10), bomb(1)];
        let batches = if p.partition == 5 { mixed } else { compressed };
        fetched(p.partition, ErrorCode::NONE, batches)
    };
    let partitions = sent.ask.partitions.iter().map(of).collect();
    bench.answer(&sent, partitions);
    let jobs = std::iter::from_fn(|| bench.fetcher.poll_job(&bench.channels));
    let jobs: Vec<Job> = jobs.collect();
    assert_eq!(jobs.len(), 5);
    let quick: Vec<_> = jobs.iter().filter(|job| job.is_quick()).collect();
    assert!(matches!(quick[..], [job] if job.claim == claim(5) && job.batches.len() == 1));
}

/// Most logs are silent, mostly.
#[test]
fn while_there_is_much_room_a_claim_is_asked_for_more_than_a_share() {
    let settings = Settings {
        default_bytes: 256 * KIB,
        budget: 4096 * KIB,
        ..settings()
    };
    let mut bench = Bench::new(settings, 32);
    let first = bench.fetch();
    assert_eq!(
        first.sizes().max(),
        Some(128 * KIB),
        "nothing is known of the broker yet"
    );
    bench.feed(&first, &[]);
    let mut asked = Vec::new();
    while let Some(sent) = bench.try_fetch() {
        asked.push(sent.sizes().max().unwrap() / KIB);
        bench.fill(&sent);
    }
    assert_eq!(asked.first(), Some(&256));
    assert!(asked.is_sorted_by(|one, next| one >= next) && asked.contains(&128));
}

/// Before 0.10.1 an answer may have as much of each partition as was asked for, all of them together.
#[test]
fn where_only_partitions_have_limits_none_is_asked_for_more_than_its_share() {
    let settings = Settings {
        default_bytes: 256 * KIB,
        budget: 4096 * KIB,
        ..settings()
    };
    let mut bench = Bench::new(settings, 32);
    bench.is_bounded = false;
    for _ in 0..3 {
        let sent = bench.fetch();
        let most: usize = sent.sizes().sum();
        assert!(most <= 4096 * KIB, "{most}");
        bench.feed(&sent, &[]);
    }
}

/// A broker that converts to an older format has to fill the answer, and may have nothing else to say.
#[test]
fn where_nothing_is_left_by_conversion_more_is_asked_for() {
    let mut bench = Bench::new(settings(), 1);
    let mut asked = Vec::new();
    for round in 0..6 {
        if round > 2 {
            assert!(
                bench.try_fetch().is_none(),
                "it would be answered so at once"
            );
            bench.now += MAX_WAIT;
        }
        let sent = bench.fetch();
        asked.push(sent.ask.partitions[0].max_bytes as usize / KIB);
        let nothing = fetch::Fetched {
            converted_to_nothing: true,
            ..fetched(0, ErrorCode::NONE, Vec::new())
        };
        let outcomes = bench.answer(&sent, vec![nothing]);
        assert!(reports(&outcomes).is_empty());
    }
    assert_eq!(
        asked,
        [64, 128, 256, 256, 256, 256],
        "a quarter of the budget"
    );
    bench.now += MAX_WAIT;
    let sent = bench.fetch();
    bench.feed(&sent, &[(0, 10)]);
    assert_eq!(bench.fetch().ask.partitions[0].max_bytes as usize, 64 * KIB);
}

/// A record of 4 MiB in a few KiB.
#[cfg(feature = "lz4")]
fn bomb(offset: i64) -> record::Batch {
    let value = vec![0; 4096 * KIB];
    let record = NewRecord {
        value: Some(&value),
        ..NewRecord::default()
    };
    let mut batch = BatchBuilder::new(offset).codec(record::Codec::Lz4);
    split(&batch.push(&record).build())
}

/// What decompresses to much waits as it came until there is room, and comes to everybody in the end.
#[cfg(feature = "lz4")]
#[test]
fn a_few_bytes_that_become_many_stay_within_the_budget() {
    const LARGEST: usize = 4100 * KIB;
    let budget = 8 * LARGEST;
    let settings = Settings {
        budget,
        ..settings()
    };
    let mut bench = Bench::new(settings, 8);
    let sent = bench.fetch();
    let of =
        |p: &fetch::Partition| fetched(p.partition, ErrorCode::NONE, (0..4).map(bomb).collect());
    let partitions = sent.ask.partitions.iter().map(of).collect();
    bench.answer(&sent, partitions);
    let mut got = Vec::new();
    while got.len() < 8 * 4 {
        let mut jobs = Vec::new();
        while let Some(job) = bench.fetcher.poll_job(&bench.channels) {
            jobs.push(job);
        }
        assert!(jobs.len() <= 4, "each can become large");
        for job in jobs {
            let done = job.decode(&Limits::default(), &mut Decompressor::default());
            assert!(done.blocks.len() <= 1, "one makes enough");
            bench.fetcher.decoded(bench.now, done);
        }
        // Half of the budget, what was on its way, and one for each who had none.
        let most = budget / 2 + 4 * LARGEST + 8 * LARGEST;
        assert!(bench.fetcher.buffered() <= most);
        let new = bench.deliver();
        assert!(!new.is_empty(), "it goes on");
        got.extend(new);
        for partition in 0..8 {
            bench.take(claim(partition));
        }
    }
    for partition in 0..8 {
        let of_claim = got.iter().filter(|(c, _)| *c == claim(partition));
        assert!(of_claim.map(|(_, offset)| *offset).eq(0..4));
    }
}

/// The log was cut back and written anew: where its batches start is not where they started before.
#[test]
fn batches_that_overlap_bring_no_record_twice() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    let three = |offset| {
        let mut batch = BatchBuilder::new(offset);
        for _ in 0..3 {
            batch.push(&NewRecord::default());
        }
        split(&batch.build())
    };
    bench.answer(&sent, vec![fetched(0, ErrorCode::NONE, vec![three(0)])]);
    let sent = bench.fetch();
    assert_eq!(sent.ask.partitions[0].offset, 3);
    bench.answer(&sent, vec![fetched(0, ErrorCode::NONE, vec![three(2)])]);
    let offsets = bench.deliver().into_iter().map(|(_, offset)| offset);
    assert_eq!(offsets.collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

/// What a broker makes of a newer batch for an older client ends with its last record, behind which compaction may
/// have removed others.
#[cfg(feature = "lz4")]
#[test]
fn a_message_set_from_below_the_offset_hides_nothing() {
    let set = |offset| {
        let mut batch = MessageSetBuilder::new(1, offset).codec(record::Codec::Lz4);
        for _ in 0..2 {
            batch.push(&NewRecord::default());
        }
        split(&batch.build())
    };
    for is_converted in [true, false] {
        let settings = Settings {
            is_converted,
            ..settings()
        };
        let mut bench = Bench::new(settings, 1);
        let sent = bench.fetch();
        bench.answer(&sent, vec![fetched(0, ErrorCode::NONE, vec![set(0)])]);
        bench.fetcher.remove(claim(0));
        let channel = (ChannelId::Of(claim(0)), 16);
        let topic = Arc::from("t");
        // Offset 2 is gone, and 3 is to be read.
        bench
            .fetcher
            .read(claim(0), channel, &topic, (0, 3), &bench.cluster);
        let sent = bench.fetch();
        if !is_converted {
            // Its offset is damaged, so it may be what belongs there.
            let after_it = vec![fetched(0, ErrorCode::NONE, vec![set(0), set(3)])];
            assert_eq!(reports(&bench.answer(&sent, after_it)).len(), 1);
            assert_eq!(bench.deliver(), []);
            continue;
        }
        let at_the_end = vec![fetched(0, ErrorCode::NONE, vec![set(0)])];
        assert!(reports(&bench.answer(&sent, at_the_end)).is_empty());
        let sent = bench.fetch();
        let asked = sent.ask.partitions[0].max_bytes as usize;
        assert!(
            asked > 64 * KIB,
            "the next one may be out of reach: {asked}"
        );
        let more = vec![fetched(0, ErrorCode::NONE, vec![set(0), set(3)])];
        assert!(reports(&bench.answer(&sent, more)).is_empty());
        assert_eq!(bench.deliver(), [(claim(0), 3), (claim(0), 4)]);
    }
}

/// It is not decoded, and yet it says where to go on.
#[test]
fn a_damaged_batch_of_an_aborted_transaction_is_not_passed_over() {
    let mut bench = Bench::new(
        Settings {
            read_committed: true,
            ..settings()
        },
        1,
    );
    let sent = bench.fetch();
    let mut bytes = BatchBuilder::new(0)
        .producer(7, 0, 0)
        .transactional()
        .push(&NewRecord::default())
        .build();
    // The last of the four bytes that tell its last offset.
    bytes[26] ^= 16;
    let aborted = fetch::Fetched {
        aborted: vec![fetch::Aborted {
            producer_id: 7,
            first_offset: 0,
        }],
        ..fetched(0, ErrorCode::NONE, vec![split(&bytes)])
    };
    let outcomes = bench.answer(&sent, vec![aborted]);
    assert_eq!(*reports(&outcomes)[0].kind(), ErrorKind::Record);
    bench.now += RETRY;
    assert_eq!(bench.fetch().ask.partitions[0].offset, 0);
}

/// Scenario 20: a batch that is damaged on its way.
#[test]
fn a_batch_that_cannot_be_decoded_is_fetched_again_and_what_was_fetched_ahead_is_dropped() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    let mut damaged = bytes_of(1, 10);
    *damaged.last_mut().unwrap() ^= 1;
    let batches = vec![batch(0, 10), split(&damaged), batch(2, 10)];
    bench.answer(&sent, vec![fetched(0, ErrorCode::NONE, batches)]);
    let ahead = bench.fetch();
    assert_eq!(ahead.ask.partitions[0].offset, 3);

    let job = bench.fetcher.poll_job(&bench.channels).unwrap();
    let done = job.decode(&Limits::default(), &mut Decompressor::default());
    let outcomes = bench.fetcher.decoded(bench.now, done);
    assert_eq!(*reports(&outcomes)[0].kind(), ErrorKind::Record);
    assert_eq!(bench.deliver(), [(claim(0), 0)]);
    bench.feed(&ahead, &[(0, 10)]);
    assert_eq!(
        bench.deliver(),
        [],
        "what came for the old position is not delivered"
    );

    assert!(bench.try_fetch().is_none(), "it waits before it asks again");
    bench.now += RETRY;
    assert_eq!(bench.fetch().ask.partitions[0].offset, 1);
}

#[test]
fn a_batch_that_can_never_be_decoded_is_told_ever_more_rarely() {
    let mut bench = Bench::new(settings(), 1);
    let mut damaged = bytes_of(0, 10);
    *damaged.last_mut().unwrap() ^= 1;
    let mut told = Vec::new();
    for attempt in 1..=8 {
        let sent = bench.fetch();
        let again = vec![split(&damaged)];
        bench.answer(&sent, vec![fetched(0, ErrorCode::NONE, again)]);
        let job = bench.fetcher.poll_job(&bench.channels).unwrap();
        let done = job.decode(&Limits::default(), &mut Decompressor::default());
        let outcomes = bench.fetcher.decoded(bench.now, done);
        told.extend(reports(&outcomes).iter().map(|_| attempt));
        bench.now += RETRY;
    }
    assert_eq!(told, [1, 2, 4, 8]);
}

#[test]
fn failures_of_two_kinds_that_take_turns_are_both_told() {
    let mut bench = Bench::new(settings(), 1);
    for _ in 0..2 {
        let sent = bench.fetch();
        bench.feed(&sent, &[(0, 10)]);
    }
    let stale = bytes_of(0, 10);
    let mut damaged = bytes_of(2, 10);
    *damaged.last_mut().unwrap() ^= 1;
    let mut told = Vec::new();
    // Counted together, none but the damaged one would come at 1, 2, 4 and 8.
    let kinds = [
        &damaged, &damaged, &stale, &damaged, &stale, &damaged, &stale, &damaged,
    ];
    for (attempt, bytes) in (1..).zip(kinds) {
        let sent = bench.fetch();
        let again = vec![split(bytes)];
        let mut outcomes = bench.answer(&sent, vec![fetched(0, ErrorCode::NONE, again)]);
        if let Some(job) = bench.fetcher.poll_job(&bench.channels) {
            let done = job.decode(&Limits::default(), &mut Decompressor::default());
            outcomes.extend(bench.fetcher.decoded(bench.now, done));
        }
        told.extend(reports(&outcomes).iter().map(|error| {
            let why = std::error::Error::source(*error).unwrap().to_string();
            (attempt, why.contains("below the offset"))
        }));
        bench.now += RETRY;
    }
    let each = [(1, false), (2, false), (3, true), (5, true), (6, false)];
    assert_eq!(told, each);
}

#[test]
fn records_from_below_the_offset_are_no_progress() {
    let mut bench = Bench::new(settings(), 1);
    for _ in 0..2 {
        let sent = bench.fetch();
        bench.feed(&sent, &[(0, 10)]);
    }
    let sent = bench.fetch();
    assert_eq!(sent.ask.partitions[0].offset, 2);
    let stale = vec![batch(0, 10)];
    let outcomes = bench.answer(&sent, vec![fetched(0, ErrorCode::NONE, stale)]);
    assert_eq!(*reports(&outcomes)[0].kind(), ErrorKind::Record);
    assert!(bench.try_fetch().is_none(), "it waits before it asks again");

    bench.now += RETRY;
    let sent = bench.fetch();
    let hole = vec![batch(0, 10), batch(7, 10)];
    bench.answer(&sent, vec![fetched(0, ErrorCode::NONE, hole)]);
    bench.now += RETRY;
    assert_eq!(
        bench.fetch().ask.partitions[0].offset,
        2,
        "nothing is skipped"
    );
}

#[test]
fn a_batch_larger_than_the_fetch_size_is_asked_for_with_more() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    assert_eq!(sent.ask.partitions[0].max_bytes, 64 * KIB as i32);
    let cut = |needs_bytes| fetch::Fetched {
        needs_bytes,
        ..fetched(0, ErrorCode::NONE, Vec::new())
    };
    let outcomes = bench.answer(&sent, vec![cut(Some(300 * KIB))]);
    assert!(reports(&outcomes).is_empty());
    let sent = bench.fetch();
    assert!(sent.ask.partitions[0].max_bytes as usize >= 300 * KIB);
    bench.feed(&sent, &[(0, 10)]);
    assert_eq!(
        bench.fetch().ask.partitions[0].max_bytes,
        64 * KIB as i32,
        "only as long as needed"
    );
}

#[test]
fn a_batch_larger_than_any_answer_may_be_is_reported() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    let cut = fetch::Fetched {
        needs_bytes: Some(2048 * KIB),
        ..fetched(0, ErrorCode::NONE, Vec::new())
    };
    let outcomes = bench.answer(&sent, vec![cut]);
    assert_eq!(*reports(&outcomes)[0].kind(), ErrorKind::Record);
    assert_eq!(reports(&outcomes)[0].partition(), Some(0));
}

/// The leader sends its reader to this replica.
fn sent_to(replica: i32) -> Vec<fetch::Fetched> {
    vec![fetch::Fetched {
        preferred_read_replica: Some(replica),
        ..fetched(0, ErrorCode::NONE, Vec::new())
    }]
}

/// The same of this partition.
fn follow(partition: i32) -> fetch::Fetched {
    fetch::Fetched {
        partition,
        ..sent_to(2).remove(0)
    }
}

fn silent(partition: i32) -> fetch::Fetched {
    fetched(partition, ErrorCode::NONE, Vec::new())
}

fn in_a_rack() -> Settings {
    Settings {
        rack_id: "rack".to_owned(),
        ..settings()
    }
}

#[test]
fn failures_count_in_a_row_which_an_answer_without_records_ends_too() {
    let mut bench = Bench::new(
        Settings {
            retry_max: Some(2),
            ..settings()
        },
        1,
    );
    for _ in 0..5 {
        let sent = bench.fetch();
        let moved = fetched(0, ErrorCode::NOT_LEADER_OR_FOLLOWER, Vec::new());
        assert!(reports(&bench.answer(&sent, vec![moved])).is_empty());
        bench.now += RETRY;
        let sent = bench.fetch();
        bench.feed(&sent, &[]);
    }
}

#[test]
fn a_claim_out_of_range_ends_when_the_user_has_taken_what_was_read_before() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    bench.feed(&sent, &[(0, 10)]);
    assert_eq!(bench.deliver(), [(claim(0), 0)]);
    let sent = bench.fetch();
    assert!(bench.refuse_for_good(&sent).is_empty());
    assert!(bench.fetcher.wants_room(), "it waits for the user");
    bench.now += RETRY;
    assert!(bench.try_fetch().is_none(), "the leader has said it");

    let outcome = bench.fetcher.taken(claim(0), bench.fetcher.buffered());
    assert_out_of_range(outcome.as_slice(), 1);
}

#[test]
fn a_new_leader_is_asked_once_more_whether_it_has_the_offset() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    bench.feed(&sent, &[(0, 10)]);
    bench.deliver();
    let sent = bench.fetch();
    bench.refuse_for_good(&sent);
    bench.move_leader(1, 2);
    let sent = bench.fetch();
    assert_eq!(
        (sent.to.broker.id, sent.ask.partitions[0].offset),
        (Some(2), 1)
    );
}

#[test]
fn a_leader_that_does_not_have_the_offset_is_asked_again_once_others_call_it_the_leader_too() {
    let mut bench = Bench::new(settings(), 1);
    let is_stale = |outcomes: &[Outcome]| matches!(outcomes, [Outcome::StaleMetadata]);

    let sent = bench.fetch();
    let outcomes = bench.refuse(&sent);
    assert!(is_stale(&outcomes), "{outcomes:?}");
    let before = bench.now;
    bench.now += RETRY;
    assert!(bench.try_fetch().is_none(), "nothing is known yet");
    let described = [
        (2, before - RETRY, "somebody had asked before"),
        (1, bench.now, "it speaks of itself"),
        (1, bench.now, "it speaks of itself, again"),
        (2, bench.now, "one word is not enough"),
    ];
    for (broker, asked_at, why_not) in described {
        let outcomes = bench.describe_by(broker, asked_at, description(1));
        assert!(is_stale(&outcomes), "{why_not}: {outcomes:?}");
        assert!(bench.try_fetch().is_none(), "{why_not}");
    }
    assert!(bench.describe(description(1)).is_empty());
    let sent = bench.fetch();
    let outcomes = bench.refuse(&sent);
    assert_out_of_range(&outcomes, 0);
}

/// While brokers are upgraded some tell the epoch of a leader and some do not.
#[test]
fn a_leader_whose_epoch_is_not_told_is_no_other_leader() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    assert_eq!(sent.ask.partitions[0].leader_epoch, Some(3));
    bench.refuse(&sent);
    let mut told_by_old = description(1);
    told_by_old.topics[0].partitions[0].leader_epoch = None;
    bench.describe(told_by_old.clone());
    bench.describe(description(1));
    let sent = bench.fetch();
    bench.describe(told_by_old);
    let outcomes = bench.refuse(&sent);
    assert_out_of_range(&outcomes, 0);
}

/// Controllers before 2.4 can tell brokers a former epoch (KAFKA-9212), and the leader refuses who names it.
#[test]
fn an_epoch_that_the_leader_has_refused_is_not_told_it_again() {
    let mut bench = Bench::new(settings(), 1);
    let asks_with = |bench: &mut Bench, refused: bool| {
        let sent = bench.fetch();
        match refused {
            true => {
                let refused = fetched(0, ErrorCode::FENCED_LEADER_EPOCH, Vec::new());
                bench.answer(&sent, vec![refused]);
                bench.now += RETRY;
            }
            false => drop(bench.feed(&sent, &[])),
        }
        sent.ask.partitions[0].leader_epoch
    };
    assert_eq!(asks_with(&mut bench, true), Some(3));
    bench.describe(description(1));
    assert_eq!(asks_with(&mut bench, false), None);
    bench.elect_again();
    assert_eq!(asks_with(&mut bench, false), Some(4));
}

/// The leader is described with its next epoch while it is asked by the former one. What it refuses is the former one, and
/// without an epoch it would go on serving when it leads no more (since KIP-392).
#[test]
fn the_next_epoch_is_told_though_the_former_one_was_refused_meanwhile() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    assert_eq!(sent.ask.partitions[0].leader_epoch, Some(3));
    bench.elect_again();
    let refused = fetched(0, ErrorCode::FENCED_LEADER_EPOCH, Vec::new());
    bench.answer(&sent, vec![refused]);
    bench.now += RETRY;
    assert_eq!(bench.fetch().ask.partitions[0].leader_epoch, Some(4));
}

/// A broker waits in vain for more than it may send, of any partition.
#[test]
fn where_there_is_little_room_brokers_are_asked_to_wait_for_little() {
    let settings = Settings {
        min_bytes: 8 * KIB,
        default_bytes: 8 * KIB,
        budget: 16 * KIB,
        ..settings()
    };
    let mut bench = Bench::new(settings.clone(), 1);
    let sent = bench.fetch();
    assert_eq!(sent.ask.min_bytes as usize, 8 * KIB);
    bench.feed(&sent, &[(0, 10 * KIB)]);
    bench.deliver();
    let sent = bench.fetch();
    let room = sent.sizes().max().unwrap();
    assert!(0 < room && room < 8 * KIB);
    assert_eq!(sent.ask.min_bytes as usize, room);

    // Who wants more than a partition at once can have it, of several.
    let settings = Settings {
        min_bytes: 20 * KIB,
        budget: 1024 * KIB,
        ..settings
    };
    let sent = Bench::new(settings.clone(), 4).fetch();
    assert_eq!(sent.ask.min_bytes as usize, 20 * KIB);
    let sent = Bench::new(settings, 2).fetch();
    assert_eq!(sent.ask.min_bytes as usize, 16 * KIB);
}

#[test]
fn a_leader_that_alone_can_be_reached_is_believed_after_a_while() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    bench.refuse(&sent);
    bench.now += Duration::from_secs(59);
    bench.describe_by(1, bench.now, description(1));
    assert!(bench.try_fetch().is_none(), "the others may still be heard");
    bench.now += Duration::from_secs(1);
    bench.describe_by(1, bench.now, description(1));
    let sent = bench.fetch();
    let outcomes = bench.refuse(&sent);
    assert_out_of_range(&outcomes, 0);
}

#[test]
fn an_offset_that_was_not_there_for_a_moment_leads_to_nothing() {
    let mut bench = Bench::new(settings(), 1);
    for offset in [0, 1] {
        let sent = bench.fetch();
        bench.refuse(&sent);
        bench.confirm_leader();
        let sent = bench.fetch();
        assert_eq!(sent.ask.partitions[0].offset, offset);
        // What was thought of it is forgotten, so the next time it takes as much.
        bench.feed(&sent, &[(0, 10)]);
        bench.deliver();
        bench.fetcher.taken(claim(0), bench.fetcher.buffered());
    }
}

#[test]
fn one_partition_that_fails_waits_alone() {
    let mut bench = Bench::new(settings(), 2);
    let sent = bench.fetch();
    let refused = fetched(0, ErrorCode::TOPIC_AUTHORIZATION_FAILED, Vec::new());
    let outcomes = bench.answer(
        &sent,
        vec![refused, fetched(1, ErrorCode::NONE, vec![batch(0, 10)])],
    );
    assert_eq!(
        reports(&outcomes)[0].code(),
        Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED)
    );
    assert_eq!(bench.fetch().partitions(), [1]);
}

#[test]
fn a_broker_that_always_answers_at_once_with_nothing_is_not_asked_without_end() {
    let mut bench = Bench::new(settings(), 1);
    let mut requests = 0;
    let end = bench.now + Duration::from_secs(10);
    while bench.now < end {
        match bench.try_fetch() {
            Some(sent) => {
                requests += 1;
                bench.now += Duration::from_millis(1);
                bench.feed(&sent, &[]);
            }
            None => {
                bench.now = bench.fetcher.deadline().expect("it waits for something");
                bench.fetcher.expire(bench.now);
            }
        }
    }
    assert!(requests < 60, "{requests}");
}

#[test]
fn a_partition_that_its_broker_leaves_out_is_reported_and_waits() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    let outcomes = bench.answer(&sent, Vec::new());
    assert_eq!(*reports(&outcomes)[0].kind(), ErrorKind::Protocol);
    assert!(bench.try_fetch().is_none());
}

/// Whoever never wants to hear of failures that may pass does not, and nothing else happens.
#[test]
fn a_partition_without_a_leader_may_be_quiet_for_ever() {
    let settings = Settings {
        quiet_retries: u32::MAX,
        ..settings()
    };
    let mut bench = Bench::new(settings, 1);
    for _ in 0..3 {
        let mut leaderless = description(1);
        leaderless.topics[0].partitions[0].leader = None;
        assert!(reports(&bench.describe(leaderless)).is_empty());
    }
}

#[test]
fn a_look_up_that_is_refused_is_made_again_and_its_result_is_told_once() {
    let mut bench = Bench::new(settings(), 1);
    bench.look_up();
    let answer = |error, offset| {
        let listed = list_offsets::Listed {
            topic: "t".to_owned(),
            partition: 0,
            error,
            offset,
            leader_epoch: None,
        };
        Ok(Answer::ListOffsets(list_offsets::Answer {
            partitions: vec![listed],
        }))
    };
    let (to, token, ..) = bench
        .fetcher
        .poll_lookup(bench.now, &mut bench.tokens)
        .unwrap();
    assert_eq!(to.lane, call::Lane::Control);
    let moved = answer(ErrorCode::NOT_LEADER_OR_FOLLOWER, None);
    let outcomes = bench
        .fetcher
        .answer(bench.now, token, moved, &bench.cluster);
    assert_stale(&outcomes);
    assert!(
        bench
            .fetcher
            .poll_lookup(bench.now, &mut bench.tokens)
            .is_none()
    );
    bench.now += RETRY;
    let (_, token, ..) = bench
        .fetcher
        .poll_lookup(bench.now, &mut bench.tokens)
        .unwrap();
    let found = answer(ErrorCode::NONE, Some(7));
    let outcomes = bench
        .fetcher
        .answer(bench.now, token, found, &bench.cluster);
    assert!(
        matches!(outcomes[..], [Outcome::Resolved { offset: 7, .. }]),
        "{outcomes:?}"
    );
    assert!(
        bench
            .fetcher
            .poll_lookup(bench.now, &mut bench.tokens)
            .is_none()
    );
}
