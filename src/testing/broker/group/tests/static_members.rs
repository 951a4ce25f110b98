//! Members that keep their seats.

use super::*;

#[test]
fn a_static_member_comes_back_to_its_seat_without_a_rebalance() {
    let mut story = Story::new();
    let first = story.join(statically("one"));
    story.send_sync(&first, &[(&first, "all")]);
    let back = story.join(statically("one"));
    assert_eq!((back.error, back.generation), (ErrorCode::NONE, 1));
    assert_ne!(back.member_id, first.member_id);
    assert_eq!(
        back.leader, first.member_id,
        "an old client must not take itself for the leader"
    );
    assert_eq!(story.group.state(), GroupState::Stable);
    let sync = story.send_sync(&back, &[]);
    assert_eq!(story.synced(sync).assignment, b"all");
    let code = story
        .group
        .heartbeat(story.now, &first.member_id, Some("one"), 1);
    assert_eq!(code, ErrorCode::FENCED_INSTANCE_ID);
}

#[test]
fn from_version_9_a_static_leader_that_comes_back_is_told_not_to_assign() {
    let mut story = Story::new();
    let first = story.join(statically("one"));
    story.send_sync(&first, &[(&first, "all")]);
    let back = story.join(Join {
        can_skip_assignment: true,
        ..statically("one")
    });
    assert_eq!(back.leader, back.member_id);
    assert!(back.skip_assignment);
    assert_eq!(back.members.len(), 1);
}

#[test]
fn a_static_member_that_is_replaced_while_it_waits_is_fenced() {
    let mut story = Story::new();
    let leader = story.alone();
    let first = story.send_join(statically("one"));
    let second = story.send_join(statically("one"));
    assert_eq!(story.joined(first).error, ErrorCode::FENCED_INSTANCE_ID);
    let leader = story.join(again(&leader, dynamic("a")));
    let second = story.joined(second);
    assert_eq!(leader.members[1].instance_id.as_deref(), Some("one"));
    assert_eq!(leader.members[1].id, second.member_id);
}

#[test]
fn a_static_member_that_misses_a_rebalance_keeps_its_seat_but_not_the_lead() {
    let mut story = Story::new();
    let busy = Join {
        session_timeout: Duration::from_secs(600),
        ..statically("one")
    };
    let first = story.join(busy);
    story.send_sync(&first, &[]);
    let newcomer = story.send_join(dynamic("b"));
    story.pass(REBALANCE);
    let newcomer = story.joined(newcomer);
    assert_eq!(newcomer.members.len(), 2);
    assert_eq!(
        newcomer.leader, newcomer.member_id,
        "the lead goes to one who has joined"
    );
}

#[test]
fn an_administrator_removes_a_static_member_by_its_name() {
    let mut story = Story::new();
    story.join(statically("one"));
    assert_eq!(
        story.group.leave(story.now, "", Some("two")),
        ErrorCode::UNKNOWN_MEMBER_ID
    );
    assert_eq!(
        story.group.leave(story.now, "", Some("one")),
        ErrorCode::NONE
    );
    assert_eq!(story.group.members().len(), 0);
}
