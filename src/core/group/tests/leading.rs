//! The leader: it assigns, and it watches.

use super::*;

fn member(id: &str, subscription: Vec<u8>) -> join_group::Member {
    join_group::Member {
        id: id.to_owned(),
        instance_id: None,
        subscription,
    }
}

/// The seat of the leader "m" in a group with "n".
pub(super) fn lead(generation: i32) -> join_group::Answer {
    join_group::Answer {
        leader: "m".to_owned(),
        members: vec![
            member("m", subscription(&["a"])),
            member("n", subscription(&["a", "b"])),
        ],
        ..seat(generation)
    }
}

impl Story {
    /// The cluster is described anew. It has these topics and no others.
    pub(super) fn described(&mut self, topics: &[(&str, i32)]) {
        self.described_but(topics, &[]);
    }

    /// Of some topics it is not known whether it has them.
    pub(super) fn described_but(&mut self, topics: &[(&str, i32)], unknown: &[&str]) {
        let count = |name: &str| topics.iter().find(|(topic, _)| *topic == name);
        let count_of = |name: &str| match count(name) {
            Some((_, count)) => Count::Is(*count),
            None if unknown.contains(&name) => Count::Unknown,
            None => Count::NoTopic,
        };
        self.group.metadata_changed(self.now, &count_of);
    }

    /// And that is all there is to know.
    pub(super) fn counted(&mut self, topics: &[(&str, i32)]) {
        self.described(topics);
        self.group.counted(self.now);
    }
}

pub(super) fn watched(story: &mut Story) -> BTreeSet<String> {
    match story.next() {
        Action::Watch => story.group.watched().clone(),
        action => panic!("topics to watch were expected, not {action:?}"),
    }
}

/// What the leader sends, read: by member the partitions.
pub(super) fn assignments(sync: &Sent) -> BTreeMap<String, Vec<(String, Vec<i32>)>> {
    let Call::SyncGroup(ask) = &sync.call else {
        panic!("{sync:?}");
    };
    let read = |(id, blob): &(String, Vec<u8>)| {
        let assignment = Assignment::from_bytes(blob).unwrap();
        let partitions = assignment.assigned_partitions.into_iter();
        let partitions = partitions.map(|p| (p.topic, p.partitions)).collect();
        (id.clone(), partitions)
    };
    ask.assignments.iter().map(read).collect()
}

fn share(topics: &[(&str, &[i32])]) -> Vec<(String, Vec<i32>)> {
    let topics = topics.iter();
    topics
        .map(|(topic, p)| (topic.to_string(), p.to_vec()))
        .collect()
}

/// A leader that waits for counts.
fn assigning() -> Story {
    let (mut story, join) = Story::joining();
    story.answer(&join, Answer::JoinGroup(lead(1)));
    assert_eq!(watched(&mut story), names(&["a", "b"]));
    story.quiet();
    story
}

/// A leader that has assigned two partitions of "a"; "b" does not exist.
fn leading() -> Story {
    let mut story = assigning();
    story.counted(&[("a", 2)]);
    let sync = story.sent(ApiKey::SyncGroup);
    story.answer(&sync, synced(&[("a", &[0])]));
    story.assigned();
    story
}

#[test]
fn the_leader_assigns_what_all_want_by_the_assignor_that_was_chosen() {
    let mut story = assigning();
    story.counted(&[("a", 3), ("b", 2)]);
    let sync = story.sent(ApiKey::SyncGroup);
    let shares = assignments(&sync);
    assert_eq!(shares["m"], share(&[("a", &[0, 1])]));
    assert_eq!(shares["n"], share(&[("a", &[2]), ("b", &[0, 1])]));

    let (mut story, join) = Story::joining();
    let protocol = "roundrobin".to_owned();
    story.answer(
        &join,
        Answer::JoinGroup(join_group::Answer {
            protocol,
            ..lead(1)
        }),
    );
    watched(&mut story);
    story.counted(&[("a", 3), ("b", 2)]);
    let sync = story.sent(ApiKey::SyncGroup);
    assert_eq!(assignments(&sync)["m"], share(&[("a", &[0, 2])]));
    let Call::SyncGroup(ask) = &sync.call else {
        unreachable!()
    };
    assert_eq!(ask.protocol, "roundrobin");
}

#[test]
fn a_member_that_cannot_be_understood_is_reported_and_gets_nothing() {
    let (mut story, join) = Story::joining();
    let members = vec![
        member("m", subscription(&["a"])),
        member("alien", vec![0, 0, 0x7f, 0xff, 0xff, 0xff]),
    ];
    story.answer(
        &join,
        Answer::JoinGroup(join_group::Answer { members, ..lead(1) }),
    );
    let error = story.reported();
    assert_eq!(*error.kind(), ErrorKind::Protocol);
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.to_string().contains("alien"), "{source}");
    assert_eq!(watched(&mut story), names(&["a"]));
    story.counted(&[("a", 2)]);
    let shares = assignments(&story.sent(ApiKey::SyncGroup));
    assert_eq!(shares["alien"], []);
    assert_eq!(shares["m"], share(&[("a", &[0, 1])]));
}

#[test]
fn an_assignor_that_was_not_offered_is_reported_and_the_group_joined_again() {
    let (mut story, join) = Story::joining();
    let protocol = "sticky".to_owned();
    story.answer(
        &join,
        Answer::JoinGroup(join_group::Answer {
            protocol,
            ..lead(1)
        }),
    );
    assert_eq!(*story.reported().kind(), ErrorKind::Protocol);
    assert!(story.wait() >= secs(8));
    story.sent(ApiKey::JoinGroup);
}

#[test]
fn counts_that_do_not_come_are_not_waited_for_longer_than_the_session_bears() {
    let mut story = assigning();
    assert_eq!(story.wait(), SESSION / 3);
    assert_eq!(*story.reported().kind(), ErrorKind::Timeout(SESSION / 3));
    let sync = story.sent(ApiKey::SyncGroup);
    let nothing = [("m".to_owned(), vec![]), ("n".to_owned(), vec![])];
    assert_eq!(assignments(&sync), BTreeMap::from(nothing));
    // They come when the SyncGroup is out.
    story.counted(&[("a", 2)]);
    story.quiet();
    story.answer(&sync, synced(&[]));
    story.sent(ApiKey::JoinGroup);
}

#[test]
fn what_is_known_is_assigned_where_the_rest_does_not_come() {
    let mut story = assigning();
    story.described_but(&[("a", 2)], &["b"]);
    story.quiet();
    story.wait();
    story.reported();
    let sync = story.sent(ApiKey::SyncGroup);
    let shares = assignments(&sync);
    assert_eq!(shares["m"], share(&[("a", &[0])]));
    assert_eq!(shares["n"], share(&[("a", &[1])]));
    story.answer(&sync, synced(&[("a", &[0])]));
    story.assigned();
    story.described(&[("a", 2)]);
    story.quiet();
    story.described(&[("a", 2), ("b", 1)]);
    story.release_begins();
}

#[test]
fn counts_that_do_not_come_are_taken_from_the_assignment_before() {
    let mut story = leading();
    story.subscribe(&["a", "b"]);
    story.release_begins();
    story.group.released(story.now);
    let join = story.sent(ApiKey::JoinGroup);
    story.answer(&join, Answer::JoinGroup(lead(2)));
    watched(&mut story);
    story.wait();
    story.reported();
    let shares = assignments(&story.sent(ApiKey::SyncGroup));
    assert_eq!(shares["m"], share(&[("a", &[0])]));
    assert_eq!(shares["n"], share(&[("a", &[1])]));
}

#[test]
fn a_partition_count_that_changes_makes_the_group_rebalance() {
    let mut story = leading();
    story.described(&[("a", 2)]);
    story.quiet();
    for changed in [3, 0] {
        let mut story = leading();
        story.described(&[("a", changed)]);
        story.release_begins();
        story.group.released(story.now);
        story.sent(ApiKey::JoinGroup);
    }
    // A topic that somebody else wants has appeared.
    let mut story = leading();
    story.described(&[("a", 2), ("b", 2)]);
    story.release_begins();
}

#[test]
fn a_partition_count_that_changes_before_the_assignment_is_out_is_not_forgotten() {
    let mut story = assigning();
    story.counted(&[("a", 2)]);
    let sync = story.sent(ApiKey::SyncGroup);
    story.described(&[("a", 3)]);
    story.quiet();
    story.answer(&sync, synced(&[("a", &[0])]));
    let (join, ask) = story.sent_join();
    assert_eq!(ask.member_id, "m");
    story.answer(&join, joined(2));
    watched(&mut story);
    story.finish_sync(2);
}

#[test]
fn a_follower_leaves_the_partition_counts_to_the_leader() {
    let mut story = Story::stable();
    story.described(&[("a", 77), ("b", 77)]);
    story.quiet();
}

#[test]
fn a_group_that_wants_nothing_is_given_nothing_at_once() {
    let (mut story, join) = Story::joining();
    let members = vec![member("m", subscription(&[]))];
    story.answer(
        &join,
        Answer::JoinGroup(join_group::Answer { members, ..lead(1) }),
    );
    assert!(watched(&mut story).is_empty());
    story.described(&[]);
    let shares = assignments(&story.sent(ApiKey::SyncGroup));
    assert_eq!(shares["m"], []);
}

#[test]
fn who_leads_no_more_watches_no_more() {
    let mut story = leading();
    let beat = story.next_heartbeat();
    story.refuse(&beat, ErrorCode::REBALANCE_IN_PROGRESS);
    story.release_begins();
    story.group.released(story.now);
    let join = story.sent(ApiKey::JoinGroup);
    story.answer(&join, joined(2));
    assert!(watched(&mut story).is_empty());
    story.finish_sync(2);
    story.described(&[("a", 77), ("b", 77)]);
    story.quiet();
}
