//! From the subscription to the claims.

use super::*;
use crate::{call::Versions, config::KafkaVersion, protocol::api_versions::ApiVersion};

#[test]
fn without_a_subscription_nothing_happens() {
    let mut story = Story::with(settings());
    story.subscribe(&[]);
    story.pass(secs(600));
    story.quiet();
    assert_eq!(story.group.poll_deadline(), None);
}

#[test]
fn a_member_looks_up_the_coordinator_joins_and_gets_its_claims() {
    let mut story = Story::with(Settings {
        user_data: b"mine".to_vec(),
        strategy: Strategy::RoundRobin,
        ..settings()
    });
    story.subscribe(&["b", "a"]);
    assert!(matches!(story.next(), Action::Rebalancing));
    let find = story.sent(ApiKey::FindCoordinator);
    assert_eq!(find.to, Destination::AnyBroker { but: None });
    story.quiet();

    story.answer(&find, found(1));
    let (join, ask) = story.sent_join();
    assert_eq!(join.to, Destination::Coordinator(coordinator(1)));
    assert_eq!(join.timeout, REBALANCE + secs(5));
    assert_eq!(ask.group_id, "g");
    assert_eq!(
        (ask.session_timeout_ms, ask.rebalance_timeout_ms),
        (30_000, 60_000)
    );
    assert_eq!((ask.member_id.as_str(), ask.instance_id), ("", None));
    let offered: Vec<&str> = ask
        .protocols
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(offered, ["roundrobin", "range"]);
    for (_, blob) in &ask.protocols {
        let subscription = Subscription::from_bytes(blob).unwrap();
        assert_eq!(subscription.topics, ["a", "b"]);
        assert_eq!(subscription.user_data.as_deref(), Some(&b"mine"[..]));
    }

    story.answer(&join, joined(5));
    let sync = story.sent(ApiKey::SyncGroup);
    assert_eq!(sync.to, join.to);
    assert_eq!(sync.timeout, REBALANCE + secs(5));
    let Call::SyncGroup(ask) = &sync.call else {
        unreachable!()
    };
    assert_eq!((ask.generation, ask.member_id.as_str()), (5, "m"));
    assert_eq!((ask.protocol.as_str(), ask.assignments.len()), ("range", 0));
    assert_eq!(story.group.session(), None);

    story.answer(&sync, synced(&[("b", &[1, 0])]));
    let (generation, partitions) = story.assigned();
    assert_eq!(generation, 5);
    assert_eq!(partitions, BTreeMap::from([("b".to_owned(), vec![0, 1])]));
    story.quiet();
    let session = story.session();
    assert_eq!(session.coordinator, coordinator(1));
    assert_eq!((session.generation, session.member_id.as_str()), (5, "m"));
}

#[test]
fn a_static_member_says_its_name_in_every_call() {
    let instance_id = Some("i".to_owned());
    let (mut story, join) = Story::joining_with(Settings {
        instance_id: instance_id.clone(),
        ..settings()
    });
    let Call::JoinGroup(ask) = &join.call else {
        unreachable!()
    };
    assert_eq!(ask.instance_id, instance_id);
    story.answer(&join, joined(1));
    let sync = story.sent(ApiKey::SyncGroup);
    let Call::SyncGroup(ask) = &sync.call else {
        unreachable!()
    };
    assert_eq!(ask.instance_id, instance_id);
    story.answer(&sync, synced(&[]));
    story.assigned();
    assert_eq!(story.session().instance_id, instance_id);
    let beat = story.next_heartbeat();
    let Call::Heartbeat(ask) = &beat.call else {
        unreachable!()
    };
    assert_eq!(ask.instance_id, instance_id);
}

fn required(member_id: &str) -> Answer {
    Answer::JoinGroup(join_group::Answer {
        error: ErrorCode::MEMBER_ID_REQUIRED,
        member_id: member_id.to_owned(),
        ..seat(-1)
    })
}

#[test]
fn the_member_id_that_is_required_is_used_at_once() {
    let (mut story, join) = Story::joining();
    story.answer(&join, required("m"));
    let (_, ask) = story.sent_join();
    assert_eq!(ask.member_id, "m");
}

#[test]
fn a_coordinator_that_never_has_enough_of_member_ids_is_not_asked_at_once_again() {
    let (mut story, join) = Story::joining();
    story.answer(&join, required("m"));
    let (join, _) = story.sent_join();
    story.answer(&join, required("n"));
    assert_eq!(*story.reported().kind(), ErrorKind::Protocol);
    assert!(story.wait() >= secs(8));

    let (mut story, join) = Story::joining();
    story.answer(&join, required(""));
    assert_eq!(*story.reported().kind(), ErrorKind::Protocol);
    assert!(story.wait() >= secs(8));
}

#[test]
fn a_coordinator_that_is_loading_is_asked_again_after_a_backoff_that_grows() {
    let (mut story, mut join) = Story::joining();
    let mut waits = Vec::new();
    for _ in 0..3 {
        story.refuse(&join, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        waits.push(story.wait());
        join = story.sent(ApiKey::JoinGroup);
    }
    assert!(
        waits[0] >= BACKOFF.mul_f64(0.8) && waits[0] <= BACKOFF,
        "{waits:?}"
    );
    assert!(waits.is_sorted() && waits[2] > 2 * BACKOFF, "{waits:?}");
}

#[test]
fn a_join_at_the_wrong_coordinator_goes_to_the_right_one() {
    let (mut story, join) = Story::joining();
    story.refuse(&join, ErrorCode::NOT_COORDINATOR);
    let find = story.sent(ApiKey::FindCoordinator);
    story.answer(&find, found(2));
    let Action::Disconnect(former) = story.next() else {
        panic!("the former connection is of no use");
    };
    assert_eq!(former, coordinator(1));
    let join = story.sent(ApiKey::JoinGroup);
    assert_eq!(join.to, Destination::Coordinator(coordinator(2)));
}

#[test]
fn a_join_that_is_not_answered_is_sent_again_with_the_same_member_id() {
    for kind in [ErrorKind::Disconnected, ErrorKind::Timeout(secs(65))] {
        let (mut story, join) = Story::joining();
        story.answer(&join, required("m"));
        let (join, _) = story.sent_join();
        story.fail(&join, kind.clone());
        if let ErrorKind::Timeout(_) = kind {
            // It has lasted, though it is the first failure.
            assert_eq!(*story.reported().kind(), kind);
        }
        let find = story.sent(ApiKey::FindCoordinator);
        story.answer(&find, found(1));
        let (_, ask) = story.sent_join();
        assert_eq!(ask.member_id, "m");
    }
}

#[test]
fn a_member_id_that_is_not_known_any_more_is_forgotten() {
    let (mut story, sync) = Story::syncing();
    story.refuse(&sync, ErrorCode::REBALANCE_IN_PROGRESS);
    let (join, ask) = story.sent_join();
    assert_eq!(ask.member_id, "m");
    story.refuse(&join, ErrorCode::UNKNOWN_MEMBER_ID);
    assert!(story.wait() <= 2 * BACKOFF);
    let (_, ask) = story.sent_join();
    assert_eq!(ask.member_id, "");
}

#[test]
fn a_rebalance_during_the_sync_leads_back_to_the_join_at_once() {
    for code in [
        ErrorCode::REBALANCE_IN_PROGRESS,
        ErrorCode::ILLEGAL_GENERATION,
    ] {
        let (mut story, sync) = Story::syncing();
        story.refuse(&sync, code);
        let (_, ask) = story.sent_join();
        assert_eq!(ask.member_id, "m");
        story.quiet();
    }
}

#[test]
fn a_coordinator_that_moves_during_the_sync_is_looked_up() {
    let (mut story, sync) = Story::syncing();
    story.refuse(&sync, ErrorCode::NOT_COORDINATOR);
    let find = story.sent(ApiKey::FindCoordinator);
    story.answer(&find, found(1));
    let (_, ask) = story.sent_join();
    assert_eq!(ask.member_id, "m");
}

#[test]
fn a_full_group_is_reported_and_tried_again_slowly() {
    let (mut story, join) = Story::joining();
    story.refuse(&join, ErrorCode::GROUP_MAX_SIZE_REACHED);
    let error = story.reported();
    assert_eq!(error.code(), Some(ErrorCode::GROUP_MAX_SIZE_REACHED));
    assert_eq!(
        (error.context(), error.api()),
        ("rebalance", Some("JoinGroup"))
    );
    assert_eq!(error.broker().as_deref(), Some("b1:9092"));
    assert!(story.wait() >= secs(8));
    let join = story.sent(ApiKey::JoinGroup);
    story.answer(&join, joined(1));
    story.finish_sync(1);
}

#[test]
fn a_group_that_may_not_be_joined_is_the_end() {
    for code in [
        ErrorCode::GROUP_AUTHORIZATION_FAILED,
        ErrorCode::FENCED_INSTANCE_ID,
        ErrorCode::UNSUPPORTED_VERSION,
    ] {
        let (mut story, join) = Story::joining();
        story.refuse(&join, code);
        let Action::Fatal(error) = story.next() else {
            panic!("{code} is fatal");
        };
        assert_eq!(error.code(), Some(code));
        story.pass(secs(600));
        story.quiet();
    }
}

/// A broker of the newest release, for JoinGroup under this ceiling, or one that has no JoinGroup.
fn no_version(ceiling: KafkaVersion, has_api: bool) -> Error {
    let listed = ApiVersion {
        api_key: ApiKey::JoinGroup.key(),
        min_version: 2,
        max_version: 9,
    };
    let listed = if has_api { &[listed][..] } else { &[] };
    let versions = Versions::negotiate(listed, ceiling);
    let source = versions.pick(ApiKey::JoinGroup).unwrap_err();
    Error::new(ErrorKind::Version, "test").because(source)
}

#[test]
fn a_call_that_the_settings_let_no_version_carry_is_the_end() {
    let (mut story, join) = Story::joining();
    story.fail_with(&join, no_version(KafkaVersion::V0_9_0_0, true));
    assert!(matches!(story.next(), Action::Fatal(error) if *error.kind() == ErrorKind::Version));
}

#[test]
fn a_coordinator_that_speaks_no_version_is_reported_at_once_and_looked_up_again() {
    let unsupported = Error::broker_code(ErrorCode::UNSUPPORTED_VERSION, "handshake");
    for (error, api) in [
        (no_version(KafkaVersion::MAX, false), ApiKey::JoinGroup),
        (unsupported.at_api(ApiKey::ApiVersions), ApiKey::ApiVersions),
    ] {
        let (mut story, mut join) = Story::joining();
        for attempt in 1..=9 {
            story.fail_with(&join, error.clone());
            if [1, 2, 4, 8].contains(&attempt) {
                let told = story.reported();
                assert_eq!((told.kind(), told.api()), (error.kind(), Some(api.name())));
            }
            if attempt > 1 {
                story.wait();
            }
            let find = story.sent(ApiKey::FindCoordinator);
            story.answer(&find, found(1));
            join = story.sent(ApiKey::JoinGroup);
        }
    }
}

#[test]
fn a_coordinator_that_cannot_be_found_is_asked_for_until_it_is_there() {
    let (mut story, mut find) = Story::started(settings());
    for attempt in 1..=20 {
        if attempt % 2 == 0 {
            story.refuse(&find, ErrorCode::COORDINATOR_NOT_AVAILABLE);
        } else {
            story.fail(&find, ErrorKind::Connect);
        }
        // It lasts: that is worth a word, though not at each attempt.
        if [4, 5, 7, 11, 19].contains(&attempt) {
            story.reported();
        }
        story.wait();
        find = story.sent(ApiKey::FindCoordinator);
    }
    story.answer(&find, found(1));
    story.sent(ApiKey::JoinGroup);
}

#[test]
fn a_broker_that_does_not_name_the_coordinator_is_reported() {
    let (mut story, find) = Story::started(settings());
    story.refuse(&find, ErrorCode::NONE);
    assert_eq!(*story.reported().kind(), ErrorKind::Protocol);
    assert!(story.wait() >= secs(8));
    story.sent(ApiKey::FindCoordinator);
}

#[test]
fn a_seat_that_is_none_is_reported() {
    let without_id = join_group::Answer {
        member_id: String::new(),
        ..seat(1)
    };
    for answer in [seat(-1), without_id] {
        let (mut story, join) = Story::joining();
        story.answer(&join, Answer::JoinGroup(answer));
        assert_eq!(*story.reported().kind(), ErrorKind::Protocol);
        assert!(story.wait() >= secs(8));
        story.sent(ApiKey::JoinGroup);
    }
}

#[test]
fn a_hostile_assignment_is_reported_and_claims_nothing() {
    let hostile = [
        synced(&[("a", &[-1])]),
        synced(&[("a", &[1, 1])]),
        synced(&[("not mine", &[0])]),
        Answer::SyncGroup(sync_group::Answer {
            error: ErrorCode::NONE,
            assignment: vec![0, 0, 0x7f, 0xff, 0xff, 0xff],
        }),
    ];
    for answer in hostile {
        let (mut story, sync) = Story::syncing();
        story.answer(&sync, answer);
        let error = story.reported();
        assert_eq!(*error.kind(), ErrorKind::Protocol);
        assert!(std::error::Error::source(&error).is_some(), "{error}");
        assert_eq!(story.group.session(), None);
        assert!(story.wait() >= secs(8));
        story.sent(ApiKey::JoinGroup);
    }
}

/// Or the group coordinator would put the member out, and the others would rebalance for it each time.
#[test]
fn who_has_a_seat_and_cannot_use_it_comes_back_within_the_session() {
    let (mut story, join) = Story::joining_with(Settings {
        session_timeout: secs(6),
        heartbeat_interval: secs(2),
        ..settings()
    });
    story.answer(&join, joined(1));
    let sync = story.sent(ApiKey::SyncGroup);
    story.answer(&sync, synced(&[("not mine", &[0])]));
    story.reported();
    assert!(story.wait() <= secs(3));
    story.sent(ApiKey::JoinGroup);
}

#[test]
fn a_subscription_that_changes_during_the_join_is_joined_with_before_anything_is_claimed() {
    let (mut story, sync) = Story::syncing();
    story.subscribe(&["a", "b"]);
    story.quiet();
    story.answer(&sync, synced(&[("a", &[0])]));
    let (_, ask) = story.sent_join();
    let subscription = Subscription::from_bytes(&ask.protocols[0].1).unwrap();
    assert_eq!(subscription.topics, ["a", "b"]);
}

#[test]
fn answers_to_calls_of_the_past_change_nothing() {
    let (mut story, find) = Story::started(settings());
    story.answer(&find, found(1));
    let join = story.sent(ApiKey::JoinGroup);
    story.answer(&find, found(2));
    story.quiet();
    assert_eq!(story.group.coordinator(), Some(&coordinator(1)));

    story.answer(&join, joined(1));
    let sync = story.sent(ApiKey::SyncGroup);
    story.answer(&join, joined(2));
    story.quiet();

    story.answer(&sync, synced(&[("a", &[0])]));
    assert_eq!(story.assigned().0, 1);
    story.refuse(&sync, ErrorCode::UNKNOWN_MEMBER_ID);
    story.fail(&join, ErrorKind::Disconnected);
    story.quiet();
    assert_eq!(story.session().generation, 1);
}

/// A static member that was subscribed to "a" and "b", and comes back for "a" alone.
fn back_for_less() -> (Story, Sent, Vec<(String, Vec<u8>)>) {
    let (mut story, find) = Story::started(Settings {
        instance_id: Some("one".to_owned()),
        ..settings()
    });
    story.answer(&find, found(1));
    let (join, ask) = story.sent_join();
    story.answer(&join, joined(1));
    let sync = story.sent(ApiKey::SyncGroup);
    (story, sync, ask.protocols)
}

#[test]
fn a_static_member_with_the_share_of_another_subscription_joins_as_one_that_has_changed() {
    let (mut story, sync, before) = back_for_less();
    let former = [("a", &[0][..]), ("b", &[0])];
    story.answer(&sync, synced(&former));
    let (join, ask) = story.sent_join();
    assert_eq!(ask.member_id, "m");
    assert_ne!(ask.protocols, before, "else nothing would rebalance");
    story.answer(&join, joined(2));
    story.finish_sync(2);
}

#[test]
fn a_leader_that_gives_what_nobody_wants_is_no_reason_to_rebalance_again_and_again() {
    let (mut story, sync, _) = back_for_less();
    let former = [("a", &[0][..]), ("b", &[0])];
    story.answer(&sync, synced(&former));
    let (join, changed) = story.sent_join();
    story.answer(&join, joined(2));
    let sync = story.sent(ApiKey::SyncGroup);
    story.answer(&sync, synced(&former));
    assert_eq!(*story.reported().kind(), ErrorKind::Protocol);
    assert!(story.wait() >= secs(8));
    let (_, ask) = story.sent_join();
    assert_eq!(ask.protocols, changed.protocols);
}
