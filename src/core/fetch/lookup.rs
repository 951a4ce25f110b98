//! Looking up offsets: the oldest, the newest.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Aim, Fetcher, Late, Loop, Outcome, Question};
use crate::{
    call::{Broker, Call, Lane, Target, Token, Unfit, list_offsets},
    core::{
        ByPartition, ClaimId, Tokens,
        reaction::{Reaction, has_to_be_mended, reaction},
    },
    error::{Error, ErrorKind, Result},
    protocol::{ApiKey, ErrorCode},
};

impl Fetcher {
    /// The next look-up that can go out.
    pub fn poll_lookup(
        &mut self,
        now: Instant,
        tokens: &mut Tokens,
    ) -> Option<(Target, Token, Call, Duration)> {
        let mut wishes: BTreeMap<Broker, Vec<ClaimId>> = BTreeMap::new();
        self.readings.expire(now);
        for reading in self.readings.lookups() {
            let Some((broker, _)) = &reading.leader else {
                continue;
            };
            if self.loops.get(broker).is_none_or(|l| l.lookup.is_none()) {
                wishes
                    .entry(broker.clone())
                    .or_default()
                    .push(reading.claim);
            }
        }
        let (broker, claims) = wishes.pop_first()?;
        let token = tokens.fresh();
        let mut partitions = Vec::with_capacity(claims.len());
        for claim in &claims {
            let mut reading = self
                .readings
                .change(*claim)
                .expect("wishes are made of readings");
            let Aim::Lookup(at) = reading.aim else {
                unreachable!("only look-ups are wished for")
            };
            reading.ask(token);
            partitions.push(list_offsets::Partition {
                topic: reading.topic.to_string(),
                partition: reading.partition,
                leader_epoch: reading.tell_epoch(),
                at,
            });
        }
        let work = self.loops.entry(broker.clone()).or_insert_with(Loop::new);
        work.lookup = Some(Question {
            token,
            at: now,
            max_wait: Duration::ZERO,
            late: Late::after(now, Duration::ZERO, Duration::ZERO),
            reserved: 0,
            partitions: claims.len(),
            credit: 0,
            claims,
            has_rack: false,
        });
        let ask = list_offsets::Ask {
            read_committed: self.settings.read_committed,
            partitions,
        };
        let target = Target {
            broker,
            lane: Lane::Control,
        };
        Some((
            target,
            token,
            Call::ListOffsets(ask),
            self.settings.read_timeout,
        ))
    }

    pub(super) fn looked_up(
        &mut self,
        now: Instant,
        broker: &Broker,
        asked: Question,
        result: Result<list_offsets::Answer>,
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let (listed, failure) = match result {
            Ok(answer) => (answer.partitions, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let mut listed = ByPartition::new(listed);
        for claim in asked.claims {
            let Some(mut reading) = self.readings.change_asked(claim, asked.token) else {
                continue;
            };
            reading.end_request();
            match (listed.take(&reading.topic, reading.partition), &failure) {
                (Some(l), _) if l.error == ErrorCode::NONE && l.offset.is_some_and(|o| o >= 0) => {
                    reading.failures.forget();
                    reading.aim = Aim::Rest;
                    outcomes.extend(l.offset.map(|offset| Outcome::Resolved { claim, offset }));
                }
                (Some(l), _) if l.error != ErrorCode::NONE => {
                    drop(reading);
                    self.refused(now, claim, ApiKey::ListOffsets, l.error, &mut outcomes);
                }
                (_, Some(error)) => {
                    let error = error
                        .clone()
                        .at_partition(&reading.topic, reading.partition);
                    let loud = *error.kind() == ErrorKind::Protocol || has_to_be_mended(&error);
                    drop(reading);
                    self.retry_later(now, claim, error, loud, &mut outcomes);
                    outcomes.push(Outcome::StaleMetadata);
                }
                (told, None) => {
                    let missing =
                        told.map_or(Unfit::NO_PARTITION, |_| Unfit::Missing("the offset"));
                    let error = Error::new(ErrorKind::Protocol, "list offsets")
                        .because(missing)
                        .at_api(ApiKey::ListOffsets)
                        .at_broker(broker)
                        .at_partition(&reading.topic, reading.partition);
                    drop(reading);
                    self.retry_later(now, claim, error, true, &mut outcomes);
                }
            }
        }
        outcomes
    }

    /// A broker refused one partition: what the table of reactions says.
    pub(super) fn refused(
        &mut self,
        now: Instant,
        claim: ClaimId,
        api: ApiKey,
        code: ErrorCode,
        outcomes: &mut Vec<Outcome>,
    ) {
        let context = if api == ApiKey::Fetch {
            "fetch"
        } else {
            "list offsets"
        };
        let error = self.reading(claim).error(code, context).at_api(api);
        if code == ErrorCode::FENCED_LEADER_EPOCH
            && let Some(mut reading) = self.readings.change(claim)
        {
            reading.epoch_refused();
        }
        match reaction(api, code) {
            Reaction::RefreshMetadata => {
                outcomes.push(Outcome::StaleMetadata);
                self.retry_later(now, claim, error, false, outcomes);
            }
            Reaction::Retry => self.retry_later(now, claim, error, false, outcomes),
            _ => self.retry_later(now, claim, error, true, outcomes),
        }
    }

    /// The claim waits before it is asked for again. What does not heal by itself is said at the
    /// first failure, the rest when it lasts; and then again ever more rarely.
    pub(super) fn retry_later(
        &mut self,
        now: Instant,
        claim: ClaimId,
        error: Error,
        loud: bool,
        outcomes: &mut Vec<Outcome>,
    ) {
        let reading = self.readings.change(claim);
        if reading.is_some_and(|mut reading| reading.follower.take().is_some()) {
            // The leader may have what it lacks, or a sound copy.
            self.read_from_leaders(now);
        }
        let Some(mut reading) = self.readings.change(claim) else {
            return;
        };
        reading.fail(now, &mut self.rng);
        let quiet = if loud { 0 } else { self.settings.quiet_retries };
        let failed = reading.failures.count();
        if self.settings.retry_max.is_some_and(|most| failed > most) {
            reading.aim = Aim::Rest;
            outcomes.push(Outcome::Report(claim, error));
            return;
        }
        if reading.failures.is_told(&error, quiet) {
            outcomes.push(Outcome::Report(claim, error));
        }
    }
}
