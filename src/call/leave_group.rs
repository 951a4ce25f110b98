//! LeaveGroup: the member goes.

use crate::protocol::{ApiKey, ErrorCode, leave_group as wire};

use super::{
    envelope::{self, Envelope, Input, Request},
    problem::{Problem, Unfit},
};

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The group.
    pub group_id: String,
    /// The own member id.
    pub member_id: String,
    /// The name of a static member, where it has one.
    pub instance_id: Option<String>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, or the reason of the refusal; the member's own error where the request's is NONE.
    pub error: ErrorCode,
}

/// From here on several members may leave at once.
const FIRST_OF_SEVERAL: i16 = 3;

impl Ask {
    pub(super) fn encode(&self, envelope: &Envelope<'_>) -> Result<Request, Problem> {
        let version = envelope.pick(ApiKey::LeaveGroup)?;
        let group_id = self.group_id.clone();
        let member_id = self.member_id.clone();
        if version < FIRST_OF_SEVERAL {
            return envelope.seal(
                &wire::SingleRequest {
                    group_id,
                    member_id,
                },
                version,
            );
        }
        let member = wire::RequestMember {
            member_id,
            group_instance_id: self.instance_id.clone(),
            reason: None,
        };
        let request = wire::Request {
            group_id,
            members: vec![member],
        };
        envelope.seal(&request, version)
    }

    pub(super) fn decode(&self, version: i16, frame: Input<'_>) -> Result<Answer, Problem> {
        if version < FIRST_OF_SEVERAL {
            let answer = envelope::open::<wire::SingleRequest>(frame, version)?;
            return Ok(Answer {
                error: answer.error_code,
            });
        }
        let answer = envelope::open::<wire::Request>(frame, version)?;
        if answer.error_code.is_error() {
            return Ok(Answer {
                error: answer.error_code,
            });
        }
        match answer
            .members
            .iter()
            .find(|member| member.member_id == self.member_id)
        {
            Some(member) => Ok(Answer {
                error: member.error_code,
            }),
            None => Err(Unfit::Missing("the member that leaves").into()),
        }
    }
}
