//! A user in multiplex mode: one loop over all messages.

use std::time::{Duration, Instant};

use fastrand::Rng;
use sarama_cluster::consumer::desk::Ends;

use super::{
    Deed, Habits,
    hand::{Hand, pause, sooner},
    item::Source,
};

#[derive(Debug)]
pub(super) struct Reader {
    habits: Habits,
    pub(super) acts_at: Option<Instant>,
    hand: Hand,
}

impl Reader {
    pub(super) fn new(habits: Habits) -> Self {
        Self {
            habits,
            acts_at: None,
            hand: Hand::default(),
        }
    }

    fn source<'a>(&self, ends: &'a Ends) -> Source<'a> {
        match self.habits.takes_batches {
            true => Source::Batches(&ends.batches),
            false => Source::Messages(&ends.messages),
        }
    }

    pub(super) fn look(&mut self, now: Instant, ends: &Ends, rng: &mut Rng) {
        if self.acts_at.is_none() && !self.source(ends).is_empty() {
            self.acts_at = Some(now + pause(&self.habits, rng));
        }
    }

    pub(super) fn act(&mut self, now: Instant, ends: &Ends, rng: &mut Rng, deeds: &mut Vec<Deed>) {
        self.hand.work(ends, &self.habits, rng, deeds);
        // What there is not now will be looked for.
        let source = self.source(ends);
        let _ = self.hand.take(source, &self.habits, rng, deeds);
        let is_idle = self.hand.is_empty() && source.is_empty();
        self.acts_at = (!is_idle).then(|| now + pause(&self.habits, rng));
    }

    pub(super) fn calm_down(&mut self, now: Instant) {
        self.habits = self.habits.diligent();
        self.hand.lose_bookmark();
        self.acts_at = Some(sooner(self.acts_at, now + Duration::from_secs(1)));
    }

    pub(super) fn forget_all(&mut self) {
        self.hand.forget_all();
    }
}
