//! What a decompressor keeps from batch to batch.

use allocation_counter::measure;
use sarama_cluster::record::{Codec, Decompressor};

const MIB: usize = 1 << 20;

/// The output, what was decompressed, the window that most frames ask for at twice its size, and the tables.
const KEPT: usize = 16 * MIB;

/// What a block stands for, and the largest window of the tests.
const BLOCK: usize = 128 << 10;
const LARGE: usize = 64 * MIB;

#[test]
fn what_a_large_window_of_zstd_took_is_given_back() {
    let kept = kept_after(&frame(LARGE, LAST), true);
    assert!(kept <= KEPT, "{kept} bytes");
}

#[test]
fn so_it_is_when_the_frame_cannot_be_decoded() {
    let kept = kept_after(&frame(LARGE, BROKEN), false);
    assert!(kept <= KEPT, "{kept} bytes");
}

/// How many bytes a decompressor has after this frame between two ordinary ones.
fn kept_after(large: &[u8], is_whole: bool) -> usize {
    let ordinary = frame(2 * MIB, LAST);
    let mut decompressor = None;
    let memory = measure(|| {
        let decompressor = decompressor.insert(Decompressor::new());
        for (input, is_whole) in [(&ordinary[..], true), (large, is_whole), (&ordinary, true)] {
            let result = decompressor.decompress(Codec::Zstd, input, 3 * LARGE);
            assert_eq!(result.is_ok(), is_whole);
        }
    });
    memory.bytes_current as usize
}

/// An empty block that is the last, and a block of no type.
const LAST: [u8; 3] = [0b001, 0, 0];
const BROKEN: [u8; 3] = [0b111, 0, 0];

/// A frame with such a window, a power of two: blocks of one byte that stands for many, one and a
/// half windows in all, and how it ends.
fn frame(window: usize, end: [u8; 3]) -> Vec<u8> {
    let exponent = window.ilog2() as u8 - 10;
    let header = [0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3];
    let block = [0b010, 0, (BLOCK >> 13) as u8, 0];
    let blocks = block.repeat(window * 3 / 2 / BLOCK);
    [&header[..], &blocks, &end].concat()
}
