//! What to ask of which broker.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Aim, Asked, Fetcher, Loop, Reading};
use crate::{
    call::{Broker, Call, Lane, Target, Token, fetch},
    core::{ClaimId, Tokens, cluster::Cluster},
};

/// The shortest long poll, asked for where a claim is about to have room again.
const SHORTEST_POLL: Duration = Duration::from_millis(1);
/// A request for fewer bytes than this costs more than it brings.
const SMALLEST_REQUEST: usize = 64 * 1024;

/// What could be asked of one broker.
#[derive(Default)]
struct Wish {
    claims: Vec<ClaimId>,
    bytes: usize,
    /// The soonest that a claim without credit expects to have some.
    room_in: Option<Duration>,
}

impl Fetcher {
    /// The next fetch that can go out.
    pub fn poll_fetch(
        &mut self,
        now: Instant,
        cluster: &Cluster,
        tokens: &mut Tokens,
    ) -> Option<(Target, Token, Call, Duration)> {
        let wishes = self.wishes(now);
        // What is free is shared by the brokers that could be asked now.
        let quota = self.budget.free() / wishes.len().max(1);
        let smallest = SMALLEST_REQUEST.min(self.budget.limit() / (2 * wishes.len().max(1)));
        let (broker, wish, bytes) = wishes.into_iter().find_map(|(broker, wish)| {
            let bytes = wish.bytes.min(self.settings.max_bytes).min(quota);
            // A batch larger than the whole budget passes alone.
            let bytes = if self.budget.is_unused() {
                bytes.max(1)
            } else {
                bytes
            };
            (bytes >= smallest.min(wish.bytes) && bytes > 0).then_some((broker, wish, bytes))
        })?;
        Some(self.ask(now, broker, wish, bytes, cluster, tokens))
    }

    /// The claims that have credit, by the broker to ask, for the brokers that are free.
    fn wishes(&self, now: Instant) -> BTreeMap<Broker, Wish> {
        let mut wishes: BTreeMap<Broker, Wish> = BTreeMap::new();
        if self.loops.values().all(|l| l.fetch.is_some())
            && self
                .readings
                .values()
                .all(|r| r.source().is_none_or(|b| self.loops.contains_key(b)))
        {
            return wishes;
        }
        let share = self.share();
        for reading in self.readings.values() {
            let Aim::Read(_) = reading.aim else { continue };
            let Some(broker) = reading.source() else {
                continue;
            };
            if reading.paused || !reading.is_due(now) || !self.is_free(broker, now) {
                continue;
            }
            let wish = wishes.entry(broker.clone()).or_default();
            match self.credit(reading, share) {
                Some(bytes) => {
                    wish.claims.push(reading.claim);
                    wish.bytes += bytes;
                }
                None => {
                    let room_in = reading.buffer.room_in(now);
                    wish.room_in = wish.room_in.into_iter().chain(room_in).min();
                }
            }
        }
        wishes.retain(|_, wish| !wish.claims.is_empty());
        for wish in wishes.values_mut() {
            wish.claims
                .sort_by_key(|claim| self.turns.asked.get(claim).copied().unwrap_or(0));
        }
        wishes
    }

    /// How much of the budget one claim may hold.
    pub(super) fn share(&self) -> usize {
        self.budget.limit() / self.readings.len().max(1)
    }

    fn is_free(&self, broker: &Broker, now: Instant) -> bool {
        self.loops
            .get(broker)
            .is_none_or(|l| l.fetch.is_none() && l.not_before.is_none_or(|at| at <= now))
    }

    /// How many bytes may be asked for; `None` while enough is buffered.
    fn credit(&self, reading: &Reading, share: usize) -> Option<usize> {
        let unread = reading.buffer.bytes();
        let held = unread + self.delivered.get(&reading.claim).copied().unwrap_or(0);
        if held == 0 {
            // Whatever the shares: one fetch must be able to hold the next record.
            return Some(reading.fetch_size);
        }
        if unread >= 2 * reading.fetch_size || held >= share {
            return None;
        }
        Some(reading.fetch_size.min(share - held).max(1))
    }

    fn ask(
        &mut self,
        now: Instant,
        broker: Broker,
        wish: Wish,
        bytes: usize,
        cluster: &Cluster,
        tokens: &mut Tokens,
    ) -> (Target, Token, Call, Duration) {
        let share = self.share();
        let max_wait = match wish.room_in {
            Some(soon) => soon.clamp(SHORTEST_POLL, self.settings.max_wait.max(SHORTEST_POLL)),
            None => self.settings.max_wait,
        };
        let mut asked = Vec::with_capacity(wish.claims.len());
        let mut partitions = Vec::with_capacity(wish.claims.len());
        for claim in wish.claims {
            let credit = self.credit(&self.readings[&claim], share);
            let reading = self
                .readings
                .get_mut(&claim)
                .expect("wishes are made of readings");
            let (Aim::Read(offset), Some(credit)) = (reading.aim, credit) else {
                unreachable!("only claims that read and have credit are wished for")
            };
            reading.asked = true;
            reading.not_before = None;
            asked.push((claim, reading.epoch));
            partitions.push(fetch::Partition {
                topic: reading.topic.to_string(),
                topic_id: cluster.topic_id(&reading.topic),
                partition: reading.partition,
                leader_epoch: reading.leader.as_ref().and_then(|(_, epoch)| *epoch),
                offset,
                max_bytes: as_i32(credit),
            });
        }
        let token = tokens.fresh();
        self.budget.reserve(bytes);
        let work = self.loops.entry(broker.clone()).or_insert_with(Loop::new);
        work.not_before = None;
        work.fetch = Some(Asked {
            token,
            at: now,
            max_wait,
            reserved: bytes,
            claims: asked,
        });
        let ask = fetch::Ask {
            max_wait_ms: as_i32(max_wait.as_millis() as usize),
            min_bytes: as_i32(self.settings.min_bytes),
            max_bytes: as_i32(bytes),
            read_committed: self.settings.read_committed,
            rack_id: self.settings.rack_id.clone(),
            partitions,
        };
        let target = Target {
            broker,
            lane: Lane::Fetch,
        };
        (
            target,
            token,
            Call::Fetch(ask),
            max_wait + self.settings.read_timeout,
        )
    }
}

fn as_i32(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
