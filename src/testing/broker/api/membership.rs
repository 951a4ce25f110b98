//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

use super::Reply;
use crate::{
    protocol::{
        ErrorCode, heartbeat, join_group, leave_group,
        leave_group::{RequestMember, ResponseMember},
        sync_group,
    },
    testing::broker::{
        Cluster,
        exchange::Call,
        group::{Group, Join, Joined, Sync, Synced},
        millis,
    },
};

/// From this version on a dynamic member must join with the id that it is given (KIP-394).
const FIRST_JOIN_REQUIRING_ID: i16 = 4;
/// From this version on null stands for no protocol.
const FIRST_JOIN_WITH_NULL_PROTOCOL: i16 = 7;
/// From this version on a static leader can be told not to assign (KIP-814).
const FIRST_JOIN_SKIPPING_ASSIGNMENT: i16 = 9;
/// From this version on the protocol must be named (KIP-559).
const FIRST_SYNC_WITH_PROTOCOL: i16 = 5;

impl Cluster {
    pub(crate) fn serve_join_group(
        &mut self,
        call: &Call<'_>,
        request: join_group::Request,
    ) -> Reply<join_group::Response> {
        let version = call.version();
        // A group comes into being when somebody joins it without claiming to be known.
        let group = match self.coordinated(call, &request.group_id, request.member_id.is_empty()) {
            Ok(group) => group,
            Err(code) => {
                return Reply::Now(
                    Joined::refused(&request.member_id, code).into_response(version),
                );
            }
        };
        let session_timeout = millis(request.session_timeout_ms);
        let join = Join {
            member_id: request.member_id,
            requires_member_id: version >= FIRST_JOIN_REQUIRING_ID,
            instance_id: request.group_instance_id,
            client_id: call.client_id.to_owned(),
            client_host: "/127.0.0.1".to_owned(),
            session_timeout,
            rebalance_timeout: if version == 0 {
                session_timeout
            } else {
                millis(request.rebalance_timeout_ms)
            },
            protocol_type: request.protocol_type,
            protocols: request
                .protocols
                .into_iter()
                .map(|protocol| (protocol.name, protocol.metadata))
                .collect(),
            can_skip_assignment: version >= FIRST_JOIN_SKIPPING_ASSIGNMENT,
        };
        group.join(call.now, call.ticket.id, join);
        Reply::FromGroup
    }

    pub(crate) fn serve_sync_group(
        &mut self,
        call: &Call<'_>,
        request: sync_group::Request,
    ) -> Reply<sync_group::Response> {
        let must_name = call.version() >= FIRST_SYNC_WITH_PROTOCOL;
        if must_name && (request.protocol_type.is_none() || request.protocol_name.is_none()) {
            return Reply::Now(
                Synced::refused(ErrorCode::INCONSISTENT_GROUP_PROTOCOL).into_response(),
            );
        }
        let group = match self.coordinated(call, &request.group_id, false) {
            Ok(group) => group,
            Err(code) => return Reply::Now(Synced::refused(code).into_response()),
        };
        let assignments = request.assignments.into_iter();
        let sync = Sync {
            member_id: request.member_id,
            instance_id: request.group_instance_id,
            generation: request.generation_id,
            protocol_type: request.protocol_type,
            protocol: request.protocol_name,
            assignments: assignments
                .map(|assigned| (assigned.member_id, assigned.assignment))
                .collect(),
        };
        group.sync(call.now, call.ticket.id, sync);
        Reply::FromGroup
    }

    pub(crate) fn serve_heartbeat(
        &mut self,
        call: &Call<'_>,
        request: heartbeat::Request,
    ) -> Reply<heartbeat::Response> {
        let error_code = match self.coordinated(call, &request.group_id, false) {
            Ok(group) => {
                let instance_id = request.group_instance_id.as_deref();
                group.heartbeat(
                    call.now,
                    &request.member_id,
                    instance_id,
                    request.generation_id,
                )
            }
            Err(code) => code,
        };
        Reply::Now(heartbeat::Response {
            error_code,
            ..heartbeat::Response::default()
        })
    }

    pub(crate) fn serve_leave_group_single(
        &mut self,
        call: &Call<'_>,
        request: leave_group::SingleRequest,
    ) -> Reply<leave_group::SingleResponse> {
        let error_code = match self.coordinated(call, &request.group_id, false) {
            Ok(group) => group.leave(call.now, &request.member_id, None),
            Err(code) => code,
        };
        Reply::Now(leave_group::SingleResponse {
            error_code,
            ..leave_group::SingleResponse::default()
        })
    }

    pub(crate) fn serve_leave_group(
        &mut self,
        call: &Call<'_>,
        request: leave_group::Request,
    ) -> Reply<leave_group::Response> {
        let answered = |member: RequestMember, error_code| ResponseMember {
            member_id: member.member_id,
            group_instance_id: member.group_instance_id,
            error_code,
        };
        let members = request.members.into_iter();
        let mut response = leave_group::Response::default();
        match self.coordinated(call, &request.group_id, false) {
            Ok(group) => {
                let leave = |member: RequestMember| {
                    let code = group.leave(
                        call.now,
                        &member.member_id,
                        member.group_instance_id.as_deref(),
                    );
                    answered(member, code)
                };
                response.members = members.map(leave).collect();
            }
            // No such group: only its members are unknown.
            Err(code @ ErrorCode::UNKNOWN_MEMBER_ID) if call.plan().request_error().is_none() => {
                response.members = members.map(|member| answered(member, code)).collect();
            }
            Err(code) => response.error_code = code,
        }
        Reply::Now(response)
    }

    /// The group, if this broker coordinates it. Without it nobody can be a member of it.
    fn coordinated(
        &mut self,
        call: &Call<'_>,
        group_id: &str,
        create: bool,
    ) -> Result<&mut Group, ErrorCode> {
        if let Some(code) = call.plan().request_error() {
            return Err(code);
        }
        if group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        self.check_coordinator(call.broker(), group_id)?;
        self.group_mut(group_id, create)
            .ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
    }
}

impl Joined {
    pub(crate) fn into_response(self, version: i16) -> join_group::Response {
        let members = self.members.into_iter().map(|member| join_group::Member {
            member_id: member.id,
            group_instance_id: member.instance_id,
            metadata: member.metadata,
        });
        let has_null_protocol = version >= FIRST_JOIN_WITH_NULL_PROTOCOL;
        join_group::Response {
            error_code: self.error,
            generation_id: self.generation,
            protocol_type: self.protocol_type,
            protocol_name: if has_null_protocol {
                self.protocol
            } else {
                Some(self.protocol.unwrap_or_default())
            },
            leader: self.leader,
            skip_assignment: self.skip_assignment,
            member_id: self.member_id,
            members: members.collect(),
            ..join_group::Response::default()
        }
    }
}

impl Synced {
    pub(crate) fn into_response(self) -> sync_group::Response {
        sync_group::Response {
            error_code: self.error,
            protocol_type: self.protocol_type,
            protocol_name: self.protocol,
            assignment: self.assignment,
            ..sync_group::Response::default()
        }
    }
}
