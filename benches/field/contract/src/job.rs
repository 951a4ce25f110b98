//! What a reader is told.

use std::{env, path::PathBuf, time::Duration};

use crate::Result;

/// What a reader is told, by flags that each take a value.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// Which of its ways of reading a program shall show.
    pub mode: String,
    /// Where the cluster is.
    pub brokers: String,
    /// What to read.
    pub topic: String,
    /// How many partitions it has.
    pub partitions: usize,
    /// The name of a group that is new, unless another member shall be joined.
    pub group: String,
    /// How many records to read.
    pub records: u64,
    /// How long to work on each of them.
    pub work: Duration,
    /// Where to write how old each record was, if its value begins with the time of its making.
    pub latencies: Option<PathBuf>,
}

impl Job {
    /// The job on the command line of this process.
    pub fn from_args() -> Result<Self> {
        let mut job = Self::default();
        let mut args = env::args().skip(1);
        while let Some(flag) = args.next() {
            let value = args.next().ok_or_else(|| format!("{flag} lacks a value"))?;
            match flag.as_str() {
                "--mode" => job.mode = value,
                "--brokers" => job.brokers = value,
                "--topic" => job.topic = value,
                "--partitions" => job.partitions = value.parse()?,
                "--group" => job.group = value,
                "--records" => job.records = value.parse()?,
                "--work-ns" => job.work = Duration::from_nanos(value.parse()?),
                "--latencies" => job.latencies = Some(value.into()),
                _ => return Err(format!("{flag} is not known").into()),
            }
        }
        Ok(job)
    }

    /// The flags that say this.
    pub fn to_args(&self) -> Vec<String> {
        let mut args: Vec<String> = [
            ("--mode", self.mode.clone()),
            ("--brokers", self.brokers.clone()),
            ("--topic", self.topic.clone()),
            ("--partitions", self.partitions.to_string()),
            ("--group", self.group.clone()),
            ("--records", self.records.to_string()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect();
        if !self.work.is_zero() {
            args.extend(["--work-ns".into(), self.work.as_nanos().to_string()]);
        }
        if let Some(path) = &self.latencies {
            args.extend(["--latencies".into(), path.display().to_string()]);
        }
        args
    }
}
