//! How long a record takes from fetched bytes to a view that a user can read.
//!
//! `cargo bench --bench record [-- seconds]` prints nanoseconds per record of 100 bytes for each
//! codec: the walk by headers with its copy, the decoding (checksum, decompression, checks), and a
//! reader that touches key, value and offset of each record. Numbers are the best of many rounds.

use std::{
    collections::VecDeque,
    hint::black_box,
    time::{Duration, Instant},
};

use sarama_cluster::record::{
    Codec, Decoded, Decompressor, Limits,
    build::{BatchBuilder, NewRecord},
    decode, split,
};

const RECORDS_PER_BATCH: usize = 2_000;
const BATCHES: usize = 8;

fn main() {
    let seconds = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .next()
        .unwrap_or(1.0);
    let time = Duration::from_secs_f64(seconds);
    println!("ns per record of 100 bytes, {RECORDS_PER_BATCH} records a batch");
    println!(
        "{:8} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "codec", "bytes", "split", "decode", "read", "MB/s"
    );
    for codec in [
        Codec::None,
        Codec::Lz4,
        Codec::Snappy,
        Codec::Gzip,
        Codec::Zstd,
    ] {
        measure(codec, time);
    }
}

fn measure(codec: Codec, time: Duration) {
    let records = record_set(codec);
    let limits = Limits::default();
    let mut decompressor = Decompressor::new();
    // What was fetched before is still held, as by a consumer: else the allocator gives all memory
    // back to the system in every round, and page faults are what is measured.
    let mut held = VecDeque::new();
    let mut best = [Duration::MAX; 3];
    let end = Instant::now() + time;
    while Instant::now() < end {
        let start = Instant::now();
        let found = split(black_box(&records), &limits);
        let after_split = Instant::now();
        let mut decode_time = Duration::ZERO;
        let mut read_time = Duration::ZERO;
        for batch in &found.batches {
            let start = Instant::now();
            let decoded = decode(batch, 0, &limits, &mut decompressor);
            let after_decode = Instant::now();
            let Ok(Decoded::Records(blocks)) = decoded else {
                panic!("{decoded:?}")
            };
            for record in blocks.iter().flat_map(|block| block.records()) {
                black_box((record.offset(), record.key(), record.value()));
            }
            decode_time += after_decode - start;
            read_time += after_decode.elapsed();
        }
        held.push_back(found);
        if held.len() > 16 {
            held.pop_front();
        }
        for (best, this) in best
            .iter_mut()
            .zip([after_split - start, decode_time, read_time])
        {
            *best = this.min(*best);
        }
    }
    let count = (RECORDS_PER_BATCH * BATCHES) as f64;
    let [split, decode, read] = best.map(|best| best.as_nanos() as f64 / count);
    let rate = 100.0 / decode * 1000.0;
    let name = codec.name();
    let bytes = records.len();
    println!("{name:8} {bytes:10} {split:10.1} {decode:10.1} {read:10.1} {rate:10.0}");
}

/// Several batches of JSON-like values that compress about as well as real ones.
fn record_set(codec: Codec) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut records = Vec::new();
    for index in 0..BATCHES {
        let mut batch = BatchBuilder::new((index * RECORDS_PER_BATCH) as i64).codec(codec);
        for _ in 0..RECORDS_PER_BATCH {
            let mut value = format!(
                r#"{{"user":{:06},"event":"page_view","path":"/item/{:05}","ms":{:04},"ok":true}}"#,
                rng.u32(..1_000_000),
                rng.u32(..100_000),
                rng.u32(..10_000)
            );
            while value.len() < 92 {
                value.push(rng.char('a'..='z'));
            }
            let timestamp_ms = 1_700_000_000_000 + rng.i64(0..1_000);
            let key = format!("key-{:04}", rng.u32(..10_000));
            batch.push(&NewRecord {
                timestamp_ms,
                key: Some(key.as_bytes()),
                value: Some(value.as_bytes()),
                headers: &[],
            });
        }
        records.extend(batch.build());
    }
    records
}
