//! The group consumer and the threads behind it.

mod batch;
pub mod claim;
mod closer;
mod coordinator;
mod decoders;
mod delivered;
mod deliveries;
pub mod desk;
mod lookout;
mod lossy;
mod message;
#[cfg(all(test, shuttle))]
mod models;
mod notification;
mod offers;
pub mod outlet;
mod partition;
#[cfg(test)]
mod sample;
mod shared;
mod start;
mod stash;
mod sync;
mod threads;
pub mod user_side;
mod wait;
pub mod waker;

use std::{collections::BTreeMap, fmt};

use crossbeam_channel::{Receiver, Sender};

pub use self::{
    batch::{MessageBatch, MessageView, MessageViews},
    closer::{CloseGuard, Closer},
    delivered::Delivered,
    deliveries::{Batches, Deliveries, Messages},
    message::ConsumerMessage,
    notification::{Notification, NotificationType},
    offers::Partitions,
    partition::PartitionConsumer,
    stash::OffsetStash,
    user_side::IgnoredCounts,
};
use self::{coordinator::Message, desk::Ends, start::Parts};
use crate::{
    client::Client,
    config::{Config, Subscription},
    error::{Error, ErrorKind, Result},
};

/// A member of a consumer group.
///
/// It joins the group by itself, reads the partitions that the group gives it, and hands their
/// records over: all through [`messages`](Self::messages), or, in
/// [`ConsumerMode::Partitions`](crate::ConsumerMode::Partitions), a handle for each partition through
/// [`partitions`](Self::partitions). What is processed is *marked* ([`mark_offset`](Self::mark_offset))
/// or *acknowledged* ([`ack`](Self::ack)); marks are committed in the background.
///
/// All methods take `&self`; a consumer can be shared by threads. Dropping it closes it.
pub struct Consumer {
    ends: Ends,
    inbox: Sender<Message>,
    closer: Closer,
    group_id: String,
}

impl Consumer {
    /// Connects to a cluster and begins to join the group. `addrs` are `host:port` addresses of some
    /// brokers, `topics` those to read beside the ones that
    /// [`config.group.topics.whitelist`](crate::config::group::Topics) chooses.
    ///
    /// It does not wait for the join. A topic that does not exist is reported by
    /// [`errors`](Self::errors) and read when it appears.
    ///
    /// # Errors
    ///
    /// An invalid setting, address, group or topic name ([`ErrorKind::Config`]); no broker that
    /// answers within `config.net.dial_timeout`; no thread to be had ([`ErrorKind::System`]).
    pub fn new<A: AsRef<str>>(
        addrs: impl IntoIterator<Item = A>,
        group_id: impl Into<String>,
        topics: impl Into<Subscription>,
        config: Config,
    ) -> Result<Self> {
        let (group_id, topics) = (group_id.into(), topics.into());
        config.validate_consumer(&group_id, &topics)?;
        let client = Client::new(addrs, config)?;
        let parts = start::start(client.lend()?, &group_id, topics);
        // The consumer has connections of its own.
        client.close();
        Ok(Self::from_parts(parts?, group_id))
    }

    /// As [`new`](Self::new), with the settings and the addresses of a client, which is asked to
    /// [refresh](Client::refresh_metadata) what it knows.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ClientInUse`] while another consumer uses the client; else as [`new`](Self::new).
    pub fn from_client(
        client: &Client,
        group_id: impl Into<String>,
        topics: impl Into<Subscription>,
    ) -> Result<Self> {
        let (group_id, topics) = (group_id.into(), topics.into());
        client
            .cluster_config()
            .validate_consumer(&group_id, &topics)?;
        let lease = client.lend()?;
        // What the client knows may be old: what was added since would count as added while the consumer runs.
        client.refresh_metadata::<&str>([])?;
        let parts = start::start(lease, &group_id, topics)?;
        Ok(Self::from_parts(parts, group_id))
    }

    fn from_parts(parts: Parts, group_id: String) -> Self {
        let Parts {
            ends,
            inbox,
            closer,
        } = parts;
        Self {
            ends,
            inbox,
            closer,
            group_id,
        }
    }

    /// The messages of all claims, in multiplex mode. In partition mode nothing ever comes. It ends
    /// when the consumer is closed.
    pub fn messages(&self) -> &Messages {
        &self.ends.messages
    }

    /// The messages of all claims by the batch, in multiplex mode, while
    /// [`config.consumer.returns.batches`](crate::config::consumer::Returns::batches) is set: then
    /// [`messages`](Self::messages) stays silent. Else nothing ever comes. It ends when the consumer is
    /// closed.
    ///
    /// A batch is marked or acknowledged as a whole, or message by message:
    ///
    /// ```no_run
    /// # use sarama_cluster::{Config, Consumer, MessageView, Result};
    /// # fn work(_: &MessageView<'_>) {}
    /// # fn main() -> Result<()> {
    /// let mut config = Config::default();
    /// config.consumer.returns.batches = true;
    /// let consumer = Consumer::new(["127.0.0.1:9092"], "my-consumer-group", ["my_topic"], config)?;
    /// for batch in consumer.batches() {
    ///     batch.iter().for_each(|msg| work(&msg));
    ///     consumer.mark_offset(&batch, "");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn batches(&self) -> &Batches {
        &self.ends.batches
    }

    /// The handles of the claimed partitions, in partition mode. In multiplex mode none ever comes.
    /// It ends when the consumer is closed.
    pub fn partitions(&self) -> &Partitions {
        &self.ends.partitions
    }

    /// What goes wrong, while `config.consumer.returns.errors` is set; else errors are logged and
    /// nothing ever comes. Errors that nobody reads are dropped, the oldest first.
    pub fn errors(&self) -> &Receiver<Error> {
        &self.ends.errors
    }

    /// What happens to the claims, while `config.group.returns.notifications` is set; else nothing
    /// ever comes. Notifications that nobody reads are dropped, the oldest first.
    pub fn notifications(&self) -> &Receiver<Notification> {
        &self.ends.notifications
    }

    /// The offset after the last replicated record of each partition that is read, by topic and
    /// partition.
    pub fn high_water_marks(&self) -> BTreeMap<String, BTreeMap<i32, i64>> {
        self.ends.shared.high_water_marks()
    }

    /// The partitions that the group has given to this member, by topic.
    pub fn subscriptions(&self) -> BTreeMap<String, Vec<i32>> {
        self.ends.shared.subscriptions()
    }

    /// Marks a message (of a batch: its last one) *and all before it* in its claim as processed. The
    /// metadata is a word for the next owner of the partition, committed with the offset.
    ///
    /// A mark moves only forward. It is ignored, and counted, when the claim of the message is over.
    pub fn mark_offset(&self, delivered: &impl Delivered, metadata: &str) {
        self.ends.user_side.mark(delivered, metadata);
    }

    /// Marks an offset and all before it in the present claim of a partition. Ignored, and counted,
    /// where there is no such claim or where the offset was not put into its channel.
    ///
    /// A number does not tell which message it was of: if the topic was deleted and created again meanwhile, the
    /// message of the new one is marked. [`mark_offset`](Self::mark_offset) knows.
    pub fn mark_partition_offset(&self, topic: &str, partition: i32, offset: i64, metadata: &str) {
        self.ends.user_side.mark_offset(
            self.ends.shared.claim(topic, partition).as_deref(),
            offset,
            metadata,
        );
    }

    /// Marks all offsets of a stash.
    pub fn mark_offsets(&self, stash: &OffsetStash) {
        stash.mark_all(&self.ends.user_side, |topic, partition| {
            self.ends.shared.claim(topic, partition)
        });
    }

    /// Moves the mark of a message's claim back, so that this message (of a batch: its last one) is
    /// the last one processed. It does not move the position that is read from. Where the mark is not
    /// beyond it, it stays. What is acknowledged behind the message is taken back in either case.
    pub fn reset_offset(&self, delivered: &impl Delivered, metadata: &str) {
        self.ends.user_side.reset(delivered, metadata);
    }

    /// As [`reset_offset`](Self::reset_offset), in the present claim of a partition.
    pub fn reset_partition_offset(&self, topic: &str, partition: i32, offset: i64, metadata: &str) {
        self.ends.user_side.reset_offset(
            self.ends.shared.claim(topic, partition).as_deref(),
            offset,
            metadata,
        );
    }

    /// Resets to all offsets of a stash.
    pub fn reset_offsets(&self, stash: &OffsetStash) {
        stash.reset_all(&self.ends.user_side, |topic, partition| {
            self.ends.shared.claim(topic, partition)
        });
    }

    /// Acknowledges one message, or all of a batch, in any order and from any thread. What is
    /// committed is the end of the run of messages that are acknowledged without a gap, in the order
    /// of delivery.
    ///
    /// Once this is used, at most 65,536 messages of a claim, or two channels full, are out beyond the
    /// first one not acknowledged; then delivery pauses and [`errors`](Self::errors) says so.
    pub fn ack(&self, delivered: &impl Delivered) {
        self.ends.user_side.ack(delivered);
    }

    /// Commits all marks now and waits for the answer. While the group coordinator is looked for it waits for that, too,
    /// as long as the session lasts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::RebalanceInProgress`] where there is something to commit and no generation to commit it under, or,
    /// once, where `auto_commit` is off and marks may have gone uncommitted with their partitions;
    /// [`ErrorKind::Closed`] after a close; else what the group coordinator answered, with a partition concerned, or
    /// why it could not be asked. Of a mark that was refused for good each call tells again, mostly without asking
    /// the broker, until it moves or its partition is given up.
    pub fn commit_offsets(&self) -> Result<()> {
        let (reply, answer) = crossbeam_channel::bounded(1);
        let closed = || {
            self.error()
                .unwrap_or_else(|| Error::new(ErrorKind::Closed, "commit"))
        };
        self.inbox
            .send(Message::Commit(reply))
            .map_err(|_| closed())?;
        answer.recv().unwrap_or_else(|_| Err(closed()))
    }

    /// Why the consumer has ended by itself: authentication or authorization, a fenced static name,
    /// an unsupported version, or a bug in this library. `None` while it runs, and after a close.
    pub fn error(&self) -> Option<Error> {
        self.ends.shared.failure()
    }

    /// What users did in vain so far: marks that came too late, messages that were passed over, ….
    pub fn ignored(&self) -> IgnoredCounts {
        self.ends.user_side.ignored()
    }

    /// A handle that closes this consumer from elsewhere.
    pub fn closer(&self) -> Closer {
        self.closer.clone()
    }

    /// Closes the consumer: stops delivering, waits for messages that are in work, commits, leaves the
    /// group and ends all channels. It takes at most [`close_timeout`](crate::Config::close_timeout).
    ///
    /// Messages that are still held are waited for as long as
    /// [`dwell_time`](crate::config::group::Synchronization::dwell_time) (100 ms) says, for whoever
    /// closes may be the one that holds them. What is marked later is delivered again, to the next
    /// member: a program that takes longer over a message raises that setting, or finishes what it
    /// has before it closes. From any thread, and twice, it is fine; all callers get the one result.
    ///
    /// # Errors
    ///
    /// The cause where the consumer had ended by itself; or why not all marks could be committed.
    pub fn close(&self) -> Result<()> {
        self.closer.close()
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("group_id", &self.group_id)
            .field("subscriptions", &self.subscriptions())
            .finish_non_exhaustive()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            log::warn!("group {}: {error}", self.group_id);
        }
    }
}
