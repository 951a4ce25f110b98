//! A member of a consumer group: it finds the group coordinator, joins, keeps its place by
//! heartbeats, gives its claims up when the group rebalances, and leaves.
//!
//! ```text
//!         subscribe              JoinGroup           NONE, as leader
//!   Idle ──────────► Seeking ──────────────► Joining ────────────────► Assigning
//!                    ▲   ▲ ▲                  │  │ NONE, as follower,     │ counts, or
//!                    │   │ └── refused ───────┘  ▼ or as one come back    │ too late
//!                    │   └──── refused ─────── Syncing ◄──────────────────┘
//!                    │                           │ NONE
//!                    │ lost                      ▼
//!                    ├───────────────────────── Stable
//!                    │                           │ the group rebalances, or
//!                    │ released, lost            ▼ the subscription has changed
//!                    └─────────────────────── Releasing
//!
//!   any ── leave ──► Departing ── LeaveGroup ──► Leaving ──► Left         any ── fatal ──► Failed
//! ```
//!
//! Rebalancing is eager: every join ends all claims. The look-up of the group coordinator runs
//! beside these states, because a generation outlives the move of its coordinator.
//!
//! Each input changes the state first, and then `drive` does what has come due: so everything that
//! depends on the time is in one function.

mod answers;
mod drive;
mod lead;
mod origin;
mod seek;
mod settings;
mod share;
mod state;
#[cfg(test)]
mod tests;
mod transitions;
mod trouble;
mod violation;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

pub use self::settings::Settings;
use self::{
    lead::Counts,
    seek::Seek,
    share::Writing,
    state::State,
    trouble::{Failure, Trouble},
};
use crate::{
    call::{Answer, Broker, Call, Target, Token},
    core::{
        Tokens,
        cluster::Count,
        reaction::{Reaction, reaction},
    },
    error::{Error, ErrorKind, Result},
    protocol::{ApiKey, ErrorCode},
};

/// The calls of a membership are named by the upper half of all numbers, so that nobody who gives
/// out tokens from 1 on ever takes one for its own.
const TOKENS: Token = Token(1 << 63);

/// The membership of one consumer in its group.
#[derive(Debug)]
pub struct Group {
    settings: Settings,
    tokens: Tokens,
    /// The subscription that is wanted; the group may know of an older one.
    topics: BTreeSet<String>,
    /// How it is written.
    writing: Writing,
    /// Empty until the group coordinator has given one.
    member_id: String,
    /// The generation whose share was not made for this subscription.
    misfit: Option<i32>,
    seek: Seek,
    state: State,
    trouble: Trouble,
    /// The topics that this member watches as the leader.
    watched: BTreeSet<String>,
    /// What is known of their partition counts.
    known: Counts,
    actions: VecDeque<Action>,
}

/// What is to be done for the group.
#[derive(Debug)]
pub enum Action {
    /// Make this call and hand the answer, or the failure, to [`Group::answer`].
    Send {
        /// Names the answer.
        token: Token,
        /// Where it goes.
        to: Destination,
        /// The question.
        call: Call,
        /// How long the answer may take.
        timeout: Duration,
    },
    /// Close this connection: what is pending there is not waited for, or there is another group
    /// coordinator now.
    Disconnect(Target),
    /// There are other topics to watch, [`Group::watched`]. If there are any, how many partitions they have is needed
    /// now: [`Group::metadata_changed`] with what is known, and [`Group::counted`].
    Watch,
    /// A rebalance begins. `Assigned` ends it, whatever the number of attempts; or `Lost`, and then
    /// another one begins.
    Rebalancing,
    /// A new generation, and what is claimed in it.
    Assigned {
        /// The generation.
        generation: i32,
        /// The own member id.
        member_id: String,
        /// The partitions by topic, sorted; without topics of none.
        partitions: BTreeMap<String, Vec<i32>>,
    },
    /// Stop delivering, let the user finish, commit, then call [`Group::released`].
    Release {
        /// By then it has to be called, whatever is finished and committed: the group puts out who joins later.
        deadline: Instant,
    },
    /// The claims are void from now on, and nothing can be committed any more.
    Lost(Error),
    /// The user should know; the member carries on.
    Report(Error),
    /// The member gives up, and its claims are void. Only [`Group::leave`] has a meaning from here on.
    Fatal(Error),
    /// The end, after [`Group::leave`].
    Left,
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Any broker.
    AnyBroker {
        /// Another one than this, if there is one.
        but: Option<Broker>,
    },
    /// The group coordinator, or who was it.
    Coordinator(Target),
}

/// What commits are made under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The group coordinator.
    pub coordinator: Target,
    /// The generation.
    pub generation: i32,
    /// The own member id.
    pub member_id: String,
    /// The own static name.
    pub instance_id: Option<String>,
}

impl Group {
    /// A member that waits for its subscription. `seed` is for the jitter of retries.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            trouble: Trouble::new(settings.retry_backoff, seed),
            settings,
            tokens: Tokens::above(TOKENS),
            topics: BTreeSet::new(),
            writing: Writing::Plain,
            member_id: String::new(),
            misfit: None,
            seek: Seek::new(),
            state: State::Idle,
            watched: BTreeSet::new(),
            known: Counts::new(),
            actions: VecDeque::new(),
        }
    }

    /// These are the topics that this member wants. The first that are not none make it join; a
    /// change makes it join anew.
    pub fn subscribe(&mut self, now: Instant, topics: BTreeSet<String>) {
        self.topics = topics;
        match &self.state {
            State::Idle if !self.topics.is_empty() => self.start(now),
            State::Stable(membership) if membership.seat.topics != self.topics => self.release(now),
            // All others look at the subscription when they join, or when they have joined.
            _ => {}
        }
        self.drive(now);
    }

    /// The answer to a call, or why there is none. A late one, to a call whose state is gone,
    /// changes nothing.
    pub fn answer(&mut self, now: Instant, token: Token, result: Result<Answer>) {
        if self.state.needs_coordinator() && self.seek.waits_for(token) {
            self.coordinator_answered(now, result);
        } else if self.state.waits_for(token) {
            self.state_answered(now, result);
        }
        self.drive(now);
    }

    /// The metadata may have changed. A leader whose assignment does not fit the partition counts
    /// any more makes the group rebalance.
    pub fn metadata_changed(&mut self, now: Instant, count_of: &dyn Fn(&str) -> Count) {
        for topic in &self.watched {
            match count_of(topic) {
                Count::Is(count) => self.known.insert(topic.clone(), Some(count)),
                Count::NoTopic => self.known.insert(topic.clone(), None),
                Count::Unknown => continue,
            };
        }
        match &self.state {
            State::Assigning(_) if self.knows_all() => self.assign(now),
            State::Stable(_) => self.judge(now),
            // All others have assigned nothing, or look when the assignment is out.
            _ => {}
        }
        self.drive(now);
    }

    /// Whether all topics are there and counted. Then nobody waits for another description, so that a rebalance is
    /// quick; what has changed since is seen when it comes.
    fn knows_all(&self) -> bool {
        let is_there = |topic| matches!(self.known.get(topic), Some(Some(_)));
        self.watched.iter().all(is_there)
    }

    /// A description that was asked for since [`Action::Watch`] was told: there is no more to know.
    pub fn counted(&mut self, now: Instant) {
        match &mut self.state {
            State::Assigning(_) => self.assign(now),
            State::Syncing(syncing) => syncing.seat.is_told(),
            State::Stable(membership) => {
                membership.seat.is_told();
                self.judge(now);
            }
            _ => {}
        }
        self.drive(now);
    }

    /// Makes the group rebalance if what this member assigned as its leader does not fit any more.
    fn judge(&mut self, now: Instant) {
        if let State::Stable(membership) = &mut self.state
            && membership.seat.has_to_go(&self.known)
        {
            self.release(now);
        }
    }

    /// The topics whose partition counts this member watches: those of all members, where it leads the group.
    pub fn watched(&self) -> &BTreeSet<String> {
        &self.watched
    }

    /// All claims are over: finished and committed, or out of time.
    pub fn released(&mut self, now: Instant) {
        if let State::Releasing(..) = self.state {
            self.rejoin(now);
        }
        self.drive(now);
    }

    /// What the group coordinator has said to a commit, or to an offset fetch, that was sent under
    /// the [`Session`] of that time. With several partitions: `NONE` if that is the word for any of
    /// them, unless another one concerns the membership.
    pub fn heard(&mut self, now: Instant, sent_at: Instant, api: ApiKey, code: ErrorCode) {
        let Some(membership) = self.state.membership() else {
            return;
        };
        if sent_at < membership.since {
            return;
        }
        match reaction(api, code) {
            // No sign of life: an offset fetch does not say who asks, and in a group that KIP-848 members share only
            // heartbeats restart the timer of the session.
            Reaction::Proceed => {}
            Reaction::FindCoordinator if !self.seek.was_known_at(sent_at) => {}
            reaction => self.react(now, reaction, &self.refusal(api, code)),
        }
        self.drive(now);
    }

    /// Such a call was not answered.
    pub fn connection_failed(&mut self, now: Instant, sent_at: Instant) {
        let membership = self.state.membership();
        let is_of_it = membership.is_some_and(|m| sent_at >= m.since);
        if is_of_it && self.seek.was_known_at(sent_at) {
            let error = self.place(
                Error::new(ErrorKind::Disconnected, ""),
                ApiKey::OffsetCommit,
            );
            self.coordinator_lost(now, &error);
        }
        self.drive(now);
    }

    /// The consumer closes. Ends with [`Action::Left`], by that time and within a few seconds, whatever the brokers do.
    pub fn leave(&mut self, now: Instant, until: Instant) {
        self.depart(now, until);
        self.drive(now);
    }

    /// What commits are to be made under, also while the claims are being released; `None` while
    /// there is no generation or no group coordinator.
    pub fn session(&self) -> Option<Session> {
        let membership = self.state.membership()?;
        Some(Session {
            coordinator: self.seek.target()?.clone(),
            generation: membership.seat.generation,
            member_id: self.member_id.clone(),
            instance_id: self.settings.instance_id.clone(),
        })
    }

    /// Whether the member is in a generation, also while the group coordinator is not known.
    pub fn has_generation(&self) -> bool {
        self.state.membership().is_some()
    }

    /// The group coordinator, where it is known.
    pub fn coordinator(&self) -> Option<&Target> {
        self.seek.target()
    }

    /// What has come due is done.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.drive(now);
    }

    /// What is to be done next.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn send(&mut self, to: Destination, call: Call, timeout: Duration) -> Token {
        let token = self.tokens.fresh();
        self.actions.push_back(Action::Send {
            token,
            to,
            call,
            timeout,
        });
        token
    }

    /// What the group coordinator has refused.
    fn refusal(&self, api: ApiKey, code: ErrorCode) -> Error {
        self.place(Error::broker_code(code, doing(api)), api)
    }

    /// Where it was. What went wrong before the question was put has an API of its own.
    fn place(&self, error: Error, api: ApiKey) -> Error {
        let error = error.doing(doing(api));
        let error = match error.api() {
            Some(_) => error,
            None => error.at_api(api),
        };
        match self.seek.target() {
            Some(target) if api != ApiKey::FindCoordinator => error.at_broker(&target.broker),
            _ => error,
        }
    }

    /// Names the group coordinator, where an answer of it was no failure of its connection.
    pub fn at_coordinator(&self, error: Error) -> Error {
        match self.seek.target() {
            Some(target) if error.broker().is_none() => error.at_broker(&target.broker),
            _ => error,
        }
    }

    /// Tells the user what has to be told. Returns when to try again.
    fn after(&mut self, failure: Failure) -> Instant {
        self.actions.extend(failure.report.map(Action::Report));
        failure.retry_at
    }
}

/// What an error says the library was doing.
fn doing(api: ApiKey) -> &'static str {
    match api {
        ApiKey::FindCoordinator => "coordinator",
        ApiKey::Heartbeat => "heartbeat",
        ApiKey::LeaveGroup => "leave",
        ApiKey::OffsetCommit => "commit",
        ApiKey::OffsetFetch => "offset fetch",
        _ => "rebalance",
    }
}
