//! One run of one program.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use field_contract::Job;
use serde::{Deserialize, Serialize};

use crate::{Result, contestants::Contestant, programs::Programs};

/// The name of a group that is new: each part has a cluster of its own. It is short, for the system shows
/// 15 bytes of the names of threads.
pub(crate) fn new_group() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("g{}", MADE.fetch_add(1, Relaxed))
}

/// What a reader is told that joins a new group and reads so many records.
pub(crate) fn job(brokers: String, topic: &str, partitions: usize, records: u64) -> Job {
    Job {
        brokers,
        topic: topic.to_owned(),
        partitions,
        group: new_group(),
        records,
        ..Job::default()
    }
}

/// The longest that a run may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a reader tells of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// From the first record to the last.
    pub(crate) seconds: f64,
    /// Processor time of the process up to the last record.
    pub(crate) cpu_seconds: f64,
    /// Of these, until the first.
    pub(crate) cpu_seconds_at_first: f64,
    pub(crate) peak_rss_kib: u64,
    /// Of those that tell.
    #[serde(default)]
    pub(crate) page_faults: u64,
    pub(crate) first_unix_ns: u64,
    /// Seconds from the start of the process to the first record; known here only.
    #[serde(default)]
    pub(crate) to_first: f64,
    /// The processor time of each thread, of those that tell.
    #[serde(default)]
    pub(crate) threads: Vec<(String, f64)>,
}

impl Outcome {
    pub(crate) fn rate(&self) -> f64 {
        self.records as f64 / self.seconds
    }

    /// Processor seconds per record behind the first.
    pub(crate) fn cpu_after_first(&self) -> f64 {
        (self.cpu_seconds - self.cpu_seconds_at_first) / self.records as f64
    }

    /// Processor seconds per million records.
    pub(crate) fn cpu(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.records as f64
    }
}

/// A program that reads.
pub(crate) struct Running {
    child: Child,
    started: Duration,
}

impl Running {
    pub(crate) fn start(programs: &Programs, contestant: &Contestant, job: &Job) -> Result<Self> {
        let command = programs.command(contestant.program);
        let [program, arguments @ ..] = command.ok_or("it is not built")? else {
            unreachable!("a command has a program");
        };
        let job = Job {
            mode: contestant.mode.to_owned(),
            ..job.clone()
        };
        let mut command = Command::new(program);
        command.args(arguments).args(job.to_args());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let started = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let child = command.spawn()?;
        Ok(Self { child, started })
    }

    /// Waits for what it tells, and for its end.
    pub(crate) fn finish(mut self) -> Result<Outcome> {
        let mut output = self.child.stdout.take().expect("it was asked for");
        let (sender, text) = mpsc::channel();
        thread::spawn(move || {
            let mut text = String::new();
            let read = output.read_to_string(&mut text);
            sender.send(read.map(|_| text))
        });
        let text = match text.recv_timeout(PATIENCE) {
            Ok(text) => text?,
            Err(_) => return Err(format!("not done in {PATIENCE:?}").into()),
        };
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("{status}").into());
        }
        let mut outcome: Outcome = serde_json::from_str(text.trim())?;
        let first = Duration::from_nanos(outcome.first_unix_ns);
        outcome.to_first = first.saturating_sub(self.started).as_secs_f64();
        Ok(outcome)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to do.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
