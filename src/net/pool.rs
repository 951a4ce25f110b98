//! The connections of one client.

use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    call::{Call, Target, Token},
    config::Config,
    error::{Error, ErrorKind},
    record::Recycler,
};

use super::{
    connection::{Ending, Handle, Shared, Timing},
    handshake::Ages,
    job::{CONTEXT, Job, OnCompletion, Question, Reply},
};

/// Idle connections end after the time of the Java client, a minute before brokers close them by
/// default. Answering ApiVersions costs a broker no work, but its machine may be busy.
const TIMING: Timing = Timing {
    max_idle: Duration::from_secs(9 * 60),
    patience: Duration::from_millis(2500),
};

/// The connections of one client, a thread for each. Owned by one thread, which never waits here but
/// in [`close`](Self::close).
///
/// A connection is opened by the first call for its target, and again by the first one after it was
/// lost. How soon to send again after a failure is for the owner to decide.
pub struct Pool {
    shared: Arc<Shared>,
    on_completion: OnCompletion,
    connections: HashMap<Target, Handle>,
    /// Threads that were told to end, and may not have noticed yet.
    ending: Vec<Ending>,
    is_closed: bool,
}

impl Pool {
    /// No connections yet. `on_completion` is called on any thread, also within [`send`](Self::send).
    pub fn new(config: Arc<Config>, on_completion: OnCompletion) -> Self {
        Self::with_timing(config, on_completion, TIMING)
    }

    /// The same, for the settings and the brokers of another pool: what that one has found out about
    /// the age of brokers, this one knows, and the other way round.
    pub fn beside(other: &Self, on_completion: OnCompletion) -> Self {
        Self::with_shared(Arc::clone(&other.shared), on_completion)
    }

    pub(super) fn with_timing(
        config: Arc<Config>,
        on_completion: OnCompletion,
        timing: Timing,
    ) -> Self {
        let shared = Shared {
            config,
            ages: Arc::new(Ages::default()),
            timing,
            memory: Recycler::new(),
        };
        Self::with_shared(Arc::new(shared), on_completion)
    }

    fn with_shared(shared: Arc<Shared>, on_completion: OnCompletion) -> Self {
        Self {
            shared,
            on_completion,
            connections: HashMap::new(),
            ending: Vec::new(),
            is_closed: false,
        }
    }

    /// Where records are read into, and what they are decompressed into should come from.
    pub fn memory(&self) -> &Recycler {
        &self.shared.memory
    }

    /// Sends a call, behind those for the same target that have no answer yet. Its completion comes
    /// exactly once, whatever happens.
    ///
    /// The timeout counts from the call's turn, on an open connection. Opening one takes as long at most, and
    /// not longer than the dial timeout; finding out its address may take that time of its own.
    pub fn send(&mut self, to: &Target, token: Token, call: Call, timeout: Duration) {
        self.ending.retain(|ending| !ending.is_over());
        self.connections
            .retain(|_, connection| !connection.is_over());
        let reply = Reply::new(token, to.clone(), Arc::clone(&self.on_completion));
        let mut job = Job {
            question: Question::Call(call),
            timeout,
            reply,
        };
        if self.is_closed {
            return job.fail(Error::new(ErrorKind::Closed, CONTEXT));
        }
        if let Some(connection) = self.connections.get(to) {
            match connection.send(job) {
                None => return,
                Some(returned) => job = returned,
            }
            self.disconnect(to);
        }
        match Handle::spawn(to, &self.shared) {
            Ok(connection) => {
                if let Some(job) = connection.send(job) {
                    job.fail(Error::new(ErrorKind::Disconnected, CONTEXT));
                }
                self.connections.insert(to.clone(), connection);
            }
            Err(error) => job.fail(Error::new(ErrorKind::System, CONTEXT).because(error)),
        }
    }

    /// Has a connection ask the fetch before this call once more when that is answered, from where the answer
    /// ends and for at most so many bytes, see [`fetch::Ask::onward`](crate::call::fetch::Ask::onward). Where it
    /// cannot, for whatever reason, the completion says disconnected, though nothing may be.
    pub fn go_on(&mut self, to: &Target, token: Token, max_bytes: i32, timeout: Duration) {
        let job = Job {
            question: Question::Onward(max_bytes),
            timeout,
            reply: Reply::new(token, to.clone(), Arc::clone(&self.on_completion)),
        };
        if let Some(connection) = self.connections.get(to) {
            drop(connection.send(job));
        }
    }

    /// Cuts the connection off. Its calls fail as disconnected, soon but not within this call.
    pub fn disconnect(&mut self, to: &Target) {
        self.ending
            .extend(self.connections.remove(to).map(Handle::end));
    }

    /// Cuts all connections off and waits for their threads. No thread and no socket is left, unless
    /// the deadline is too short even for that, or the system is still looking up a name.
    pub fn close(&mut self, deadline: Instant) {
        self.is_closed = true;
        self.end_all();
        for ending in self.ending.drain(..) {
            ending.join(deadline);
        }
    }

    fn end_all(&mut self) {
        let connections = self.connections.drain();
        self.ending
            .extend(connections.map(|(_, connection)| connection.end()));
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.end_all();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.connections.keys()).finish()
    }
}
