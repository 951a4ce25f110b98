//! Whose commits are accepted, and when.

use super::*;

#[test]
fn commits_of_the_old_generation_are_accepted_until_the_others_are_done() {
    let mut story = Story::new();
    let (leader, follower) = story.pair();
    let newcomer = story.send_join(dynamic("c"));
    assert_eq!(story.commit(2, &follower.member_id), Ok(()));
    let again_leader = story.send_join(again(&leader, dynamic("a")));
    assert_eq!(story.commit(2, &leader.member_id), Ok(()));
    assert_eq!(
        story.commit(1, &leader.member_id),
        Err(ErrorCode::ILLEGAL_GENERATION)
    );
    story.join(again(&follower, dynamic("b")));
    let leader = story.joined(again_leader);
    assert_eq!(story.joined(newcomer).generation, 3);
    assert_eq!(
        story.commit(2, &follower.member_id),
        Err(ErrorCode::ILLEGAL_GENERATION)
    );
    assert_eq!(
        story.commit(3, &follower.member_id),
        Err(ErrorCode::REBALANCE_IN_PROGRESS)
    );
    story.send_sync(&leader, &[]);
    assert_eq!(story.commit(3, &follower.member_id), Ok(()));
}

#[test]
fn only_members_commit_while_there_are_any_and_anyone_does_in_an_empty_group() {
    let mut story = Story::new();
    assert_eq!(story.commit(-1, ""), Ok(()));
    assert_eq!(story.commit(5, "nobody"), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    let leader = story.alone();
    assert_eq!(story.commit(-1, ""), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(story.commit(1, "nobody"), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(
        story.commit(-1, &leader.member_id),
        Err(ErrorCode::ILLEGAL_GENERATION)
    );
    assert_eq!(story.leave(&leader), ErrorCode::NONE);
    assert_eq!(story.group.state(), GroupState::Empty);
    assert_eq!(story.commit(-1, ""), Ok(()));
}
