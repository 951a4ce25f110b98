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
use sarama_cluster::{
    Config, Subscription,
    call::{Call, Target, Token},
    consumer::{
        desk::{Desk, Ends, Errand, Origin},
        waker::Waker,
    },
    core::engine::{End, Event},
    core::fetch::Job,
    record::{Decompressor, Limits},
};

use crate::{network::Connections, oracle::Place, user::User};

/// A member of the group.
pub(crate) struct Member {
    pub(crate) id: u64,
    desk: Desk,
    pub(crate) ends: Ends,
    kicked: Arc<AtomicBool>,
    pub(crate) connections: Connections,
    pub(crate) user: User,
    /// Jobs for the decoder, each done at its time.
    jobs: VecDeque<(Instant, Job)>,
    /// When to look at a user of a raw channel.
    tick: Option<Instant>,
    tick_wait: Duration,
    /// The claims that were seen to begin.
    pub(crate) claims: BTreeMap<Place, u64>,
    pub(crate) ended: Option<End>,
    pub(crate) is_closing: bool,
}

/// What a member wants from its surroundings.
pub(crate) enum Wish {
    Send(Target, (Token, Call, Duration)),
    Disconnect(Target),
}

const LONGEST_TICK: Duration = Duration::from_millis(100);

impl Member {
    pub(crate) fn new(
        now: Instant,
        id: u64,
        config: &Config,
        topics: &[&str],
        origin: Origin,
        user: User,
    ) -> Self {
        let kicked = Arc::new(AtomicBool::new(false));
        let kick = Arc::clone(&kicked);
        let waker = Waker::new(move || kick.store(true, Relaxed));
        let (desk, ends) = Desk::open(
            now,
            config,
            "group",
            Subscription::from(topics),
            origin,
            waker,
        );
        Self {
            id,
            desk,
            ends,
            kicked,
            connections: Connections::new(config.version),
            user,
            jobs: VecDeque::new(),
            tick: None,
            tick_wait: Duration::from_millis(1),
            claims: BTreeMap::new(),
            ended: None,
            is_closing: false,
        }
    }

    /// Something happened to the member.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        event: Event,
        rng: &mut fastrand::Rng,
    ) -> Vec<Wish> {
        self.desk.handle(now, event);
        self.proceed(now, rng)
    }

    /// Somebody asks for a commit.
    pub(crate) fn commit(
        &mut self,
        now: Instant,
        reply: Sender<sarama_cluster::Result<()>>,
        rng: &mut fastrand::Rng,
    ) -> Vec<Wish> {
        self.desk.commit(now, reply);
        self.proceed(now, rng)
    }

    /// When it wants to act by itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.ended.is_some() {
            return None;
        }
        let job = self.jobs.front().map(|(at, _)| *at);
        [self.desk.deadline(), self.tick, job]
            .into_iter()
            .flatten()
            .min()
    }

    /// The time has come.
    pub(crate) fn wake(&mut self, now: Instant, rng: &mut fastrand::Rng) -> Vec<Wish> {
        while let Some((at, _)) = self.jobs.front() {
            if *at > now {
                break;
            }
            let (_, job) = self.jobs.pop_front().expect("it was just there");
            let done = job.decode(&Limits::default(), &mut Decompressor::default());
            self.desk.handle(now, Event::Decoded(done));
        }
        if self.tick.is_some_and(|at| at <= now) {
            self.tick = None;
            self.tick_wait = (self.tick_wait * 2).min(LONGEST_TICK);
            self.desk.look_at_users(now);
            self.desk.handle(now, Event::Kick);
        }
        if self.desk.deadline().is_some_and(|at| at <= now) {
            self.desk.handle(now, Event::Timeout);
        }
        self.proceed(now, rng)
    }

    /// The user has done something.
    pub(crate) fn after_user(
        &mut self,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Option<Vec<Wish>> {
        if !self.kicked.swap(false, Relaxed) {
            return None;
        }
        self.tick_wait = Duration::from_millis(1);
        self.desk.hear_users(now);
        self.desk.look_at_users(now);
        self.desk.handle(now, Event::Kick);
        Some(self.proceed(now, rng))
    }

    fn proceed(&mut self, now: Instant, rng: &mut fastrand::Rng) -> Vec<Wish> {
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
                    Errand::Disconnect(to) => wishes.push(Wish::Disconnect(to)),
                    Errand::Decode(job) => {
                        let free = self.jobs.back().map_or(now, |(at, _)| *at);
                        let takes = Duration::from_micros(rng.u64(1..2_000));
                        self.jobs.push_back((free + takes, job));
                    }
                    Errand::Stop(end) => {
                        self.ended = Some(end);
                        self.desk.finish();
                        return wishes;
                    }
                }
            }
            if !self.desk.waits_for_user() {
                self.desk.disarm();
                self.tick = None;
                return wishes;
            }
            self.desk.arm();
            if !self.desk.look_at_users(now) {
                self.tick.get_or_insert(now + self.tick_wait);
                return wishes;
            }
        }
    }

    /// Claims that have begun since this was last asked: where, which, and at which offset.
    pub(crate) fn new_claims(&mut self, places: &[Place]) -> Vec<(Place, u64, i64)> {
        let mut new = Vec::new();
        for place in places {
            let Some(claim) = self.ends.shared.claim(&place.0, place.1) else {
                continue;
            };
            let id = claim.id().0;
            if self.claims.insert(place.clone(), id) != Some(id) {
                new.push((place.clone(), id, claim.start()));
            }
        }
        new
    }
}
