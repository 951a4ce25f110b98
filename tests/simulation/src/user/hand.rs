//! Messages in hand.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crossbeam_channel::TryRecvError;
use fastrand::Rng;
use sarama_cluster::consumer::desk::Ends;

use super::{
    Deed, Habits, Way,
    item::{Item, Source},
};
use crate::odds::{strikes, up_to};

/// What a thread of a user has in hand.
#[derive(Debug, Default)]
pub(super) struct Hand {
    items: VecDeque<Item>,
    /// One that was marked, to come back to.
    bookmark: Option<Item>,
}

impl Hand {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.bookmark.is_none()
    }

    pub(super) fn forget_all(&mut self) {
        self.items.clear();
        self.bookmark = None;
    }

    /// No mark will be taken back any more.
    pub(super) fn lose_bookmark(&mut self) {
        self.bookmark = None;
    }

    /// Takes some messages. An error says that there are no more, for now or for good.
    pub(super) fn take(
        &mut self,
        from: Source<'_>,
        habits: &Habits,
        rng: &mut Rng,
        deeds: &mut Vec<Deed>,
    ) -> Result<(), TryRecvError> {
        let held: usize = self.items.iter().map(Item::len).sum();
        let wanted = habits.takes.min(habits.holds.saturating_sub(held));
        let mut taken = 0;
        while taken < wanted {
            let is_raw = strikes(rng, habits.raw_one_in);
            let Some(item) = from.take(is_raw)? else {
                taken += 1;
                continue;
            };
            taken += item.len();
            item.took(deeds);
            if strikes(rng, habits.detaches_one_in) {
                self.items.extend(item.detached());
            } else {
                self.items.push_back(item);
            }
        }
        Ok(())
    }

    /// Does something with what is in hand.
    pub(super) fn work(
        &mut self,
        ends: &Ends,
        habits: &Habits,
        rng: &mut Rng,
        deeds: &mut Vec<Deed>,
    ) {
        if let Some(item) = self.bookmark.take_if(|_| strikes(rng, 4)) {
            item.reset(&ends.user_side, deeds);
        }
        let count = rng.usize(0..=self.items.len());
        for left in (0..count).rev() {
            let item = match habits.way {
                Way::Acks => {
                    let at = rng.usize(0..self.items.len());
                    self.items.swap_remove_back(at)
                }
                Way::Marks | Way::MarksLast => self.items.pop_front(),
            };
            let mut item = item.expect("no more is worked off than there is");
            if strikes(rng, habits.forgets_one_in) || (habits.way == Way::MarksLast && left > 0) {
                continue;
            }
            let is_done = match habits.way {
                Way::Acks => item.ack(&ends.user_side, rng, deeds),
                Way::Marks | Way::MarksLast if strikes(rng, habits.by_offset_one_in) => {
                    item.mark_by_offset(ends, deeds)
                }
                Way::Marks | Way::MarksLast => item.mark(&ends.user_side, rng, deeds),
            };
            if !is_done {
                self.items.push_front(item);
                continue;
            }
            if strikes(rng, habits.resets_one_in) {
                self.bookmark = Some(item);
            }
        }
    }
}

/// How long a user pauses between two actions.
pub(super) fn pause(habits: &Habits, rng: &mut Rng) -> Duration {
    if strikes(rng, habits.sleeps_one_in) {
        habits.sleep
    } else {
        up_to(rng, habits.pause).max(Duration::from_millis(1))
    }
}

/// When to act, if not before.
pub(super) fn sooner(at: Option<Instant>, than: Instant) -> Instant {
    at.map_or(than, |at| at.min(than))
}
