//! Cursors over the bytes of the Kafka protocol.
//!
//! A cursor knows the version that is spoken and whether that version is *flexible* (KIP-482: compact
//! lengths and tagged fields), so a declared field need not: a `String` picks its own length prefix.
//!
//! Bytes that are read come from the network. Every read is checked, a count is believed only as far as
//! the bytes behind it could hold that many elements, and no more than [`PREALLOCATED`] elements are
//! reserved ahead. All elements of a message have bounded memory, see [`Input`]. Bytes that are written
//! come from us, so only what the format cannot hold is an error.

mod decoder;
mod encoder;
mod error;
#[cfg(test)]
mod tests;
mod types;

pub use decoder::{Apart, Decoder, Input, RecordsAt};
pub use encoder::{Encoder, TaggedFields};
pub use error::{Error, ErrorKind};
pub use types::Uuid;

/// What reading and writing give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Elements for which room is made before the first of them is read. Most arrays are shorter; longer
/// ones grow as their bytes turn out to be there.
pub const PREALLOCATED: usize = 256;

/// What the elements of all arrays of a message may take in memory, unless somebody says otherwise: an
/// element takes up to twenty times as much as on the wire, and a message may have 100 MiB. A million
/// partitions, each with three replicas, have room in it.
pub const ARRAY_BYTES: usize = 128 << 20;

/// A type with a form on the wire.
pub trait Wire: Sized {
    /// Appends the value in the version of the encoder.
    fn encode(&self, encoder: &mut Encoder) -> Result<()>;

    /// Reads a value in the version of the decoder.
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self>;

    /// The fewest bytes a value takes; bounds the elements an array can have.
    fn min_size(version: i16, flexible: bool) -> usize;

    /// Whether the value is written as null, which not every version of a field allows.
    fn is_null(&self) -> bool {
        false
    }
}
