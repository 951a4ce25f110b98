//! Topics that a description of all topics leaves out.
//!
//! Who asks for all is not told of those that it may not see, and nothing is created. So what is wanted and left out is
//! asked for by name as well, for the reason.

use std::collections::{BTreeMap, BTreeSet};

use super::Topic;
use crate::{call::metadata, error::Result, protocol::ErrorCode};

/// What is to be asked for by name, and what was.
#[derive(Debug, Default)]
pub(super) struct Naming {
    /// Those that the last description has left out, until they are asked for.
    next: BTreeSet<String>,
    /// Those of which something is known by name alone.
    told: BTreeSet<String>,
}

impl Naming {
    /// There is a new description of all topics, which leaves these out.
    pub(super) fn left_out(&mut self, names: BTreeSet<String>) {
        self.told.retain(|name| names.contains(name));
        self.next = names;
    }

    /// Whether the next question is one by name.
    pub(super) fn is_next(&self) -> bool {
        !self.next.is_empty()
    }

    /// The topics to ask for.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        self.is_next().then(|| self.next.iter().cloned().collect())
    }

    /// Whether what is known of a topic was told by name.
    pub(super) fn has_told(&self, name: &str) -> bool {
        self.told.contains(name)
    }

    /// The answer, or none. Returns what is wrong with which topics; the next description of all has the others.
    pub(super) fn answered(
        &mut self,
        answer: Result<metadata::Answer>,
    ) -> BTreeMap<String, ErrorCode> {
        let asked = std::mem::take(&mut self.next);
        let is_answered = answer.is_ok();
        let topics = answer.unwrap_or_default().topics.into_iter();
        let mut codes: BTreeMap<_, _> = topics.map(|topic| (topic.name, topic.error)).collect();
        let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        let asked = asked.into_iter();
        // Without an answer there is only what the description has meant by its silence.
        let news = asked.filter(|name| is_answered || !self.told.contains(name));
        let told = news.map(|name| {
            let code = codes.remove(&name).unwrap_or(unknown);
            (name, code)
        });
        let told: BTreeMap<_, _> = told.filter(|(_, code)| code.is_error()).collect();
        self.told.extend(told.keys().cloned());
        told
    }
}

impl Topic {
    /// One of which nothing else is known.
    pub(super) fn of_error(error: ErrorCode) -> Self {
        Self {
            id: None,
            is_internal: false,
            error,
            passing: ErrorCode::NONE,
            partitions: BTreeMap::new(),
        }
    }
}
