//! Heartbeat: the member is still here.

use crate::protocol::{ApiKey, ErrorCode, heartbeat as wire};

use super::{
    envelope::{self, Envelope, Input, Request},
    problem::Problem,
};

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The group.
    pub group_id: String,
    /// The generation.
    pub generation: i32,
    /// The own member id.
    pub member_id: String,
    /// The name of a static member (version 3 and newer; an error below).
    pub instance_id: Option<String>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, REBALANCE_IN_PROGRESS, or the reason of the refusal.
    pub error: ErrorCode,
}

impl Ask {
    pub(super) fn encode(&self, envelope: &Envelope<'_>) -> Result<Request, Problem> {
        let version =
            envelope.pick_for_member(ApiKey::Heartbeat, self.instance_id.as_deref(), 3)?;
        let request = wire::Request {
            group_id: self.group_id.clone(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance_id.clone(),
        };
        envelope.seal(&request, version)
    }

    pub(super) fn decode(&self, version: i16, frame: Input<'_>) -> Result<Answer, Problem> {
        let answer = envelope::open::<wire::Request>(frame, version)?;
        Ok(Answer {
            error: answer.error_code,
        })
    }
}
