//! JoinGroup: a seat in the group.

use std::collections::HashSet;

use crate::protocol::{ApiKey, ErrorCode, join_group as wire};

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
    /// How long the broker waits for a heartbeat before it takes the member for dead.
    pub session_timeout_ms: i32,
    /// How long the broker waits for all members to rejoin; version 0 uses the session timeout.
    pub rebalance_timeout_ms: i32,
    /// Empty at first.
    pub member_id: String,
    /// The name of a static member (version 5 and newer; an error below).
    pub instance_id: Option<String>,
    /// The assignors offered, the preferred one first, each with the encoded subscription.
    pub protocols: Vec<(String, Vec<u8>)>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// NONE, or the reason of the refusal.
    pub error: ErrorCode,
    /// The version spoken: with version 0 the rebalance timeout is the session timeout.
    pub version: i16,
    /// The generation joined.
    pub generation: i32,
    /// The assignor that the broker chose.
    pub protocol: String,
    /// The member id of the leader.
    pub leader: String,
    /// The own member id; with MEMBER_ID_REQUIRED the one to use.
    pub member_id: String,
    /// A returning static leader must not assign anew (version 9 and newer).
    pub skip_assignment: bool,
    /// All members with their encoded subscriptions; empty for a follower.
    pub members: Vec<Member>,
}

/// A member as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its static name.
    pub instance_id: Option<String>,
    /// Its encoded subscription.
    pub subscription: Vec<u8>,
}

/// Which kind of group this is; the group coordinator lets nobody in who says otherwise.
pub(super) const PROTOCOL_TYPE: &str = "consumer";

impl Ask {
    pub(super) fn encode(&self, envelope: &Envelope<'_>) -> Result<Request, Problem> {
        let version =
            envelope.pick_for_member(ApiKey::JoinGroup, self.instance_id.as_deref(), 5)?;
        let protocols = self
            .protocols
            .iter()
            .map(|(name, subscription)| wire::Protocol {
                name: name.clone(),
                metadata: subscription.clone(),
            });
        let request = wire::Request {
            group_id: self.group_id.clone(),
            session_timeout_ms: self.session_timeout_ms,
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            member_id: self.member_id.clone(),
            group_instance_id: self.instance_id.clone(),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: protocols.collect(),
            reason: None,
        };
        envelope.seal(&request, version)
    }

    pub(super) fn decode(&self, version: i16, frame: Input<'_>) -> Result<Answer, Problem> {
        let answer = envelope::open::<wire::Request>(frame, version)?;
        if answer.error_code == ErrorCode::NONE {
            check::not_negative(answer.generation_id, "the generation")?;
        }
        Ok(Answer {
            error: answer.error_code,
            version,
            generation: answer.generation_id,
            // Null only beside an error.
            protocol: answer.protocol_name.unwrap_or_default(),
            leader: answer.leader,
            member_id: answer.member_id,
            skip_assignment: answer.skip_assignment,
            members: members(answer.members)?,
        })
    }
}

fn members(answered: Vec<wire::Member>) -> Result<Vec<Member>, Unfit> {
    let mut ids = HashSet::with_capacity(answered.len());
    for member in &answered {
        if !ids.insert(member.member_id.as_str()) {
            return Err(Unfit::Twice(format!("member {:?}", member.member_id)));
        }
    }
    let members = answered.into_iter().map(|member| Member {
        id: member.member_id,
        instance_id: member.group_instance_id,
        subscription: member.metadata,
    });
    Ok(members.collect())
}
