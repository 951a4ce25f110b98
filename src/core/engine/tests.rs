//! What comes together in one step: stories of one engine, told in virtual time.

use std::time::{Duration, Instant};

use super::{Action, End, Engine, Event, Gone, Progress, Settings};
use crate::{
    call::{
        Answer, Broker, Call, Lane, Token, find_coordinator, heartbeat, join_group, leave_group,
        metadata, offset_commit, offset_fetch, sync_group,
    },
    config::{Config, ConsumerMode, Subscription},
    core::{ClaimId, commit::Ticket},
    error::{Error, ErrorKind},
    protocol::{
        ApiKey, ErrorCode,
        consumer_protocol::{Assignment, TopicPartition},
    },
    wire::Uuid,
};

const TOPIC: &str = "t";

/// A member that is alone in its group and reads one partition, whose commit it has found.
struct Story {
    engine: Engine,
    now: Instant,
    /// The present claim.
    claim: ClaimId,
    topic_id: Option<Uuid>,
    /// What the user has done with it.
    mark: i64,
    committed: i64,
    in_hand: bool,
    /// The last claim that delivers no more.
    holding: Option<ClaimId>,
    /// Commits that were not answered.
    commits: Vec<(Token, offset_commit::Ask)>,
    /// Connections with the group coordinator that were closed, and goodbyes.
    last: Vec<&'static str>,
    done: Vec<(Ticket, bool)>,
    /// Partitions that were given up before their users were ready.
    timed_out: Vec<Option<i32>>,
    closed: Option<bool>,
    /// What heartbeats are told.
    heartbeat: ErrorCode,
    /// What is told to who looks for the group coordinator.
    finding: ErrorCode,
    /// How the cluster is described to who asks.
    cluster: metadata::Answer,
    /// Who asks for that and waits, where nobody is answered for now.
    waiting: Option<Vec<Token>>,
    /// Who was asked what any broker can answer.
    asked: Vec<(ApiKey, Option<i32>)>,
}

impl Story {
    /// It has found that commit.
    fn at(committed: i64) -> Self {
        Self::with(committed, described(), |_| ())
    }

    /// It is configured so, and begins with that description.
    fn with(committed: i64, known: metadata::Answer, configure: impl FnOnce(&mut Config)) -> Self {
        Self::subscribed(TOPIC.into(), committed, known, configure)
    }

    fn subscribed(
        to: Subscription,
        committed: i64,
        known: metadata::Answer,
        configure: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::default();
        config.group.mode = ConsumerMode::Partitions;
        configure(&mut config);
        let settings = Settings::of(&config, "g", to);
        let now = Instant::now();
        let broker = Broker {
            id: None,
            host: "b1".to_owned(),
            port: 9092,
        };
        let mut story = Self {
            engine: Engine::new(now, settings, vec![broker], known, 1),
            now,
            claim: ClaimId(0),
            topic_id: None,
            mark: committed,
            committed,
            in_hand: false,
            holding: None,
            commits: Vec::new(),
            last: Vec::new(),
            done: Vec::new(),
            timed_out: Vec::new(),
            closed: None,
            heartbeat: ErrorCode::NONE,
            finding: ErrorCode::NONE,
            cluster: described(),
            waiting: None,
            asked: Vec::new(),
        };
        story.handle(Event::Start);
        assert_ne!(story.claim, ClaimId(0), "it reads");
        story
    }

    /// It renews the commit.
    fn renewing() -> Self {
        let mut story = Self::at(5);
        story.pass(Duration::from_secs(62));
        assert_eq!(story.committing(), [5]);
        story
    }

    /// Something happens, and all is done that follows at once.
    fn handle(&mut self, event: Event) {
        self.handle_all([event]);
    }

    /// Time passes, and what comes due meanwhile is done in time.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.engine.poll_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.handle(Event::Timeout);
        }
        self.now = until;
    }

    /// Some things happen before anything is done about the first.
    fn handle_all(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.engine.handle(self.now, event);
        }
        while let Some(action) = self.engine.poll_action() {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        assert_eq!(self.closed, None, "that is the end: {action:?}");
        match action {
            Action::Send {
                to, token, call, ..
            } => {
                if let Call::Metadata(_) | Call::FindCoordinator(_) = call {
                    self.asked.push((call.api(), to.broker.id));
                }
                self.sent(token, call);
            }
            Action::Open(opened) => {
                self.claim = opened.claim;
                self.topic_id = opened.topic_id;
                self.mark = opened.start;
            }
            Action::Hold(claim) => self.holding = Some(claim),
            Action::Observe => {
                let progress = Progress {
                    claim: self.claim,
                    mark: (self.mark, String::new()),
                    dirty: self.mark != self.committed,
                    all_marked: !self.in_hand,
                    alive: self.in_hand,
                    changes: 0,
                };
                self.engine
                    .handle(self.now, Event::Observed(vec![progress]));
            }
            Action::Committed { claim, next, .. } if claim == self.claim => self.committed = next,
            Action::CommitDone(tickets, result) => {
                let is_well = result.is_ok();
                self.done.extend(tickets.into_iter().map(|t| (t, is_well)));
            }
            Action::Report { error, .. } if *error.kind() == ErrorKind::ReleaseTimedOut => {
                self.timed_out.push(error.partition());
            }
            Action::Disconnect(to) if to.lane == Lane::Group => self.last.push("Disconnect"),
            Action::Stopped(End::Closed(result)) => self.closed = Some(result.is_ok()),
            _ => {}
        }
    }

    /// Brokers answer at once; but commits when told, and never fetches.
    fn sent(&mut self, token: Token, call: Call) {
        let answer = match call {
            Call::OffsetCommit(ask) => return self.commits.push((token, ask)),
            Call::LeaveGroup(_) => {
                self.last.push("LeaveGroup");
                let error = ErrorCode::NONE;
                Answer::LeaveGroup(leave_group::Answer { error })
            }
            Call::Heartbeat(_) => Answer::Heartbeat(heartbeat::Answer {
                error: self.heartbeat,
            }),
            Call::FindCoordinator(_) if self.finding != ErrorCode::NONE => {
                Answer::FindCoordinator(find_coordinator::Answer {
                    error: self.finding,
                    message: None,
                    coordinator: None,
                })
            }
            Call::Metadata(_) => match &mut self.waiting {
                Some(waiting) => return waiting.push(token),
                None => Answer::Metadata(self.cluster.clone()),
            },
            call => match answer(&call, self.committed) {
                Some(answer) => answer,
                None => return,
            },
        };
        let result = Ok(answer);
        self.engine
            .handle(self.now, Event::Answer { token, result });
    }

    /// The offsets of the commits on their way.
    fn committing(&self) -> Vec<i64> {
        let offsets = self.commits.iter().map(|(_, ask)| ask.partitions[0].offset);
        offsets.collect()
    }

    fn commits_are_answered(&mut self) {
        self.commits_are_told(ErrorCode::NONE);
    }

    /// And nothing else is waited for.
    #[track_caller]
    fn closes_when_commits_are_answered(&mut self) {
        self.commits_are_answered();
        assert_eq!(self.last, ["LeaveGroup"]);
        assert_eq!(self.closed, Some(true));
    }

    fn commits_fail(&mut self) {
        self.commits_are_told(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    }

    /// Who waits for a description of the cluster gets it.
    fn cluster_is_described(&mut self) {
        let waiting = self.waiting.take().expect("somebody is to wait");
        assert!(!waiting.is_empty());
        let answer = |token| {
            let result = Ok(Answer::Metadata(self.cluster.clone()));
            Event::Answer { token, result }
        };
        let answers: Vec<_> = waiting.into_iter().map(answer).collect();
        self.handle_all(answers);
    }

    /// The group coordinator does not know the partition.
    fn commits_are_of_unknown(&mut self) {
        self.commits_are_told(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }

    fn commits_are_told(&mut self, error: ErrorCode) {
        let answers = self.answers(error);
        self.handle_all(answers);
    }

    /// The answers to all commits on their way.
    fn answers(&mut self, error: ErrorCode) -> Vec<Event> {
        let answer = |(token, ask): (Token, offset_commit::Ask)| {
            let partitions = ask.partitions.into_iter();
            let partitions = partitions.map(|p| offset_commit::Committed {
                topic: p.topic,
                partition: p.partition,
                error,
            });
            let answer = offset_commit::Answer {
                partitions: partitions.collect(),
            };
            let result = Ok(Answer::OffsetCommit(answer));
            Event::Answer { token, result }
        };
        std::mem::take(&mut self.commits)
            .into_iter()
            .map(answer)
            .collect()
    }
}

/// One broker, and one partition.
fn described() -> metadata::Answer {
    metadata::Answer {
        brokers: vec![metadata::Broker {
            id: 1,
            host: "b1".to_owned(),
            port: 9092,
            rack: None,
        }],
        controller_id: None,
        cluster_id: None,
        topics: vec![metadata::Topic {
            error: ErrorCode::NONE,
            name: TOPIC.to_owned(),
            id: None,
            is_internal: false,
            partitions: vec![metadata::Partition {
                error: ErrorCode::NONE,
                id: 0,
                leader: Some(1),
                leader_epoch: None,
                replicas: vec![1],
                in_sync_replicas: vec![1],
                offline_replicas: Vec::new(),
            }],
        }],
    }
}

/// What a broker says that has this commit.
fn answer(call: &Call, committed: i64) -> Option<Answer> {
    let error = ErrorCode::NONE;
    Some(match call {
        Call::FindCoordinator(_) => Answer::FindCoordinator(find_coordinator::Answer {
            error,
            message: None,
            coordinator: Some(find_coordinator::Coordinator {
                id: 1,
                host: "b1".to_owned(),
                port: 9092,
            }),
        }),
        Call::JoinGroup(_) => Answer::JoinGroup(join_group::Answer {
            error,
            version: 9,
            generation: 1,
            protocol: "range".to_owned(),
            leader: "another".to_owned(),
            member_id: "m".to_owned(),
            skip_assignment: false,
            members: Vec::new(),
        }),
        Call::SyncGroup(_) => {
            let assignment = Assignment {
                assigned_partitions: vec![TopicPartition {
                    topic: TOPIC.to_owned(),
                    partitions: vec![0],
                }],
                user_data: None,
            };
            Answer::SyncGroup(sync_group::Answer {
                error,
                assignment: assignment.to_bytes(0).unwrap(),
            })
        }
        Call::OffsetFetch(_) => Answer::OffsetFetch(offset_fetch::Answer {
            error,
            partitions: vec![offset_fetch::Partition {
                topic: TOPIC.to_owned(),
                partition: 0,
                error,
                offset: Some(committed),
                leader_epoch: None,
                metadata: String::new(),
            }],
        }),
        call => {
            assert_eq!(call.api(), ApiKey::Fetch);
            return None;
        }
    })
}

/// The last mark is made when the handle may be offered again, and somebody asks for a commit at that moment.
#[test]
fn who_asks_for_a_commit_while_a_handle_is_offered_again_gets_it() {
    let mut story = Story::at(5);
    let first = story.claim;
    story.in_hand = true;
    let how = Gone::Dropped;
    story.handle(Event::HandleGone { claim: first, how });
    story.pass(Duration::from_millis(200));
    assert_eq!(story.claim, first, "something is in hand");

    (story.mark, story.in_hand) = (6, false);
    story.handle(Event::Commit(Ticket(1)));
    assert_ne!(story.claim, first);
    assert_eq!((story.committing(), story.done.len()), (vec![6], 0));
    story.commits_are_answered();
    assert_eq!(story.done, [(Ticket(1), true)]);
}

/// How old a commit is that was found, nobody says. And no close waits for it.
#[test]
fn a_commit_that_was_found_is_renewed_soon_and_no_close_waits_for_that() {
    let mut story = Story::at(5);
    story.pass(Duration::from_secs(59));
    assert_eq!(story.committing(), []);
    story.pass(Duration::from_secs(3));
    assert_eq!(story.committing(), [5]);
    story.commits_are_answered();
    story.pass(Duration::from_secs(599));
    assert_eq!(story.committing(), []);
    story.pass(Duration::from_secs(3));
    assert_eq!(story.committing(), [5]);

    story.handle(Event::Close);
    // Else the goodbye would wait behind it.
    assert_eq!(story.last, ["Disconnect", "LeaveGroup"]);
    assert_eq!(story.closed, Some(true));
}

/// It is not what they wait for.
#[test]
fn who_asks_for_a_commit_while_one_is_renewed_and_all_is_closed_is_told_at_once() {
    let mut story = Story::renewing();
    story.handle(Event::Commit(Ticket(1)));
    story.handle(Event::Close);
    assert_eq!(story.done, [(Ticket(1), true)]);
    assert_eq!(story.last, ["Disconnect", "LeaveGroup"]);
    assert_eq!(story.closed, Some(true));
}

/// A renewal on its way is one thing, a mark another.
#[test]
fn a_mark_that_is_made_while_a_commit_is_renewed_is_committed_before_the_close_ends() {
    let mut story = Story::renewing();
    story.mark = 6;
    story.handle(Event::Close);
    assert!(story.last.is_empty());
    story.commits_are_answered();
    assert_eq!(story.committing(), [6]);
    assert!(story.last.is_empty());
    story.closes_when_commits_are_answered();
}

/// The handle is gone when the commit is answered that its user has taken back.
#[test]
fn a_reset_is_not_lost_where_its_claim_is_given_up_while_the_commit_before_it_is_answered() {
    let mut story = Story::at(5);
    (story.mark, story.in_hand) = (10, true);
    story.pass(Duration::from_secs(1));
    assert_eq!(story.committing(), [10]);
    story.handle(Event::Close);
    (story.mark, story.in_hand) = (5, false);
    let (claim, how) = (story.claim, Gone::Dropped);
    let mut events = vec![Event::HandleGone { claim, how }];
    events.extend(story.answers(ErrorCode::NONE));
    story.handle_all(events);
    assert_eq!(story.committing(), [5]);
    assert!(story.last.is_empty());
    story.closes_when_commits_are_answered();
}

/// The users have their time, and what they mark then is committed.
#[test]
fn a_close_goes_on_when_a_commit_fails_that_is_not_the_last_one() {
    let mut story = Story::with(5, described(), |config| {
        config.consumer.offsets.retry.max = 0;
        config.group.offsets.synchronization.dwell_time = Duration::from_secs(30);
    });
    (story.mark, story.in_hand) = (6, true);
    story.handle(Event::Close);
    story.pass(Duration::from_secs(1));
    assert_eq!(story.committing(), [6]);
    story.commits_fail();
    assert!(story.last.is_empty());

    (story.mark, story.in_hand) = (7, false);
    story.pass(Duration::from_secs(1));
    assert_eq!(story.committing(), [7]);
    story.closes_when_commits_are_answered();
}

/// Though its users are finished by then, and it waited for that commit alone.
#[test]
fn a_close_commits_what_was_marked_behind_a_commit_that_is_given_up() {
    let mut story = Story::with(5, described(), |config| {
        config.consumer.offsets.retry.max = 0;
    });
    (story.mark, story.in_hand) = (6, true);
    story.pass(Duration::from_secs(1));
    assert_eq!(story.committing(), [6]);
    (story.mark, story.in_hand) = (7, false);
    story.handle(Event::Close);
    story.commits_fail();
    assert!(story.last.is_empty());
    story.pass(Duration::from_millis(100));
    assert_eq!(story.committing(), [7]);
    story.closes_when_commits_are_answered();
}

/// Those before have used them up, but not for this one.
#[test]
fn the_last_commit_of_a_close_has_all_its_tries() {
    let mut story = Story::at(5);
    (story.mark, story.in_hand) = (6, true);
    for _ in 0..3 {
        story.pass(Duration::from_secs(2));
        assert_eq!(story.committing(), [6]);
        story.commits_fail();
    }
    (story.mark, story.in_hand) = (7, false);
    story.handle(Event::Close);
    for _ in 0..3 {
        assert_eq!(story.committing(), [7]);
        story.commits_fail();
        assert!(story.last.is_empty());
        story.pass(Duration::from_secs(2));
    }
    story.closes_when_commits_are_answered();
}

/// It is in its generation all the while. That a rebalance begins meanwhile changes nothing.
#[test]
fn who_commits_while_the_group_coordinator_is_looked_for_is_told_when_it_is_found() {
    for rebalances in [false, true] {
        let mut story = Story::with(5, described(), |config| {
            config.consumer.offsets.auto_commit.enable = false;
        });
        story.mark = 6;
        if rebalances {
            story.in_hand = true;
            story.heartbeat = ErrorCode::REBALANCE_IN_PROGRESS;
            story.pass(Duration::from_secs(4));
        }
        story.handle(Event::Commit(Ticket(1)));
        assert_eq!(story.committing(), [6]);
        story.finding = ErrorCode::COORDINATOR_NOT_AVAILABLE;
        let answers = story.answers(ErrorCode::NOT_COORDINATOR);
        story.handle_all(answers);
        story.in_hand = false;
        story.pass(Duration::from_secs(5));
        assert_eq!((story.committing(), &story.done[..]), (vec![], &[][..]));

        story.finding = ErrorCode::NONE;
        story.pass(Duration::from_secs(2));
        assert_eq!(story.committing(), [6]);
        story.commits_are_answered();
        assert_eq!(story.done, [(Ticket(1), true)]);
    }
}

/// The others wait no longer than that, and would go on without what is marked.
#[test]
fn a_close_is_over_in_the_time_that_a_rebalance_has() {
    let long = Duration::from_secs(600);
    let mut story = Story::with(5, described(), |config| {
        config.close_timeout = long;
        config.group.offsets.synchronization.dwell_time = long;
        config.consumer.offsets.commit_interval = long;
    });
    (story.mark, story.in_hand) = (6, true);
    story.handle(Event::Close);
    story.heartbeat = ErrorCode::REBALANCE_IN_PROGRESS;
    while story.committing().is_empty() {
        assert!(story.last.is_empty());
        story.pass(Duration::from_secs(1));
    }
    story.closes_when_commits_are_answered();
}

/// Also where a busy machine wakes nobody between the time for the users and that for the commit, and where an answer is
/// taken in before it is seen what is due.
#[test]
fn whoever_is_not_ready_when_the_others_go_on_is_told_once() {
    for (sleeps, hears) in [(false, false), (true, false), (true, true)] {
        let mut story = Story::with(5, described(), |config| {
            config.group.rebalance.timeout = Duration::from_secs(10);
        });
        story.in_hand = true;
        story.heartbeat = ErrorCode::REBALANCE_IN_PROGRESS;
        story.pass(Duration::from_secs(4));
        story.heartbeat = ErrorCode::NONE;
        let claim = story.claim;
        assert_eq!((story.holding, &story.timed_out), (Some(claim), &vec![]));
        if sleeps {
            story.now += Duration::from_secs(20);
            let mut events = vec![Event::Timeout];
            if hears {
                events.insert(0, answer_to_nobody());
            }
            story.handle_all(events);
        } else {
            story.pass(Duration::from_secs(20));
        }
        assert_eq!(story.timed_out, [Some(0)], "{sleeps} {hears}");
        assert_ne!(story.claim, claim);
    }
}

/// It comes too late for anyone.
fn answer_to_nobody() -> Event {
    Event::Answer {
        token: Token(u64::MAX),
        result: Err(Error::new(ErrorKind::Disconnected, "test")),
    }
}

/// All its times are over when a busy machine wakes it, but the answer to its commit has come long before.
#[test]
fn a_close_that_wakes_late_takes_in_what_has_come_and_leaves_the_group() {
    let mut story = Story::at(5);
    story.mark = 6;
    story.handle(Event::Close);
    assert_eq!(story.committing(), [6]);
    story.now += Duration::from_secs(12);
    let mut events = story.answers(ErrorCode::NONE);
    events.push(Event::Timeout);
    story.handle_all(events);
    assert_eq!((story.last, story.closed), (vec!["LeaveGroup"], Some(true)));
}

/// Its user was ready in time.
#[test]
fn a_close_that_wakes_late_with_nothing_to_commit_is_well() {
    let mut story = Story::at(5);
    story.in_hand = true;
    story.handle(Event::Close);
    assert_eq!(story.closed, None);
    story.in_hand = false;
    story.now += Duration::from_secs(12);
    story.handle(Event::Timeout);
    assert_eq!((story.last, story.closed), (vec!["LeaveGroup"], Some(true)));
}

/// What its user has marked meanwhile comes too late, and so does the answer to its commit.
#[test]
fn a_close_that_wakes_late_with_something_to_commit_says_so_and_leaves_the_group() {
    for commits in [false, true] {
        let mut story = Story::at(5);
        story.in_hand = !commits;
        story.mark = if commits { 6 } else { 5 };
        story.handle(Event::Close);
        assert_eq!(story.committing().len(), usize::from(commits));
        (story.mark, story.in_hand) = (6, false);
        story.now += Duration::from_secs(12);
        story.handle(Event::Timeout);
        assert_eq!(story.last.last(), Some(&"LeaveGroup"));
        assert_eq!(story.closed, Some(false));
    }
}

/// It does not leave the group.
#[test]
fn a_static_member_that_wakes_late_in_its_close_stops_once() {
    let mut story = Story::with(5, described(), |config| {
        config.group.instance_id = Some("i".to_owned());
    });
    story.mark = 6;
    story.handle(Event::Close);
    story.now += Duration::from_secs(12);
    story.handle(Event::Timeout);
    assert_eq!(
        (story.last, story.closed),
        (vec!["Disconnect"], Some(false))
    );
}

/// Each time with some time between.
#[test]
fn the_last_commit_before_a_rebalance_is_made_again_after_it_was_given_up() {
    let mut story = Story::with(5, described(), |config| {
        config.group.offsets.retry.max = 0;
    });
    story.mark = 6;
    story.heartbeat = ErrorCode::REBALANCE_IN_PROGRESS;
    story.pass(Duration::from_secs(4));
    assert_eq!(story.committing(), [6]);
    for _ in 0..3 {
        story.commits_fail();
        assert_eq!(story.committing(), []);
        story.pass(Duration::from_millis(100));
        assert_eq!(story.committing(), [6]);
    }
}

/// A group coordinator that has just started may not have heard of the partition. The next owner would skip what
/// lies behind a start that is given up.
#[test]
fn the_last_commit_is_made_again_while_the_partition_is_unknown_but_described() {
    for closes in [false, true] {
        let mut story = Story::at(5);
        let claim = story.claim;
        story.mark = 6;
        match closes {
            false => {
                story.heartbeat = ErrorCode::REBALANCE_IN_PROGRESS;
                story.pass(Duration::from_secs(4));
            }
            true => story.handle(Event::Close),
        }
        for _ in 0..4 {
            assert_eq!(story.committing(), [6]);
            story.commits_are_of_unknown();
            story.pass(Duration::from_millis(500));
        }
        assert_eq!((story.claim, story.committing()), (claim, vec![6]));
        assert_eq!(story.last, [""; 0]);
        story.commits_are_of_unknown();
        match closes {
            false => assert_ne!(story.claim, claim, "not for ever"),
            true => assert_eq!(
                (story.last, story.closed),
                (vec!["LeaveGroup"], Some(false))
            ),
        }
    }
}

/// The same, where the commit before the release was refused.
#[test]
fn a_release_waits_for_the_description_that_a_refused_commit_has_asked_for() {
    let mut story = Story::at(5);
    let claim = story.claim;
    story.mark = 6;
    story.pass(Duration::from_secs(1));
    assert_eq!(story.committing(), [6]);
    story.waiting = Some(Vec::new());
    story.commits_are_of_unknown();
    story.heartbeat = ErrorCode::REBALANCE_IN_PROGRESS;
    story.pass(Duration::from_secs(9));
    assert_eq!((story.holding, story.claim), (Some(claim), claim));
    assert_eq!(story.committing(), []);
    story.cluster_is_described();
    assert_eq!((story.claim, story.committing()), (claim, vec![6]));
    story.commits_are_answered();
    assert_eq!(story.committed, 6);
    assert_ne!(story.claim, claim);
}

/// The topic is deleted: nothing is to be waited for, but that it is said again. Another one, that has long been absent, is
/// asked for more rarely.
#[test]
fn no_release_waits_for_a_partition_that_is_gone() {
    let to = Subscription::from([TOPIC, "absent"]);
    let mut story = Story::subscribed(to, 5, described(), |_| ());
    story.pass(Duration::from_secs(50));
    story.mark = 6;
    story.handle(Event::Close);
    story.cluster.topics.clear();
    story.commits_are_of_unknown();
    assert_eq!(story.closed, None, "nobody has said so yet");
    story.pass(Duration::from_secs(1));
    assert_eq!(
        (story.last, story.closed),
        (vec!["LeaveGroup"], Some(false))
    );
}

/// Who commits by hand is told, and decides.
#[test]
fn no_release_waits_where_who_commits_by_hand_was_told() {
    let mut story = Story::with(5, described(), |config| {
        config.consumer.offsets.auto_commit.enable = false;
    });
    (story.mark, story.in_hand) = (6, true);
    story.handle(Event::Commit(Ticket(1)));
    story.in_hand = false;
    story.handle(Event::Close);
    story.commits_are_of_unknown();
    assert_eq!(story.done, [(Ticket(1), false)]);
    story.pass(Duration::from_millis(500));
    assert_eq!(story.last, ["LeaveGroup"]);
}

/// One may be gone, and would not say so.
#[test]
fn others_are_asked_about_the_cluster_than_who_does_not_answer() {
    let mut cluster = described();
    let another = |id| metadata::Broker {
        id,
        ..cluster.brokers[0].clone()
    };
    cluster.brokers = vec![another(1), another(2), another(3)];
    let mut story = Story::with(5, cluster.clone(), |_| ());
    story.cluster = cluster;
    let asked = |story: &mut Story, api| {
        let asked = std::mem::take(&mut story.asked).into_iter();
        let of_api = asked.filter(|(of, _)| *of == api);
        of_api.filter_map(|(_, id)| id).collect::<Vec<_>>()
    };
    asked(&mut story, ApiKey::Metadata);
    // The fetch has no answer, and it is the leader.
    story.pass(Duration::from_secs(60));
    let described = asked(&mut story, ApiKey::Metadata);
    assert!(described.len() > 8, "{described:?}");
    assert!(!described.contains(&1), "{described:?}");

    story.finding = ErrorCode::COORDINATOR_NOT_AVAILABLE;
    story.heartbeat = ErrorCode::NOT_COORDINATOR;
    story.pass(Duration::from_secs(8));
    let sought = asked(&mut story, ApiKey::FindCoordinator);
    assert!(sought.len() > 3, "{sought:?}");
    assert!(!sought[..3].contains(&1), "{sought:?}");
}

/// Not all brokers of a cluster that is being upgraded tell ids.
#[test]
fn a_topic_is_not_new_because_a_broker_does_not_tell_its_id() {
    let mut first = described();
    first.topics[0].id = Some(Uuid([7; 16]));
    let mut story = Story::with(5, first, |_| ());
    story.pass(Duration::from_secs(1200));
    assert!(!story.engine.has_appeared(TOPIC, 0));
}

/// Or a topic that comes again could not be told from the claimed one.
#[test]
fn a_claim_begins_with_the_id_that_was_told_last() {
    let id = Some(Uuid([7; 16]));
    let mut first = described();
    first.topics[0].id = id;
    let mut story = Story::with(5, first, |_| ());
    assert_eq!(story.topic_id, id);
    // By now a broker has described the topic without an id.
    story.pass(Duration::from_secs(1200));
    story.commits_are_answered();
    let former = story.claim;
    story.heartbeat = ErrorCode::REBALANCE_IN_PROGRESS;
    story.pass(Duration::from_secs(10));
    story.heartbeat = ErrorCode::NONE;
    story.pass(Duration::from_secs(10));
    assert_ne!(story.claim, former);
    assert_eq!(story.topic_id, id);
}

/// The topic with this id.
fn described_as(id: u8) -> metadata::Answer {
    let mut cluster = described();
    cluster.topics[0].id = Some(Uuid([id; 16]));
    cluster
}

impl Story {
    /// The user has marked the former topic to 10, by its name, when the new one was already there. Nobody has seen that yet.
    fn blind() -> Self {
        let mut story = Self::with(5, described_as(1), |config| {
            config.metadata.refresh_frequency = Duration::from_secs(10);
        });
        story.cluster = described_as(2);
        (story.mark, story.in_hand) = (10, true);
        story.pass(Duration::from_secs(2));
        assert_eq!(story.committing(), [10]);
        story.commits_are_answered();
        assert_eq!(story.topic_id, Some(Uuid([1; 16])));
        story
    }
}

/// A look-up would be in vain while the leader is new, and have only the name where another broker has the former log. If
/// the group rebalanced before, the next one would begin where the former topic was marked.
#[test]
fn a_topic_that_is_created_again_is_read_and_committed_from_its_start_at_once() {
    let mut story = Story::blind();
    story.pass(Duration::from_secs(10));
    assert_eq!(story.topic_id, Some(Uuid([2; 16])));
    assert_eq!(story.committing(), [0]);
    story.commits_are_answered();
    assert_eq!((story.mark, story.committed), (0, 0));

    // And once more.
    story.cluster = described_as(3);
    story.pass(Duration::from_secs(10));
    assert_eq!((story.topic_id, story.mark), (Some(Uuid([3; 16])), 0));
}

#[test]
fn a_topic_that_is_created_again_while_its_claim_is_given_up_is_committed_from_its_start() {
    let mut story = Story::blind();
    story.heartbeat = ErrorCode::REBALANCE_IN_PROGRESS;
    story.pass(Duration::from_secs(10));
    assert_eq!(story.topic_id, Some(Uuid([2; 16])));
    story.in_hand = false;
    story.handle(Event::Kick);
    assert_eq!(story.committing(), [0]);
    story.handle(Event::Close);
    story.closes_when_commits_are_answered();
}

/// That handle is not replaced in this generation.
#[test]
fn a_topic_that_is_created_again_while_its_handle_is_closed_is_committed_from_its_start() {
    let mut story = Story::blind();
    let (claim, how) = (story.claim, Gone::Closed);
    story.in_hand = false;
    story.handle(Event::HandleGone { claim, how });
    story.pass(Duration::from_secs(10));
    assert_ne!(story.claim, claim);
    assert_eq!(story.committing(), [0]);
    assert_eq!(story.holding, Some(story.claim));
}

/// Nobody has looked yet whether the log begins there, and an answer that it does not leads to the oldest, whatever
/// the policy.
#[test]
fn the_start_of_a_topic_that_is_created_again_stays_assumed_when_its_handle_is_offered_again() {
    let mut story = Story::blind();
    story.pass(Duration::from_secs(10));
    let (claim, how) = (story.claim, Gone::Dropped);
    assert!(story.engine.claims[&claim].is_start_assumed);
    story.in_hand = false;
    story.handle(Event::HandleGone { claim, how });
    story.commits_are_answered();
    story.pass(Duration::from_secs(2));
    assert_ne!(story.claim, claim);
    assert!(story.engine.claims[&story.claim].is_start_assumed);
}

/// Who commits by hand decides alone what is committed.
#[test]
fn the_start_of_a_topic_that_is_created_again_is_not_committed_for_who_commits_by_hand() {
    let mut story = Story::with(5, described_as(1), |config| {
        config.metadata.refresh_frequency = Duration::from_secs(10);
        config.consumer.offsets.auto_commit.enable = false;
    });
    story.cluster = described_as(2);
    story.pass(Duration::from_secs(10));
    assert_eq!((story.topic_id, story.mark), (Some(Uuid([2; 16])), 0));
    assert!(story.committing().is_empty());
}

/// A commit on its way is of a mark ahead of what the user had taken: the handle that comes next must not begin below
/// what is in force then, nor commit it.
#[test]
fn a_handle_is_offered_again_when_the_commit_ahead_of_it_is_answered() {
    let mut story = Story::at(5);
    let first = story.claim;
    (story.mark, story.in_hand) = (21, true);
    story.pass(Duration::from_secs(1));
    assert_eq!(story.committing(), [21]);

    let how = Gone::Dropped;
    (story.mark, story.in_hand) = (11, false);
    story.handle(Event::HandleGone { claim: first, how });
    story.pass(Duration::from_secs(1));
    assert_eq!((story.claim, story.committing()), (first, vec![21]));

    // It is in force, and the marks know.
    story.mark = 21;
    story.commits_are_answered();
    assert_ne!(story.claim, first);
    assert_eq!(story.committed, 21);
    story.pass(Duration::from_secs(2));
    assert!(story.committing().is_empty());
}
