//! A partition handle, whose user writes all it does into the log.

use std::time::{Duration, Instant};

use sarama_cluster::{
    PartitionConsumer,
    crossbeam_channel::{Select, TryRecvError},
};

use crate::{
    oracle::{ClaimNo, Event, Place},
    reader::{Delivery, Next, Reader},
    world::PATIENCE,
};

/// A partition handle in the hands of its user.
pub(crate) struct Handle<'a> {
    pub(crate) part: PartitionConsumer,
    pub(crate) claim: ClaimNo,
    reader: &'a Reader,
}

impl<'a> Handle<'a> {
    pub(crate) fn new(reader: &'a Reader, part: PartitionConsumer, claim: ClaimNo) -> Self {
        Self {
            part,
            claim,
            reader,
        }
    }

    pub(crate) fn place(&self) -> Place {
        (self.part.topic().to_owned(), self.part.partition())
    }

    /// The next message.
    ///
    /// # Panics
    /// If none comes.
    #[track_caller]
    pub(crate) fn recv(&self) -> Delivery {
        match self.next(PATIENCE) {
            Next::Message(delivery) => delivery,
            Next::Closed => panic!("{:?} is over", self.part),
            Next::Stop | Next::Late => panic!("{:?}: no message", self.part),
        }
    }

    /// A message, if there is one now.
    pub(crate) fn try_recv(&self) -> Option<Delivery> {
        self.look().ok()
    }

    /// Takes and marks so many messages.
    #[track_caller]
    pub(crate) fn consume(&self, count: usize) {
        for _ in 0..count {
            self.mark(&self.recv());
        }
    }

    /// Takes and marks all messages until the claim is over.
    pub(crate) fn consume_all(&self) {
        while let Next::Message(delivery) = self.next(Duration::from_secs(600)) {
            self.mark(&delivery);
        }
    }

    /// Waits for a message, for the end, or until the time is up.
    pub(crate) fn next(&self, within: Duration) -> Next {
        let deadline = Instant::now() + within;
        loop {
            match self.look() {
                Ok(delivery) => return Next::Message(delivery),
                Err(TryRecvError::Disconnected) => return Next::Closed,
                Err(TryRecvError::Empty) => {}
            }
            let mut select = Select::new();
            select.recv(self.part.messages());
            if select.ready_deadline(deadline).is_err() {
                return Next::Late;
            }
        }
    }

    fn look(&self) -> Result<Delivery, TryRecvError> {
        let mut log = self.reader.log().open();
        let taken = self.part.messages().try_recv();
        let claim = self.claim;
        match &taken {
            Ok(message) => {
                let offset = message.offset();
                log.write(Event::Delivered { claim, offset });
            }
            Err(TryRecvError::Disconnected) => log.write(Event::Ended { claim }),
            Err(TryRecvError::Empty) => {}
        }
        taken.map(|message| Delivery { message, claim })
    }

    pub(crate) fn mark(&self, delivery: &Delivery) {
        self.mark_with(delivery, "");
    }

    pub(crate) fn mark_with(&self, delivery: &Delivery, metadata: &str) {
        assert_eq!(self.claim, delivery.claim);
        self.mark_offset(delivery.offset(), metadata);
    }

    pub(crate) fn mark_offset(&self, offset: i64, metadata: &str) {
        let claim = self.claim;
        self.reader.log().write(Event::Marked { claim, offset });
        self.part.mark_offset(offset, metadata);
    }

    pub(crate) fn reset(&self, offset: i64, metadata: &str) {
        let claim = self.claim;
        self.reader.log().write(Event::Reset { claim, offset });
        self.part.reset_offset(offset, metadata);
    }
}
