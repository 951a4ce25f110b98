//! The thread that decodes: decompression of a large batch must delay no heartbeat and no fetch.

use crossbeam_channel::Receiver;

use crate::{
    core::fetch::{Decoded, Job},
    record::{Decompressor, Limits, Recycler},
};

/// Decodes jobs until nobody can send one any more.
pub(super) fn run(
    jobs: &Receiver<Job>,
    limits: &Limits,
    memory: Recycler,
    mut done: impl FnMut(Decoded),
) {
    let mut decompressor = Decompressor::with_memory(memory);
    for job in jobs {
        done(job.decode(limits, &mut decompressor));
    }
}
