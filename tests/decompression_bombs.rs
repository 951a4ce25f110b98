//! Small batches that would decompress to much: each is refused in bounded memory.
//!
//! One test in a process of its own, because it looks at the process's peak memory.

use sarama_cluster::record::{
    Codec, Decompressor, ErrorKind, Limits, build::BatchBuilder, decode, split,
};

const MIB: usize = 1 << 20;

/// What each bomb would decompress to.
const BOMB_SIZE: usize = 256 * MIB;

/// What a batch may decompress to.
const LIMIT: usize = MIB;

/// What decoding one may take at its peak: the limit, a codec's window, tables, and some slack.
const PEAK: usize = 32 * MIB;

#[test]
fn bombs_of_all_codecs_are_refused_in_bounded_memory() {
    let limits = Limits {
        decoded_bytes: LIMIT,
        ..Limits::default()
    };
    let mut decompressor = Decompressor::new();
    for (codec, bomb) in bombs() {
        let mut found = split(&batch_of(codec, &bomb), &limits);
        let batch = found.batches.remove(0);
        let peak_before = peak_memory();
        let error = decode(&batch, 0, &limits, &mut decompressor).expect_err("a bomb");
        assert_eq!(
            error.kind(),
            &ErrorKind::DecodedTooLarge { limit: LIMIT },
            "{codec}"
        );
        let taken = peak_memory() - peak_before;
        assert!(taken <= PEAK, "{codec} took {} MiB", taken / MIB);
    }
}

/// Zeros, as each codec packs them.
fn bombs() -> Vec<(Codec, Vec<u8>)> {
    vec![
        (Codec::Gzip, {
            let member = compress(Codec::Gzip, 4 * MIB);
            member.repeat(BOMB_SIZE / (4 * MIB))
        }),
        (Codec::Snappy, {
            let stream = compress(Codec::Snappy, 32 << 10);
            let (header, block) = stream.split_at(16);
            [header, &block.repeat(BOMB_SIZE / (32 << 10))].concat()
        }),
        (Codec::Lz4, {
            let frame = compress(Codec::Lz4, 64 << 10);
            let (header, block) = frame.split_at(7);
            let (block, end_mark) = block.split_at(block.len() - 4);
            [header, &block.repeat(BOMB_SIZE / (64 << 10)), end_mark].concat()
        }),
        (Codec::Zstd, {
            // A window of 2 MiB, then blocks of one byte that stands for 128 KiB, then an empty one.
            let header = [0x28, 0xb5, 0x2f, 0xfd, 0, 11 << 3];
            let block = [0b010, 0, (128 << 10 >> 13) as u8, 0];
            [
                &header[..],
                &block.repeat(BOMB_SIZE / (128 << 10)),
                &[0b001, 0, 0],
            ]
            .concat()
        }),
    ]
}

fn compress(codec: Codec, zeros: usize) -> Vec<u8> {
    sarama_cluster::record::build::compress(codec, &vec![0; zeros])
}

/// A batch that claims one record and has `payload` behind its header.
fn batch_of(codec: Codec, payload: &[u8]) -> Vec<u8> {
    let mut batch = BatchBuilder::new(0).skip_offsets(1).build();
    let length = (batch.len() - 12 + payload.len()) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[22] = codec as u8;
    batch[57..61].copy_from_slice(&1_i32.to_be_bytes());
    batch.extend(payload);
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

/// The most memory that the process has had, in bytes; 0 where the system does not tell.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|kib| kib.trim().trim_end_matches(" kB").parse().ok())
        .map_or(0, |kib: usize| kib << 10)
}
