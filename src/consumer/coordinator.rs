//! The thread that owns the group, the claims and the positions. It never waits for a user.

use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::{
    decoders::Decoders,
    desk::{Desk, Errand},
    lookout::Lookout,
    wait,
};
use crate::{
    core::{
        engine::{End, Event},
        fetch::{Decoded, Onward},
    },
    error::{Error, ErrorKind, Result},
    net::{Completion, Pool},
    record::{Decompressor, Limits},
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

/// The coordinator: the desk, and its ways to brokers and to the decoders.
pub(super) struct Coordinator {
    pub(super) desk: Desk,
    pub(super) pool: Pool,
    pub(super) decoders: Decoders,
    pub(super) inbox: Receiver<Message>,
    pub(super) lookout: Lookout,
    /// For what is quickly decoded.
    pub(super) limits: Limits,
    pub(super) decompressor: Decompressor,
}

/// The first message and those that are there already; then hears what users have said of their handles. A kick is
/// sent behind what it tells of: the other way round it could be taken without that.
pub(super) fn drain<T>(first: Option<T>, inbox: &Receiver<T>, hear: impl FnOnce()) -> Vec<T> {
    // As many as there are now: others may go on sending.
    let more = inbox.len();
    let messages = first.into_iter().chain(inbox.try_iter().take(more));
    let messages = messages.collect();
    hear();
    messages
}

impl Coordinator {
    /// Runs until the consumer is closed or fails.
    pub(super) fn run(&mut self) -> End {
        self.desk.handle(Instant::now(), Event::Start);
        loop {
            while let Some(errand) = self.desk.poll_errand(Instant::now()) {
                match errand {
                    Errand::Send {
                        to,
                        token,
                        call,
                        timeout,
                    } => self.pool.send(&to, token, call, timeout),
                    Errand::GoOn(Onward {
                        to,
                        token,
                        max_bytes,
                        timeout,
                    }) => self.pool.go_on(&to, token, max_bytes, timeout),
                    Errand::Disconnect(target) => self.pool.disconnect(&target),
                    Errand::Decode(job) if job.is_quick() => {
                        let done = job.decode(&self.limits, &mut self.decompressor);
                        self.desk.handle(Instant::now(), Event::Decoded(done));
                    }
                    Errand::Decode(job) => self.decoders.send(job),
                    Errand::Stop(end) => return end,
                }
            }
            if let Err(failure) = self.wait() {
                return End::Failed(failure);
            }
        }
    }

    /// Waits for the next event, and takes in all that are there.
    fn wait(&mut self) -> Result<()> {
        let deadline = self.desk.deadline();
        let waits_for_user = self.desk.waits_for_user();
        // Users may go on without end: what others say, and what is due, does not wait for them to pause.
        let has_news = waits_for_user && self.lookout.look_once_more(&mut self.desk);
        let first = match has_news {
            true => None,
            false => self.sleep(deadline, waits_for_user),
        };
        self.take_in(first)?;
        let now = Instant::now();
        if deadline.is_some_and(|at| at <= now) {
            self.desk.handle(now, Event::Timeout);
        }
        if waits_for_user && !has_news {
            self.lookout.look_around(&mut self.desk, now);
        }
        Ok(())
    }

    /// Waits for something to happen, or to be due, or for the next look at the users.
    fn sleep(&mut self, deadline: Option<Instant>, waits_for_user: bool) -> Option<Message> {
        let look = waits_for_user.then(|| Instant::now() + self.lookout.patience(&self.desk));
        let until = deadline.into_iter().chain(look).min();
        let first = wait::recv(&self.inbox, until, self.desk.caught_up());
        let gone = matches!(first, Err(RecvTimeoutError::Disconnected));
        assert!(!gone, "the waker and the pool keep senders");
        self.lookout.wake(&self.desk);
        first.ok()
    }

    /// What has come is taken in before anything is done about the first.
    fn take_in(&mut self, first: Option<Message>) -> Result<()> {
        let now = Instant::now();
        let messages = drain(first, &self.inbox, || self.desk.hear_users(now));
        messages
            .into_iter()
            .try_for_each(|message| self.receive(now, message))
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
            Message::Commit(reply) => {
                self.desk.commit(now, reply);
                return Ok(());
            }
            Message::Kick => {
                self.lookout.hear();
                return Ok(());
            }
            Message::Close => Event::Close,
        };
        self.desk.handle(now, event);
        Ok(())
    }

    /// The end: everything is given back.
    pub(super) fn finish(&mut self, deadline: Instant) {
        self.desk.finish();
        self.pool.close(deadline);
    }

    /// The end of all but the decoders.
    pub(super) fn into_decoders(self) -> Decoders {
        self.decoders
    }
}
