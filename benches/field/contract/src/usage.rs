//! What this process has used so far, as Linux tells.

use std::{fs, time::Duration};

use rustix::time::{ClockId, clock_gettime};

use crate::Result;

/// The processor time of all threads, those that have ended included.
pub fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The name and processor time of each thread that runs now, those that used most first.
pub fn cpu_of_threads() -> Result<Vec<(String, Duration)>> {
    let mut threads = Vec::new();
    for thread in fs::read_dir("/proc/self/task")? {
        let folder = thread?.path();
        // A thread may end while it is looked at.
        let read = |file| fs::read_to_string(folder.join(file)).ok();
        if let (Some(name), Some(stat)) = (read("comm"), read("schedstat")) {
            let nanos = stat.split(' ').next().unwrap_or_default().parse()?;
            threads.push((name.trim().to_owned(), Duration::from_nanos(nanos)));
        }
    }
    threads.sort_by_key(|(_, cpu)| std::cmp::Reverse(*cpu));
    Ok(threads)
}

/// The most memory that was resident at a time, in KiB.
pub fn peak_rss_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmHWM")?.parse()?)
}

/// How many pages the system had to give without reading them from anywhere.
pub fn page_faults() -> Result<u64> {
    // The name, in brackets, may hold anything; as in proc(5).
    const MINFLT_BEHIND_NAME: usize = 7;
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("a stat without a name")?;
    let number = fields.split(' ').nth(MINFLT_BEHIND_NAME);
    Ok(number.ok_or("a stat that is cut off")?.parse()?)
}
