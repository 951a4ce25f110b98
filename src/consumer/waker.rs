//! How users wake the coordinator.

use std::{fmt, sync::atomic::Ordering::SeqCst};

use super::sync::AtomicBool;

/// Wakes the coordinator when something happened that it waits for, at the cost of one load where
/// it does not wait.
///
/// The coordinator arms the waker, *then* looks whether what it waits for has already happened, and
/// sleeps if not. A user first does its part (takes or drops a message), *then* looks whether the
/// waker is armed. All four are sequentially consistent, so one of the two sees the other: either
/// the coordinator does not go to sleep, or it is woken.
pub struct Waker {
    armed: AtomicBool,
    kick: Box<dyn Fn() + Send + Sync>,
}

impl Waker {
    /// A waker that is not armed. `kick` must not block; it may run on any thread that holds a
    /// message.
    pub fn new(kick: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            armed: AtomicBool::new(false),
            kick: Box::new(kick),
        }
    }

    /// Asks for one kick.
    pub fn arm(&self) {
        self.armed.store(true, SeqCst);
    }

    /// Asks for none any more. One may already be on its way.
    pub fn disarm(&self) {
        self.armed.store(false, SeqCst);
    }

    /// Something happened that the coordinator may wait for: kicks it if so, once.
    #[inline]
    pub fn wake(&self) {
        if self.armed.load(SeqCst) {
            self.wake_armed();
        }
    }

    #[cold]
    fn wake_armed(&self) {
        if self.armed.swap(false, SeqCst) {
            self.kick();
        }
    }

    /// Kicks the coordinator whether it waits or not: something is to be done.
    pub fn kick(&self) {
        (self.kick)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let armed = self.armed.load(SeqCst);
        f.debug_struct("Waker").field("armed", &armed).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        thread,
        time::Duration,
    };

    use crossbeam_channel::Receiver;

    use super::*;

    fn waker() -> (Waker, Receiver<()>) {
        let (sender, kicks) = crossbeam_channel::unbounded();
        let kick = move || sender.send(()).expect("the test waits for kicks");
        (Waker::new(kick), kicks)
    }

    #[test]
    fn it_kicks_once_for_each_arming() {
        let (waker, kicks) = waker();
        waker.wake();
        assert_eq!(kicks.len(), 0);
        waker.arm();
        waker.wake();
        waker.wake();
        assert_eq!(kicks.len(), 1);
        waker.arm();
        waker.disarm();
        waker.wake();
        assert_eq!(kicks.len(), 1);
        waker.kick();
        assert_eq!(kicks.len(), 2);
    }

    /// Lost wake-ups would show as a wait that times out.
    #[test]
    fn what_happens_while_the_coordinator_goes_to_sleep_wakes_it() {
        const ROUNDS: u32 = 20_000;
        let (waker, kicks) = waker();
        let waker = Arc::new(waker);
        let done = Arc::new(AtomicU32::new(0));
        let seen = Arc::new(AtomicU32::new(0));
        let user = {
            let (waker, done, seen) = (Arc::clone(&waker), Arc::clone(&done), Arc::clone(&seen));
            thread::spawn(move || {
                for round in 1..=ROUNDS {
                    done.store(round, SeqCst);
                    waker.wake();
                    while seen.load(Ordering::Acquire) < round {
                        thread::yield_now();
                    }
                }
            })
        };
        for round in 1..=ROUNDS {
            loop {
                waker.arm();
                if done.load(SeqCst) == round {
                    break;
                }
                kicks
                    .recv_timeout(Duration::from_secs(10))
                    .expect("a wake-up was lost");
            }
            seen.store(round, Ordering::Release);
        }
        user.join().unwrap();
    }
}
