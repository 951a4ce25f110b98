//! The channels that users read.

#[cfg(test)]
mod tests;

use std::{
    ops::Deref,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvError, RecvTimeoutError, TryRecvError};

use super::{
    batch::MessageBatch,
    message::ConsumerMessage,
    wait::{self, CaughtUp},
};

/// The messages of a consumer, or of one claim.
pub type Messages = Deliveries<ConsumerMessage>;

/// The batches of messages of a consumer, or of one claim, while
/// [`consumer.returns.batches`](crate::config::consumer::Returns::batches) is set.
pub type Batches = Deliveries<MessageBatch>;

/// A channel of messages ([`Messages`]) or of batches of them ([`Batches`]).
///
/// A clone reads from the same channel: each item goes to one of the readers. The methods of this
/// type, and loops over it, leave out what belongs to a claim that is over or being released:
/// another consumer gets it. Underneath is a [`Receiver`], for
/// [`select!`](crossbeam_channel::select): there, ask `is_current` of what you got first.
#[derive(Debug)]
pub struct Deliveries<T> {
    receiver: Receiver<T>,
    caught_up: CaughtUp,
}

/// What can be left out on the way to the user.
pub trait Admit {
    /// Whether the user is to be given this, just taken from the channel.
    fn admit(&self) -> bool;
}

impl<T: Admit> Deliveries<T> {
    pub(super) fn new(receiver: Receiver<T>, caught_up: CaughtUp) -> Self {
        Self {
            receiver,
            caught_up,
        }
    }

    /// Waits for the next item. An error says that the channel is empty and disconnected: the
    /// consumer is closed or, in partition mode, the claim is over.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        admitted(|| wait::recv(&self.receiver, None, &self.caught_up)).map_err(|_| RecvError)
    }

    /// The next item, if there is one now.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        admitted(|| self.receiver.try_recv())
    }

    /// Waits for the next item, but not longer than this.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.recv_deadline(deadline),
            // Farther than the clock reaches.
            None => self.recv().map_err(RecvTimeoutError::from),
        }
    }

    /// Waits for the next item, but not beyond the deadline.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        admitted(|| wait::recv(&self.receiver, Some(deadline), &self.caught_up))
    }

    /// Waits for one item after the other, until the channel is empty and disconnected.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// One item after the other, as long as there is one without waiting.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter(self)
    }
}

#[inline]
fn admitted<T: Admit, E>(recv: impl Fn() -> Result<T, E>) -> Result<T, E> {
    loop {
        let item = recv()?;
        if item.admit() {
            return Ok(item);
        }
    }
}

// Derived, it would ask for messages that can be cloned.
impl<T> Clone for Deliveries<T> {
    fn clone(&self) -> Self {
        Self {
            receiver: self.receiver.clone(),
            caught_up: self.caught_up.clone(),
        }
    }
}

impl<T> Deref for Deliveries<T> {
    type Target = Receiver<T>;

    fn deref(&self) -> &Self::Target {
        &self.receiver
    }
}

/// Waits for items. See [`Deliveries::iter`].
#[derive(Debug)]
pub struct Iter<'a, T>(&'a Deliveries<T>);

/// Does not wait. See [`Deliveries::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T>(&'a Deliveries<T>);

/// Waits for items, and owns its end of the channel.
#[derive(Debug)]
pub struct IntoIter<T>(Deliveries<T>);

impl<T: Admit> Iterator for Iter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T: Admit> Iterator for TryIter<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

impl<T: Admit> Iterator for IntoIter<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<'a, T: Admit> IntoIterator for &'a Deliveries<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T: Admit> IntoIterator for Deliveries<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}
