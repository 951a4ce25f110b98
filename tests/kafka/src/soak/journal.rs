//! The events of one process, as a file that the checker reads.

use std::{
    fs::File,
    io::{BufWriter, Write},
    ops::RangeInclusive,
    path::Path,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use checker::{Event, text::Names};

use super::clock;

/// A log that many threads write, each line whole and in the order of time.
pub(crate) struct Journal(Mutex<Book>);

/// The log in the hands of the one who writes.
pub(crate) struct Book {
    pub(crate) names: Names,
    file: BufWriter<File>,
    last: Duration,
}

impl Journal {
    pub(crate) fn create(path: &Path) -> Self {
        let file = File::create(path);
        let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(Mutex::new(Book {
            names: Names::default(),
            file: BufWriter::new(file),
            last: Duration::ZERO,
        }))
    }

    pub(crate) fn open(&self) -> MutexGuard<'_, Book> {
        self.0.lock().expect("no writer panics")
    }

    /// Writes an event that happens now.
    pub(crate) fn write(&self, event: impl FnOnce(&mut Names) -> Event) {
        let mut book = self.open();
        let event = event(&mut book.names);
        let now = clock::now();
        book.write(now, &event);
        book.flush();
    }
}

impl Book {
    /// Writes an event, of now or of a moment ago, but not of a time before the last line's.
    pub(crate) fn write(&mut self, at: Duration, event: &Event) {
        let line = self.names.write(at, event);
        self.line(at, &line);
    }

    /// Writes an event that has several ranges of offsets.
    pub(crate) fn write_ranges(
        &mut self,
        at: Duration,
        event: &Event,
        offsets: &[RangeInclusive<i64>],
    ) {
        let line = self.names.write_ranges(at, event, offsets);
        self.line(at, &line);
    }

    fn line(&mut self, at: Duration, line: &str) {
        assert!(self.last <= at, "the log is in the order of time");
        self.last = at;
        writeln!(self.file, "{line}").expect("the disk takes the log");
    }

    /// Hands it to the system, which keeps it also if this process is killed.
    pub(crate) fn flush(&mut self) {
        self.file.flush().expect("the disk takes the log");
    }
}
