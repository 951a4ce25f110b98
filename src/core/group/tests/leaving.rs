//! The end, from every state.

use super::*;

const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

fn leave(story: &mut Story) {
    story.group.leave(story.now, story.now + secs(10));
}

fn left(story: &mut Story) {
    assert!(matches!(story.next(), Action::Left));
    // Nothing moves any more, whatever happens.
    story.subscribe(&["x"]);
    story.group.released(story.now);
    story.group.connection_failed(story.now, story.now);
    let code = ErrorCode::UNKNOWN_MEMBER_ID;
    story
        .group
        .heard(story.now, story.now, ApiKey::OffsetCommit, code);
    story.group.metadata_changed(story.now, &|_| Count::Is(1));
    story.group.counted(story.now);
    leave(story);
    story.pass(secs(600));
    story.quiet();
    assert_eq!(story.group.poll_deadline(), None);
}

/// The LeaveGroup goes out, and is answered.
fn goodbye(story: &mut Story) {
    let sent = story.sent(ApiKey::LeaveGroup);
    assert_eq!(sent.to, Destination::Coordinator(coordinator(1)));
    assert_eq!(sent.timeout, LEAVE_TIMEOUT);
    let Call::LeaveGroup(ask) = &sent.call else {
        unreachable!()
    };
    assert_eq!((ask.group_id.as_str(), ask.member_id.as_str()), ("g", "m"));
    story.quiet();
    story.refuse(&sent, ErrorCode::NONE);
    left(story);
}

#[test]
fn before_the_subscription() {
    let mut story = Story::with(settings());
    leave(&mut story);
    left(&mut story);
}

#[test]
fn while_the_coordinator_is_looked_up_for_the_first_time() {
    let (mut story, find) = Story::started(settings());
    leave(&mut story);
    story.answer(&find, found(1));
    left(&mut story);
}

#[test]
fn while_the_first_join_is_kept_there_is_nobody_to_take_leave() {
    let (mut story, join) = Story::joining();
    leave(&mut story);
    assert!(matches!(story.next(), Action::Disconnect(to) if to == coordinator(1)));
    story.fail(&join, ErrorKind::Disconnected);
    left(&mut story);
}

#[test]
fn while_a_join_is_kept_the_goodbye_takes_a_fresh_connection() {
    let (mut story, _) = Story::releasing();
    story.group.released(story.now);
    let join = story.sent(ApiKey::JoinGroup);
    leave(&mut story);
    assert!(matches!(story.next(), Action::Disconnect(to) if to == coordinator(1)));
    story.fail(&join, ErrorKind::Disconnected);
    goodbye(&mut story);
}

#[test]
fn while_a_sync_is_kept_the_goodbye_takes_a_fresh_connection() {
    let (mut story, _) = Story::syncing();
    leave(&mut story);
    assert!(matches!(story.next(), Action::Disconnect(to) if to == coordinator(1)));
    goodbye(&mut story);
}

#[test]
fn while_the_leader_waits_for_counts() {
    let (mut story, join) = Story::joining();
    let answer = join_group::Answer {
        leader: "m".to_owned(),
        ..seat(1)
    };
    story.answer(&join, Answer::JoinGroup(answer));
    assert!(matches!(story.next(), Action::Watch));
    leave(&mut story);
    goodbye(&mut story);
}

#[test]
fn with_claims() {
    let mut story = Story::stable();
    leave(&mut story);
    assert_eq!(story.group.session(), None);
    goodbye(&mut story);
}

/// Its connection answers nothing else before.
#[test]
fn while_a_heartbeat_is_waited_for_in_vain_the_goodbye_takes_a_fresh_connection() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.pass(secs(1));
    story.quiet();
    leave(&mut story);
    assert!(matches!(story.next(), Action::Disconnect(to) if to == coordinator(1)));
    story.fail(&beat, ErrorKind::Disconnected);
    goodbye(&mut story);

    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.pass(millis(999));
    leave(&mut story);
    story.refuse(&beat, ErrorCode::NONE);
    goodbye(&mut story);
}

#[test]
fn while_the_claims_are_released() {
    let (mut story, _) = Story::releasing();
    leave(&mut story);
    goodbye(&mut story);
}

#[test]
fn while_the_join_waits_for_its_backoff() {
    let (mut story, sync) = Story::syncing();
    story.refuse(&sync, ErrorCode::UNKNOWN_SERVER_ERROR);
    story.reported();
    leave(&mut story);
    goodbye(&mut story);
}

#[test]
fn after_a_fatal_error() {
    let (mut story, join) = Story::joining();
    story.refuse(&join, ErrorCode::GROUP_AUTHORIZATION_FAILED);
    assert!(matches!(story.next(), Action::Fatal(_)));
    leave(&mut story);
    left(&mut story);
}

#[test]
fn a_static_member_keeps_its_place() {
    let static_member = || Settings {
        instance_id: Some("i".to_owned()),
        ..settings()
    };
    let (mut story, join) = Story::joining_with(static_member());
    story.answer(&join, joined(1));
    story.finish_sync(1);
    leave(&mut story);
    left(&mut story);

    let (mut story, _) = Story::joining_with(static_member());
    leave(&mut story);
    assert!(matches!(story.next(), Action::Disconnect(_)));
    left(&mut story);
}

#[test]
fn while_the_coordinator_is_looked_up_again() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.fail(&beat, ErrorKind::Disconnected);
    let find = story.sent(ApiKey::FindCoordinator);
    leave(&mut story);
    story.quiet();
    story.pass(secs(1));
    story.answer(&find, found(1));
    let sent = story.sent(ApiKey::LeaveGroup);
    assert_eq!(sent.timeout, LEAVE_TIMEOUT - secs(1));
    story.refuse(&sent, ErrorCode::NONE);
    left(&mut story);
}

/// Whoever was held up hears late where the group coordinator is.
#[test]
fn a_goodbye_has_time_also_where_that_for_leaving_is_over() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.fail(&beat, ErrorKind::Disconnected);
    let find = story.sent(ApiKey::FindCoordinator);
    leave(&mut story);
    story.now += secs(5);
    story.answer(&find, found(1));
    let sent = story.sent(ApiKey::LeaveGroup);
    assert_eq!(sent.timeout, secs(1));
    story.group.handle_timeout(story.now);
    story.quiet();
    assert_eq!(story.wait(), secs(1));
    left(&mut story);
}

#[test]
fn one_look_up_is_all_that_leaving_is_worth() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.fail(&beat, ErrorKind::Disconnected);
    let find = story.sent(ApiKey::FindCoordinator);
    story.fail(&find, ErrorKind::Connect);
    story.quiet();
    // The backoff is not waited for.
    leave(&mut story);
    let find = story.sent(ApiKey::FindCoordinator);
    story.fail(&find, ErrorKind::Connect);
    left(&mut story);
}

#[test]
fn a_look_up_that_is_not_answered_is_not_waited_for() {
    let mut story = Story::stable();
    let beat = story.next_heartbeat();
    story.fail(&beat, ErrorKind::Disconnected);
    story.sent(ApiKey::FindCoordinator);
    leave(&mut story);
    assert_eq!(story.wait(), LEAVE_TIMEOUT);
    left(&mut story);
}

#[test]
fn a_goodbye_that_is_not_answered_is_not_waited_for() {
    for (time, waits) in [(secs(10), LEAVE_TIMEOUT), (secs(2), secs(2))] {
        let mut story = Story::stable();
        story.group.leave(story.now, story.now + time);
        let sent = story.sent(ApiKey::LeaveGroup);
        assert_eq!(sent.timeout, waits);
        assert_eq!(story.wait(), waits);
        assert!(matches!(story.next(), Action::Left));
        story.refuse(&sent, ErrorCode::NONE);
        story.quiet();
    }
}

#[test]
fn a_goodbye_that_fails_is_one_all_the_same() {
    for code in [
        ErrorCode::NOT_COORDINATOR,
        ErrorCode::UNKNOWN_MEMBER_ID,
        ErrorCode(9999),
    ] {
        let mut story = Story::stable();
        leave(&mut story);
        let sent = story.sent(ApiKey::LeaveGroup);
        story.refuse(&sent, code);
        left(&mut story);
    }
    let mut story = Story::stable();
    leave(&mut story);
    let sent = story.sent(ApiKey::LeaveGroup);
    story.fail(&sent, ErrorKind::Disconnected);
    left(&mut story);
}

#[test]
fn twice_is_once() {
    let mut story = Story::stable();
    leave(&mut story);
    leave(&mut story);
    goodbye(&mut story);
}
