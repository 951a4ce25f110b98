//! DescribeGroups and ListGroups.

use super::Reply;
use crate::{
    protocol::{ErrorCode, describe_groups as describe, list_groups as list},
    testing::broker::{
        Cluster, GroupState,
        exchange::Call,
        group::{Group, Member},
    },
};

/// From this version on a group that does not exist is an error (KIP-1043).
const FIRST_WITH_NOT_FOUND: i16 = 6;

impl Cluster {
    pub(crate) fn serve_describe_groups(
        &mut self,
        call: &Call<'_>,
        request: describe::Request,
    ) -> Reply<describe::Response> {
        let groups = request.groups.into_iter().map(|group_id| {
            let refused = |error_code| describe::Group {
                group_id: group_id.clone(),
                error_code,
                ..Default::default()
            };
            if let Some(code) = call.plan().request_error() {
                return refused(code);
            }
            if let Err(code) = self.check_coordinator(call.broker(), &group_id) {
                return refused(code);
            }
            match self.groups.get(&group_id) {
                Some(group) => describe_group(group_id, group),
                None => {
                    let is_error = call.version() >= FIRST_WITH_NOT_FOUND;
                    let error_code = if is_error {
                        ErrorCode::GROUP_ID_NOT_FOUND
                    } else {
                        ErrorCode::NONE
                    };
                    describe::Group {
                        group_state: GroupState::Dead.name().to_owned(),
                        ..refused(error_code)
                    }
                }
            }
        });
        let groups = groups.collect();
        Reply::Now(describe::Response {
            groups,
            ..describe::Response::default()
        })
    }

    pub(crate) fn serve_list_groups(
        &mut self,
        call: &Call<'_>,
        request: list::Request,
    ) -> Reply<list::Response> {
        if let Some(error_code) = call.plan().request_error() {
            return Reply::Now(list::Response {
                error_code,
                ..list::Response::default()
            });
        }
        let is_wanted = |wanted: &[String], value: &str| {
            wanted.is_empty()
                || wanted
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(value))
        };
        let local = self
            .groups
            .iter()
            .filter(|(id, _)| self.coordinator(id) == Some(call.broker()));
        let groups = local.map(|(id, group)| list::Group {
            group_id: id.clone(),
            protocol_type: group.protocol_type().to_owned(),
            group_state: group.state().name().to_owned(),
            group_type: "classic".to_owned(),
        });
        let groups = groups.filter(|group| {
            is_wanted(&request.states_filter, &group.group_state)
                && is_wanted(&request.types_filter, &group.group_type)
        });
        let groups = groups.collect();
        Reply::Now(list::Response {
            groups,
            ..list::Response::default()
        })
    }
}

fn describe_group(group_id: String, group: &Group) -> describe::Group {
    let is_stable = group.state() == GroupState::Stable;
    let members = group
        .members()
        .iter()
        .map(|member| describe_member(member, is_stable.then(|| group.protocol())));
    describe::Group {
        group_id,
        group_state: group.state().name().to_owned(),
        protocol_type: group.protocol_type().to_owned(),
        protocol_data: if is_stable {
            group.protocol().to_owned()
        } else {
            String::new()
        },
        members: members.collect(),
        ..describe::Group::default()
    }
}

/// What a member subscribes to and has is told only of a stable group, of the protocol in use.
fn describe_member(member: &Member, protocol: Option<&str>) -> describe::Member {
    let subscription = protocol.map(|protocol| member.metadata(protocol));
    describe::Member {
        member_id: member.id.clone(),
        group_instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        member_assignment: if subscription.is_some() {
            member.assignment.clone()
        } else {
            Vec::new()
        },
        member_metadata: subscription.unwrap_or_default(),
    }
}
