//! Stories of the group coordinator, on a virtual clock.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::*;

const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(60);

/// A group, the time, and the answers that nobody has looked at.
struct Story {
    group: Group,
    now: Instant,
    requests: u64,
    answers: BTreeMap<RequestId, Answer>,
}

impl Story {
    fn new() -> Self {
        Self::by(RULES)
    }

    fn by(rules: Rules) -> Self {
        Self {
            group: Group::new(rules, 7),
            now: Instant::now(),
            requests: 0,
            answers: BTreeMap::new(),
        }
    }

    /// Time goes on, and everything happens when it is due.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.group.poll_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.group.handle_timeout(self.now);
        }
        self.now = end;
        self.collect();
    }

    fn collect(&mut self) {
        while let Some((request, answer)) = self.group.poll_answer() {
            assert!(
                self.answers.insert(request, answer).is_none(),
                "{request:?} is answered twice"
            );
        }
    }

    fn send_join(&mut self, join: Join) -> RequestId {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.group.join(self.now, request, join);
        self.pass(Duration::ZERO);
        request
    }

    fn send_sync(&mut self, member: &Joined, assignments: &[(&Joined, &str)]) -> RequestId {
        let assignments = assignments
            .iter()
            .map(|(to, what)| (to.member_id.clone(), what.as_bytes().to_vec()));
        let sync = Sync {
            member_id: member.member_id.clone(),
            instance_id: None,
            generation: member.generation,
            protocol_type: None,
            protocol: None,
            assignments: assignments.collect(),
        };
        self.requests += 1;
        let request = RequestId(self.requests);
        self.group.sync(self.now, request, sync);
        self.pass(Duration::ZERO);
        request
    }

    fn is_pending(&self, request: RequestId) -> bool {
        !self.answers.contains_key(&request)
    }

    fn joined(&mut self, request: RequestId) -> Joined {
        match self.answers.remove(&request) {
            Some(Answer::Join(joined)) => joined,
            other => panic!("{request:?} has {other:?}"),
        }
    }

    fn synced(&mut self, request: RequestId) -> Synced {
        match self.answers.remove(&request) {
            Some(Answer::Sync(synced)) => synced,
            other => panic!("{request:?} has {other:?}"),
        }
    }

    fn join(&mut self, join: Join) -> Joined {
        let request = self.send_join(join);
        self.joined(request)
    }

    fn heartbeat(&mut self, member: &Joined) -> ErrorCode {
        let code = self
            .group
            .heartbeat(self.now, &member.member_id, None, member.generation);
        self.pass(Duration::ZERO);
        code
    }

    fn leave(&mut self, member: &Joined) -> ErrorCode {
        let code = self.group.leave(self.now, &member.member_id, None);
        self.pass(Duration::ZERO);
        code
    }

    fn commit(&mut self, generation: i32, member_id: &str) -> Result<(), ErrorCode> {
        let committer = Committer {
            generation,
            member_id: member_id.to_owned(),
            instance_id: None,
        };
        self.group.admit_commit(self.now, &committer)
    }

    /// A stable group of one; its leader.
    fn alone(&mut self) -> Joined {
        let leader = self.join(dynamic("a"));
        let sync = self.send_sync(&leader, &[(&leader, "all")]);
        assert_eq!(self.synced(sync).error, ErrorCode::NONE);
        leader
    }

    /// A stable group of two: the leader and the follower.
    fn pair(&mut self) -> (Joined, Joined) {
        let leader = self.alone();
        let follower = self.send_join(dynamic("b"));
        let leader = self.join(again(&leader, dynamic("a")));
        let follower = self.joined(follower);
        let waiting = self.send_sync(&follower, &[]);
        self.send_sync(&leader, &[(&leader, "left"), (&follower, "right")]);
        assert_eq!(self.synced(waiting).assignment, b"right");
        assert_eq!(self.group.state(), GroupState::Stable);
        (leader, follower)
    }
}

const RULES: Rules = Rules {
    initial_rebalance_delay: Duration::ZERO,
    min_session_timeout: Duration::from_secs(6),
    max_session_timeout: Duration::from_secs(30 * 60),
    heartbeats_while_completing: true,
    awaits_sync: true,
};

fn dynamic(client_id: &str) -> Join {
    Join {
        member_id: String::new(),
        instance_id: None,
        client_id: client_id.to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout: SESSION,
        rebalance_timeout: REBALANCE,
        protocol_type: "consumer".to_owned(),
        protocols: offers(&["range"]),
        requires_member_id: false,
        can_skip_assignment: false,
    }
}

fn statically(instance_id: &str) -> Join {
    Join {
        instance_id: Some(instance_id.to_owned()),
        ..dynamic("static")
    }
}

fn again(member: &Joined, join: Join) -> Join {
    Join {
        member_id: member.member_id.clone(),
        ..join
    }
}

fn offers(protocols: &[&str]) -> Vec<(String, Vec<u8>)> {
    protocols
        .iter()
        .map(|name| ((*name).to_owned(), b"topics".to_vec()))
        .collect()
}

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
fn a_static_member_keeps_its_seat_when_it_misses_the_rebalance_but_not_its_session() {
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
