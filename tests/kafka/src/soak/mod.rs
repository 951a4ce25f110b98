//! Chaos on real Kafka: a group whose members, brokers and network fail all the time, by a schedule that a seed
//! determines, and a checker that judges what came of it.
//!
//! Three brokers and four members run in processes of their own, under load throughout. The members speak to
//! the brokers through a [proxy](proxy), which tells of the commits that pass. Each keeps a journal; who owned
//! what is read from the brokers' own [ledger](crate::ledger). All of it has one clock and is merged at the end.

mod clock;
mod crew;
mod diary;
mod faults;
mod journal;
mod leaders;
mod load;
mod proxy;
mod report;
mod run;
mod tap;
mod worker;

use std::{path::PathBuf, time::Duration};

pub use self::{
    faults::Counts,
    report::Report,
    run::run,
    worker::{Mode, run as run_member},
};
use crate::Release;

/// Short, so that more happens in a minute.
const SESSION: Duration = Duration::from_secs(6);

/// As the brokers of the tests are configured.
const OFFSETS_PARTITIONS: i32 = 5;

/// What a soak shall be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the brokers run.
    pub release: Release,
    /// What the schedule, and how members work, is drawn from.
    pub seed: u64,
    /// How long things go wrong.
    pub duration: Duration,
    /// How many records a second are written.
    pub rate: u64,
    /// How many members there are.
    pub members: usize,
    /// Whether the group shall rebalance often and few shall die; `None`: the seed decides.
    pub gently: Option<bool>,
    /// Where the journals are kept, in a new folder, also if nothing was found.
    pub keep: Option<PathBuf>,
    /// Whether to say what happens on the way.
    pub verbose: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            release: Release::NEWEST,
            seed: 1,
            duration: Duration::from_secs(180),
            rate: 20_000,
            members: 4,
            gently: None,
            keep: None,
            verbose: false,
        }
    }
}

/// A topic under load.
#[derive(Debug, Clone)]
struct Topic {
    name: String,
    partitions: i32,
    copies: i32,
}

/// The place that a member has, from its name: `m2.17` is the seventeenth in place 2.
fn slot_of(name: &str) -> Option<usize> {
    let (slot, _) = name.strip_prefix('m')?.split_once('.')?;
    slot.parse().ok()
}
