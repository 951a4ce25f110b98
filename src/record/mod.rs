//! Record batches: reading, checking and writing them.
//!
//! A fetched record set is walked by `split`, from the headers alone: that gives the next offset
//! at once and leaves the batches compressed. `decode` then turns one `Batch` into `Block`s of
//! records, which share the batch's bytes; every record is checked whole there, so that reading one
//! later cannot fail.

mod batch;
mod block;
#[cfg(any(test, feature = "testing"))]
pub mod build;
mod codec;
mod cursor;
mod decode;
mod error;
mod legacy;
mod memory;
mod split;
#[cfg(test)]
mod tests;
pub mod transactions;

pub use batch::{Batch, TimestampType};
pub use block::{Block, Header, Headers, RecordView, Records};
pub use codec::{Codec, Decompressor};
pub use decode::{ControlMarker, Decoded, MarkerType, decode};
pub use error::{Error, ErrorKind};
pub use memory::{Bytes, Recycler};
pub use split::{End, Split, split, split_as_read, split_from};

/// How large batches and what becomes of them may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest batch as it is encoded. Also the largest fetch that makes sense.
    pub batch_bytes: usize,
    /// The most memory for the records of one batch: decompressed bytes and views together.
    pub decoded_bytes: usize,
    /// The most records of one `Block`.
    pub block_records: usize,
}

impl Default for Limits {
    /// 100 MiB encoded (a whole answer may not be larger), 128 MiB decoded, blocks of 1,024 records.
    fn default() -> Self {
        Self {
            batch_bytes: 100 << 20,
            decoded_bytes: 128 << 20,
            block_records: 1024,
        }
    }
}
