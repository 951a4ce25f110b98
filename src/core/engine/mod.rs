//! The whole logic of a consumer: what happened goes in, what is to be done comes out.
//!
//! The engine joins the parts: the description of the cluster, the membership, the claims with
//! their starts, the reading, the commits. It holds no socket, no thread and no clock, so that a
//! simulation can run it as it is.

mod claims;
mod closing;
mod events;
mod recreated;
mod release;
mod route;
mod settings;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use self::{claims::Claim, closing::Closing, release::Release};
pub use self::{
    events::{Action, End, Event, Gone, Notice, NoticeKind, Opened, Progress},
    settings::{ChannelSize, Delivery, Settings},
};
use crate::{
    call::{Broker, Lane, Target, metadata},
    core::{
        Channel, ChannelId, ClaimId, Cluster, Tokens, cluster::Topic, commit::Committer,
        fetch::Fetcher, group::Group, starts::Starts,
    },
    error::Error,
    wire::Uuid,
};

/// The logic of one consumer.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    tokens: Tokens,
    cluster: Cluster,
    group: Group,
    starts: Starts,
    fetcher: Fetcher,
    committer: Committer,
    claims: BTreeMap<ClaimId, Claim>,
    claims_made: u64,
    /// Those whose handle was dropped.
    dropped: BTreeSet<ClaimId>,
    channels: BTreeMap<ChannelId, Channel>,
    /// The claims are being given up: for a rebalance, or for good.
    release: Option<Release>,
    closing: Option<Closing>,
    stopped: bool,
    /// What was claimed before the rebalance that is going on.
    rebalancing: Option<BTreeMap<String, Vec<i32>>>,
    /// Since when the leader of the group waits for partition counts.
    counts_wanted: Option<Instant>,
    /// The topics that were there when the consumer began, and are still.
    first_seen: BTreeMap<String, FirstSeen>,
    /// Named topics that were reported absent.
    absent: BTreeSet<String>,
    /// Whether the driver was asked for the progress of the claims and has not told it yet.
    observing: bool,
    actions: VecDeque<Action>,
}

impl Engine {
    /// An engine that knows these addresses and this description of the cluster. It does something
    /// from its first event on.
    pub fn new(
        now: Instant,
        settings: Settings,
        bootstrap: Vec<Broker>,
        known: metadata::Answer,
        seed: u64,
    ) -> Self {
        let mut seeds = fastrand::Rng::with_seed(seed);
        let mut cluster = Cluster::new(settings.cluster.clone(), bootstrap, seeds.u64(..));
        cluster.subscribe(settings.subscription.topics().iter().cloned().collect());
        cluster.describe(now, now, None, known);
        let mut channels = BTreeMap::new();
        if let Delivery::Shared(capacity) = settings.delivery {
            channels.insert(ChannelId::Shared, Channel::new(capacity));
        }
        Self {
            tokens: Tokens::default(),
            first_seen: first_seen(&cluster),
            cluster,
            group: Group::new(settings.group.clone(), seeds.u64(..)),
            starts: Starts::new(
                settings.commit.group_id.clone(),
                settings.fetch.read_committed,
                settings.commit.timeout,
                settings.cluster.retry_backoff,
                seeds.u64(..),
            ),
            fetcher: Fetcher::new(settings.fetch.clone(), seeds.u64(..)),
            committer: Committer::new(now, settings.commit.clone(), seeds.u64(..)),
            claims: BTreeMap::new(),
            claims_made: 0,
            dropped: BTreeSet::new(),
            channels,
            release: None,
            closing: None,
            stopped: false,
            rebalancing: None,
            counts_wanted: None,
            absent: BTreeSet::new(),
            observing: false,
            actions: VecDeque::new(),
            settings,
        }
    }

    /// Something happened.
    pub fn handle(&mut self, now: Instant, event: Event) {
        if self.stopped {
            return;
        }
        match event {
            Event::Start => self.described(now),
            Event::Timeout => self.timeout(now),
            Event::Answer { token, result } => self.answer(now, token, result),
            Event::Decoded(done) => {
                let outcomes = self.fetcher.decoded(now, done);
                self.fetch_outcomes(now, outcomes);
            }
            Event::Taken { channel, total } => self.taken(now, channel, total),
            Event::Acked {
                claim,
                first_unacked,
            } => self.acked(claim, first_unacked),
            Event::Kick => self.observe_if_awaited(),
            Event::Observed(progress) => self.observed(now, progress),
            Event::Commit(ticket) => {
                self.committer.ask(now, ticket);
            }
            Event::Pause { claim, paused } => self.fetcher.pause(claim, paused),
            Event::HandleGone { claim, how } => self.handle_gone(now, claim, how),
            Event::Close => self.close(now),
        }
        self.proceed(now);
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Event::Timeout`] is due.
    pub fn poll_deadline(&self) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        [
            self.cluster.deadline(),
            self.group.poll_deadline(),
            self.starts
                .deadline()
                .filter(|_| self.group.session().is_some()),
            self.fetcher.deadline(),
            self.committer
                .deadline()
                .filter(|_| !self.observing && !self.is_last_commit()),
            self.release.as_ref().and_then(Release::deadline),
            self.dropped().filter_map(Claim::deadline).min(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Whether something waits for a user to take, mark or drop messages.
    pub fn waits_for_user(&self) -> bool {
        !self.stopped && (self.awaits_progress() || self.fetcher.wants_room())
    }

    /// Bytes buffered, those in the user's channels included.
    pub fn buffered(&self) -> usize {
        self.fetcher.buffered()
    }

    fn timeout(&mut self, now: Instant) {
        if self.release.as_ref().is_some_and(|r| r.is_over(now)) {
            // It ends with one last look, before the membership goes on. What else is due still is when that was taken.
            return self.observe();
        }
        self.fetcher.expire(now);
        let outcomes = self.fetcher.look_for_late(now);
        self.fetch_outcomes(now, outcomes);
        for id in &self.dropped {
            let claim = self.claims.get_mut(id);
            claim.expect("it ends with its claim").expire(now);
        }
        self.group.handle_timeout(now);
        self.observe_if_awaited();
    }

    /// Does all that can be done now.
    fn proceed(&mut self, now: Instant) {
        while let Some(action) = self.group.poll_action() {
            self.group_action(now, action);
        }
        if self.stopped {
            return;
        }
        let is_silent = |broker: &Broker| self.fetcher.keeps_waiting(broker, now);
        while let Some((to, token, call, timeout)) =
            self.cluster.poll_call(now, &mut self.tokens, is_silent)
        {
            self.actions.push_back(Action::Send {
                to,
                token,
                call,
                timeout,
            });
        }
        if let Some(session) = self.group.session() {
            let to = session.coordinator.clone();
            if let Some((token, call, timeout)) =
                self.starts.poll_call(now, &self.cluster, &mut self.tokens)
            {
                self.actions.push_back(Action::Send {
                    to,
                    token,
                    call,
                    timeout,
                });
            }
        }
        while let Some((to, token, call, timeout)) = self.fetcher.poll_lookup(now, &mut self.tokens)
        {
            self.actions.push_back(Action::Send {
                to,
                token,
                call,
                timeout,
            });
        }
        // The next fetch goes out before anything is done about what the last one brought.
        self.fetch(now);
        if self.deliver(now) {
            self.fetch(now);
        }
        while let Some(onward) = self.fetcher.poll_onward(now, &mut self.tokens) {
            self.actions.push_back(Action::GoOn(onward));
        }
        let is_asked = self.committer.is_awaited();
        if self.committer.is_due(now) && (is_asked || !self.is_last_commit()) {
            self.observe();
        }
    }

    fn fetch(&mut self, now: Instant) {
        while let Some((to, token, call, timeout)) =
            self.fetcher
                .poll_fetch(now, &self.cluster, &mut self.tokens)
        {
            self.actions.push_back(Action::Send {
                to,
                token,
                call,
                timeout,
            });
        }
    }

    /// Decoded blocks go to the user, batches to the decoder. Whether something is held back, so that others may be
    /// fetched for in its place.
    fn deliver(&mut self, now: Instant) -> bool {
        let mut is_held_back = false;
        while let Some(id) = self.fetcher.poll_stirred() {
            let channel = self.channels.get_mut(&id);
            let Some(channel) = channel.filter(|channel| channel.is_low()) else {
                // It is stirred again when its user has taken enough.
                continue;
            };
            let claims = &mut self.claims;
            let capacity = channel.capacity();
            let mut held_back = Vec::new();
            while let Some((claim, block)) =
                self.fetcher.poll_block(now, id, channel, |claim, count| {
                    let may_get = claims.get(&claim);
                    let may_get = may_get.is_some_and(|c| c.may_get(count, capacity));
                    held_back.extend((!may_get).then_some(claim));
                    may_get
                })
            {
                claims
                    .get_mut(&claim)
                    .expect("only open claims are given blocks")
                    .sent += block.len() as u64;
                self.actions.push_back(Action::Push { claim, block });
            }
            for claim in &held_back {
                self.fetcher.hold_back(*claim);
            }
            self.report_full_windows(&held_back);
            is_held_back |= !held_back.is_empty();
        }
        while let Some(job) = self.fetcher.poll_job(&self.channels) {
            self.actions.push_back(Action::Decode(job));
        }
        is_held_back
    }

    fn taken(&mut self, now: Instant, id: ChannelId, total: u64) {
        let Some(channel) = self.channels.get_mut(&id) else {
            return;
        };
        self.fetcher.stir(id);
        let taken = channel.take(total).into_iter();
        let outcomes = taken.filter_map(|(claim, bytes)| self.fetcher.taken(claim, bytes));
        let outcomes = outcomes.collect();
        self.fetch_outcomes(now, outcomes);
    }

    /// Asks the driver for the progress of the claims.
    fn observe(&mut self) {
        if !self.observing {
            self.observing = true;
            self.actions.push_back(Action::Observe);
        }
    }

    fn observe_if_awaited(&mut self) {
        if self.awaits_progress() {
            self.observe();
        }
    }

    /// Whether all that the brokers have is read, as far as they have said.
    pub fn is_caught_up(&self) -> bool {
        self.fetcher.is_caught_up()
    }

    /// Whether the next step depends on what users do with messages that they have in hand.
    pub fn awaits_progress(&self) -> bool {
        self.release.is_some() || !self.dropped.is_empty()
    }

    fn report(&mut self, claim: Option<ClaimId>, error: Error) {
        self.actions.push_back(Action::Report { claim, error });
    }

    fn send_to_coordinator(
        &mut self,
        token: crate::call::Token,
        call: crate::call::Call,
        timeout: Duration,
    ) {
        let session = self.group.session().expect("the caller has a session");
        let to = Target {
            broker: session.coordinator.broker.clone(),
            lane: Lane::Group,
        };
        self.actions.push_back(Action::Send {
            to,
            token,
            call,
            timeout,
        });
    }

    fn new_claim(&mut self) -> ClaimId {
        self.claims_made += 1;
        ClaimId(self.claims_made)
    }

    fn topic(name: &str) -> Arc<str> {
        Arc::from(name)
    }
}

/// What a topic was like when the consumer began.
#[derive(Debug)]
struct FirstSeen {
    id: Option<Uuid>,
    /// How many there were; as many as there can be, where that was not to be learnt.
    partitions: i32,
}

fn first_seen(cluster: &Cluster) -> BTreeMap<String, FirstSeen> {
    let first = |name: &str, topic: &Topic| FirstSeen {
        id: topic.id,
        partitions: cluster.partition_count(name).unwrap_or(i32::MAX),
    };
    let topics = cluster.topics();
    topics
        .filter(|(_, topic)| topic.exists())
        .map(|(name, topic)| (name.to_owned(), first(name, topic)))
        .collect()
}
