//! What this process has used so far, as Linux tells.

use std::fs;

use crate::Result;

/// `sysconf(_SC_CLK_TCK)` is this on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process or a thread has used.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    pub(crate) name: String,
    /// Seconds, in the program and in the system for it.
    pub(crate) user: f64,
    pub(crate) system: f64,
    /// Pages that the system had to give without reading them from anywhere.
    pub(crate) faults: f64,
}

impl Usage {
    /// Of all threads together, those that have ended included.
    pub(crate) fn of_process() -> Result<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat")?)
    }

    /// Of each thread that runs now.
    pub(crate) fn of_threads() -> Result<Vec<Self>> {
        let mut threads = Vec::new();
        for thread in fs::read_dir("/proc/self/task")? {
            threads.push(Self::parse(&fs::read_to_string(
                thread?.path().join("stat"),
            )?)?);
        }
        Ok(threads)
    }

    pub(crate) fn cpu(&self) -> f64 {
        self.user + self.system
    }

    /// A line of `stat`, as in proc(5). The name, in brackets, may hold anything.
    fn parse(stat: &str) -> Result<Self> {
        const MINFLT: usize = 7;
        const UTIME: usize = 11;
        const STIME: usize = 12;
        let (name, rest) = stat.rsplit_once(") ").ok_or("a stat without a name")?;
        let (_, name) = name.split_once('(').ok_or("a stat without a name")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |index: usize| -> Result<f64> { Ok(fields[index].parse::<u64>()? as f64) };
        Ok(Self {
            name: name.to_owned(),
            user: number(UTIME)? / TICKS_PER_SECOND,
            system: number(STIME)? / TICKS_PER_SECOND,
            faults: number(MINFLT)?,
        })
    }
}
