//! Descriptions of the cluster that contradict each other, and questions.

use std::time::{Duration, Instant};

use super::{Cluster, LONGEST_LEADERLESS, Settings, Update, past::PATIENCE};
use crate::{
    call::{Answer, Broker, Call, Token, metadata},
    config::Config,
    core::Tokens,
    error::{Error, ErrorKind},
    protocol::{ApiKey, ErrorCode},
    wire::Uuid,
};

const ID: Option<Uuid> = Some(Uuid([1; 16]));
const ANOTHER: Option<Uuid> = Some(Uuid([2; 16]));

/// A cluster of which the topic "t" matters, and the time.
struct Story {
    cluster: Cluster,
    now: Instant,
    tokens: Tokens,
}

/// A question on its way: to whom, by its port, and what.
struct Asked {
    token: Token,
    port: u16,
    topics: Option<Vec<String>>,
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
        Self {
            cluster,
            now,
            tokens: Tokens::default(),
        }
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
        let asked = self.question();
        self.answer(&asked, vec![topic(ID, 1, 1, 4)]);
        asked.port
    }

    fn try_question(&mut self) -> Option<Asked> {
        self.try_question_within().map(|(asked, _)| asked)
    }

    /// The question, and how long its answer may take.
    fn question_within(&mut self) -> (Asked, Duration) {
        self.try_question_within().expect("it is time to ask")
    }

    fn try_question_within(&mut self) -> Option<(Asked, Duration)> {
        let (to, token, call, within) =
            self.cluster
                .poll_call(self.now, &mut self.tokens, |_| false)?;
        let Call::Metadata(ask) = call else {
            panic!("{call:?}");
        };
        let asked = Asked {
            token,
            port: to.broker.port,
            topics: ask.topics,
        };
        Some((asked, within))
    }

    fn question(&mut self) -> Asked {
        self.try_question().expect("it is due")
    }

    /// The question for all topics, at the time that it is due.
    fn question_in_time(&mut self) -> Asked {
        self.now = self
            .now
            .max(self.cluster.deadline().expect("it is to be asked"));
        let asked = self.question();
        assert_eq!(asked.topics, None);
        asked
    }

    /// The question for topics by name.
    fn question_by_name(&mut self) -> Asked {
        let asked = self.question();
        assert!(asked.topics.is_some());
        asked
    }

    fn answer(&mut self, asked: &Asked, topics: Vec<metadata::Topic>) -> Update {
        let told = Ok(Answer::Metadata(answer(topics)));
        self.cluster.answer(self.now, asked.token, told)
    }

    fn fail(&mut self, asked: &Asked, error: Error) -> Update {
        self.cluster.answer(self.now, asked.token, Err(error))
    }
}

/// A machine that is gone for ever may keep whoever asks it waiting for as long as a call may take.
#[test]
fn bootstrap_addresses_are_asked_only_when_all_known_brokers_were_in_vain() {
    let mut story = Story::new();
    let is_bootstrap = |broker: Broker| broker.id.is_none();
    assert!(
        is_bootstrap(story.cluster.any_broker(|_| false)),
        "nobody is known"
    );
    story.hear(ID, 1, 4);
    for _ in 0..5 {
        assert!(!is_bootstrap(story.cluster.any_broker(|_| false)));
        assert!(!is_bootstrap(story.cluster.any_broker(|_| false)));
        story.cluster.heard();
    }
    let in_vain = (0..6).map(|_| is_bootstrap(story.cluster.any_broker(|_| false)));
    let expected = [false, false, true, false, false, true];
    assert_eq!(in_vain.collect::<Vec<_>>(), expected);
    story.hear(ID, 1, 4);
    assert!(!is_bootstrap(story.cluster.any_broker(|_| false)));
}

#[test]
fn who_is_silent_is_asked_only_when_all_others_were_in_vain() {
    let mut story = Story::new();
    let mut three = answer(vec![topic(ID, 1, 1, 4)]);
    three.brokers.push(metadata::Broker {
        id: 3,
        ..three.brokers[0].clone()
    });
    story.cluster.describe(story.now, story.now, None, three);
    let mut ask = |is_silent: fn(i32) -> bool| {
        let is_silent = |broker: &Broker| broker.id.is_some_and(is_silent);
        story.cluster.any_broker(is_silent).id
    };
    let in_vain = [(); 8].map(|()| ask(|id| id == 1));
    assert!(!in_vain[..2].contains(&Some(1)), "{in_vain:?}");
    assert!(in_vain.contains(&Some(1)), "{in_vain:?}");
    assert!(
        in_vain.contains(&None),
        "the bootstrap address: {in_vain:?}"
    );
    story.cluster.heard();
    let all = [(); 3].map(|()| story.cluster.any_broker(|_| true).id);
    assert!((1..=3).all(|id| all.contains(&Some(id))), "{all:?}");
}

/// It may have lost touch with the others, and who is silent to a fetch may answer this all the same.
#[test]
fn the_one_who_is_not_silent_is_not_the_only_one_to_be_heard() {
    let mut story = Story::new();
    story.hear(ID, 1, 4);
    let mut ports = Vec::new();
    for _ in 0..4 {
        story.now += Duration::from_secs(3600);
        let is_silent = |broker: &Broker| broker.id == Some(1);
        let asked = story
            .cluster
            .poll_call(story.now, &mut story.tokens, is_silent);
        let (to, token, ..) = asked.expect("it is time to ask");
        ports.push(to.broker.port);
        let told = Ok(Answer::Metadata(answer(vec![topic(ID, 1, 1, 4)])));
        story.cluster.answer(story.now, token, told);
    }
    assert!(
        [1, 2].iter().all(|id| ports.contains(&address(*id))),
        "{ports:?}"
    );
}

/// One that is gone does not say so. But a large answer may take its time, and so may the next one.
#[test]
fn another_broker_is_asked_soon_and_what_takes_long_gets_its_time() {
    let mut story = Story::new();
    let secs = Duration::from_secs;
    let mut patience = Vec::new();
    for _ in 0..5 {
        let (asked, within) = story.question_within();
        patience.push(within);
        story.now += within;
        story.fail(&asked, Error::new(ErrorKind::Timeout(within), "metadata"));
        story.now += secs(20);
    }
    assert_eq!(patience, [10, 20, 30, 30, 30].map(secs));
    let (asked, _) = story.question_within();
    story.now += secs(11);
    story.answer(&asked, vec![topic(ID, 1, 1, 4)]);
    story.now += secs(3600);
    assert_eq!(story.question_within().1, secs(22));
}

/// Whoever never wants to hear of failures that may pass does not, and nothing else happens.
#[test]
fn failures_may_be_quiet_for_ever() {
    let mut story = Story::new();
    let mut config = Config::default();
    config.metadata.retry.max = u32::MAX;
    story.cluster.settings = Settings::of(&config);
    for _ in 0..3 {
        story.now += Duration::from_secs(3600);
        let asked = story.question();
        let update = story.fail(&asked, Error::new(ErrorKind::Closed, "topics"));
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

/// Not all brokers hear of new ones at once, and each change of the count is a rebalance.
#[test]
fn without_ids_partitions_go_away_when_that_is_told_twice() {
    let mut story = Story::new();
    let mut count = |partitions| {
        story.hear_of(vec![topic(None, partitions, 1, 4)]);
        let soon = story.now + Duration::from_secs(1);
        let is_urgent = story.cluster.deadline().is_some_and(|due| due < soon);
        (story.cluster.partition_count("t"), is_urgent)
    };
    let told = [3, 4, 3, 4, 3, 3].map(&mut count);
    let held = [
        (Some(3), false),
        (Some(4), false),
        (Some(4), true),
        (Some(4), false),
        (Some(4), true),
        (Some(3), false),
    ];
    assert_eq!(told, held);
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
        (0..in_vain).for_each(|_| drop(story.cluster.any_broker(|_| false)));
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

#[test]
fn a_broker_that_has_just_started_is_passed_over_in_silence() {
    let mut story = Story::new();
    let asked = story.question();
    let nobody = Error::broker_code(ErrorCode::BROKER_NOT_AVAILABLE, "topics");
    let update = story.fail(&asked, nobody.at_api(ApiKey::Metadata));
    assert!(matches!(update, Update::Failed(None)), "{update:?}");
}

/// The topic that is left out, as it is told by name.
fn hidden() -> metadata::Topic {
    metadata::Topic {
        error: ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        name: "hidden".to_owned(),
        ..topic(None, 0, 1, 0)
    }
}

/// The same once it may be seen.
fn shown() -> metadata::Topic {
    metadata::Topic {
        error: ErrorCode::NONE,
        ..hidden()
    }
}

impl Story {
    /// The user has named another topic, which is left out of all descriptions.
    fn with_a_hidden_one() -> Self {
        let mut story = Self::new();
        let names = || ["t".to_owned(), "hidden".to_owned()].into();
        story.cluster.subscribe(names());
        story.cluster.want(story.now, names());
        story
    }
}

#[test]
fn what_is_left_out_of_all_is_asked_for_by_name() {
    let mut story = Story::with_a_hidden_one();
    for _ in 0..3 {
        let asked = story.question_in_time();
        story.answer(&asked, vec![topic(ID, 1, 1, 4)]);
        let asked = story.question_by_name();
        assert_eq!(asked.topics, Some(vec!["hidden".to_owned()]));
        let update = story.answer(&asked, vec![hidden()]);
        assert!(matches!(update, Update::Named));
        let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
        assert_eq!(story.cluster.trouble("hidden"), code);
        assert!(story.try_question().is_none());
    }
    let asked = story.question_in_time();
    story.answer(&asked, vec![topic(ID, 1, 1, 4), shown()]);
    assert_eq!(story.cluster.trouble("hidden"), ErrorCode::NONE);
    assert!(story.try_question().is_none());
}

/// Those that are in use beside them, by patterns or by other members, would come back where brokers may create topics.
#[test]
fn only_what_the_user_has_named_is_asked_for_by_name() {
    let mut story = Story::with_a_hidden_one();
    story.cluster.subscribe(["hidden".to_owned()].into());
    for _ in 0..3 {
        let asked = story.question_in_time();
        story.answer(&asked, Vec::new());
        let asked = story.question_by_name();
        assert_eq!(asked.topics, Some(vec!["hidden".to_owned()]));
        story.answer(&asked, vec![hidden()]);
    }
}

#[test]
fn a_topic_is_in_question_until_it_was_asked_for_by_name_or_that_lasts() {
    let mut story = Story::with_a_hidden_one();
    for _ in 0..Config::default().metadata.retry.max {
        let asked = story.question_in_time();
        story.answer(&asked, vec![topic(ID, 1, 1, 4)]);
        assert!(story.cluster.is_in_question("hidden"));
        let asked = story.question_by_name();
        let silence = Error::new(ErrorKind::Disconnected, "metadata");
        story.fail(&asked, silence);
        assert!(story.cluster.is_in_question("hidden"));
    }
    let asked = story.question_in_time();
    story.answer(&asked, vec![topic(ID, 1, 1, 4)]);
    assert!(!story.cluster.is_in_question("hidden"));
    let asked = story.question_by_name();
    story.answer(&asked, vec![hidden()]);
    assert!(!story.cluster.is_in_question("hidden"));
}

#[test]
fn a_late_word_by_name_says_nothing_of_what_was_described_since() {
    let mut story = Story::with_a_hidden_one();
    let asked = story.question_in_time();
    story.answer(&asked, vec![topic(ID, 1, 1, 4)]);
    let by_name = story.question_by_name();
    let asked = story.question_in_time();
    story.answer(&asked, vec![topic(ID, 1, 1, 4), shown()]);
    story.answer(&by_name, vec![hidden()]);
    assert_eq!(story.cluster.trouble("hidden"), ErrorCode::NONE);
}

/// Created between the two questions, also anew: until the next description its forerunner would be taken for it.
#[test]
fn a_topic_that_is_there_by_name_is_described() {
    let mut story = Story::with_a_hidden_one();
    let named = |id| metadata::Topic { id, ..shown() };
    let asked = story.question_in_time();
    let t = || topic(ID, 1, 1, 4);
    story.answer(&asked, vec![t(), named(ID)]);
    for _ in 0..2 {
        let asked = story.question_in_time();
        story.answer(&asked, vec![t()]);
    }
    assert_ne!(story.cluster.trouble("hidden"), ErrorCode::NONE);
    let by_name = story.question_by_name();
    let update = story.answer(&by_name, vec![named(ANOTHER)]);
    assert!(matches!(update, Update::Described), "{update:?}");
    assert_eq!(story.cluster.trouble("hidden"), ErrorCode::NONE);
    assert_eq!(story.cluster.topic_id("hidden"), ANOTHER);
}

/// One that has lost touch with the others must not have two words in a row.
#[test]
fn all_brokers_describe_the_cluster_in_turn_also_where_a_topic_is_hidden() {
    let mut story = Story::with_a_hidden_one();
    let mut last = None;
    for _ in 0..10 {
        let asked = story.question_in_time();
        story.answer(&asked, vec![topic(ID, 1, 1, 4)]);
        assert_ne!(last.replace(asked.port), Some(asked.port));
        let by_name = story.question_by_name();
        assert_eq!(by_name.port, asked.port, "it was the one that left it out");
        story.answer(&by_name, vec![hidden()]);
    }
}

/// The return of a leader is looked for as often as ever.
#[test]
fn a_hidden_topic_holds_up_no_refresh() {
    let mut story = Story::with_a_hidden_one();
    for _ in 0..10 {
        let asked = story.question_in_time();
        story.answer(&asked, vec![topic(ID, 1, 1, 4)]);
        story.cluster.look_again(story.now, true);
        let by_name = story.question_by_name();
        story.answer(&by_name, vec![hidden()]);
        let due = story.cluster.deadline().expect("it is to be asked");
        assert!(due - story.now <= LONGEST_LEADERLESS);
    }
}
