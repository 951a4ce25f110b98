use std::time::Duration;

use regex::Regex;

use super::{LONGEST, LONGEST_RETENTION, LONGEST_STRING};
use crate::config::{Config, IsolationLevel, KafkaVersion, Subscription};

/// One rule: a change to the default that just keeps it, one that just breaks it, and what the
/// error must say then.
struct Rule {
    field: &'static str,
    keeps: fn(&mut Config),
    breaks: fn(&mut Config),
    says: &'static str,
}

const MILLI: Duration = Duration::from_millis(1);
const HALF_MILLI: Duration = Duration::from_micros(500);
const NANO: Duration = Duration::from_nanos(1);

#[rustfmt::skip] // One line per change reads as a table.
const RULES: &[Rule] = &[
    Rule {
        field: "client_id",
        keeps: |c| c.client_id = "ß".repeat(32_730 / 2),
        breaks: |c| c.client_id = "x".repeat(32_731),
        says: "must have 0 to 32730 bytes",
    },
    Rule {
        field: "client_id",
        keeps: |c| { c.client_id = "Az09._-".into(); c.version = KafkaVersion::V0_11_0_0 },
        breaks: |c| { c.client_id = "my client".into(); c.version = KafkaVersion::V0_11_0_0 },
        says: "must be one or more of the characters",
    },
    Rule {
        field: "client_id",
        keeps: |c| { c.client_id = String::new(); c.version = KafkaVersion::V1_0_0 },
        breaks: |c| { c.client_id = String::new(); c.version = KafkaVersion::V0_11_0_0 },
        says: "if version is below 1.0.0",
    },
    Rule {
        field: "rack_id",
        keeps: |c| c.rack_id = Some("x".repeat(32_767)),
        breaks: |c| c.rack_id = Some("x".repeat(32_768)),
        says: "must have 0 to 32767 bytes",
    },
    Rule {
        field: "channel_buffer_size",
        keeps: |c| c.channel_buffer_size = Some(1),
        breaks: |c| c.channel_buffer_size = Some(0),
        says: "must be at least 1 and",
    },
    Rule {
        field: "channel_buffer_size",
        keeps: |c| c.channel_buffer_size = Some(1_048_576),
        breaks: |c| c.channel_buffer_size = Some(1_048_577),
        says: "at most 1048576",
    },
    Rule {
        field: "version",
        keeps: |c| c.version = KafkaVersion::V0_9_0_0,
        breaks: |c| c.version = KafkaVersion::new(0, 8, 2, 2),
        says: "must be at least 0.9.0.0",
    },
    Rule {
        field: "net.keep_alive",
        keeps: |c| c.net.keep_alive = Some(Duration::from_secs(1)),
        breaks: |c| c.net.keep_alive = Some(Duration::from_millis(999)),
        says: "must be at least 1s and",
    },
    Rule {
        field: "net.keep_alive",
        keeps: |c| c.net.keep_alive = Some(Duration::from_secs(32_767)),
        breaks: |c| c.net.keep_alive = Some(Duration::from_secs(32_768)),
        says: "at most 32767s",
    },
    Rule {
        field: "metadata.refresh_frequency",
        keeps: |c| c.metadata.refresh_frequency = LONGEST,
        breaks: |c| c.metadata.refresh_frequency = LONGEST + NANO,
        says: "must be at most 24 days; 0 turns it off",
    },
    Rule {
        field: "metadata.full",
        keeps: |c| c.metadata.full = false,
        breaks: |c| { c.metadata.full = false; c.group.topics.whitelist = Some(pattern()) },
        says: "must be true if group.topics.whitelist or group.topics.blacklist is set",
    },
    Rule {
        field: "metadata.full",
        keeps: |c| c.group.topics.blacklist = Some(pattern()),
        breaks: |c| { c.metadata.full = false; c.group.topics.blacklist = Some(pattern()) },
        says: "must be true if",
    },
    Rule {
        field: "limits.request",
        keeps: |c| c.limits.request = 1,
        breaks: |c| c.limits.request = 0,
        says: "must be at least 1",
    },
    Rule {
        field: "limits.request",
        keeps: |c| c.limits.request = 2_147_483_647,
        breaks: |c| c.limits.request = 2_147_483_648,
        says: "at most 2147483647",
    },
    Rule {
        field: "limits.response",
        keeps: |c| { c.limits.response = 1; fetch_of(c, 1) },
        breaks: |c| { c.limits.response = 0; fetch_of(c, 1) },
        says: "must be at least 1",
    },
    Rule {
        field: "limits.response",
        keeps: |c| c.limits.response = 2_147_483_647,
        breaks: |c| c.limits.response = 2_147_483_648,
        says: "at most 2147483647",
    },
    Rule {
        field: "limits.arrays",
        keeps: |c| c.limits.arrays = 1,
        breaks: |c| c.limits.arrays = 0,
        says: "must be at least 1",
    },
    Rule {
        field: "limits.arrays",
        keeps: |c| c.limits.arrays = 2_147_483_647,
        breaks: |c| c.limits.arrays = 2_147_483_648,
        says: "at most 2147483647",
    },
    Rule {
        field: "limits.batch",
        keeps: |c| c.limits.batch = 1,
        breaks: |c| c.limits.batch = 0,
        says: "must be at least 1",
    },
    Rule {
        field: "limits.batch",
        keeps: |c| c.limits.batch = 2_147_483_647,
        breaks: |c| c.limits.batch = 2_147_483_648,
        says: "at most 2147483647",
    },
    Rule {
        field: "limits.decompressed_batch",
        keeps: |c| c.limits.decompressed_batch = 1,
        breaks: |c| c.limits.decompressed_batch = 0,
        says: "must be at least 1",
    },
    Rule {
        field: "limits.decompressed_batch",
        keeps: |c| c.limits.decompressed_batch = 2_147_483_647,
        breaks: |c| c.limits.decompressed_batch = 2_147_483_648,
        says: "at most 2147483647",
    },
    Rule {
        field: "consumer.fetch.min",
        keeps: |c| c.consumer.fetch.min = 1,
        breaks: |c| c.consumer.fetch.min = 0,
        says: "must be at least 1",
    },
    Rule {
        field: "consumer.fetch.min",
        keeps: |c| c.consumer.fetch.min = 104_857_600,
        breaks: |c| c.consumer.fetch.min = 104_857_601,
        says: "at most limits.response (104857600)",
    },
    Rule {
        field: "consumer.fetch.default",
        keeps: |c| c.consumer.fetch.default = 1,
        breaks: |c| c.consumer.fetch.default = -1,
        says: "must be at least 1",
    },
    Rule {
        field: "consumer.fetch.default",
        keeps: |c| { c.limits.response = 9; fetch_of(c, 9) },
        breaks: |c| { c.limits.response = 9; fetch_of(c, 9); c.consumer.fetch.default = 10 },
        says: "at most limits.response (9)",
    },
    Rule {
        field: "consumer.fetch.max",
        keeps: |c| { fetch_of(c, 1); c.consumer.fetch.max = Some(1) },
        breaks: |c| { fetch_of(c, 1); c.consumer.fetch.max = Some(0) },
        says: "must be at least 1",
    },
    Rule {
        field: "consumer.fetch.max",
        keeps: |c| c.consumer.fetch.max = Some(104_857_600),
        breaks: |c| c.consumer.fetch.max = Some(104_857_601),
        says: "at most limits.response (104857600)",
    },
    Rule {
        field: "consumer.fetch.max",
        keeps: |c| c.consumer.fetch.max = Some(1_048_576),
        breaks: |c| c.consumer.fetch.max = Some(1_048_575),
        says: "must be at least consumer.fetch.default (1048576)",
    },
    Rule {
        field: "consumer.fetch.max_bytes",
        keeps: |c| c.consumer.fetch.max_bytes = 1,
        breaks: |c| c.consumer.fetch.max_bytes = 0,
        says: "must be at least 1",
    },
    Rule {
        field: "consumer.fetch.max_bytes",
        keeps: |c| c.consumer.fetch.max_bytes = 104_857_600,
        breaks: |c| c.consumer.fetch.max_bytes = 104_857_601,
        says: "at most limits.response (104857600)",
    },
    Rule {
        field: "consumer.fetch.budget",
        keeps: |c| c.consumer.fetch.budget = 1_048_576,
        breaks: |c| c.consumer.fetch.budget = 1_048_575,
        says: "must be at least consumer.fetch.default (1048576)",
    },
    Rule {
        field: "consumer.max_wait_time",
        keeps: |c| c.consumer.max_wait_time = MILLI,
        breaks: |c| c.consumer.max_wait_time = MILLI + HALF_MILLI,
        says: "must be whole milliseconds",
    },
    Rule {
        field: "consumer.offsets.commit_interval",
        keeps: |c| c.consumer.offsets.commit_interval = MILLI,
        breaks: |c| c.consumer.offsets.commit_interval = HALF_MILLI,
        says: "must be at least 1 ms",
    },
    Rule {
        field: "consumer.offsets.retention",
        keeps: |c| c.consumer.offsets.retention = Some(MILLI),
        breaks: |c| c.consumer.offsets.retention = Some(HALF_MILLI),
        says: "must be whole milliseconds",
    },
    Rule {
        field: "consumer.offsets.retention",
        keeps: |c| c.consumer.offsets.retention = None,
        breaks: |c| c.consumer.offsets.retention = Some(Duration::ZERO),
        says: "must be more than 0",
    },
    Rule {
        field: "consumer.offsets.retention",
        keeps: |c| c.consumer.offsets.retention = Some(LONGEST_RETENTION),
        breaks: |c| c.consumer.offsets.retention = Some(LONGEST_RETENTION + MILLI),
        says: "at most 36500 days",
    },
    Rule {
        field: "consumer.isolation_level",
        keeps: |c| read_committed_on(c, KafkaVersion::V0_11_0_0),
        breaks: |c| read_committed_on(c, KafkaVersion::V0_10_2_0),
        says: "must be ReadUncommitted if version is below 0.11.0.0",
    },
    Rule {
        field: "group.offsets.synchronization.dwell_time",
        keeps: |c| c.group.offsets.synchronization.dwell_time = NANO,
        breaks: |c| c.group.offsets.synchronization.dwell_time = Duration::ZERO,
        says: "must be more than 0",
    },
    Rule {
        field: "group.offsets.synchronization.dwell_time",
        keeps: |c| c.group.offsets.synchronization.dwell_time = Duration::from_secs(600),
        breaks: |c| c.group.offsets.synchronization.dwell_time = Duration::from_secs(600) + NANO,
        says: "at most 10 minutes",
    },
    Rule {
        field: "group.session.timeout",
        keeps: |c| c.group.session.timeout += MILLI,
        breaks: |c| c.group.session.timeout += HALF_MILLI,
        says: "must be whole milliseconds",
    },
    Rule {
        field: "group.rebalance.timeout",
        keeps: |c| c.group.rebalance.timeout = MILLI,
        breaks: |c| c.group.rebalance.timeout = HALF_MILLI,
        says: "must be whole milliseconds",
    },
    Rule {
        field: "group.heartbeat.interval",
        keeps: |c| c.group.heartbeat.interval = Duration::from_secs(10),
        breaks: |c| c.group.heartbeat.interval = Duration::from_secs(10) + NANO,
        says: "must be at most a third of group.session.timeout (30s)",
    },
    Rule {
        field: "group.member.user_data",
        keeps: |c| { c.limits.request = 9; c.group.member.user_data = vec![0; 4] },
        breaks: |c| { c.limits.request = 9; c.group.member.user_data = vec![0; 5] },
        says: "must be at most 4 bytes",
    },
    Rule {
        field: "group.instance_id",
        keeps: |c| c.group.instance_id = Some("x".repeat(249)),
        breaks: |c| c.group.instance_id = Some("x".repeat(250)),
        says: "must be 1 to 249 of the characters",
    },
    Rule {
        field: "group.instance_id",
        keeps: |c| static_on(c, KafkaVersion::V2_3_0),
        breaks: |c| static_on(c, KafkaVersion::V2_2_0),
        says: "must be None if version is below 2.3.0",
    },
];

type SetDuration = fn(&mut Config, Duration);

/// Durations that must be positive and short enough to be added to a clock.
#[rustfmt::skip]
const DURATIONS: &[(&str, SetDuration)] = &[
    ("net.dial_timeout", |c, value| c.net.dial_timeout = value),
    ("net.read_timeout", |c, value| c.net.read_timeout = value),
    ("net.write_timeout", |c, value| c.net.write_timeout = value),
    ("metadata.retry.backoff", |c, value| c.metadata.retry.backoff = value),
    ("metadata.timeout", |c, value| c.metadata.timeout = Some(value)),
    ("consumer.retry.backoff", |c, value| c.consumer.retry.backoff = value),
    ("consumer.max_wait_time", |c, value| c.consumer.max_wait_time = value),
    ("consumer.offsets.commit_interval", |c, value| c.consumer.offsets.commit_interval = value),
    ("group.session.timeout", |c, value| {
        c.group.session.timeout = value;
        c.group.heartbeat.interval = value.min(MILLI) / 3;
    }),
    ("group.heartbeat.interval", |c, value| {
        c.group.session.timeout = LONGEST;
        c.group.heartbeat.interval = if value == LONGEST { LONGEST / 3 } else { value };
    }),
    ("group.rebalance.timeout", |c, value| c.group.rebalance.timeout = value),
    ("close_timeout", |c, value| c.close_timeout = value),
];

fn pattern() -> Regex {
    Regex::new("^orders").unwrap()
}

fn fetch_of(config: &mut Config, bytes: i32) {
    config.consumer.fetch.default = bytes;
    config.consumer.fetch.max_bytes = bytes;
}

fn read_committed_on(config: &mut Config, version: KafkaVersion) {
    config.version = version;
    config.consumer.isolation_level = IsolationLevel::ReadCommitted;
}

fn static_on(config: &mut Config, version: KafkaVersion) {
    config.version = version;
    config.group.instance_id = Some("worker-1".to_owned());
}

fn changed(change: impl Fn(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

#[test]
fn the_default_keeps_all_rules() {
    assert_eq!(Config::default().validate(), Ok(()));
}

#[test]
fn each_rule_takes_the_limit_and_names_what_is_past_it() {
    for Rule {
        field,
        keeps,
        breaks,
        says,
    } in RULES
    {
        assert_eq!(changed(keeps).validate(), Ok(()), "{field} {says}");
        let error = changed(breaks).validate().expect_err(says);
        assert_eq!(error.field(), *field, "{error}");
        assert!(error.rule().contains(says), "{error}, not: {says}");
    }
}

#[test]
fn durations_are_positive_and_fit_a_clock() {
    for (field, set) in DURATIONS {
        for kept in [MILLI, LONGEST] {
            assert_eq!(changed(|c| set(c, kept)).validate(), Ok(()), "{field}");
        }
        for broken in [
            Duration::ZERO,
            LONGEST + MILLI,
            Duration::from_secs(u64::MAX),
        ] {
            let error = changed(|c| set(c, broken)).validate().expect_err(field);
            assert_eq!(error.field(), *field);
            assert_eq!(error.rule(), "must be more than 0 and at most 24 days");
        }
    }
}

#[test]
fn refreshing_metadata_can_be_turned_off() {
    let off = changed(|c| c.metadata.refresh_frequency = Duration::ZERO);
    assert_eq!(off.validate(), Ok(()));
}

#[test]
fn a_group_needs_a_name_that_fits_a_request() {
    let config = Config::default();
    let longest = "g".repeat(LONGEST_STRING);
    for group_id in ["g", "any text: ß", &longest] {
        assert_eq!(config.validate_consumer(group_id, &"t".into()), Ok(()));
    }
    for group_id in ["", &"g".repeat(LONGEST_STRING + 1)] {
        let error = config.validate_consumer(group_id, &"t".into()).unwrap_err();
        assert_eq!(error.field(), "group_id");
        assert_eq!(error.rule(), "must have 1 to 32767 bytes");
    }
}

#[test]
fn topics_have_legal_names() {
    let config = Config::default();
    let longest = "t".repeat(249);
    for topic in ["t", "Az09._-", "...", &longest] {
        assert_eq!(config.validate_consumer("g", &topic.into()), Ok(()));
    }
    for topic in ["", ".", "..", "a b", "a/b", "ä", "a*", &"t".repeat(250)] {
        let topics = Subscription::from(["good", topic]);
        let error = config.validate_consumer("g", &topics).unwrap_err();
        assert_eq!(error.field(), "topics");
        assert!(error.rule().starts_with("must be 1 to 249"), "{error}");
        assert!(
            error.value().contains(&topic[..topic.len().min(70)]),
            "{error}"
        );
    }
}

#[test]
fn an_empty_subscription_needs_a_whitelist() {
    let nothing = Subscription::from(());
    let mut config = Config::default();
    config.group.topics.blacklist = Some(pattern());
    let error = config.validate_consumer("g", &nothing).unwrap_err();
    assert_eq!(
        error.to_string(),
        "topics = []: must name at least one topic, unless group.topics.whitelist is set"
    );
    config.group.topics.whitelist = Some(pattern());
    assert_eq!(config.validate_consumer("g", &nothing), Ok(()));
}

#[test]
fn a_consumer_needs_valid_settings() {
    let broken = changed(|c| c.close_timeout = Duration::ZERO);
    let error = broken.validate_consumer("g", &"t".into()).unwrap_err();
    assert_eq!(error.field(), "close_timeout");
}
