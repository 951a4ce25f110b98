//! The threads that decode: decompression of a large batch must delay no heartbeat and no fetch.

use std::{io, num::NonZero, thread::JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::{coordinator::Message, threads};
use crate::{
    core::fetch::{Job, MOST_GROWING},
    record::{Decompressor, Limits, Recycler},
};

/// The decoders of a consumer: one, and more where decompression takes so long that jobs queue up.
/// Of one claim there is one job at a time, so its records stay in order.
pub(super) struct Decoders {
    jobs: Sender<Job>,
    work: Work,
    threads: Vec<JoinHandle<()>>,
    most: usize,
}

/// What each of the threads needs.
#[derive(Clone)]
struct Work {
    group_id: String,
    jobs: Receiver<Job>,
    limits: Limits,
    memory: Recycler,
    done: Sender<Message>,
}

impl Decoders {
    /// Starts the first of them.
    pub(super) fn start(
        group_id: &str,
        limits: Limits,
        memory: Recycler,
        done: Sender<Message>,
    ) -> io::Result<Self> {
        let (jobs, queue) = unbounded();
        let work = Work {
            group_id: group_id.to_owned(),
            jobs: queue,
            limits,
            memory,
            done,
        };
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self {
            jobs,
            threads: vec![work.clone().start()?],
            work,
            most: cores.min(MOST_GROWING),
        })
    }

    /// Has a job done; the result comes as a message.
    pub(super) fn send(&mut self, job: Job) {
        let waits = !self.work.jobs.is_empty();
        if waits && job.is_compressed() && self.threads.len() < self.most {
            match self.work.clone().start() {
                Ok(thread) => self.threads.push(thread),
                Err(why) => {
                    log::warn!("no more than {} decoders: {why}", self.threads.len());
                    self.most = self.threads.len();
                }
            }
        }
        // A decoder that panics tells, and that is the end of the consumer.
        let sent = self.jobs.send(job);
        assert!(sent.is_ok(), "this end holds a receiver");
    }

    /// Waits until all of them are through with what they are at. Nobody takes what would come of the rest.
    pub(super) fn finish(self) {
        self.work.jobs.try_iter().for_each(drop);
        drop((self.jobs, self.work));
        for thread in self.threads {
            // Panics are caught inside.
            let _ = thread.join();
        }
    }
}

impl Work {
    /// Decodes jobs until nobody can send one any more.
    fn start(self) -> io::Result<JoinHandle<()>> {
        let name = format!("kafka-{}-decoder", self.group_id);
        let panicked = self.done.clone();
        let run = move || {
            let mut decompressor = Decompressor::with_memory(self.memory);
            for job in &self.jobs {
                let done = job.decode(&self.limits, &mut decompressor);
                // The coordinator has ended if it is not there.
                drop(self.done.send(Message::Decoded(done)));
            }
        };
        threads::spawn(&name, run, move |panic| {
            drop(panicked.send(Message::DecoderPanicked(panic)));
        })
    }
}

#[cfg(all(test, feature = "lz4"))]
mod tests {
    use std::{
        collections::BTreeSet,
        thread,
        time::{Duration, Instant},
    };

    use super::*;
    use crate::{
        core::ClaimId,
        record::{
            self, Codec,
            build::{BatchBuilder, NewRecord},
        },
    };

    const MOST: usize = 3;

    fn job(claim: u64, codec: Codec) -> Job {
        let record = NewRecord {
            timestamp_ms: 0,
            key: None,
            value: Some(b"v"),
            headers: &[],
        };
        let bytes = BatchBuilder::new(0).codec(codec).push(&record).build();
        Job {
            claim: ClaimId(claim),
            batches: record::split(&bytes, &Limits::default()).batches,
            from_offset: 0,
            block_records: 1,
            enough: 1,
        }
    }

    /// How many decoders there are when more jobs have come than `MOST` of them can be at, for they give
    /// up no result before that. Then all jobs are done.
    fn decoders_at_work(codec: Codec) -> usize {
        let (done, results) = crossbeam_channel::bounded(0);
        let memory = Recycler::new();
        let mut decoders = Decoders::start("g", Limits::default(), memory, done).unwrap();
        decoders.most = MOST;
        let claims = 0..2 * MOST as u64;
        for claim in claims.clone() {
            decoders.send(job(claim, codec));
        }
        let at_work = decoders.threads.len();
        let result = |_| match results.recv() {
            Ok(Message::Decoded(done)) => {
                assert_eq!((done.decoded_to, done.blocks.len()), (Some(1), 1));
                done.claim.0
            }
            _ => panic!("decoders decode"),
        };
        let of_claims: BTreeSet<u64> = claims.clone().map(result).collect();
        assert_eq!(of_claims, claims.collect());
        decoders.finish();
        assert!(results.recv().is_err(), "all threads are gone");
        at_work
    }

    /// A close must not wait for what nobody will take.
    #[test]
    fn what_waits_is_not_decoded_at_the_end() {
        let (done, results) = crossbeam_channel::bounded(0);
        let memory = Recycler::new();
        let mut decoders = Decoders::start("g", Limits::default(), memory, done).unwrap();
        for claim in 0..6 {
            decoders.send(job(claim, Codec::None));
        }
        results.recv().expect("one is decoded");
        let queue = decoders.work.jobs.clone();
        thread::scope(|scope| {
            scope.spawn(|| decoders.finish());
            // The decoder can take one more, for it gives up no result.
            let long = Instant::now() + Duration::from_secs(20);
            while !queue.is_empty() {
                assert!(Instant::now() < long, "the queue stays");
                thread::yield_now();
            }
            assert!(results.iter().count() <= 1);
        });
    }

    #[test]
    fn more_decoders_help_where_decompression_takes_long() {
        assert_eq!(decoders_at_work(Codec::Lz4), MOST);
    }

    #[test]
    fn what_is_not_compressed_needs_one_decoder() {
        assert_eq!(decoders_at_work(Codec::None), 1);
    }
}
