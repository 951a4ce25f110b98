//! How threads wait at their channels.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Select, TryRecvError};

/// Whether all that the brokers have is read. Whoever waits then waits for something new.
#[derive(Debug, Clone, Default)]
pub(super) struct CaughtUp(Arc<AtomicBool>);

impl CaughtUp {
    pub(super) fn set(&self, is_so: bool) {
        // Readers look at it all the time: what does not change is not written.
        if self.0.load(Relaxed) != is_so {
            self.0.store(is_so, Relaxed);
        }
    }
}

/// Waits for an item, until the deadline if there is one.
///
/// The channel's own way to wait yields the processor a few times first. With a backlog all threads have work, and
/// that lets a good deal of it gather before somebody is woken for it. For something new it is wrong: a thread that
/// has yielded queues up behind all others that have work, on brokers' machines as well as here, and what comes
/// meanwhile waits with it. One that sleeps is woken at once.
#[inline]
pub(super) fn recv<T>(
    receiver: &Receiver<T>,
    deadline: Option<Instant>,
    caught_up: &CaughtUp,
) -> Result<T, RecvTimeoutError> {
    match receiver.try_recv() {
        Ok(item) => return Ok(item),
        Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
        Err(TryRecvError::Empty) if caught_up.0.load(Relaxed) => return sleep(receiver, deadline),
        Err(TryRecvError::Empty) => {}
    }
    match deadline {
        Some(at) => receiver.recv_deadline(at),
        None => receiver.recv().map_err(RecvTimeoutError::from),
    }
}

#[cold]
fn sleep<T>(receiver: &Receiver<T>, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
    let mut select = Select::new();
    select.recv(receiver);
    let ready = match deadline {
        Some(at) => select
            .select_deadline(at)
            .map_err(|_| RecvTimeoutError::Timeout)?,
        None => select.select(),
    };
    let item = ready.recv(receiver);
    item.map_err(|_| RecvTimeoutError::Disconnected)
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use crossbeam_channel::unbounded;

    use super::*;

    #[test]
    fn it_waits_alike_with_a_backlog_and_without() {
        for is_caught_up in [false, true] {
            let caught_up = CaughtUp::default();
            caught_up.set(is_caught_up);
            let (sender, receiver) = unbounded();
            let soon = Instant::now() + Duration::from_millis(5);
            let late = recv::<u32>(&receiver, Some(soon), &caught_up);
            assert_eq!(late, Err(RecvTimeoutError::Timeout));
            assert!(Instant::now() >= soon);

            thread::scope(|scope| {
                let reader = scope.spawn(|| [(); 3].map(|()| recv(&receiver, None, &caught_up)));
                sender.send(1).unwrap();
                sender.send(2).unwrap();
                drop(sender);
                let gone = Err(RecvTimeoutError::Disconnected);
                assert_eq!(reader.join().unwrap(), [Ok(1), Ok(2), gone]);
            });
            let far = Instant::now() + Duration::from_secs(60);
            let gone = recv::<u32>(&receiver, Some(far), &caught_up);
            assert_eq!(gone, Err(RecvTimeoutError::Disconnected));
        }
    }
}
