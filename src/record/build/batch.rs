//! Batches of magic 2.

use super::{
    super::{
        MarkerType,
        batch::{
            ATTRIBUTES_AT, CONTROL, CRC_AT, HEADER_SIZE, LOG_APPEND_TIME, LOG_OVERHEAD,
            TRANSACTIONAL,
        },
        codec::Codec,
    },
    NewRecord,
    compress::{Dialect, SnappyFraming, compress},
};

/// Writes a batch of magic 2.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    base_offset: i64,
    codec: Codec,
    dialect: Dialect,
    leader_epoch: i32,
    attributes: i16,
    producer: (i64, i16, i32),
    append_time: Option<i64>,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    /// The delta of the next record; the batch ends before it.
    next_delta: i32,
    count: i32,
    records: Vec<u8>,
}

impl BatchBuilder {
    /// A batch that starts at this offset: uncompressed, of no producer and no leader epoch.
    pub fn new(base_offset: i64) -> Self {
        Self {
            base_offset,
            codec: Codec::None,
            dialect: Dialect::default(),
            leader_epoch: -1,
            attributes: 0,
            producer: (-1, -1, -1),
            append_time: None,
            base_timestamp: None,
            max_timestamp: -1,
            next_delta: 0,
            count: 0,
            records: Vec::new(),
        }
    }

    /// Compresses the records.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// Chooses how Snappy is framed; the Java client's way if not said.
    pub fn snappy_framing(mut self, framing: SnappyFraming) -> Self {
        self.dialect.snappy = framing;
        self
    }

    /// The epoch of the leader that appends the batch.
    pub fn leader_epoch(mut self, epoch: i32) -> Self {
        self.leader_epoch = epoch;
        self
    }

    /// The idempotent producer's id, epoch, and number of the first record.
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        self.producer = (id, epoch, base_sequence);
        self
    }

    /// Makes the batch part of its producer's transaction.
    pub fn transactional(mut self) -> Self {
        self.attributes |= TRANSACTIONAL;
        self
    }

    /// Has all records bear the time at which the broker appended them.
    pub fn append_time(mut self, timestamp_ms: i64) -> Self {
        self.attributes |= LOG_APPEND_TIME;
        self.append_time = Some(timestamp_ms);
        self
    }

    /// Adds a record at the next offset.
    pub fn push(&mut self, record: &NewRecord<'_>) -> &mut Self {
        let base_timestamp = *self.base_timestamp.get_or_insert(record.timestamp_ms);
        self.max_timestamp = self.max_timestamp.max(record.timestamp_ms);
        let mut body = vec![0]; // attributes: none are defined
        put_varint(&mut body, record.timestamp_ms.wrapping_sub(base_timestamp));
        put_varint(&mut body, self.next_delta.into());
        put_nullable(&mut body, record.key);
        put_nullable(&mut body, record.value);
        put_varint(&mut body, record.headers.len() as i64);
        for (key, value) in record.headers {
            put_nullable(&mut body, Some(key));
            put_nullable(&mut body, *value);
        }
        put_varint(&mut self.records, body.len() as i64);
        self.records.extend(body);
        self.next_delta += 1;
        self.count += 1;
        self
    }

    /// Leaves out offsets, as compaction does, at the batch's end too.
    pub fn skip_offsets(&mut self, count: u32) -> &mut Self {
        self.next_delta += count as i32;
        self
    }

    /// Leaves out the offsets below this one.
    pub(in crate::record) fn skip_to(&mut self, offset: i64) {
        self.next_delta = self.next_delta.max((offset - self.base_offset) as i32);
    }

    /// The batch's bytes.
    ///
    /// # Panics
    ///
    /// If the codec's crate feature is off, or if the batch has no offset.
    pub fn build(&self) -> Vec<u8> {
        assert!(self.next_delta > 0, "a batch has at least one offset");
        let records = compress(self.codec, self.dialect, &self.records);
        let (producer_id, producer_epoch, base_sequence) = self.producer;
        let mut batch = Vec::with_capacity(HEADER_SIZE + records.len());
        batch.extend(self.base_offset.to_be_bytes());
        batch.extend(((HEADER_SIZE - LOG_OVERHEAD + records.len()) as i32).to_be_bytes());
        batch.extend(self.leader_epoch.to_be_bytes());
        batch.push(2);
        batch.extend([0; 4]); // the checksum, known at the end
        batch.extend((self.attributes | self.codec as i16).to_be_bytes());
        batch.extend((self.next_delta - 1).to_be_bytes());
        batch.extend(self.base_timestamp.unwrap_or(-1).to_be_bytes());
        batch.extend(self.append_time.unwrap_or(self.max_timestamp).to_be_bytes());
        batch.extend(producer_id.to_be_bytes());
        batch.extend(producer_epoch.to_be_bytes());
        batch.extend(base_sequence.to_be_bytes());
        batch.extend(self.count.to_be_bytes());
        debug_assert_eq!(batch.len(), HEADER_SIZE);
        batch.extend(records);
        seal(&mut batch);
        batch
    }
}

/// The batch that a broker appends when a transaction ends.
pub fn control_batch(
    offset: i64,
    producer_id: i64,
    producer_epoch: i16,
    marker: MarkerType,
    timestamp_ms: i64,
) -> Vec<u8> {
    let marker = match marker {
        MarkerType::Abort => 0,
        MarkerType::Commit => 1,
        MarkerType::Other(other) => other,
    };
    let version = 0_i16.to_be_bytes();
    let key = [version, i16::to_be_bytes(marker)].concat();
    let coordinator_epoch = 0_i32.to_be_bytes();
    let value = [&version[..], &coordinator_epoch].concat();
    let mut batch = BatchBuilder::new(offset)
        .producer(producer_id, producer_epoch, -1)
        .transactional();
    batch.attributes |= CONTROL;
    batch.push(&NewRecord {
        timestamp_ms,
        key: Some(&key),
        value: Some(&value),
        headers: &[],
    });
    batch.build()
}

/// Writes the checksum of a batch whose other bytes are done.
pub(super) fn seal(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
}

/// A zigzag varint.
fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut raw = (value << 1 ^ value >> 63) as u64;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_varint(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend(bytes.unwrap_or_default());
}
