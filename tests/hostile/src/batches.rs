//! Record sets of every format, and the records in them.

use sarama_cluster::record::{
    Batch, Block, Codec, Decoded, Decompressor, End, Limits, build, decode, split,
    transactions::AbortedTransactions,
};

use crate::input::Input;

/// What a batch may decompress to here: enough for a few steps of every codec.
pub(crate) const DECODED: usize = 1 << 20;

const CODECS: [Codec; 5] = [
    Codec::None,
    Codec::Gzip,
    Codec::Snappy,
    Codec::Lz4,
    Codec::Zstd,
];

const LENGTH_AT: usize = 8;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const HEADER_SIZE: usize = 61;
/// Of a message: the offset, the length, the checksum, then the magic and the attributes.
const MESSAGE_CRC_AT: usize = 12;
const MESSAGE_ATTRIBUTES_AT: usize = 17;

/// Batches of magic 2. The first byte says what is done to the bytes first, for no fuzzer guesses a
/// checksum: nothing, the length and the checksum made right, or the records behind the header compressed
/// as it says, too.
pub(crate) fn batches(data: &[u8]) {
    let mut input = Input::new(data);
    let how = input.byte() % 3;
    let from_offset = i64::from(input.byte());
    let mut bytes = input.rest().to_vec();
    if how > 0 && bytes.len() >= HEADER_SIZE {
        if how == 2 {
            let codec = CODECS[usize::from(bytes[ATTRIBUTES_AT + 1] & 7) % CODECS.len()];
            let records = build::compress(codec, &bytes[HEADER_SIZE..]);
            bytes.truncate(HEADER_SIZE);
            bytes.extend(records);
            bytes[ATTRIBUTES_AT + 1] = bytes[ATTRIBUTES_AT + 1] & !7 | codec as u8;
        }
        bytes[MAGIC_AT] = 2;
        set_length(&mut bytes);
        let crc = crc32c::crc32c(&bytes[ATTRIBUTES_AT..]);
        bytes[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    }
    read(&bytes, from_offset);
}

/// Message sets of magic 0 and 1. The first byte says whether they are taken as they are, get the right
/// checksums, or are put into a wrapper as well.
pub(crate) fn message_sets(data: &[u8]) {
    let mut input = Input::new(data);
    let how = input.byte();
    let magic = input.byte() % 2;
    let from_offset = i64::from(input.byte());
    let mut bytes = input.rest().to_vec();
    if !how.is_multiple_of(3) {
        seal_messages(&mut bytes, magic);
    }
    if how % 3 == 2 {
        let codec = CODECS[usize::from(how / 3) % 4];
        bytes = wrapper(magic, codec, &bytes);
    }
    read(&bytes, from_offset);
}

/// A compressed message set, at offset 100.
fn wrapper(magic: u8, codec: Codec, messages: &[u8]) -> Vec<u8> {
    let value = match codec {
        Codec::None => messages.to_vec(),
        codec => build::compress(codec, messages),
    };
    let mut message = vec![0; MESSAGE_ATTRIBUTES_AT + 1];
    message[7] = 100;
    message[MAGIC_AT] = magic;
    message[MESSAGE_ATTRIBUTES_AT] = codec as u8;
    if magic == 1 {
        message.extend(5_i64.to_be_bytes());
    }
    message.extend((-1_i32).to_be_bytes());
    message.extend((value.len() as i32).to_be_bytes());
    message.extend(value);
    seal_messages(&mut message, magic);
    message
}

fn set_length(entry: &mut [u8]) {
    let length = (entry.len() - LENGTH_AT - 4) as i32;
    entry[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
}

/// Makes the checksums right of the messages that the lengths tell apart. A length that leads beyond the
/// bytes is that of the last one.
fn seal_messages(mut rest: &mut [u8], magic: u8) {
    while rest.len() > MESSAGE_ATTRIBUTES_AT {
        let (_, length) = rest.split_at(LENGTH_AT);
        let length = length
            .first_chunk()
            .map_or(0, |length| u32::from_be_bytes(*length));
        let size = usize::try_from(length)
            .unwrap_or(usize::MAX)
            .saturating_add(12);
        let size = match size {
            size if (MESSAGE_ATTRIBUTES_AT + 1..=rest.len()).contains(&size) => size,
            _ => rest.len(),
        };
        let (message, behind) = std::mem::take(&mut rest).split_at_mut(size);
        rest = behind;
        set_length(message);
        message[MAGIC_AT] = magic;
        let crc = crc32fast::hash(&message[MAGIC_AT..]);
        message[MESSAGE_CRC_AT..MAGIC_AT].copy_from_slice(&crc.to_be_bytes());
    }
}

/// Does all that a consumer does with a record set.
fn read(bytes: &[u8], from_offset: i64) {
    let found = split(bytes, &limits());
    let whole: usize = found.batches.iter().map(Batch::encoded_len).sum();
    assert!(whole <= bytes.len());
    match found.end {
        End::Clean => assert_eq!(whole, bytes.len(), "nothing is passed over"),
        End::CutOff { needed } => assert!(whole + needed > bytes.len()),
        End::Filled | End::Broken(_) => assert!(whole < bytes.len()),
    }
    read_all(&found.batches, from_offset);
}

fn limits() -> Limits {
    Limits {
        batch_bytes: DECODED,
        decoded_bytes: DECODED,
        block_records: 16,
    }
}

/// Decodes batches and looks at each record. Offsets ascend, and lie within their batches.
pub(crate) fn read_all(batches: &[Batch], from_offset: i64) {
    let mut decompressor = Decompressor::new();
    let mut aborted = AbortedTransactions::new([(1, 0), (2, 5)]);
    let mut next_offset = 0;
    for batch in batches {
        assert!(batch.base_offset() >= next_offset);
        assert!(batch.next_offset() > batch.base_offset());
        aborted.hides(batch);
        match decode(batch, from_offset, &limits(), &mut decompressor) {
            Ok(Decoded::Records(blocks)) => check(batch, &blocks, from_offset),
            Ok(Decoded::Control(Some(marker))) => aborted.end(marker),
            Ok(Decoded::Control(None)) | Err(_) => {}
        }
        next_offset = batch.next_offset();
    }
}

fn check(batch: &Batch, blocks: &[Block], from_offset: i64) {
    let charged: usize = blocks.iter().map(Block::bytes).sum();
    assert!(charged <= DECODED, "{charged}");
    let mut last = from_offset.saturating_sub(1);
    for record in blocks.iter().flat_map(Block::records) {
        assert!(record.offset() > last && record.offset() <= batch.last_offset());
        last = record.offset();
        let bytes = record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len);
        let headers = record.headers();
        let count = headers.len();
        let keys: Vec<_> = headers.map(|header| header.key_str()).collect();
        assert_eq!(keys.len(), count);
        assert!(bytes <= DECODED);
    }
    if let Some(block) = blocks.first() {
        let alone = block.detach(0);
        assert_eq!(alone.record(0).value(), block.record(0).value());
        assert_eq!(
            alone.record(0).headers().count(),
            block.record(0).headers().count()
        );
    }
}
