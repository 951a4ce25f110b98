//! Giving up claims in order.

use super::*;

#[test]
fn the_member_joins_as_soon_as_all_is_released() {
    let (mut story, _) = Story::releasing();
    story.quiet();
    assert_eq!(story.session().generation, 1);
    story.group.released(story.now);
    let join = story.sent(ApiKey::JoinGroup);
    assert_eq!(story.group.session(), None);
    story.answer(&join, joined(2));
    story.finish_sync(2);
}

#[test]
fn the_deadline_counts_from_the_last_heartbeat_that_knew_of_no_rebalance() {
    let mut story = Story::stable();
    let calm = story.next_heartbeat();
    story.refuse(&calm, ErrorCode::NONE);
    let beat = story.next_heartbeat();
    story.pass(secs(1));
    story.refuse(&beat, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(story.release_begins(), calm.at + RELEASE);
}

#[test]
fn a_broker_with_join_group_0_waits_for_the_session_timeout_only() {
    let (story, deadline) = Story::releasing_by(0);
    assert_eq!(deadline, story.begin + secs(27));
    let (story, deadline) = Story::releasing_by(1);
    assert_eq!(deadline, story.begin + RELEASE);
}

/// Its connection answers nothing else before, and the others do not wait for ever.
#[test]
fn while_a_heartbeat_is_waited_for_in_vain_the_join_takes_a_fresh_connection() {
    let (mut story, _) = Story::releasing();
    let beat = story.next_heartbeat();
    story.pass(secs(1));
    story.quiet();
    story.group.released(story.now);
    assert!(matches!(story.next(), Action::Disconnect(to) if to == coordinator(1)));
    story.fail(&beat, ErrorKind::Disconnected);
    story.sent(ApiKey::JoinGroup);

    let (mut story, _) = Story::releasing();
    story.next_heartbeat();
    story.pass(millis(999));
    story.group.released(story.now);
    story.sent(ApiKey::JoinGroup);
}

#[test]
fn without_a_coordinator_the_release_ends_all_the_same_and_the_join_waits() {
    let (mut story, _) = Story::releasing();
    let beat = story.next_heartbeat();
    story.fail(&beat, ErrorKind::Disconnected);
    let find = story.sent(ApiKey::FindCoordinator);
    story.group.released(story.now);
    story.quiet();
    story.answer(&find, found(1));
    story.sent(ApiKey::JoinGroup);
}

#[test]
fn a_release_that_begins_too_late_is_to_be_over_at_once() {
    // The coordinator was away for nearly as long as the others wait.
    let mut story = Story::stable();
    story.group.settings.rebalance_timeout = secs(5);
    let beat = story.next_heartbeat();
    story.pass(secs(1));
    story.refuse(&beat, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(story.release_begins(), story.now);
    story.group.released(story.now);
    story.sent(ApiKey::JoinGroup);
}

#[test]
fn a_commit_may_be_the_first_to_hear_of_a_rebalance() {
    let mut story = Story::stable();
    let code = ErrorCode::REBALANCE_IN_PROGRESS;
    story
        .group
        .heard(story.now, story.now, ApiKey::OffsetCommit, code);
    story.release_begins();
    story
        .group
        .heard(story.now, story.now, ApiKey::OffsetCommit, code);
    story.quiet();
}

#[test]
fn a_commit_may_be_the_first_to_hear_that_the_generation_is_over() {
    for (code, member_id) in [
        (ErrorCode::ILLEGAL_GENERATION, "m"),
        (ErrorCode::UNKNOWN_MEMBER_ID, ""),
    ] {
        let mut story = Story::stable();
        story
            .group
            .heard(story.now, story.now, ApiKey::OffsetCommit, code);
        assert_eq!(story.lost().code(), Some(code));
        let (_, ask) = story.sent_join();
        assert_eq!(ask.member_id, member_id);
    }
}

#[test]
fn what_concerns_a_partition_is_not_the_business_of_the_membership() {
    let mut story = Story::stable();
    for (api, code) in [
        (ApiKey::OffsetCommit, ErrorCode::OFFSET_METADATA_TOO_LARGE),
        (
            ApiKey::OffsetCommit,
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ),
        (ApiKey::OffsetFetch, ErrorCode::UNSTABLE_OFFSET_COMMIT),
        (ApiKey::OffsetFetch, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
    ] {
        story.group.heard(story.now, story.now, api, code);
        story.quiet();
        assert_eq!(story.session().generation, 1);
    }
}

#[test]
fn a_commit_of_an_earlier_generation_says_nothing_about_this_one() {
    let (mut story, _) = Story::releasing();
    let sent_at = story.now;
    story.group.released(story.now);
    let join = story.sent(ApiKey::JoinGroup);
    let code = ErrorCode::UNKNOWN_MEMBER_ID;
    story
        .group
        .heard(story.now, sent_at, ApiKey::OffsetCommit, code);
    story.quiet();
    story.pass(secs(1));
    story.answer(&join, joined(2));
    story.finish_sync(2);
    story
        .group
        .heard(story.now, sent_at, ApiKey::OffsetCommit, code);
    story.quiet();
    story.group.connection_failed(story.now, sent_at);
    story.quiet();
    assert_eq!(story.session().generation, 2);
}

#[test]
fn a_change_of_the_subscription_releases_and_joins_with_the_new_one() {
    let mut story = Story::stable();
    story.subscribe(&["a"]);
    story.quiet();
    story.subscribe(&["a", "b"]);
    assert_eq!(story.release_begins(), story.begin + RELEASE);
    story.subscribe(&["c"]);
    story.quiet();
    story.group.released(story.now);
    let (_, ask) = story.sent_join();
    let subscription = Subscription::from_bytes(&ask.protocols[0].1).unwrap();
    assert_eq!(subscription.topics, ["c"]);
}

#[test]
fn a_subscription_may_shrink_to_nothing_without_leaving_the_group() {
    let mut story = Story::stable();
    story.subscribe(&[]);
    story.release_begins();
    story.group.released(story.now);
    let join = story.sent(ApiKey::JoinGroup);
    story.answer(&join, joined(2));
    let sync = story.sent(ApiKey::SyncGroup);
    story.answer(&sync, synced(&[]));
    assert!(story.assigned().1.is_empty());
    story.next_heartbeat();
}
