//! Warnings on the screen: the library logs what goes wrong where nobody asks for its errors.

use log::{LevelFilter, Log, Metadata, Record};

struct Logger;

/// Most programs take a crate for this, as `env_logger`.
pub(super) fn start() {
    log::set_max_level(LevelFilter::Warn);
    log::set_logger(&Logger).expect("there is no other logger");
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{}: {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}
