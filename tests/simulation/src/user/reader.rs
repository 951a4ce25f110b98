//! A user in multiplex mode: one loop over all messages.

use std::time::{Duration, Instant};

use fastrand::Rng;
use sarama_cluster::consumer::desk::Ends;

use super::{
    Deed, Habits,
    hand::{Hand, pause, sooner},
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

    pub(super) fn look(&mut self, now: Instant, ends: &Ends, rng: &mut Rng) {
        if self.acts_at.is_none() && !ends.messages.is_empty() {
            self.acts_at = Some(now + pause(&self.habits, rng));
        }
    }

    pub(super) fn act(&mut self, now: Instant, ends: &Ends, rng: &mut Rng, deeds: &mut Vec<Deed>) {
        self.hand.work(&ends.user_side, &self.habits, rng, deeds);
        // What there is not now will be looked for.
        let _ = self.hand.take(&ends.messages, &self.habits, rng, deeds);
        let is_idle = self.hand.is_empty() && ends.messages.is_empty();
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
