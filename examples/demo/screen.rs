//! Lines on the screen that a person can follow.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    sync::Mutex,
    time::{Duration, Instant},
};

use sarama_cluster::{Notification, NotificationType};

/// So often a message is shown where there are many, and so many at once after some quiet.
const SAMPLE_EVERY: Duration = Duration::from_millis(250);
const AT_ONCE: u32 = 20;

/// The lines of one member. Its threads share it.
pub(crate) struct Screen {
    member: &'static str,
    sample: Mutex<Sample>,
}

struct Sample {
    /// When the next message may be shown. It lies back where few came of late.
    next_at: Instant,
    /// Messages since the last one shown, and all.
    left_out: u64,
    total: u64,
}

impl Screen {
    pub(super) fn new(member: &'static str) -> Self {
        let sample = Sample {
            next_at: after_quiet(Instant::now()),
            left_out: 0,
            total: 0,
        };
        Self {
            member,
            sample: Mutex::new(sample),
        }
    }

    /// Shows a message, unless there are more than a person can read.
    pub(crate) fn sample(&self, message: fmt::Arguments<'_>) {
        let now = Instant::now();
        let mut sample = self.sample.lock().expect("nothing below panics");
        sample.total += 1;
        if now < sample.next_at {
            sample.left_out += 1;
            return;
        }
        match sample.left_out {
            0 => self.say(message),
            n => self.say(format_args!("{message}   (and {n} before it)")),
        }
        sample.left_out = 0;
        sample.next_at = sample.next_at.max(after_quiet(now)) + SAMPLE_EVERY;
    }

    /// Shows how the claims have changed.
    pub(crate) fn rebalance(&self, news: &Notification) {
        let current = partitions(&news.current);
        match news.kind {
            NotificationType::RebalanceStart if news.current.is_empty() => {
                self.say(format_args!("-- rebalance"));
            }
            NotificationType::RebalanceStart => {
                self.say(format_args!("-- rebalance: gives up {current}"));
            }
            NotificationType::RebalanceOk => self.say(format_args!("-- owns {current}")),
            kind => self.say(format_args!("-- {kind}: owns {current}")),
        }
    }

    /// Shows how many messages there were.
    pub(crate) fn total(&self) {
        let total = self.sample.lock().expect("nothing below panics").total;
        self.say(format_args!(
            "-- has left the group; it read {total} messages"
        ));
    }

    fn say(&self, what: fmt::Arguments<'_>) {
        println!("{:6} {what}", self.member);
    }
}

/// What `next_at` is at the least.
fn after_quiet(now: Instant) -> Instant {
    now.checked_sub(AT_ONCE * SAMPLE_EVERY).unwrap_or(now)
}

/// Bytes as text, where they are some.
pub(crate) fn text(bytes: Option<&[u8]>) -> Cow<'_, str> {
    bytes.map_or(Cow::Borrowed("null"), String::from_utf8_lossy)
}

fn partitions(topics: &BTreeMap<String, Vec<i32>>) -> String {
    if topics.is_empty() {
        return "nothing".to_owned();
    }
    let of_topic = |(topic, partitions)| format!("{topic} {partitions:?}");
    let topics: Vec<String> = topics.iter().map(of_topic).collect();
    topics.join(", ")
}
