//! Handles of claimed partitions, offered one at a time.

use std::{
    collections::VecDeque,
    ops::Deref,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{
    Receiver, RecvError, RecvTimeoutError, Sender, TryRecvError, TrySendError,
};

use super::{partition::PartitionConsumer, user_side::UserSide};
use crate::core::ClaimId;

/// The channel of partition handles, in partition mode: [`Consumer::partitions`](crate::Consumer::partitions).
///
/// Each handle is one claim. Iterating ends when the consumer is closed. The methods of this type
/// pass over a handle whose claim has ended while it waited; those of the receiver that it derefs
/// to, made for `select!`, do not, and the messages of such a handle end at once.
#[derive(Clone)]
pub struct Partitions {
    receiver: Receiver<PartitionConsumer>,
    user_side: Arc<UserSide>,
}

/// The sending side: at most one handle is in the channel, the others wait here, where those whose
/// claim has ended can be thrown away.
pub(super) struct Offers {
    sender: Sender<PartitionConsumer>,
    receiver: Receiver<PartitionConsumer>,
    waiting: VecDeque<PartitionConsumer>,
    /// The claim of the handle that was last put into the channel.
    offered: Option<ClaimId>,
    /// Whether a claim has stopped whose handle may be in here.
    has_stopped: bool,
}

/// The two sides; silent for good without an [`Offers`].
pub(super) fn channel(user_side: &Arc<UserSide>) -> (Offers, Partitions) {
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let offers = Offers {
        sender,
        receiver: receiver.clone(),
        waiting: VecDeque::new(),
        offered: None,
        has_stopped: false,
    };
    (
        offers,
        Partitions {
            receiver,
            user_side: Arc::clone(user_side),
        },
    )
}

impl Offers {
    /// Offers a handle.
    pub(super) fn offer(&mut self, handle: PartitionConsumer) {
        self.waiting.push_back(handle);
        self.proceed();
    }

    /// Whether handles wait for the user to take the one in the channel.
    pub(super) fn wait_for_user(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Puts the next handle into the channel if there is room, and none whose claim has ended. True if it did.
    pub(super) fn proceed(&mut self) -> bool {
        let mut has_offered = false;
        while let Some(handle) = self.waiting.pop_front() {
            if !handle.is_current() {
                continue;
            }
            let claim = handle.claim();
            if let Err(TrySendError::Full(handle) | TrySendError::Disconnected(handle)) =
                self.sender.try_send(handle)
            {
                self.waiting.push_front(handle);
                break;
            }
            self.offered = Some(claim);
            has_offered = true;
        }
        has_offered
    }

    /// Whether the user has yet to take the handle of this claim.
    pub(super) fn hold(&self, claim: ClaimId) -> bool {
        let in_channel = self.offered == Some(claim) && !self.receiver.is_empty();
        in_channel || self.waiting.iter().any(|handle| handle.claim() == claim)
    }

    /// A claim has ended, or is being given up. Its handle stays until the next purge: one is enough for many
    /// claims.
    pub(super) fn claim_stops(&mut self) {
        self.has_stopped = true;
    }

    /// Throws away the handles whose claim has stopped, also the one in the channel.
    pub(super) fn purge(&mut self) {
        if !std::mem::take(&mut self.has_stopped) {
            return;
        }
        self.waiting.retain(PartitionConsumer::is_current);
        // Should the user take it at this moment, it ends at once in the user's hands.
        if let Ok(handle) = self.receiver.try_recv()
            && handle.is_current()
        {
            self.waiting.push_front(handle);
        }
        self.proceed();
    }
}

impl Partitions {
    fn pass(&self, handle: PartitionConsumer) -> Option<PartitionConsumer> {
        self.user_side.waker().wake();
        handle.is_current().then_some(handle)
    }

    /// Waits for the next handle.
    ///
    /// # Errors
    ///
    /// The consumer is closed.
    pub fn recv(&self) -> Result<PartitionConsumer, RecvError> {
        loop {
            if let Some(handle) = self.pass(self.receiver.recv()?) {
                return Ok(handle);
            }
        }
    }

    /// The next handle, if there is one now.
    ///
    /// # Errors
    ///
    /// There is none, or the consumer is closed.
    pub fn try_recv(&self) -> Result<PartitionConsumer, TryRecvError> {
        loop {
            if let Some(handle) = self.pass(self.receiver.try_recv()?) {
                return Ok(handle);
            }
        }
    }

    /// Waits for the next handle, but not longer than this.
    ///
    /// # Errors
    ///
    /// The time is up, or the consumer is closed.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<PartitionConsumer, RecvTimeoutError> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.recv_deadline(deadline),
            None => self.recv().map_err(RecvTimeoutError::from),
        }
    }

    /// Waits for the next handle, but not beyond this moment.
    ///
    /// # Errors
    ///
    /// The time is up, or the consumer is closed.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<PartitionConsumer, RecvTimeoutError> {
        loop {
            if let Some(handle) = self.pass(self.receiver.recv_deadline(deadline)?) {
                return Ok(handle);
            }
        }
    }

    /// Waits for one handle after the other until the consumer is closed.
    pub fn iter(&self) -> impl Iterator<Item = PartitionConsumer> + '_ {
        std::iter::from_fn(|| self.recv().ok())
    }

    /// The handles that are there now.
    pub fn try_iter(&self) -> impl Iterator<Item = PartitionConsumer> + '_ {
        std::iter::from_fn(|| self.try_recv().ok())
    }
}

impl Deref for Partitions {
    type Target = Receiver<PartitionConsumer>;

    fn deref(&self) -> &Self::Target {
        &self.receiver
    }
}

/// Waits for one handle after the other until the consumer is closed.
#[derive(Clone)]
pub struct PartitionsIter(Partitions);

impl Iterator for PartitionsIter {
    type Item = PartitionConsumer;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.recv().ok()
    }
}

impl IntoIterator for Partitions {
    type Item = PartitionConsumer;
    type IntoIter = PartitionsIter;

    fn into_iter(self) -> Self::IntoIter {
        PartitionsIter(self)
    }
}

impl IntoIterator for &Partitions {
    type Item = PartitionConsumer;
    type IntoIter = PartitionsIter;

    fn into_iter(self) -> Self::IntoIter {
        PartitionsIter(self.clone())
    }
}

impl std::fmt::Debug for Partitions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partitions")
            .field("waiting", &self.receiver.len())
            .finish()
    }
}
