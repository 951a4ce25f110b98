//! Decoding a batch: checksum, decompression, and every record checked whole.

use super::{
    Batch, Block, Decompressor, Error, Limits, TimestampType,
    batch::HEADER_SIZE,
    block::{BlockSource, Header, View},
    codec::Codec,
    cursor::Cursor,
    error::{ErrorKind, Malformed},
    legacy,
    memory::Bytes,
};

/// The least bytes of a record: its length and attributes, two deltas, two lengths and the number of headers.
const MIN_RECORD_SIZE: usize = 7;
/// The least bytes of a header: its two lengths.
const MIN_HEADER_SIZE: usize = 2;

/// What a batch holds.
#[derive(Debug)]
pub enum Decoded {
    /// Records for the user, in order; none if compaction or the offset asked for left none.
    Records(Vec<Block>),
    /// A note of the brokers; `None` if compaction has removed it from its batch.
    Control(Option<ControlMarker>),
}

/// What the brokers write into a partition when a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlMarker {
    /// Where it stands.
    pub offset: i64,
    /// Whose transaction it is.
    pub producer_id: i64,
    /// How it ended.
    pub marker_type: MarkerType,
}

/// The kinds of control records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerType {
    /// The records of the transaction are void.
    Abort,
    /// The records of the transaction count.
    Commit,
    /// Nothing about transactions (Raft leader changes, snapshots).
    Other(i16),
}

/// Decodes a batch into blocks; records below `from_offset` are dropped.
///
/// A batch is right or wrong as a whole: with one bad record, or one record more or less than the
/// header claims, none is returned.
pub fn decode(
    batch: &Batch,
    from_offset: i64,
    limits: &Limits,
    decompressor: &mut Decompressor,
) -> Result<Decoded, Error> {
    let decoded = if batch.header.control {
        decode_v2(batch, 0, limits, decompressor)
            .and_then(|blocks| read_marker(batch, &blocks))
            .map(Decoded::Control)
    } else if batch.header.magic == 2 {
        decode_v2(batch, from_offset, limits, decompressor).map(Decoded::Records)
    } else {
        legacy::decode(batch, from_offset, limits, decompressor).map(Decoded::Records)
    };
    decoded.map_err(|kind| Error::new(batch.base_offset(), kind))
}

fn decode_v2(
    batch: &Batch,
    from_offset: i64,
    limits: &Limits,
    decompressor: &mut Decompressor,
) -> Result<Vec<Block>, ErrorKind> {
    let bytes = &batch.bytes;
    batch.check_v2()?;
    let (records, start) = match batch.header.codec {
        Codec::None => (bytes.clone(), HEADER_SIZE),
        // What compaction leaves of an emptied batch is its header.
        _ if bytes.len() == HEADER_SIZE => (Bytes::default(), 0),
        codec => (
            decompressor.decompress(codec, &bytes[HEADER_SIZE..], limits.decoded_bytes)?,
            0,
        ),
    };
    read_records(batch, &records, start, from_offset, limits)
}

/// Reads the records that take all of `bytes` from `start` on.
fn read_records(
    batch: &Batch,
    bytes: &Bytes,
    start: usize,
    from_offset: i64,
    limits: &Limits,
) -> Result<Vec<Block>, ErrorKind> {
    let header = &batch.header;
    let count = header.record_count.unwrap_or(0) as usize;
    if count > (bytes.len() - start) / MIN_RECORD_SIZE {
        return Err(ErrorKind::CountLies {
            claimed: count as u32,
        });
    }
    let append_time =
        (header.timestamp_type == TimestampType::LogAppendTime).then_some(header.max_timestamp);
    let last_delta = (header.last_offset - header.base_offset) as u32;
    let mut next_delta = 0;
    let source = BlockSource {
        bytes,
        start,
        count,
        origin: header.base_offset,
        leader_epoch: header.leader_epoch,
    };
    source.read_blocks(from_offset, limits, |fields| {
        let mut view = read_record(fields)?;
        if view.offset_delta < next_delta || view.offset_delta > last_delta {
            return Err(ErrorKind::Corrupt(
                "an offset out of order or outside its batch",
            ));
        }
        next_delta = view.offset_delta + 1;
        view.timestamp_ms = match append_time {
            Some(append_time) => append_time,
            None => header.base_timestamp.wrapping_add(view.timestamp_ms),
        };
        Ok(view)
    })
}

/// Reads one record of magic 2; its timestamp is still a difference.
#[inline(always)]
fn read_record(fields: &mut Cursor<'_>) -> Result<View, Malformed> {
    let size = fields.size()?;
    let after_size = fields.remaining();
    fields.skip(1)?; // attributes: no bit of them is in use
    let timestamp_delta = fields.varlong()?;
    let offset_delta = fields.size()?;
    let (key_start, key_len) = skip_nullable_bytes(fields)?;
    let (value_start, value_len) = skip_nullable_bytes(fields)?;
    let header_count = fields.size()?;
    if header_count > 0 {
        *fields = behind_headers(*fields, header_count)?;
    }
    if size as usize != after_size - fields.remaining() {
        return Err(Malformed("a record's length is not that of its fields"));
    }
    Ok(View {
        timestamp_ms: timestamp_delta,
        offset_delta,
        key_start,
        key_len,
        value_start,
        value_len,
        header_count,
    })
}

/// Where a key or value starts and how long it is; −1 is null.
#[inline(always)]
fn skip_nullable_bytes(fields: &mut Cursor<'_>) -> Result<(u32, i32), Malformed> {
    let len = fields.nullable_size()?;
    let start = fields.position() as u32;
    if len > 0 {
        fields.skip(len as usize)?;
    }
    Ok((start, len))
}

/// The cursor behind the headers. Passed by value: a borrowed one would live in memory, not in
/// registers, for records without headers too.
fn behind_headers(mut fields: Cursor<'_>, count: u32) -> Result<Cursor<'_>, Malformed> {
    if count as usize > fields.remaining() / MIN_HEADER_SIZE {
        return Err(Malformed("more headers than bytes"));
    }
    for _ in 0..count {
        Header::read(&mut fields)?;
    }
    Ok(fields)
}

/// The marker of a control batch: its type is the second field of the (only) record's key.
fn read_marker(batch: &Batch, blocks: &[Block]) -> Result<Option<ControlMarker>, ErrorKind> {
    const ABORT: i16 = 0;
    const COMMIT: i16 = 1;

    let Some(block) = blocks.first() else {
        return Ok(None);
    };
    let record = block.record(0);
    let key = record
        .key()
        .ok_or(Malformed("a control record without a key"))?;
    let mut fields = Cursor::new(key, 0);
    if fields.i16()? < 0 {
        return Err(ErrorKind::Corrupt("a control record of a negative version"));
    }
    let marker_type = match fields.i16()? {
        ABORT => MarkerType::Abort,
        COMMIT => MarkerType::Commit,
        other => MarkerType::Other(other),
    };
    Ok(Some(ControlMarker {
        offset: record.offset(),
        producer_id: batch.producer_id(),
        marker_type,
    }))
}
