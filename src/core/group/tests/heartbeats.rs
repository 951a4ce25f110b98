//! What keeps the claims, and what ends them.

use super::*;

#[test]
fn heartbeats_go_out_at_the_interval_one_at_a_time() {
    let mut story = Story::stable();
    for _ in 0..3 {
        assert_eq!(story.wait(), INTERVAL);
        let beat = story.sent(ApiKey::Heartbeat);
        assert_eq!(beat.to, Destination::Coordinator(coordinator(1)));
        assert_eq!(beat.timeout, SESSION / 3);
        let Call::Heartbeat(ask) = &beat.call else {
            unreachable!()
        };
        assert_eq!((ask.generation, ask.member_id.as_str()), (1, "m"));
        story.refuse(&beat, ErrorCode::NONE);
        story.quiet();
    }
    story.wait();
    let beat = story.sent(ApiKey::Heartbeat);
    story.pass(2 * INTERVAL);
    story.quiet();
    // The next one was due while this one was on its way.
    story.refuse(&beat, ErrorCode::NONE);
    story.sent(ApiKey::Heartbeat);
}

#[test]
fn a_heartbeat_tells_of_a_rebalance_and_they_go_on_until_the_join() {
    let (mut story, _) = Story::releasing();
    for _ in 0..5 {
        assert_eq!(story.wait(), INTERVAL);
        let beat = story.sent(ApiKey::Heartbeat);
        story.refuse(&beat, ErrorCode::REBALANCE_IN_PROGRESS);
        story.quiet();
    }
    assert_eq!(story.session().generation, 1);
    story.group.released(story.now);
    let (_, ask) = story.sent_join();
    assert_eq!(ask.member_id, "m");
    story.pass(secs(60));
    story.quiet();
}

#[test]
fn the_claims_survive_a_coordinator_that_moves() {
    for code in [
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ] {
        let mut story = Story::stable();
        let beat = story.next_heartbeat();
        story.refuse(&beat, code);
        let find = story.sent(ApiKey::FindCoordinator);
        story.quiet();
        assert_eq!(story.group.session(), None);
        story.pass(secs(2));
        story.answer(&find, found(2));
        let Action::Disconnect(former) = story.next() else {
            panic!("the former connection is of no use");
        };
        assert_eq!(former, coordinator(1));
        // At once: the session has not waited.
        let beat = story.sent(ApiKey::Heartbeat);
        assert_eq!(beat.to, Destination::Coordinator(coordinator(2)));
        story.refuse(&beat, ErrorCode::NONE);
        story.quiet();
        assert_eq!(story.session().coordinator, coordinator(2));
        assert_eq!(story.session().generation, 1);
    }
}

/// What one broker has to have mended, another one may not lack.
#[test]
fn another_broker_is_asked_for_the_coordinator_within_the_session() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.refuse(&beat, ErrorCode::NOT_COORDINATOR);
    let find = story.sent(ApiKey::FindCoordinator);
    story.refuse(&find, ErrorCode::UNKNOWN_SERVER_ERROR);
    story.reported();
    assert!(story.wait() <= story.group.settings.session_timeout / 4);
    let find = story.sent(ApiKey::FindCoordinator);
    story.answer(&find, found(1));
    let beat = story.sent(ApiKey::Heartbeat);
    story.refuse(&beat, ErrorCode::NONE);
    assert_eq!(story.session().generation, 1);
}

#[test]
fn the_claims_survive_a_connection_that_breaks() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.fail(&beat, ErrorKind::Disconnected);
    let find = story.sent(ApiKey::FindCoordinator);
    story.answer(&find, found(1));
    // The same broker: nothing is disconnected that will be used.
    let beat = story.sent(ApiKey::Heartbeat);
    story.refuse(&beat, ErrorCode::NONE);
    story.quiet();
    assert_eq!(story.session().generation, 1);
}

#[test]
fn a_release_survives_a_coordinator_that_moves() {
    let (mut story, _) = Story::releasing();
    let beat = story.next_heartbeat();
    story.fail(&beat, ErrorKind::Disconnected);
    let find = story.sent(ApiKey::FindCoordinator);
    story.answer(&find, found(2));
    assert!(matches!(story.next(), Action::Disconnect(_)));
    let beat = story.sent(ApiKey::Heartbeat);
    story.refuse(&beat, ErrorCode::REBALANCE_IN_PROGRESS);
    story.group.released(story.now);
    let join = story.sent(ApiKey::JoinGroup);
    assert_eq!(join.to, Destination::Coordinator(coordinator(2)));
}

/// Its machine may be gone, and does not say so.
#[test]
fn the_coordinator_that_was_lost_is_seldom_asked_for_another_one() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.fail(&beat, ErrorKind::Disconnected);
    let others = [(); 9].map(|()| {
        let find = story.sent(ApiKey::FindCoordinator);
        story.refuse(&find, ErrorCode::COORDINATOR_NOT_AVAILABLE);
        // That it lasts is told.
        while let Some(Action::Report(_)) = story.group.poll_action() {}
        story.wait();
        let but = Some(coordinator(1).broker);
        find.to == Destination::AnyBroker { but }
    });
    let asked_itself = others.iter().position(|is_other| !is_other);
    assert_eq!(asked_itself, Some(7));
    assert!(others[8]);
}

#[test]
fn a_coordinator_that_is_loading_gets_the_next_heartbeat_at_its_time() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.refuse(&beat, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    story.quiet();
    assert_eq!(story.wait(), INTERVAL);
    story.sent(ApiKey::Heartbeat);
}

#[test]
fn an_error_of_the_coordinator_is_reported_and_the_next_heartbeat_is_the_retry() {
    for code in [ErrorCode::UNKNOWN_SERVER_ERROR, ErrorCode(9999)] {
        let mut story = Story::stable();
        let beat = story.next_heartbeat();
        story.refuse(&beat, code);
        let error = story.reported();
        assert_eq!((error.code(), error.context()), (Some(code), "heartbeat"));
        assert_eq!(story.wait(), INTERVAL);
        story.sent(ApiKey::Heartbeat);
    }
}

#[test]
fn a_member_that_is_not_known_has_lost_its_claims_and_joins_as_a_new_one() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.refuse(&beat, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(story.lost().code(), Some(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(story.group.session(), None);
    let (_, ask) = story.sent_join();
    assert_eq!(ask.member_id, "");
}

#[test]
fn a_member_of_an_old_generation_has_lost_its_claims_and_joins_as_who_it_is() {
    let (mut story, _) = Story::releasing();
    let beat = story.next_heartbeat();
    story.refuse(&beat, ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(story.lost().code(), Some(ErrorCode::ILLEGAL_GENERATION));
    let (_, ask) = story.sent_join();
    assert_eq!(ask.member_id, "m");
}

#[test]
fn a_fenced_member_loses_its_claims_for_good() {
    for code in [
        ErrorCode::FENCED_INSTANCE_ID,
        ErrorCode::GROUP_AUTHORIZATION_FAILED,
    ] {
        let mut story = Story::stable();
        let beat = story.next_heartbeat();
        story.refuse(&beat, code);
        assert!(matches!(story.next(), Action::Fatal(error) if error.code() == Some(code)));
        story.pass(secs(600));
        story.quiet();
    }
}

/// Heartbeats are sent, and no answer ever comes; the group coordinator stays where it is. Returns when the claims
/// were lost.
fn fenced(story: &mut Story) -> Instant {
    loop {
        story.wait();
        match story.next() {
            Action::Send { token, call, .. } if call.api() == ApiKey::FindCoordinator => {
                story.group.answer(story.now, token, Ok(found(1)));
            }
            Action::Send { .. } | Action::Report(_) => {}
            Action::Lost(error) => {
                assert_eq!(*error.kind(), ErrorKind::SessionExpired);
                assert!(matches!(story.next(), Action::Rebalancing));
                return story.now;
            }
            action => panic!("{action:?}"),
        }
    }
}

#[test]
fn claims_end_one_session_after_the_last_sign_of_life_was_sent() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.pass(secs(2));
    story.refuse(&beat, ErrorCode::NONE);
    assert_eq!(fenced(&mut story), beat.at + SESSION);
    story.wait();
    let (_, ask) = story.sent_join();
    assert_eq!(ask.member_id, "m");
}

#[test]
fn claims_end_also_while_no_broker_can_be_reached() {
    let mut story = Story::stable();
    let begin = story.now;
    let beat = story.next_heartbeat();
    story.fail(&beat, ErrorKind::Disconnected);
    loop {
        story.wait();
        match story.next() {
            Action::Send { token, call, .. } => {
                assert_eq!(call.api(), ApiKey::FindCoordinator);
                let error = Error::new(ErrorKind::Connect, "test");
                story.group.answer(story.now, token, Err(error));
            }
            Action::Report(error) => assert_eq!(*error.kind(), ErrorKind::Connect),
            Action::Lost(error) => {
                assert_eq!(*error.kind(), ErrorKind::SessionExpired);
                break;
            }
            action => panic!("{action:?}"),
        }
    }
    assert_eq!(story.now, begin + SESSION);
}

/// It may hang in a connection that is opened anew, or in the name of its broker.
#[test]
fn a_heartbeat_that_takes_too_long_is_given_up_in_time_for_another_coordinator() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    assert_eq!(story.wait(), SESSION / 2);
    let error = story.reported();
    assert_eq!(*error.kind(), ErrorKind::Timeout(SESSION / 2));
    assert_eq!(error.api(), Some("Heartbeat"));
    assert!(error.broker().is_some(), "{error:?}");
    let find = story.sent(ApiKey::FindCoordinator);
    story.quiet();
    story.answer(&find, found(2));
    assert!(matches!(story.next(), Action::Disconnect(to) if to == coordinator(1)));
    let next = story.sent(ApiKey::Heartbeat);
    assert_eq!(next.to, Destination::Coordinator(coordinator(2)));
    story.fail(&beat, ErrorKind::Disconnected);
    story.quiet();
    story.refuse(&next, ErrorCode::NONE);
    assert_eq!(story.wait(), INTERVAL);
    story.sent(ApiKey::Heartbeat);
}

/// When the claims would be lost, as things stand.
fn fence(story: &Story) -> Instant {
    let membership = story.group.state.membership();
    let membership = membership.expect("there are claims");
    story.group.fence(membership)
}

#[test]
fn the_claims_are_lost_when_a_rebalance_may_be_over_that_nobody_told_of() {
    let rebalance_timeout = SESSION / 2;
    let (mut story, join) = Story::joining_with(Settings {
        rebalance_timeout,
        ..settings()
    });
    story.answer(&join, joined(1));
    story.finish_sync(1);
    assert_eq!(fence(&story), story.begin + rebalance_timeout);
    let beat = story.next_heartbeat();
    story.refuse(&beat, ErrorCode::NONE);
    assert_eq!(fenced(&mut story), beat.at + rebalance_timeout);
}

#[test]
fn a_rebalance_keeps_the_session_alive_where_the_broker_says_so() {
    let (mut story, _) = Story::releasing_by(1);
    let beat = story.next_heartbeat();
    story.refuse(&beat, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(fenced(&mut story), beat.at + SESSION);

    // With JoinGroup v0 that answer does not restart the timer of the session.
    let (mut story, _) = Story::releasing_by(0);
    let beat = story.next_heartbeat();
    story.refuse(&beat, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(fence(&story), story.begin + SESSION);
}

/// An offset fetch does not say who asks; commits are taken while a group rebalances, and in a group that KIP-848 members
/// share they do not restart the timer of the session.
#[test]
fn neither_a_commit_nor_an_offset_fetch_is_a_sign_of_life() {
    let mut story = Story::stable();
    story.pass(secs(2));
    for api in [ApiKey::OffsetFetch, ApiKey::OffsetCommit] {
        let now = story.now;
        story.group.heard(now, now, api, ErrorCode::NONE);
    }
    assert_eq!(fenced(&mut story), story.begin + SESSION);
}

#[test]
fn a_sync_that_was_kept_long_is_confirmed_by_a_heartbeat_before_anything_else_is_sent() {
    let (mut story, sync) = Story::syncing();
    story.pass(secs(50));
    story.answer(&sync, synced(&[("a", &[0])]));
    let beat = story.sent(ApiKey::Heartbeat);
    story.assigned();
    story.quiet();
    story.refuse(&beat, ErrorCode::NONE);
    assert_eq!(fenced(&mut story), beat.at + SESSION);
}

/// The answer may have been on its way for longer than a session, and others may have the partitions.
#[test]
fn a_sync_that_was_kept_long_and_that_no_heartbeat_confirms_counts_from_its_sending() {
    for kept in [SESSION, SESSION - secs(1)] {
        for is_refused in [true, false] {
            let (mut story, sync) = Story::syncing();
            story.pass(kept);
            story.answer(&sync, synced(&[("a", &[0])]));
            let beat = story.sent(ApiKey::Heartbeat);
            story.assigned();
            match is_refused {
                true => story.refuse(&beat, ErrorCode::COORDINATOR_NOT_AVAILABLE),
                false => story.fail(&beat, ErrorKind::Disconnected),
            }
            let is_over = |action: &Action| matches!(action, Action::Lost(_));
            let mut actions = std::iter::from_fn(|| story.group.poll_action());
            assert_eq!(actions.any(|action| is_over(&action)), kept == SESSION);
        }
    }
}

/// Nor is it known that no rebalance has begun and ended since.
#[test]
fn the_same_where_a_rebalance_takes_less_than_a_session() {
    let (mut story, sync) = Story::syncing();
    story.group.settings.rebalance_timeout = SESSION / 2;
    story.pass(SESSION / 2);
    story.answer(&sync, synced(&[("a", &[0])]));
    let beat = story.sent(ApiKey::Heartbeat);
    story.assigned();
    story.refuse(&beat, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    story.lost();
}

/// That heartbeat is what makes sure of the seat.
#[test]
fn the_first_heartbeat_of_a_seat_is_tried_again_before_the_next_one_is_due() {
    let (mut story, sync) = Story::syncing();
    story.pass(SESSION - secs(1));
    story.answer(&sync, synced(&[("a", &[0])]));
    let beat = story.sent(ApiKey::Heartbeat);
    story.assigned();
    story.refuse(&beat, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    assert!(story.wait() < secs(1));
    let beat = story.sent(ApiKey::Heartbeat);
    story.refuse(&beat, ErrorCode::NONE);
    story.quiet();
}

#[test]
fn a_rebalance_may_have_begun_while_a_sync_was_on_its_way_back() {
    let (mut story, sync) = Story::syncing();
    story.pass(secs(50));
    story.answer(&sync, synced(&[("a", &[0])]));
    let beat = story.sent(ApiKey::Heartbeat);
    story.assigned();
    story.refuse(&beat, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(story.release_begins(), sync.at + RELEASE);
}

#[test]
fn a_commit_that_is_not_answered_makes_the_coordinator_be_looked_up() {
    let mut story = Story::stable();
    story.pass(secs(1));
    let sent_at = story.now;
    story.group.connection_failed(story.now, sent_at);
    let find = story.sent(ApiKey::FindCoordinator);
    story.pass(secs(1));
    story.answer(&find, found(2));
    assert!(matches!(story.next(), Action::Disconnect(_)));
    story.sent(ApiKey::Heartbeat);
    // Another one of the same connection says nothing about the new one.
    story.group.connection_failed(story.now, sent_at);
    let not = ErrorCode::NOT_COORDINATOR;
    story
        .group
        .heard(story.now, sent_at, ApiKey::OffsetCommit, not);
    story.quiet();
    assert_eq!(story.session().coordinator, coordinator(2));
}

#[test]
fn a_heartbeat_on_a_dead_connection_does_not_hold_up_the_next_one() {
    let mut story = Story::stable();
    let lost = story.next_heartbeat();
    story.group.connection_failed(story.now, story.now);
    let find = story.sent(ApiKey::FindCoordinator);
    // It fails together with the commit.
    story.fail(&lost, ErrorKind::Disconnected);
    story.quiet();
    story.answer(&find, found(1));
    story.sent(ApiKey::Heartbeat);
    story.quiet();
}
