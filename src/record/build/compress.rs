//! Compressing the way the Java client does.

use super::super::codec::Codec;

/// How Snappy data is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SnappyFraming {
    /// A stream of blocks, as `snappy-java` writes it for the Java client.
    #[default]
    Stream,
    /// One raw block, as several other clients write.
    Raw,
}

/// What the writers of a codec disagree about.
#[derive(Debug, Clone, Copy, Default)]
#[allow(
    dead_code,
    reason = "each codec reads its own part, and any of them can be off"
)]
pub(super) struct Dialect {
    pub(super) snappy: SnappyFraming,
    /// LZ4 frames as in message sets of magic 0: the header checksum takes in the magic bytes.
    pub(super) lz4_wrong_checksum: bool,
}

/// Compresses `data`.
///
/// # Panics
///
/// If the codec's crate feature is off.
pub(super) fn compress(codec: Codec, dialect: Dialect, data: &[u8]) -> Vec<u8> {
    // Any of the codecs that have dialects can be off.
    let Dialect {
        snappy: _,
        lz4_wrong_checksum: _,
    } = dialect;
    match codec {
        Codec::None => data.to_vec(),
        #[cfg(feature = "gzip")]
        Codec::Gzip => gzip(data),
        #[cfg(feature = "snappy")]
        Codec::Snappy => snappy(dialect.snappy, data),
        #[cfg(feature = "lz4")]
        Codec::Lz4 => lz4(dialect.lz4_wrong_checksum, data),
        #[cfg(feature = "zstd-c")]
        Codec::Zstd => zstd::encode_all(data, 0).expect("memory is the only thing that can fail"),
        #[cfg(all(feature = "zstd", not(feature = "zstd-c")))]
        Codec::Zstd => {
            ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
        }
        #[allow(unreachable_patterns, reason = "reached when a codec's feature is off")]
        _ => panic!("turn on the crate feature `{codec}` to write it"),
    }
}

#[cfg(feature = "gzip")]
fn gzip(data: &[u8]) -> Vec<u8> {
    use std::io::Write as _;

    let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    member
        .write_all(data)
        .and_then(|()| member.finish())
        .expect("writing to memory does not fail")
}

#[cfg(feature = "snappy")]
fn snappy(framing: SnappyFraming, data: &[u8]) -> Vec<u8> {
    use super::super::codec::SNAPPY_STREAM_MAGIC;

    /// What `snappy-java` takes for one block.
    const BLOCK_SIZE: usize = 32 << 10;
    const VERSION: i32 = 1;
    let block = |data| {
        snap::raw::Encoder::new()
            .compress_vec(data)
            .expect("a record set is smaller than 4 GiB")
    };
    if framing == SnappyFraming::Raw {
        return block(data);
    }
    let mut stream = SNAPPY_STREAM_MAGIC.to_vec();
    stream.extend(VERSION.to_be_bytes());
    stream.extend(VERSION.to_be_bytes()); // the oldest version that can read it
    for part in data.chunks(BLOCK_SIZE) {
        let block = block(part);
        stream.extend((block.len() as i32).to_be_bytes());
        stream.extend(block);
    }
    stream
}

#[cfg(feature = "lz4")]
fn lz4(wrong_checksum: bool, data: &[u8]) -> Vec<u8> {
    /// Version 1, independent blocks, no checksums; blocks of at most 64 KiB.
    const HEADER: [u8; 6] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40];
    /// The second byte of xxHash32 over the last two bytes of the header.
    const CHECKSUM: u8 = 0x82;
    /// The same over all of the header: the mistake of KAFKA-3160.
    const WRONG_CHECKSUM: u8 = 0x1a;
    const BLOCK_SIZE: usize = 64 << 10;
    const RAW: u32 = 1 << 31;

    let mut frame = HEADER.to_vec();
    frame.push(if wrong_checksum {
        WRONG_CHECKSUM
    } else {
        CHECKSUM
    });
    for part in data.chunks(BLOCK_SIZE) {
        let block = lz4_flex::block::compress(part);
        if block.len() < part.len() {
            frame.extend((block.len() as u32).to_le_bytes());
            frame.extend(block);
        } else {
            frame.extend((part.len() as u32 | RAW).to_le_bytes());
            frame.extend(part);
        }
    }
    frame.extend([0; 4]); // the end mark
    frame
}
