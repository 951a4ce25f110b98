use std::ops::Range;

use crate::wire::{Decoder, Encoder, ErrorKind, RecordsAt, Result, Wire};

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
    /// Read apart from the frame: which one of those that were, and how many bytes.
    Apart(usize, usize),
    Owned(Vec<u8>),
}

impl RecordSet {
    /// The bytes. `frame` is the frame, without its length, from which the message was read; owned bytes
    /// need none.
    ///
    /// # Panics
    /// If `frame` is another one and too short, or the records were read [`apart`](Self::apart) from it.
    pub fn slice<'a>(&'a self, frame: &'a [u8]) -> &'a [u8] {
        match &self.0 {
            Place::Frame(span) => &frame[span.clone()],
            Place::Apart(..) => panic!("these records are in no frame"),
            Place::Owned(bytes) => bytes,
        }
    }

    /// Where in the frame the bytes are; none if they are owned, or if there are none.
    pub fn span(&self) -> Option<Range<usize>> {
        match &self.0 {
            Place::Frame(span) => Some(span.clone()),
            Place::Apart(..) | Place::Owned(_) => None,
        }
    }

    /// Which one it is of those that were read apart from the frame, if it was.
    pub fn apart(&self) -> Option<usize> {
        match &self.0 {
            Place::Apart(index, _) => Some(*index),
            Place::Frame(_) | Place::Owned(_) => None,
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
            Place::Apart(_, length) => *length,
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
            Place::Frame(_) | Place::Apart(..) => Err(ErrorKind::DetachedRecords.into()),
            Place::Owned(bytes) => encoder.write_nullable_bytes(Some(bytes)),
        }
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        Ok(match decoder.read_nullable_records()? {
            Some(RecordsAt::Span(span)) if !span.is_empty() => Self(Place::Frame(span)),
            Some(RecordsAt::Taken(index, length)) => Self(Place::Apart(index, length)),
            _ => Self::default(),
        })
    }

    fn min_size(version: i16, flexible: bool) -> usize {
        Vec::<u8>::min_size(version, flexible)
    }
}
