//! Topics that are deleted and created again under the same name.

use std::time::Duration;

use sarama_cluster::{
    Config, Consumer, ConsumerMessage, ErrorCode,
    config::{InitialOffset, KafkaVersion},
    testing::{FakeCluster, KafkaRelease},
};

use crate::world::PATIENCE;

const GROUP: &str = "g";

fn config() -> Config {
    let mut config = Config::default();
    config.consumer.offsets.initial = InitialOffset::Oldest;
    config.consumer.offsets.commit_interval = Duration::from_millis(50);
    config.consumer.retry.backoff = Duration::from_millis(20);
    config.consumer.returns.errors = true;
    config.metadata.refresh_frequency = Duration::from_millis(100);
    config
}

fn produce(kafka: &FakeCluster, what: &str, count: i64) {
    for number in 0..count {
        kafka.produce("t", 0, [("key", format!("{what} {number}").as_str())]);
    }
}

fn take(consumer: &Consumer, count: i64) -> Vec<ConsumerMessage> {
    let next = |_| {
        consumer
            .messages()
            .recv_timeout(PATIENCE)
            .expect("there is one")
    };
    (0..count).map(next).collect()
}

fn texts(messages: &[ConsumerMessage]) -> Vec<String> {
    let text = |message: &ConsumerMessage| {
        String::from_utf8_lossy(message.value().unwrap_or_default()).into_owned()
    };
    messages.iter().map(text).collect()
}

/// The topic is gone and there again before anybody looks; then the former one is marked.
fn tell_the_story_of(kafka: &FakeCluster, config: Config) {
    kafka.create_topic("t", 1);
    produce(kafka, "old", 10);
    let consumer = Consumer::new(kafka.bootstrap(), GROUP, "t", config).expect("brokers are there");
    let former = take(&consumer, 10);
    consumer.mark_offset(&former[3], "");
    kafka.await_committed(PATIENCE, GROUP, "t", 0, 4);
    let commits_before = kafka.commits(GROUP).len();

    kafka.delete_topic("t");
    kafka.create_topic("t", 1);
    produce(kafka, "new", 12);
    let present = take(&consumer, 12);
    let expected: Vec<String> = (0..12).map(|number| format!("new {number}")).collect();
    assert_eq!(texts(&present), expected);
    assert!(present[0].is_current() && !former[9].is_current());
    let told = consumer
        .errors()
        .recv_timeout(PATIENCE)
        .expect("it is told");
    assert_eq!(told.topic(), Some("t"));

    // Too late: that topic is no more.
    consumer.mark_offset(&former[9], "");
    consumer.mark_offset(&present[1], "");
    kafka.await_committed(PATIENCE, GROUP, "t", 0, 2);
    consumer.mark_offset(&present[11], "");
    consumer.close().expect("all is committed");
    assert_eq!(
        kafka.committed(GROUP, "t", 0).map(|(offset, _)| offset),
        Some(12)
    );
    let commits = kafka.commits(GROUP);
    let offsets: Vec<i64> = commits[commits_before..].iter().map(|c| c.offset).collect();
    let allowed = |offset: &i64| [0, 2, 12].contains(offset);
    assert!(
        offsets.iter().all(allowed) && offsets.is_sorted(),
        "{offsets:?}"
    );
}

/// Scenario 13: with topic ids everywhere, also in commits.
#[test]
fn a_topic_that_is_created_again_is_read_anew_and_old_marks_do_not_touch_it() {
    tell_the_story_of(&FakeCluster::start(), config());
}

/// Scenario 13: where commits have only the name, what was marked before is not committed any more once
/// the new id is known.
#[test]
fn a_topic_that_is_created_again_is_known_by_its_id_also_where_commits_have_none() {
    let kafka = FakeCluster::builder().version(KafkaRelease::V3_9).start();
    let mut config = config();
    config.version = KafkaVersion::V3_9_0;
    tell_the_story_of(&kafka, config);
}

/// Scenario 13: a commit that was on its way names the former topic, and is refused.
#[test]
fn a_commit_for_the_former_topic_never_counts_for_the_one_that_is_created_again() {
    let kafka = FakeCluster::start();
    kafka.create_topic("t", 1);
    produce(&kafka, "old", 5);
    let mut config = config();
    config.metadata.refresh_frequency = Duration::ZERO;
    config.consumer.offsets.auto_commit.enable = false;
    let consumer = Consumer::new(kafka.bootstrap(), GROUP, "t", config).expect("brokers are there");
    let former = take(&consumer, 5);
    kafka.delete_topic("t");
    kafka.create_topic("t", 1);
    consumer.mark_offset(&former[4], "");
    // Nobody has told of the new topic yet, unless a fetch was faster.
    let refused = consumer.commit_offsets();
    if let Err(error) = refused {
        assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_ID), "{error:?}");
    }
    assert_eq!(kafka.committed(GROUP, "t", 0), None);
    produce(&kafka, "new", 1);
    let present = take(&consumer, 1);
    assert_eq!(texts(&present), ["new 0"]);
    consumer.mark_offset(&present[0], "");
    consumer.commit_offsets().expect("this one is there");
    consumer.close().expect("all is committed");
    assert_eq!(
        kafka.committed(GROUP, "t", 0).map(|(offset, _)| offset),
        Some(1)
    );
}
