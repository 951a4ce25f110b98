//! A way to break the protocol, and what is expected of it.

use std::time::Duration;

use sarama_cluster::{Config, ErrorKind, testing::ApiKey};

use crate::alter::Alter;

pub(crate) struct Case {
    pub(crate) name: String,
    /// Whose answers are changed.
    pub(crate) api: ApiKey,
    pub(crate) alter: Alter,
    /// The answers come slowly, from this byte on.
    pub(crate) drips_from: Option<usize>,
    /// What the consumer is set to besides.
    pub(crate) tune: fn(&mut Config),
    pub(crate) setting: Setting,
    /// Where the group has stopped to read the sick partition.
    pub(crate) from: i64,
    pub(crate) expected: Expected,
}

/// Who is sick, and who is healthy beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// One partition; another one is in the same answers.
    Partition,
    /// One broker, with one partition; another broker leads the other.
    Broker,
    /// The group coordinator, before there are claims.
    Joining,
    /// The same, on a broker that does nothing else.
    Coordinator,
    /// The group coordinator, while there are claims: they go on.
    Member,
    /// The first broker that is asked; another one is well.
    Start,
}

/// What is told.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) kind: ErrorKind,
    /// In the error or in its causes.
    pub(crate) says: &'static str,
    /// Whether it is about the sick partition, by name.
    pub(crate) of_partition: bool,
    /// How soon, a busy machine included.
    pub(crate) within: Duration,
}

/// The time that an error may take: ten seconds, and as much for a busy machine.
const WITHIN: Duration = Duration::from_secs(20);

impl Case {
    pub(crate) fn new(
        name: impl Into<String>,
        setting: Setting,
        api: ApiKey,
        says: &'static str,
        alter: Alter,
    ) -> Self {
        let expected = Expected {
            kind: ErrorKind::Protocol,
            says,
            of_partition: matches!(setting, Setting::Partition | Setting::Broker),
            within: WITHIN,
        };
        Self {
            name: name.into(),
            api,
            alter,
            drips_from: None,
            tune: |_| (),
            setting,
            from: 0,
            expected,
        }
    }

    /// An error of this kind, if it is not that of the protocol.
    pub(crate) fn kind(mut self, kind: ErrorKind) -> Self {
        self.expected.kind = kind;
        self
    }

    /// Only answers of this version and newer ones are changed.
    pub(crate) fn since(mut self, first: i16) -> Self {
        let alter = self.alter;
        self.alter = Box::new(move |version, frame| match version >= first {
            true => alter(version, frame),
            false => frame,
        });
        self
    }

    /// The consumer has other settings.
    pub(crate) fn tune(mut self, tune: fn(&mut Config)) -> Self {
        self.tune = tune;
        self
    }

    /// The error may take so long: the settings say it.
    pub(crate) fn within(mut self, within: Duration) -> Self {
        self.expected.within = within;
        self
    }

    /// The answers come byte by byte, from this one on.
    pub(crate) fn drips_from(mut self, byte: usize) -> Self {
        self.drips_from = Some(byte);
        self
    }

    /// The sick partition is read from here on.
    pub(crate) fn from(mut self, offset: i64) -> Self {
        self.from = offset;
        self
    }

    /// The error names the partition, or it does not.
    pub(crate) fn of_partition(mut self, of_partition: bool) -> Self {
        self.expected.of_partition = of_partition;
        self
    }
}
