//! Why a batch cannot be read.

use std::{error, fmt, mem};

use super::codec::Codec;

/// A batch that cannot be read, and where in the log it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    offset: i64,
    kind: ErrorKind,
}

/// What is wrong with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The checksum in the header is not that of the bytes: they were damaged on the way or on the broker's disk.
    CrcMismatch {
        /// What the header says.
        expected: u32,
        /// What the bytes give.
        actual: u32,
    },
    /// A record format other than 0, 1 and 2.
    UnknownMagic(i8),
    /// A compression type that no released Kafka knows.
    UnknownCodec(u8),
    /// A codec that this build leaves out.
    CodecNotBuilt(Codec),
    /// The compressed bytes are not what their codec writes.
    Decompression {
        /// The codec that the header names.
        codec: Codec,
        /// The decompressor's complaint.
        reason: String,
    },
    /// The header claims more bytes than a batch may have.
    BatchTooLarge {
        /// The encoded size that the header claims.
        size: usize,
        /// The largest size accepted.
        limit: usize,
    },
    /// The batch needs more memory once decompressed than it may have.
    DecodedTooLarge {
        /// The largest size accepted.
        limit: usize,
    },
    /// The number of records is not the one that the header claims.
    CountLies {
        /// What the header says.
        claimed: u32,
    },
    /// Bytes that break the record format; the text says which rule.
    Corrupt(&'static str),
}

impl Error {
    /// What is wrong with the batch at `offset`.
    pub fn new(offset: i64, kind: ErrorKind) -> Self {
        Self { offset, kind }
    }

    /// Where the batch stands: its base offset as far as the header tells, or −1 if even that is unreadable.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// What is wrong with the batch.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch at offset {}: {}", self.offset, self.kind)
    }
}

impl error::Error for Error {}

impl ErrorKind {
    /// Whether it is the same rule that is broken, be it by other numbers.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Corrupt(one), Self::Corrupt(other)) => one == other,
            _ => mem::discriminant(self) == mem::discriminant(other),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrcMismatch { expected, actual } => {
                write!(
                    f,
                    "checksum {expected:#010x} expected, the bytes give {actual:#010x}"
                )
            }
            Self::UnknownMagic(magic) => write!(f, "unknown record format (magic {magic})"),
            Self::UnknownCodec(id) => write!(f, "unknown compression type {id}"),
            Self::CodecNotBuilt(codec) => {
                write!(
                    f,
                    "compressed with {codec}, which this build leaves out: turn on the crate feature `{codec}`"
                )
            }
            Self::Decompression { codec, reason } => write!(f, "not {codec} data: {reason}"),
            Self::BatchTooLarge { size, limit } => {
                write!(f, "claims {size} bytes, more than the {limit} allowed")
            }
            Self::DecodedTooLarge { limit } => {
                write!(
                    f,
                    "needs more than the {limit} bytes allowed once decompressed"
                )
            }
            Self::CountLies { claimed } => {
                write!(
                    f,
                    "the header claims {claimed} records, the bytes hold another number"
                )
            }
            Self::Corrupt(what) => f.write_str(what),
        }
    }
}

/// A rule of the record format that the bytes break. Small, because every field read can return it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

impl From<Malformed> for ErrorKind {
    fn from(malformed: Malformed) -> Self {
        Self::Corrupt(malformed.0)
    }
}
