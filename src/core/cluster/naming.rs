//! Topics that a description of all topics leaves out.
//!
//! Who asks for all is not told of those that it may not see, and nothing is created. So what the user has named and is
//! left out is asked for by name as well, for the reason. That is a question beside the description: it neither waits for
//! it nor holds it up.

use std::collections::{BTreeMap, BTreeSet};

use super::Topic;
use crate::{
    call::{Token, metadata},
    error::Result,
    protocol::ErrorCode,
};

/// What is to be asked for by name, and what was.
#[derive(Debug, Default)]
pub(super) struct Naming {
    /// Those that the user has named, which the last description has left out.
    left_out: BTreeSet<String>,
    /// Those of them of which something was told by name.
    told: BTreeSet<String>,
    is_due: bool,
    asked: Option<Token>,
}

impl Naming {
    /// There is a new description, which leaves these out.
    pub(super) fn described(&mut self, left_out: BTreeSet<String>) {
        self.told.retain(|name| left_out.contains(name));
        self.is_due = !left_out.is_empty();
        self.left_out = left_out;
    }

    /// Whether what is known of a topic was told by name.
    pub(super) fn has_told(&self, name: &str) -> bool {
        self.told.contains(name)
    }

    /// Whether there is something to ask.
    pub(super) fn is_due(&self) -> bool {
        self.is_due && self.asked.is_none()
    }

    /// This names the question; returns the topics that it is about.
    pub(super) fn ask(&mut self, token: Token) -> Vec<String> {
        self.is_due = false;
        self.asked = Some(token);
        self.left_out.iter().cloned().collect()
    }

    /// Whether this names the question that is on its way.
    pub(super) fn is_waiting_for(&self, token: Token) -> bool {
        self.asked == Some(token)
    }

    /// The answer to it. Returns what is wrong with which topics: a later description has the others, or leaves them out
    /// again.
    pub(super) fn answered(
        &mut self,
        answer: Result<metadata::Answer>,
    ) -> BTreeMap<String, ErrorCode> {
        self.asked = None;
        let topics = answer.unwrap_or_default().topics.into_iter();
        let told =
            topics.filter(|topic| topic.error.is_error() && self.left_out.contains(&topic.name));
        let told: BTreeMap<_, _> = told.map(|topic| (topic.name, topic.error)).collect();
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
