//! Static members that come back: their share was made before they went (KIP-345).

use super::{
    leading::{self, assignments, watched},
    *,
};

fn named() -> Settings {
    Settings {
        instance_id: Some("one".to_owned()),
        ..settings()
    }
}

/// The seat of the leader "m", a static one, in a group with "n".
fn lead(generation: i32) -> join_group::Answer {
    let mut answer = leading::lead(generation);
    answer.members[0].instance_id = named().instance_id;
    answer
}

/// What a leader gives to "m" where there are these topics.
fn former_share(topics: &[(&str, i32)]) -> Answer {
    former_share_of(lead(1), topics)
}

/// The same, in another group.
fn former_share_of(group: join_group::Answer, topics: &[(&str, i32)]) -> Answer {
    let (mut story, join) = Story::joining_with(named());
    story.answer(&join, Answer::JoinGroup(group));
    watched(&mut story);
    story.counted(topics);
    let Call::SyncGroup(ask) = story.sent(ApiKey::SyncGroup).call else {
        unreachable!()
    };
    let mut assignments = ask.assignments.into_iter();
    let (_, assignment) = assignments.find(|(id, _)| id == "m").unwrap();
    Answer::SyncGroup(sync_group::Answer {
        error: ErrorCode::NONE,
        assignment,
    })
}

/// A static leader that has come back. Nobody waits for partition counts.
fn back() -> (Story, Sent) {
    let (mut story, join) = Story::joining_with(named());
    let answer = join_group::Answer {
        skip_assignment: true,
        ..lead(1)
    };
    story.answer(&join, Answer::JoinGroup(answer));
    assert_eq!(watched(&mut story), names(&["a", "b"]));
    let sync = story.sent(ApiKey::SyncGroup);
    assert!(assignments(&sync).is_empty());
    (story, sync)
}

#[test]
fn a_static_leader_that_comes_back_assigns_nothing_and_watches_all_the_same() {
    let (mut story, sync) = back();
    story.answer(&sync, former_share(&[("a", 2)]));
    story.assigned();
    story.counted(&[("a", 2)]);
    story.quiet();
    story.described(&[("a", 4)]);
    story.release_begins();
}

#[test]
fn a_static_leader_assigns_anew_what_has_changed_while_it_was_away() {
    for (share, is_early) in [
        // The leader was another client, which leaves no note.
        (synced(&[("a", &[0])]), true),
        // Known before the share has come, or after.
        (former_share(&[("a", 1)]), true),
        (former_share(&[("a", 1)]), false),
        // Of another member's topics.
        (former_share(&[("a", 2), ("b", 1)]), false),
    ] {
        let (mut story, sync) = back();
        if is_early {
            story.counted(&[("a", 2)]);
        }
        story.answer(&sync, share);
        if !is_early {
            story.assigned();
            story.counted(&[("a", 2)]);
            story.release_begins();
            story.group.released(story.now);
        }
        let (join, ask) = story.sent_join();
        assert_eq!(ask.member_id, "m");
        story.answer(&join, Answer::JoinGroup(lead(2)));
        watched(&mut story);
        story.described(&[("a", 2), ("b", 1)]);
        let sync = story.sent(ApiKey::SyncGroup);
        assert!(!assignments(&sync).is_empty());
    }
}

/// What is known when it joins may be as old as its client.
#[test]
fn a_static_leader_that_comes_back_judges_nothing_by_what_was_known_before() {
    let (mut story, sync) = back();
    story.described(&[("a", 2)]);
    story.answer(&sync, former_share(&[("a", 4)]));
    story.assigned();
    story.described(&[("a", 2)]);
    story.quiet();
    story.counted(&[("a", 4)]);
    story.quiet();
    story.described(&[("a", 5)]);
    story.release_begins();
}

/// What it knows of its own topics is enough to see that they have changed.
#[test]
fn a_static_leader_that_comes_back_judges_the_whole_when_all_is_known() {
    for own in [2, 1] {
        let (mut story, sync) = back();
        story.answer(&sync, former_share(&[("a", own)]));
        story.assigned();
        story.described_but(&[("a", 2)], &["b"]);
        story.quiet();
        story.group.counted(story.now);
        if own == 1 {
            story.release_begins();
            continue;
        }
        story.quiet();
        story.described(&[("a", 2)]);
        story.quiet();
        story.described(&[("a", 2), ("b", 1)]);
        story.release_begins();
    }
}

/// A static leader that has come back to a broker before 3.2, which names it as it was, and nobody else.
fn back_unawares() -> (Story, Sent) {
    let (mut story, join) = Story::joining_with(named());
    let leader = format!("one-{}", "u".repeat(36));
    let answer = join_group::Answer { leader, ..seat(1) };
    story.answer(&join, Answer::JoinGroup(answer));
    assert_eq!(watched(&mut story), names(&["a"]));
    let sync = story.sent(ApiKey::SyncGroup);
    (story, sync)
}

#[test]
fn a_static_leader_that_is_not_told_of_the_others_looks_at_its_own_topics() {
    for partitions in [2, 1] {
        let mut group = lead(1);
        group.members[1].subscription = subscription(&["a"]);
        let share = former_share_of(group, &[("a", partitions)]);
        let (mut story, sync) = back_unawares();
        story.counted(&[("a", 2)]);
        story.answer(&sync, share);
        if partitions == 1 {
            story.sent(ApiKey::JoinGroup);
            continue;
        }
        story.assigned();
        story.described(&[("a", 4)]);
        story.release_begins();
    }
}

/// Partitions that are added to a topic that it does not read would be nobody's for good.
#[test]
fn a_static_leader_that_is_not_told_what_the_others_read_has_the_group_rebalance() {
    let (mut story, sync) = back_unawares();
    story.answer(&sync, former_share(&[("a", 2), ("b", 1)]));
    let (join, _) = story.sent_join();
    story.answer(&join, Answer::JoinGroup(lead(2)));
    assert_eq!(watched(&mut story), names(&["a", "b"]));
}

/// It was made for "a" alone. The group is made to rebalance for that once: another share that does not fit is
/// some leader's mistake.
#[test]
fn a_share_that_was_made_for_other_topics_is_objected_to_once() {
    let (mut story, find) = Story::started(named());
    story.subscribe(&["a", "b"]);
    story.answer(&find, found(1));
    let (mut join, first) = story.sent_join();
    let offers = |ask: &join_group::Ask| ask.protocols.clone();
    story.answer(&join, joined(1));
    let sync = story.sent(ApiKey::SyncGroup);
    story.answer(&sync, former_share(&[("a", 2)]));
    let changed;
    (join, changed) = story.sent_join();
    assert_ne!(offers(&first), offers(&changed), "the group is to notice");
    for generation in 2..5 {
        story.answer(&join, joined(generation));
        let sync = story.sent(ApiKey::SyncGroup);
        story.answer(&sync, former_share(&[("a", 2)]));
        story.assigned();
        let beat = story.next_heartbeat();
        story.refuse(&beat, ErrorCode::REBALANCE_IN_PROGRESS);
        story.release_begins();
        story.group.released(story.now);
        let again;
        (join, again) = story.sent_join();
        assert_eq!(offers(&changed), offers(&again));
    }
}
