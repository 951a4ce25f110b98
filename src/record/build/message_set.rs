//! Message sets of magic 0 and 1.

use super::{
    super::{batch::LOG_APPEND_TIME, codec::Codec},
    NewRecord,
    compress::{Dialect, SnappyFraming, compress},
};

/// Writes a message set of magic 0 or 1.
#[derive(Debug, Clone)]
pub struct MessageSetBuilder {
    magic: u8,
    codec: Codec,
    dialect: Dialect,
    append_time: Option<i64>,
    base_offset: i64,
    next_offset: i64,
    last_offset: i64,
    max_timestamp: i64,
    messages: Vec<u8>,
}

impl MessageSetBuilder {
    /// A message set of this magic that starts at this offset, uncompressed.
    ///
    /// # Panics
    ///
    /// If the magic is not 0 or 1.
    pub fn new(magic: u8, base_offset: i64) -> Self {
        assert!(magic <= 1, "message sets have magic 0 or 1");
        Self {
            magic,
            codec: Codec::None,
            dialect: Dialect {
                lz4_wrong_checksum: magic == 0,
                ..Dialect::default()
            },
            append_time: None,
            base_offset,
            next_offset: base_offset,
            last_offset: base_offset,
            max_timestamp: -1,
            messages: Vec::new(),
        }
    }

    /// Compresses the messages into one wrapper.
    ///
    /// # Panics
    ///
    /// If the codec is zstd, which message sets never had. To be called before the first `push`.
    pub fn codec(mut self, codec: Codec) -> Self {
        assert!(codec != Codec::Zstd, "message sets have no zstd");
        assert!(
            self.messages.is_empty(),
            "the offsets of the messages depend on it"
        );
        self.codec = codec;
        self
    }

    /// Chooses how Snappy is framed; the Java client's way if not said.
    pub fn snappy_framing(mut self, framing: SnappyFraming) -> Self {
        self.dialect.snappy = framing;
        self
    }

    /// Has the wrapper bear the time at which the broker appended it (magic 1), for all messages.
    pub fn append_time(mut self, timestamp_ms: i64) -> Self {
        self.append_time = Some(timestamp_ms);
        self
    }

    /// Adds a message at the next offset.
    ///
    /// # Panics
    ///
    /// If the record has headers, which messages cannot carry.
    pub fn push(&mut self, record: &NewRecord<'_>) -> &mut Self {
        assert!(record.headers.is_empty(), "messages have no headers");
        self.last_offset = self.next_offset;
        self.next_offset += 1;
        self.max_timestamp = self.max_timestamp.max(record.timestamp_ms);
        // A wrapper of magic 1 counts the offsets of its messages from its first one.
        let relative = self.magic == 1 && self.codec != Codec::None;
        let offset = self.last_offset - if relative { self.base_offset } else { 0 };
        let (timestamp_ms, attributes) = match self.append_time {
            Some(append_time) if self.codec == Codec::None => (append_time, LOG_APPEND_TIME as u8),
            _ => (record.timestamp_ms, 0),
        };
        let message = Message {
            magic: self.magic,
            attributes,
            timestamp_ms,
            key: record.key,
            value: record.value,
        };
        message.put(offset, &mut self.messages);
        self
    }

    /// Leaves out offsets, as compaction does.
    pub fn skip_offsets(&mut self, count: u32) -> &mut Self {
        self.next_offset += i64::from(count);
        self
    }

    /// Leaves out the offsets below this one.
    pub(in crate::record) fn skip_to(&mut self, offset: i64) {
        self.next_offset = self.next_offset.max(offset);
    }

    /// The offset behind the last message.
    pub(super) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The message set's bytes.
    ///
    /// # Panics
    ///
    /// If the codec's crate feature is off.
    pub fn build(&self) -> Vec<u8> {
        if self.codec == Codec::None {
            return self.messages.clone();
        }
        let value = compress(self.codec, self.dialect, &self.messages);
        let wrapper = Message {
            magic: self.magic,
            attributes: self.codec as u8 | self.append_time.map_or(0, |_| LOG_APPEND_TIME as u8),
            timestamp_ms: self.append_time.unwrap_or(self.max_timestamp),
            key: None,
            value: Some(&value),
        };
        let mut set = Vec::new();
        wrapper.put(self.last_offset, &mut set);
        set
    }
}

/// The fields of a message but its offset.
struct Message<'a> {
    magic: u8,
    attributes: u8,
    timestamp_ms: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

impl Message<'_> {
    /// Appends the message to a message set.
    fn put(&self, offset: i64, set: &mut Vec<u8>) {
        let mut body = vec![self.magic, self.attributes];
        if self.magic == 1 {
            body.extend(self.timestamp_ms.to_be_bytes());
        }
        for bytes in [self.key, self.value] {
            body.extend(bytes.map_or(-1, |bytes| bytes.len() as i32).to_be_bytes());
            body.extend(bytes.unwrap_or_default());
        }
        let crc = crc32fast::hash(&body).to_be_bytes();
        set.extend(offset.to_be_bytes());
        set.extend(((crc.len() + body.len()) as i32).to_be_bytes());
        set.extend(crc);
        set.extend(body);
    }
}
