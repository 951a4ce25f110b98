//! The engine with its users: performs what concerns their channels, and hands on what concerns
//! brokers. It is given the time and never waits, so that a simulation can run it as it is.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Sender;

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
    call::{Call, Target, Token},
    core::{
        ChannelId, ClaimId,
        commit::Ticket,
        engine::{Action, End, Engine, Event, Notice, Opened},
        fetch::Job,
    },
    error::{Error, Result},
};

/// The engine with its users.
pub(super) struct Desk {
    pub(super) engine: Engine,
    pub(super) user_side: Arc<UserSide>,
    pub(super) shared: Arc<Shared>,
    pub(super) outlets: BTreeMap<ChannelId, Outlet>,
    /// Where handles are offered, in partition mode.
    pub(super) offers: Option<Offers>,
    pub(super) reports: Reports,
    pub(super) close_timeout: Duration,
    claims: BTreeMap<ClaimId, Held>,
    commits: Commits,
}

/// A claim as it is held here.
struct Held {
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

/// Who waits for a commit.
#[derive(Default)]
struct Commits {
    waiting: BTreeMap<Ticket, Sender<Result<()>>>,
    made: u64,
}

/// What is to be done elsewhere.
#[derive(Debug)]
pub(super) enum Errand {
    /// Ask a broker.
    Send {
        /// Whom.
        to: Target,
        /// Names the answer.
        token: Token,
        /// What.
        call: Call,
        /// How long the answer may take.
        timeout: Duration,
    },
    /// Close a connection.
    Disconnect(Target),
    /// Decode batches.
    Decode(Job),
    /// All is over.
    Stop(End),
}

/// Errors and notifications that nobody reads are kept up to so many.
pub(super) const REPORTS_KEPT: usize = 256;

impl Desk {
    pub(super) fn new(
        engine: Engine,
        user_side: Arc<UserSide>,
        shared: Arc<Shared>,
        reports: Reports,
        close_timeout: Duration,
    ) -> Self {
        Self {
            engine,
            user_side,
            shared,
            outlets: BTreeMap::new(),
            offers: None,
            reports,
            close_timeout,
            claims: BTreeMap::new(),
            commits: Commits::default(),
        }
    }

    /// Something happened.
    pub(super) fn handle(&mut self, now: Instant, event: Event) {
        self.engine.handle(now, event);
    }

    /// Somebody waits for all marks to be committed.
    pub(super) fn commit(&mut self, now: Instant, reply: Sender<Result<()>>) {
        let ticket = self.commits.add(reply);
        self.engine.handle(now, Event::Commit(ticket));
    }

    /// When [`Event::Timeout`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.engine.poll_deadline()
    }

    /// Whether something waits for a user to take, mark or drop something.
    pub(super) fn waits_for_user(&self) -> bool {
        self.engine.waits_for_user() || self.offers.as_ref().is_some_and(Offers::wait_for_user)
    }

    /// Does what there is to do, up to the next errand.
    pub(super) fn poll_errand(&mut self, now: Instant) -> Option<Errand> {
        while let Some(action) = self.engine.poll_action() {
            if let Some(errand) = self.perform(now, action) {
                return Some(errand);
            }
        }
        None
    }

    /// Takes in what users have said of their handles.
    pub(super) fn hear_users(&mut self, now: Instant) {
        for (claim, news) in self.user_side.take_handle_news() {
            if let Some(paused) = news.paused {
                self.engine.handle(now, Event::Pause { claim, paused });
            }
            if let Some(how) = news.gone {
                self.engine.handle(now, Event::HandleGone { claim, how });
            }
        }
    }

    /// Sees what users have taken. True if that is more than before.
    pub(super) fn look_at_users(&mut self, now: Instant) -> bool {
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

    /// The end: all claims are over, whatever the engine was about to do.
    pub(super) fn finish(&mut self) {
        for id in self.claims.keys().copied().collect::<Vec<_>>() {
            self.end(id);
        }
    }

    fn perform(&mut self, now: Instant, action: Action) -> Option<Errand> {
        match action {
            Action::Send {
                to,
                token,
                call,
                timeout,
            } => {
                return Some(Errand::Send {
                    to,
                    token,
                    call,
                    timeout,
                });
            }
            Action::Disconnect(target) => return Some(Errand::Disconnect(target)),
            Action::Decode(job) => return Some(Errand::Decode(job)),
            Action::Stopped(end) => return Some(Errand::Stop(end)),
            Action::Open(opened) => self.open(&opened),
            Action::Push { claim, block } => {
                let held = &self.claims[&claim];
                let outlet = self.outlets.get_mut(&held.claim.channel());
                outlet
                    .expect("a claim has an outlet until it ends")
                    .push(&held.claim, block);
            }
            Action::Hold(claim) => {
                let held = &self.claims[&claim];
                let outlet = self.outlets.get_mut(&held.claim.channel());
                outlet
                    .expect("a claim has an outlet until it ends")
                    .release(&held.claim);
            }
            Action::End(claim) => self.end(claim),
            Action::Observe => self.observe(now),
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
        }
        None
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
        let channel = held.claim.channel();
        held.claim.end();
        self.shared.end(&held.claim);
        if channel == ChannelId::Of(id) {
            // Readers get what is left, which they pass over, and then the end.
            self.outlets.remove(&channel);
        } else if let Some(outlet) = self.outlets.get_mut(&channel) {
            outlet.forget(id);
        }
        if let Some(offers) = &mut self.offers {
            offers.purge();
        }
    }

    fn observe(&mut self, now: Instant) {
        let mut all = Vec::with_capacity(self.claims.len());
        for held in self.claims.values() {
            let outlet = self.outlets.get_mut(&held.claim.channel());
            all.push(
                outlet
                    .expect("a claim has an outlet until it ends")
                    .observe(&held.claim),
            );
        }
        self.engine.handle(now, Event::Observed(all));
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
