//! One run: a reader reads the whole topic once.

use std::{
    fmt,
    str::FromStr,
    sync::{
        OnceLock,
        atomic::{AtomicI32, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use crate::{Result, groups, raw, usage::Usage};

/// The ways of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reader {
    /// One thread, one connection: fetch, wait, decode, look at each record.
    Raw,
    /// `for message in consumer.messages()`, with `mark_offset` of each.
    Loop,
    /// Two threads, each with a clone of `messages()`, and `ack` of each message.
    Pool,
    /// Partition mode: a thread for each partition, with `mark_offset` of each message.
    Partitions,
}

impl Reader {
    pub(crate) const ALL: [Self; 4] = [Self::Raw, Self::Loop, Self::Pool, Self::Partitions];

    fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Loop => "loop",
            Self::Pool => "pool",
            Self::Partitions => "partitions",
        }
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Reader {
    type Err = Box<dyn std::error::Error>;

    fn from_str(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|reader| reader.name() == name);
        known.ok_or_else(|| format!("{name} is no reader").into())
    }
}

/// What a reader's process is told.
pub(crate) struct Job {
    pub(crate) reader: Reader,
    pub(crate) brokers: Vec<String>,
    pub(crate) topic: String,
    pub(crate) records: u64,
    pub(crate) partitions: i32,
    pub(crate) size: usize,
}

impl Job {
    /// The command line of the process that runs this.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let flags = [
            ("--run", self.reader.to_string()),
            ("--brokers", self.brokers.join(",")),
            ("--topic", self.topic.clone()),
            ("--records", self.records.to_string()),
            ("--partitions", self.partitions.to_string()),
            ("--size", self.size.to_string()),
        ];
        let flags = flags.into_iter();
        flags
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }

    pub(crate) fn run(&self) -> Result<Measured> {
        let watch = Watch::new(self);
        match self.reader {
            Reader::Raw => raw::read(self, &watch)?,
            Reader::Loop => groups::read_in_a_loop(self, &watch)?,
            Reader::Pool => groups::read_in_a_pool(self, &watch)?,
            Reader::Partitions => groups::read_each_partition(self, &watch)?,
        }
        watch.measured()
    }
}

/// Watches the records go by.
///
/// What it does for each record is next to nothing, and the same for all readers.
pub(crate) struct Watch {
    records: u64,
    bytes: u64,
    /// Where each partition ends.
    ends: Vec<i64>,
    /// How many partitions have records left.
    open: AtomicI32,
    first: OnceLock<Instant>,
    measured: OnceLock<Measured>,
    seen: AtomicU64,
    seen_bytes: AtomicU64,
}

/// What one thread has seen; it must be added to the [`Watch`] in the end.
#[derive(Default)]
pub(crate) struct Seen {
    records: u64,
    bytes: u64,
    /// So that the bytes have to be read.
    sum: u64,
}

impl Watch {
    fn new(job: &Job) -> Self {
        let partitions = job.partitions as u64;
        let end = |p| (job.records / partitions + u64::from(p < job.records % partitions)) as i64;
        Self {
            records: job.records,
            bytes: job.records * job.size as u64,
            ends: (0..partitions).map(end).collect(),
            open: AtomicI32::new(job.partitions),
            first: OnceLock::new(),
            measured: OnceLock::new(),
            seen: AtomicU64::new(0),
            seen_bytes: AtomicU64::new(0),
        }
    }

    /// A record is delivered. Whether it is the last one of all.
    #[inline]
    pub(crate) fn deliver(
        &self,
        seen: &mut Seen,
        partition: i32,
        offset: i64,
        value: Option<&[u8]>,
    ) -> bool {
        if offset == 0 {
            self.first.get_or_init(Instant::now);
        }
        let value = value.unwrap_or_default();
        seen.records += 1;
        seen.bytes += value.len() as u64;
        seen.sum += u64::from(value.first().copied().unwrap_or(0));
        offset + 1 == self.ends[partition as usize] && self.partition_ends()
    }

    #[cold]
    fn partition_ends(&self) -> bool {
        let is_last = self.open.fetch_sub(1, Relaxed) == 1;
        if is_last {
            let measured = self.measure().expect("/proc can be read");
            self.measured
                .set(measured)
                .expect("the last record comes once");
        }
        is_last
    }

    fn measure(&self) -> Result<Measured> {
        let first = self.first.get().ok_or("no partition has begun")?;
        let seconds = first.elapsed().as_secs_f64();
        let used = Usage::of_process()?;
        let millions = self.records as f64 / 1e6;
        let mut threads = Usage::of_threads()?;
        threads.sort_by(|a, b| b.cpu().total_cmp(&a.cpu()));
        threads.retain(|thread| thread.cpu() > 0.0);
        Ok(Measured {
            rate: self.records as f64 / seconds,
            user: used.user / millions,
            system: used.system / millions,
            faults: used.faults / millions,
            threads: threads
                .into_iter()
                .map(|thread| (thread.name.replace(' ', "_"), thread.cpu() / millions))
                .collect(),
        })
    }

    /// A thread is done.
    pub(crate) fn add(&self, seen: &Seen) {
        std::hint::black_box(seen.sum);
        self.seen.fetch_add(seen.records, Relaxed);
        self.seen_bytes.fetch_add(seen.bytes, Relaxed);
    }

    /// What was measured at the last record, if all came, and each once.
    fn measured(self) -> Result<Measured> {
        let seen = (self.seen.into_inner(), self.seen_bytes.into_inner());
        if seen != (self.records, self.bytes) {
            return Err(format!("{seen:?} records and bytes came, not {}", self.records).into());
        }
        let measured = self.measured.into_inner();
        measured.ok_or_else(|| "the readers ended before the records".into())
    }
}

/// What a run took. Its text goes from the reader's process to its parent; the alternate form is for
/// people.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Records per second, from the first to the last.
    pub(crate) rate: f64,
    /// Seconds of CPU per million records.
    pub(crate) user: f64,
    pub(crate) system: f64,
    /// Page faults per million records.
    pub(crate) faults: f64,
    /// The threads that have used most, and their seconds of CPU per million records.
    threads: Vec<(String, f64)>,
}

impl Measured {
    pub(crate) fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rate,
            user,
            system,
            faults,
            threads,
        } = self;
        if !f.alternate() {
            write!(f, "{rate} {user} {system} {faults}")?;
            return threads
                .iter()
                .try_for_each(|(name, cpu)| write!(f, " {name} {cpu}"));
        }
        write!(
            f,
            "{rate:>9.0} records/s, {user:.3} + {system:.3} CPU s and {faults:.0} page faults per million ("
        )?;
        for (index, (name, cpu)) in threads.iter().take(4).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name} {cpu:.3}")?;
        }
        f.write_str(")")
    }
}

impl FromStr for Measured {
    type Err = Box<dyn std::error::Error>;

    fn from_str(line: &str) -> Result<Self> {
        let mut words = line.split_whitespace();
        let mut number = || -> Result<f64> {
            let word = words.next().ok_or("a number is missing")?;
            Ok(word.parse()?)
        };
        let (rate, user, system, faults) = (number()?, number()?, number()?, number()?);
        let mut threads = Vec::new();
        while let (Some(name), Some(cpu)) = (words.next(), words.next()) {
            threads.push((name.to_owned(), cpu.parse()?));
        }
        Ok(Self {
            rate,
            user,
            system,
            faults,
            threads,
        })
    }
}
