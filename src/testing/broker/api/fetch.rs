//! Fetch: records to clients, waiting until there are enough.

use std::{collections::BTreeSet, time::Instant};

use super::Reply;
use crate::{
    protocol::{
        ErrorCode,
        fetch::{
            AbortedTransaction, LeaderIdAndEpoch, NodeEndpoint, Request, RequestPartition,
            Response, ResponsePartition, ResponseTopic,
        },
    },
    record::{Batch, Codec, Limits, split},
    testing::broker::{
        Cluster,
        exchange::{Call, Ticket},
        log::down_convert,
        millis,
        topics::{Partition, TopicRef},
    },
};

/// Up to this version the answer's size is limited by the partitions alone, and batches are cut off
/// even if that leaves nothing whole.
const LAST_WITH_HARD_LIMITS: i16 = 2;
/// From this version on zstd is understood (KIP-110).
const FIRST_WITH_ZSTD: i16 = 10;
/// From this version on a follower may be read from (KIP-392).
const FIRST_FROM_FOLLOWERS: i16 = 11;
/// The last version that names topics.
const LAST_WITH_NAMES: i16 = 12;
/// From this version on (KIP-951) NOT_LEADER_OR_FOLLOWER says who leads.
const FIRST_WITH_LEADER: i16 = 16;
/// `fetch.max.bytes`.
const BROKER_LIMIT: i32 = 55 * 1024 * 1024;
const READ_COMMITTED: i8 = 1;
const NO_REPLICA: i32 = -1;

/// A fetch that waits for more bytes.
#[derive(Debug)]
pub(crate) struct ParkedFetch {
    pub(crate) ticket: Ticket,
    request: Request,
    /// When it is answered with whatever there is.
    pub(crate) deadline: Instant,
}

/// What is left of a fetch's limits, and what was read.
struct Budget {
    bytes: usize,
    /// From the logs, whatever conversion makes of it: this is what `min_bytes` is about.
    read: usize,
    /// Nothing has been read yet, so the first batch may be larger than the limits.
    takes_any_first: bool,
}

/// What was read, and whether that must be told at once.
struct Outcome {
    response: Response,
    bytes: usize,
    is_urgent: bool,
}

impl Cluster {
    pub(crate) fn serve_fetch(&mut self, call: &Call<'_>, request: Request) -> Reply<Response> {
        if let Some(code) = call.plan().top_level_error() {
            return Reply::Now(Response {
                error_code: code,
                ..Response::default()
            });
        }
        if let Some(by) = call.plan().throttle {
            return Reply::Now(Response {
                throttle_time_ms: i32::try_from(by.as_millis()).unwrap_or(i32::MAX),
                ..Response::default()
            });
        }
        // No sessions are given out, so nobody can have one.
        if request.session_id != 0 && request.session_epoch > 0 {
            let error_code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
            return Reply::Now(Response {
                error_code,
                ..Response::default()
            });
        }
        let outcome = self.read(call, &request);
        if is_enough(&outcome, &request) || request.topics.is_empty() || request.max_wait_ms <= 0 {
            return Reply::Now(outcome.response);
        }
        let deadline = call.now + millis(request.max_wait_ms);
        self.fetches.push(ParkedFetch {
            ticket: call.ticket.clone(),
            request,
            deadline,
        });
        Reply::Elsewhere
    }

    /// Answers the fetches for which there is enough by now, and those that have waited long enough.
    pub(crate) fn answer_fetches(&mut self, now: Instant) {
        for parked in std::mem::take(&mut self.fetches) {
            let call = Call {
                now,
                ticket: parked.ticket,
                client_id: "",
                frame: &[],
            };
            let outcome = self.as_known_to(call.broker(), |cluster| {
                cluster.read(&call, &parked.request)
            });
            if parked.deadline <= now || is_enough(&outcome, &parked.request) {
                self.respond::<Request>(now, &call.ticket, &outcome.response);
            } else {
                self.fetches.push(ParkedFetch {
                    ticket: call.ticket,
                    ..parked
                });
            }
        }
    }

    fn read(&self, call: &Call<'_>, request: &Request) -> Outcome {
        let version = call.version();
        let has_hard_limits = version <= LAST_WITH_HARD_LIMITS;
        let max_bytes = if has_hard_limits {
            i32::MAX
        } else {
            request.max_bytes.min(BROKER_LIMIT)
        };
        let mut budget = Budget {
            bytes: max_bytes.max(0) as usize,
            read: 0,
            takes_any_first: !has_hard_limits,
        };
        let mut outcome = Outcome {
            response: Response::default(),
            bytes: 0,
            is_urgent: false,
        };
        let mut leaders = BTreeSet::new();
        for topic in &request.topics {
            let by = TopicRef::of(version, LAST_WITH_NAMES, &topic.topic, topic.topic_id);
            let mut partitions = Vec::new();
            for asked in &topic.partitions {
                let read = self.read_partition(call, by, asked, request, &mut budget);
                outcome.is_urgent |=
                    read.error_code.is_error() || read.preferred_read_replica != NO_REPLICA;
                leaders.insert(read.current_leader.leader_id);
                partitions.push(read);
            }
            outcome.response.responses.push(ResponseTopic {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                partitions,
            });
        }
        let endpoints = leaders.into_iter().filter_map(|id| self.endpoint(id));
        let endpoints = endpoints.map(|(node_id, host, port, rack)| NodeEndpoint {
            node_id,
            host,
            port,
            rack,
        });
        outcome.bytes = budget.read;
        outcome.response.node_endpoints = endpoints.collect();
        outcome
    }

    fn read_partition(
        &self,
        call: &Call<'_>,
        topic: TopicRef<'_>,
        asked: &RequestPartition,
        request: &Request,
        budget: &mut Budget,
    ) -> ResponsePartition {
        let from_followers = call.version() >= FIRST_FROM_FOLLOWERS;
        let hosted =
            self.hosted_partition(call, topic, asked.partition, asked.current_leader_epoch);
        let partition = match hosted {
            Ok((partition, is_leader))
                if is_leader || (from_followers && partition.leader.is_some()) =>
            {
                partition
            }
            Ok(_) => return self.refused(call, topic, asked, ErrorCode::NOT_LEADER_OR_FOLLOWER),
            Err(code) => return self.refused(call, topic, asked, code),
        };
        let log = &partition.log;
        if !(log.start()..=log.end()).contains(&asked.fetch_offset) {
            return self.refused(call, topic, asked, ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        let is_committed_only = request.isolation_level == READ_COMMITTED;
        let until = if is_committed_only {
            log.last_stable_offset()
        } else {
            log.end()
        };
        let mut answer = ResponsePartition {
            partition_index: asked.partition,
            high_watermark: log.end(),
            last_stable_offset: log.last_stable_offset(),
            log_start_offset: log.start(),
            ..ResponsePartition::default()
        };
        if let Some(replica) = self.nearer_replica(call, partition, &request.rack_id) {
            answer.preferred_read_replica = replica;
            return answer;
        }
        let records = read_records(call.version(), partition, asked, until, budget);
        let walked = split(&records, &Limits::default());
        let has_zstd = walked
            .batches
            .iter()
            .any(|batch| batch.codec() == Codec::Zstd);
        if has_zstd && call.version() < FIRST_WITH_ZSTD {
            return self.refused(call, topic, asked, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
        }
        answer.aborted_transactions = is_committed_only.then(|| {
            let last = walked.batches.last();
            let read_until = last.map_or(asked.fetch_offset, Batch::next_offset);
            let aborted = log.aborted_between(asked.fetch_offset, read_until);
            let told = aborted.map(|aborted| AbortedTransaction {
                producer_id: aborted.producer_id,
                first_offset: aborted.first_offset,
            });
            told.collect()
        });
        answer.records = records.into();
        answer
    }

    /// The leader sends a client to a replica in the client's own rack, if that is what brokers do here.
    fn nearer_replica(&self, call: &Call<'_>, partition: &Partition, rack: &str) -> Option<i32> {
        let is_leader = partition.leader == Some(call.broker());
        if !self.settings.is_rack_aware || !is_leader || call.version() < FIRST_FROM_FOLLOWERS {
            return None;
        }
        let is_near = |id: &i32| self.brokers[id].settings.rack.as_deref() == Some(rack);
        let nearest = partition.in_sync.iter().copied().find(is_near);
        nearest.filter(|id| *id != call.broker() && self.is_running(*id))
    }

    fn refused(
        &self,
        call: &Call<'_>,
        topic: TopicRef<'_>,
        asked: &RequestPartition,
        error_code: ErrorCode,
    ) -> ResponsePartition {
        let is_moved = matches!(
            error_code,
            ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH
        );
        let current_leader = match self.topics.partition(topic, asked.partition) {
            Ok(found) if is_moved && call.version() >= FIRST_WITH_LEADER => LeaderIdAndEpoch {
                leader_id: found.leader.unwrap_or(-1),
                leader_epoch: found.leader_epoch,
            },
            _ => LeaderIdAndEpoch::default(),
        };
        ResponsePartition {
            partition_index: asked.partition,
            error_code,
            high_watermark: -1,
            current_leader,
            ..ResponsePartition::default()
        }
    }
}

fn is_enough(outcome: &Outcome, request: &Request) -> bool {
    let wanted = request
        .min_bytes
        .clamp(0, request.max_bytes.clamp(0, BROKER_LIMIT));
    outcome.is_urgent || outcome.bytes >= wanted as usize
}

/// The partition's share of the answer, in the newest format that the version allows.
fn read_records(
    version: i16,
    partition: &Partition,
    asked: &RequestPartition,
    until: i64,
    budget: &mut Budget,
) -> Vec<u8> {
    let limit = budget.bytes.min(asked.partition_max_bytes.max(0) as usize);
    let log = &partition.log;
    let mut bytes = log.read(asked.fetch_offset, until, limit, budget.takes_any_first);
    let is_whole = || !split(&bytes, &Limits::default()).batches.is_empty();
    if version > LAST_WITH_HARD_LIMITS && !is_whole() {
        // Less than a batch is of no use to a client that is sure to get the whole of it once.
        bytes.clear();
    }
    budget.takes_any_first &= bytes.is_empty();
    budget.bytes = budget.bytes.saturating_sub(bytes.len());
    budget.read += bytes.len();
    match version {
        0 | 1 => down_convert(bytes, 0),
        2 | 3 => down_convert(bytes, 1),
        _ => bytes,
    }
}
