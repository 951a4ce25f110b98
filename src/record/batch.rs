//! One batch as it was fetched, known by its header.

use std::fmt;

use super::{
    codec::Codec,
    cursor::Cursor,
    error::{Error, ErrorKind, Malformed},
    memory::Bytes,
};

/// The offset, the length of what follows, and (for batches) the leader epoch or (for messages) the
/// checksum come before the magic byte.
pub(super) const MAGIC_AT: usize = 16;
/// The bytes that a length field does not count: the offset and the length field itself.
pub(super) const LOG_OVERHEAD: usize = 12;

/// The header of a batch of magic 2.
pub(super) const HEADER_SIZE: usize = 61;
pub(super) const LEADER_EPOCH_AT: usize = 12;
pub(super) const CRC_AT: usize = 17;
/// The checksum covers everything from here on.
pub(super) const ATTRIBUTES_AT: usize = 21;
#[cfg(any(test, feature = "testing"))]
pub(super) const MAX_TIMESTAMP_AT: usize = 35;

pub(super) const LOG_APPEND_TIME: i16 = 1 << 3;
pub(super) const TRANSACTIONAL: i16 = 1 << 4;
pub(super) const CONTROL: i16 = 1 << 5;

/// What the timestamps of a batch mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// Set by the producer.
    CreateTime,
    /// Set by the broker when it appended the batch.
    LogAppendTime,
}

/// A batch of magic 2, or what stands for one in the older formats: a run of uncompressed messages,
/// or one compressed message set. It holds its bytes, still compressed, and may share the memory that they are in.
///
/// What it tells comes from its header, which is sound in itself; the checksum and the records
/// behind it are looked at when it is decoded.
#[derive(Clone)]
pub struct Batch {
    pub(super) bytes: Bytes,
    pub(super) header: Header,
}

/// What all formats say about a batch; what one does not know has the value that newer ones use
/// for "none".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) magic: u8,
    pub(super) codec: Codec,
    pub(super) timestamp_type: TimestampType,
    pub(super) transactional: bool,
    pub(super) control: bool,
    pub(super) base_offset: i64,
    pub(super) last_offset: i64,
    pub(super) base_timestamp: i64,
    pub(super) max_timestamp: i64,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
    pub(super) leader_epoch: i32,
    pub(super) record_count: Option<u32>,
}

impl Batch {
    /// The offset that the batch starts at, whether or not a record still has it. A compressed
    /// message set tells only its last offset: there it is that one.
    pub fn base_offset(&self) -> i64 {
        self.header.base_offset
    }

    /// Whether the base offset is that of the start.
    pub fn tells_start(&self) -> bool {
        self.header.tells_start()
    }

    /// The offset that the batch ends at, whether or not a record still has it.
    pub fn last_offset(&self) -> i64 {
        self.header.last_offset
    }

    /// Where reading goes on after this batch.
    pub fn next_offset(&self) -> i64 {
        self.header.last_offset + 1
    }

    /// How many records the header claims; a compressed message set does not say.
    pub fn record_count(&self) -> Option<u32> {
        self.header.record_count
    }

    /// The format: 2 since Kafka 0.11, 1 since 0.10, 0 before.
    pub fn magic(&self) -> u8 {
        self.header.magic
    }

    /// How the records are compressed.
    pub fn codec(&self) -> Codec {
        self.header.codec
    }

    /// Whether nobody knows how large the records are before they are decompressed.
    pub fn is_compressed(&self) -> bool {
        self.header.codec != Codec::None
    }

    /// Whether the batch holds a transaction's end or another note of the brokers, no records.
    pub fn is_control(&self) -> bool {
        self.header.control
    }

    /// Whether the batch is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.header.transactional
    }

    /// The producer, or −1 if it is neither idempotent nor transactional.
    pub fn producer_id(&self) -> i64 {
        self.header.producer_id
    }

    /// The producer's epoch, or −1.
    pub fn producer_epoch(&self) -> i16 {
        self.header.producer_epoch
    }

    /// The producer's number of the first record, or −1.
    pub fn base_sequence(&self) -> i32 {
        self.header.base_sequence
    }

    /// The epoch of the leader that appended the batch, or −1 if unknown.
    pub fn leader_epoch(&self) -> i32 {
        self.header.leader_epoch
    }

    /// The largest timestamp in milliseconds since 1970, or −1 if there is none.
    pub fn max_timestamp(&self) -> i64 {
        self.header.max_timestamp
    }

    /// What the timestamps mean.
    pub fn timestamp_type(&self) -> TimestampType {
        self.header.timestamp_type
    }

    /// How many bytes the batch had on the wire.
    pub fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    /// Checks the checksum of a batch that is not to be decoded. Below magic 2 each message has its own, which
    /// is not looked at.
    ///
    /// # Errors
    /// It is wrong.
    pub fn check(&self) -> Result<(), Error> {
        match self.header.magic {
            2 => self.check_v2(),
            _ => Ok(()),
        }
        .map_err(|kind| Error::new(self.base_offset(), kind))
    }

    pub(super) fn check_v2(&self) -> Result<(), ErrorKind> {
        let expected = Cursor::new(&self.bytes, CRC_AT).u32()?;
        let actual = crc32c::crc32c(&self.bytes[ATTRIBUTES_AT..]);
        match expected == actual {
            true => Ok(()),
            false => Err(ErrorKind::CrcMismatch { expected, actual }),
        }
    }

    /// The batch as it was on the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("header", &self.header)
            .field("encoded_len", &self.bytes.len())
            .finish()
    }
}

impl Header {
    pub(super) fn tells_start(&self) -> bool {
        self.magic == 2 || self.codec == Codec::None
    }

    /// The header of a batch of magic 2, checked as far as it can be without the records.
    pub(super) fn read_v2(bytes: &[u8]) -> Result<Self, ErrorKind> {
        const TOO_SHORT: Malformed = Malformed("a batch is shorter than its header");
        if bytes.len() < HEADER_SIZE {
            return Err(TOO_SHORT.into());
        }
        let mut fields = Cursor::new(bytes, 0);
        let base_offset = fields.i64()?;
        fields.skip(LEADER_EPOCH_AT - 8)?;
        let leader_epoch = fields.i32()?;
        fields.skip(ATTRIBUTES_AT - MAGIC_AT)?;
        let attributes = fields.i16()?;
        let last_offset_delta = fields.i32()?;
        let base_timestamp = fields.i64()?;
        let max_timestamp = fields.i64()?;
        let producer_id = fields.i64()?;
        let producer_epoch = fields.i16()?;
        let base_sequence = fields.i32()?;
        let record_count = fields.i32()?;

        if leader_epoch < -1 || producer_id < -1 {
            return Err(ErrorKind::Corrupt("a negative leader epoch or producer id"));
        }
        // Offsets of records are distinct, so no more of them fit than there are offsets.
        if last_offset_delta < 0 || record_count < 0 || record_count - 1 > last_offset_delta {
            return Err(ErrorKind::Corrupt(
                "a record count that does not fit the offsets",
            ));
        }
        let last_offset = last_offset(base_offset, last_offset_delta.into())?;
        Ok(Self {
            magic: 2,
            codec: Codec::from_attributes(attributes)?,
            timestamp_type: TimestampType::from_attributes(attributes),
            transactional: attributes & TRANSACTIONAL != 0,
            control: attributes & CONTROL != 0,
            base_offset,
            last_offset,
            base_timestamp,
            max_timestamp,
            producer_id,
            producer_epoch,
            base_sequence,
            leader_epoch,
            record_count: Some(record_count as u32),
        })
    }
}

impl TimestampType {
    pub(super) fn from_attributes(attributes: i16) -> Self {
        if attributes & LOG_APPEND_TIME != 0 {
            Self::LogAppendTime
        } else {
            Self::CreateTime
        }
    }
}

/// The last offset of a batch, if both ends and the offset behind it are offsets.
pub(super) fn last_offset(base_offset: i64, delta: i64) -> Result<i64, ErrorKind> {
    match base_offset.checked_add(delta) {
        Some(last) if base_offset >= 0 && last >= base_offset && last < i64::MAX => Ok(last),
        _ => Err(ErrorKind::Corrupt(
            "offsets below zero or beyond the largest",
        )),
    }
}
