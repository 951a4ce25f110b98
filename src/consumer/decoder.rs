//! The thread that decodes: decompression of a large batch must delay no heartbeat and no fetch.

use crossbeam_channel::Receiver;

use crate::{
    core::fetch::{Decoded, Job},
    record::{self, Decompressor, Limits},
};

/// Decodes jobs until nobody can send one any more.
pub(super) fn run(jobs: &Receiver<Job>, limits: Limits, mut done: impl FnMut(Decoded)) {
    let mut decompressor = Decompressor::default();
    for job in jobs {
        done(decode(&job, limits, &mut decompressor));
    }
}

/// Decodes the batches of a job, up to the first that cannot be.
pub fn decode(job: &Job, limits: Limits, decompressor: &mut Decompressor) -> Decoded {
    let limits = Limits {
        block_records: job.block_records,
        ..limits
    };
    let mut done = Decoded {
        claim: job.claim,
        epoch: job.epoch,
        blocks: Vec::new(),
        decoded_to: None,
        failed: None,
    };
    for batch in &job.batches {
        match record::decode(batch, job.from_offset, &limits, decompressor) {
            Ok(record::Decoded::Records(blocks)) => done.blocks.extend(blocks),
            Ok(record::Decoded::Control(_)) => {}
            Err(error) => {
                done.failed = Some(error);
                break;
            }
        }
        done.decoded_to = Some(batch.next_offset());
    }
    done
}
