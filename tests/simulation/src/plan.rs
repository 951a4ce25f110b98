//! What a seed stands for: the cluster, the group, and what goes wrong when.

use std::time::Duration;

use fastrand::Rng;
use sarama_cluster::{
    Config, ConsumerMode, KafkaVersion, Strategy,
    config::{InitialOffset, IsolationLevel, OutOfRange},
    testing::{Codec, KafkaRelease},
};

use crate::{
    fault::{Fault, Menu},
    odds::{pick, pick_ms, strikes, up_to},
    seed::{Emphasis, Seed},
    user::{Habits, Way},
    variety,
};

/// Brokers are numbered from 1 on.
pub(crate) const BROKERS: i32 = 3;

/// The most members at a time.
pub(crate) const MEMBERS: usize = 8;

/// What happens in a run, but for the chances on the way.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) release: KafkaRelease,
    /// The newest versions that the clients speak.
    pub(crate) version: KafkaVersion,
    /// How many partitions each topic has.
    pub(crate) topics: Vec<i32>,
    pub(crate) members: usize,
    pub(crate) style: Style,
    /// What all users do, where they agree on that.
    pub(crate) way: Option<Way>,
    pub(crate) load: Load,
    /// How long things go wrong.
    pub(crate) trouble: Duration,
    pub(crate) faults: Vec<(Duration, Fault)>,
    /// Members differ in more than usual, and brokers stand in racks.
    pub(crate) is_varied: bool,
}

/// In what the members of a group agree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) initial: InitialOffset,
    pub(crate) out_of_range: OutOfRange,
    pub(crate) isolation: IsolationLevel,
    pub(crate) session: Duration,
    pub(crate) rebalance: Duration,
    /// Members have names that outlive them.
    pub(crate) is_static: bool,
    /// Who comes in the end, when all is calm, is one that was there before. The group does not rebalance for it, unless
    /// something has changed; so nobody gives a partition up, or leaves a gap between acknowledgements, before.
    pub(crate) comes_back: bool,
    /// Members may subscribe to some of the topics only.
    pub(crate) subscribes_in_part: bool,
}

/// What is produced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) records: i64,
    pub(crate) batch: i64,
    pub(crate) pause: Duration,
    pub(crate) codec: Codec,
    pub(crate) has_transactions: bool,
}

/// What one member is like.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) config: Config,
    pub(crate) habits: Habits,
    /// How often it asks for a commit by itself, if it does.
    pub(crate) commits_every: Option<Duration>,
    /// Which of the topics it wants; always one that is there.
    pub(crate) wants: Vec<bool>,
}

/// The releases and what a client of that age speaks. The newest, which has most to go wrong, comes up most.
pub(crate) const RELEASES: [(KafkaRelease, KafkaVersion); 16] = {
    use KafkaRelease as R;
    use KafkaVersion as V;
    [
        (R::V4_4, V::MAX),
        (R::V4_4, V::MAX),
        (R::V4_4, V::MAX),
        (R::V4_4, V::MAX),
        (R::V4_4, V::V2_8_0),
        (R::V4_1, V::V4_1_0),
        (R::V4_0, V::V4_0_0),
        (R::V3_9, V::V3_9_0),
        (R::V3_0, V::V3_0_0),
        (R::V2_8, V::V2_8_0),
        (R::V2_4, V::V2_4_0),
        (R::V2_0, V::V2_0_0),
        (R::V1_1, V::V1_1_0),
        (R::V0_11, V::V0_11_0_0),
        (R::V0_10_2, V::V0_10_2_0),
        (R::V0_9, V::V0_9_0_0),
    ]
};

impl Plan {
    pub(crate) fn of(seed: Seed) -> Self {
        let Seed {
            number: seed,
            emphasis,
        } = seed;
        let mut rng = Rng::with_seed(seed);
        let (release, version) = loop {
            let (release, version) = pick(&mut rng, RELEASES);
            if emphasis.suits(version) {
                break (release, version);
            }
        };
        let style = Style::any(&mut rng, version, emphasis);
        let topics: Vec<i32> = (0..rng.usize(1..=2)).map(|_| rng.i32(1..=4)).collect();
        let load = Load::any(&mut rng, release);
        let menu = Menu::any(&mut rng, release, version, &style, emphasis);
        let trouble = pick_ms(&mut rng, [4_000, 10_000, 20_000, 40_000]);
        let count = rng.usize(match emphasis {
            Emphasis::Faults => 15..=30,
            _ => 0..=14,
        });
        let fault = |rng: &mut Rng| {
            let at = up_to(rng, trouble);
            loop {
                let fault = Fault::any(rng, menu);
                if emphasis.is_on(&fault) || strikes(rng, 4) {
                    return (at, fault);
                }
            }
        };
        let mut faults: Vec<_> = (0..count).map(|_| fault(&mut rng)).collect();
        faults.sort_by_key(|(at, _)| *at);
        Self {
            seed,
            release,
            version,
            topics,
            members: rng.usize(1..=4),
            style,
            way: None,
            load,
            trouble,
            faults,
            is_varied: emphasis == Emphasis::Variety,
        }
    }

    /// Two pools that acknowledge in any order; fifty times one of them is killed and another one comes.
    pub(crate) fn of_killed_pools(seed: u64) -> Self {
        let plan = Self::of(seed.into());
        let second = Duration::from_secs(1);
        let mut rng = Rng::with_seed(seed);
        let kills = (1..=50).flat_map(|number: u32| {
            let at = 3 * second * number + up_to(&mut rng, second);
            [
                (at, Fault::Kill(rng.usize(0..1_000))),
                (at + second / 10, Fault::Start),
            ]
        });
        Self {
            topics: vec![4],
            members: 2,
            style: Style {
                initial: InitialOffset::Oldest,
                session: second * 3 / 2,
                is_static: false,
                comes_back: false,
                ..plan.style
            },
            way: Some(Way::Acks),
            load: Load {
                records: 2_000,
                pause: second / 3,
                ..plan.load
            },
            trouble: second * 155,
            faults: kills.collect(),
            ..plan
        }
    }

    /// Whether commits name topics by their ids, which tell topics of one name apart.
    pub(crate) fn commits_by_id(&self) -> bool {
        self.release >= KafkaRelease::V4_4 && self.version >= KafkaVersion::V4_3_0
    }

    /// What the member of that number is like, whatever else happens.
    pub(crate) fn profile(&self, member: u32, topics: usize) -> Profile {
        let mut rng =
            Rng::with_seed(self.seed ^ u64::from(member).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let auto_commit = self.style.initial == InitialOffset::Newest || !strikes(&mut rng, 6);
        let mut config = self.config(&mut rng, auto_commit);
        let mut wants = vec![true; topics];
        if self.style.subscribes_in_part && topics > 1 {
            let one = rng.usize(0..topics);
            let all = rng.bool();
            wants = (0..topics).map(|topic| all || topic == one).collect();
        }
        let by_hand = !auto_commit || strikes(&mut rng, 4);
        let habits = Habits::any(&mut rng);
        let mut habits = self.way.map_or(habits, |way| habits.doing(way));
        if self.style.comes_back {
            habits = habits.settled();
        }
        config.consumer.returns.batches = habits.takes_batches;
        if self.is_varied {
            variety::vary(&mut config, &mut habits, self, &mut rng);
        }
        Profile {
            config,
            habits,
            commits_every: by_hand.then(|| pick_ms(&mut rng, [50, 700, 3_000])),
            wants,
        }
    }

    fn config(&self, rng: &mut Rng, auto_commit: bool) -> Config {
        let style = &self.style;
        let mut config = Config::default();
        config.version = self.version;
        config.channel_buffer_size = pick(rng, [None, Some(1), Some(7), Some(100)]);
        config.close_timeout = pick_ms(rng, [500, 3_000, 10_000]);
        config.net.read_timeout = pick_ms(rng, [1_000, 4_000, 30_000]);
        config.metadata.refresh_frequency = pick_ms(rng, [1_000, 4_000, 30_000]);
        config.metadata.full = rng.bool();
        config.group.mode = pick(rng, [ConsumerMode::Multiplex, ConsumerMode::Partitions]);
        config.group.partition_strategy = Strategy::ALL[rng.usize(0..Strategy::ALL.len())];
        config.group.session.timeout = style.session;
        config.group.heartbeat.interval = style.session / pick(rng, [3, 5]);
        config.group.rebalance.timeout = style.rebalance;
        config.group.offsets.synchronization.dwell_time = pick_ms(rng, [10, 100, 1_000]);
        let consumer = &mut config.consumer;
        consumer.returns.errors = true;
        consumer.isolation_level = style.isolation;
        consumer.max_wait_time = pick_ms(rng, [100, 500, 2_000]);
        consumer.retry.backoff = pick_ms(rng, [50, 500]);
        consumer.fetch.default = pick(rng, [100, 1_000, 1 << 20]);
        consumer.fetch.budget = pick(rng, [1, 4, 1_000]) * consumer.fetch.default as usize;
        consumer.offsets.initial = style.initial;
        consumer.offsets.out_of_range = style.out_of_range;
        consumer.offsets.auto_commit.enable = auto_commit;
        consumer.offsets.commit_interval = pick_ms(rng, [50, 500, 3_000]);
        config
    }
}

impl Style {
    fn any(rng: &mut Rng, version: KafkaVersion, emphasis: Emphasis) -> Self {
        // Who begins at the end of a log is spared much of what can go wrong.
        let is_oldest = matches!(emphasis, Emphasis::Topics | Emphasis::Statics);
        let oldest = |rng: &mut Rng| !strikes(rng, 8) || is_oldest;
        let is_about_statics = emphasis == Emphasis::Statics;
        let isolation = match version >= KafkaVersion::V0_11_0_0 && rng.bool() {
            true => IsolationLevel::ReadCommitted,
            false => IsolationLevel::ReadUncommitted,
        };
        let style = Self {
            initial: match oldest(rng) {
                true => InitialOffset::Oldest,
                false => InitialOffset::Newest,
            },
            out_of_range: match oldest(rng) {
                true => OutOfRange::Oldest,
                false => OutOfRange::Newest,
            },
            isolation,
            session: pick_ms(rng, [1_500, 3_000, 6_000]),
            rebalance: pick_ms(rng, [2_000, 5_000, 12_000]),
            is_static: version >= KafkaVersion::V2_4_0 && strikes(rng, 5) || is_about_statics,
            comes_back: false,
            subscribes_in_part: strikes(rng, 5),
        };
        // With chances of its own, so that seeds that were told of stay what they were.
        let mut chances = Rng::with_seed(!rng.get_seed());
        let comes_back = style.is_static && (chances.bool() || is_about_statics);
        Self {
            comes_back,
            subscribes_in_part: style.subscribes_in_part || comes_back,
            ..style
        }
    }
}

impl Load {
    fn any(rng: &mut Rng, release: KafkaRelease) -> Self {
        Self {
            records: pick(rng, [30, 100, 400]),
            batch: pick(rng, [1, 5, 40]),
            pause: pick_ms(rng, [50, 400, 2_000]),
            codec: pick(rng, [Codec::None, Codec::None, Codec::None, Codec::Snappy]),
            has_transactions: release >= KafkaRelease::V0_11 && rng.bool(),
        }
    }
}

impl Menu {
    fn any(
        rng: &mut Rng,
        release: KafkaRelease,
        version: KafkaVersion,
        style: &Style,
        emphasis: Emphasis,
    ) -> Self {
        // A group that begins at the end of a log loses, for good reasons, what is produced before it
        // has committed that.
        let is_safe = style.initial == InitialOffset::Oldest;
        // Without ids nobody can tell a topic from the one of the same name before it.
        let has_topic_ids = version >= KafkaVersion::V3_1_0;
        let begins_anew = style.out_of_range == OutOfRange::Oldest;
        let may_recreate = rng.bool() || emphasis == Emphasis::Topics;
        let recreates_topics = may_recreate && is_safe && has_topic_ids && begins_anew;
        Self {
            loses_members: is_safe,
            loses_records: is_safe,
            grows_topics: is_safe,
            deletes_topics: is_safe,
            recreates_topics,
            // Who has just come and hears of the newer of two topics first cannot know that it is the newer one. And the
            // newest offset of a broker that has lost touch is not the newest one.
            isolates_brokers: is_safe && begins_anew && !recreates_topics,
            // The cleaner never touches the old formats here.
            compacts: release >= KafkaRelease::V0_11,
            is_varied: emphasis == Emphasis::Variety,
        }
    }
}
