//! Stories of the group coordinator, on a virtual clock.

mod commits;
mod rebalances;
mod seats;
mod static_members;

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
