//! The thread that owns the group, the claims and the positions: it performs what the engine says
//! and never waits for a user.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{
    claim::Claim,
    lossy::{self, Lossy},
    notification::Notification,
    offers::Offers,
    outlet::Outlet,
    partition::PartitionConsumer,
    shared::Shared,
    user_side::UserSide,
};
use crate::{
    core::{
        ChannelId, ClaimId,
        commit::Ticket,
        engine::{Action, End, Engine, Event, Notice, Opened},
        fetch::{Decoded, Job},
    },
    error::{Error, ErrorKind, Result},
    net::{Completion, Pool},
};

/// What other threads tell the coordinator.
pub(super) enum Message {
    /// A call was answered, or failed.
    Completion(Completion),
    /// A job was done.
    Decoded(Decoded),
    /// The decoder panicked.
    DecoderPanicked(String),
    /// Somebody waits for all marks to be committed.
    Commit(Sender<Result<()>>),
    /// A user did something that is waited for, or said something of a handle.
    Kick,
    /// The consumer is to be closed.
    Close,
}

/// The coordinator's side of everything.
pub(super) struct Coordinator {
    pub(super) engine: Engine,
    pub(super) pool: Pool,
    pub(super) inbox: Receiver<Message>,
    pub(super) decoder: Sender<Job>,
    pub(super) user_side: Arc<UserSide>,
    pub(super) shared: Arc<Shared>,
    pub(super) outlets: BTreeMap<ChannelId, Outlet>,
    pub(super) claims: BTreeMap<ClaimId, Held>,
    /// Where handles are offered, in partition mode.
    pub(super) offers: Option<Offers>,
    pub(super) reports: Reports,
    pub(super) commits: Commits,
    pub(super) tick: Tick,
    pub(super) close_timeout: Duration,
}

/// A claim as the coordinator holds it.
pub(super) struct Held {
    claim: Arc<Claim>,
    /// The errors of its handle, in partition mode.
    errors: Option<Lossy<Error>>,
}

/// Where errors and notifications go.
pub(super) struct Reports {
    /// The group, for the log.
    pub(super) group_id: String,
    /// `None` where the user wants them logged.
    pub(super) errors: Option<Lossy<Error>>,
    /// `None` where the user wants none.
    pub(super) notifications: Option<Lossy<Notification>>,
}

/// Errors and notifications that nobody reads are kept up to so many.
pub(super) const REPORTS_KEPT: usize = 256;

/// Who waits for a commit.
#[derive(Default)]
pub(super) struct Commits {
    waiting: BTreeMap<Ticket, Sender<Result<()>>>,
    made: u64,
}

/// How long to wait for a user before looking, for users of raw channels do not tell. It grows while
/// nothing happens.
#[derive(Debug)]
pub(super) struct Tick(Duration);

impl Tick {
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_millis(100);

    pub(super) fn new() -> Self {
        Self(Self::SHORTEST)
    }

    fn restart(&mut self) {
        self.0 = Self::SHORTEST;
    }

    fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(Self::LONGEST);
        wait
    }
}

impl Coordinator {
    /// Runs until the consumer is closed or fails.
    pub(super) fn run(&mut self) -> End {
        self.engine.handle(Instant::now(), Event::Start);
        loop {
            while let Some(action) = self.engine.poll_action() {
                match action {
                    Action::Stopped(end) => return end,
                    action => self.perform(action),
                }
            }
            if let Err(failure) = self.wait() {
                return End::Failed(failure);
            }
        }
    }

    /// Waits for the next event, and takes in all that are there.
    fn wait(&mut self) -> Result<()> {
        let deadline = self.engine.poll_deadline();
        let waits_for_user = self.waits_for_user();
        let mut until = deadline;
        if waits_for_user {
            // Armed before the look: what is taken after the look wakes us.
            self.user_side.waker().arm();
            if self.look_at_users(Instant::now()) {
                self.tick.restart();
                return Ok(());
            }
            let tick = Instant::now() + self.tick.next();
            until = Some(until.map_or(tick, |at| at.min(tick)));
        }
        self.sleep(until)?;
        let now = Instant::now();
        if deadline.is_some_and(|at| at <= now) {
            self.engine.handle(now, Event::Timeout);
        }
        if waits_for_user {
            self.look_at_users(now);
            self.engine.handle(now, Event::Kick);
        }
        Ok(())
    }

    fn sleep(&mut self, until: Option<Instant>) -> Result<()> {
        let first = match until {
            Some(at) => self.inbox.recv_deadline(at),
            None => self.inbox.recv().map_err(RecvTimeoutError::from),
        };
        let gone = matches!(first, Err(RecvTimeoutError::Disconnected));
        assert!(!gone, "the waker and the pool keep senders");
        self.user_side.waker().disarm();
        let now = Instant::now();
        self.handle_news(now);
        // What has come meanwhile is taken in before anything is done about the first.
        let more = self.inbox.len();
        let rest: Vec<Message> = self.inbox.try_iter().take(more).collect();
        first
            .into_iter()
            .chain(rest)
            .try_for_each(|message| self.receive(now, message))
    }

    fn waits_for_user(&self) -> bool {
        self.engine.waits_for_user() || self.offers.as_ref().is_some_and(Offers::wait_for_user)
    }

    fn receive(&mut self, now: Instant, message: Message) -> Result<()> {
        let event = match message {
            Message::Completion(Completion { token, result, .. }) => {
                Event::Answer { token, result }
            }
            Message::Decoded(done) => Event::Decoded(done),
            Message::DecoderPanicked(what) => {
                return Err(Error::new(ErrorKind::Panicked(what), "decoder"));
            }
            Message::Commit(reply) => Event::Commit(self.commits.add(reply)),
            Message::Kick => {
                self.tick.restart();
                return Ok(());
            }
            Message::Close => Event::Close,
        };
        self.engine.handle(now, event);
        Ok(())
    }

    /// What users have said of their handles.
    fn handle_news(&mut self, now: Instant) {
        for (claim, news) in self.user_side.take_handle_news() {
            if let Some(paused) = news.paused {
                self.engine.handle(now, Event::Pause { claim, paused });
            }
            if let Some(how) = news.gone {
                self.engine.handle(now, Event::HandleGone { claim, how });
            }
        }
    }

    /// Sees what the users have taken. True if something has changed.
    fn look_at_users(&mut self, now: Instant) -> bool {
        let mut changed = false;
        for (channel, outlet) in &mut self.outlets {
            if let Some(total) = outlet.poll_taken() {
                changed = true;
                self.engine.handle(
                    now,
                    Event::Taken {
                        channel: *channel,
                        total,
                    },
                );
            }
        }
        for (id, held) in &self.claims {
            if let Some(first_unacked) = held.claim.first_unacked() {
                self.engine.handle(
                    now,
                    Event::Acked {
                        claim: *id,
                        first_unacked,
                    },
                );
            }
        }
        if let Some(offers) = &mut self.offers {
            offers.proceed();
        }
        changed
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Send {
                to,
                token,
                call,
                timeout,
            } => self.pool.send(&to, token, call, timeout),
            Action::Disconnect(target) => self.pool.disconnect(&target),
            Action::Open(opened) => self.open(&opened),
            Action::Push { claim, block } => {
                let held = &self.claims[&claim];
                let outlet = self
                    .outlets
                    .get_mut(&held.claim.channel())
                    .expect("a claim that is open has an outlet");
                outlet.push(&held.claim, block);
            }
            // It is gone only if it has panicked, which it has told.
            Action::Decode(job) => drop(self.decoder.send(job)),
            Action::Hold(claim) => {
                let held = &self.claims[&claim];
                let outlet = self
                    .outlets
                    .get_mut(&held.claim.channel())
                    .expect("a claim that is open has an outlet");
                outlet.release(&held.claim);
            }
            Action::End(claim) => self.end(claim),
            Action::Observe => self.observe(),
            Action::Committed {
                claim,
                next,
                metadata,
            } => {
                if let Some(held) = self.claims.get(&claim) {
                    held.claim.committed(next, metadata);
                }
            }
            Action::HighWatermark { claim, offset } => {
                if let Some(held) = self.claims.get(&claim) {
                    held.claim.set_high_water_mark(offset);
                }
            }
            Action::CommitDone(tickets, result) => self.commits.done(&tickets, &result),
            Action::Notify(notice) => self.notify(notice),
            Action::Report { claim, error } => self.report(claim, error),
            Action::Stopped(_) => unreachable!("the loop takes it"),
        }
    }

    fn open(&mut self, opened: &Opened) {
        let claim = Claim::new(opened, Arc::clone(&self.user_side));
        self.shared.begin(&claim);
        let mut errors = None;
        if let Some(offers) = &mut self.offers {
            let (outlet, messages) = Outlet::new(opened.capacity);
            self.outlets.insert(opened.channel, outlet);
            let (own, receiver) = lossy::channel(REPORTS_KEPT);
            let handle =
                PartitionConsumer::new(Arc::clone(&claim), messages, receiver, self.close_timeout);
            offers.offer(handle);
            errors = self.reports.errors.is_some().then_some(own);
        }
        self.claims.insert(opened.claim, Held { claim, errors });
    }

    fn end(&mut self, id: ClaimId) {
        let Some(held) = self.claims.remove(&id) else {
            return;
        };
        held.claim.end();
        self.shared.end(&held.claim);
        if held.claim.channel() == ChannelId::Of(id) {
            // Readers get what is left, which they pass over, and then the end.
            self.outlets.remove(&held.claim.channel());
        } else if let Some(outlet) = self.outlets.get_mut(&held.claim.channel()) {
            outlet.forget(id);
        }
        if let Some(offers) = &mut self.offers {
            offers.purge();
        }
    }

    fn observe(&mut self) {
        let mut all = Vec::with_capacity(self.claims.len());
        for held in self.claims.values() {
            let outlet = self.outlets.get_mut(&held.claim.channel());
            all.push(
                outlet
                    .expect("a claim has an outlet until it ends")
                    .observe(&held.claim),
            );
        }
        self.engine.handle(Instant::now(), Event::Observed(all));
    }

    fn notify(&mut self, notice: Notice) {
        log::info!("group {}: {notice:?}", self.reports.group_id);
        self.shared.subscribe(notice.current.clone());
        if let Some(notifications) = &self.reports.notifications {
            notifications.send(Notification::from(notice));
        }
    }

    /// In partition mode a claim's errors go to its handle, all others to the consumer.
    fn report(&self, claim: Option<ClaimId>, error: Error) {
        let of_claim = claim
            .and_then(|id| self.claims.get(&id))
            .and_then(|held| held.errors.as_ref());
        match of_claim.or(self.reports.errors.as_ref()) {
            Some(errors) => errors.send(error),
            None => log::warn!("group {}: {error:?}", self.reports.group_id),
        }
    }

    /// The end: everything is given back.
    pub(super) fn finish(&mut self, deadline: Instant) {
        for id in self.claims.keys().copied().collect::<Vec<_>>() {
            self.end(id);
        }
        self.pool.close(deadline);
    }
}

impl Commits {
    fn add(&mut self, reply: Sender<Result<()>>) -> Ticket {
        self.made += 1;
        let ticket = Ticket(self.made);
        self.waiting.insert(ticket, reply);
        ticket
    }

    fn done(&mut self, tickets: &[Ticket], result: &Result<()>) {
        for reply in tickets
            .iter()
            .filter_map(|ticket| self.waiting.remove(ticket))
        {
            // Whoever asked waits for this and nothing else.
            let _ = reply.send(result.clone());
        }
    }
}
