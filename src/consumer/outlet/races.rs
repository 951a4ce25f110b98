//! Readers that race a release. Each round is short and begins anew; what goes wrong only now and
//! then is found by their number.

use std::{
    collections::BTreeSet,
    hint,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::consumer::{
    deliveries::Messages,
    sample::{Consumer, block},
};

const ROUNDS: u64 = 400;

/// One round's coordinator: feeds readers for a random while, releases, and waits until they have
/// finished.
struct Round {
    consumer: Consumer,
    claim: Arc<Claim>,
    outlet: Outlet,
    messages: Messages,
    random: fastrand::Rng,
    /// The offsets sent, in order.
    sent: Vec<i64>,
}

impl Round {
    fn new(seed: u64) -> Self {
        let consumer = Consumer::new();
        let mut random = fastrand::Rng::with_seed(seed);
        let claim = consumer.claim_alone(random.i64(0..100));
        let (outlet, messages) = Outlet::new(random.usize(4..64));
        Self {
            consumer,
            claim,
            outlet,
            messages,
            random,
            sent: Vec::new(),
        }
    }

    /// Feeds, and stops at a moment that has nothing to do with the readers.
    fn feed(&mut self) {
        let blocks = self.random.u32(1..40);
        for _ in 0..blocks {
            let count = self.random.usize(1..=(self.outlet.capacity() / 4).max(1));
            while self.outlet.free() < count {
                thread::yield_now();
            }
            let mut next = self.sent.last().map_or(self.claim.start(), |last| last + 1);
            let sparse = self.random.u8(0..4) == 0;
            let offsets: Vec<_> = (0..count)
                .map(|_| {
                    next += 1 + if sparse { self.random.i64(0..3) } else { 0 };
                    next - 1
                })
                .collect();
            self.sent.extend(&offsets);
            self.outlet.push(&self.claim, block(offsets));
        }
        self.idle();
    }

    fn idle(&mut self) {
        for _ in 0..self.random.u32(0..4) {
            thread::yield_now();
        }
        for _ in 0..self.random.u32(0..2000) {
            hint::spin_loop();
        }
    }

    /// Releases the claim and waits until its users have finished. Returns the offset to commit.
    fn release(&mut self) -> i64 {
        // Sometimes the flag is up for a while before the count is made.
        if self.random.bool() {
            self.claim.begin_release();
            self.idle();
        }
        self.outlet.release(&self.claim);
        let late = Instant::now() + Duration::from_secs(30);
        loop {
            self.consumer.user_side.waker().arm();
            let progress = self.outlet.observe(&self.claim);
            if progress.all_marked || !progress.alive {
                return progress.mark.0;
            }
            assert!(Instant::now() < late, "{progress:?}");
            // A drop that races the beginning of the release may not be told.
            let _ = self.consumer.kicks.recv_timeout(Duration::from_millis(1));
        }
    }

    fn end(&self) -> i64 {
        self.claim.end();
        self.claim.progress(0, false).mark.0
    }
}

fn for_each_seed(round: impl Fn(u64)) {
    let first = fastrand::u64(..);
    for seed in (0..ROUNDS).map(|i| first.wrapping_add(i)) {
        let result = catch_unwind(AssertUnwindSafe(|| round(seed)));
        if let Err(panic) = result {
            eprintln!("seed {seed}");
            resume_unwind(panic);
        }
    }
}

#[test]
fn one_reader_gets_a_contiguous_prefix_and_all_of_it_is_committed() {
    for_each_seed(|seed| {
        let mut round = Round::new(seed);
        let messages = round.messages.clone();
        let user_side = Arc::clone(&round.consumer.user_side);
        let reader = thread::spawn(move || {
            let mut given = Vec::new();
            for message in &messages {
                given.push(message.offset());
                user_side.mark(&message, "");
            }
            given
        });
        round.feed();
        let committed = round.release();
        let given = reader.join().unwrap();
        assert_eq!(
            given,
            round.sent[..given.len()],
            "in order, no hole, nothing twice"
        );
        let end = given.last().map_or(round.claim.start(), |last| last + 1);
        assert_eq!(committed, end);
        assert_eq!(round.end(), end, "nothing was marked after the last look");
        assert_eq!(round.consumer.user_side.ignored().beyond, 0);
    });
}

#[test]
fn racing_readers_get_each_message_once_and_nothing_is_committed_past_one_that_none_got() {
    for_each_seed(|seed| {
        let mut round = Round::new(seed);
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let messages = round.messages.clone();
                let user_side = Arc::clone(&round.consumer.user_side);
                thread::spawn(move || {
                    let mut given = Vec::new();
                    for message in &messages {
                        given.push(message.offset());
                        user_side.ack(&message);
                    }
                    given
                })
            })
            .collect();
        round.feed();
        let committed = round.release();
        let mut given = Vec::new();
        for reader in readers {
            let mut got = reader.join().unwrap();
            assert!(got.is_sorted());
            given.append(&mut got);
        }
        let all = given.len();
        let given: BTreeSet<_> = given.into_iter().collect();
        assert_eq!(given.len(), all, "nothing twice");
        let run = round
            .sent
            .iter()
            .take_while(|offset| given.contains(offset))
            .count();
        let end = run
            .checked_sub(1)
            .map_or(round.claim.start(), |last| round.sent[last] + 1);
        assert_eq!(
            committed, end,
            "all that was given without a hole, and no more"
        );
        assert_eq!(round.end(), end);
    });
}

#[test]
fn a_reader_that_mixes_its_ways_commits_nothing_it_was_not_given() {
    for_each_seed(|seed| {
        let mut round = Round::new(seed);
        let messages = round.messages.clone();
        let user_side = Arc::clone(&round.consumer.user_side);
        let mut random = round.random.fork();
        let reader = thread::spawn(move || {
            let mut given = BTreeSet::new();
            loop {
                // Slower than the coordinator, so that there is something to leave out.
                for _ in 0..random.u32(0..200) {
                    hint::spin_loop();
                }
                // Raw, and not even asked whether it is current.
                let taken = if random.bool() {
                    Receiver::try_recv(&messages)
                } else {
                    messages.try_recv()
                };
                match taken {
                    Ok(message) => {
                        given.insert(message.offset());
                        user_side.mark(&message, "");
                    }
                    Err(crossbeam_channel::TryRecvError::Empty) => thread::yield_now(),
                    Err(crossbeam_channel::TryRecvError::Disconnected) => return given,
                }
            }
        });
        round.feed();
        let committed = round.release();
        let given = reader.join().unwrap();
        let committed = committed.max(round.end());
        let missed = round
            .sent
            .iter()
            .find(|offset| **offset < committed && !given.contains(offset));
        assert_eq!(missed, None, "committed {committed}");
    });
}

#[test]
fn nothing_in_hand_is_taken_for_gone() {
    for_each_seed(|seed| {
        let mut round = Round::new(seed);
        let declared_gone = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let messages = round.messages.clone();
                let declared_gone = Arc::clone(&declared_gone);
                let mut random = round.random.fork();
                thread::spawn(move || {
                    let mut held = Vec::new();
                    let mut over = false;
                    while !over || !held.is_empty() {
                        match messages.try_recv() {
                            Ok(message) if random.bool() => held.push(message.detach()),
                            Ok(message) => held.extend([message.clone(), message]),
                            Err(error) => over = error.is_disconnected(),
                        }
                        if !held.is_empty() && (over || random.bool()) {
                            assert!(!declared_gone.load(SeqCst), "one is still in hand");
                            held.swap_remove(random.usize(0..held.len()));
                        }
                    }
                })
            })
            .collect();
        round.feed();
        round.release();
        declared_gone.store(true, SeqCst);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
