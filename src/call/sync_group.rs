//! SyncGroup: the leader hands in the assignment, everyone gets their own.

use crate::protocol::{ApiKey, ErrorCode, sync_group as wire};

use super::{
    envelope::{self, Envelope, Input, Request},
    join_group::PROTOCOL_TYPE,
    problem::Problem,
};

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The group.
    pub group_id: String,
    /// The generation joined.
    pub generation: i32,
    /// The own member id.
    pub member_id: String,
    /// The name of a static member (version 3 and newer; an error below).
    pub instance_id: Option<String>,
    /// The assignor that the broker chose (sent from version 5).
    pub protocol: String,
    /// By member id the encoded assignment; empty for a follower.
    pub assignments: Vec<(String, Vec<u8>)>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, or the reason of the refusal.
    pub error: ErrorCode,
    /// The own encoded assignment.
    pub assignment: Vec<u8>,
}

impl Ask {
    pub(super) fn encode(&self, envelope: &Envelope<'_>) -> Result<Request, Problem> {
        let version =
            envelope.pick_for_member(ApiKey::SyncGroup, self.instance_id.as_deref(), 3)?;
        let assignments =
            self.assignments
                .iter()
                .map(|(member_id, assignment)| wire::MemberAssignment {
                    member_id: member_id.clone(),
                    assignment: assignment.clone(),
                });
        let request = wire::Request {
            group_id: self.group_id.clone(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance_id.clone(),
            protocol_type: Some(PROTOCOL_TYPE.to_owned()),
            protocol_name: Some(self.protocol.clone()),
            assignments: assignments.collect(),
        };
        envelope.seal(&request, version)
    }

    pub(super) fn decode(&self, version: i16, frame: Input<'_>) -> Result<Answer, Problem> {
        let answer = envelope::open::<wire::Request>(frame, version)?;
        Ok(Answer {
            error: answer.error_code,
            assignment: answer.assignment,
        })
    }
}
