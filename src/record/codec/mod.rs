//! The four codecs of Kafka, decoding into a buffer that never outgrows its limit.

use std::fmt;

use super::{
    error::ErrorKind,
    memory::{Bytes, Recycler},
};

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
mod output;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd-c")]
#[path = "zstd_c.rs"]
mod zstd;
#[cfg(all(feature = "zstd", not(feature = "zstd-c")))]
mod zstd;

use output::Output;
#[cfg(all(feature = "snappy", any(test, feature = "testing")))]
pub(super) use snappy::STREAM_MAGIC as SNAPPY_STREAM_MAGIC;

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy: raw, or cut into blocks the way the Java library `snappy-java` does.
    Snappy,
    /// LZ4 frames; those in message sets of magic 0 have a wrong header checksum.
    Lz4,
    /// Zstandard (KIP-110); only in batches of magic 2.
    Zstd,
}

impl Codec {
    /// The codec that the lowest three bits of a batch's attributes name.
    pub(super) fn from_attributes(attributes: i16) -> Result<Self, ErrorKind> {
        match attributes & 0b111 {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            other => Err(ErrorKind::UnknownCodec(other as u8)),
        }
    }

    /// Kafka's name for it (`compression.type`), which is also that of the crate feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a codec gave up.
#[derive(Debug)]
enum Failure {
    /// The codec's crate feature is off.
    NotBuilt,
    /// There is more output than the limit allows.
    TooLarge,
    /// The input is not what the codec writes.
    Corrupt(String),
}

impl Failure {
    #[allow(dead_code, reason = "without any codec nothing can be corrupt")]
    fn corrupt(reason: impl fmt::Display) -> Self {
        Self::Corrupt(reason.to_string())
    }
}

/// Decoder states and buffers, kept from batch to batch: what a decoder thread owns.
#[derive(Default)]
pub struct Decompressor {
    memory: Recycler,
    output: Output,
    #[cfg(feature = "gzip")]
    gzip: gzip::Decoder,
    #[cfg(any(feature = "zstd", feature = "zstd-c"))]
    zstd: zstd::Decoder,
}

impl Decompressor {
    /// A decompressor that has allocated nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A decompressor whose results are in memory from here.
    pub fn with_memory(memory: Recycler) -> Self {
        Self {
            memory,
            ..Self::default()
        }
    }

    /// Decompresses `input` into a piece of memory, at most `limit` bytes
    /// and never 4 GiB: the views of records count in 32 bits.
    ///
    /// # Errors
    /// If the bytes are not the codec's, or there are more than `limit`.
    pub fn decompress(
        &mut self,
        codec: Codec,
        input: &[u8],
        limit: usize,
    ) -> Result<Bytes, ErrorKind> {
        let limit = limit.min(u32::MAX as usize - 1);
        self.output.start(limit);
        #[allow(unused_variables, reason = "without any codec there is no output")]
        let output = &mut self.output;
        let done: Result<(), Failure> = match codec {
            Codec::None => return Ok(self.memory.copy(input)),
            #[cfg(feature = "gzip")]
            Codec::Gzip => self.gzip.decode(input, output),
            #[cfg(feature = "snappy")]
            Codec::Snappy => snappy::decode(input, output),
            #[cfg(feature = "lz4")]
            Codec::Lz4 => lz4::decode(input, output),
            #[cfg(any(feature = "zstd", feature = "zstd-c"))]
            Codec::Zstd => self.zstd.decode(input, output),
            #[allow(unreachable_patterns, reason = "reached when a codec's feature is off")]
            _ => Err(Failure::NotBuilt),
        };
        let decompressed = done.and_then(|()| output.filled());
        let decompressed = decompressed.map(|bytes| self.memory.copy(bytes));
        self.output.release();
        decompressed.map_err(|failure| match failure {
            Failure::NotBuilt => ErrorKind::CodecNotBuilt(codec),
            Failure::TooLarge => ErrorKind::DecodedTooLarge { limit },
            Failure::Corrupt(reason) => ErrorKind::Decompression { codec, reason },
        })
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}
