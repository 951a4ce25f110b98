//! A consumer group on a simulated cluster, network and clock: one seed determines everything.
//!
//! The members are the library's own engines and channels, as a consumer has them; the cluster is
//! the library's in-process Kafka without its sockets. Between them a network delays, loses and
//! breaks. Users take, hold, mark, acknowledge and forget. The [`checker`], which knows nothing of
//! the library's code, judges what is delivered and committed.

mod content;
mod fault;
mod judge;
mod member;
mod network;
mod odds;
mod plan;
mod report;
mod seed;
mod shrink;
mod topics;
mod user;
mod variety;
mod world;

pub use crate::{
    report::Report,
    seed::{Emphasis, Seed},
    shrink::{Shrunk, shrink},
};

/// Runs one seed. With `traced` the report says what happened.
pub fn run(seed: impl Into<Seed>, traced: bool) -> Report {
    run_without(seed.into(), &[], traced)
}

/// Runs two pools of workers of which fifty are killed, one after the other.
pub fn run_killed_pools(seed: u64) -> Report {
    world::World::new(plan::Plan::of_killed_pools(seed), &[], false).run()
}

/// Runs one seed without the faults of these numbers.
pub(crate) fn run_without(seed: Seed, faults: &[usize], traced: bool) -> Report {
    world::World::new(plan::Plan::of(seed), faults, traced).run()
}
