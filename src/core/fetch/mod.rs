//! Reading the partitions: where each claim is, what to ask of which broker, what came, what goes to
//! the user.
//!
//! One request at a time is on its way to each broker. A claim takes part in it while it has credit:
//! while what is buffered for it is less than two fetches and less than its share of the budget. So a
//! claim whose reader stands still costs the others nothing. Where large batches fill the budget all the same, a
//! claim whose reader has nothing gets its next batch beyond it.

mod answer;
mod budget;
mod deliver;
mod failures;
mod late;
mod lookup;
mod onward;
mod plan;
mod portion;
mod reading;
mod readings;
mod suspects;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

pub use deliver::{Decoded, Job, MOST_GROWING};
pub use onward::Onward;

use self::{
    budget::Budget,
    failures::Failures,
    late::Late,
    onward::Grant,
    portion::Portion,
    reading::{Aim, Asked, Buffer, Reading},
    readings::{Filed, Readings},
    suspects::Suspects,
};
use crate::{
    call::{Broker, Target, Token, list_offsets::At},
    core::{Backoff, ChannelId, ClaimId, Cluster, Waits},
    error::Error,
    protocol::{ApiKey, ErrorCode},
};

/// How to fetch.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A broker answers once it has so many bytes.
    pub min_bytes: usize,
    /// How many bytes of a partition to ask for.
    pub default_bytes: usize,
    /// How far that may grow for a large record; `None`: as far as an answer may be large.
    pub max_partition_bytes: Option<usize>,
    /// The most bytes of one answer.
    pub max_bytes: usize,
    /// How long a broker may wait for `min_bytes`.
    pub max_wait: Duration,
    /// How long an answer may take, besides.
    pub read_timeout: Duration,
    /// Whether aborted and open transactions are left out.
    pub read_committed: bool,
    /// Whether brokers are asked for records in a format that is older than theirs may be, so that they convert them.
    pub is_converted: bool,
    /// The own rack.
    pub rack_id: String,
    /// The most bytes buffered.
    pub budget: usize,
    /// The largest answer that is read at all.
    pub largest_answer: usize,
    /// The waits of a partition that fails.
    pub retry: Waits,
    /// How often a partition is tried again before it is given up until the next rebalance; `None`:
    /// for ever.
    pub retry_max: Option<u32>,
    /// How many failures in a row that heal by themselves, as a change of leaders, are passed over.
    pub quiet_retries: u32,
}

/// What became known while reading.
#[derive(Debug)]
pub enum Outcome {
    /// The offset that was looked up.
    Resolved {
        /// For this claim.
        claim: ClaimId,
        /// The offset.
        offset: i64,
    },
    /// The leader says that the offset to read is not in the log.
    OutOfRange {
        /// Of this claim.
        claim: ClaimId,
        /// The offset that was asked for.
        offset: i64,
        /// The leader's answer.
        error: Error,
    },
    /// The user should hear of this.
    Report(ClaimId, Error),
    /// The description of the cluster is out of date.
    StaleMetadata,
    /// Nobody waits any more for what this connection is asked.
    Disconnect(Target),
    /// The offset after the last replicated record.
    HighWatermark(ClaimId, i64),
}

/// Reads the partitions of all claims.
#[derive(Debug)]
pub struct Fetcher {
    settings: Settings,
    readings: Readings,
    loops: BTreeMap<Broker, Loop>,
    budget: Budget,
    turns: Turns,
    /// The claims with a job on its way of which nobody knows how large it becomes.
    growing: BTreeSet<ClaimId>,
    /// Leaders are not told the rack before: a replica that one of them named has not served us, and would be
    /// named again and again.
    rackless_until: Option<Instant>,
    rng: fastrand::Rng,
}

/// The work with one broker.
#[derive(Debug)]
struct Loop {
    fetch: Option<Question>,
    /// What the connection may ask by itself once that is answered. Its completion comes after the other one's, also
    /// where the connection is cut off: it asks in the order of its queue.
    grant: Option<Grant>,
    brought: Brought,
    /// Whether its last answer had a limit for all partitions together, as since 0.10.1.
    is_bounded: bool,
    /// Whether a grant is still to be thought about.
    grant_is_due: bool,
    /// Grows from fetch to fetch, over all brokers.
    turn: u64,
    lookup: Option<Question>,
    failures: Failures,
    /// When it has failed by saying nothing, if it has not answered since.
    silent_at: Option<Instant>,
    not_before: Option<Instant>,
    /// How long its last answer to a fetch took, besides what it was allowed to wait.
    took: Duration,
    portion: Portion,
    /// Answers in a row that came early and brought nothing.
    fruitless: u32,
    suspects: Suspects,
}

/// What the last answer of a broker has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brought {
    Nothing,
    /// Records, and there are more.
    Part,
    /// Records up to the ends of all logs.
    Ends,
}

/// A request on its way.
#[derive(Debug)]
struct Question {
    token: Token,
    at: Instant,
    max_wait: Duration,
    reserved: usize,
    /// How many partitions were asked for, some of which may not matter any more.
    partitions: usize,
    /// How many bytes the claims had credit for.
    credit: usize,
    /// The claims asked for. The answer counts for those that have not turned to another broker meanwhile.
    claims: Vec<ClaimId>,
    late: Late,
    /// Whether the broker was told our rack.
    has_rack: bool,
}

/// Round robin over claims: who was served longest ago comes first.
#[derive(Debug, Default)]
struct Turns {
    /// How many answers have brought something for a claim.
    served: u64,
    decoded: Option<(ChannelId, ClaimId)>,
    pushed: Option<ClaimId>,
}

/// The longest wait between two requests to a broker that fails.
const LONGEST_BROKER_BACKOFF: Duration = Duration::from_secs(2);
/// The first one.
const FIRST_BROKER_BACKOFF: Duration = Duration::from_millis(50);

/// For so long leaders serve us themselves, where a replica that is nearer does not (KIP-392).
const RACKLESS: Duration = Duration::from_secs(60);

impl Fetcher {
    /// Reads nothing yet.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            budget: Budget::new(settings.budget),
            readings: Readings::new(settings.budget),
            settings,
            loops: BTreeMap::new(),
            turns: Turns::default(),
            growing: BTreeSet::new(),
            rackless_until: None,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Looks up an offset for a claim that does not read yet.
    pub fn look_up(
        &mut self,
        claim: ClaimId,
        topic: &Arc<str>,
        partition: i32,
        at: At,
        cluster: &Cluster,
    ) {
        // Nothing will go into its channel before it reads.
        let channel = (ChannelId::Of(claim), 0);
        self.insert(claim, channel, topic, partition, Aim::Lookup(at), cluster);
    }

    /// Reads for a claim, from this offset on, for a channel that can hold so many messages.
    pub fn read(
        &mut self,
        claim: ClaimId,
        channel: (ChannelId, usize),
        topic: &Arc<str>,
        at: (i32, i64),
        cluster: &Cluster,
    ) {
        let (partition, offset) = at;
        self.insert(claim, channel, topic, partition, Aim::Read(offset), cluster);
    }

    fn insert(
        &mut self,
        claim: ClaimId,
        (channel, capacity): (ChannelId, usize),
        topic: &Arc<str>,
        partition: i32,
        aim: Aim,
        cluster: &Cluster,
    ) {
        // It may have been looked up.
        self.remove(claim);
        let reading = Reading {
            claim,
            channel,
            capacity,
            topic: Arc::clone(topic),
            partition,
            delivered_to: if let Aim::Read(offset) = aim {
                offset
            } else {
                0
            },
            aim,
            asked: Asked::No,
            turn: 0,
            not_before: None,
            failures: Failures::new(Backoff::of(&self.settings.retry)),
            stuck_at: None,
            leader: reading::leader(cluster, topic, partition),
            follower: None,
            answered_by: None,
            epoch_told: None,
            fenced: None,
            doubt: None,
            leaderless: 0,
            fetch_size: self.settings.default_bytes,
            batch_size: 0,
            asked_for: 0,
            needs: 0,
            paused: false,
            held_back: false,
            high_watermark: None,
            buffer: Buffer::default(),
            delivered: 0,
            filed: Filed::default(),
        };
        self.readings.insert(reading);
    }

    fn reading(&self, claim: ClaimId) -> &Reading {
        self.readings.get(claim).expect("the caller has found it")
    }

    /// Stops reading for a claim and drops what is buffered, but for what is in the user's channel.
    pub fn remove(&mut self, claim: ClaimId) {
        if let Some(mut reading) = self.readings.remove(claim) {
            let (encoded, decoded) = reading.buffer.drop_all();
            self.budget.drop_encoded(encoded);
            self.budget.drop_decoded(decoded);
        }
    }

    /// A replica that a leader has named does not serve us: the leaders have to, for a while.
    fn read_from_leaders(&mut self, now: Instant) {
        self.rackless_until = Some(now + RACKLESS);
    }

    /// Whether brokers are told our rack.
    fn has_rack(&self, now: Instant) -> bool {
        self.rackless_until.is_none_or(|at| at <= now)
    }

    /// Asks nothing for a claim before this time.
    pub fn wait_until(&mut self, claim: ClaimId, at: Instant) {
        if let Some(mut reading) = self.readings.change(claim) {
            reading.not_before = Some(at);
        }
    }

    /// Stops fetching for a claim, or goes on; what is buffered stays.
    pub fn pause(&mut self, claim: ClaimId, paused: bool) {
        if let Some(mut reading) = self.readings.change(claim) {
            reading.paused = paused;
        }
    }

    /// What is decoded for a claim may not go to the user before something is acknowledged.
    pub fn hold_back(&mut self, claim: ClaimId) {
        if let Some(mut reading) = self.readings.change(claim) {
            reading.held_back = true;
        }
    }

    /// Something was acknowledged: what was held back for that may go to the user.
    pub fn acknowledged(&mut self, claim: ClaimId, channel: ChannelId) {
        if let Some(mut reading) = self.readings.change(claim) {
            reading.held_back = false;
        }
        self.readings.stir(channel);
    }

    /// The offset after the last replicated record of each partition that is read.
    pub fn high_watermarks(&self) -> impl Iterator<Item = (&Arc<str>, i32, i64)> {
        self.readings
            .values()
            .filter_map(|r| Some((&r.topic, r.partition, r.high_watermark?)))
    }

    /// The cluster was described anew. A partition that stays without a leader is reported.
    pub fn leaders_changed(&mut self, now: Instant, cluster: &Cluster) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let loud = self.settings.quiet_retries.saturating_add(1);
        let mut doubts = false;
        let is_silent = |(_, work): &(_, &Loop)| work.is_silent(now);
        let silent = self.loops.iter().filter(is_silent);
        let silent: Vec<_> = silent.map(|(broker, _)| broker).collect();
        self.readings.change_all(|reading| {
            reading.find_leader(cluster, &silent);
            doubts |= matches!(reading.aim, Aim::Doubt(_));
            let Err(error) = cluster.leader(&reading.topic, reading.partition) else {
                reading.leaderless = 0;
                return;
            };
            reading.leaderless += 1;
            if reading.leaderless == loud {
                outcomes.push(Outcome::Report(reading.claim, error.doing("fetch")));
            }
        });
        for (broker, work) in &self.loops {
            for asked in work.questions() {
                for claim in &asked.claims {
                    if let Some(mut reading) = self.readings.change_asked(*claim, asked.token) {
                        reading.turn_from(broker);
                    }
                }
            }
        }
        let known = |b: &Broker| b.id.is_none_or(|id| cluster.broker(id) == Some(b));
        self.loops
            .retain(|broker, work| work.is_busy() || known(broker));
        if doubts {
            outcomes.push(Outcome::StaleMetadata);
        }
        outcomes
    }

    /// Bytes of a claim have left the user's channel.
    pub fn taken(&mut self, claim: ClaimId, bytes: usize) -> Option<Outcome> {
        self.budget.drop_decoded(bytes);
        self.readings.change(claim)?.delivered -= bytes;
        self.end_if_taken(claim)
    }

    /// Ends the reading of a claim at an offset that the log does not have, once nothing that was read
    /// before is left.
    fn end_if_taken(&mut self, claim: ClaimId) -> Option<Outcome> {
        let mut reading = self.readings.change(claim)?;
        let Aim::End(offset) = reading.aim else {
            return None;
        };
        if reading.buffer.bytes() + reading.delivered > 0 {
            return None;
        }
        reading.aim = Aim::Rest;
        let error = reading.error(ErrorCode::OFFSET_OUT_OF_RANGE, "fetch");
        let error = error.at_api(ApiKey::Fetch);
        let error = match &reading.leader {
            Some((leader, _)) => error.at_broker(leader),
            None => error,
        };
        Some(Outcome::OutOfRange {
            claim,
            offset,
            error,
        })
    }

    /// Whether something waits for the user to make room.
    pub fn wants_room(&self) -> bool {
        self.readings.wait_for_user()
            || (!self.readings.is_empty() && self.budget.free() < self.budget.limit() / 2)
    }

    /// Bytes buffered, those in the user's channels included.
    pub fn buffered(&self) -> usize {
        self.budget.held()
    }

    /// Whether no broker has more than was read, as far as they have said.
    pub fn is_caught_up(&self) -> bool {
        // Those that nobody reads from any more do not count.
        let sources = self.readings.sources();
        let mut loops = self.loops.iter();
        loops.all(|(broker, work)| work.brought != Brought::Part || !sources.contains_key(broker))
    }

    /// When a wait ends after which there may be something to ask.
    pub fn deadline(&self) -> Option<Instant> {
        let loops = self.loops.values().filter_map(Loop::deadline);
        self.readings.deadline().into_iter().chain(loops).min()
    }

    /// Waits that are over need not be waited for again.
    pub fn expire(&mut self, now: Instant) {
        self.readings.expire(now);
        for work in self.loops.values_mut() {
            work.not_before = work.not_before.filter(|at| *at > now);
        }
    }
}

impl Loop {
    fn new() -> Self {
        Self {
            fetch: None,
            grant: None,
            brought: Brought::Nothing,
            is_bounded: false,
            grant_is_due: false,
            turn: 0,
            lookup: None,
            failures: Failures::new(Backoff::new(FIRST_BROKER_BACKOFF, LONGEST_BROKER_BACKOFF)),
            silent_at: None,
            not_before: None,
            took: Duration::ZERO,
            portion: Portion::default(),
            fruitless: 0,
            suspects: Suspects::default(),
        }
    }

    fn is_waiting_for(&self, token: Token) -> bool {
        let granted = self.grant.iter().map(Grant::token);
        self.questions()
            .map(|asked| asked.token)
            .chain(granted)
            .any(|of| of == token)
    }

    fn is_busy(&self) -> bool {
        self.fetch.is_some() || self.lookup.is_some()
    }

    fn deadline(&self) -> Option<Instant> {
        let wait = self.not_before.filter(|_| self.fetch.is_none());
        let late = self.questions().map(|asked| asked.late.at);
        late.chain(wait).min()
    }

    fn questions(&self) -> impl Iterator<Item = &Question> {
        [&self.fetch, &self.lookup].into_iter().flatten()
    }
}

impl Question {
    /// How long it has been on its way, besides what the broker was allowed to wait.
    fn overtime(&self, now: Instant) -> Duration {
        (now - self.at).saturating_sub(self.max_wait)
    }
}
