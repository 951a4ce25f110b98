//! The channel that users read.

#[cfg(test)]
mod tests;

use std::{
    ops::Deref,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvError, RecvTimeoutError, TryRecvError};

use super::message::ConsumerMessage;

/// The messages of a consumer, or of one claim.
///
/// A clone reads from the same channel: each message goes to one of the readers. The methods of this
/// type, and loops over it, leave out messages whose claim is over or being released: another
/// consumer gets them. Underneath is a [`Receiver`], for
/// [`select!`](crossbeam_channel::select): there, ask [`ConsumerMessage::is_current`] first.
#[derive(Debug, Clone)]
pub struct Messages(Receiver<ConsumerMessage>);

impl Messages {
    pub(super) fn new(receiver: Receiver<ConsumerMessage>) -> Self {
        Self(receiver)
    }

    /// Waits for a message. An error says that the channel is empty and disconnected: the consumer
    /// is closed or, in partition mode, the claim is over.
    #[inline]
    pub fn recv(&self) -> Result<ConsumerMessage, RecvError> {
        self.admitted(Receiver::recv)
    }

    /// A message, if there is one now.
    #[inline]
    pub fn try_recv(&self) -> Result<ConsumerMessage, TryRecvError> {
        self.admitted(Receiver::try_recv)
    }

    /// Waits for a message, but not longer than this.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<ConsumerMessage, RecvTimeoutError> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.recv_deadline(deadline),
            // Farther than the clock reaches.
            None => self.recv().map_err(RecvTimeoutError::from),
        }
    }

    /// Waits for a message, but not beyond the deadline.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<ConsumerMessage, RecvTimeoutError> {
        self.admitted(|receiver| receiver.recv_deadline(deadline))
    }

    /// Waits for one message after the other, until the channel is empty and disconnected.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self)
    }

    /// One message after the other, as long as there is one without waiting.
    pub fn try_iter(&self) -> TryIter<'_> {
        TryIter(self)
    }

    #[inline]
    fn admitted<E>(
        &self,
        recv: impl Fn(&Receiver<ConsumerMessage>) -> Result<ConsumerMessage, E>,
    ) -> Result<ConsumerMessage, E> {
        loop {
            let message = recv(&self.0)?;
            if message.admit() {
                return Ok(message);
            }
        }
    }
}

impl Deref for Messages {
    type Target = Receiver<ConsumerMessage>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Waits for messages. See [`Messages::iter`].
#[derive(Debug)]
pub struct Iter<'a>(&'a Messages);

/// Does not wait. See [`Messages::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a>(&'a Messages);

/// Waits for messages, and owns its end of the channel.
#[derive(Debug)]
pub struct IntoIter(Messages);

impl Iterator for Iter<'_> {
    type Item = ConsumerMessage;

    #[inline]
    fn next(&mut self) -> Option<ConsumerMessage> {
        self.0.recv().ok()
    }
}

impl Iterator for TryIter<'_> {
    type Item = ConsumerMessage;

    #[inline]
    fn next(&mut self) -> Option<ConsumerMessage> {
        self.0.try_recv().ok()
    }
}

impl Iterator for IntoIter {
    type Item = ConsumerMessage;

    #[inline]
    fn next(&mut self) -> Option<ConsumerMessage> {
        self.0.recv().ok()
    }
}

impl<'a> IntoIterator for &'a Messages {
    type Item = ConsumerMessage;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Messages {
    type Item = ConsumerMessage;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter(self)
    }
}
