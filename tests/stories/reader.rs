//! A member of the group, whose user writes all it does into the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use sarama_cluster::{
    Consumer, ConsumerMessage, Error, ErrorCode, Notification, NotificationType,
    crossbeam_channel::{Receiver, Select, Sender, TryRecvError, bounded},
};

use crate::{
    handle::Handle,
    oracle::{Cause, ClaimNo, Event, Log, Pages, Place},
    world::PATIENCE,
};

/// A consumer and what its user has seen of it.
pub(crate) struct Reader {
    pub(crate) name: String,
    pub(crate) consumer: Consumer,
    log: Arc<Log>,
    seen: Mutex<Seen>,
    /// Something was put into `seen` since this was last emptied. Its user may be told what another thread of
    /// the story waits for.
    news: (Sender<()>, Receiver<()>),
}

/// What the notifications and errors have told so far.
#[derive(Default)]
struct Seen {
    /// Counts the generations.
    turn: u32,
    claims: BTreeMap<Place, (ClaimNo, u32)>,
    /// Where an offset was out of range in this generation, and no claim was seen since.
    out_of_range: BTreeSet<Place>,
    notifications: Vec<Notification>,
    errors: Vec<Error>,
    /// The errors of partition handles.
    of_handles: Vec<Receiver<Error>>,
}

/// A message and the claim it was delivered under.
pub(crate) struct Delivery {
    pub(crate) message: ConsumerMessage,
    pub(crate) claim: ClaimNo,
}

/// What a reader finds.
pub(crate) enum Next {
    Message(Delivery),
    /// It was told to stop.
    Stop,
    /// There will be no more.
    Closed,
    /// The time is up.
    Late,
}

impl Deref for Delivery {
    type Target = ConsumerMessage;

    fn deref(&self) -> &ConsumerMessage {
        &self.message
    }
}

impl Delivery {
    /// Waits until its claim is being released or is over. Nothing else tells this moment.
    #[track_caller]
    pub(crate) fn await_end(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.is_current() {
            assert!(Instant::now() < deadline, "its claim goes on");
            thread::yield_now();
        }
    }

    pub(crate) fn place(&self) -> Place {
        (self.topic().to_owned(), self.partition())
    }
}

impl Reader {
    pub(crate) fn new(name: &str, consumer: Consumer, log: &Arc<Log>) -> Self {
        Self {
            name: name.to_owned(),
            consumer,
            log: Arc::clone(log),
            seen: Mutex::default(),
            news: bounded(1),
        }
    }

    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }
}

/// Messages.
impl Reader {
    /// The next message.
    ///
    /// # Panics
    /// If none comes.
    #[track_caller]
    pub(crate) fn recv(&self) -> Delivery {
        match self.next(None, PATIENCE) {
            Next::Message(delivery) => delivery,
            Next::Closed => panic!("{}: closed, {:?}", self.name, self.consumer.error()),
            Next::Stop | Next::Late => panic!("{}: no message; {:?}", self.name, self.errors()),
        }
    }

    /// The next messages, so many.
    #[track_caller]
    pub(crate) fn take(&self, count: usize) -> Vec<Delivery> {
        (0..count).map(|_| self.recv()).collect()
    }

    /// A message, if there is one now.
    pub(crate) fn try_recv(&self) -> Option<Delivery> {
        self.look().ok()
    }

    /// Takes and marks so many messages.
    #[track_caller]
    pub(crate) fn consume(&self, count: usize) {
        for _ in 0..count {
            self.mark(&self.recv());
        }
    }

    /// Waits for a message, for `stop`, for the end, or until the time is up.
    pub(crate) fn next(&self, stop: Option<&Receiver<()>>, within: Duration) -> Next {
        let deadline = Instant::now() + within;
        loop {
            match self.look() {
                Ok(delivery) => return Next::Message(delivery),
                Err(TryRecvError::Disconnected) => return Next::Closed,
                Err(TryRecvError::Empty) => {}
            }
            let mut select = Select::new();
            select.recv(self.consumer.messages());
            select.recv(self.consumer.notifications());
            select.recv(self.consumer.errors());
            let told = stop.map(|stop| select.recv(stop));
            match select.ready_deadline(deadline) {
                Ok(index) if Some(index) == told => return Next::Stop,
                Ok(_) => {}
                Err(_) => return Next::Late,
            }
        }
    }

    /// Takes a message, if there is one, and all that is told.
    fn look(&self) -> Result<Delivery, TryRecvError> {
        let mut log = self.log.open();
        let mut seen = self.seen.lock();
        let taken = self.consumer.messages().try_recv();
        let turn = seen.turn;
        self.hear(&mut seen);
        let taken = taken.map(|message| {
            // While a message is current its generation is the latest one told.
            let turn = if message.is_current() {
                seen.turn
            } else {
                turn
            };
            let place = (message.topic().to_owned(), message.partition());
            let claim = seen.claim(&mut log, &self.name, place, turn, message.offset());
            let offset = message.offset();
            log.write(Event::Delivered { claim, offset });
            Delivery { message, claim }
        });
        seen.end_old_claims(&mut log);
        taken
    }

    pub(crate) fn mark(&self, delivery: &Delivery) {
        self.mark_with(delivery, "");
    }

    pub(crate) fn mark_with(&self, delivery: &Delivery, metadata: &str) {
        let (claim, offset) = (delivery.claim, delivery.offset());
        self.log.write(Event::Marked { claim, offset });
        self.consumer.mark_offset(delivery, metadata);
    }

    pub(crate) fn ack(&self, delivery: &Delivery) {
        let (claim, offset) = (delivery.claim, delivery.offset());
        self.log.write(Event::Acked { claim, offset });
        self.consumer.ack(delivery);
    }

    pub(crate) fn reset(&self, delivery: &Delivery, metadata: &str) {
        let (claim, offset) = (delivery.claim, delivery.offset());
        self.log.write(Event::Reset { claim, offset });
        self.consumer.reset_offset(delivery, metadata);
    }
}

/// Handles.
impl Reader {
    /// The next partition handle.
    ///
    /// # Panics
    /// If none comes.
    #[track_caller]
    pub(crate) fn handle(&self) -> Handle<'_> {
        match self.next_handle(PATIENCE) {
            Some(handle) => handle,
            None => panic!("{}: no handle; {:?}", self.name, self.errors()),
        }
    }

    /// So many partition handles, by partition.
    #[track_caller]
    pub(crate) fn handles(&self, count: usize) -> Vec<Handle<'_>> {
        let mut handles: Vec<_> = (0..count).map(|_| self.handle()).collect();
        handles.sort_by_key(Handle::place);
        handles
    }

    /// The next partition handle, if one comes in time.
    pub(crate) fn next_handle(&self, within: Duration) -> Option<Handle<'_>> {
        let deadline = Instant::now() + within;
        loop {
            match self.look_for_handle() {
                Ok(handle) => return Some(handle),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            let mut select = Select::new();
            select.recv(self.consumer.partitions());
            select.recv(self.consumer.notifications());
            select.recv(self.consumer.errors());
            select.ready_deadline(deadline).ok()?;
        }
    }

    fn look_for_handle(&self) -> Result<Handle<'_>, TryRecvError> {
        let mut log = self.log.open();
        let mut seen = self.seen.lock();
        let taken = self.consumer.partitions().try_recv();
        self.hear(&mut seen);
        let taken = taken.map(|part| {
            let place = (part.topic().to_owned(), part.partition());
            let turn = seen.turn;
            let claim = seen.new_claim(&mut log, &self.name, place, turn, part.initial_offset());
            seen.of_handles.push(part.errors().clone());
            Handle::new(self, part, claim)
        });
        seen.end_old_claims(&mut log);
        taken
    }
}

/// Notifications and errors.
impl Reader {
    /// All notifications so far.
    pub(crate) fn notifications(&self) -> Vec<Notification> {
        self.listen();
        self.seen.lock().notifications.clone()
    }

    /// All errors so far, those of handles included.
    pub(crate) fn errors(&self) -> Vec<Error> {
        self.listen();
        self.seen.lock().errors.clone()
    }

    /// Waits for the end of a rebalance that gives it this many partitions.
    #[track_caller]
    pub(crate) fn await_claims(&self, count: usize) -> Notification {
        self.await_news(|told, _| {
            let last = told
                .iter()
                .rfind(|n| n.kind != NotificationType::RebalanceStart)?;
            let claims: usize = last.current.values().map(Vec::len).sum();
            let is_it = last.kind == NotificationType::RebalanceOk && claims == count;
            is_it.then(|| last.clone())
        })
    }

    /// Waits for a notification of this kind, the `nth` one from 1 on.
    #[track_caller]
    pub(crate) fn await_notification(&self, kind: NotificationType, nth: usize) -> Notification {
        self.await_news(|told, _| {
            let mut of_kind = told.iter().filter(|n| n.kind == kind);
            of_kind.nth(nth - 1).cloned()
        })
    }

    /// Waits for an error.
    #[track_caller]
    pub(crate) fn await_error(&self, is_it: impl Fn(&Error) -> bool) -> Error {
        self.await_news(|_, errors| errors.iter().find(|e| is_it(e)).cloned())
    }

    #[track_caller]
    fn await_news<T>(&self, find: impl Fn(&[Notification], &[Error]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let _ = self.news.1.try_recv();
            self.listen();
            let of_handles = {
                let seen = self.seen.lock();
                if let Some(found) = find(&seen.notifications, &seen.errors) {
                    return found;
                }
                seen.of_handles.clone()
            };
            let mut select = Select::new();
            select.recv(self.consumer.notifications());
            select.recv(self.consumer.errors());
            select.recv(&self.news.1);
            for errors in &of_handles {
                select.recv(errors);
            }
            if select.ready_deadline(deadline).is_err() {
                let seen = self.seen.lock();
                let (told, errors) = (&seen.notifications, &seen.errors);
                panic!("{}: no such news in {told:#?}, {errors:#?}", self.name);
            }
        }
    }

    /// An error that the story has taken from its channel by itself.
    pub(crate) fn tell(&self, error: Error) {
        self.listen();
        let mut seen = self.seen.lock();
        seen.out_of_range.extend(out_of_range(&error));
        seen.errors.push(error);
    }

    /// Takes in all that is told, and tells those who wait for it.
    fn hear(&self, seen: &mut Seen) {
        if seen.listen(&self.consumer) {
            // If it is full they are told already.
            let _ = self.news.0.try_send(());
        }
    }

    fn listen(&self) {
        let mut log = self.log.open();
        let mut seen = self.seen.lock();
        self.hear(&mut seen);
        seen.end_old_claims(&mut log);
    }
}

/// The partition in which an offset is out of range, if the error says so.
fn out_of_range(error: &Error) -> Option<Place> {
    let is_it = error.code() == Some(ErrorCode::OFFSET_OUT_OF_RANGE);
    let place = (error.topic()?.to_owned(), error.partition()?);
    is_it.then_some(place)
}

impl Seen {
    /// Takes in all that is told. Whether that is anything.
    fn listen(&mut self, consumer: &Consumer) -> bool {
        let told = self.notifications.len();
        for notification in consumer.notifications().try_iter() {
            if notification.kind != NotificationType::RebalanceStart {
                self.turn += 1;
                self.out_of_range.clear();
            }
            self.notifications.push(notification);
        }
        let heard = self.errors.len();
        self.errors.extend(consumer.errors().try_iter());
        let errors = &mut self.errors;
        self.of_handles.retain(|of_handle| {
            loop {
                match of_handle.try_recv() {
                    Ok(error) => errors.push(error),
                    Err(end) => return end == TryRecvError::Empty,
                }
            }
        });
        for error in &self.errors[heard..] {
            self.out_of_range.extend(out_of_range(error));
        }
        told < self.notifications.len() || heard < self.errors.len()
    }

    /// The claim under which this offset is delivered.
    fn claim(
        &mut self,
        log: &mut Pages,
        member: &str,
        place: Place,
        turn: u32,
        offset: i64,
    ) -> ClaimNo {
        match self.claims.get(&place) {
            Some((claim, of)) if *of == turn && !self.out_of_range.contains(&place) => *claim,
            _ => self.new_claim(log, member, place, turn, offset),
        }
    }

    fn new_claim(
        &mut self,
        log: &mut Pages,
        member: &str,
        place: Place,
        turn: u32,
        start: i64,
    ) -> ClaimNo {
        let claim = log.new_claim();
        let before = self.claims.insert(place.clone(), (claim, turn));
        let cause = if self.out_of_range.remove(&place) {
            Cause::OutOfRange
        } else if before.is_some_and(|(_, of)| of == turn) {
            Cause::Reoffered
        } else {
            Cause::Assigned
        };
        log.write(Event::Claimed {
            claim,
            member: member.to_owned(),
            place,
            start,
            cause,
        });
        claim
    }

    /// A new generation has ended what was claimed before.
    fn end_old_claims(&mut self, log: &mut Pages) {
        let turn = self.turn;
        self.claims.retain(|_, (claim, of)| {
            let ended = *of < turn;
            if ended {
                log.write(Event::Ended { claim: *claim });
            }
            !ended
        });
    }
}
