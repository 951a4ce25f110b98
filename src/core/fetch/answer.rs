//! What came from a broker.

use std::time::{Duration, Instant};

use super::{
    Aim, Brought, Fetcher, Outcome, Question, Reading,
    late::says_nothing,
    reading::{Doubt, Follower},
};
use crate::{
    call::{Answer, Broker, Token, Unfit, fetch},
    core::{
        ByPartition, ClaimId,
        cluster::Cluster,
        reaction::{Reaction, has_to_be_mended, reaction},
    },
    error::{Error, ErrorKind, Result},
    protocol::{ApiKey, ErrorCode},
    record::{self, Decoded, Decompressor, Limits, transactions::AbortedTransactions},
};

/// A control batch holds one record of a few bytes; more is no marker.
const MARKER: Limits = Limits {
    batch_bytes: 1024,
    decoded_bytes: 1024,
    block_records: 1,
};

/// A quota that is used up is full again after some seconds; a broker that asks for more time than this is not heard.
const LONGEST_PUT_OFF: Duration = Duration::from_secs(60);

/// So many early answers in a row without anything in them are let pass before the pace is slowed.
const FRUITLESS: u32 = 8;

impl Fetcher {
    /// Whether this names a request of its own that is on its way.
    pub fn is_waiting_for(&self, token: Token) -> bool {
        self.loops.values().any(|l| l.is_waiting_for(token))
    }

    /// Takes in the answer to a request of its own.
    pub fn answer(
        &mut self,
        now: Instant,
        token: Token,
        result: Result<Answer>,
        cluster: &Cluster,
    ) -> Vec<Outcome> {
        let found = self.loops.iter_mut().find(|(_, l)| l.is_waiting_for(token));
        let (broker, work) = found.expect("the caller has asked whether it is waited for");
        let broker = broker.clone();
        if let Some(asked) = work.lookup.take_if(|a| a.token == token) {
            return self.looked_up(now, &broker, asked, result.map(Answer::into_list_offsets));
        }
        if let Some(grant) = work.grant.take_if(|grant| grant.token() == token) {
            // Whatever became of it, it has not gone on from an answer.
            self.revoke(Some(grant));
            return Vec::new();
        }
        let asked = work.fetch.take().expect("it is one of the three");
        let grant = work.grant.take();
        work.brought = Brought::Nothing;
        self.budget.unreserve(asked.reserved);
        let mut answer = match result.map(Answer::into_fetch) {
            Ok(answer) => answer,
            Err(error) => {
                self.revoke(grant);
                return self.fetch_failed(now, &broker, asked, &error);
            }
        };
        work.is_bounded = answer.is_bounded;
        work.took = asked.overtime(now);
        let Some(ends) = answer.ends.take() else {
            self.revoke(grant);
            return self.fetched(now, &broker, asked, answer, cluster);
        };
        let next = grant.map(|grant| grant.question(now, &asked));
        let outcomes = self.fetched(now, &broker, asked, answer, cluster);
        self.at_ends(&broker, next, &ends);
        outcomes
    }

    /// The offset stays as it is, wrong: it is tried again, for the log may come to reach it.
    pub fn stay_out_of_range(
        &mut self,
        now: Instant,
        claim: ClaimId,
        offset: i64,
        error: Error,
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let Some(mut reading) = self.readings.change(claim) else {
            return outcomes;
        };
        reading.aim = Aim::Read(offset);
        drop(reading);
        self.retry_later(now, claim, error, true, &mut outcomes);
        outcomes
    }

    /// The broker cannot be reached: all its partitions wait, and the leaders may have moved. If its answer
    /// cannot be read, one of them may be to blame.
    fn fetch_failed(
        &mut self,
        now: Instant,
        broker: &Broker,
        asked: Question,
        error: &Error,
    ) -> Vec<Outcome> {
        let work = self
            .loops
            .get_mut(broker)
            .expect("the answer was found by its loop");
        work.not_before = Some(work.failures.add(now, &mut self.rng));
        work.silent_at = says_nothing(error).then_some(now);
        if matches!(error.kind(), ErrorKind::Timeout(_)) {
            work.portion.shrink(asked.reserved);
        }
        // What makes no sense before that has nothing to do with partitions.
        let is_answer = error.api() == Some(ApiKey::Fetch.name());
        if *error.kind() == ErrorKind::Protocol && is_answer {
            return self.answer_unreadable(now, broker, &asked, error);
        }
        let mut outcomes = vec![Outcome::StaleMetadata];
        let quiet = match has_to_be_mended(error) {
            true => 0,
            false => self.settings.quiet_retries,
        };
        let loud = work.failures.is_told(error, quiet);
        let mut by_follower = false;
        for claim in asked.claims {
            let Some(mut reading) = self.readings.change_asked(claim, asked.token) else {
                continue;
            };
            by_follower |= reading.end_in_vain();
            if loud {
                let error = error
                    .clone()
                    .doing("fetch")
                    .at_partition(&reading.topic, reading.partition);
                outcomes.push(Outcome::Report(claim, error));
            }
        }
        if by_follower {
            self.read_from_leaders(now);
        }
        outcomes
    }

    /// All its partitions wait, and nothing is wrong with any. The user is told if it goes on.
    fn put_off(
        &mut self,
        now: Instant,
        broker: &Broker,
        asked: Question,
        throttle: Duration,
    ) -> Vec<Outcome> {
        log::debug!(
            "{broker} puts off a fetch for {throttle:?}: the quota of the client is used up"
        );
        self.pace(now, broker, false, asked.at, asked.max_wait);
        let work = self
            .loops
            .get_mut(broker)
            .expect("the answer was found by its loop");
        let until = now + throttle.min(LONGEST_PUT_OFF);
        work.not_before = work.not_before.max(Some(until));
        let is_told = work.portion.put_off(asked.reserved);
        let mut outcomes = Vec::new();
        for claim in asked.claims {
            let Some(mut reading) = self.readings.change_asked(claim, asked.token) else {
                continue;
            };
            reading.end_request();
            if is_told {
                let error = reading.error(ErrorCode::THROTTLING_QUOTA_EXCEEDED, "fetch");
                let error = error.at_api(ApiKey::Fetch).at_broker(broker);
                outcomes.push(Outcome::Report(claim, error));
            }
        }
        outcomes
    }

    fn fetched(
        &mut self,
        now: Instant,
        broker: &Broker,
        asked: Question,
        answer: fetch::Answer,
        cluster: &Cluster,
    ) -> Vec<Outcome> {
        if answer.is_put_off() {
            return self.put_off(now, broker, asked, answer.throttle);
        }
        if let Some(work) = self.loops.get_mut(broker) {
            work.suspects.acquit(&asked);
        }
        let mut outcomes = Vec::new();
        let mut fruitful = false;
        let mut partitions = ByPartition::new(answer.partitions);
        for claim in asked.claims {
            let Some(mut reading) = self.readings.change_asked(claim, asked.token) else {
                continue;
            };
            let from_follower = reading.end_request();
            if answer.error != ErrorCode::NONE {
                drop(reading);
                self.refused(now, claim, ApiKey::Fetch, answer.error, &mut outcomes);
                continue;
            }
            let Some(fetched) = partitions.take(&reading.topic, reading.partition) else {
                let error = Error::new(ErrorKind::Protocol, "fetch").because(Unfit::NO_PARTITION);
                reading.read_from(broker);
                drop(reading);
                self.broken(now, claim, error, &mut outcomes);
                continue;
            };
            if fetched.error == ErrorCode::NONE {
                reading.read_from(broker);
                let position = reading.position();
                drop(reading);
                let from = (cluster, from_follower);
                self.partition_fetched(now, from, claim, fetched, &mut outcomes);
                let moved_on = self.readings.get(claim).map(Reading::position);
                fruitful |= moved_on != Some(position);
            } else {
                drop(reading);
                let from = (broker, from_follower);
                self.partition_refused(now, from, claim, fetched.error, &mut outcomes);
            }
        }
        let largest = self.largest_request();
        if let Some(work) = self.loops.get_mut(broker) {
            work.portion.answered(fruitful, largest);
        }
        self.pace(now, broker, fruitful, asked.at, asked.max_wait);
        outcomes
    }

    /// A broker that answers at once and brings nothing, again and again, must not keep us busy.
    fn pace(
        &mut self,
        now: Instant,
        broker: &Broker,
        fruitful: bool,
        asked_at: Instant,
        max_wait: Duration,
    ) {
        let work = self
            .loops
            .get_mut(broker)
            .expect("the answer was found by its loop");
        work.failures.forget();
        work.silent_at = None;
        if fruitful {
            work.brought = Brought::Part;
        }
        if fruitful || now - asked_at >= max_wait / 2 {
            work.fruitless = 0;
            return;
        }
        work.fruitless += 1;
        if work.fruitless > FRUITLESS {
            let wait = Duration::from_millis(1 << (work.fruitless - FRUITLESS).min(10));
            work.not_before = Some(now + wait.min(self.settings.max_wait));
        }
    }

    fn partition_refused(
        &mut self,
        now: Instant,
        (broker, is_follower): (&Broker, bool),
        claim: ClaimId,
        code: ErrorCode,
        outcomes: &mut Vec<Outcome>,
    ) {
        let mut reading = self
            .readings
            .change(claim)
            .expect("the caller has found it");
        if is_follower {
            // Only the leader's word counts: ask it, at once.
            reading.follower = None;
            drop(reading);
            return self.read_from_leaders(now);
        }
        if reaction(ApiKey::Fetch, code) == Reaction::ResetOffset {
            let Aim::Read(offset) = reading.aim else {
                unreachable!("only claims that read are fetched for")
            };
            if reading.doubt.is_some_and(|doubt| doubt.is_settled()) {
                reading.aim = Aim::End(offset);
                drop(reading);
                return outcomes.extend(self.end_if_taken(claim));
            }
            log::info!(
                "{}/{}: {broker} says that offset {offset} is out of range; it is asked again",
                reading.topic,
                reading.partition
            );
            reading.aim = Aim::Doubt(offset);
            reading.doubt = Some(Doubt::new(now));
            return outcomes.push(Outcome::StaleMetadata);
        }
        drop(reading);
        self.refused(now, claim, ApiKey::Fetch, code, outcomes);
    }

    fn partition_fetched(
        &mut self,
        now: Instant,
        (cluster, is_follower): (&Cluster, bool),
        claim: ClaimId,
        fetched: fetch::Fetched,
        outcomes: &mut Vec<Outcome>,
    ) {
        let is_sent_on = fetched.preferred_read_replica.is_some();
        // Some followers name others as well, and would send us round and round (KAFKA-13778).
        let follower = fetched
            .preferred_read_replica
            .filter(|_| !is_follower)
            .and_then(|replica| cluster.broker(replica))
            .filter(|replica| !self.is_silent(replica, now));
        let mut reading = self
            .readings
            .change(claim)
            .expect("the caller has found it");
        let Aim::Read(mut next) = reading.aim else {
            unreachable!("only claims that read are fetched for")
        };
        reading.doubt = None;
        if let Some(offset) = fetched.high_watermark
            && reading.high_watermark.replace(offset) != Some(offset)
        {
            outcomes.push(Outcome::HighWatermark(claim, offset));
        }
        if is_follower {
            reading.served_by_follower(now);
        }
        if is_sent_on {
            reading.follower = follower.cloned().map(Follower::new);
        }
        let is_sent_nowhere = is_sent_on && reading.follower.is_none();
        let mut aborted = AbortedTransactions::new(
            fetched
                .aborted
                .iter()
                .map(|a| (a.producer_id, a.first_offset)),
        );
        let mut broken = fetched.broken;
        let mut got = false;
        let mut largest = 0;
        let mut stale = None;
        let mut is_behind_last = fetched.converted_to_nothing;
        for batch in fetched.batches {
            if batch.last_offset() < next {
                // Brokers answer from the batch on that holds the offset. What is below it may have got
                // there by a damaged offset, for no checksum covers that: it must not hide a hole. But a broker that
                // makes a message set of a newer batch gives it the offset of its last record, and compaction may
                // have removed records behind that.
                match self.settings.is_converted && !batch.tells_start() {
                    true => is_behind_last = true,
                    false => stale = Some(batch.base_offset()),
                }
                continue;
            }
            if let Some(offset) = stale
                && !got
                && batch.base_offset() > next
            {
                broken = Some(below(offset));
                break;
            }
            let read_to = batch.next_offset();
            if batch.is_control() {
                // A marker is a few bytes and uncompressed: it can be read on the way.
                match record::decode(&batch, 0, &MARKER, &mut Decompressor::default()) {
                    Ok(Decoded::Control(Some(marker))) => aborted.end(marker),
                    Ok(_) => {}
                    Err(error) => {
                        broken = Some(error.into());
                        break;
                    }
                }
            } else if !(self.settings.read_committed && aborted.hides(&batch)) {
                largest = largest.max(batch.encoded_len());
                self.budget.charge(batch.encoded_len());
                reading.buffer.fill(batch);
            } else if let Err(error) = batch.check() {
                // It is not decoded, but it says where to go on.
                broken = Some(error.into());
                break;
            }
            next = read_to;
            got = true;
        }
        if let Some(offset) = stale
            && !got
        {
            broken.get_or_insert_with(|| below(offset));
        }
        reading.aim = Aim::Read(next);
        if got {
            self.turns.served += 1;
            reading.turn = self.turns.served;
            reading.fetch_size = self.settings.default_bytes;
            reading.batch_size = largest;
            reading.needs = 0;
        }
        // A log without news is as good an answer as one with records.
        let is_good = got || !(is_sent_on || broken.is_some() || fetched.needs_bytes.is_some());
        if is_good && reading.stuck_at.is_none() {
            reading.failures.forget();
        }
        drop(reading);
        if is_sent_nowhere {
            // To a broker that we have not heard of yet, or that does not answer; or by one that may not.
            self.read_from_leaders(now);
            outcomes.push(Outcome::StaleMetadata);
        }
        if let Some(needed) = fetched.needs_bytes.filter(|_| !got) {
            self.grow(now, claim, needed, outcomes);
        } else if let Some(error) = broken {
            self.broken(now, claim, error, outcomes);
        } else if is_behind_last && !got {
            self.look_further(now, claim);
        }
    }

    /// Nothing that was asked for is left in the format that it was asked for. What follows may be out of reach, or not
    /// there yet, and then the broker would say so again at once.
    fn look_further(&mut self, now: Instant, claim: ClaimId) {
        let most = self.largest_request().min(self.settings.largest_answer);
        let mut reading = self
            .readings
            .change(claim)
            .expect("the caller has found it");
        let more = (2 * reading.asked_for).min(most);
        if more > reading.asked_for {
            reading.fetch_size = reading.fetch_size.max(more);
            reading.needs = more;
        } else {
            reading.not_before = Some(now + self.settings.max_wait);
        }
    }

    /// The first batch did not fit into what was asked for.
    fn grow(&mut self, now: Instant, claim: ClaimId, needed: usize, outcomes: &mut Vec<Outcome>) {
        let most = self
            .settings
            .max_partition_bytes
            .unwrap_or(usize::MAX)
            .min(self.settings.largest_answer);
        let mut reading = self
            .readings
            .change(claim)
            .expect("the caller has found it");
        if needed <= most && needed > reading.fetch_size {
            reading.fetch_size = needed.next_power_of_two().min(most);
            reading.needs = needed;
            return;
        }
        if needed <= reading.fetch_size && needed > reading.asked_for {
            // What its user still holds left no room for more.
            reading.needs = needed;
            return;
        }
        let error = record::Error::new(
            reading.position(),
            record::ErrorKind::BatchTooLarge {
                size: needed,
                limit: most,
            },
        );
        drop(reading);
        self.broken(now, claim, error.into(), outcomes);
    }

    /// An answer that cannot be taken, or bytes that cannot be read: what came before them is delivered,
    /// then it is tried again.
    pub(super) fn broken(
        &mut self,
        now: Instant,
        claim: ClaimId,
        error: Error,
        outcomes: &mut Vec<Outcome>,
    ) {
        let Some(reading) = self.readings.get(claim) else {
            return;
        };
        let mut error = error
            .at_partition(&reading.topic, reading.partition)
            .at_api(ApiKey::Fetch);
        if let Some(broker) = &reading.answered_by {
            error = error.at_broker(broker);
        }
        self.retry_later(now, claim, error, true, outcomes);
    }
}

/// A batch below the offset that was asked for.
fn below(offset: i64) -> Error {
    let kind = record::ErrorKind::Corrupt("records from below the offset that was asked for");
    record::Error::new(offset, kind).into()
}
