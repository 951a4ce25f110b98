//! Records that a test puts into a partition.

use crate::record::{
    Codec,
    build::{BatchBuilder, MessageSetBuilder, NewRecord},
};

/// A record to be produced.
///
/// ```
/// # use sarama_cluster::testing::Record;
/// let pair: Record = ("key", "value").into();
/// let full = Record::new("key", "value").header("trace", "abc").timestamp_ms(1_700_000_000_000);
/// let tombstone = Record::default().key("key");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    timestamp_ms: Option<i64>,
}

impl Record {
    /// A record with a key and a value; one without is [`Record::default()`].
    pub fn new(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self::default().key(key).value(value)
    }

    /// Has this key. Without one it is null, which is not empty.
    #[must_use]
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Has this value. Without one it is null, which is not empty.
    #[must_use]
    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Has one more header.
    #[must_use]
    pub fn header(mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((key.into(), Some(value.into())));
        self
    }

    /// Has one more header, whose value is null.
    #[must_use]
    pub fn null_header(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.headers.push((key.into(), None));
        self
    }

    /// Was made at this time, in milliseconds since 1970. Without this it is the cluster's present.
    #[must_use]
    pub fn timestamp_ms(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }
}

impl<K: Into<Vec<u8>>, V: Into<Vec<u8>>> From<(K, V)> for Record {
    fn from((key, value): (K, V)) -> Self {
        Self::new(key, value)
    }
}

/// A batch, or a message set in the old formats, as a producer sends it.
///
/// # Panics
/// If a record has headers and the format is older than those.
pub(crate) fn encode(records: &[Record], codec: Codec, magic: u8, now_ms: i64) -> Vec<u8> {
    let mut batch = BatchBuilder::new(0).codec(codec);
    let mut set = (magic < 2).then(|| MessageSetBuilder::new(magic, 0).codec(codec));
    for record in records {
        let headers = record.headers.iter();
        let headers = headers
            .map(|(key, value)| (key.as_slice(), value.as_deref()))
            .collect::<Vec<_>>();
        let new = NewRecord {
            timestamp_ms: record.timestamp_ms.unwrap_or(now_ms),
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        };
        match &mut set {
            Some(set) => drop(set.push(&new)),
            None => drop(batch.push(&new)),
        }
    }
    match set {
        Some(set) => set.build(),
        None => batch.build(),
    }
}
