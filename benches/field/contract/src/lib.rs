//! What every program that reads for the benchmark is told, and what it tells.
//!
//! A reader gets its [`Job`] on the command line. It joins the group, which is new, at the oldest
//! offset, reads so many records, shows each to a [`Watch`], commits, leaves, and prints one line of
//! JSON. The readers in other languages do the same in their own words.

mod job;
mod usage;
mod watch;

use std::error::Error;

pub use job::Job;
pub use usage::{cpu, cpu_of_threads, page_faults, peak_rss_kib};
pub use watch::{Seen, Watch};

/// What a reader's parts give.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;
