//! Stories of one member, told in virtual time.

mod heartbeats;
mod joining;
mod leading;
mod leaving;
mod matrix;
mod releasing;
mod returning;
mod walk;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{Action, Destination, Group, Session, Settings};
use crate::{
    call::{
        Answer, Broker, Call, Lane, Target, Token, find_coordinator, heartbeat, join_group,
        leave_group, sync_group,
    },
    config::Strategy,
    core::cluster::Count,
    error::{Error, ErrorKind, Result},
    protocol::{
        ApiKey, ErrorCode,
        consumer_protocol::{Assignment, Subscription, TopicPartition},
    },
};

const SESSION: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_secs(3);
const REBALANCE: Duration = Duration::from_secs(60);
const BACKOFF: Duration = Duration::from_millis(250);

/// A rebalance timeout of 60 s less a tenth.
const RELEASE: Duration = Duration::from_secs(54);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn settings() -> Settings {
    Settings {
        group_id: "g".to_owned(),
        instance_id: None,
        strategy: Strategy::Range,
        user_data: Vec::new(),
        session_timeout: SESSION,
        heartbeat_interval: INTERVAL,
        rebalance_timeout: REBALANCE,
        retry_backoff: BACKOFF,
        request_timeout: Duration::from_secs(30),
        array_bytes: 1 << 20,
    }
}

/// One member, the clock, and what it has asked for.
struct Story {
    group: Group,
    now: Instant,
    begin: Instant,
}

/// A call that the member has made.
#[derive(Debug)]
struct Sent {
    token: Token,
    to: Destination,
    call: Call,
    timeout: Duration,
    at: Instant,
}

impl Story {
    fn with(settings: Settings) -> Self {
        let now = Instant::now();
        Self {
            group: Group::new(settings, 7),
            now,
            begin: now,
        }
    }

    /// A member that has asked for the group coordinator.
    fn started(settings: Settings) -> (Self, Sent) {
        let mut story = Self::with(settings);
        story.subscribe(&["a"]);
        assert!(matches!(story.next(), Action::Rebalancing));
        let find = story.sent(ApiKey::FindCoordinator);
        (story, find)
    }

    /// A member that has sent its first JoinGroup.
    fn joining_with(settings: Settings) -> (Self, Sent) {
        let (mut story, find) = Self::started(settings);
        story.answer(&find, found(1));
        let join = story.sent(ApiKey::JoinGroup);
        (story, join)
    }

    fn joining() -> (Self, Sent) {
        Self::joining_with(settings())
    }

    /// A member that has sent its first SyncGroup, as a follower.
    fn syncing() -> (Self, Sent) {
        let (mut story, join) = Self::joining();
        story.answer(&join, joined(1));
        let sync = story.sent(ApiKey::SyncGroup);
        (story, sync)
    }

    /// A follower with claims on a/0 and a/1, whose JoinGroup was of that version.
    fn stable_by(join_version: i16) -> Self {
        let (mut story, join) = Self::joining();
        story.answer(
            &join,
            Answer::JoinGroup(join_group::Answer {
                version: join_version,
                ..seat(1)
            }),
        );
        story.finish_sync(1);
        story
    }

    fn stable() -> Self {
        Self::stable_by(9)
    }

    /// The SyncGroup is answered at once, and the claims begin.
    fn finish_sync(&mut self, generation: i32) {
        let sync = self.sent(ApiKey::SyncGroup);
        self.answer(&sync, synced(&[("a", &[0, 1])]));
        let (assigned, partitions) = self.assigned();
        assert_eq!(assigned, generation);
        assert_eq!(partitions, BTreeMap::from([("a".to_owned(), vec![0, 1])]));
    }

    /// A member that releases its claims, because a heartbeat has told of a rebalance.
    fn releasing_by(join_version: i16) -> (Self, Instant) {
        let mut story = Self::stable_by(join_version);
        let beat = story.next_heartbeat();
        story.refuse(&beat, ErrorCode::REBALANCE_IN_PROGRESS);
        let deadline = story.release_begins();
        (story, deadline)
    }

    fn releasing() -> (Self, Instant) {
        Self::releasing_by(9)
    }

    fn subscribe(&mut self, topics: &[&str]) {
        self.group.subscribe(self.now, names(topics));
    }

    /// Time passes, and what comes due meanwhile is done in time.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.group.poll_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.group.handle_timeout(self.now);
            let next = self.group.poll_deadline();
            assert!(
                next.is_none_or(|next| next > self.now),
                "a spin at {next:?}"
            );
        }
        self.now = until;
    }

    /// Time passes until something is to be done.
    fn wait(&mut self) -> Duration {
        let before = self.now;
        while self.group.actions.is_empty() {
            let at = self
                .group
                .poll_deadline()
                .expect("nothing will ever happen");
            self.pass(at.saturating_duration_since(self.now));
        }
        self.now - before
    }

    fn next(&mut self) -> Action {
        let action = self.group.poll_action();
        action.unwrap_or_else(|| panic!("there is nothing to do in {:?}", self.group.state))
    }

    /// Nothing is to be done now.
    fn quiet(&mut self) {
        if let Some(action) = self.group.poll_action() {
            panic!("there is something to do: {action:?}");
        }
    }

    /// The next thing to do is this call.
    fn sent(&mut self, api: ApiKey) -> Sent {
        let at = self.now;
        match self.next() {
            Action::Send {
                token,
                to,
                call,
                timeout,
            } => {
                assert_eq!(call.api(), api);
                Sent {
                    token,
                    to,
                    call,
                    timeout,
                    at,
                }
            }
            action => panic!("{api} was expected, not {action:?}"),
        }
    }

    fn sent_join(&mut self) -> (Sent, join_group::Ask) {
        let sent = self.sent(ApiKey::JoinGroup);
        match &sent.call {
            Call::JoinGroup(ask) => {
                let ask = ask.clone();
                (sent, ask)
            }
            call => panic!("{call:?}"),
        }
    }

    /// Waits for the next heartbeat.
    fn next_heartbeat(&mut self) -> Sent {
        self.wait();
        self.sent(ApiKey::Heartbeat)
    }

    fn answer(&mut self, sent: &Sent, answer: Answer) {
        self.group.answer(self.now, sent.token, Ok(answer));
    }

    fn refuse(&mut self, sent: &Sent, code: ErrorCode) {
        self.answer(sent, refusal(sent.call.api(), code));
    }

    /// The call fails without an answer.
    fn fail(&mut self, sent: &Sent, kind: ErrorKind) {
        self.fail_with(sent, Error::new(kind, "test"));
    }

    fn fail_with(&mut self, sent: &Sent, error: Error) {
        self.group.answer(self.now, sent.token, Err(error));
    }

    fn assigned(&mut self) -> (i32, BTreeMap<String, Vec<i32>>) {
        match self.next() {
            Action::Assigned {
                generation,
                partitions,
                ..
            } => (generation, partitions),
            action => panic!("claims were expected, not {action:?}"),
        }
    }

    /// The claims are to be released; until when.
    fn release_begins(&mut self) -> Instant {
        assert!(matches!(self.next(), Action::Rebalancing));
        match self.next() {
            Action::Release { deadline } => deadline,
            action => panic!("a release was expected, not {action:?}"),
        }
    }

    /// The claims are lost, and the next rebalance begins; why.
    fn lost(&mut self) -> Error {
        match self.next() {
            Action::Lost(error) => {
                assert!(matches!(self.next(), Action::Rebalancing));
                error
            }
            action => panic!("a loss was expected, not {action:?}"),
        }
    }

    fn reported(&mut self) -> Error {
        match self.next() {
            Action::Report(error) => error,
            action => panic!("a report was expected, not {action:?}"),
        }
    }

    fn session(&self) -> Session {
        self.group.session().expect("the member is in a generation")
    }
}

fn names(topics: &[&str]) -> BTreeSet<String> {
    topics.iter().map(ToString::to_string).collect()
}

/// The connection to the group coordinator, if it is that broker.
fn coordinator(id: i32) -> Target {
    let host = format!("b{id}");
    let broker = Broker {
        id: Some(id),
        host,
        port: 9092,
    };
    Target {
        broker,
        lane: Lane::Group,
    }
}

/// That broker is the group coordinator.
fn found(id: i32) -> Answer {
    Answer::FindCoordinator(find_coordinator::Answer {
        error: ErrorCode::NONE,
        message: None,
        coordinator: Some(find_coordinator::Coordinator {
            id,
            host: format!("b{id}"),
            port: 9092,
        }),
    })
}

/// A seat of a follower, whose member id is "m".
fn seat(generation: i32) -> join_group::Answer {
    join_group::Answer {
        error: ErrorCode::NONE,
        version: 9,
        generation,
        protocol: "range".to_owned(),
        leader: "other".to_owned(),
        member_id: "m".to_owned(),
        skip_assignment: false,
        members: Vec::new(),
    }
}

fn joined(generation: i32) -> Answer {
    Answer::JoinGroup(seat(generation))
}

fn synced(partitions: &[(&str, &[i32])]) -> Answer {
    let partitions = partitions.iter().map(|(topic, partitions)| TopicPartition {
        topic: topic.to_string(),
        partitions: partitions.to_vec(),
    });
    let assignment = Assignment {
        assigned_partitions: partitions.collect(),
        user_data: None,
    };
    Answer::SyncGroup(sync_group::Answer {
        error: ErrorCode::NONE,
        assignment: assignment.to_bytes(0).unwrap(),
    })
}

fn subscription(topics: &[&str]) -> Vec<u8> {
    let subscription = Subscription {
        topics: topics.iter().map(ToString::to_string).collect(),
        ..Subscription::default()
    };
    subscription.to_bytes(1).unwrap()
}

/// The answer of that API that consists of an error code.
fn refusal(api: ApiKey, error: ErrorCode) -> Answer {
    match api {
        ApiKey::FindCoordinator => Answer::FindCoordinator(find_coordinator::Answer {
            error,
            message: None,
            coordinator: None,
        }),
        // Only with MEMBER_ID_REQUIRED the member id is meant.
        ApiKey::JoinGroup => Answer::JoinGroup(join_group::Answer {
            error,
            member_id: "given".to_owned(),
            ..seat(-1)
        }),
        ApiKey::SyncGroup => Answer::SyncGroup(sync_group::Answer {
            error,
            assignment: Vec::new(),
        }),
        ApiKey::Heartbeat => Answer::Heartbeat(heartbeat::Answer { error }),
        ApiKey::LeaveGroup => Answer::LeaveGroup(leave_group::Answer { error }),
        api => panic!("a member does not call {api}"),
    }
}
