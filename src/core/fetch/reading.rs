//! One claim's way through the log: where it reads, and what it has read ahead.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{failures::Failures, plan::SMALLEST_REQUEST, readings::Filed};
use crate::{
    call::{Broker, Token, list_offsets::At},
    core::{ChannelId, ClaimId, Cluster},
    error::Error,
    protocol::ErrorCode,
    record::{Batch, Block},
};

/// One claim's reading of its partition.
#[derive(Debug)]
pub(super) struct Reading {
    /// The claim.
    pub(super) claim: ClaimId,
    /// The channel that its messages go to, and how many it can hold.
    pub(super) channel: ChannelId,
    pub(super) capacity: usize,
    /// The topic.
    pub(super) topic: Arc<str>,
    /// The partition.
    pub(super) partition: i32,
    pub(super) aim: Aim,
    /// The offset behind the last record decoded: records below it are not for the user.
    pub(super) delivered_to: i64,
    /// Whether a request for it is on its way.
    pub(super) asked: Asked,
    /// When it was served last, in turns of all.
    pub(super) turn: u64,
    pub(super) not_before: Option<Instant>,
    pub(super) failures: Failures,
    /// Where the batch is that could not be decoded. That it comes again is no success.
    pub(super) stuck_at: Option<i64>,
    /// The leader as last heard, and a follower that the leader has named to read from.
    pub(super) leader: Option<(Broker, Option<i32>)>,
    pub(super) follower: Option<Follower>,
    /// The epoch that the last request has named.
    pub(super) epoch_told: Option<i32>,
    /// The last epoch that a leader has refused as one of the past. Before 2.4 controllers tell brokers such ones while
    /// replicas are moved (KAFKA-9212).
    pub(super) fenced: Option<i32>,
    /// Who has answered last, for errors.
    pub(super) answered_by: Option<Broker>,
    /// What is thought of the leader's word that its log does not have the offset to read.
    pub(super) doubt: Option<Doubt>,
    /// In how many descriptions of the cluster in a row it had no leader.
    pub(super) leaderless: u32,
    /// The fetch size, grown where a record is larger.
    pub(super) fetch_size: usize,
    /// The largest batch of the last answer.
    pub(super) batch_size: usize,
    /// How many bytes it was asked for last.
    pub(super) asked_for: usize,
    /// The size of the next batch, where it did not fit into what was left of the share; else 0.
    pub(super) needs: usize,
    pub(super) paused: bool,
    /// What is decoded may not go to the user before something is acknowledged.
    pub(super) held_back: bool,
    pub(super) high_watermark: Option<i64>,
    pub(super) buffer: Buffer,
    /// Bytes in the user's channel.
    pub(super) delivered: usize,
    /// The lines that it stands in.
    pub(super) filed: Filed,
}

/// A replica that the leader has named to read from (KIP-392).
#[derive(Debug)]
pub(super) struct Follower {
    broker: Broker,
    /// When its first answer came.
    serves_since: Option<Instant>,
}

impl Follower {
    /// For so long it is read from, then the leader is asked who is the best one by now: this one may have lost touch, and
    /// answer for ever that there is nothing. The time counts from its first answer. Until then it may be at the long poll
    /// of others, and if somebody turned to the leader meanwhile, that would name it again.
    const TERM: Duration = Duration::from_secs(60);

    pub(super) fn new(broker: Broker) -> Self {
        Self {
            broker,
            serves_since: None,
        }
    }

    /// Whether to read on from it, now that the cluster was described.
    fn stays(&self, cluster: &Cluster, silent: &[&Broker]) -> bool {
        let is_known = |id| cluster.broker(id) == Some(&self.broker);
        self.broker.id.is_some_and(is_known) && !silent.contains(&&self.broker)
    }
}

/// Whether a request is on its way whose answer counts, and whom it went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// None is.
    No,
    /// To the leader.
    Leader(Token),
    /// To a follower. Its records are as good when somebody else is to be asked next.
    Follower(Token),
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// Find out an offset.
    Lookup(At),
    /// Read from this offset on.
    Read(i64),
    /// Nothing for now: the leader says that its log does not have this offset, see [`Doubt`].
    Doubt(i64),
    /// Nothing: the leader has said so again. The claim ends once the user has taken what was read before.
    End(i64),
    /// Nothing: the claim is being opened anew elsewhere, or the policy says to stand still.
    Rest,
}

/// A leader's word that its log does not have the offset to read. It would lead back to the start of the log, so one
/// word is not enough: who has been cut off for a while believes to lead what others lead by now, and does not have
/// what was written to them. It counts when it is said again after other brokers have called it the leader.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubt {
    since: Instant,
    /// How many descriptions that others gave, asked for since then, name the same leader.
    descriptions: u32,
}

impl Doubt {
    const ENOUGH: u32 = 2;
    /// After so long the others are not waited for any more: they may be out of reach.
    const PATIENCE: Duration = Duration::from_secs(60);

    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            descriptions: 0,
        }
    }

    /// The cluster was described with the same leader.
    fn hear(&mut self, asked_at: Instant, is_by_another: bool) {
        if asked_at >= self.since + Self::PATIENCE {
            self.descriptions = Self::ENOUGH;
        } else if asked_at >= self.since && is_by_another {
            self.descriptions += 1;
        }
    }

    /// Whether the next word of the leader counts.
    pub(super) fn is_settled(&self) -> bool {
        self.descriptions >= Self::ENOUGH
    }
}

/// What was read and is not yet in the user's channel.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// As they came, in the log's order.
    waiting: VecDeque<Batch>,
    waiting_bytes: usize,
    /// Encoded bytes that the decoder has.
    decoding_bytes: usize,
    decoding_records: usize,
    /// Decoded.
    ready: VecDeque<Block>,
    ready_bytes: usize,
    ready_records: usize,
    /// For the estimate of how soon there is room again.
    moved: Movement,
}

/// How fast a reader empties a buffer.
#[derive(Debug, Default)]
struct Movement {
    since: Option<Instant>,
    bytes: usize,
    /// Bytes a second over the last time span that was measured.
    rate: f64,
}

impl Reading {
    /// The leader may have changed. These brokers do not answer.
    pub(super) fn find_leader(&mut self, cluster: &Cluster, silent: &[&Broker]) {
        let leader = leader(cluster, &self.topic, self.partition);
        let former = std::mem::replace(&mut self.leader, leader);
        // A new leader names its own follower, and speaks for its own log.
        let is_another = !is_same(self.leader.as_ref(), former.as_ref());
        self.follower
            .take_if(|follower| is_another || !follower.stays(cluster, silent));
        if let Aim::End(offset) = self.aim
            && is_another
        {
            self.aim = Aim::Read(offset);
        }
        self.doubt.take_if(|_| is_another);
        if let Some(doubt) = &mut self.doubt
            && let Some((leader, _)) = &self.leader
            && let Some(asked_at) = cluster.updated_at()
        {
            doubt.hear(asked_at, cluster.is_told_by_another(&self.topic, leader));
        }
        if let Aim::Doubt(offset) = self.aim
            && self.doubt.is_none_or(|doubt| doubt.is_settled())
        {
            self.aim = Aim::Read(offset);
        }
    }

    /// Notes who has answered.
    pub(super) fn read_from(&mut self, broker: &Broker) {
        if self.answered_by.as_ref() != Some(broker) {
            self.answered_by = Some(broker.clone());
        }
    }

    /// Who was asked does not lead any more, if another one does: it may be gone, and its answer with it.
    pub(super) fn turn_from(&mut self, former: &Broker) {
        if let Asked::Leader(_) = self.asked
            && self
                .leader
                .as_ref()
                .is_some_and(|(leader, _)| leader != former)
        {
            self.asked = Asked::No;
        }
    }

    /// Whether the answer to this request still counts.
    pub(super) fn waits_for(&self, request: Token) -> bool {
        match self.asked {
            Asked::No => false,
            Asked::Leader(token) | Asked::Follower(token) => token == request,
        }
    }

    /// This request goes to whom to read from.
    pub(super) fn ask(&mut self, by: Token) {
        self.asked = match self.follower {
            Some(_) => Asked::Follower(by),
            None => Asked::Leader(by),
        };
    }

    /// The follower has served a request.
    pub(super) fn served_by_follower(&mut self, now: Instant) {
        self.follower.take_if(|follower| {
            let since = *follower.serves_since.get_or_insert(now);
            now >= since + Follower::TERM
        });
    }

    /// The request is over. Whether it went to a follower.
    pub(super) fn end_request(&mut self) -> bool {
        matches!(
            std::mem::replace(&mut self.asked, Asked::No),
            Asked::Follower(_)
        )
    }

    /// The same, and nothing came of it: the leader may know better than a follower.
    pub(super) fn end_in_vain(&mut self) -> bool {
        let by_follower = self.end_request();
        if by_follower {
            self.follower = None;
        }
        by_follower
    }

    /// Whether the answer on its way comes from another one than who is to be read from next.
    pub(super) fn is_asked_elsewhere(&self) -> bool {
        match self.asked {
            Asked::No => false,
            Asked::Leader(_) => self.follower.is_some(),
            Asked::Follower(_) => self.follower.is_none(),
        }
    }

    /// Whom to read from.
    pub(super) fn source(&self) -> Option<&Broker> {
        match (&self.follower, &self.leader) {
            (Some(follower), _) => Some(&follower.broker),
            (None, leader) => leader.as_ref().map(|(broker, _)| broker),
        }
    }

    /// The epoch of the leader, as it is to be told. One that it has refused it would refuse again.
    fn epoch_to_tell(&self) -> Option<i32> {
        let (_, epoch) = self.leader.as_ref()?;
        epoch.filter(|epoch| Some(*epoch) > self.fenced)
    }

    /// The same, and now it is told.
    pub(super) fn tell_epoch(&mut self) -> Option<i32> {
        self.epoch_told = self.epoch_to_tell();
        self.epoch_told
    }

    /// Whether the last request would name the same one now.
    pub(super) fn has_told_epoch(&self) -> bool {
        self.epoch_told == self.epoch_to_tell()
    }

    /// The epoch that it was told is one of the past. By now another one may be known.
    pub(super) fn epoch_refused(&mut self) {
        self.fenced = self.fenced.max(self.epoch_told);
    }

    /// The next offset to read; 0 while that is not known.
    pub(super) fn position(&self) -> i64 {
        match self.aim {
            Aim::Read(offset) | Aim::Doubt(offset) | Aim::End(offset) => offset,
            Aim::Lookup(_) | Aim::Rest => 0,
        }
    }

    /// How many bytes may be asked for by one that may hold `share`; `None` while enough is buffered.
    pub(super) fn credit(&self, share: usize) -> Option<usize> {
        let unread = self.buffer.bytes();
        let held = self.held();
        if held == 0 {
            return Some(self.fetch_size.min(share.max(self.least())));
        }
        if unread >= 2 * self.fetch_size || held >= share {
            return None;
        }
        let bytes = self.fetch_size.min(share - held).max(1);
        (bytes >= self.needs).then_some(bytes)
    }

    /// How many bytes are asked for, at the least and whatever the shares, where nothing is held: so many that the next
    /// batch has room, and that it is worth a request.
    pub(super) fn least(&self) -> usize {
        let batches = self.needs.max(2 * self.batch_size);
        self.fetch_size.min(batches.max(SMALLEST_REQUEST))
    }

    /// How large the next batch may be, as far as is known.
    pub(super) fn next_batch(&self) -> usize {
        self.needs.max(self.batch_size)
    }

    /// The same where there is much room.
    pub(super) fn ample(&self, credit: usize) -> usize {
        match self.held() {
            0 => self.fetch_size,
            _ => credit,
        }
    }

    /// Bytes held, what is in the user's channel included.
    pub(super) fn held(&self) -> usize {
        self.buffer.bytes() + self.delivered
    }

    /// Bytes decoded that its channel has or will get, and others that stand still.
    pub(super) fn decoded(&self) -> (usize, usize) {
        match self.held_back {
            true => (self.delivered, self.buffer.ready_bytes),
            false => (self.delivered + self.buffer.ready_bytes, 0),
        }
    }

    /// How many records are decoded, or are being decoded, for its channel.
    pub(super) fn ahead(&self) -> usize {
        match self.held_back {
            true => 0,
            false => self.buffer.ready_records + self.buffer.decoding_records,
        }
    }

    /// Whether there is something to decode for one that may hold `share`, and the decoder is not at it.
    pub(super) fn wants_decoding(&self, share: usize) -> bool {
        let (decoded, _) = self.decoded();
        !self.held_back && self.buffer.wants_decoding() && (decoded == 0 || decoded < share)
    }

    /// Whether what is to be decoded next cannot grow.
    pub(super) fn is_plain(&self) -> bool {
        self.buffer
            .waiting
            .front()
            .is_some_and(|batch| !batch.is_compressed())
    }

    /// How long it will take until half of what is held is gone; `None` where nothing moves. The longer nothing has
    /// moved, the longer it takes.
    pub(super) fn room_in(&self, now: Instant) -> Option<Duration> {
        let rate = self.buffer.moved.rate_at(now);
        let held = self.held() as f64;
        (rate >= 1.0).then(|| Duration::from_secs_f64((held / 2.0 / rate).min(60.0)))
    }

    /// A failure: wait, and tell the user where it does not heal quickly by itself.
    pub(super) fn fail(&mut self, now: Instant, rng: &mut fastrand::Rng) {
        self.not_before = Some(self.failures.add(now, rng));
    }

    pub(super) fn error(&self, code: ErrorCode, context: &'static str) -> Error {
        Error::broker_code(code, context).at_partition(&self.topic, self.partition)
    }
}

/// The leader and its epoch, as the cluster was described last.
pub(super) fn leader(
    cluster: &Cluster,
    topic: &str,
    partition: i32,
) -> Option<(Broker, Option<i32>)> {
    let leader = cluster.leader(topic, partition).ok()?;
    Some((leader.broker, leader.epoch))
}

/// Whether it is the same leader in the same epoch, as far as is known: while brokers are upgraded, those of before
/// do not tell the epoch.
fn is_same(one: Option<&(Broker, Option<i32>)>, other: Option<&(Broker, Option<i32>)>) -> bool {
    match (one, other) {
        (Some((one, of_one)), Some((other, of_other))) => {
            one == other && (of_one == of_other || of_one.is_none() || of_other.is_none())
        }
        (one, other) => one == other,
    }
}

impl Buffer {
    /// Bytes held, all stages together.
    pub(super) fn bytes(&self) -> usize {
        self.waiting_bytes + self.decoding_bytes + self.ready_bytes
    }

    /// Batches have come in.
    pub(super) fn fill(&mut self, batch: Batch) {
        self.waiting_bytes += batch.encoded_len();
        self.waiting.push_back(batch);
    }

    fn wants_decoding(&self) -> bool {
        self.decoding_bytes == 0 && !self.waiting.is_empty()
    }

    /// Hands out batches to decode: as many as make so many records or bytes, at least one.
    pub(super) fn decode(&mut self, records: usize, bytes: usize) -> Vec<Batch> {
        let mut job = Vec::new();
        while let Some(batch) = self.waiting.front() {
            let more = batch.record_count().map_or(1, |n| n as usize);
            let full = self.decoding_records + more > records
                || self.decoding_bytes + batch.encoded_len() > bytes;
            let is_other = |first: &Batch| first.is_compressed() != batch.is_compressed();
            if !job.is_empty() && (full || job.first().is_some_and(is_other)) {
                break;
            }
            self.decoding_records += more;
            self.decoding_bytes += batch.encoded_len();
            self.waiting_bytes -= batch.encoded_len();
            job.extend(self.waiting.pop_front());
        }
        job
    }

    /// The decoder is done: blocks take the place of batches, but for those that are left. Returns how many bytes of
    /// (batches, blocks).
    pub(super) fn decoded(&mut self, blocks: Vec<Block>, left: Vec<Batch>) -> (usize, usize) {
        let mut encoded = std::mem::take(&mut self.decoding_bytes);
        self.decoding_records = 0;
        for batch in left.into_iter().rev() {
            encoded -= batch.encoded_len();
            self.waiting_bytes += batch.encoded_len();
            self.waiting.push_front(batch);
        }
        let decoded = blocks.iter().map(Block::bytes).sum();
        self.ready_bytes += decoded;
        self.ready_records += blocks.iter().map(Block::len).sum::<usize>();
        self.ready.extend(blocks);
        (encoded, decoded)
    }

    /// The next block to deliver.
    pub(super) fn peek(&self) -> Option<&Block> {
        self.ready.front()
    }

    /// The next block goes to the user.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Block> {
        let block = self.ready.pop_front()?;
        self.ready_bytes -= block.bytes();
        self.ready_records -= block.len();
        self.moved.note(now, block.bytes());
        Some(block)
    }

    /// Forgets what waits, not what is decoded. Returns the bytes released.
    pub(super) fn drop_waiting(&mut self) -> usize {
        self.waiting.clear();
        std::mem::take(&mut self.waiting_bytes)
    }

    /// Forgets everything. Returns how many bytes of (batches, blocks).
    pub(super) fn drop_all(&mut self) -> (usize, usize) {
        let bytes = (self.waiting_bytes + self.decoding_bytes, self.ready_bytes);
        *self = Self::default();
        bytes
    }
}

impl Movement {
    const SPAN: Duration = Duration::from_millis(100);

    fn note(&mut self, now: Instant, bytes: usize) {
        let since = *self.since.get_or_insert(now);
        let span = now - since;
        if span >= Self::SPAN {
            self.rate = self.bytes as f64 / span.as_secs_f64();
            self.bytes = 0;
            self.since = Some(now);
        }
        self.bytes += bytes;
    }

    /// The rate, lower the longer nothing has moved.
    fn rate_at(&self, now: Instant) -> f64 {
        let Some(since) = self.since else { return 0.0 };
        let span = now - since;
        if span < Self::SPAN {
            // Too short a time to tell: what was measured before, or what has moved just now.
            return self.rate.max(self.bytes as f64 / Self::SPAN.as_secs_f64());
        }
        self.bytes as f64 / span.as_secs_f64()
    }
}
