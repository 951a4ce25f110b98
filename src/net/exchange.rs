//! One request, one answer, and never a second request before that.

use std::{
    error, fmt, io,
    time::{Duration, Instant},
};

use crate::error::{Error, ErrorKind};

use super::{
    frame::{Apart, Frame, FrameBuffer, FrameError},
    stream::{Stream, is_late},
};

/// A connection on which requests are asked.
#[derive(Debug)]
pub(super) struct Exchange {
    stream: Stream,
    buffer: FrameBuffer,
    correlation_id: i32,
}

/// What an exchange may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Until the request is with the system.
    pub(super) write: Deadline,
    /// Until the answer is there, whole.
    pub(super) read: Deadline,
    /// The most bytes of the answer.
    pub(super) answer: usize,
}

/// A point in time, and the setting that it comes from, for the error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    pub(super) limit: Duration,
}

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        let at = Instant::now() + limit;
        Self { at, limit }
    }
}

/// Why there is no answer. The connection is of no use then.
#[derive(Debug)]
pub(super) enum Failure {
    /// The broker closed or reset the connection without a byte of an answer.
    Unanswered(io::Error),
    /// A deadline passed.
    Late(Deadline),
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
    /// frame of the answer without its length, but for what is read apart from it.
    pub(super) fn ask(
        &mut self,
        request: &[u8],
        bounds: Bounds,
        apart: &mut impl Apart,
    ) -> Result<Frame<'_>, Failure> {
        let sent = self.correlation_id;
        self.correlation_id = sent.wrapping_add(1);
        let Self { stream, buffer, .. } = self;
        stream
            .write_all(request, bounds.write.at)
            .map_err(|error| match error {
                error if is_late(&error) => Failure::Late(bounds.write),
                error => Failure::Unanswered(error),
            })?;
        let read = |bytes: &mut [u8]| stream.read(bytes, bounds.read.at);
        let frame = buffer.read_apart(bounds.answer, read, apart);
        let frame = frame.map_err(|error| Failure::of_frame(error, bounds.read))?;
        let Some(id) = frame.bytes.first_chunk() else {
            return Err(Failure::Bad(Malformed::Short(frame.bytes.len())));
        };
        let received = i32::from_be_bytes(*id);
        if received != sent {
            return Err(Failure::Bad(Malformed::CorrelationId { sent, received }));
        }
        Ok(frame)
    }

    /// Whether it has the memory of a large answer, for the next one.
    pub(super) fn is_large(&self) -> bool {
        self.buffer.is_large()
    }

    /// Gives that memory back.
    pub(super) fn give_back(&mut self) {
        self.buffer.give_back();
    }

    /// Makes a peer that is silent, and cannot be asked anything any more, say what it speaks instead
    /// of Kafka: HTTP servers say nothing before the end of a line. To a broker this is a frame beyond
    /// all limits, at which it closes the connection.
    pub(super) fn provoke(&mut self, until: Instant) -> Option<&'static str> {
        let Self { stream, buffer, .. } = self;
        stream.write_all(b"\r\n\r\n", until).ok()?;
        match buffer.read(0, |bytes| stream.read(bytes, until)) {
            Err(FrameError::Spoken(protocol)) => Some(protocol),
            _ => None,
        }
    }
}

impl Failure {
    fn of_frame(error: FrameError, deadline: Deadline) -> Self {
        match error {
            FrameError::Read { source, .. } if is_late(&source) => Self::Late(deadline),
            FrameError::Read {
                source,
                received: 0,
            } => Self::Unanswered(source),
            FrameError::Read { .. } => Self::Lost(error),
            _ => Self::Bad(Malformed::Frame(error)),
        }
    }

    /// The error that a user gets.
    pub(super) fn into_error(self, context: &'static str) -> Error {
        let of_kind = |kind| Error::new(kind, context);
        match self {
            Self::Unanswered(source) => of_kind(ErrorKind::Disconnected).because(source),
            Self::Late(deadline) => of_kind(ErrorKind::Timeout(deadline.limit)),
            Self::Lost(source) => of_kind(ErrorKind::Disconnected).because(source),
            Self::Bad(Malformed::Frame(FrameError::Spoken(protocol))) => {
                of_kind(ErrorKind::NotKafka(protocol))
            }
            Self::Bad(source) => of_kind(ErrorKind::Protocol).because(source),
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
