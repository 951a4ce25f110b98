use std::ops::Range;

use crate::wire::{Decoder, Encoder, ErrorKind, Result, Wire};

/// The bytes of record batches inside a message.
///
/// They are most of a Fetch response, so reading a message does not copy them: what it yields is the
/// place in the frame. A message that is to be written owns its bytes. No records and null are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSet(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Position in the frame that the message was read from; never empty.
    Frame(Range<usize>),
    Owned(Vec<u8>),
}

impl RecordSet {
    /// The bytes. `frame` is the frame, without its length, from which the message was read; owned bytes
    /// need none.
    ///
    /// # Panics
    /// If `frame` is another one and too short.
    pub fn slice<'a>(&'a self, frame: &'a [u8]) -> &'a [u8] {
        match &self.0 {
            Place::Frame(span) => &frame[span.clone()],
            Place::Owned(bytes) => bytes,
        }
    }

    /// Where in the frame the bytes are; none if they are owned, or if there are none.
    pub fn span(&self) -> Option<Range<usize>> {
        match &self.0 {
            Place::Frame(span) => Some(span.clone()),
            Place::Owned(_) => None,
        }
    }

    /// A copy of its own, see [`slice`](Self::slice); it can be written.
    #[must_use]
    pub fn to_owned(&self, frame: &[u8]) -> Self {
        Self::from(self.slice(frame).to_vec())
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Place::Frame(span) => span.len(),
            Place::Owned(bytes) => bytes.len(),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for RecordSet {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl From<Vec<u8>> for RecordSet {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Place::Owned(bytes))
    }
}

impl Wire for RecordSet {
    fn encode(&self, encoder: &mut Encoder) -> Result<()> {
        match &self.0 {
            Place::Frame(_) => Err(ErrorKind::DetachedRecords.into()),
            Place::Owned(bytes) => encoder.write_nullable_bytes(Some(bytes)),
        }
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        Ok(match decoder.read_nullable_span()? {
            Some(span) if !span.is_empty() => Self(Place::Frame(span)),
            _ => Self::default(),
        })
    }

    fn min_size(version: i16, flexible: bool) -> usize {
        Vec::<u8>::min_size(version, flexible)
    }
}
