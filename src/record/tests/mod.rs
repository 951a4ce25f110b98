//! Tests that write batches and read them back.

mod hostile;
mod known_answers;
mod round_trips;
mod splitting;

use super::{
    Batch, Block, Codec, Decoded, Decompressor, End, Error, Limits, RecordView, Recycler, Split,
    build::{BatchBuilder, MessageSetBuilder, NewRecord, SnappyFraming},
    decode, split, split_from,
};

/// All codecs: for its tests the package depends on itself, and so has its default features.
const CODECS: [Codec; 5] = [
    Codec::None,
    Codec::Gzip,
    Codec::Snappy,
    Codec::Lz4,
    Codec::Zstd,
];

type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// A record that owns its parts, to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    offset: i64,
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Headers,
}

impl Owned {
    fn of(record: &RecordView<'_>) -> Self {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        Self {
            offset: record.offset(),
            timestamp_ms: record.timestamp_ms(),
            key: owned(record.key()),
            value: owned(record.value()),
            headers: record
                .headers()
                .map(|header| (header.key().to_vec(), owned(header.value())))
                .collect(),
        }
    }

    fn random(rng: &mut fastrand::Rng, offset: i64, with_headers: bool) -> Self {
        let header_count = if with_headers { rng.usize(..4) } else { 0 };
        Self {
            offset,
            timestamp_ms: 1_700_000_000_000 + rng.i64(-100_000..100_000),
            key: random_bytes(rng, 40),
            value: random_bytes(rng, 600),
            headers: (0..header_count)
                .map(|_| {
                    (
                        random_bytes(rng, 20).unwrap_or_default(),
                        random_bytes(rng, 40),
                    )
                })
                .collect(),
        }
    }

    fn with_new<R>(&self, write: impl FnOnce(&NewRecord<'_>) -> R) -> R {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(key, value)| (&key[..], value.as_deref()))
            .collect();
        write(&NewRecord {
            timestamp_ms: self.timestamp_ms,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &headers,
        })
    }
}

/// Null now and then, of length zero now and then, compressible.
fn random_bytes(rng: &mut fastrand::Rng, max_len: usize) -> Option<Vec<u8>> {
    match rng.u8(..8) {
        0 => None,
        1 => Some(Vec::new()),
        _ => {
            let len = rng.usize(..=max_len);
            Some((0..len).map(|_| rng.u8(b'a'..=b'h')).collect())
        }
    }
}

/// The only batch of a record set.
#[track_caller]
fn only_batch(bytes: &[u8]) -> Batch {
    let mut found = split(bytes, &Limits::default());
    assert_eq!(found.end, End::Clean);
    assert_eq!(found.batches.len(), 1);
    found.batches.remove(0)
}

fn decode_blocks(batch: &Batch, from_offset: i64, limits: &Limits) -> Result<Vec<Block>, Error> {
    match decode(batch, from_offset, limits, &mut Decompressor::new())? {
        Decoded::Records(blocks) => Ok(blocks),
        Decoded::Control(marker) => panic!("records expected, not {marker:?}"),
    }
}

#[track_caller]
fn records(batch: &Batch) -> Vec<Owned> {
    let blocks = decode_blocks(batch, 0, &Limits::default()).unwrap();
    blocks
        .iter()
        .flat_map(Block::records)
        .map(|record| Owned::of(&record))
        .collect()
}
