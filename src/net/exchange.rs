//! One request, one answer, and never a second request before that.

use std::{error, fmt, io, time::Instant};

use crate::error::{Error, ErrorKind};

use super::{
    frame::{FrameBuffer, FrameError},
    stream::{Stream, is_late},
};

/// A connection on which requests are asked.
#[derive(Debug)]
pub(super) struct Exchange {
    stream: Stream,
    buffer: FrameBuffer,
    correlation_id: i32,
}

/// When an exchange has failed by, and how large its answer may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) write: Instant,
    pub(super) read: Instant,
    pub(super) answer: usize,
}

/// Why there is no answer. The connection is of no use then.
#[derive(Debug)]
pub(super) enum Failure {
    /// The broker closed or reset the connection without a byte of an answer.
    Unanswered(io::Error),
    /// The deadline passed.
    Late,
    /// The connection broke in the middle of the answer.
    Lost(FrameError),
    /// The bytes are not the answer.
    Bad(Malformed),
}

/// Bytes that are not the answer.
#[derive(Debug)]
pub(super) enum Malformed {
    Frame(FrameError),
    /// The answer has no room for a correlation id.
    Short(usize),
    /// The answer is to another request.
    CorrelationId {
        sent: i32,
        received: i32,
    },
}

impl Exchange {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            buffer: FrameBuffer::new(),
            correlation_id: 0,
        }
    }

    /// The correlation id for the next request.
    pub(super) fn correlation_id(&self) -> i32 {
        self.correlation_id
    }

    /// Sends a request, whose frame bears [`correlation_id`](Self::correlation_id), and gives the
    /// frame of the answer without its length.
    pub(super) fn ask(&mut self, request: &[u8], bounds: Bounds) -> Result<&[u8], Failure> {
        let sent = self.correlation_id;
        self.correlation_id = sent.wrapping_add(1);
        self.stream
            .write_all(request, bounds.write)
            .map_err(|error| {
                if is_late(&error) {
                    Failure::Late
                } else {
                    Failure::Unanswered(error)
                }
            })?;
        let stream = &self.stream;
        let frame = self
            .buffer
            .read(bounds.answer, |bytes| stream.read(bytes, bounds.read))?;
        let Some(id) = frame.first_chunk() else {
            return Err(Failure::Bad(Malformed::Short(frame.len())));
        };
        let received = i32::from_be_bytes(*id);
        if received != sent {
            return Err(Failure::Bad(Malformed::CorrelationId { sent, received }));
        }
        Ok(frame)
    }
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Read { source, .. } if is_late(&source) => Self::Late,
            FrameError::Read {
                source,
                received: 0,
            } => Self::Unanswered(source),
            FrameError::Read { .. } => Self::Lost(error),
            _ => Self::Bad(Malformed::Frame(error)),
        }
    }
}

impl Failure {
    /// The error that a user gets. `late` is the kind for a deadline that passed.
    pub(super) fn into_error(self, late: ErrorKind, context: &'static str) -> Error {
        match self {
            Self::Unanswered(source) => {
                Error::new(ErrorKind::Disconnected, context).because(source)
            }
            Self::Late => Error::new(late, context),
            Self::Lost(source) => Error::new(ErrorKind::Disconnected, context).because(source),
            Self::Bad(Malformed::Frame(FrameError::Spoken(protocol))) => {
                Error::new(ErrorKind::NotKafka(protocol), context)
            }
            Self::Bad(source) => Error::new(ErrorKind::Protocol, context).because(source),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Short(length) => write!(f, "an answer of {length} bytes has no correlation id"),
            Self::CorrelationId { sent, received } => {
                write!(f, "the answer is to request {received}, not to {sent}")
            }
        }
    }
}

impl error::Error for Malformed {}
