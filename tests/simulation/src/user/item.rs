//! What a user takes from a channel: messages, or batches of them.

use crossbeam_channel::{Receiver, TryRecvError};
use fastrand::Rng;
use sarama_cluster::{
    Batches, ConsumerMessage, Delivered, MessageBatch, MessageView, Messages,
    consumer::{desk::Ends, user_side::UserSide},
};

use super::{Deed, Seen};
use crate::content::Content;

/// Something taken from a channel.
#[derive(Debug)]
pub(super) enum Item {
    Message(ConsumerMessage),
    /// With the messages of it that are not done yet, by their places.
    Batch(MessageBatch, Vec<usize>),
}

/// Where a user takes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    Messages(&'a Messages),
    Batches(&'a Batches),
}

impl Source<'_> {
    /// The next item. Received raw it may be one that is not current any more, and then it is none.
    pub(super) fn take(self, is_raw: bool) -> Result<Option<Item>, TryRecvError> {
        Ok(match self {
            Self::Messages(from) if is_raw => {
                let message = Receiver::try_recv(from)?;
                message.is_current().then_some(Item::Message(message))
            }
            Self::Messages(from) => Some(Item::Message(from.try_recv()?)),
            Self::Batches(from) if is_raw => {
                let batch = Receiver::try_recv(from)?;
                batch.is_current().then(|| Item::of(batch))
            }
            Self::Batches(from) => Some(Item::of(from.try_recv()?)),
        })
    }

    pub(super) fn is_empty(self) -> bool {
        match self {
            Self::Messages(from) => from.is_empty(),
            Self::Batches(from) => from.is_empty(),
        }
    }

    /// Whether there is an item to take, or the end of them to see.
    pub(super) fn has_news(self) -> bool {
        // Nobody else fills an empty channel now, so nothing is taken here. (Asking a `Select` costs a dozen yields.)
        !self.is_empty() || self.take(true).is_err_and(|e| e.is_disconnected())
    }
}

impl Item {
    fn of(batch: MessageBatch) -> Self {
        let left = (0..batch.len()).collect();
        Self::Batch(batch, left)
    }

    /// How many messages it is.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Message(_) => 1,
            Self::Batch(batch, _) => batch.len(),
        }
    }

    pub(super) fn took(&self, deeds: &mut Vec<Deed>) {
        match self {
            Self::Message(message) => deeds.push(Deed::Took(seen_message(message))),
            Self::Batch(batch, _) => {
                deeds.extend(batch.iter().map(|view| Deed::Took(seen(&view))));
            }
        }
    }

    /// Its messages, each with memory of its own.
    pub(super) fn detached(self) -> impl Iterator<Item = Self> {
        let messages: Vec<_> = match self {
            Self::Message(message) => vec![message],
            Self::Batch(batch, _) => batch.iter().map(|view| view.to_message()).collect(),
        };
        let detached = messages.into_iter().map(|message| message.detach());
        detached.map(Self::Message)
    }

    /// Marks it: a batch as a whole, or some messages of it, one after the other. Whether all is done.
    pub(super) fn mark(
        &mut self,
        user_side: &UserSide,
        rng: &mut Rng,
        deeds: &mut Vec<Deed>,
    ) -> bool {
        match self {
            Self::Message(message) => {
                deeds.push(Deed::Marked(seen_message(message)));
                user_side.mark(message, "");
                true
            }
            Self::Batch(batch, _) if rng.bool() => {
                deeds.push(Deed::Marked(last(batch)));
                user_side.mark(batch, "");
                true
            }
            Self::Batch(batch, left) => {
                for view in take_some(batch, left, rng) {
                    deeds.push(Deed::Marked(seen(&view)));
                    user_side.mark(&view, "");
                }
                left.is_empty()
            }
        }
    }

    /// Marks all of it by the offset alone, in the claim that is current by now. There may be none, or one into whose
    /// channel that offset was not put.
    pub(super) fn mark_by_offset(&self, ends: &Ends, deeds: &mut Vec<Deed>) -> bool {
        let (topic, partition, mut seen) = match self {
            Self::Message(message) => (message.topic(), message.partition(), seen_message(message)),
            Self::Batch(batch, _) => (batch.topic(), batch.partition(), last(batch)),
        };
        let current = ends.shared.claim(topic, partition);
        let offset = seen.offset;
        let ignored = ends.user_side.ignored();
        ends.user_side.mark_offset(current.as_deref(), offset, "");
        if let Some(claim) = current
            && ends.user_side.ignored() == ignored
        {
            seen.claim = claim.id().0;
            deeds.push(Deed::Marked(seen));
        }
        true
    }

    /// Acknowledges it: a batch as a whole, or some messages of it, in any order. Whether all is done.
    pub(super) fn ack(
        &mut self,
        user_side: &UserSide,
        rng: &mut Rng,
        deeds: &mut Vec<Deed>,
    ) -> bool {
        match self {
            Self::Message(message) => {
                deeds.push(Deed::Acked(seen_message(message)));
                user_side.ack(message);
                true
            }
            Self::Batch(batch, _) if rng.bool() => {
                deeds.extend(batch.iter().map(|view| Deed::Acked(seen(&view))));
                user_side.ack(batch);
                true
            }
            Self::Batch(batch, left) => {
                rng.shuffle(left);
                for view in take_some(batch, left, rng) {
                    deeds.push(Deed::Acked(seen(&view)));
                    user_side.ack(&view);
                }
                left.is_empty()
            }
        }
    }

    /// Takes back what is marked behind it.
    pub(super) fn reset(&self, user_side: &UserSide, deeds: &mut Vec<Deed>) {
        match self {
            Self::Message(message) => {
                deeds.push(Deed::Reset(seen_message(message)));
                user_side.reset(message, "");
            }
            Self::Batch(batch, _) => {
                deeds.push(Deed::Reset(last(batch)));
                user_side.reset(batch, "");
            }
        }
    }
}

/// Some of the messages that are left of a batch, at least one, in the order in which they are left.
fn take_some<'a>(
    batch: &'a MessageBatch,
    left: &mut Vec<usize>,
    rng: &mut Rng,
) -> Vec<MessageView<'a>> {
    let now = rng.usize(1..=left.len());
    let places = left.drain(..now);
    places.filter_map(|place| batch.iter().nth(place)).collect()
}

fn last(batch: &MessageBatch) -> Seen {
    let last = batch.iter().last();
    seen(&last.expect("a batch is never empty"))
}

fn seen(view: &MessageView<'_>) -> Seen {
    look(view, view.offset(), view.value())
}

fn seen_message(message: &ConsumerMessage) -> Seen {
    look(message, message.offset(), message.value())
}

fn look(delivered: &impl Delivered, offset: i64, value: Option<&[u8]>) -> Seen {
    Seen {
        claim: Ends::claim_of(delivered).0,
        offset,
        content: value.and_then(Content::read),
    }
}
