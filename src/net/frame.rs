//! Frames: a length of four bytes, and as many bytes behind it.

use std::{error, fmt, io, mem};

/// Where frames are read into, one after the other.
///
/// Its bytes stay initialised up to the largest frame of late, so that an answer of many megabytes
/// costs the kernel's copy and nothing else.
#[derive(Debug)]
pub(super) struct FrameBuffer {
    bytes: Vec<u8>,
    /// The largest frame since the size was last looked at, and the number of frames since then.
    largest: usize,
    frames: u32,
}

/// Why there is no frame.
#[derive(Debug)]
pub(super) enum FrameError {
    /// Reading failed; `received` bytes of the frame had come.
    Read { source: io::Error, received: usize },
    /// What is no length, but how another protocol begins.
    Spoken(&'static str),
    /// A length below zero.
    NegativeLength(i32),
    /// A length beyond the limit.
    TooLong { length: usize, limit: usize },
    /// More bytes than the frame has. Nothing was asked that they could answer.
    Trailing(usize),
}

const PREFIX: usize = size_of::<i32>();

/// Room for the answers of all calls but the large fetches.
const SMALLEST: usize = 4 * 1024;

/// After so many frames the buffer is cut to twice the largest of them, if it is larger than four
/// times. With a fetch that polls twice a second this takes half a minute of calm.
const FRAMES_PER_LOOK: u32 = 64;

impl FrameBuffer {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; SMALLEST],
            largest: 0,
            frames: 0,
        }
    }

    /// Reads a frame of at most `limit` bytes and gives it without its length. `read` is a
    /// [`Read::read`](io::Read::read) that keeps a deadline.
    ///
    /// Memory grows with the bytes that have come, not with the length that they claim.
    pub(super) fn read(
        &mut self,
        limit: usize,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> Result<&[u8], FrameError> {
        self.shrink();
        let mut received = 0;
        let mut end = PREFIX;
        while received < end {
            if received == self.bytes.len() {
                self.bytes.resize(end.min(2 * received), 0);
            }
            // One read gets all that is there: behind one answer nothing else may come.
            let count = match read(&mut self.bytes[received..]) {
                Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                result => result,
            };
            let had_length = received >= PREFIX;
            received += count.map_err(|source| FrameError::Read { source, received })?;
            if !had_length && let Some(prefix) = self.bytes[..received].first_chunk() {
                end = PREFIX + frame_length(*prefix, limit)?;
            }
        }
        if received > end {
            return Err(FrameError::Trailing(received - end));
        }
        self.largest = self.largest.max(end);
        self.frames += 1;
        Ok(&self.bytes[PREFIX..end])
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.bytes.capacity()
    }

    fn shrink(&mut self) {
        if self.frames < FRAMES_PER_LOOK {
            return;
        }
        let largest = mem::take(&mut self.largest);
        self.frames = 0;
        if self.bytes.len() > 4 * largest {
            self.bytes.truncate(SMALLEST.max(2 * largest));
            self.bytes.shrink_to_fit();
        }
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
