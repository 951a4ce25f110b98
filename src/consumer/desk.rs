//! The engine with its users: performs what concerns their channels, and hands on what concerns
//! brokers. It is given the time and never waits, so that a simulation can run it as it is.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};

use super::{
    claim::Claim,
    delivered::Delivered,
    deliveries::{Batches, Messages},
    lookout::Users,
    lossy::{self, Lossy},
    notification::Notification,
    offers::{self, Offers, Partitions},
    outlet::{Form, Outlet},
    partition::PartitionConsumer,
    shared::Shared,
    user_side::UserSide,
    wait::CaughtUp,
    waker::Waker,
};
use crate::{
    call::{Broker, Call, Target, Token, metadata},
    config::{Config, ConsumerMode, Subscription},
    core::{
        ChannelId, ClaimId,
        commit::Ticket,
        engine::{Action, Delivery, End, Engine, Event, Gone, Notice, Opened, Settings},
        fetch::{Job, Onward},
    },
    error::{Error, Result},
};

/// The engine with its users.
pub struct Desk {
    engine: Engine,
    user_side: Arc<UserSide>,
    shared: Arc<Shared>,
    outlets: BTreeMap<ChannelId, Outlet>,
    claims: BTreeMap<ClaimId, Held>,
    /// Where handles are offered; in multiplex mode none ever is.
    offers: Offers,
    reports: Reports,
    commits: Commits,
    mode: ConsumerMode,
    form: Form,
    caught_up: CaughtUp,
    close_timeout: Duration,
}

/// The users' ends.
#[derive(Clone)]
pub struct Ends {
    /// The messages of all claims, in multiplex mode.
    pub messages: Messages,
    /// The same by the batch, where the user wants them so.
    pub batches: Batches,
    /// The handles of the claims, in partition mode.
    pub partitions: Partitions,
    /// What goes wrong, where the user wants to know.
    pub errors: Receiver<Error>,
    /// What happens to the claims, where the user wants to know.
    pub notifications: Receiver<Notification>,
    /// Marks, and what else users do.
    pub user_side: Arc<UserSide>,
    /// What can be asked about the claims.
    pub shared: Arc<Shared>,
}

impl Ends {
    /// The claim that this was delivered under.
    pub fn claim_of(delivered: &impl Delivered) -> ClaimId {
        delivered.place().claim().id()
    }
}

/// What is known before the first event.
pub struct Origin {
    /// The addresses to start from.
    pub bootstrap: Vec<Broker>,
    /// The cluster, as it was described there.
    pub description: metadata::Answer,
    /// Makes the jitter of all waits.
    pub seed: u64,
}

/// A claim as it is held here.
struct Held {
    claim: Arc<Claim>,
    /// The errors of its handle, in partition mode, while there is one.
    errors: Option<Lossy<Error>>,
}

/// Where errors and notifications go. A channel that nobody wants is kept all the same: it
/// disconnects with the others.
struct Reports {
    /// For the log.
    group_id: String,
    errors: Lossy<Error>,
    wants_errors: bool,
    notifications: Lossy<Notification>,
    wants_notifications: bool,
}

/// Who waits for a commit.
#[derive(Default)]
struct Commits {
    waiting: BTreeMap<Ticket, Sender<Result<()>>>,
    made: u64,
}

/// What is to be done elsewhere.
#[derive(Debug)]
pub enum Errand {
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
    /// Let a connection ask once more by itself.
    GoOn(Onward),
    /// Close a connection.
    Disconnect(Target),
    /// Decode batches.
    Decode(Job),
    /// All is over.
    Stop(End),
}

/// Errors and notifications that nobody reads are kept up to so many.
const REPORTS_KEPT: usize = 256;

impl Desk {
    /// A desk, with the users' ends. `waker` is called when a user has done something that the desk
    /// waits for.
    pub fn open(
        now: Instant,
        config: &Config,
        group_id: &str,
        subscription: Subscription,
        origin: Origin,
        waker: Waker,
    ) -> (Self, Ends) {
        let settings = Settings::of(config, group_id, subscription);
        let user_side = UserSide::new(waker);
        let shared = Arc::new(Shared::default());
        let (errors, errors_out) = lossy::channel(REPORTS_KEPT, &user_side);
        let (notifications, notifications_out) = lossy::channel(REPORTS_KEPT, &user_side);
        let (offers, partitions) = offers::channel(&user_side);
        let form = if config.consumer.returns.batches {
            Form::Batched
        } else {
            Form::Single
        };
        let capacity = match settings.delivery {
            Delivery::Shared(capacity) => capacity,
            // Silent.
            Delivery::PerClaim(_) => 1,
        };
        let caught_up = CaughtUp::default();
        let (outlet, messages, batches) = Outlet::open_for(capacity, form, &caught_up);
        let desk = Self {
            engine: Engine::new(
                now,
                settings,
                origin.bootstrap,
                origin.description,
                origin.seed,
            ),
            user_side: Arc::clone(&user_side),
            shared: Arc::clone(&shared),
            outlets: BTreeMap::from([(ChannelId::Shared, outlet)]),
            claims: BTreeMap::new(),
            offers,
            reports: Reports {
                group_id: group_id.to_owned(),
                errors,
                wants_errors: config.consumer.returns.errors,
                notifications,
                wants_notifications: config.group.returns.notifications,
            },
            commits: Commits::default(),
            mode: config.group.mode,
            form,
            caught_up,
            close_timeout: config.close_timeout,
        };
        let ends = Ends {
            messages,
            batches,
            partitions,
            errors: errors_out,
            notifications: notifications_out,
            user_side,
            shared,
        };
        (desk, ends)
    }

    /// Something happened.
    pub fn handle(&mut self, now: Instant, event: Event) {
        self.engine.handle(now, event);
        self.caught_up.set(self.engine.is_caught_up());
    }

    /// Whether all that the brokers have is read.
    pub(super) fn caught_up(&self) -> &CaughtUp {
        &self.caught_up
    }

    /// Somebody waits for all marks to be committed.
    pub fn commit(&mut self, now: Instant, reply: Sender<Result<()>>) {
        let ticket = self.commits.add(reply);
        self.engine.handle(now, Event::Commit(ticket));
    }

    /// When [`Event::Timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.engine.poll_deadline()
    }

    /// Whether something waits for a user to take, mark or drop something.
    pub fn waits_for_user(&self) -> bool {
        self.engine.waits_for_user() || self.offers.wait_for_user()
    }

    /// Whether the next step depends on what users do with messages that they have in hand.
    pub fn awaits_progress(&self) -> bool {
        self.engine.awaits_progress()
    }

    /// Does what there is to do, up to the next errand.
    pub fn poll_errand(&mut self, now: Instant) -> Option<Errand> {
        while let Some(action) = self.engine.poll_action() {
            if let Some(errand) = self.perform(now, action) {
                return Some(errand);
            }
        }
        self.offers.purge();
        None
    }

    /// Takes in what users have said of their handles. Whoever takes kicks out of a queue asks for this after
    /// that: a kick is sent behind what it tells of.
    pub fn hear_users(&mut self, now: Instant) {
        for (claim, news) in self.user_side.take_handle_news() {
            if let Some(paused) = news.paused {
                self.engine.handle(now, Event::Pause { claim, paused });
            }
            if news.is_closed {
                let how = Gone::Closed;
                self.engine.handle(now, Event::HandleGone { claim, how });
            }
            if let Some(how) = news.dropped {
                if let Some(held) = self.claims.get_mut(&claim) {
                    held.errors = None;
                }
                self.engine.handle(now, Event::HandleGone { claim, how });
            }
        }
    }

    /// Sees what users have taken, and offers more. True if anything has changed.
    pub fn look_at_users(&mut self, now: Instant) -> bool {
        self.look_at_channels(now) | self.offer_handles()
    }

    /// Wakes who waits when a user does something that is waited for, from now on.
    pub fn arm(&self) {
        self.user_side.waker().arm();
    }

    /// Wakes nobody from now on.
    pub fn disarm(&self) {
        self.user_side.waker().disarm();
    }

    /// The end: all claims are over, whatever the engine was about to do.
    pub fn finish(&mut self) {
        for id in self.claims.keys().copied().collect::<Vec<_>>() {
            self.end(id);
        }
        self.offers.purge();
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
            Action::GoOn(onward) => return Some(Errand::GoOn(onward)),
            Action::Disconnect(target) => return Some(Errand::Disconnect(target)),
            Action::Decode(job) => return Some(Errand::Decode(job)),
            Action::Stopped(end) => return Some(Errand::Stop(end)),
            Action::Open(opened) => self.begin(&opened),
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
                self.offers.claim_stops();
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

    fn begin(&mut self, opened: &Opened) {
        let claim = Claim::new(opened, Arc::clone(&self.user_side));
        self.shared.begin(&claim);
        let mut errors = None;
        if self.mode == ConsumerMode::Partitions {
            let (outlet, messages, batches) =
                Outlet::open_for(opened.capacity, self.form, &self.caught_up);
            self.outlets.insert(opened.channel, outlet);
            let (own, receiver) = lossy::channel(REPORTS_KEPT, &self.user_side);
            let handle = PartitionConsumer::new(
                Arc::clone(&claim),
                (messages, batches),
                receiver,
                self.close_timeout,
            );
            self.offers.offer(handle);
            errors = Some(own);
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
        self.offers.claim_stops();
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
        if self.reports.wants_notifications {
            self.reports.notifications.send(Notification::from(notice));
        }
    }

    /// In partition mode a claim's errors go to its handle, if the user has it; all others to the
    /// consumer.
    fn report(&mut self, claim: Option<ClaimId>, error: Error) {
        if !self.reports.wants_errors {
            return log::warn!("group {}: {error:?}", self.reports.group_id);
        }
        let in_hands = claim.filter(|id| !self.offers.hold(*id));
        let held = in_hands.and_then(|id| self.claims.get_mut(&id));
        let of_claim = held.and_then(|held| held.errors.as_mut());
        of_claim.unwrap_or(&mut self.reports.errors).send(error);
    }
}

impl Users for Desk {
    fn arm(&self) {
        Desk::arm(self);
    }

    fn disarm(&self) {
        Desk::disarm(self);
    }

    fn look_at_channels(&mut self, now: Instant) -> bool {
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
        for (claim, first_unacked) in self.user_side.take_acks() {
            changed = true;
            self.engine.handle(
                now,
                Event::Acked {
                    claim,
                    first_unacked,
                },
            );
        }
        changed
    }

    fn offer_handles(&mut self) -> bool {
        self.offers.proceed()
    }

    fn awaits_progress(&self) -> bool {
        Desk::awaits_progress(self)
    }

    fn look_at_progress(&mut self, now: Instant) {
        self.handle(now, Event::Kick);
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
