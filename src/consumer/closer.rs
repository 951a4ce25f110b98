//! Closing a consumer from anywhere.

use std::{fmt, sync::Arc, thread::JoinHandle};

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;

use super::{coordinator::Message, shared::Shared, threads};
use crate::error::Result;

/// Closes a consumer: for signal handlers, and for threads that do not own it. Clones close the same
/// consumer.
#[derive(Clone)]
pub struct Closer {
    inbox: Sender<Message>,
    shared: Arc<Shared>,
    /// Disconnects when the coordinator has ended.
    ended: Receiver<()>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Closer {
    pub(super) fn new(
        inbox: Sender<Message>,
        shared: Arc<Shared>,
        ended: Receiver<()>,
        thread: JoinHandle<()>,
    ) -> Self {
        Self {
            inbox,
            shared,
            ended,
            thread: Arc::new(Mutex::new(Some(thread))),
        }
    }

    /// Asks the consumer to close, and does not wait for it.
    pub fn signal(&self) {
        // If nobody listens any more it has ended already.
        let _ = self.inbox.send(Message::Close);
    }

    /// Closes the consumer and waits until it is closed, as
    /// [`Consumer::close`](crate::Consumer::close) does. On a thread of the library, as in a
    /// callback, it only signals.
    ///
    /// # Errors
    ///
    /// Those of [`Consumer::close`](crate::Consumer::close).
    pub fn close(&self) -> Result<()> {
        self.signal();
        if threads::is_ours() {
            return Ok(());
        }
        // It disconnects, whatever happens to the thread.
        let _ = self.ended.recv();
        if let Some(thread) = self.thread.lock().take() {
            // Panics are caught inside.
            let _ = thread.join();
        }
        self.shared.result()
    }

    /// Something whose drop closes the consumer, without waiting: so that threads in loops over its
    /// messages end when the one that started them returns early, or panics.
    pub fn guard(&self) -> CloseGuard {
        CloseGuard(self.clone())
    }

    /// Whether the consumer has ended, by a close or by itself.
    pub fn is_closed(&self) -> bool {
        self.shared.has_ended()
    }
}

/// Closes a consumer when dropped: see [`Closer::guard`].
#[derive(Debug)]
#[must_use = "it closes the consumer when dropped"]
pub struct CloseGuard(Closer);

impl Drop for CloseGuard {
    fn drop(&mut self) {
        self.0.signal();
    }
}

impl fmt::Debug for Closer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closer")
            .field("is_closed", &self.is_closed())
            .finish()
    }
}
