//! From fetched bytes to records that a user can read.

use std::hint::black_box;

use sarama_cluster::record::{
    Block, Codec, Decoded, Decompressor, Limits,
    build::{BatchBuilder, NewRecord},
    decode, split,
};

use crate::counted;

/// Records of a batch.
pub(crate) const RECORDS: usize = 1_000;

/// Decodes a batch so often, and looks at each record.
pub(crate) fn run(rounds: usize, codec: Codec) {
    let limits = Limits::default();
    let batches = split(&batch(codec, 0, RECORDS), &limits).batches;
    let mut decompressor = Decompressor::new();
    for _ in 0..rounds {
        counted(|| {
            for batch in black_box(&batches) {
                let decoded = decode(batch, 0, &limits, &mut decompressor);
                let Ok(Decoded::Records(blocks)) = decoded else {
                    panic!("{decoded:?}")
                };
                for record in blocks.iter().flat_map(|block| block.records()) {
                    black_box((record.offset(), record.value()));
                }
            }
        });
    }
}

/// A batch of JSON-like values of about 100 bytes.
pub(crate) fn batch(codec: Codec, base: i64, records: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut batch = BatchBuilder::new(base).codec(codec);
    for _ in 0..records {
        let value = format!(
            r#"{{"user":"{:08x}","event":"page_view","item":{:05},"ms":{:04},"country":"DE","ok":true,"id":{:06}}}"#,
            rng.u32(..),
            rng.u32(..100_000),
            rng.u32(..10_000),
            rng.u32(..1_000_000)
        );
        batch.push(&NewRecord {
            timestamp_ms: 1_700_000_000_000,
            value: Some(value.as_bytes()),
            ..NewRecord::default()
        });
    }
    batch.build()
}

/// One block of so many records.
pub(crate) fn block(base: i64, records: usize) -> Block {
    let limits = Limits::default();
    let batches = split(&batch(Codec::None, base, records), &limits).batches;
    match decode(&batches[0], 0, &limits, &mut Decompressor::new()) {
        Ok(Decoded::Records(mut blocks)) => blocks.remove(0),
        other => panic!("{other:?}"),
    }
}
