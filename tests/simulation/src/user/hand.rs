//! Messages in hand.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crossbeam_channel::TryRecvError;
use fastrand::Rng;
use sarama_cluster::{ConsumerMessage, Messages, consumer::user_side::UserSide};

use super::{Deed, Habits, Way, seen};
use crate::odds::{strikes, up_to};

/// What a thread of a user has in hand.
#[derive(Debug, Default)]
pub(super) struct Hand {
    messages: VecDeque<ConsumerMessage>,
    /// One that was marked, to come back to.
    bookmark: Option<ConsumerMessage>,
}

impl Hand {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.bookmark.is_none()
    }

    pub(super) fn forget_all(&mut self) {
        self.messages.clear();
        self.bookmark = None;
    }

    /// No mark will be taken back any more.
    pub(super) fn lose_bookmark(&mut self) {
        self.bookmark = None;
    }

    /// Takes some messages. An error says that there are no more, for now or for good.
    pub(super) fn take(
        &mut self,
        from: &Messages,
        habits: &Habits,
        rng: &mut Rng,
        deeds: &mut Vec<Deed>,
    ) -> Result<(), TryRecvError> {
        let room = habits.holds.saturating_sub(self.messages.len());
        for _ in 0..room.min(habits.takes) {
            let message = if strikes(rng, habits.raw_one_in) {
                let receiver: &crossbeam_channel::Receiver<ConsumerMessage> = from;
                let message = receiver.try_recv()?;
                if !message.is_current() {
                    continue;
                }
                message
            } else {
                from.try_recv()?
            };
            deeds.push(Deed::Took(seen(&message)));
            self.messages
                .push_back(if strikes(rng, habits.detaches_one_in) {
                    message.detach()
                } else {
                    message
                });
        }
        Ok(())
    }

    /// Does something with what is in hand.
    pub(super) fn work(
        &mut self,
        user_side: &UserSide,
        habits: &Habits,
        rng: &mut Rng,
        deeds: &mut Vec<Deed>,
    ) {
        if let Some(message) = self.bookmark.take_if(|_| strikes(rng, 4)) {
            deeds.push(Deed::Reset(seen(&message)));
            user_side.reset(&message, "");
        }
        let count = rng.usize(0..=self.messages.len());
        for left in (0..count).rev() {
            let message = match habits.way {
                Way::Acks => {
                    let at = rng.usize(0..self.messages.len());
                    self.messages.swap_remove_back(at)
                }
                Way::Marks | Way::MarksLast => self.messages.pop_front(),
            };
            let message = message.expect("no more is worked off than there is");
            if strikes(rng, habits.forgets_one_in) || (habits.way == Way::MarksLast && left > 0) {
                continue;
            }
            if habits.way == Way::Acks {
                deeds.push(Deed::Acked(seen(&message)));
                user_side.ack(&message);
            } else {
                deeds.push(Deed::Marked(seen(&message)));
                user_side.mark(&message, "");
            }
            if strikes(rng, habits.resets_one_in) {
                self.bookmark = Some(message);
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
