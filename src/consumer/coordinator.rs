//! The thread that owns the group, the claims and the positions: it performs what the engine says
//! and never waits for a user.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{
    claim::Claim, message::ConsumerMessage, notification::Notification, offers::Offers, outlet::Outlet,
    shared::Shared, waker::Waker,
};
use crate::{
    core::{
        ChannelId, ClaimId,
        commit::Ticket,
        engine::{Action, Engine, Event, Gone, Notice, Opened},
        fetch::{Decoded, Job},
    },
    error::{Error, ErrorKind, Result},
    net::{Completion, Pool},
};

/// What the other threads tell the coordinator.
#[derive(Debug)]
pub(super) enum Message {
    /// A call was answered, or failed.
    Completion(Completion),
    /// A job was done.
    Decoded(Decoded),
    /// A user took, marked or dropped something that is waited for.
    Kick,
    /// Somebody waits for all marks to be committed.
    Commit(Sender<Result<()>>),
    /// A handle was paused or resumed.
    Pause(ClaimId, bool),
    /// A handle is gone.
    HandleGone(ClaimId, Gone),
    /// The consumer is to be closed.
    Close,
    /// A thread of the library panicked.
    Panicked(String),
}

/// The coordinator's side of everything.
pub(super) struct Coordinator {
    pub(super) engine: Engine,
    pub(super) pool: Pool,
    pub(super) inbox: Receiver<Message>,
    pub(super) decoder: Option<Sender<Job>>,
    pub(super) shared: Arc<Shared>,
    pub(super) waker: Arc<Waker>,
    /// Multiplex mode: the one channel.
    pub(super) messages: Option<Sender<ConsumerMessage>>,
    /// Partition mode: where handles are offered.
    pub(super) offers: Option<Offers>,
    pub(super) outlets: BTreeMap<ChannelId, Outlet>,
    pub(super) claims: BTreeMap<ClaimId, Arc<Claim>>,
    pub(super) tickets: BTreeMap<Ticket, Sender<Result<()>>>,
    pub(super) tickets_made: u64,
    pub(super) tick: Tick,
    pub(super) close_timeout: Duration,
}

/// How long to wait for a user before looking, for users of raw channels do not tell. It grows while
/// nothing happens.
#[derive(Debug)]
pub(super) struct Tick {
    wait: Duration,
}

impl Tick {
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_millis(100);

    pub(super) fn new() -> Self {
        Self { wait: Self::SHORTEST }
    }

    fn restart(&mut self) {
        self.wait = Self::SHORTEST;
    }

    fn next(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (wait * 2).min(Self::LONGEST);
        wait
    }
}

impl Coordinator {
    /// Runs until the consumer is closed or fails.
    pub(super) fn run(mut self) {
        let end = catch_unwind(AssertUnwindSafe(|| self.work()));
        let failure = end.unwrap_or_else(|panic| {
            Some(Error::new(ErrorKind::Panicked(panic_message(&*panic)), "coordinator"))
        });
        self.finish(failure);
    }

    fn work(&mut self) -> Option<Error> {
        self.engine.handle(Instant::now(), Event::Start);
        loop {
            while let Some(action) = self.engine.poll_action() {
                match action {
                    Action::Stopped(failure) => return failure,
                    action => self.perform(action),
                }
            }
            if let Err(failure) = self.wait() {
                return Some(failure);
            }
        }
    }

    /// Waits for the next event, and takes in all that are there.
    fn wait(&mut self) -> Result<()> {
        let waits_for_user = self.engine.waits_for_user() || self.offers.as_ref().is_some_and(Offers::wait_for_user);
        let deadline = self.engine.poll_deadline();
        let now = Instant::now();
        let mut until = deadline;
        if waits_for_user {
            // Armed before looking: what is taken after the look wakes us.
            self.waker.arm();
            if self.look_at_channels(now) {
                self.tick.restart();
                return Ok(());
            }
            let tick = now + self.tick.next();
            until = Some(until.map_or(tick, |at| at.min(tick)));
        }
        let first = match until {
            Some(at) => self.inbox.recv_deadline(at),
            None => self.inbox.recv().map_err(RecvTimeoutError::from),
        };
        self.waker.disarm();
        let now = Instant::now();
        match first {
            Ok(message) => {
                self.receive(now, message)?;
                // What has come meanwhile is taken in before anything is done about it.
                for message in self.inbox.try_iter().take(self.inbox.len()).collect::<Vec<_>>() {
                    self.receive(now, message)?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("the consumer's handle keeps a sender"),
        }
        if deadline.is_some_and(|at| at <= now) {
            self.engine.handle(now, Event::Timeout);
        }
        if waits_for_user {
            self.look_at_channels(now);
            self.engine.handle(now, Event::Kick);
        }
        Ok(())
    }

    fn receive(&mut self, now: Instant, message: Message) -> Result<()> {
        let event = match message {
            Message::Completion(Completion { token, result, .. }) => Event::Answer { token, result },
            Message::Decoded(done) => Event::Decoded(done),
            Message::Kick => {
                self.tick.restart();
                return Ok(());
            }
            Message::Commit(reply) => {
                // Marks made before the call belong to this commit.
                self.tickets_made += 1;
                let ticket = Ticket(self.tickets_made);
                self.tickets.insert(ticket, reply);
                Event::Commit(ticket)
            }
            Message::Pause(claim, paused) => Event::Pause { claim, paused },
            Message::HandleGone(claim, how) => Event::HandleGone { claim, how },
            Message::Close => Event::Close,
            Message::Panicked(message) => return Err(Error::new(ErrorKind::Panicked(message), "decoder")),
        };
        self.engine.handle(now, event);
        Ok(())
    }

    /// Sees what the users have taken. True if something has changed.
    fn look_at_channels(&mut self, now: Instant) -> bool {
        let mut changed = false;
        for (channel, outlet) in &mut self.outlets {
            if let Some(total) = outlet.poll_taken() {
                changed = true;
                self.engine.handle(now, Event::Taken { channel: *channel, total });
            }
        }
        for (id, claim) in &self.claims {
            if let Some(first_unacked) = claim.first_unacked() {
                self.engine.handle(now, Event::Acked { claim: *id, first_unacked });
            }
        }
        if let Some(offers) = &mut self.offers {
            offers.proceed();
        }
        changed
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Send { to, token, call, timeout } => self.pool.send(&to, token, call, timeout),
            Action::Disconnect(target) => self.pool.disconnect(&target),
            Action::Open(opened) => self.open(&opened),
            Action::Push { claim, block } => {
                let claim = &self.claims[&claim];
                let outlet = self.outlets.get_mut(&claim.channel()).expect("a claim that is open has an outlet");
                outlet.push(claim, block);
            }
            Action::Decode(job) => {
                let decoder = self.decoder.as_ref().expect("the decoder runs as long as the engine");
                // It has gone only if it has panicked, which it tells.
                let _ = decoder.send(job);
            }
            Action::Hold(id) => self.hold(id),
            Action::End(id) => self.end(id),
            Action::Observe => self.observe(),
            Action::Committed { claim, next, metadata } => {
                if let Some(claim) = self.claims.get(&claim) {
                    claim.committed(next, metadata);
                }
            }
            Action::HighWatermark { claim, offset } => {
                if let Some(claim) = self.claims.get(&claim) {
                    claim.set_high_water_mark(offset);
                }
            }
            Action::CommitDone(tickets, result) => {
                for reply in tickets.iter().filter_map(|ticket| self.tickets.remove(ticket)) {
                    // Whoever asked may have gone.
                    let _ = reply.send(result.clone());
                }
            }
            Action::Notify(notice) => self.notify(notice),
            Action::Report { claim, error } => self.report(claim, error),
            Action::Stopped(_) => unreachable!("taken by the loop"),
        }
    }

    fn open(&mut self, opened: &Opened) {
        let claim = Claim::new(opened, Arc::clone(&self.waker));
        self.shared.begin(&claim);
        self.claims.insert(opened.claim, Arc::clone(&claim));
        if let Some(offers) = &mut self.offers {
            let (outlet, handle) = self.handles.open(&claim, opened.capacity);
            self.outlets.insert(opened.channel, outlet);
            offers.offer(handle);
        }
    }

    /// Closes the marks at the last message that the user has taken.
    fn hold(&mut self, id: ClaimId) {
        let claim = &self.claims[&id];
        claim.begin_release();
        let outlet = self.outlets.get_mut(&claim.channel()).expect("a claim that is open has an outlet");
        outlet.close_marks(claim);
    }

    fn end(&mut self, id: ClaimId) {
        let Some(claim) = self.claims.remove(&id) else { return };
        claim.end();
        self.shared.end(&claim);
        if claim.channel() == ChannelId::Of(id) {
            self.outlets.remove(&claim.channel());
        } else if let Some(outlet) = self.outlets.get_mut(&claim.channel()) {
            outlet.forget(id);
        }
        if let Some(offers) = &mut self.offers {
            offers.purge();
        }
    }

    fn observe(&mut self) {
        let progress = self.claims.values().map(|claim| self.outlets[&claim.channel()].observe(claim)).collect();
        self.engine.handle(Instant::now(), Event::Observed(progress));
    }

    fn notify(&mut self, notice: Notice) {
        self.shared.subscribe(notice.current.clone());
        self.notifications.send(Notification::from(notice));
    }

    /// In partition mode a claim's errors go to its handle, all others to the consumer.
    fn report(&mut self, claim: Option<ClaimId>, error: Error) {
        match claim.and_then(|id| self.claims.get(&id)).and_then(|claim| claim.errors()) {
            Some(errors) => errors.send(error),
            None => self.errors.send(error),
        }
    }

    /// The end: everything is given back, in bounded time.
    fn finish(mut self, failure: Option<Error>) {
        let deadline = Instant::now() + self.close_timeout.min(CLEAN_UP_TIME);
        for id in self.claims.keys().copied().collect::<Vec<_>>() {
            self.end(id);
        }
        self.decoder = None;
        self.pool.close(deadline);
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
