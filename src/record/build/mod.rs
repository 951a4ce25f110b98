//! Writing batches and message sets, and what a broker does to those it was sent.
//!
//! For brokers in tests, not for producers: speed does not matter here, the exact bytes do.

mod batch;
mod compress;
mod message_set;
mod rewrite;

use super::codec::Codec;

pub use batch::{BatchBuilder, control_batch};
pub use compress::SnappyFraming;
pub use message_set::MessageSetBuilder;
pub use rewrite::{assign_offsets, retain, stamp_append_time};

/// Compresses `data` as the Java client does for batches of magic 2.
///
/// # Panics
///
/// If the codec's crate feature is off.
pub fn compress(codec: Codec, data: &[u8]) -> Vec<u8> {
    compress::compress(codec, compress::Dialect::default(), data)
}

/// A record to be written.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewRecord<'a> {
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The key; null is not empty.
    pub key: Option<&'a [u8]>,
    /// The value; null is not empty.
    pub value: Option<&'a [u8]>,
    /// The headers, keys and values; only magic 2 can carry them.
    pub headers: &'a [(&'a [u8], Option<&'a [u8]>)],
}
