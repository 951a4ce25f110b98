//! What is compressed, against an independent reader where there is one.

use std::io::Read;

use sarama_cluster::record::{Codec, Decompressor, ErrorKind};

use crate::input::Input;

/// What is accepted here.
const LIMIT: usize = 1 << 20;

/// Members, against the reader of `flate2`.
pub(crate) fn gzip(data: &[u8]) {
    let theirs = read_to_end(flate2::bufread::MultiGzDecoder::new(data));
    check(Codec::Gzip, data, theirs);
}

/// Raw blocks and the streams of `snappy-java`. The former are what the crate `snap` reads: it has no
/// other reader of the latter.
pub(crate) fn snappy(data: &[u8]) {
    let is_stream = data.starts_with(b"\x82SNAPPY\0");
    let claimed = snap_length(data);
    let theirs = (!is_stream && claimed <= LIMIT)
        .then(|| snap::raw::Decoder::new().decompress_vec(data).ok())
        .flatten();
    check(Codec::Snappy, data, theirs);
}

fn snap_length(data: &[u8]) -> usize {
    snap::raw::decompress_len(data).unwrap_or(usize::MAX)
}

/// Frames, against the reader of `lz4_flex`, which looks at the checksums that we leave to the batch's.
pub(crate) fn lz4(data: &[u8]) {
    let mut frames = data;
    let mut theirs = Some(Vec::new());
    while !frames.is_empty()
        && let Some(read) = &mut theirs
    {
        // Frames to be skipped, and those of before 2014, are none that Kafka has ever written.
        if !frames.starts_with(&[0x04, 0x22, 0x4d, 0x18]) {
            theirs = None;
            break;
        }
        let before = frames.len();
        match read_to_end(lz4_flex::frame::FrameDecoder::new(&mut frames)) {
            Some(frame) if frames.len() < before => read.extend(frame),
            _ => theirs = None,
        }
    }
    // One frame of theirs may hold more than all may have.
    let theirs = theirs.filter(|read| read.len() <= LIMIT);
    check(Codec::Lz4, data, theirs);
}

/// Frames, against the C library. The first byte says whether they are the bytes or made from them, and
/// then damaged.
pub(crate) fn zstd(data: &[u8]) {
    let mut input = Input::new(data);
    if input.byte().is_multiple_of(2) {
        return check_zstd(input.rest());
    }
    let level = i32::from(input.byte() % 22) - 3;
    let damages: Vec<_> = (0..input.byte() % 4)
        .map(|_| (input.u16(), input.byte()))
        .collect();
    let content = content(input);
    let mut frame = zstd::bulk::compress(&content, level).expect("any bytes can be compressed");
    if damages.is_empty() {
        let read = Decompressor::new().decompress(Codec::Zstd, &frame, LIMIT);
        assert_eq!(read.as_deref(), Ok(&content[..]));
        return;
    }
    for (at, byte) in damages {
        let at = usize::from(at) % frame.len();
        frame[at] = byte;
    }
    check_zstd(&frame);
}

/// What compresses: runs, and what has come before.
fn content(mut input: Input<'_>) -> Vec<u8> {
    let mut content = Vec::new();
    while !input.is_empty() && content.len() < LIMIT / 4 {
        match input.byte() {
            op if op % 4 == 0 => {
                let count = usize::from(input.byte()) << (op >> 4);
                content.extend(std::iter::repeat_n(input.byte(), count));
            }
            op if op % 4 == 1 && !content.is_empty() => {
                let back = usize::from(input.u16()) % content.len() + 1;
                for _ in 0..usize::from(op) * 8 {
                    content.push(content[content.len() - back]);
                }
            }
            op => content.extend(input.take(usize::from(op))),
        }
    }
    content.truncate(LIMIT);
    content
}

fn check_zstd(data: &[u8]) {
    let theirs = zstd::stream::read::Decoder::with_buffer(data).and_then(|mut decoder| {
        // Ours takes 8 MiB, whatever the limit.
        decoder.window_log_max(23)?;
        Ok(decoder)
    });
    let theirs = theirs.ok().and_then(read_to_end);
    check(Codec::Zstd, data, theirs);
}

/// All there is, if that is no error and no more than the limit.
fn read_to_end(reader: impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LIMIT as u64 + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= LIMIT).then_some(bytes)
}

/// What they can read we can read, the same. What they cannot may be readable to us: a checksum of the
/// codec's own is not looked at. Never is there more than the limit.
fn check(codec: Codec, data: &[u8], theirs: Option<Vec<u8>>) {
    let mut decompressor = Decompressor::new();
    let mut decompress = || {
        let bytes = decompressor.decompress(codec, data, LIMIT);
        bytes.map(|bytes| bytes.to_vec())
    };
    let ours = decompress();
    // A second time: it keeps its state from one to the next.
    assert_eq!(decompress(), ours);
    match (ours, theirs) {
        (Ok(ours), Some(theirs)) => assert!(ours[..] == theirs[..], "{codec}: other bytes"),
        (Ok(ours), None) => assert!(ours.len() <= LIMIT),
        (Err(error), Some(theirs)) => {
            assert!(
                is_stricter(codec, data, &error),
                "{codec}: {error}, {} there",
                theirs.len()
            );
        }
        (Err(_), None) => {}
    }
}

/// What others let pass: no bytes at all are no member and no frame to us, `lz4_flex` takes a frame that is
/// cut off for one that has ended, and the C library literals whose last code ends beyond their bytes,
/// which RFC 8878 calls corrupt (4.2.2).
fn is_stricter(codec: Codec, data: &[u8], error: &ErrorKind) -> bool {
    let says = |words| error.to_string().contains(words);
    match codec {
        _ if data.is_empty() => true,
        Codec::Lz4 => says("cut off"),
        Codec::Zstd => says("BitstreamReadMismatch"),
        _ => false,
    }
}
