//! Frames: a length of four bytes, and as many bytes behind it.

use std::{error, fmt, io, ops::Range};

/// Where frames are read into, one after the other.
///
/// Its bytes stay initialised from one frame to the next of about its size, which then costs the
/// kernel's copy and nothing else. Large sets of records do not go through here: they are read straight
/// into the memory that they stay in.
#[derive(Debug)]
pub struct FrameBuffer {
    /// What the last read of the socket has brought, so that a small frame takes one.
    staging: Vec<u8>,
    bytes: Vec<u8>,
}

/// Knows which parts of a frame are worth to be read apart, and what to do with them.
pub(super) trait Apart {
    /// Whether a part begins in the bytes that have come, behind which so many are to come, and does
    /// not end there: where, and how long it is. `taken` tells those that are not in the bytes any
    /// more.
    fn find(
        &mut self,
        bytes: &[u8],
        taken: &[(usize, usize)],
        to_come: usize,
    ) -> Option<(usize, usize)>;

    /// Reads all of a part.
    fn read(&mut self, length: usize, from: &mut dyn Fill) -> Result<(), FrameError>;
}

/// Where the bytes of a part come from.
pub(super) trait Fill {
    /// Fills a slice.
    fn fill(&mut self, target: &mut [u8]) -> Result<(), FrameError>;
}

/// A frame without its length.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// All bytes but those that were read apart.
    pub(super) bytes: &'a [u8],
    /// Where those were, and how many.
    pub(super) taken: Vec<(usize, usize)>,
}

/// A frame whose bytes go nowhere else.
pub(super) struct Whole;

/// The frame that is coming in.
struct Incoming<'a, R> {
    read: R,
    staging: &'a mut [u8],
    /// What of the staging is still to be used.
    staged: Range<usize>,
    received: usize,
}

/// Why there is no frame.
#[derive(Debug)]
pub enum FrameError {
    /// Reading failed.
    Read {
        /// How.
        source: io::Error,
        /// How many bytes of the frame had come.
        received: usize,
    },
    /// What is no length, but how another protocol begins.
    Spoken(&'static str),
    /// A length below zero.
    NegativeLength(i32),
    /// A length beyond the limit.
    TooLong {
        /// What is claimed.
        length: usize,
        /// The most that is accepted.
        limit: usize,
    },
    /// More bytes than the frame has. Nothing was asked that they could answer.
    Trailing(usize),
}

const PREFIX: usize = size_of::<i32>();

/// What one read of the socket gets at the most, unless a part that is larger is read in its place.
/// Room for the answers of all calls but the large fetches.
const STAGING: usize = 32 * 1024;

/// So much of a frame is looked at first, for parts to be read apart; then four times as much, and so
/// on. What begins in there is copied once more.
const FIRST_LOOK: usize = 32 * 1024;

/// So many parts are read apart. Each makes the look at the frame begin anew.
const MOST_PARTS: usize = 256;

/// So much is kept whatever comes. More is kept as long as frames of half its size follow each other:
/// fresh pages for each of them cost up to half as much again as to read it and to copy its records.
const KEPT: usize = 1024 * 1024;

impl Default for FrameBuffer {
    fn default() -> Self {
        Self {
            staging: vec![0; STAGING],
            bytes: Vec::new(),
        }
    }
}

impl FrameBuffer {
    /// Room for a small frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a frame of at most `limit` bytes and gives it without its length. `read` is a
    /// [`Read::read`](io::Read::read) that keeps a deadline.
    ///
    /// # Errors
    /// If there is no such frame.
    pub fn read(
        &mut self,
        limit: usize,
        read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> Result<&[u8], FrameError> {
        let frame = self.read_apart(limit, read, &mut Whole)?;
        Ok(frame.bytes)
    }

    /// The same, with some parts of it read apart.
    ///
    /// Memory grows with the bytes that have come, not with the length that they claim.
    pub(super) fn read_apart(
        &mut self,
        limit: usize,
        read: impl FnMut(&mut [u8]) -> io::Result<usize>,
        apart: &mut impl Apart,
    ) -> Result<Frame<'_>, FrameError> {
        let mut incoming = Incoming {
            read,
            staging: &mut self.staging,
            staged: 0..0,
            received: 0,
        };
        let mut prefix = [0; PREFIX];
        incoming.fill(&mut prefix)?;
        let mut to_come = frame_length(prefix, limit)?;
        let (mut len, mut look, mut taken) = (0, FIRST_LOOK, Vec::new());
        while to_come > 0 {
            let end = len + look.min(to_come);
            // Beyond this look not more at once than has come, and never more than the frame has.
            grow(&mut self.bytes, end.max((2 * len).min(len + to_come)));
            incoming.fill(&mut self.bytes[len..end])?;
            to_come -= end - len;
            len = end;
            let there = &self.bytes[..len];
            let may_take = to_come > 0 && taken.len() < MOST_PARTS;
            let found = may_take.then(|| apart.find(there, &taken, to_come));
            if let Some((at, length)) = found.flatten() {
                let begun = &there[at..];
                to_come -= length - begun.len();
                let mut part = Part {
                    begun,
                    incoming: &mut incoming,
                };
                apart.read(length, &mut part)?;
                taken.push((at, length));
                (len, look) = (at, FIRST_LOOK);
            } else {
                look = look.saturating_mul(4);
            }
        }
        if !incoming.staged.is_empty() {
            return Err(FrameError::Trailing(incoming.staged.len()));
        }
        self.shorten(KEPT.max(2 * len));
        Ok(Frame {
            bytes: &self.bytes[..len],
            taken,
        })
    }

    /// How many bytes it takes, beside a constant.
    pub fn size(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether large frames have left it larger than it is to be where none follows.
    pub fn is_large(&self) -> bool {
        self.bytes.len() > KEPT
    }

    /// Gives back what a large frame took.
    pub fn give_back(&mut self) {
        self.shorten(KEPT);
    }

    fn shorten(&mut self, most: usize) {
        if self.bytes.len() > most {
            self.bytes.truncate(most);
            self.bytes.shrink_to_fit();
        }
    }
}

/// Makes it so long, unless it is longer, and takes no more memory than that.
fn grow(bytes: &mut Vec<u8>, len: usize) {
    if let Some(more @ 1..) = len.checked_sub(bytes.len()) {
        bytes.reserve_exact(more);
        bytes.resize(len, 0);
    }
}

impl<R: FnMut(&mut [u8]) -> io::Result<usize>> Incoming<'_, R> {
    fn read_some(
        read: &mut R,
        received: &mut usize,
        target: &mut [u8],
    ) -> Result<usize, FrameError> {
        let count = match read(target) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            result => result,
        };
        let count = count.map_err(|source| FrameError::Read {
            source,
            received: *received,
        })?;
        *received += count;
        Ok(count)
    }
}

impl<R: FnMut(&mut [u8]) -> io::Result<usize>> Fill for Incoming<'_, R> {
    fn fill(&mut self, mut target: &mut [u8]) -> Result<(), FrameError> {
        while !target.is_empty() {
            if !self.staged.is_empty() {
                let count = self.staged.len().min(target.len());
                let (now, later) = target.split_at_mut(count);
                let start = self.staged.start;
                now.copy_from_slice(&self.staging[start..start + count]);
                self.staged.start += count;
                target = later;
            } else if target.len() >= self.staging.len() {
                let count = Self::read_some(&mut self.read, &mut self.received, target)?;
                target = &mut target[count..];
            } else {
                let count = Self::read_some(&mut self.read, &mut self.received, self.staging)?;
                self.staged = 0..count;
            }
        }
        Ok(())
    }
}

/// A part of which the first bytes have come with what is before it.
struct Part<'a, I> {
    begun: &'a [u8],
    incoming: &'a mut I,
}

impl<I: Fill> Fill for Part<'_, I> {
    fn fill(&mut self, target: &mut [u8]) -> Result<(), FrameError> {
        let count = self.begun.len().min(target.len());
        let (now, later) = target.split_at_mut(count);
        let (begun, rest) = self.begun.split_at(count);
        now.copy_from_slice(begun);
        self.begun = rest;
        self.incoming.fill(later)
    }
}

impl Apart for Whole {
    fn find(&mut self, _: &[u8], _: &[(usize, usize)], _: usize) -> Option<(usize, usize)> {
        None
    }

    fn read(&mut self, _: usize, _: &mut dyn Fill) -> Result<(), FrameError> {
        unreachable!("it finds nothing to read")
    }
}

fn frame_length(prefix: [u8; PREFIX], limit: usize) -> Result<usize, FrameError> {
    let claimed = i32::from_be_bytes(prefix);
    let length = usize::try_from(claimed);
    if let Ok(length) = length
        && length <= limit
    {
        return Ok(length);
    }
    Err(match (other_protocol(prefix), length) {
        (Some(protocol), _) => FrameError::Spoken(protocol),
        (None, Ok(length)) => FrameError::TooLong { length, limit },
        (None, Err(_)) => FrameError::NegativeLength(claimed),
    })
}

/// What else is found on ports taken for Kafka's. As lengths these bytes are far beyond any limit.
fn other_protocol(first: [u8; PREFIX]) -> Option<&'static str> {
    match first {
        [b'H', b'T', b'T', b'P'] => Some("HTTP"),
        // Of some HTTP servers a bad request gets a page and nothing else.
        [b'<', b'!', b'D', b'O'] | [b'<', b'h', b't', b'm'] => Some("HTTP"),
        // An alert or a handshake record, then the major version of SSL 3.0 and all of TLS.
        [0x15 | 0x16, 3, 0..=4, _] => Some("TLS"),
        _ => None,
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { received: 0, .. } => f.write_str("nothing was received"),
            Self::Read { received, .. } => write!(f, "{received} bytes of an answer were received"),
            Self::Spoken(protocol) => write!(f, "the answer is {protocol}"),
            Self::NegativeLength(length) => write!(f, "an answer of {length} bytes"),
            Self::TooLong { length, limit } => {
                write!(
                    f,
                    "an answer of {length} bytes, more than the {limit} allowed"
                )
            }
            Self::Trailing(count) => write!(f, "{count} bytes behind the answer"),
        }
    }
}

impl error::Error for FrameError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            _ => None,
        }
    }
}
