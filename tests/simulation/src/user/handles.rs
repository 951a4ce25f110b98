//! A user in partition mode: a loop over handles, and a worker for each.

use std::{
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

use crossbeam_channel::TryRecvError;
use fastrand::Rng;
use sarama_cluster::{PartitionConsumer, consumer::desk::Ends};

use super::{
    Deed, Habits,
    hand::{Hand, pause, sooner},
    item::Source,
};
use crate::odds::strikes;

#[derive(Debug)]
pub(super) struct Handles {
    habits: Habits,
    workers: Vec<Worker>,
    /// When it takes the next handle.
    takes_at: Option<Instant>,
}

/// A thread with one handle, or with what is left when that is gone.
#[derive(Debug)]
struct Worker {
    handle: Option<PartitionConsumer>,
    hand: Hand,
    acts_at: Option<Instant>,
}

impl Handles {
    pub(super) fn new(habits: Habits) -> Self {
        Self {
            habits,
            workers: Vec::new(),
            takes_at: None,
        }
    }

    pub(super) fn acts_at(&self) -> Option<Instant> {
        let workers = self.workers.iter().map(|worker| worker.acts_at);
        workers.chain([self.takes_at]).flatten().min()
    }

    pub(super) fn look(&mut self, now: Instant, ends: &Ends, rng: &mut Rng) {
        if self.takes_at.is_none() && !ends.partitions.is_empty() {
            self.takes_at = Some(now + pause(&self.habits, rng));
        }
        for worker in &mut self.workers {
            worker.look(now, &self.habits, rng);
        }
    }

    pub(super) fn act(&mut self, now: Instant, ends: &Ends, rng: &mut Rng, deeds: &mut Vec<Deed>) {
        if self.takes_at.take_if(|at| *at <= now).is_some()
            && let Ok(handle) = ends.partitions.try_recv()
        {
            self.workers.push(Worker {
                handle: Some(handle),
                hand: Hand::default(),
                acts_at: Some(now + pause(&self.habits, rng)),
            });
        }
        for worker in &mut self.workers {
            if worker.acts_at.is_some_and(|at| at <= now) {
                worker.act(now, ends, &self.habits, rng, deeds);
            }
        }
        self.workers.retain(|worker| !worker.is_done());
        self.look(now, ends, rng);
    }

    pub(super) fn calm_down(&mut self, now: Instant) {
        self.habits = self.habits.diligent();
        for worker in &mut self.workers {
            worker.hand.lose_bookmark();
            if let Some(handle) = worker.handle.as_ref().filter(|handle| handle.is_paused()) {
                handle.resume();
            }
            worker.acts_at = Some(sooner(worker.acts_at, now + Duration::from_secs(1)));
        }
        self.takes_at = Some(sooner(self.takes_at, now + Duration::from_secs(1)));
    }

    pub(super) fn forget_all(&mut self) {
        self.workers.clear();
    }
}

impl Worker {
    fn look(&mut self, now: Instant, habits: &Habits, rng: &mut Rng) {
        let handle = self.handle.as_ref();
        let comes =
            handle.is_some_and(|handle| source(handle, habits).has_news() || handle.is_paused());
        if self.acts_at.is_none() && comes {
            self.acts_at = Some(now + pause(habits, rng));
        }
    }

    fn act(
        &mut self,
        now: Instant,
        ends: &Ends,
        habits: &Habits,
        rng: &mut Rng,
        deeds: &mut Vec<Deed>,
    ) {
        self.hand.work(ends, habits, rng, deeds);
        if let Some(handle) = &self.handle {
            let got = self.hand.take(source(handle, habits), habits, rng, deeds);
            if got == Err(TryRecvError::Disconnected) {
                self.handle = None;
            }
        }
        if strikes(rng, habits.fidgets_one_in) {
            self.fidget(rng);
        } else if let Some(handle) = self.handle.as_ref().filter(|handle| handle.is_paused()) {
            handle.resume();
        }
        self.acts_at = (!self.hand.is_empty()).then(|| now + pause(habits, rng));
        self.look(now, habits, rng);
    }

    /// Does something to the handle.
    fn fidget(&mut self, rng: &mut Rng) {
        let Some(handle) = self.handle.take() else {
            return;
        };
        match rng.u32(0..6) {
            0 | 1 => {
                handle.pause();
                self.handle = Some(handle);
            }
            2 => {
                handle.async_close();
                self.handle = Some(handle);
            }
            3 => {
                handle.async_close();
                drop(handle);
            }
            4 => drop(handle),
            // A handler that panics; what it had in hand is lost with it.
            _ => {
                let hand = std::mem::take(&mut self.hand);
                let handler = AssertUnwindSafe(move || {
                    let _held = (handle, hand);
                    // Not `panic!`, which would print.
                    panic::resume_unwind(Box::new(()));
                });
                let _ = panic::catch_unwind(handler);
            }
        }
    }

    fn is_done(&self) -> bool {
        self.handle.is_none() && self.hand.is_empty()
    }
}

fn source<'a>(handle: &'a PartitionConsumer, habits: &Habits) -> Source<'a> {
    match habits.takes_batches {
        true => Source::Batches(handle.batches()),
        false => Source::Messages(handle.messages()),
    }
}
