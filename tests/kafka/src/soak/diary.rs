//! What was done to brokers and network, in words, for whoever looks for the cause of a finding.

use std::{fmt::Display, fs::File, io::Write as _, path::Path, sync::Mutex};

use super::clock;

/// A line for each fault, with its time.
pub(crate) struct Diary(Mutex<File>);

impl Diary {
    pub(crate) fn create(path: &Path) -> Self {
        let file = File::create(path).expect("the folder is ours");
        Self(Mutex::new(file))
    }

    pub(crate) fn note(&self, what: impl Display) {
        let now = clock::now().as_secs_f64();
        let mut file = self.0.lock().expect("nobody panics while writing");
        writeln!(file, "{now} {what}").expect("the disk takes the diary");
    }
}
