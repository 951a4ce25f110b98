use crate::{
    call::{Answer, Call, find_coordinator, heartbeat, join_group, leave_group, sync_group},
    protocol::{
        self, ApiKey, ErrorCode, find_coordinator::Coordinator, leave_group::ResponseMember,
    },
};

use super::{answered, asked, assert_no_version, assert_unfit, chosen};

fn find() -> Call {
    Call::FindCoordinator(find_coordinator::Ask {
        group_id: "g".into(),
    })
}

fn join(instance_id: Option<&str>) -> Call {
    Call::JoinGroup(join_group::Ask {
        group_id: "g".into(),
        session_timeout_ms: 10,
        rebalance_timeout_ms: 20,
        member_id: "m".into(),
        instance_id: instance_id.map(Into::into),
        protocols: vec![("range".into(), vec![1]), ("roundrobin".into(), vec![2])],
    })
}

fn sync(instance_id: Option<&str>) -> Call {
    Call::SyncGroup(sync_group::Ask {
        group_id: "g".into(),
        generation: 3,
        member_id: "m".into(),
        instance_id: instance_id.map(Into::into),
        protocol: "range".into(),
        assignments: vec![("m".into(), vec![9])],
    })
}

fn heartbeat(instance_id: Option<&str>) -> Call {
    Call::Heartbeat(heartbeat::Ask {
        group_id: "g".into(),
        generation: 3,
        member_id: "m".into(),
        instance_id: instance_id.map(Into::into),
    })
}

fn leave(instance_id: Option<&str>) -> Call {
    Call::LeaveGroup(leave_group::Ask {
        group_id: "g".into(),
        member_id: "m".into(),
        instance_id: instance_id.map(Into::into),
    })
}

/// A static member's name where the version has one.
fn instance_id(version: i16, first: i16) -> Option<&'static str> {
    (version >= first).then_some("i")
}

#[test]
fn find_coordinator_in_every_version() {
    for version in 0..=3 {
        let request: protocol::find_coordinator::SingleRequest = asked(&find(), version);
        assert_eq!((request.key.as_str(), request.key_type), ("g", 0));
        let response = protocol::find_coordinator::SingleResponse {
            node_id: 4,
            host: "h".into(),
            port: 9092,
            ..Default::default()
        };
        assert_found(answered::<protocol::find_coordinator::SingleRequest>(
            &find(),
            version,
            &response,
        ));
    }
    for version in 4..=6 {
        let request: protocol::find_coordinator::Request = asked(&find(), version);
        assert_eq!(
            (request.key_type, request.coordinator_keys),
            (0, vec!["g".to_owned()])
        );
        assert_found(several(version, "g", 4, 9092));
    }
}

fn several(
    version: i16,
    key: &str,
    node_id: i32,
    port: i32,
) -> Result<Answer, crate::error::Error> {
    let coordinator = Coordinator {
        key: key.into(),
        node_id,
        host: "h".into(),
        port,
        ..Default::default()
    };
    let response = protocol::find_coordinator::Response {
        coordinators: vec![coordinator],
        ..Default::default()
    };
    answered::<protocol::find_coordinator::Request>(&find(), version, &response)
}

#[track_caller]
fn assert_found(answer: Result<Answer, crate::error::Error>) {
    let answer = answer.unwrap().into_find_coordinator();
    assert_eq!(answer.error, ErrorCode::NONE);
    let coordinator = answer.coordinator.unwrap();
    assert_eq!(
        (coordinator.id, coordinator.host.as_str(), coordinator.port),
        (4, "h", 9092)
    );
}

#[test]
fn no_coordinator_is_an_answer_and_a_nonsensical_one_is_an_error() {
    let response = protocol::find_coordinator::SingleResponse {
        error_code: ErrorCode::COORDINATOR_NOT_AVAILABLE,
        error_message: Some("wait".into()),
        node_id: -1,
        port: -1,
        ..Default::default()
    };
    let answer = answered::<protocol::find_coordinator::SingleRequest>(&find(), 3, &response);
    let answer = answer.unwrap().into_find_coordinator();
    assert_eq!(answer.error, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(answer.message.as_deref(), Some("wait"));
    assert!(answer.coordinator.is_none());

    assert_unfit(several(4, "other", 4, 9092), "the group is missing");
    assert_unfit(several(4, "g", -4, 9092), "the coordinator's id is -4");
    assert_unfit(several(4, "g", 4, 0), "0 is no port");
    assert_unfit(several(4, "g", 4, 65_536), "65536 is no port");
}

#[test]
fn join_group_in_every_version() {
    for version in 0..=9 {
        let call = join(instance_id(version, 5));
        let request: protocol::join_group::Request = asked(&call, version);
        assert_eq!(
            (request.group_id.as_str(), request.member_id.as_str()),
            ("g", "m")
        );
        assert_eq!(request.session_timeout_ms, 10);
        let rebalance_timeout = if version == 0 { -1 } else { 20 };
        assert_eq!(request.rebalance_timeout_ms, rebalance_timeout);
        assert_eq!(
            request.group_instance_id.as_deref(),
            instance_id(version, 5)
        );
        assert_eq!(request.protocol_type, "consumer");
        let protocols = request
            .protocols
            .iter()
            .map(|p| (p.name.as_str(), &*p.metadata));
        let preferred_first: [(&str, &[u8]); 2] = [("range", &[1]), ("roundrobin", &[2])];
        assert_eq!(protocols.collect::<Vec<_>>(), preferred_first);

        let member = |id: &str| protocol::join_group::Member {
            member_id: id.into(),
            group_instance_id: instance_id(version, 5).map(Into::into),
            metadata: vec![7],
        };
        let response = protocol::join_group::Response {
            generation_id: 3,
            protocol_name: Some("range".into()),
            leader: "l".into(),
            skip_assignment: version >= 9,
            member_id: "m".into(),
            members: vec![member("m"), member("l")],
            ..Default::default()
        };
        let answer = answered::<protocol::join_group::Request>(&call, version, &response);
        let answer = answer.unwrap().into_join_group();
        assert_eq!((answer.version, answer.generation), (version, 3));
        assert_eq!(
            (answer.protocol.as_str(), answer.leader.as_str()),
            ("range", "l")
        );
        assert_eq!(
            (answer.member_id.as_str(), answer.skip_assignment),
            ("m", version >= 9)
        );
        let member = |id: &str| join_group::Member {
            id: id.into(),
            instance_id: instance_id(version, 5).map(Into::into),
            subscription: vec![7],
        };
        assert_eq!(answer.members, [member("m"), member("l")]);
    }
}

#[test]
fn a_refused_join_tells_the_member_id_to_use() {
    let response = protocol::join_group::Response {
        error_code: ErrorCode::MEMBER_ID_REQUIRED,
        member_id: "m-1".into(),
        ..Default::default()
    };
    let answer = answered::<protocol::join_group::Request>(&join(None), 7, &response);
    let answer = answer.unwrap().into_join_group();
    assert_eq!(answer.error, ErrorCode::MEMBER_ID_REQUIRED);
    assert_eq!(
        (answer.member_id.as_str(), answer.protocol.as_str()),
        ("m-1", "")
    );
}

#[test]
fn a_seat_without_a_generation_or_with_a_double_member_is_no_seat() {
    let seat = protocol::join_group::Response {
        generation_id: -1,
        protocol_name: Some("range".into()),
        ..Default::default()
    };
    let answer = answered::<protocol::join_group::Request>(&join(None), 5, &seat);
    assert_unfit(answer, "the generation is -1");

    let member = protocol::join_group::Member::default();
    let seat = protocol::join_group::Response {
        generation_id: 1,
        members: vec![member.clone(), member],
        ..seat
    };
    let answer = answered::<protocol::join_group::Request>(&join(None), 5, &seat);
    assert_unfit(answer, "member \"\" comes twice");
}

#[test]
fn sync_group_in_every_version() {
    for version in 0..=5 {
        let call = sync(instance_id(version, 3));
        let request: protocol::sync_group::Request = asked(&call, version);
        assert_eq!(
            (request.group_id.as_str(), request.member_id.as_str()),
            ("g", "m")
        );
        assert_eq!(request.generation_id, 3);
        assert_eq!(
            request.group_instance_id.as_deref(),
            instance_id(version, 3)
        );
        let named = (version >= 5).then_some(("consumer", "range"));
        let names = request
            .protocol_type
            .as_deref()
            .zip(request.protocol_name.as_deref());
        assert_eq!(names, named);
        assert_eq!(request.assignments[0].member_id, "m");
        assert_eq!(request.assignments[0].assignment, [9]);

        let response = protocol::sync_group::Response {
            error_code: ErrorCode::NONE,
            assignment: vec![8],
            ..Default::default()
        };
        let answer = answered::<protocol::sync_group::Request>(&call, version, &response);
        let answer = answer.unwrap().into_sync_group();
        assert_eq!(
            (answer.error, answer.assignment),
            (ErrorCode::NONE, vec![8])
        );
    }
}

#[test]
fn heartbeat_in_every_version() {
    for version in 0..=4 {
        let call = heartbeat(instance_id(version, 3));
        let request: protocol::heartbeat::Request = asked(&call, version);
        assert_eq!(
            (request.group_id.as_str(), request.member_id.as_str()),
            ("g", "m")
        );
        assert_eq!(request.generation_id, 3);
        assert_eq!(
            request.group_instance_id.as_deref(),
            instance_id(version, 3)
        );

        let response = protocol::heartbeat::Response {
            error_code: ErrorCode::REBALANCE_IN_PROGRESS,
            ..Default::default()
        };
        let answer = answered::<protocol::heartbeat::Request>(&call, version, &response);
        assert_eq!(
            answer.unwrap().into_heartbeat().error,
            ErrorCode::REBALANCE_IN_PROGRESS
        );
    }
}

#[test]
fn leave_group_in_every_version() {
    let static_member = leave(Some("i"));
    for version in 0..=2 {
        let request: protocol::leave_group::SingleRequest = asked(&static_member, version);
        assert_eq!(
            (request.group_id.as_str(), request.member_id.as_str()),
            ("g", "m")
        );
        let response = protocol::leave_group::SingleResponse {
            error_code: ErrorCode::UNKNOWN_MEMBER_ID,
            ..Default::default()
        };
        let answer =
            answered::<protocol::leave_group::SingleRequest>(&static_member, version, &response);
        assert_eq!(
            answer.unwrap().into_leave_group().error,
            ErrorCode::UNKNOWN_MEMBER_ID
        );
    }
    for version in 3..=5 {
        let request: protocol::leave_group::Request = asked(&static_member, version);
        assert_eq!(request.group_id, "g");
        let [member] = &request.members[..] else {
            panic!("one member leaves");
        };
        assert_eq!(member.member_id, "m");
        assert_eq!(member.group_instance_id.as_deref(), Some("i"));
        assert_eq!(
            left(version, ErrorCode::NONE, "m"),
            ErrorCode::FENCED_INSTANCE_ID
        );
    }
}

/// The answer where the group says this, and says FENCED_INSTANCE_ID of that member.
fn left(version: i16, error_code: ErrorCode, member_id: &str) -> ErrorCode {
    let answer = answered::<protocol::leave_group::Request>(
        &leave(None),
        version,
        &left_response(error_code, member_id),
    );
    answer.unwrap().into_leave_group().error
}

fn left_response(error_code: ErrorCode, member_id: &str) -> protocol::leave_group::Response {
    let member = ResponseMember {
        member_id: member_id.into(),
        error_code: ErrorCode::FENCED_INSTANCE_ID,
        ..Default::default()
    };
    protocol::leave_group::Response {
        error_code,
        members: vec![member],
        ..Default::default()
    }
}

#[test]
fn the_error_of_the_group_comes_before_that_of_the_member_who_leaves() {
    let error = ErrorCode::NOT_COORDINATOR;
    assert_eq!(left(4, error, "m"), error);
    assert_eq!(left(4, ErrorCode::NONE, "m"), ErrorCode::FENCED_INSTANCE_ID);

    let response = left_response(ErrorCode::NONE, "another");
    let answer = answered::<protocol::leave_group::Request>(&leave(None), 4, &response);
    assert_unfit(answer, "the member that leaves is missing");
}

#[test]
fn a_static_member_is_an_error_below_its_version() {
    for (call, first) in [
        (join(Some("i")), 5),
        (sync(Some("i")), 3),
        (heartbeat(Some("i")), 3),
    ] {
        assert_eq!(chosen(&call, 0, first).unwrap(), first);
        let last = *call.api().versions().end();
        let old = first - 1;
        assert_no_version(
            chosen(&call, 0, old),
            &format!(
                "{} is needed in versions {first} to {last} for group.instance_id, the broker speaks versions 0 to {old}",
                call.api()
            ),
        );
    }
    // Without the name a static member leaves like any other.
    assert_eq!(chosen(&leave(Some("i")), 0, 2).unwrap(), 2);
    assert_eq!(leave(None).api(), ApiKey::LeaveGroup);
}
