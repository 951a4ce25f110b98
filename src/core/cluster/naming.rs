//! Topics that a description of all topics leaves out.
//!
//! Who asks for all is not told of those that it may not see, and nothing is created. So what the user has named and is
//! left out is asked for by name as well, for the reason. That is a question beside the description: it neither waits for
//! it nor holds it up.

use std::collections::BTreeSet;

use crate::{
    call::{Token, metadata},
    error::Result,
};

/// What is to be asked for by name, and what was.
#[derive(Debug, Default)]
pub(super) struct Naming {
    /// Those that the user has named, which the last description has left out.
    left_out: BTreeSet<String>,
    is_due: bool,
    asked: Option<Token>,
}

impl Naming {
    /// There is a new description, which leaves these out.
    pub(super) fn described(&mut self, left_out: BTreeSet<String>) {
        self.is_due = !left_out.is_empty();
        self.left_out = left_out;
    }

    /// Whether the last description has left a topic out. What is known of it, if anything, was told by name.
    pub(super) fn is_left_out(&self, name: &str) -> bool {
        self.left_out.contains(name)
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

    /// The answer to it. Returns the topics that no description has had since.
    pub(super) fn answered(&mut self, answer: Result<metadata::Answer>) -> Vec<metadata::Topic> {
        self.asked = None;
        let topics = answer.unwrap_or_default().topics.into_iter();
        topics
            .filter(|topic| self.is_left_out(&topic.name))
            .collect()
    }
}
