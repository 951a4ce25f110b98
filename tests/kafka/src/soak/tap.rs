//! Commits as they pass on a connection: each is told when it is sent on and when it is answered, and so which
//! are in force, which are not, and which may be.
//!
//! The brokers' own ledger does not say that. A commit that was written there and not replicated in time is
//! refused, and not in force, and yet it can be in force after the next coordinator has read the ledger.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use checker::{Event, Outcome, Place, text::Names};
use sarama_cluster::{
    ErrorCode,
    protocol::{ApiKey, Request, header, offset_commit},
};

use super::journal::Journal;

/// The names of topics by their ids, which newer versions of the protocol use.
pub(crate) type TopicIds = BTreeMap<[u8; 16], String>;

/// What passes on one connection.
pub(crate) struct Tap {
    journal: Arc<Journal>,
    topics: Arc<TopicIds>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    requests: Frames,
    answers: Frames,
    /// Commits that were sent on and not answered, the oldest first.
    pending: VecDeque<Pending>,
    commits_seen: u64,
}

struct Pending {
    member: String,
    correlation: i32,
    version: i16,
    commit: u64,
    partitions: Vec<(String, i32)>,
}

/// The API and the version of a request, or the correlation id of an answer.
const HEAD: usize = 4;

impl Tap {
    pub(crate) fn new(journal: &Arc<Journal>, topics: &Arc<TopicIds>) -> Self {
        Self {
            journal: Arc::clone(journal),
            topics: Arc::clone(topics),
            state: Mutex::default(),
        }
    }

    /// Bytes that are about to go to the broker.
    pub(crate) fn to_broker(&self, bytes: &[u8]) {
        let mut state = self.state.lock().expect("no holder panics");
        let is_commit = |head: [u8; HEAD]| {
            i16::from_be_bytes([head[0], head[1]]) == offset_commit::Request::API.key()
        };
        for frame in state.requests.feed(bytes, is_commit) {
            self.request(&mut state, &frame);
        }
    }

    fn request(&self, state: &mut State, frame: &[u8]) {
        let (head, body) = header::decode_request_header(frame).expect("members send requests");
        assert_eq!(head.api(), Some(ApiKey::OffsetCommit), "no other is kept");
        let request: offset_commit::Request = header::decode_body(body).expect("a commit");
        let member = head.client_id.unwrap_or_default();
        state.commits_seen += 1;
        // Members have several connections, one after the other.
        let commit = u64::from(fastrand::u32(..)) << 32 | state.commits_seen;
        let mut partitions = Vec::new();
        let mut book = self.journal.open();
        let now = super::clock::now();
        for topic in request.topics {
            let name = match topic.name.as_str() {
                "" => self.topics[&topic.topic_id.0].clone(),
                name => name.to_owned(),
            };
            for partition in topic.partitions {
                let event = Event::Sent {
                    member: book.names.member(&member),
                    commit,
                    place: book.names.place(&name, partition.partition_index),
                    offset: partition.committed_offset,
                };
                book.write(now, &event);
                partitions.push((name.clone(), partition.partition_index));
            }
        }
        book.flush();
        state.pending.push_back(Pending {
            member,
            correlation: head.correlation_id,
            version: head.api_version,
            commit,
            partitions,
        });
    }

    /// Bytes that have come from the broker.
    pub(crate) fn to_member(&self, bytes: &[u8]) {
        let mut state = self.state.lock().expect("no holder panics");
        let State {
            answers, pending, ..
        } = &mut *state;
        let awaited: Vec<i32> = pending.iter().map(|one| one.correlation).collect();
        let frames = answers.feed(bytes, |head| awaited.contains(&i32::from_be_bytes(head)));
        for frame in frames {
            let pending = state.pending.pop_front().expect("it is awaited");
            let answer = header::decode_response::<offset_commit::Request>(&frame, pending.version);
            let (correlation, answer) = answer.expect("brokers answer what they are asked");
            assert_eq!(correlation, pending.correlation, "brokers answer in order");
            let codes: Vec<_> = answer
                .topics
                .iter()
                .flat_map(|topic| topic.partitions.iter().map(|one| one.error_code))
                .collect();
            self.answered(&pending, |index| codes.get(index).copied());
        }
    }

    /// The connection is gone: what was not answered never will be.
    pub(crate) fn closed(&self) {
        let mut state = self.state.lock().expect("no holder panics");
        for pending in std::mem::take(&mut state.pending) {
            self.answered(&pending, |_| None);
        }
    }

    fn answered(&self, pending: &Pending, code: impl Fn(usize) -> Option<ErrorCode>) {
        let mut book = self.journal.open();
        let now = super::clock::now();
        for (index, partition) in pending.partitions.iter().enumerate() {
            let event = Event::Answered {
                member: book.names.member(&pending.member),
                commit: pending.commit,
                place: place(&mut book.names, partition),
                outcome: outcome(code(index)),
            };
            book.write(now, &event);
        }
        book.flush();
    }
}

fn place(names: &mut Names, (topic, partition): &(String, i32)) -> Place {
    names.place(topic, *partition)
}

fn outcome(code: Option<ErrorCode>) -> Outcome {
    match code {
        Some(ErrorCode::NONE) => Outcome::Accepted,
        // Refused before it was written anywhere.
        Some(
            ErrorCode::ILLEGAL_GENERATION
            | ErrorCode::UNKNOWN_MEMBER_ID
            | ErrorCode::REBALANCE_IN_PROGRESS,
        ) => Outcome::Refused,
        // It may have been written, and may yet be replicated.
        _ => Outcome::Unanswered,
    }
}

/// Cuts bytes into frames, and keeps those that are asked for.
#[derive(Default)]
struct Frames {
    /// The beginning of a frame, with its length.
    begun: Vec<u8>,
    /// So much is still to come of a frame that nobody asked for.
    skipped: usize,
}

impl Frames {
    /// The frames that end in these bytes, without their lengths, if their heads are wanted.
    fn feed(&mut self, mut bytes: &[u8], wanted: impl Fn([u8; HEAD]) -> bool) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let passes = self.skipped.min(bytes.len());
            self.skipped -= passes;
            bytes = &bytes[passes..];
            let length = match self.begun.first_chunk() {
                Some(length) if self.begun.len() >= 4 + HEAD => {
                    u32::from_be_bytes(*length) as usize
                }
                _ => HEAD,
            };
            let lacking = (4 + length).saturating_sub(self.begun.len());
            let taken = lacking.min(bytes.len());
            self.begun.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if taken < lacking {
                return frames;
            }
            self.finish(&mut frames, &wanted);
        }
        frames
    }

    /// Either the head is whole, or the frame is.
    fn finish(&mut self, frames: &mut Vec<Vec<u8>>, wanted: impl Fn([u8; HEAD]) -> bool) {
        let (length, rest) = self
            .begun
            .split_first_chunk::<4>()
            .expect("the head is whole");
        let length = u32::from_be_bytes(*length) as usize;
        let head = rest.first_chunk::<HEAD>().expect("the head is whole");
        if !wanted(*head) {
            self.skipped = length - rest.len();
            self.begun.clear();
        } else if rest.len() == length {
            frames.push(rest.to_vec());
            self.begun.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However a stream is cut, the same frames come out of it.
    #[test]
    fn frames_are_found_in_any_pieces() {
        let frame = |first: u8, length: usize| {
            let mut body = vec![first; length];
            body[0] = first;
            [&(length as u32).to_be_bytes()[..], &body].concat()
        };
        let stream = [
            frame(1, 4),
            frame(2, 9),
            frame(1, 300),
            frame(2, 4),
            frame(2, 70),
        ]
        .concat();
        let wanted = |head: [u8; HEAD]| head[0] == 2;
        for piece in 1..stream.len() {
            let mut frames = Frames::default();
            let found: Vec<_> = stream
                .chunks(piece)
                .flat_map(|bytes| frames.feed(bytes, wanted))
                .collect();
            let lengths: Vec<_> = found.iter().map(Vec::len).collect();
            assert_eq!(lengths, [9, 4, 70], "in pieces of {piece}");
            assert!(found.iter().flatten().all(|byte| *byte == 2));
        }
    }
}
