//! What a broker does to batches it was sent, and what its log cleaner does to them later.

use super::{
    super::{
        Batch, Codec, Decoded, Decompressor, Error, ErrorKind, Limits, RecordView, TimestampType,
        batch::{
            ATTRIBUTES_AT, HEADER_SIZE, Header, LEADER_EPOCH_AT, LOG_APPEND_TIME, MAGIC_AT,
            MAX_TIMESTAMP_AT,
        },
        cursor::Cursor,
        decode,
        legacy::{Head, Message, next_entry},
        split::entry_size,
    },
    BatchBuilder, MessageSetBuilder, NewRecord,
    batch::seal,
};

/// Gives a record set as a producer sent it its place in the log: the next offsets from
/// `base_offset` on, and the leader's epoch where the format has one.
pub fn assign_offsets(
    records: &[u8],
    base_offset: i64,
    leader_epoch: i32,
) -> Result<Vec<u8>, Error> {
    let mut placed = Vec::with_capacity(records.len());
    let mut next_offset = base_offset;
    let mut rest = records;
    while !rest.is_empty() {
        next_offset = place_first(&mut rest, next_offset, leader_epoch, &mut placed)
            .map_err(|kind| Error::new(next_offset, kind))?;
    }
    Ok(placed)
}

/// Places the first batch or message; returns the offset behind it.
fn place_first(
    rest: &mut &[u8],
    offset: i64,
    leader_epoch: i32,
    placed: &mut Vec<u8>,
) -> Result<i64, ErrorKind> {
    let limits = Limits::default();
    let (entry, behind) = entry_size(rest, &limits)?
        .and_then(|size| rest.split_at_checked(size))
        .ok_or(ErrorKind::Corrupt("a produced record set is cut off"))?;
    *rest = behind;
    let start = placed.len();
    if entry[MAGIC_AT] == 2 {
        let header = Header::read_v2(entry)?;
        placed.extend(entry);
        put(&mut placed[start..], 0, offset.to_be_bytes());
        put(
            &mut placed[start..],
            LEADER_EPOCH_AT,
            leader_epoch.to_be_bytes(),
        );
        return Ok(offset + (header.last_offset - header.base_offset) + 1);
    }
    let message = Message::read(entry, 0..entry.len())?;
    if message.head.codec == Codec::None {
        placed.extend(entry);
        put(&mut placed[start..], 0, offset.to_be_bytes());
        return Ok(offset + 1);
    }
    let set = renumber_wrapper(&message, entry, offset)?;
    placed.extend(set.build());
    Ok(set.next_offset())
}

/// Writes a compressed message set anew, with offsets that count up from this one: those inside
/// are the producer's and mean nothing.
fn renumber_wrapper(
    wrapper: &Message,
    entry: &[u8],
    base_offset: i64,
) -> Result<MessageSetBuilder, ErrorKind> {
    let Head { magic, codec, .. } = wrapper.head;
    let value = wrapper.value(entry).unwrap_or_default();
    let limit = Limits::default().decoded_bytes;
    let messages = Decompressor::new().decompress(codec, value, limit)?;
    let mut set = MessageSetBuilder::new(magic, base_offset).codec(codec);
    let mut fields = Cursor::new(&messages, 0);
    while let Some(place) = next_entry(&mut fields)? {
        let message = Message::read(&messages, place)?;
        set.push(&NewRecord {
            timestamp_ms: message.head.timestamp,
            key: message.key(&messages),
            value: message.value(&messages),
            headers: &[],
        });
    }
    Ok(set)
}

/// Stamps a batch of magic 2 with the time at which the broker appends it, as it does where a topic
/// has `message.timestamp.type=LogAppendTime`.
///
/// # Panics
///
/// If the bytes are not those of a batch of magic 2.
pub fn stamp_append_time(batch: &mut [u8], timestamp_ms: i64) {
    assert!(
        batch.len() >= HEADER_SIZE && batch[MAGIC_AT] == 2,
        "a batch of magic 2"
    );
    batch[ATTRIBUTES_AT + 1] |= LOG_APPEND_TIME as u8;
    put(batch, MAX_TIMESTAMP_AT, timestamp_ms.to_be_bytes());
    seal(batch);
}

/// Rewrites a batch with only some of its records, as the log cleaner does for a compacted topic:
/// a batch of magic 2 keeps its first and last offset even when no record is left; of a message
/// set nothing is left then. Control batches stay as they are.
pub fn retain(
    batch: &Batch,
    mut keep: impl FnMut(&RecordView<'_>) -> bool,
) -> Result<Vec<u8>, Error> {
    let blocks = match decode(batch, 0, &Limits::default(), &mut Decompressor::new())? {
        Decoded::Records(blocks) => blocks,
        Decoded::Control(_) => return Ok(batch.bytes().to_vec()),
    };
    let kept = blocks
        .iter()
        .flat_map(|block| block.records())
        .filter(|record| keep(record));
    Ok(if batch.magic() == 2 {
        rebuild_batch(batch, kept)
    } else {
        rebuild_set(batch, kept)
    })
}

fn rebuild_batch<'a>(batch: &Batch, kept: impl Iterator<Item = RecordView<'a>>) -> Vec<u8> {
    let mut rebuilt = BatchBuilder::new(batch.base_offset())
        .codec(batch.codec())
        .leader_epoch(batch.leader_epoch())
        .producer(
            batch.producer_id(),
            batch.producer_epoch(),
            batch.base_sequence(),
        );
    if batch.is_transactional() {
        rebuilt = rebuilt.transactional();
    }
    if batch.timestamp_type() == TimestampType::LogAppendTime {
        rebuilt = rebuilt.append_time(batch.max_timestamp());
    }
    for record in kept {
        rebuilt.skip_to(record.offset());
        let headers: Vec<_> = record
            .headers()
            .map(|header| (header.key(), header.value()))
            .collect();
        rebuilt.push(&new_record(&record, &headers));
    }
    rebuilt.skip_to(batch.next_offset());
    rebuilt.build()
}

fn rebuild_set<'a>(batch: &Batch, kept: impl Iterator<Item = RecordView<'a>>) -> Vec<u8> {
    let mut kept = kept.peekable();
    let Some(first) = kept.peek() else {
        return Vec::new();
    };
    let mut rebuilt = MessageSetBuilder::new(batch.magic(), first.offset()).codec(batch.codec());
    if batch.timestamp_type() == TimestampType::LogAppendTime {
        rebuilt = rebuilt.append_time(batch.max_timestamp());
    }
    for record in kept {
        rebuilt.skip_to(record.offset());
        rebuilt.push(&new_record(&record, &[]));
    }
    rebuilt.build()
}

fn new_record<'a>(
    record: &RecordView<'a>,
    headers: &'a [(&'a [u8], Option<&'a [u8]>)],
) -> NewRecord<'a> {
    NewRecord {
        timestamp_ms: record.timestamp_ms(),
        key: record.key(),
        value: record.value(),
        headers,
    }
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, field: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&field);
}
