//! The rules that settings must keep, one check each, in the order of the fields.

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::group::Topics;
use super::{Config, ConfigError, IsolationLevel, KafkaVersion, Strategy, Subscription};

type Check = Result<(), ConfigError>;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest duration: what the protocol's `i32` milliseconds hold, in whole days. It applies to
/// all but the retention, for a clock plus `Duration::MAX` overflows.
const LONGEST: Duration = DAY.saturating_mul(24);

/// The retention travels as `i64` milliseconds, but brokers add it to the time of day: where that
/// overflows, the commit expires at once. A hundred years are far from it.
const LONGEST_RETENTION: Duration = DAY.saturating_mul(36_500);

/// Shorter ones than an answer takes keep a thread busy with nothing.
const SHORTEST_COMMIT_INTERVAL: Duration = Duration::from_millis(1);

const LONGEST_DWELL: Duration = Duration::from_secs(10 * 60);

/// The range of Linux for `TCP_KEEPIDLE`, which counts in seconds.
const KEEP_ALIVE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(32_767);

/// 24 MiB of slots: a message has 16 bytes, and the channel 8 more for each.
const MOST_SLOTS: usize = 1024 * 1024;

/// The longest string of the protocol's first versions, whose length is an `i16`.
const LONGEST_STRING: usize = i16::MAX as usize;

/// The `-` and the UUID that a group coordinator puts behind the client id to make a member id.
const MEMBER_ID_SUFFIX: usize = 37;

const LONGEST_NAME: usize = 249;

const LEGAL_NAME: &str =
    "must be 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-', but not '.' or '..'";

pub(super) fn check(config: &Config) -> Check {
    check_client(config)?;
    check_net(config)?;
    check_metadata(config)?;
    check_limits(config)?;
    check_fetch(config)?;
    check_consumer(config)?;
    check_group(config)?;
    positive("close_timeout", config.close_timeout)
}

fn check_client(config: &Config) -> Check {
    let client_id = config.client_id.as_str();
    bounded_text(
        "client_id",
        client_id,
        0..=LONGEST_STRING - MEMBER_ID_SUFFIX,
    )?;
    ensure(
        config.version >= KafkaVersion::V1_0_0
            || (!client_id.is_empty() && client_id.chars().all(is_name_char)),
        "client_id",
        client_id,
        "must be one or more of the characters a-z, A-Z, 0-9, '.', '_' and '-' if version is below 1.0.0",
    )?;
    bounded_text(
        "rack_id",
        config.rack_id.as_deref().unwrap_or_default(),
        0..=LONGEST_STRING,
    )?;
    if let Some(size) = config.channel_buffer_size {
        within("channel_buffer_size", size, 1..=MOST_SLOTS)?;
    }
    ensure(
        config.version >= KafkaVersion::V0_9_0_0,
        "version",
        config.version,
        "must be at least 0.9.0.0, the first release with consumer groups",
    )
}

fn check_net(config: &Config) -> Check {
    let net = &config.net;
    positive("net.dial_timeout", net.dial_timeout)?;
    positive("net.read_timeout", net.read_timeout)?;
    positive("net.write_timeout", net.write_timeout)?;
    if let Some(idle) = net.keep_alive {
        within("net.keep_alive", idle, KEEP_ALIVE)?;
    }
    Ok(())
}

fn check_metadata(config: &Config) -> Check {
    let metadata = &config.metadata;
    positive("metadata.retry.backoff", metadata.retry.backoff)?;
    ensure(
        metadata.refresh_frequency <= LONGEST,
        "metadata.refresh_frequency",
        metadata.refresh_frequency,
        "must be at most 24 days; 0 turns it off",
    )?;
    if let Some(timeout) = metadata.timeout {
        positive("metadata.timeout", timeout)?;
    }
    let topics = &config.group.topics;
    ensure(
        metadata.full || (topics.whitelist.is_none() && topics.blacklist.is_none()),
        "metadata.full",
        metadata.full,
        "must be true if group.topics.whitelist or group.topics.blacklist is set",
    )
}

fn check_limits(config: &Config) -> Check {
    let limits = &config.limits;
    for (field, bytes) in [
        ("limits.request", limits.request),
        ("limits.response", limits.response),
        ("limits.arrays", limits.arrays),
        ("limits.batch", limits.batch),
        ("limits.decompressed_batch", limits.decompressed_batch),
    ] {
        // All sizes of the protocol are `i32`.
        within(field, bytes, 1..=i32::MAX as usize)?;
    }
    Ok(())
}

fn check_fetch(config: &Config) -> Check {
    let fetch = &config.consumer.fetch;
    for (field, bytes) in [
        ("consumer.fetch.min", Some(fetch.min)),
        ("consumer.fetch.default", Some(fetch.default)),
        ("consumer.fetch.max", fetch.max),
        ("consumer.fetch.max_bytes", Some(fetch.max_bytes)),
    ] {
        let Some(bytes) = bytes else { continue };
        let limit = config.limits.response;
        ensure(
            usize::try_from(bytes).is_ok_and(|bytes| (1..=limit).contains(&bytes)),
            field,
            bytes,
            format!("must be at least 1 and at most limits.response ({limit})"),
        )?;
    }
    if let Some(max) = fetch.max {
        ensure(
            max >= fetch.default,
            "consumer.fetch.max",
            max,
            format!(
                "must be at least consumer.fetch.default ({})",
                fetch.default
            ),
        )?;
    }
    ensure(
        usize::try_from(fetch.default).is_ok_and(|default| fetch.budget >= default),
        "consumer.fetch.budget",
        fetch.budget,
        format!(
            "must be at least consumer.fetch.default ({})",
            fetch.default
        ),
    )
}

fn check_consumer(config: &Config) -> Check {
    let consumer = &config.consumer;
    positive("consumer.retry.backoff", consumer.retry.backoff)?;
    whole_millis("consumer.max_wait_time", consumer.max_wait_time)?;
    positive("consumer.max_wait_time", consumer.max_wait_time)?;
    positive(
        "consumer.offsets.commit_interval",
        consumer.offsets.commit_interval,
    )?;
    ensure(
        consumer.offsets.commit_interval >= SHORTEST_COMMIT_INTERVAL,
        "consumer.offsets.commit_interval",
        consumer.offsets.commit_interval,
        "must be at least 1 ms",
    )?;
    if let Some(retention) = consumer.offsets.retention {
        whole_millis("consumer.offsets.retention", retention)?;
        // Not 0 either, which expires the commit at once.
        positive_up_to(LONGEST_RETENTION, "consumer.offsets.retention", retention)?;
    }
    ensure(
        consumer.isolation_level == IsolationLevel::ReadUncommitted
            || config.version >= KafkaVersion::V0_11_0_0,
        "consumer.isolation_level",
        consumer.isolation_level,
        "must be ReadUncommitted if version is below 0.11.0.0, which cannot tell them apart",
    )
}

fn check_group(config: &Config) -> Check {
    let group = &config.group;
    let dwell_time = group.offsets.synchronization.dwell_time;
    ensure(
        !dwell_time.is_zero() && dwell_time <= LONGEST_DWELL,
        "group.offsets.synchronization.dwell_time",
        dwell_time,
        "must be more than 0 and at most 10 minutes",
    )?;
    whole_millis("group.session.timeout", group.session.timeout)?;
    positive("group.session.timeout", group.session.timeout)?;
    whole_millis("group.rebalance.timeout", group.rebalance.timeout)?;
    positive("group.rebalance.timeout", group.rebalance.timeout)?;
    let interval = group.heartbeat.interval;
    positive("group.heartbeat.interval", interval)?;
    ensure(
        interval * 3 <= group.session.timeout,
        "group.heartbeat.interval",
        interval,
        format!(
            "must be at most a third of group.session.timeout ({:?})",
            group.session.timeout
        ),
    )?;
    check_member(config)
}

fn check_member(config: &Config) -> Check {
    let user_data = config.group.member.user_data.len();
    let limit = config.limits.request / Strategy::ALL.len();
    ensure(
        user_data <= limit,
        "group.member.user_data",
        format_args!("{user_data} bytes"),
        format!(
            "must be at most {limit} bytes, for a request within limits.request carries it once per strategy"
        ),
    )?;
    let Some(instance_id) = &config.group.instance_id else {
        return Ok(());
    };
    ensure(
        is_legal_name(instance_id),
        "group.instance_id",
        instance_id,
        LEGAL_NAME,
    )?;
    ensure(
        config.version >= KafkaVersion::V2_3_0,
        "group.instance_id",
        instance_id,
        "must be None if version is below 2.3.0, which has no static members",
    )
}

pub(super) fn check_group_id(group_id: &str) -> Check {
    bounded_text("group_id", group_id, 1..=LONGEST_STRING)
}

pub(super) fn check_subscription(subscription: &Subscription, patterns: &Topics) -> Check {
    let topics = subscription.topics();
    for topic in topics {
        ensure(is_legal_name(topic), "topics", topic, LEGAL_NAME)?;
    }
    ensure(
        !topics.is_empty() || patterns.whitelist.is_some(),
        "topics",
        topics,
        "must name at least one topic, unless group.topics.whitelist is set",
    )
}

/// Kafka's rule for the names of topics, which KIP-345 extends to instance ids.
fn is_legal_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name.chars().all(is_name_char)
        && name != "."
        && name != ".."
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn bounded_text(field: &'static str, text: &str, bytes: RangeInclusive<usize>) -> Check {
    let (least, most) = bytes.into_inner();
    ensure(
        (least..=most).contains(&text.len()),
        field,
        text,
        format!("must have {least} to {most} bytes"),
    )
}

fn positive(field: &'static str, duration: Duration) -> Check {
    positive_up_to(LONGEST, field, duration)
}

fn positive_up_to(longest: Duration, field: &'static str, duration: Duration) -> Check {
    let days = longest.as_secs() / DAY.as_secs();
    ensure(
        !duration.is_zero() && duration <= longest,
        field,
        duration,
        format!("must be more than 0 and at most {days} days"),
    )
}

/// For what travels as milliseconds.
fn whole_millis(field: &'static str, duration: Duration) -> Check {
    ensure(
        duration.subsec_nanos().is_multiple_of(1_000_000),
        field,
        duration,
        "must be whole milliseconds",
    )
}

fn within<T>(field: &'static str, value: T, range: RangeInclusive<T>) -> Check
where
    T: Copy + Debug + PartialOrd,
{
    let (least, most) = range.into_inner();
    ensure(
        (least..=most).contains(&value),
        field,
        value,
        format!("must be at least {least:?} and at most {most:?}"),
    )
}

fn ensure(
    holds: bool,
    field: &'static str,
    value: impl Debug,
    rule: impl Into<Cow<'static, str>>,
) -> Check {
    if holds {
        Ok(())
    } else {
        Err(ConfigError::new(field, value, rule))
    }
}

#[cfg(test)]
mod tests;
