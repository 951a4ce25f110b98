//! From what was fetched to what the user gets.

use std::{collections::BTreeMap, time::Instant};

use super::{Aim, Asked, Fetcher, Outcome, readings::Wanted};
use crate::{
    core::{Channel, ChannelId, ClaimId},
    record::{self, Batch, Block, Decompressor, Limits},
};

/// Batches to decode, for a thread that has time.
#[derive(Debug)]
pub struct Job {
    /// The claim they are for.
    pub claim: ClaimId,
    /// In the log's order, at least one.
    pub batches: Vec<Batch>,
    /// Records below this offset are not for the user.
    pub from_offset: i64,
    /// The most records of one block.
    pub block_records: usize,
    /// What is decoded once that has made so many bytes is left.
    pub enough: usize,
}

/// What became of a job.
#[derive(Debug)]
pub struct Decoded {
    /// The claim.
    pub claim: ClaimId,
    /// The blocks of the batches that could be decoded, up to the first that could not.
    pub blocks: Vec<Block>,
    /// The offset behind the last batch that could be decoded, if one could.
    pub decoded_to: Option<i64>,
    /// What is wrong with the first one that could not.
    pub failed: Option<record::Error>,
    /// The batches that are still to be decoded, for what came before them has become large enough.
    pub left: Vec<Batch>,
}

/// The most encoded bytes of a job, unless one batch has more.
const JOB_BYTES: usize = 256 * 1024;

/// A job is over when it has made so many bytes, or the share of its claim.
const ENOUGH: usize = 2 * 1024 * 1024;

/// So many jobs are on their way at the most of which nobody knows how large they become: each of them can grow to
/// the limit of a batch. More decoders would find no work, for blocks are decoded as far ahead as channels are large.
pub const MOST_GROWING: usize = 4;

/// A job up to this size, and not compressed, takes a few microseconds: less than to hand it to
/// another thread and to be woken for the result.
const QUICK_BYTES: usize = 16 * 1024;

impl Job {
    /// Whether it can be decoded on the way. What is compressed can grow to any size.
    pub fn is_quick(&self) -> bool {
        let sizes = self.batches.iter().map(Batch::encoded_len);
        !self.is_compressed() && sizes.sum::<usize>() <= QUICK_BYTES
    }

    /// Whether there is something to decompress.
    pub fn is_compressed(&self) -> bool {
        self.batches.iter().any(Batch::is_compressed)
    }

    /// Decodes the batches, up to the first that cannot be, or until that makes enough.
    pub fn decode(self, limits: &Limits, decompressor: &mut Decompressor) -> Decoded {
        let limits = Limits {
            block_records: self.block_records,
            ..*limits
        };
        let mut done = Decoded {
            claim: self.claim,
            blocks: Vec::new(),
            decoded_to: None,
            failed: None,
            left: Vec::new(),
        };
        let mut from_offset = self.from_offset;
        let mut made = 0;
        let mut batches = self.batches.into_iter();
        while made < self.enough
            && let Some(batch) = batches.next()
        {
            match record::decode(&batch, from_offset, &limits, decompressor) {
                Ok(record::Decoded::Records(blocks)) => {
                    made += blocks.iter().map(Block::bytes).sum::<usize>();
                    done.blocks.extend(blocks);
                }
                // Markers end where they are fetched.
                Ok(record::Decoded::Control(_)) => {}
                Err(error) => {
                    done.failed = Some(error);
                    return done;
                }
            }
            // A log that was cut back may have its batches start elsewhere than before, and of a compressed message
            // set nobody knows where it starts.
            from_offset = from_offset.max(batch.next_offset());
            done.decoded_to = Some(batch.next_offset());
        }
        done.left = batches.collect();
        done
    }
}

impl Fetcher {
    /// The next job for the decoder: for the claim whose turn it is, among those whose channel will
    /// want more soon.
    pub fn poll_job(&mut self, channels: &BTreeMap<ChannelId, Channel>) -> Option<Job> {
        let may_grow = self.growing.len() < MOST_GROWING;
        let wanted = match (self.budget.may_decode(self.readings.standing()), may_grow) {
            (true, true) => Wanted::Soon,
            (true, false) => Wanted::Plain,
            (false, true) => Wanted::Now,
            (false, false) => return None,
        };
        let claim = self.readings.next_to_decode(wanted, self.turns.decoded)?;
        let enough = ENOUGH.min(self.readings.share()).max(1);
        let mut reading = self
            .readings
            .change(claim)
            .expect("who stands in a line is there");
        self.turns.decoded = Some((reading.channel, claim));
        let channel = &channels[&reading.channel];
        let batches = reading.buffer.decode(channel.capacity() / 2, JOB_BYTES);
        let job = Job {
            claim,
            from_offset: reading.delivered_to,
            block_records: channel.block_records(),
            enough,
            batches,
        };
        if job.is_compressed() {
            self.growing.insert(claim);
        }
        Some(job)
    }

    /// The decoder has done a job.
    pub fn decoded(&mut self, now: Instant, done: Decoded) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        self.growing.remove(&done.claim);
        // The claim has ended meanwhile: its bytes were released then.
        let Some(mut reading) = self.readings.change(done.claim) else {
            return outcomes;
        };
        reading.delivered_to = done
            .decoded_to
            .map_or(reading.delivered_to, |to| to.max(reading.delivered_to));
        let delivered_to = reading.delivered_to;
        if reading.stuck_at.take_if(|at| delivered_to > *at).is_some() {
            reading.failures.forget();
        }
        let (encoded, decoded) = reading.buffer.decoded(done.blocks, done.left);
        self.budget.decode(encoded, decoded);
        if let Some(error) = done.failed {
            self.budget.drop_encoded(reading.buffer.drop_waiting());
            reading.asked = Asked::No;
            reading.aim = Aim::Read(reading.delivered_to);
            reading.stuck_at = Some(reading.delivered_to);
            drop(reading);
            self.broken(now, done.claim, error.into(), &mut outcomes);
        } else {
            drop(reading);
        }
        // A batch of which compaction has left nothing brings no block that could be taken.
        outcomes.extend(self.end_if_taken(done.claim));
        outcomes
    }

    /// Something has changed for a channel that may let it get more.
    pub fn stir(&mut self, channel: ChannelId) {
        self.readings.stir(channel);
    }

    /// The next channel that may get more than when it was looked at last.
    pub fn poll_stirred(&mut self) -> Option<ChannelId> {
        self.readings.poll_stirred()
    }

    /// The next block for a channel that has room, from the claim whose turn it is. `may_get` tells
    /// whether a claim may be given so many messages more.
    pub fn poll_block(
        &mut self,
        now: Instant,
        id: ChannelId,
        channel: &mut Channel,
        mut may_get: impl FnMut(ClaimId, usize) -> bool,
    ) -> Option<(ClaimId, Block)> {
        let claim = self.readings.next_ready(id, self.turns.pushed, |reading| {
            let next = reading.buffer.peek();
            next.is_some_and(|block| {
                channel.fits(block.len()) && may_get(reading.claim, block.len())
            })
        })?;
        self.turns.pushed = Some(claim);
        let mut reading = self.readings.change(claim)?;
        let block = reading.buffer.pop(now)?;
        reading.delivered += block.bytes();
        channel.push(claim, block.len(), block.bytes());
        Some((claim, block))
    }
}
