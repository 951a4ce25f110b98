//! What to ask of which broker.

use std::time::{Duration, Instant};

use super::{Aim, Brought, Fetcher, Late, Loop, Question, portion, readings::Source};
use crate::{
    call::{Broker, Call, Lane, Target, Token, fetch},
    core::{ClaimId, Tokens, cluster::Cluster},
};

/// The shortest long poll, asked for where a claim is about to have room again.
const SHORTEST_POLL: Duration = Duration::from_millis(1);
/// A request for fewer bytes than this costs more than it brings.
pub(super) const SMALLEST_REQUEST: usize = 64 * 1024;
/// No answer takes more of the budget than one in so many parts: while it comes, which may take long, there is
/// room for what users read meanwhile.
const ANSWERS: usize = 4;

/// How long a broker may wait that is asked beyond the budget.
const SCANT_POLL: Duration = Duration::from_millis(50);

/// For which of its claims a broker is asked.
#[derive(Debug, Clone, Copy)]
enum Scope {
    /// For all that have credit, and so many bytes.
    All(usize),
    /// For those whose readers have nothing, so many bytes at the most: the budget is used up.
    Dry(usize),
}

impl Fetcher {
    /// The next fetch that can go out.
    pub fn poll_fetch(
        &mut self,
        now: Instant,
        cluster: &Cluster,
        tokens: &mut Tokens,
    ) -> Option<(Target, Token, Call, Duration)> {
        self.readings.settle();
        self.readings.expire(now);
        let sources = self.readings.sources();
        let askable = |(broker, source): &(&Broker, &Source)| {
            !source.credited.is_empty() && self.is_free(broker, now)
        };
        let mut askable: Vec<_> = sources.iter().filter(askable).collect();
        // Who was asked longest ago comes first: what is free may not be enough for all.
        askable.sort_by_key(|(broker, _)| self.loops.get(*broker).map_or(0, |work| work.turn));
        // What is free is shared by the brokers that could be asked now. A share of all of them is
        // enough, for the others may have theirs for as long as their logs are silent.
        let quota = self.budget.free() / askable.len().max(1);
        let largest = self.largest_request();
        let smallest = SMALLEST_REQUEST
            .min(self.budget.limit() / (2 * sources.len().max(1)))
            .min(largest);
        let ample = askable.iter().find_map(|(broker, source)| {
            let bytes = source.bytes.min(largest).min(quota);
            // A batch larger than the whole budget passes alone.
            let bytes = if self.budget.is_unused() {
                bytes.max(1)
            } else {
                bytes
            };
            let is_worth = bytes >= smallest.min(source.bytes) && bytes > 0;
            is_worth.then(|| ((*broker).clone(), Scope::All(bytes)))
        });
        // What others hold may stay for ever.
        let scant = || {
            if !self.readings.readers_may_have_nothing() {
                return None;
            }
            let found = askable.iter().find(|(_, source)| !source.dry.is_empty());
            found.map(|(broker, _)| ((*broker).clone(), Scope::Dry(largest)))
        };
        let (broker, scope) = ample.or_else(scant)?;
        Some(self.ask(now, broker, scope, cluster, tokens))
    }

    /// The most bytes of one answer.
    pub(super) fn largest_request(&self) -> usize {
        let portion = self.budget.limit() / ANSWERS;
        portion
            .max(self.settings.default_bytes)
            .min(self.settings.max_bytes)
    }

    fn is_free(&self, broker: &Broker, now: Instant) -> bool {
        self.loops
            .get(broker)
            .is_none_or(|l| l.fetch.is_none() && l.not_before.is_none_or(|at| at <= now))
    }

    /// How long the broker may wait: not as long where a claim that is left out for lack of room is
    /// about to have some.
    fn max_wait(&self, now: Instant, source: &Source) -> Duration {
        let starved = source.starved.iter();
        let soonest = starved
            .filter_map(|claim| self.readings.get(*claim)?.room_in(now))
            .min();
        let longest = self.settings.max_wait;
        soonest.map_or(longest, |soon| {
            soon.clamp(SHORTEST_POLL, longest.max(SHORTEST_POLL))
        })
    }

    fn ask(
        &mut self,
        now: Instant,
        broker: Broker,
        scope: Scope,
        cluster: &Cluster,
        tokens: &mut Tokens,
    ) -> (Target, Token, Call, Duration) {
        let source = &self.readings.sources()[&broker];
        let mut max_wait = self.max_wait(now, source);
        let mut bytes;
        let mut credited: Vec<(ClaimId, usize)>;
        match scope {
            Scope::All(most) => {
                let all = source.credited.iter();
                credited = all.map(|((_, claim), credit)| (*claim, *credit)).collect();
                bytes = most;
            }
            Scope::Dry(most) => {
                let dry = source.dry.iter().filter_map(|(_, claim)| {
                    let reading = self.readings.get(*claim)?;
                    Some((*claim, reading.least()))
                });
                credited = dry.collect();
                bytes = credited.iter().map(|(_, credit)| credit).sum();
                bytes = bytes.min(most);
                // There may be room for the others soon.
                max_wait = max_wait.min(SCANT_POLL);
            }
        }
        if let Some(work) = self.loops.get_mut(&broker)
            && work.suspects.choose(&mut credited)
        {
            // The others wait for it.
            max_wait = SHORTEST_POLL;
            bytes = bytes.min(credited.iter().map(|(_, credit)| credit).sum());
        }
        let sum_of_credits = credited.iter().map(|(_, credit)| credit).sum();
        // Many logs are silent, mostly: as long as there is much room, who has something new is served by more than
        // a share. Where only the limits of the partitions count, all of them could have that at once.
        let work = self.loops.get(&broker);
        let is_bounded = work.is_some_and(|work| work.is_bounded);
        let has_room = self.budget.free() >= self.budget.limit() / 2;
        if is_bounded && has_room && matches!(scope, Scope::All(_)) {
            for (claim, credit) in &mut credited {
                let reading = self.readings.get(*claim);
                *credit = reading.map_or(*credit, |r| r.ample(*credit));
            }
        }
        if let Some(limit) = work.and_then(|work| work.portion.limit()) {
            bytes = bytes.min(self.cut(&mut credited, limit, is_bounded));
        }
        let token = tokens.fresh();
        let mut claims = Vec::with_capacity(credited.len());
        let mut partitions = Vec::with_capacity(credited.len());
        for (claim, credit) in credited {
            let mut reading = self
                .readings
                .change(claim)
                .expect("who stands in a line is there");
            let Aim::Read(offset) = reading.aim else {
                unreachable!("only claims that read stand in the line of a source")
            };
            reading.ask(token);
            reading.asked_for = credit;
            claims.push(claim);
            partitions.push(fetch::Partition {
                topic: reading.topic.to_string(),
                topic_id: cluster.topic_id(&reading.topic),
                partition: reading.partition,
                leader_epoch: reading.tell_epoch(),
                offset,
                max_bytes: as_i32(credit),
            });
        }
        self.budget.reserve(bytes);
        let has_rack = self.has_rack(now);
        let work = self.loops.entry(broker.clone()).or_insert_with(Loop::new);
        let late = Late::after(now, max_wait, work.took);
        work.turn = token.0;
        work.not_before = None;
        work.fetch = Some(Question {
            token,
            at: now,
            max_wait,
            late,
            reserved: bytes,
            partitions: claims.len(),
            credit: sum_of_credits,
            claims,
            has_rack,
        });
        work.grant_is_due = work.brought == Brought::Ends;
        let ask = fetch::Ask {
            max_wait_ms: as_i32(max_wait.as_millis() as usize),
            min_bytes: as_i32(self.enough(&partitions, bytes)),
            max_bytes: as_i32(bytes),
            read_committed: self.settings.read_committed,
            rack_id: match has_rack {
                true => self.settings.rack_id.clone(),
                false => String::new(),
            },
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

    /// How many bytes a broker may wait for. More than can come it would wait for in vain; and where there is less room than
    /// usual for one of the partitions, that one may be the only one that has something.
    fn enough(&self, partitions: &[fetch::Partition], bytes: usize) -> usize {
        let credits = partitions.iter().map(|asked| asked.max_bytes as usize);
        let least = credits.clone().min().unwrap_or_default();
        let most = match least < self.settings.default_bytes {
            true => least,
            false => credits.sum(),
        };
        self.settings.min_bytes.min(most).min(bytes)
    }

    /// Cuts down what is asked for to so many bytes, but not below a batch where the broker would send none of it. Returns
    /// the bytes of the answer.
    fn cut(&self, credited: &mut [(ClaimId, usize)], limit: usize, is_bounded: bool) -> usize {
        let of_each = match is_bounded {
            true => limit,
            false => (limit / credited.len().max(1)).max(portion::LEAST),
        };
        for (claim, credit) in &mut *credited {
            let batch = self
                .readings
                .get(*claim)
                .map_or(0, |reading| match is_bounded {
                    // It gives one batch at least.
                    true => reading.needs,
                    false => reading.next_batch(),
                });
            *credit = (*credit).min(of_each.max(batch));
        }
        let credits = credited.iter().map(|(_, credit)| *credit);
        match is_bounded {
            true => credits.fold(limit, usize::max),
            false => credits.sum(),
        }
    }
}

pub(super) fn as_i32(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
