//! A channel that never makes its sender wait: when it is full, the oldest goes.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError};

/// The library's end of a channel for errors or notifications.
#[derive(Debug)]
pub struct Lossy<T> {
    sender: Sender<T>,
    receiver: Receiver<T>,
    dropped: AtomicU64,
}

/// A channel of this capacity, which is not zero: the library's end and the user's. It is
/// disconnected when the library's end is dropped.
pub fn channel<T>(capacity: usize) -> (Lossy<T>, Receiver<T>) {
    assert!(capacity > 0, "without a place the newest could not stay");
    let (sender, receiver) = crossbeam_channel::bounded(capacity);
    let lossy = Lossy {
        sender,
        receiver: receiver.clone(),
        dropped: AtomicU64::new(0),
    };
    (lossy, receiver)
}

impl<T> Lossy<T> {
    /// Puts this one in, at the cost of the oldest if there is no room.
    pub fn send(&self, item: T) {
        let mut item = item;
        // Each turn but the last takes one out, and only other senders put more in.
        while let Err(refused) = self.sender.try_send(item) {
            let TrySendError::Full(back) = refused else {
                unreachable!("this end holds a receiver")
            };
            item = back;
            if self.receiver.try_recv().is_ok() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many were dropped because nobody read them.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use crossbeam_channel::TryRecvError;

    use super::*;

    #[test]
    fn the_oldest_are_dropped_and_counted() {
        let (lossy, receiver) = channel(3);
        for i in 0..10 {
            lossy.send(i);
        }
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(lossy.dropped(), 7);
    }

    #[test]
    fn it_disconnects_with_the_librarys_end_after_what_is_left() {
        let (lossy, receiver) = channel(3);
        lossy.send('a');
        drop(lossy);
        assert_eq!(receiver.try_recv(), Ok('a'));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    }

    #[test]
    fn each_one_is_read_or_counted_in_order() {
        let (lossy, receiver) = channel(4);
        let reader = thread::spawn(move || receiver.iter().collect::<Vec<u64>>());
        for i in 0..50_000 {
            lossy.send(i);
        }
        let dropped = lossy.dropped();
        drop(lossy);
        let read = reader.join().unwrap();
        assert_eq!(read.len() as u64 + dropped, 50_000);
        assert!(read.is_sorted_by(|a, b| a < b));
        assert_eq!(read.last(), Some(&49_999));
    }
}
