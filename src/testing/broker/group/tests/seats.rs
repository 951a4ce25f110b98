//! Who has a seat, and how it is lost.

use super::*;

#[test]
fn who_does_not_join_again_within_the_rebalance_timeout_loses_its_seat() {
    let mut story = Story::new();
    let (leader, follower) = story.pair();
    let newcomer = story.send_join(dynamic("c"));
    let leader = story.send_join(again(&leader, dynamic("a")));
    // It lives, as its heartbeats show, but it is busy.
    for _ in 0..11 {
        story.pass(Duration::from_secs(5));
        assert_eq!(story.heartbeat(&follower), ErrorCode::REBALANCE_IN_PROGRESS);
        assert!(story.is_pending(newcomer));
    }
    story.pass(Duration::from_secs(5));
    assert_eq!(story.joined(leader).members.len(), 2);
    assert_eq!(story.joined(newcomer).generation, 3);
    assert_eq!(story.heartbeat(&follower), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_leader_that_does_not_join_again_loses_the_lead() {
    let mut story = Story::new();
    let (leader, follower) = story.pair();
    let changed = Join {
        protocols: vec![("range".to_owned(), b"more".to_vec())],
        ..dynamic("b")
    };
    let waiting = story.send_join(again(&follower, changed));
    for _ in 0..12 {
        story.heartbeat(&leader);
        story.pass(Duration::from_secs(5));
    }
    let joined = story.joined(waiting);
    assert_eq!(joined.leader, follower.member_id);
    assert_eq!(joined.members.len(), 1);
}

#[test]
fn a_member_without_a_sign_of_life_expires_after_its_session_timeout() {
    let mut story = Story::new();
    let (leader, follower) = story.pair();
    story.pass(SESSION - Duration::from_secs(1));
    assert_eq!(story.heartbeat(&leader), ErrorCode::NONE);
    story.pass(Duration::from_secs(1));
    assert_eq!(story.group.state(), GroupState::PreparingRebalance);
    assert_eq!(story.heartbeat(&leader), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(story.heartbeat(&follower), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut story = Story::new();
    let leader = story.alone();
    for _ in 0..4 {
        story.pass(SESSION - Duration::from_secs(1));
        assert_eq!(story.commit(leader.generation, &leader.member_id), Ok(()));
    }
    assert_eq!(story.group.state(), GroupState::Stable);
    story.pass(SESSION);
    assert_eq!(story.group.state(), GroupState::Empty);
}

#[test]
fn a_member_that_waits_for_the_rebalance_does_not_expire() {
    let mut story = Story::new();
    let (leader, follower) = story.pair();
    let waiting = story.send_join(again(&leader, dynamic("a")));
    for _ in 0..5 {
        story.pass(SESSION - Duration::from_secs(1));
        story.heartbeat(&follower);
    }
    assert!(story.is_pending(waiting));
    story.join(again(&follower, dynamic("b")));
    assert_eq!(story.joined(waiting).members.len(), 2);
}

#[test]
fn a_newcomer_that_waits_too_long_is_told_to_start_over() {
    let mut story = Story::new();
    let patient = Join {
        rebalance_timeout: Duration::from_secs(3600),
        ..dynamic("a")
    };
    let leader = story.join(patient);
    story.send_sync(&leader, &[]);
    let newcomer = story.send_join(dynamic("b"));
    for _ in 0..61 {
        story.heartbeat(&leader);
        story.pass(Duration::from_secs(5));
    }
    assert_eq!(story.joined(newcomer).error, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(story.group.members().len(), 1);
}

#[test]
fn from_version_4_a_member_must_come_back_with_the_id_it_is_given() {
    let mut story = Story::new();
    let asks = Join {
        requires_member_id: true,
        ..dynamic("a")
    };
    let refused = story.join(asks.clone());
    assert_eq!(refused.error, ErrorCode::MEMBER_ID_REQUIRED);
    assert!(refused.member_id.starts_with("a-"));
    assert_eq!(story.group.members().len(), 0);
    let joined = story.join(again(&refused, asks));
    assert_eq!(
        (joined.error, &joined.member_id),
        (ErrorCode::NONE, &refused.member_id)
    );
}

#[test]
fn the_rebalance_waits_for_a_pending_member_until_it_joins_leaves_or_expires() {
    let mut story = Story::new();
    let leader = story.alone();
    let asks = Join {
        requires_member_id: true,
        ..dynamic("b")
    };
    let pending = story.join(asks.clone());
    let waiting = story.send_join(again(&leader, dynamic("a")));
    assert!(story.is_pending(waiting));
    assert_eq!(story.leave(&pending), ErrorCode::NONE);
    let leader = story.joined(waiting);

    story.send_sync(&leader, &[]);
    let pending = story.join(asks.clone());
    let waiting = story.send_join(again(&leader, dynamic("a")));
    story.pass(SESSION);
    assert_eq!(story.joined(waiting).members.len(), 1);
    assert_eq!(
        story.join(again(&pending, asks)).error,
        ErrorCode::UNKNOWN_MEMBER_ID
    );
}

#[test]
fn who_never_sends_sync_loses_its_seat_after_the_rebalance_timeout() {
    let mut story = Story::new();
    let leader = story.alone();
    let follower = story.send_join(dynamic("b"));
    let leader = story.join(again(&leader, dynamic("a")));
    let follower = story.joined(follower);
    story.send_sync(&leader, &[]);
    for _ in 0..12 {
        assert_eq!(story.heartbeat(&leader), ErrorCode::NONE);
        assert_eq!(story.heartbeat(&follower), ErrorCode::NONE);
        story.pass(Duration::from_secs(5));
    }
    assert_eq!(story.heartbeat(&leader), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(story.heartbeat(&follower), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn before_3_0_nobody_waits_for_a_missing_sync() {
    let mut story = Story::by(Rules {
        awaits_sync: false,
        ..RULES
    });
    let leader = story.join(dynamic("a"));
    for _ in 0..100 {
        assert_eq!(story.heartbeat(&leader), ErrorCode::NONE);
        story.pass(Duration::from_secs(5));
    }
    assert_eq!(story.group.state(), GroupState::CompletingRebalance);
}

#[test]
fn before_2_7_a_heartbeat_between_join_and_sync_is_told_of_a_rebalance() {
    let mut story = Story::by(Rules {
        heartbeats_while_completing: false,
        ..RULES
    });
    let leader = story.join(dynamic("a"));
    assert_eq!(story.heartbeat(&leader), ErrorCode::REBALANCE_IN_PROGRESS);
    let mut story = Story::new();
    let leader = story.join(dynamic("a"));
    assert_eq!(story.heartbeat(&leader), ErrorCode::NONE);
}

#[test]
fn a_session_timeout_out_of_bounds_is_refused() {
    let mut story = Story::new();
    let short = Join {
        session_timeout: Duration::from_secs(5),
        ..dynamic("a")
    };
    assert_eq!(story.join(short).error, ErrorCode::INVALID_SESSION_TIMEOUT);
    let long = Join {
        session_timeout: Duration::from_secs(1801),
        ..dynamic("a")
    };
    assert_eq!(story.join(long).error, ErrorCode::INVALID_SESSION_TIMEOUT);
}
