//! Message sets of magic 0 and 1, which brokers before 0.11 store and speak.
//!
//! A message is an entry of its own; a compressed set is one message whose value is a message set.

use std::ops::Range;

use super::{
    Batch, Block, Decompressor, Limits, TimestampType,
    batch::{Header, LOG_OVERHEAD, last_offset},
    block::{BlockSource, View},
    codec::Codec,
    cursor::Cursor,
    error::{ErrorKind, Malformed},
    memory::Bytes,
    split::entry_size,
};

/// Uncompressed messages are grouped up to this size: large enough that a group's cost does not
/// show, small enough that one held message does not keep much.
const GROUP_BYTES: usize = 128 << 10;

/// The checksum covers everything behind it.
const CRC_SIZE: usize = 4;

/// What a message says about itself, as much as a walk by headers needs.
#[derive(Clone, Copy)]
pub(super) struct Head {
    offset: i64,
    pub(super) magic: u8,
    pub(super) codec: Codec,
    timestamp_type: TimestampType,
    pub(super) timestamp: i64,
}

impl Head {
    /// Reads up to the key.
    fn read(fields: &mut Cursor<'_>) -> Result<Self, ErrorKind> {
        let offset = fields.i64()?;
        fields.skip(size_of::<i32>() + CRC_SIZE)?; // its length is known
        let magic = fields.u8()?;
        let attributes = i16::from(fields.u8()?);
        let codec = Codec::from_attributes(attributes)?;
        if codec == Codec::Zstd {
            return Err(ErrorKind::Corrupt(
                "zstd in a message set, which never had it",
            ));
        }
        let (timestamp_type, timestamp) = match magic {
            0 => (TimestampType::CreateTime, -1),
            _ => (TimestampType::from_attributes(attributes), fields.i64()?),
        };
        Ok(Self {
            offset,
            magic,
            codec,
            timestamp_type,
            timestamp,
        })
    }

    fn into_header(self, record_count: Option<u32>) -> Result<Header, ErrorKind> {
        Ok(Header {
            magic: self.magic,
            codec: self.codec,
            timestamp_type: self.timestamp_type,
            transactional: false,
            control: false,
            base_offset: self.offset,
            last_offset: last_offset(self.offset, 0)?,
            base_timestamp: self.timestamp,
            max_timestamp: self.timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            leader_epoch: -1,
            record_count,
        })
    }
}

/// The compressed message set or the run of uncompressed messages that `bytes` start with. The
/// first message is whole and has `size` bytes.
pub(super) fn first_group(
    bytes: &[u8],
    mut size: usize,
    limits: &Limits,
) -> Result<(Header, usize), ErrorKind> {
    let first = Head::read(&mut Cursor::new(&bytes[..size], 0))?;
    if first.codec != Codec::None {
        return Ok((first.into_header(None)?, size));
    }
    let mut header = first.into_header(Some(1))?;
    let mut count = 1;
    while let Some((next, next_size)) = next_of_group(&header, &bytes[size..], limits) {
        if size + next_size > GROUP_BYTES {
            break;
        }
        size += next_size;
        count += 1;
        header.last_offset = next.offset;
        header.max_timestamp = header.max_timestamp.max(next.timestamp);
    }
    header.record_count = Some(count);
    Ok((header, size))
}

/// The message behind a group, if it belongs to it: whole, sound, of the same kind, in order. What
/// is wrong with one that does not is found when it is looked at as the first of its own group.
fn next_of_group(group: &Header, bytes: &[u8], limits: &Limits) -> Option<(Head, usize)> {
    let size = entry_size(bytes, limits).ok()??;
    let head = Head::read(&mut Cursor::new(bytes.get(..size)?, 0)).ok()?;
    let same_kind = head.magic == group.magic
        && head.codec == Codec::None
        && head.timestamp_type == group.timestamp_type;
    let in_order = head.offset > group.last_offset
        && head.offset < i64::MAX
        && u32::try_from(head.offset - group.base_offset).is_ok();
    (same_kind && in_order).then_some((head, size))
}

/// A message read whole.
pub(super) struct Message {
    pub(super) head: Head,
    /// Where it starts and how long it is; −1 is null.
    key: (u32, i32),
    value: (u32, i32),
}

impl Message {
    /// Reads the message that takes all of `place` and checks its checksum.
    pub(super) fn read(bytes: &[u8], place: Range<usize>) -> Result<Self, ErrorKind> {
        let mut fields = Cursor::new(&bytes[..place.end], place.start);
        fields.skip(LOG_OVERHEAD)?;
        let expected = fields.u32()?;
        let actual = crc32fast::hash(fields.rest());
        if expected != actual {
            return Err(ErrorKind::CrcMismatch { expected, actual });
        }
        let mut fields = Cursor::new(&bytes[..place.end], place.start);
        let head = Head::read(&mut fields)?;
        let key = skip_nullable_bytes(&mut fields)?;
        let value = skip_nullable_bytes(&mut fields)?;
        if fields.remaining() > 0 {
            return Err(ErrorKind::Corrupt(
                "a message's length is not that of its fields",
            ));
        }
        Ok(Self { head, key, value })
    }

    /// Reads the message at the cursor.
    fn read_next(bytes: &[u8], fields: &mut Cursor<'_>) -> Result<Self, ErrorKind> {
        let place = next_entry(fields)?.ok_or(Malformed("a message set is cut off"))?;
        Self::read(bytes, place)
    }

    /// The key, within the bytes that the message was read from.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn key<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        slice(bytes, self.key)
    }

    /// The value, within the bytes that the message was read from.
    pub(super) fn value<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        slice(bytes, self.value)
    }
}

fn slice(bytes: &[u8], (start, len): (u32, i32)) -> Option<&[u8]> {
    let len = usize::try_from(len).ok()?;
    Some(&bytes[start as usize..][..len])
}

/// Moves over one entry by its length and says where it lies; `None` at the end.
pub(super) fn next_entry(fields: &mut Cursor<'_>) -> Result<Option<Range<usize>>, Malformed> {
    if fields.remaining() == 0 {
        return Ok(None);
    }
    let start = fields.position();
    fields.skip(size_of::<i64>())?;
    let length = fields.i32()?;
    fields.skip(usize::try_from(length).map_err(|_| Malformed("a message of negative length"))?)?;
    Ok(Some(start..fields.position()))
}

fn skip_nullable_bytes(fields: &mut Cursor<'_>) -> Result<(u32, i32), Malformed> {
    let len = fields.i32()?;
    let start = fields.position() as u32;
    match len {
        0.. => fields.skip(len as usize)?,
        -1 => {}
        _ => return Err(Malformed("a key or value of negative length")),
    }
    Ok((start, len))
}

/// Decodes a group of messages or a compressed message set.
pub(super) fn decode(
    batch: &Batch,
    from_offset: i64,
    limits: &Limits,
    decompressor: &mut Decompressor,
) -> Result<Vec<Block>, ErrorKind> {
    if batch.header.codec == Codec::None {
        return read_messages(batch, &batch.bytes, None, from_offset, limits);
    }
    let wrapper = Message::read(&batch.bytes, 0..batch.bytes.len())?;
    let value = wrapper
        .value(&batch.bytes)
        .ok_or(Malformed("a compressed message set without a value"))?;
    let messages = decompressor.decompress(wrapper.head.codec, value, limits.decoded_bytes)?;
    read_messages(batch, &messages, Some(wrapper.head), from_offset, limits)
}

/// Reads the messages that take all of `bytes`, which come out of `wrapper` if there is one.
fn read_messages(
    batch: &Batch,
    bytes: &Bytes,
    wrapper: Option<Head>,
    from_offset: i64,
    limits: &Limits,
) -> Result<Vec<Block>, ErrorKind> {
    const OUT_OF_ORDER: Malformed = Malformed("an offset out of order or outside its message set");
    let survey = Survey::of(bytes)?;
    // From magic 1 on, the messages inside a wrapper count their offsets from the first one, and
    // the wrapper has the offset of the last one.
    let shift = match wrapper {
        Some(wrapper) if wrapper.magic == 1 => wrapper.offset.checked_sub(survey.last_offset),
        _ => Some(0),
    };
    let absolute = |offset: i64| {
        shift
            .and_then(|shift| offset.checked_add(shift))
            .ok_or(OUT_OF_ORDER)
    };
    let origin = absolute(survey.first_offset)?;
    let append_time = wrapper
        .filter(|wrapper| wrapper.timestamp_type == TimestampType::LogAppendTime)
        .map(|wrapper| wrapper.timestamp);
    let mut next_offset = origin.max(0);
    let source = BlockSource {
        bytes,
        start: 0,
        count: survey.count,
        origin,
        leader_epoch: -1,
    };
    source.read_blocks(from_offset, limits, |fields| {
        let Message { head, key, value } = Message::read_next(bytes, fields)?;
        if head.magic != batch.header.magic {
            return Err(ErrorKind::Corrupt(
                "a message of another magic inside a message set",
            ));
        }
        if head.codec != Codec::None {
            return Err(ErrorKind::Corrupt(
                "a compressed message set inside another",
            ));
        }
        let offset = absolute(head.offset)?;
        if offset < next_offset || offset > batch.header.last_offset {
            return Err(OUT_OF_ORDER.into());
        }
        next_offset = offset + 1;
        Ok(View {
            timestamp_ms: append_time.unwrap_or(head.timestamp),
            offset_delta: u32::try_from(offset - origin).map_err(|_| OUT_OF_ORDER)?,
            key_start: key.0,
            key_len: key.1,
            value_start: value.0,
            value_len: value.1,
            header_count: 0,
        })
    })
}

/// What a walk over a message set by its lengths tells.
struct Survey {
    count: usize,
    first_offset: i64,
    last_offset: i64,
}

impl Survey {
    fn of(bytes: &[u8]) -> Result<Self, Malformed> {
        let offset_at = |place: Range<usize>| Cursor::new(bytes, place.start).i64();
        let mut fields = Cursor::new(bytes, 0);
        let first = next_entry(&mut fields)?.ok_or(Malformed("an empty message set"))?;
        let first_offset = offset_at(first)?;
        let mut survey = Self {
            count: 1,
            first_offset,
            last_offset: first_offset,
        };
        while let Some(place) = next_entry(&mut fields)? {
            survey.count += 1;
            survey.last_offset = offset_at(place)?;
        }
        Ok(survey)
    }
}
