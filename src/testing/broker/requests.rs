//! Which requests the brokers have seen, and which commits they have taken.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use crate::protocol::{ApiKey, ErrorCode};

/// How many requests and commits are remembered with their details; a test that needs more can count.
const REMEMBERED: usize = 65_536;

/// A request, as its broker saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// When it came.
    pub at: Instant,
    /// The broker.
    pub broker: i32,
    /// What was asked.
    pub api: ApiKey,
    /// In which version.
    pub version: i16,
    /// As whom the client came.
    pub client_id: String,
    /// The groups that it was about.
    pub groups: Vec<String>,
    /// As which member of the group; empty where the request names none, or none has been given out yet.
    pub member_id: String,
    /// The error by which an injected fault answers it.
    pub injected: Option<ErrorCode>,
}

/// A commit that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenCommit {
    /// Since when it is in force.
    pub at: Instant,
    /// Who made it; empty for [`FakeCluster::commit`](crate::testing::FakeCluster::commit).
    pub client_id: String,
    /// For which group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next offset to be read.
    pub offset: i64,
    /// The word for the next owner.
    pub metadata: String,
}

/// The commits so far.
#[derive(Debug, Default)]
pub(crate) struct CommitLog {
    latest: VecDeque<SeenCommit>,
}

impl CommitLog {
    pub(crate) fn push(&mut self, commit: SeenCommit) {
        if self.latest.len() == REMEMBERED {
            self.latest.pop_front();
        }
        self.latest.push_back(commit);
    }

    pub(crate) fn latest(&self) -> impl Iterator<Item = &SeenCommit> {
        self.latest.iter()
    }
}

/// The requests so far.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    counts: BTreeMap<ApiKey, u64>,
    latest: VecDeque<SeenRequest>,
}

impl RequestLog {
    pub(crate) fn push(&mut self, request: SeenRequest) {
        *self.counts.entry(request.api).or_default() += 1;
        if self.latest.len() == REMEMBERED {
            self.latest.pop_front();
        }
        self.latest.push_back(request);
    }

    pub(crate) fn count(&self, api: ApiKey) -> u64 {
        self.counts.get(&api).copied().unwrap_or(0)
    }

    pub(crate) fn latest(&self) -> impl Iterator<Item = &SeenRequest> {
        self.latest.iter()
    }
}
