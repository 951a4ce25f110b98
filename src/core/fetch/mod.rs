//! Reading the partitions: where each claim is, what to ask of which broker, what came, what goes to
//! the user.
//!
//! One request at a time is on its way to each broker. A claim takes part in it while it has credit:
//! while what is buffered for it is less than two fetches and less than its share of the budget. So a
//! claim whose reader stands still costs the others nothing.

mod answer;
mod budget;
mod deliver;
mod lookup;
mod plan;
mod reading;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

pub use deliver::{Decoded, Job};

use self::{
    budget::Budget,
    reading::{Aim, Buffer, Reading},
};
use crate::{
    call::{Broker, Token, list_offsets::At},
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
    /// The offset after the last replicated record.
    HighWatermark(ClaimId, i64),
}

/// Reads the partitions of all claims.
#[derive(Debug)]
pub struct Fetcher {
    settings: Settings,
    readings: BTreeMap<ClaimId, Reading>,
    loops: BTreeMap<Broker, Loop>,
    budget: Budget,
    /// Bytes of each claim in the user's channels.
    delivered: BTreeMap<ClaimId, usize>,
    /// Counts the turns at being asked for and at being decoded or delivered, for fairness.
    turns: Turns,
    rng: fastrand::Rng,
}

/// The work with one broker.
#[derive(Debug)]
struct Loop {
    fetch: Option<Asked>,
    lookup: Option<Asked>,
    retry: Backoff,
    not_before: Option<Instant>,
    /// Answers in a row that came early and brought nothing.
    fruitless: u32,
}

/// A request on its way.
#[derive(Debug)]
struct Asked {
    token: Token,
    at: Instant,
    max_wait: Duration,
    reserved: usize,
    /// The claims asked for, each with its epoch at that time.
    claims: Vec<(ClaimId, u32)>,
}

/// Round robin over claims: who was served longest ago comes first.
#[derive(Debug, Default)]
struct Turns {
    asked: BTreeMap<ClaimId, u64>,
    decoded: Option<ClaimId>,
    pushed: Option<ClaimId>,
    counter: u64,
}

/// The longest wait between two requests to a broker that fails.
const LONGEST_BROKER_BACKOFF: Duration = Duration::from_secs(2);
/// The first one.
const FIRST_BROKER_BACKOFF: Duration = Duration::from_millis(50);

impl Fetcher {
    /// Reads nothing yet.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            budget: Budget::new(settings.budget),
            settings,
            readings: BTreeMap::new(),
            loops: BTreeMap::new(),
            delivered: BTreeMap::new(),
            turns: Turns::default(),
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
        self.insert(
            claim,
            ChannelId::Of(claim),
            topic,
            partition,
            Aim::Lookup(at),
            cluster,
        );
    }

    /// Reads for a claim, from this offset on.
    pub fn read(
        &mut self,
        claim: ClaimId,
        channel: ChannelId,
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
        channel: ChannelId,
        topic: &Arc<str>,
        partition: i32,
        aim: Aim,
        cluster: &Cluster,
    ) {
        let mut reading = Reading {
            claim,
            channel,
            topic: Arc::clone(topic),
            partition,
            delivered_to: if let Aim::Read(offset) = aim {
                offset
            } else {
                0
            },
            aim,
            epoch: 0,
            asked: false,
            not_before: None,
            retry: Backoff::of(&self.settings.retry),
            leader: None,
            follower: None,
            leaderless: 0,
            fetch_size: self.settings.default_bytes,
            paused: false,
            high_watermark: None,
            buffer: Buffer::default(),
        };
        reading.find_leader(cluster);
        // A claim that was looked up and now reads must not be answered by its former self.
        if let Some(old) = self.readings.remove(&claim) {
            reading.epoch = old.epoch + 1;
            self.forget(old);
        }
        self.readings.insert(claim, reading);
    }

    /// Stops reading for a claim and drops what is buffered, but for what is in the user's channel.
    pub fn remove(&mut self, claim: ClaimId) {
        if let Some(reading) = self.readings.remove(&claim) {
            self.forget(reading);
        }
        self.turns.asked.remove(&claim);
    }

    fn forget(&mut self, mut reading: Reading) {
        self.budget.release(reading.buffer.drop_all());
    }

    /// Stops fetching for a claim, or goes on; what is buffered stays.
    pub fn pause(&mut self, claim: ClaimId, paused: bool) {
        if let Some(reading) = self.readings.get_mut(&claim) {
            reading.paused = paused;
        }
    }

    /// The offset after the last replicated record of each partition that is read.
    pub fn high_watermarks(&self) -> impl Iterator<Item = (&Arc<str>, i32, i64)> {
        self.readings
            .values()
            .filter_map(|r| Some((&r.topic, r.partition, r.high_watermark?)))
    }

    /// The cluster was described anew. A partition that stays without a leader is reported.
    pub fn leaders_changed(&mut self, cluster: &Cluster) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for reading in self.readings.values_mut() {
            reading.find_leader(cluster);
            let Err(error) = cluster.leader(&reading.topic, reading.partition) else {
                reading.leaderless = 0;
                continue;
            };
            reading.leaderless += 1;
            if reading.leaderless == self.settings.quiet_retries + 1 {
                outcomes.push(Outcome::Report(reading.claim, error.doing("fetch")));
            }
        }
        let known = |b: &Broker| b.id.is_none_or(|id| cluster.broker(id) == Some(b));
        self.loops
            .retain(|broker, work| work.is_busy() || known(broker));
        outcomes
    }

    /// Bytes of a claim have left the user's channel.
    pub fn taken(&mut self, claim: ClaimId, bytes: usize) -> Option<Outcome> {
        self.budget.release(bytes);
        if let Some(left) = self.delivered.get_mut(&claim) {
            *left -= bytes;
            if *left == 0 {
                self.delivered.remove(&claim);
            }
        }
        self.end_if_taken(claim)
    }

    /// Ends the reading of a claim at an offset that the log does not have, once nothing that was read
    /// before is left.
    fn end_if_taken(&mut self, claim: ClaimId) -> Option<Outcome> {
        let reading = self.readings.get_mut(&claim)?;
        let Aim::End(offset) = reading.aim else {
            return None;
        };
        if reading.buffer.bytes() > 0 || self.delivered.contains_key(&claim) {
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
        let waits = |r: &Reading| r.buffer.bytes() > 0 || matches!(r.aim, Aim::End(_));
        let share = self.share();
        self.readings.values().any(waits)
            || self.delivered.values().any(|bytes| *bytes >= share)
            || (!self.readings.is_empty() && self.budget.free() < self.budget.limit() / 2)
    }

    /// Bytes buffered, those in the user's channels included.
    pub fn buffered(&self) -> usize {
        self.budget.charged()
    }

    /// When a wait ends after which there may be something to ask.
    pub fn deadline(&self) -> Option<Instant> {
        let readings = self
            .readings
            .values()
            .filter(|r| !r.asked && !r.paused)
            .filter_map(|r| r.not_before);
        let loops = self
            .loops
            .values()
            .filter(|l| l.fetch.is_none())
            .filter_map(|l| l.not_before);
        readings.chain(loops).min()
    }

    /// Waits that are over need not be waited for again.
    pub fn expire(&mut self, now: Instant) {
        for reading in self.readings.values_mut() {
            reading.not_before = reading.not_before.filter(|at| *at > now);
        }
        for work in self.loops.values_mut() {
            work.not_before = work.not_before.filter(|at| *at > now);
        }
    }
}

impl Loop {
    fn new() -> Self {
        Self {
            fetch: None,
            lookup: None,
            retry: Backoff::new(FIRST_BROKER_BACKOFF, LONGEST_BROKER_BACKOFF),
            not_before: None,
            fruitless: 0,
        }
    }

    fn is_waiting_for(&self, token: Token) -> bool {
        [&self.fetch, &self.lookup]
            .into_iter()
            .flatten()
            .any(|asked| asked.token == token)
    }

    fn is_busy(&self) -> bool {
        self.fetch.is_some() || self.lookup.is_some()
    }
}

impl Reading {
    fn find_leader(&mut self, cluster: &Cluster) {
        let leader = cluster
            .leader(&self.topic, self.partition)
            .ok()
            .map(|l| (l.broker, l.epoch));
        if leader != self.leader {
            // The new leader names its own followers, and speaks for its own log.
            self.follower = None;
            self.leader = leader;
            if let Aim::End(offset) = self.aim {
                self.aim = Aim::Read(offset);
            }
        }
    }

    /// Whom to read from.
    fn source(&self) -> Option<&Broker> {
        self.follower
            .as_ref()
            .or(self.leader.as_ref().map(|(broker, _)| broker))
    }

    /// The next offset to read; 0 while that is not known.
    fn position(&self) -> i64 {
        match self.aim {
            Aim::Read(offset) | Aim::End(offset) => offset,
            Aim::Lookup(_) | Aim::Rest => 0,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        !self.asked && self.not_before.is_none_or(|at| at <= now)
    }

    /// A failure: wait, and tell the user where it does not heal quickly by itself.
    fn fail(&mut self, now: Instant, rng: &mut fastrand::Rng) {
        self.not_before = Some(self.retry.next(now, rng));
    }

    /// What is on its way or being decoded has become worthless.
    fn bump(&mut self) {
        self.epoch += 1;
    }

    fn error(&self, code: ErrorCode, context: &'static str) -> Error {
        Error::broker_code(code, context).at_partition(&self.topic, self.partition)
    }
}
