//! A channel that never makes its sender wait: when it is full, the oldest goes.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::user_side::UserSide;

/// The library's end of a channel for errors or notifications.
#[derive(Debug)]
pub(super) struct Lossy<T> {
    sender: Sender<T>,
    receiver: Receiver<T>,
    capacity: usize,
    user_side: Arc<UserSide>,
}

/// A channel of this capacity, which is not zero: the library's end and the user's. It is
/// disconnected when the library's end is dropped. What goes unread is counted there.
pub(super) fn channel<T>(capacity: usize, user_side: &Arc<UserSide>) -> (Lossy<T>, Receiver<T>) {
    assert!(capacity > 0, "without a place the newest could not stay");
    // One with a bound would take the memory for all its places at once, and there is one for each claim.
    let (sender, receiver) = crossbeam_channel::unbounded();
    let lossy = Lossy {
        sender,
        receiver: receiver.clone(),
        capacity,
        user_side: Arc::clone(user_side),
    };
    (lossy, receiver)
}

impl<T> Lossy<T> {
    /// Puts this one in, at the cost of the oldest if there is no room.
    pub(super) fn send(&mut self, item: T) {
        // Nobody else puts any in meanwhile.
        while self.receiver.len() >= self.capacity {
            if self.receiver.try_recv().is_ok() {
                self.user_side.count_unread();
            }
        }
        let sent = self.sender.send(item);
        assert!(sent.is_ok(), "this end holds a receiver");
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use crossbeam_channel::TryRecvError;

    use super::*;
    use crate::consumer::sample::Consumer;

    #[test]
    fn the_oldest_are_dropped_and_counted() {
        let consumer = Consumer::new();
        let (mut lossy, receiver) = channel(3, &consumer.user_side);
        for i in 0..10 {
            lossy.send(i);
        }
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(consumer.user_side.ignored().unread, 7);
    }

    #[test]
    fn it_disconnects_with_the_librarys_end_after_what_is_left() {
        let consumer = Consumer::new();
        let (mut lossy, receiver) = channel(3, &consumer.user_side);
        lossy.send('a');
        drop(lossy);
        assert_eq!(receiver.try_recv(), Ok('a'));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    }

    #[test]
    fn each_one_is_read_or_counted_in_order() {
        let consumer = Consumer::new();
        let (mut lossy, receiver) = channel(4, &consumer.user_side);
        let reader = thread::spawn(move || receiver.iter().collect::<Vec<u64>>());
        for i in 0..50_000 {
            lossy.send(i);
        }
        let dropped = consumer.user_side.ignored().unread;
        drop(lossy);
        let read = reader.join().unwrap();
        assert_eq!(read.len() as u64 + dropped, 50_000);
        assert!(read.is_sorted_by(|a, b| a < b));
        assert_eq!(read.last(), Some(&49_999));
    }
}
