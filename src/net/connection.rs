//! The thread behind one connection.

use std::{
    any::Any,
    convert::Infallible,
    error, fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, SendError, Sender, bounded, unbounded};

use crate::{
    call::{self, Answer, Call, Lane, Target, Versions, fetch},
    config::Config,
    error::{Error, ErrorKind},
    record, wire,
};

use super::{
    dial::Dialer,
    exchange::{Bounds, Deadline, Exchange, Failure},
    frame::{Apart, Fill, Frame, FrameError},
    handshake::{self, Ages},
    job::{CONTEXT, Job, Question, Reply},
    stream::Cutoff,
};

/// What all connections of a pool have in common.
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) ages: Arc<Ages>,
    pub(super) timing: Timing,
    /// Where records are read into.
    pub(super) memory: record::Recycler,
}

/// What is no setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// A connection without work for so long is closed.
    pub(super) max_idle: Duration,
    /// How long a broker may be silent on the first question before it is asked another one.
    pub(super) patience: Duration,
}

/// The pool's side of a connection.
pub(super) struct Handle {
    jobs: Sender<Job>,
    /// Held for its end, which the thread notices while it resolves a name.
    _stop: Sender<Infallible>,
    cutoff: Arc<Cutoff>,
    ending: Ending,
}

/// A thread that has ended, or is about to.
pub(super) struct Ending {
    thread: JoinHandle<()>,
    /// Disconnects with the thread's end.
    ended: Receiver<Infallible>,
}

/// The thread's side.
struct Connection {
    target: Target,
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
    stop: Receiver<Infallible>,
    cutoff: Arc<Cutoff>,
    open: Option<Open>,
    /// The fetch that goes on where the last answer ends, if that can be.
    onward: Option<fetch::Ask>,
}

/// The memory of a large answer is kept for so long, in case that another one is asked for. Who reads at
/// full speed asks at once; who has enough, or has paused all, may not ask for minutes.
const CALM: Duration = Duration::from_millis(100);

struct Open {
    exchange: Exchange,
    versions: Versions,
}

/// Why a call got no answer.
enum Trouble {
    /// It concerns this call alone, and the connection can go on.
    Call(Error),
    /// The connection is of no use any more.
    Connection(Error),
    /// The same, and not a byte of an answer came.
    Unanswered(Error),
}

impl Handle {
    /// Starts the thread of a connection. It opens the connection for its first job.
    pub(super) fn spawn(target: &Target, shared: &Arc<Shared>) -> io::Result<Self> {
        let (jobs, jobs_of_thread) = unbounded();
        let (stop, stopped) = bounded(0);
        let (running, ended) = bounded::<Infallible>(0);
        let cutoff = Arc::<Cutoff>::default();
        let connection = Connection {
            target: target.clone(),
            shared: Arc::clone(shared),
            jobs: jobs_of_thread,
            stop: stopped,
            cutoff: Arc::clone(&cutoff),
            open: None,
            onward: None,
        };
        let thread = thread::Builder::new()
            .name(thread_name(target))
            .spawn(move || {
                let _running = running;
                connection.run();
            })?;
        Ok(Self {
            jobs,
            _stop: stop,
            cutoff,
            ending: Ending { thread, ended },
        })
    }

    /// Queues a job, or gives it back if the thread has ended.
    pub(super) fn send(&self, job: Job) -> Option<Job> {
        let SendError(job) = self.jobs.send(job).err()?;
        Some(job)
    }

    /// Whether the thread is gone.
    pub(super) fn is_over(&self) -> bool {
        self.ending.is_over()
    }

    /// Ends the thread, which fails the calls that it has. Waits for nothing.
    pub(super) fn end(self) -> Ending {
        self.cutoff.cut();
        self.ending
    }
}

impl Ending {
    /// Whether the thread is gone.
    pub(super) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the thread, unless it takes too long.
    pub(super) fn join(self, deadline: Instant) {
        if let Err(RecvTimeoutError::Disconnected) = self.ended.recv_deadline(deadline) {
            // Panics are caught inside, and what is left to the thread is to return.
            let _ = self.thread.join();
        }
    }
}

/// Linux shows 15 bytes of it.
fn thread_name(target: &Target) -> String {
    let lane = match target.lane {
        Lane::Control => "control",
        Lane::Group => "group",
        Lane::Fetch => "fetch",
    };
    match target.broker.id {
        Some(id) => format!("kafka-{id}-{lane}"),
        // The system takes no zero byte in a name; resolving it will fail.
        None => format!("kafka-{}-{lane}", target.broker.host.replace('\0', "")),
    }
}

impl Connection {
    /// Serves jobs until something ends the connection, and fails the jobs that are left.
    fn run(mut self) {
        let mut current = None;
        let end = catch_unwind(AssertUnwindSafe(|| self.serve(&mut current)));
        let (cause, for_waiting) = match end {
            // Whoever waits for a connection that cannot be opened has the same trouble.
            Ok(cause) if self.open.is_none() => (cause.clone(), cause),
            Ok(cause) => (cause.clone(), disconnected().because(cause)),
            Err(panic) => {
                let error = Error::new(ErrorKind::Panicked(panic_message(&*panic)), CONTEXT);
                (error.clone(), error)
            }
        };
        log::debug!("connection to {} ends: {cause:?}", self.target);
        // Before the first completion is seen, the socket is closed, and so is the way to here: who
        // sends again after a failure gets a new connection.
        self.open = None;
        let waiting: Vec<Job> = self.jobs.try_iter().collect();
        drop(self.jobs);
        if let Some(reply) = current {
            reply.complete(Err(cause));
        }
        for job in waiting {
            job.fail(for_waiting.clone());
        }
    }

    /// Serves jobs, one after the other, and tells what ended that. The call that it ended with stays
    /// in `current`.
    fn serve(&mut self, current: &mut Option<Reply>) -> Error {
        loop {
            let Some(job) = self.next_job() else {
                return disconnected();
            };
            let Some(call) = self.call(job.question) else {
                // That drops the reply, which completes it.
                continue;
            };
            *current = Some(job.reply);
            let answer = self.ask(&call, job.timeout);
            let result = match answer {
                Ok(answer) => Ok(answer),
                Err(Trouble::Call(error)) => {
                    if *error.kind() == ErrorKind::Version {
                        // The next call asks anew: the broker may be another one by then.
                        self.open = None;
                    }
                    Err(error)
                }
                Err(_) if self.cutoff.is_cut() => return disconnected(),
                Err(Trouble::Connection(error) | Trouble::Unanswered(error)) => {
                    self.shared.ages.forget(&self.target.broker);
                    return error;
                }
            };
            self.onward = call.onward(&result);
            if let Some(reply) = current.take() {
                reply.complete(result);
            }
        }
    }

    /// The next job, unless there is none for too long.
    fn next_job(&mut self) -> Option<Job> {
        if let Some(open) = self.open.as_mut().filter(|open| open.exchange.is_large()) {
            match self.jobs.recv_timeout(CALM) {
                Ok(job) => return Some(job),
                Err(_) => open.exchange.give_back(),
            }
        }
        self.jobs.recv_timeout(self.shared.timing.max_idle).ok()
    }

    /// What to ask; `None` if it should go on from something that there is not.
    fn call(&mut self, question: Question) -> Option<Call> {
        match question {
            Question::Call(call) => Some(call),
            Question::Onward(max_bytes) => {
                let ask = self.onward.take()?;
                Some(Call::Fetch(ask.at_most(max_bytes)))
            }
        }
    }

    /// Asks a call, on a new connection if there is none or if the one that there is was closed.
    fn ask(&mut self, call: &Call, timeout: Duration) -> Result<Answer, Trouble> {
        if let Some(open) = &mut self.open {
            match open.ask(call, timeout, &self.shared) {
                // Brokers close connections that are idle, and all of them at a restart. The call did
                // not reach this one, or not much of it.
                Err(Trouble::Unanswered(_)) => {
                    self.open = None;
                    self.shared.ages.forget(&self.target.broker);
                }
                result => return result,
            }
        }
        let open = self.connect(timeout).map_err(Trouble::Connection)?;
        self.open.insert(open).ask(call, timeout, &self.shared)
    }

    /// Opens the connection for a call, which should be over by its own time: others wait behind it.
    fn connect(&self, timeout: Duration) -> Result<Open, Error> {
        if self.cutoff.is_cut() {
            return Err(disconnected());
        }
        let config = &self.shared.config;
        let dialer = Dialer {
            broker: &self.target.broker,
            config: &config.net,
            cutoff: &self.cutoff,
            stop: &self.stop,
        };
        let (exchange, versions) = handshake::open(&dialer, &self.shared, timeout)?;
        log::debug!("connection to {} is open", self.target);
        Ok(Open { exchange, versions })
    }
}

fn disconnected() -> Error {
    Error::new(ErrorKind::Disconnected, CONTEXT)
}

impl Open {
    fn ask(&mut self, call: &Call, timeout: Duration, shared: &Shared) -> Result<Answer, Trouble> {
        let config = &shared.config;
        let of_kind = |kind| Error::new(kind, call.context()).at_api(call.api());
        let id = self.exchange.correlation_id();
        let request = call
            .encode(&self.versions, id, &config.client_id)
            .map_err(Trouble::Call)?;
        if request.frame.len() > config.limits.request {
            let source = TooLarge {
                bytes: request.frame.len(),
                limit: config.limits.request,
            };
            return Err(Trouble::Call(of_kind(ErrorKind::Config).because(source)));
        }
        let bounds = Bounds {
            write: Deadline::after(timeout.min(config.net.write_timeout)),
            read: Deadline::after(timeout),
            answer: config.limits.response,
        };
        let limits = call::Limits::of(&config.limits);
        let mut apart = RecordsApart::new(call, request.version, limits, &shared.memory);
        let frame = self
            .exchange
            .ask(&request.frame, bounds, &mut apart)
            .map_err(|failure| {
                let trouble = match failure {
                    Failure::Unanswered(_) => Trouble::Unanswered,
                    _ => Trouble::Connection,
                };
                trouble(failure.into_error(call.context()).at_api(call.api()))
            })?;
        let frame = apart.join(frame);
        call.decode(request.version, frame, &limits, &shared.memory)
            .map_err(|error| match error.kind() {
                // Who knows what the next bytes would mean.
                ErrorKind::Protocol => Trouble::Connection(error),
                _ => Trouble::Call(error),
            })
    }
}

/// Reads the records of an answer into the memory that they stay in.
pub(super) struct RecordsApart<'a> {
    call: &'a Call,
    version: i16,
    limits: call::Limits,
    memory: &'a record::Recycler,
    found: Vec<record::Split>,
}

impl<'a> RecordsApart<'a> {
    pub(super) fn new(
        call: &'a Call,
        version: i16,
        limits: call::Limits,
        memory: &'a record::Recycler,
    ) -> Self {
        Self {
            call,
            version,
            limits,
            memory,
            found: Vec::new(),
        }
    }

    /// The answer, with what was read apart from this frame.
    pub(super) fn join(self, frame: Frame<'_>) -> call::Frame<'_> {
        call::Frame {
            bytes: frame.bytes,
            taken: frame.taken,
            records: self.found,
        }
    }
}

impl Apart for RecordsApart<'_> {
    fn find(
        &mut self,
        bytes: &[u8],
        taken: &[(usize, usize)],
        to_come: usize,
    ) -> Option<(usize, usize)> {
        let frame = wire::Input {
            bytes,
            apart: wire::Apart { taken, to_come },
            array_bytes: self.limits.array_bytes,
        };
        self.call.find_records(self.version, frame)
    }

    fn read(&mut self, length: usize, from: &mut dyn Fill) -> Result<(), FrameError> {
        let fill = |target: &mut [u8]| from.fill(target);
        let records = record::split_as_read(length, &self.limits.records, self.memory, fill)?;
        self.found.push(records);
        Ok(())
    }
}

/// A request that the settings do not allow.
#[derive(Debug)]
struct TooLarge {
    bytes: usize,
    limit: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a request of {} bytes is larger than limits.request ({})",
            self.bytes, self.limit
        )
    }
}

impl error::Error for TooLarge {}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().copied();
    let text = literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without words").to_owned()
}
