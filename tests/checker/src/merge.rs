//! Files of events, merged by their times.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, btree_map::Entry},
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use crate::{Checker, event::Time};

/// Reads files, each in the order of time, and tells the checker all events in that order. Between events of
/// the same time those of the file named first come first.
///
/// A last line without an end is left out: whoever wrote it was killed.
///
/// # Errors
/// If a file cannot be read, or has a line that is no event.
pub fn check_files<P: AsRef<Path>>(checker: &mut Checker, files: &[P]) -> io::Result<Time> {
    // A file is open from its first event to its last only: there may be more of them than a process may open.
    let mut open = BTreeMap::new();
    let mut next = BinaryHeap::new();
    for (index, file) in files.iter().enumerate() {
        let mut source = Source::open(file.as_ref())?;
        if source.advance()? {
            next.push(Reverse((source.at, index)));
        }
    }
    let mut last = Time::ZERO;
    while let Some(Reverse((at, index))) = next.pop() {
        last = at;
        let source = match open.entry(index) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let mut source = Source::open(files[index].as_ref())?;
                source.advance()?;
                entry.insert(source)
            }
        };
        checker
            .read(source.line.trim_end())
            .map_err(|why| source.fault(&why))?;
        if source.advance()? {
            next.push(Reverse((source.at, index)));
        } else {
            open.remove(&index);
        }
    }
    Ok(last)
}

struct Source {
    name: String,
    lines: BufReader<File>,
    number: u64,
    line: String,
    at: Time,
}

impl Source {
    fn open(path: &Path) -> io::Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path);
        let file =
            file.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        Ok(Self {
            name,
            lines: BufReader::with_capacity(1 << 16, file),
            number: 0,
            line: String::new(),
            at: Time::ZERO,
        })
    }

    /// Goes to the next event; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            self.line.clear();
            self.number += 1;
            if self.lines.read_line(&mut self.line)? == 0 || !self.line.ends_with('\n') {
                return Ok(false);
            }
            let line = self.line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let time = line.split(' ').next().and_then(|word| word.parse().ok());
            let Some(time) = time.map(Time::from_nanos) else {
                return Err(self.fault("no time"));
            };
            if time < self.at {
                return Err(self.fault("the time goes back"));
            }
            self.at = time;
            return Ok(true);
        }
    }

    fn fault(&self, why: &str) -> io::Error {
        let what = format!("{}, line {}: {why}", self.name, self.number);
        io::Error::new(io::ErrorKind::InvalidData, what)
    }
}
