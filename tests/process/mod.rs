//! What the process of a test has, by the system's account.

use std::{
    fmt, fs, thread,
    time::{Duration, Instant},
};

/// Open files and threads, by their names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Has {
    files: Vec<String>,
    threads: Vec<String>,
}

impl Has {
    pub(crate) fn now() -> Self {
        // The directory that is being read is one of its entries, and is gone when its link is read.
        let files = entries("/proc/self/fd").filter_map(|fd| fs::read_link(fd).ok());
        let names = entries("/proc/self/task").filter_map(|task| {
            // A thread may end meanwhile.
            fs::read_to_string(format!("{task}/comm")).ok()
        });
        let mut has = Self {
            files: files.map(|file| file.display().to_string()).collect(),
            threads: names.map(|name| name.trim().to_owned()).collect(),
        };
        has.files.sort();
        has.threads.sort();
        has
    }

    /// Whether this is what the process has now; else what it has.
    pub(crate) fn is_now(&self) -> Result<(), Self> {
        let now = Self::now();
        (now == *self).then_some(()).ok_or(now)
    }

    fn of_the_library(self) -> Vec<String> {
        let is_ours = |name: &String| name.starts_with("kafka-");
        self.threads.into_iter().filter(is_ours).collect()
    }
}

fn entries(directory: &str) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).expect("the system tells").flatten();
    let paths: Vec<String> = entries.map(|e| e.path().display().to_string()).collect();
    paths.into_iter()
}

/// The threads of the library are gone. A thread that was joined stays in the system's list for a
/// moment, of which nothing tells the end.
pub(crate) fn ours_are_gone() {
    await_that(|| {
        let threads = Has::now().of_the_library();
        threads.is_empty().then_some(()).ok_or(threads)
    });
}

pub(crate) fn await_that<E: fmt::Debug>(holds: impl Fn() -> Result<(), E>) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while let Err(state) = holds() {
        assert!(Instant::now() < deadline, "left over: {state:#?}");
        thread::yield_now();
    }
}
