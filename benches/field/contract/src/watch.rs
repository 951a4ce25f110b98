//! What a reader does with a record, and what it tells in the end.

use std::{
    fmt::Write as _,
    fs,
    hint::{black_box, spin_loop},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{Job, Result, cpu, cpu_of_threads, page_faults, peak_rss_kib};

/// Watches the records go by. What it does for each is next to nothing, and the same for all readers.
pub struct Watch {
    job: Job,
    /// How many partitions have records left, where several threads read.
    open: AtomicUsize,
    first: OnceLock<First>,
    /// What was used at the last record.
    end: OnceLock<End>,
    seen: Mutex<Seen>,
}

/// When the first record came, and what had been used until then.
struct First {
    at: Instant,
    since_1970: Duration,
    cpu: Duration,
}

struct End {
    seconds: f64,
    cpu: Duration,
    threads: Vec<(String, Duration)>,
    peak_rss_kib: u64,
    page_faults: u64,
}

/// What one thread has seen; it must be added to the [`Watch`] in the end.
#[derive(Debug, Default)]
pub struct Seen {
    records: u64,
    bytes: u64,
    /// So that the bytes have to be read.
    sum: u64,
    /// Nanoseconds from making to delivery of each record, where that is asked for.
    latencies: Vec<i64>,
}

impl Watch {
    /// Nothing has come yet.
    pub fn new(job: &Job) -> Self {
        Self {
            open: AtomicUsize::new(job.partitions),
            job: job.clone(),
            first: OnceLock::new(),
            end: OnceLock::new(),
            seen: Mutex::default(),
        }
    }

    /// A record is delivered to the only thread that reads. Whether it is the last.
    #[inline]
    pub fn deliver(&self, seen: &mut Seen, value: Option<&[u8]>) -> bool {
        if seen.records == 0 {
            self.begin();
        }
        self.look(seen, value);
        seen.records == self.job.records && self.finish()
    }

    /// So many records and bytes went by unseen. Whether the last was among them.
    pub fn deliver_unseen(&self, seen: &mut Seen, records: u64, bytes: u64) -> bool {
        self.begin();
        seen.records += records;
        seen.bytes += bytes;
        seen.records >= self.job.records && self.finish()
    }

    /// A record is delivered to one of several threads. Whether it is the last of all: the last of its
    /// partition, and the others have had theirs. All that is in the topic must be asked for.
    #[inline]
    pub fn deliver_of(
        &self,
        seen: &mut Seen,
        partition: i32,
        offset: i64,
        value: Option<&[u8]>,
    ) -> bool {
        if seen.records == 0 {
            self.begin();
        }
        self.look(seen, value);
        let (partition, partitions) = (partition as u64, self.job.partitions as u64);
        // The records were written to the partitions in turn.
        let end = (self.job.records + partitions - 1 - partition) / partitions;
        offset as u64 + 1 == end && self.open.fetch_sub(1, Relaxed) == 1 && self.finish()
    }

    /// A thread is done.
    pub fn add(&self, seen: Seen) {
        black_box(seen.sum);
        let mut all = self.seen.lock().expect("no holder panics");
        all.records += seen.records;
        all.bytes += seen.bytes;
        all.latencies.extend(seen.latencies);
    }

    /// Tells the harness what was measured at the last record.
    pub fn report(self) -> Result<()> {
        let seen = self.seen.into_inner()?;
        let first = self.first.into_inner().ok_or("no record has come")?;
        let end = self
            .end
            .into_inner()
            .ok_or("the last record has not come")?;
        if let Some(path) = &self.job.latencies {
            let mut lines = String::new();
            for latency in &seen.latencies {
                writeln!(lines, "{latency}")?;
            }
            fs::write(path, lines)?;
        }
        let mut threads = String::new();
        for (name, cpu) in &end.threads {
            let comma = if threads.is_empty() { "" } else { "," };
            write!(threads, r#"{comma}["{name}",{}]"#, cpu.as_secs_f64())?;
        }
        println!(
            r#"{{"records":{},"bytes":{},"seconds":{},"cpu_seconds":{},"cpu_seconds_at_first":{},"peak_rss_kib":{},"page_faults":{},"first_unix_ns":{},"threads":[{threads}]}}"#,
            seen.records,
            seen.bytes,
            end.seconds,
            end.cpu.as_secs_f64(),
            first.cpu.as_secs_f64(),
            end.peak_rss_kib,
            end.page_faults,
            first.since_1970.as_nanos(),
        );
        Ok(())
    }

    #[inline]
    fn look(&self, seen: &mut Seen, value: Option<&[u8]>) {
        let value = value.unwrap_or_default();
        seen.records += 1;
        seen.bytes += value.len() as u64;
        seen.sum += u64::from(value.first().copied().unwrap_or(0));
        if self.job.latencies.is_some() {
            seen.latencies.push(age(value));
        }
        if !self.job.work.is_zero() {
            self.work();
        }
    }

    /// What keeps a thread from its next record.
    #[cold]
    fn work(&self) {
        let begin = Instant::now();
        if self.job.work >= LONG {
            std::thread::sleep(self.job.work);
        }
        while begin.elapsed() < self.job.work {
            spin_loop();
        }
    }

    #[cold]
    fn begin(&self) {
        self.first.get_or_init(|| First {
            at: Instant::now(),
            since_1970: since_1970(),
            cpu: cpu(),
        });
    }

    #[cold]
    fn finish(&self) -> bool {
        let first = self.first.get().expect("a record came");
        let end = End {
            seconds: first.at.elapsed().as_secs_f64(),
            cpu: cpu(),
            threads: cpu_of_threads().expect("/proc can be read"),
            peak_rss_kib: peak_rss_kib().expect("/proc can be read"),
            page_faults: page_faults().expect("/proc can be read"),
        };
        self.end.set(end).is_ok()
    }
}

/// Work that takes longer than this is waiting for something else, and uses no processor.
const LONG: Duration = Duration::from_micros(200);

/// How long ago a value was made, whose first 8 bytes say when.
#[cold]
fn age(value: &[u8]) -> i64 {
    let made = value.first_chunk().copied().map_or(0, i64::from_be_bytes);
    since_1970().as_nanos() as i64 - made
}

fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is later than 1970")
}
