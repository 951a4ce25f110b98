//! How a group gets from one generation to the next.

use super::*;

#[test]
fn the_first_member_leads_and_its_assignment_makes_the_group_stable() {
    let mut story = Story::new();
    let leader = story.join(dynamic("a"));
    assert_eq!((leader.error, leader.generation), (ErrorCode::NONE, 1));
    assert_eq!(leader.leader, leader.member_id);
    assert!(leader.member_id.starts_with("a-"), "{}", leader.member_id);
    assert_eq!(leader.members.len(), 1);
    assert_eq!(leader.members[0].metadata, b"topics");
    assert_eq!(story.group.state(), GroupState::CompletingRebalance);
    let sync = story.send_sync(&leader, &[(&leader, "all")]);
    assert_eq!(story.synced(sync).assignment, b"all");
    assert_eq!(story.group.state(), GroupState::Stable);
}

#[test]
fn a_newcomer_waits_until_all_others_have_joined_again() {
    let mut story = Story::new();
    let leader = story.alone();
    let newcomer = story.send_join(dynamic("b"));
    assert!(story.is_pending(newcomer));
    assert_eq!(story.group.state(), GroupState::PreparingRebalance);
    assert_eq!(story.heartbeat(&leader), ErrorCode::REBALANCE_IN_PROGRESS);
    let leader = story.join(again(&leader, dynamic("a")));
    let newcomer = story.joined(newcomer);
    assert_eq!((leader.generation, newcomer.generation), (2, 2));
    assert_eq!(newcomer.leader, leader.member_id);
    assert_eq!((leader.members.len(), newcomer.members.len()), (2, 0));
}

#[test]
fn followers_wait_for_the_leaders_assignment_and_who_is_left_out_gets_an_empty_one() {
    let mut story = Story::new();
    let leader = story.alone();
    let follower = story.send_join(dynamic("b"));
    let leader = story.join(again(&leader, dynamic("a")));
    let follower = story.joined(follower);
    let waiting = story.send_sync(&follower, &[]);
    assert!(story.is_pending(waiting));
    story.send_sync(&leader, &[(&leader, "all")]);
    let synced = story.synced(waiting);
    assert_eq!(
        (synced.error, synced.assignment.len()),
        (ErrorCode::NONE, 0)
    );
}

#[test]
fn in_a_stable_group_a_follower_that_joins_unchanged_gets_the_current_generation() {
    let mut story = Story::new();
    let (_, follower) = story.pair();
    let joined = story.join(again(&follower, dynamic("b")));
    assert_eq!(
        (joined.generation, joined.members.len()),
        (follower.generation, 0)
    );
    assert_eq!(story.group.state(), GroupState::Stable);
    let sync = story.send_sync(&joined, &[]);
    assert_eq!(story.synced(sync).assignment, b"right");
}

#[test]
fn a_leader_that_joins_or_a_changed_subscription_forces_a_rebalance() {
    let mut story = Story::new();
    let (leader, follower) = story.pair();
    let waiting = story.send_join(again(&leader, dynamic("a")));
    assert!(story.is_pending(waiting));
    let follower = story.join(again(&follower, dynamic("b")));
    let leader = story.joined(waiting);
    assert_eq!((leader.generation, follower.generation), (3, 3));
    story.send_sync(&leader, &[]);

    let changed = Join {
        protocols: vec![("range".to_owned(), b"more".to_vec())],
        ..dynamic("b")
    };
    let waiting = story.send_join(again(&follower, changed));
    assert!(story.is_pending(waiting));
    let leader = story.join(again(&leader, dynamic("a")));
    assert_eq!(leader.members[1].metadata, b"more");
}

#[test]
fn a_member_that_missed_the_answer_to_its_join_gets_it_again() {
    let mut story = Story::new();
    let leader = story.alone();
    let follower = story.send_join(dynamic("b"));
    let leader = story.join(again(&leader, dynamic("a")));
    let follower = story.joined(follower);
    assert_eq!(story.join(again(&leader, dynamic("a"))), leader);
    assert_eq!(story.join(again(&follower, dynamic("b"))), follower);
    assert_eq!(story.group.generation(), 2);
}

#[test]
fn a_rebalance_refuses_those_who_wait_for_the_assignment() {
    let mut story = Story::new();
    let leader = story.alone();
    let follower = story.send_join(dynamic("b"));
    let _leader = story.join(again(&leader, dynamic("a")));
    let follower = story.joined(follower);
    let waiting = story.send_sync(&follower, &[]);
    story.send_join(dynamic("c"));
    assert_eq!(
        story.synced(waiting).error,
        ErrorCode::REBALANCE_IN_PROGRESS
    );
    let late = story.send_sync(&follower, &[]);
    assert_eq!(story.synced(late).error, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_group_that_was_left_by_all_is_empty_and_counts_that_as_a_generation() {
    let mut story = Story::new();
    let leader = story.alone();
    assert_eq!(story.leave(&leader), ErrorCode::NONE);
    assert_eq!(
        (story.group.state(), story.group.generation()),
        (GroupState::Empty, 2)
    );
    assert_eq!(story.heartbeat(&leader), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(story.leave(&leader), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(story.join(dynamic("b")).generation, 3);
}

#[test]
fn an_empty_group_waits_for_more_members_as_long_as_they_keep_coming() {
    let delay = Duration::from_secs(3);
    let mut story = Story::by(Rules {
        initial_rebalance_delay: delay,
        ..RULES
    });
    let first = story.send_join(dynamic("a"));
    story.pass(Duration::from_secs(2));
    let second = story.send_join(dynamic("b"));
    story.pass(Duration::from_secs(3));
    assert!(story.is_pending(first));
    story.pass(Duration::from_secs(1));
    assert_eq!(story.joined(first).members.len(), 2);
    assert_eq!(story.joined(second).generation, 1);
}

#[test]
fn a_group_that_moves_refuses_who_waits_and_falls_back_to_its_last_stable_generation() {
    let mut story = Story::new();
    let (leader, follower) = story.pair();
    let newcomer = story.send_join(dynamic("c"));
    let waiting = story.send_join(again(&leader, dynamic("a")));
    story.group.unload();
    story.group.load(story.now);
    story.collect();
    assert_eq!(story.joined(newcomer).error, ErrorCode::NOT_COORDINATOR);
    assert_eq!(story.joined(waiting).error, ErrorCode::NOT_COORDINATOR);
    assert_eq!(
        (story.group.state(), story.group.generation()),
        (GroupState::Stable, 2)
    );
    assert_eq!(story.heartbeat(&follower), ErrorCode::NONE);
    assert_eq!(story.commit(2, &leader.member_id), Ok(()));
}
#[test]
fn the_protocol_is_the_one_that_most_members_prefer_among_those_that_all_support() {
    let mut story = Story::new();
    let join = |protocols: &[&str]| Join {
        protocols: offers(protocols),
        ..dynamic("m")
    };
    let first = story.join(join(&["sticky", "range", "roundrobin"]));
    assert_eq!(first.protocol.as_deref(), Some("sticky"));
    let second = story.send_join(join(&["roundrobin", "range"]));
    let third = story.send_join(join(&["roundrobin", "range"]));
    let first = story.join(again(&first, join(&["sticky", "range", "roundrobin"])));
    assert_eq!(first.protocol.as_deref(), Some("roundrobin"));
    assert_eq!(story.joined(second).protocol, first.protocol);
    assert_eq!(story.joined(third).protocol, first.protocol);
}

#[test]
fn who_supports_no_common_protocol_is_refused() {
    let mut story = Story::new();
    let leader = story.alone();
    let other = Join {
        protocols: offers(&["sticky"]),
        ..dynamic("b")
    };
    assert_eq!(
        story.join(other).error,
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL
    );
    let connect = Join {
        protocol_type: "connect".to_owned(),
        ..dynamic("b")
    };
    assert_eq!(
        story.join(connect).error,
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL
    );
    let sync = Sync {
        member_id: leader.member_id.clone(),
        instance_id: None,
        generation: leader.generation,
        protocol_type: Some("consumer".to_owned()),
        protocol: Some("sticky".to_owned()),
        assignments: BTreeMap::new(),
    };
    story.group.sync(story.now, RequestId(99), sync);
    story.collect();
    assert_eq!(
        story.synced(RequestId(99)).error,
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL
    );
}
