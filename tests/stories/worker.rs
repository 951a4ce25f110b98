//! A member with a thread that takes and marks all it gets.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use sarama_cluster::crossbeam_channel::{self, Sender};

use crate::reader::{Delivery, Next, Reader};

/// A member at work.
pub(crate) struct Worker {
    pub(crate) reader: Arc<Reader>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// Longer than any story.
const FOREVER: Duration = Duration::from_secs(600);

impl Worker {
    /// Marks each message at once.
    pub(crate) fn start(reader: Reader) -> Self {
        Self::doing(reader, |reader, delivery| {
            reader.mark(&delivery);
            true
        })
    }

    /// Does this with each message while it says so, and then closes.
    pub(crate) fn doing(
        reader: Reader,
        mut work: impl FnMut(&Reader, Delivery) -> bool + Send + 'static,
    ) -> Self {
        let reader = Arc::new(reader);
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let its = Arc::clone(&reader);
        let run = move || {
            while let Next::Message(delivery) = its.next(Some(&stopped), FOREVER) {
                if !work(&its, delivery) {
                    break;
                }
            }
            let closed = its.consumer.close();
            closed.unwrap_or_else(|error| panic!("{}: {error:?}", its.name));
        };
        let thread = thread::Builder::new().name(reader.name.clone());
        Self {
            thread: thread.spawn(run).expect("a thread is to be had"),
            reader,
            stop,
        }
    }

    /// Waits until it has come to its end.
    pub(crate) fn join(self) {
        self.thread.join().expect("the worker does not panic");
    }

    /// Takes no more, and closes.
    pub(crate) fn stop(self) {
        // It may have come to its end already.
        let _ = self.stop.send(());
        self.join();
    }
}
