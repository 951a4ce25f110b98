//! One member: the library's desk with a simulated network and user around it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;
use fastrand::Rng;
use sarama_cluster::{
    Result, Subscription,
    call::{Call, Target, Token},
    consumer::{
        claim::Claim,
        desk::{Desk, Ends, Errand, Origin},
        waker::Waker,
    },
    core::{
        engine::{End, Event},
        fetch::{Decoded, Job, Onward},
    },
    record::{self, Decompressor, Limits},
};

use crate::{
    network::{Connections, Weather},
    odds::{strikes, up_to},
    plan::Profile,
    user::User,
};

/// A member of the group.
pub(crate) struct Member {
    pub(crate) id: u32,
    desk: Desk,
    pub(crate) ends: Ends,
    kicked: Arc<AtomicBool>,
    pub(crate) connections: Connections,
    pub(crate) user: User,
    /// Its own chances, so that what it does depends on nobody else.
    pub(crate) rng: Rng,
    /// Jobs for the decoder, each done at its time.
    jobs: VecDeque<(Instant, Job)>,
    /// When to look at a user of a raw channel.
    tick: Option<Instant>,
    tick_wait: Duration,
    /// When it wants to act by itself, as of the last time that it did something.
    wakes_at: Option<Instant>,
    /// While its process stands still.
    pub(crate) sleeps_until: Option<Instant>,
    /// The claims that were seen to begin, and not to end.
    pub(crate) claims: BTreeMap<u64, Arc<Claim>>,
    pub(crate) commits_every: Option<Duration>,
    pub(crate) name: Option<String>,
    pub(crate) ended: Option<End>,
}

/// What a member wants from its surroundings.
pub(crate) enum Wish {
    Send(Target, (Token, Call, Duration)),
    GoOn(Onward),
    Disconnect(Target),
}

const LONGEST_TICK: Duration = Duration::from_millis(100);
const LONGEST_TICK_IN_RELEASE: Duration = Duration::from_millis(20);

impl Member {
    pub(crate) fn new(
        now: Instant,
        id: u32,
        profile: Profile,
        topics: Vec<String>,
        origin: Origin,
    ) -> Self {
        let Profile {
            config,
            habits,
            commits_every,
            ..
        } = profile;
        let subscription = Subscription::from(topics);
        let valid = config.validate_consumer("group", &subscription);
        valid.expect("a plan has no settings that a user may not have");
        let kicked = Arc::new(AtomicBool::new(false));
        let kick = Arc::clone(&kicked);
        let waker = Waker::new(move || kick.store(true, Relaxed));
        let seed = origin.seed;
        let (desk, ends) = Desk::open(now, &config, "group", subscription, origin, waker);
        Self {
            id,
            desk,
            ends,
            kicked,
            connections: Connections::new(format!("m{id}"), config.version),
            user: User::new(config.group.mode, habits),
            rng: Rng::with_seed(seed),
            jobs: VecDeque::new(),
            tick: None,
            tick_wait: Duration::from_millis(1),
            wakes_at: None,
            sleeps_until: None,
            claims: BTreeMap::new(),
            commits_every,
            name: config.group.instance_id,
            ended: None,
        }
    }

    /// Something happened to the member.
    pub(crate) fn handle(&mut self, now: Instant, event: Event, weather: Weather) -> Vec<Wish> {
        self.desk.handle(now, event);
        self.proceed(now, weather)
    }

    /// Somebody asks for a commit.
    pub(crate) fn commit(
        &mut self,
        now: Instant,
        reply: Sender<Result<()>>,
        weather: Weather,
    ) -> Vec<Wish> {
        self.desk.commit(now, reply);
        self.proceed(now, weather)
    }

    /// When it, or its user, wants to act.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let at = self.wakes_at.into_iter().chain(self.user.acts_at()).min();
        at.map(|at| self.sleeps_until.map_or(at, |until| at.max(until)))
    }

    /// Whether it is the user's turn, for the member has nothing to do before.
    pub(crate) fn is_users_turn(&self) -> bool {
        let user = self.user.acts_at();
        user.is_some_and(|at| self.wakes_at.is_none_or(|wakes| at < wakes))
    }

    /// The time has come.
    pub(crate) fn wake(&mut self, now: Instant, weather: Weather) -> Vec<Wish> {
        if self.jobs.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, job)) = self.jobs.pop_front()
        {
            let done = self.decode(job, weather);
            self.desk.handle(now, Event::Decoded(done));
        }
        if self.desk.deadline().is_some_and(|at| at <= now) {
            self.desk.handle(now, Event::Timeout);
        }
        if self.tick.is_some_and(|at| at <= now) {
            self.tick = None;
            let longest = match self.desk.awaits_progress() {
                true => LONGEST_TICK_IN_RELEASE,
                false => LONGEST_TICK,
            };
            self.tick_wait = (self.tick_wait * 2).min(longest);
            self.look_at_user(now);
        }
        self.proceed(now, weather)
    }

    /// A batch may have been damaged on its way.
    fn decode(&mut self, mut job: Job, weather: Weather) -> Decoded {
        let rng = &mut self.rng;
        let mut is_damaged = || strikes(rng, weather.damage_one_in);
        let sound = job.batches.iter().take_while(|_| !is_damaged()).count();
        let rest = job.batches.split_off(sound);
        let mut done = job.decode(&Limits::default(), &mut Decompressor::default());
        if !done.left.is_empty() {
            done.left.extend(rest);
        } else if let Some(damaged) = rest.first() {
            let mismatch = record::ErrorKind::CrcMismatch {
                expected: 0,
                actual: 1,
            };
            done.failed = Some(record::Error::new(damaged.base_offset(), mismatch));
        }
        done
    }

    /// The user has done something.
    pub(crate) fn after_user(&mut self, now: Instant, weather: Weather) -> Option<Vec<Wish>> {
        if !self.kicked.swap(false, Relaxed) {
            return None;
        }
        self.tick_wait = Duration::from_millis(1);
        self.desk.hear_users(now);
        self.look_at_user(now);
        Some(self.proceed(now, weather))
    }

    fn look_at_user(&mut self, now: Instant) {
        self.desk.look_at_users(now);
        self.desk.handle(now, Event::Kick);
    }

    fn proceed(&mut self, now: Instant, weather: Weather) -> Vec<Wish> {
        let mut wishes = Vec::new();
        loop {
            while let Some(errand) = self.desk.poll_errand(now) {
                match errand {
                    Errand::Send {
                        to,
                        token,
                        call,
                        timeout,
                    } => wishes.push(Wish::Send(to, (token, call, timeout))),
                    Errand::GoOn(onward) => wishes.push(Wish::GoOn(onward)),
                    Errand::Disconnect(to) => wishes.push(Wish::Disconnect(to)),
                    Errand::Decode(job) => {
                        let free = self.jobs.back().map_or(now, |(at, _)| *at);
                        let takes = up_to(&mut self.rng, weather.delay);
                        self.jobs.push_back((free.max(now) + takes, job));
                    }
                    Errand::Stop(end) => {
                        self.ended = Some(end);
                        self.desk.finish();
                        self.wakes_at = None;
                        return wishes;
                    }
                }
            }
            if !self.desk.waits_for_user() {
                self.desk.disarm();
                self.tick = None;
                break;
            }
            self.desk.arm();
            if !self.desk.look_at_users(now) {
                self.tick.get_or_insert(now + self.tick_wait);
                break;
            }
        }
        self.user.look(now, &self.ends, &mut self.rng);
        let job = self.jobs.front().map(|(at, _)| *at);
        let times = [self.desk.deadline(), self.tick, job];
        self.wakes_at = times.into_iter().flatten().min();
        wishes
    }

    /// The claims that have begun and those that have ended since this was last asked.
    pub(crate) fn news_of_claims(&mut self) -> (Vec<Arc<Claim>>, Vec<Arc<Claim>>) {
        let present = self.ends.shared.claims();
        let (mut begun, mut ended) = (Vec::new(), Vec::new());
        self.claims.retain(|id, claim| {
            let stays = present.iter().any(|present| present.id().0 == *id);
            if !stays {
                ended.push(Arc::clone(claim));
            }
            stays
        });
        for claim in present {
            if self
                .claims
                .insert(claim.id().0, Arc::clone(&claim))
                .is_none()
            {
                begun.push(claim);
            }
        }
        (begun, ended)
    }
}
