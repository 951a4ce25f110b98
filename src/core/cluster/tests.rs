//! Descriptions of the cluster that contradict each other.

use std::time::{Duration, Instant};

use super::{Cluster, Settings, Update, past::PATIENCE};
use crate::{
    call::{Answer, Broker, Call, metadata},
    config::Config,
    core::Tokens,
    error::{Error, ErrorKind},
    protocol::ErrorCode,
    wire::Uuid,
};

const ID: Option<Uuid> = Some(Uuid([1; 16]));
const ANOTHER: Option<Uuid> = Some(Uuid([2; 16]));

/// A cluster of which the topic "t" matters, and the time.
struct Story {
    cluster: Cluster,
    now: Instant,
}

/// A topic of so many partitions, all led by this broker in this epoch.
fn topic(id: Option<Uuid>, partitions: i32, leader: i32, epoch: i32) -> metadata::Topic {
    let partition = |id| metadata::Partition {
        error: ErrorCode::NONE,
        id,
        leader: Some(leader),
        leader_epoch: Some(epoch),
        replicas: vec![1, 2],
        in_sync_replicas: vec![1, 2],
        offline_replicas: Vec::new(),
    };
    metadata::Topic {
        error: ErrorCode::NONE,
        name: "t".to_owned(),
        id,
        is_internal: false,
        partitions: (0..partitions).map(partition).collect(),
    }
}

fn address(id: i32) -> u16 {
    9000 + id as u16
}

/// Two brokers.
fn answer(topics: Vec<metadata::Topic>) -> metadata::Answer {
    let broker = |id| metadata::Broker {
        id,
        host: "b".to_owned(),
        port: address(id),
        rack: None,
    };
    metadata::Answer {
        brokers: vec![broker(1), broker(2)],
        topics,
        ..metadata::Answer::default()
    }
}

impl Story {
    fn new() -> Self {
        let bootstrap = Broker {
            id: None,
            host: "b".to_owned(),
            port: address(1),
        };
        let now = Instant::now();
        let mut cluster = Cluster::new(Settings::of(&Config::default()), vec![bootstrap], 1);
        cluster.want(now, ["t".to_owned()].into());
        Self { cluster, now }
    }

    fn hear_of(&mut self, topics: Vec<metadata::Topic>) {
        self.cluster
            .describe(self.now, self.now, None, answer(topics));
    }

    /// Hears of one partition. Tells who is held to be its leader.
    fn hear(&mut self, id: Option<Uuid>, leader: i32, epoch: i32) -> (Option<i32>, i32) {
        self.hear_of(vec![topic(id, 1, leader, epoch)]);
        let held = self.cluster.leader("t", 0).expect("it has a leader");
        (held.broker.id, held.epoch.expect("it was told"))
    }

    /// Asks whoever is asked next, and is told the same again. Tells who that was, by its port.
    fn ask(&mut self) -> u16 {
        self.now += Duration::from_secs(3600);
        let mut tokens = Tokens::default();
        let (to, ..) = self
            .cluster
            .poll_call(self.now, &mut tokens)
            .expect("it is due");
        let told = answer(vec![topic(ID, 1, 1, 4)]);
        self.cluster.answer(self.now, Ok(Answer::Metadata(told)));
        to.broker.port
    }
}

/// A machine that is gone for ever may keep whoever asks it waiting for as long as a call may take.
#[test]
fn bootstrap_addresses_are_asked_only_when_all_known_brokers_were_in_vain() {
    let mut story = Story::new();
    let is_bootstrap = |broker: Broker| broker.id.is_none();
    assert!(is_bootstrap(story.cluster.any_broker()), "nobody is known");
    story.hear(ID, 1, 4);
    for _ in 0..5 {
        assert!(!is_bootstrap(story.cluster.any_broker()));
        assert!(!is_bootstrap(story.cluster.any_broker()));
        story.cluster.heard();
    }
    let in_vain = (0..6).map(|_| is_bootstrap(story.cluster.any_broker()));
    let expected = [false, false, true, false, false, true];
    assert_eq!(in_vain.collect::<Vec<_>>(), expected);
    story.hear(ID, 1, 4);
    assert!(!is_bootstrap(story.cluster.any_broker()));
}

/// Whoever never wants to hear of failures that may pass does not, and nothing else happens.
#[test]
fn failures_may_be_quiet_for_ever() {
    let mut story = Story::new();
    let mut config = Config::default();
    config.metadata.retry.max = u32::MAX;
    story.cluster.settings = Settings::of(&config);
    let mut tokens = Tokens::default();
    for _ in 0..3 {
        story.now += Duration::from_secs(3600);
        story
            .cluster
            .poll_call(story.now, &mut tokens)
            .expect("it is due");
        let error = Error::new(ErrorKind::Closed, "topics");
        let update = story.cluster.answer(story.now, Err(error));
        assert!(matches!(update, Update::Failed(None)));
    }
}

#[test]
fn a_leader_that_is_out_of_office_is_passed_over() {
    let mut story = Story::new();
    assert_eq!(story.hear(ID, 1, 4), (Some(1), 4));
    assert_eq!(story.hear(ID, 2, 5), (Some(2), 5));
    assert_eq!(story.hear(ID, 1, 4), (Some(2), 5));
    let due = story.cluster.deadline().expect("it is looked again soon");
    assert!(due < story.now + Duration::from_secs(1));
    assert_eq!(story.hear(ID, 1, 6), (Some(1), 6));
}

#[test]
fn who_hears_of_no_other_leader_goes_by_that_one() {
    let mut story = Story::new();
    story.hear(ID, 2, 5);
    for _ in 0..3 {
        assert_eq!(story.hear(ID, 1, 4), (Some(2), 5));
        story.now += PATIENCE / 3;
    }
    assert_eq!(story.hear(ID, 1, 4), (Some(1), 4));
}

#[test]
fn patience_with_what_is_past_begins_anew_with_each_good_word() {
    let mut story = Story::new();
    story.hear(ID, 2, 5);
    for _ in 0..3 {
        assert_eq!(story.hear(ID, 1, 4), (Some(2), 5));
        assert_eq!(story.hear(ID, 2, 5), (Some(2), 5));
        story.now += PATIENCE;
    }
}

#[test]
fn partitions_do_not_go_away() {
    let mut story = Story::new();
    story.hear_of(vec![topic(ID, 3, 1, 4)]);
    story.hear_of(vec![topic(ID, 2, 1, 4)]);
    assert_eq!(story.cluster.partition_count("t"), Some(3));
}

#[test]
fn an_error_takes_the_partitions_away() {
    let mut story = Story::new();
    story.hear(ID, 1, 4);
    let error = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    story.hear_of(vec![metadata::Topic {
        error,
        ..topic(ID, 0, 1, 4)
    }]);
    let refused = story.cluster.leader("t", 0).expect_err("it is not told");
    assert_eq!(refused.code(), Some(error));
}

#[test]
fn the_epochs_of_another_topic_begin_anew() {
    let mut story = Story::new();
    story.hear(ID, 2, 5);
    assert_eq!(story.hear(ANOTHER, 1, 0), (Some(1), 0));
    // Nobody can tell which topic it is.
    story.hear(None, 2, 5);
    assert_eq!(story.hear(None, 1, 0), (Some(1), 0));
}

#[test]
fn the_forerunner_of_a_topic_is_passed_over_also_if_it_was_gone_between() {
    let mut story = Story::new();
    story.hear(ID, 2, 5);
    for _ in 0..2 {
        story.hear_of(Vec::new());
    }
    assert!(story.cluster.topic("t").is_none(), "it was said twice");
    for _ in 0..2 {
        story.hear(ANOTHER, 1, 0);
    }
    assert_eq!(story.hear(ID, 2, 5), (Some(1), 0));
    assert_eq!(story.cluster.topic_id("t"), ANOTHER);
    story.now += PATIENCE;
    assert_eq!(story.hear(ID, 2, 5), (Some(2), 5));
    assert_eq!(
        story.cluster.topic_id("t"),
        ID,
        "nobody speaks of the other one"
    );
}

/// It may have been the forerunner that was heard of last.
#[test]
fn of_two_topics_that_are_new_the_one_that_is_told_twice_is_held() {
    let mut story = Story::new();
    for id in [ANOTHER, ID, ANOTHER, ANOTHER] {
        story.hear(id, 1, 0);
        assert_eq!(story.cluster.topic_id("t"), id);
    }
    story.hear(ID, 1, 0);
    assert_eq!(story.cluster.topic_id("t"), ANOTHER);
}

#[test]
fn what_a_broker_says_of_itself_is_told_by_no_other() {
    let mut story = Story::new();
    story.hear(ID, 1, 4);
    let mut others = 0;
    // The two that are known, in turn; when both were asked in vain, the one that was known from the start.
    for in_vain in [0, 0, 2, 0, 2, 0] {
        (0..in_vain).for_each(|_| drop(story.cluster.any_broker()));
        let by = story.ask();
        let leader = story
            .cluster
            .leader("t", 0)
            .expect("it has a leader")
            .broker;
        let is_another = story.cluster.is_told_by_another("t", &leader);
        // Also where it is asked as the one that was known from the start.
        assert_eq!(is_another, by != address(1));
        others += i32::from(is_another);
    }
    assert_eq!(others, 3);
}

impl Story {
    /// The topics that are asked for by name now; `None` where all are.
    fn question(&mut self) -> Option<Vec<String>> {
        let mut tokens = Tokens::default();
        let (.., call, _) = self
            .cluster
            .poll_call(self.now, &mut tokens)
            .expect("it is due");
        match call {
            Call::Metadata(ask) => ask.topics,
            other => panic!("{other:?}"),
        }
    }

    fn hear_in_answer(&mut self, topics: Vec<metadata::Topic>) -> Update {
        let told = Ok(Answer::Metadata(answer(topics)));
        self.cluster.answer(self.now, told)
    }

    fn wait(&mut self) {
        self.now = self.cluster.deadline().expect("it waits for something");
    }
}

fn refused(error: ErrorCode) -> metadata::Topic {
    metadata::Topic {
        error,
        ..topic(None, 0, 1, 0)
    }
}

fn named() -> Option<Vec<String>> {
    Some(vec!["t".to_owned()])
}

#[test]
fn what_is_left_out_of_all_is_asked_for_by_name() {
    let mut story = Story::new();
    let hidden = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    for _ in 0..3 {
        assert_eq!(story.question(), None);
        story.hear_in_answer(Vec::new());
        assert_eq!(story.question(), named(), "at once");
        let update = story.hear_in_answer(vec![refused(hidden)]);
        assert!(matches!(update, Update::Named));
        assert_eq!(story.cluster.trouble("t"), hidden);
        assert!(
            story
                .cluster
                .poll_call(story.now, &mut Tokens::default())
                .is_none()
        );
        story.wait();
    }
    assert_eq!(story.question(), None);
    story.hear_in_answer(vec![topic(ID, 1, 1, 4)]);
    assert_eq!(story.cluster.trouble("t"), ErrorCode::NONE);
    let an_hour = Duration::from_secs(3600);
    story.now += an_hour;
    assert_eq!(story.question(), None);
    // One such word is not believed.
    story.hear_in_answer(Vec::new());
    story.wait();
    assert_eq!(story.question(), None);
    story.hear_in_answer(Vec::new());
    assert_eq!(story.question(), named());
}

#[test]
fn a_topic_is_in_question_until_it_was_asked_for_by_name() {
    let mut story = Story::new();
    assert!(story.cluster.is_in_question("t"));
    story.question();
    story.hear_in_answer(Vec::new());
    assert!(story.cluster.is_in_question("t"));
    story.question();
    // Then the silence was the answer.
    let silence = Error::new(ErrorKind::Disconnected, "metadata");
    story.cluster.answer(story.now, Err(silence));
    assert!(!story.cluster.is_in_question("t"));
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(story.cluster.trouble("t"), unknown);
    story.wait();
    assert_eq!(story.question(), None);
}

/// A leader has moved, say, while it is found out why a topic is not there.
#[test]
fn a_refresh_that_is_wished_for_meanwhile_is_made() {
    let mut story = Story::new();
    story.question();
    story.hear_in_answer(Vec::new());
    story.cluster.refresh(story.now);
    assert_eq!(story.question(), named());
    story.cluster.refresh(story.now);
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    story.hear_in_answer(vec![refused(unknown)]);
    story.now += Config::default().metadata.retry.backoff;
    assert_eq!(story.question(), None);
    story.hear_in_answer(vec![topic(ID, 1, 1, 4)]);
    assert!(
        story
            .cluster
            .poll_call(story.now, &mut Tokens::default())
            .is_none()
    );
}
