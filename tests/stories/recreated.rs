//! Topics that are deleted and created again under the same name.

use std::time::Duration;

use sarama_cluster::{
    Config, Consumer, ErrorCode,
    config::KafkaVersion,
    testing::{FakeCluster, KafkaRelease},
};

use crate::{
    plain::{GROUP, committed, config, join, take, texts},
    world::PATIENCE,
};

fn produce(kafka: &FakeCluster, what: &str, count: i64) {
    for number in 0..count {
        kafka.produce("t", 0, [("key", format!("{what} {number}").as_str())]);
    }
}

/// The topic is gone and there again before anybody looks; then the former one is marked.
fn tell_the_story_of(kafka: &FakeCluster, config: Config) {
    kafka.create_topic("t", 1);
    produce(kafka, "old", 10);
    let consumer = join(kafka, config);
    let former = take(consumer.messages(), 10);
    consumer.mark_offset(&former[3], "");
    kafka.await_committed(PATIENCE, GROUP, "t", 0, 4);
    let commits_before = kafka.commits(GROUP).len();

    kafka.delete_topic("t");
    kafka.create_topic("t", 1);
    produce(kafka, "new", 12);
    let present = take(consumer.messages(), 12);
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
    assert_eq!(committed(kafka, 0), Some(12));
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
    let consumer = join(&kafka, config);
    let former = take(consumer.messages(), 5);
    kafka.delete_topic("t");
    kafka.create_topic("t", 1);
    consumer.mark_offset(&former[4], "");
    // Nobody has told of the new topic yet, unless a fetch was faster.
    let refused = consumer.commit_offsets();
    if let Err(error) = refused {
        assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_ID), "{error:?}");
    }
    assert_eq!(committed(&kafka, 0), None);
    produce(&kafka, "new", 1);
    let present = take(consumer.messages(), 1);
    assert_eq!(texts(&present), ["new 0"]);
    consumer.mark_offset(&present[0], "");
    consumer.commit_offsets().expect("this one is there");
    consumer.close().expect("all is committed");
    assert_eq!(committed(&kafka, 0), Some(1));
}

/// Nobody but the leader of the group looks at partition counts, and it sees as many as ever.
#[test]
fn a_partition_that_is_gone_for_so_short_that_the_leader_does_not_see_it_is_read_all_the_same() {
    let kafka = FakeCluster::builder()
        .topic("other", 1)
        .topic("t", 2)
        .start();
    let mut blind = config();
    blind.metadata.refresh_frequency = Duration::ZERO;
    let leader =
        Consumer::new(kafka.bootstrap(), GROUP, "other", blind).expect("brokers are there");
    kafka.await_members(PATIENCE, GROUP, 1);
    let consumer = join(&kafka, config());
    kafka.await_members(PATIENCE, GROUP, 2);
    for partition in 0..2 {
        kafka.await_committed(PATIENCE, GROUP, "t", partition, 0);
    }
    let generation = kafka.generation(GROUP);

    for partitions in [1, 2] {
        kafka.delete_topic("t");
        kafka.create_topic("t", partitions);
        produce(&kafka, "there", 1);
        assert_eq!(texts(&take(consumer.messages(), 1)), ["there 0"]);
    }
    kafka.produce("t", 1, [("key", "there as well")]);
    assert_eq!(texts(&take(consumer.messages(), 1)), ["there as well"]);
    assert_eq!(kafka.generation(GROUP), generation, "nobody noticed");
    consumer.close().expect("nothing was marked");
    leader.close().expect("it has read nothing");
}

/// Scenario 34: the topic comes again with fewer records, and nobody can tell it from the former one; the
/// group goes on for good where the policy says.
#[test]
fn a_shorter_topic_of_the_same_name_draws_nobody_back_to_the_dead_offset() {
    let release = KafkaRelease::V1_1;
    let kafka = FakeCluster::builder().version(release).start();
    kafka.create_topic("t", 1);
    produce(&kafka, "old", 10);
    let mut config = config();
    config.version = KafkaVersion::V1_1_0;
    let consumer = join(&kafka, config.clone());
    let former = take(consumer.messages(), 10);
    consumer.mark_offset(&former[9], "");
    kafka.await_committed(PATIENCE, GROUP, "t", 0, 10);
    kafka.delete_topic("t");
    kafka.create_topic("t", 1);
    produce(&kafka, "new", 3);
    let present = take(consumer.messages(), 3);
    assert_eq!(texts(&present), ["new 0", "new 1", "new 2"]);
    consumer.mark_offset(&present[1], "");
    consumer.close().expect("all is committed");
    assert_eq!(committed(&kafka, 0), Some(2));
    let consumer = join(&kafka, config);
    assert_eq!(texts(&take(consumer.messages(), 1)), ["new 2"]);
    assert!(
        consumer.errors().is_empty(),
        "it starts where the group was"
    );
    consumer.close().expect("nothing was marked");
}
