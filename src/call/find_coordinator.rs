//! FindCoordinator: which broker coordinates a group.

use crate::protocol::{ApiKey, ErrorCode, find_coordinator as wire};

use super::{
    check,
    envelope::{self, Envelope, Input, Request},
    problem::{Problem, Unfit},
};

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The group.
    pub group_id: String,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, or why there is none (COORDINATOR_NOT_AVAILABLE, …).
    pub error: ErrorCode,
    /// The broker's words, where it gave some.
    pub message: Option<String>,
    /// The coordinator; `None` with an error.
    pub coordinator: Option<Coordinator>,
}

/// The broker that coordinates the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinator {
    /// Its node id.
    pub id: i32,
    /// The advertised host name.
    pub host: String,
    /// The advertised port, checked to be one.
    pub port: u16,
}

/// From here on several groups may be asked for at once.
const FIRST_OF_SEVERAL: i16 = 4;

/// The key is a group, not a transaction.
const GROUP: i8 = 0;

impl Ask {
    pub(super) fn encode(&self, envelope: &Envelope<'_>) -> Result<Request, Problem> {
        let version = envelope.pick(ApiKey::FindCoordinator)?;
        let key = self.group_id.clone();
        if version < FIRST_OF_SEVERAL {
            return envelope.seal(
                &wire::SingleRequest {
                    key,
                    key_type: GROUP,
                },
                version,
            );
        }
        let request = wire::Request {
            key_type: GROUP,
            coordinator_keys: vec![key],
        };
        envelope.seal(&request, version)
    }

    pub(super) fn decode(&self, version: i16, frame: Input<'_>) -> Result<Answer, Problem> {
        if version < FIRST_OF_SEVERAL {
            let wire::SingleResponse {
                error_code,
                error_message,
                node_id,
                host,
                port,
                ..
            } = envelope::open::<wire::SingleRequest>(frame, version)?;
            return answer(error_code, error_message, node_id, host, port);
        }
        let coordinators = envelope::open::<wire::Request>(frame, version)?.coordinators;
        let Some(found) = coordinators
            .into_iter()
            .find(|found| found.key == self.group_id)
        else {
            return Err(Unfit::Missing("the group").into());
        };
        answer(
            found.error_code,
            found.error_message,
            found.node_id,
            found.host,
            found.port,
        )
    }
}

fn answer(
    error: ErrorCode,
    message: Option<String>,
    node_id: i32,
    host: String,
    port: i32,
) -> Result<Answer, Problem> {
    let coordinator = match error {
        ErrorCode::NONE => Some(Coordinator {
            id: check::not_negative(node_id, "the coordinator's id")?,
            host,
            port: check::port(port)?,
        }),
        _ => None,
    };
    Ok(Answer {
        error,
        message,
        coordinator,
    })
}
