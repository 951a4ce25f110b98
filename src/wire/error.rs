use std::fmt;

/// Why bytes could not be read or a value could not be written, and at which field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    /// Full path of the innermost field, as `module::Struct.field`.
    field: Option<&'static str>,
}

/// The ways in which bytes and values fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The value needs more bytes than there are.
    Truncated {
        /// Bytes the value takes.
        needed: usize,
        /// Bytes that were left.
        remaining: usize,
    },
    /// A length or count below zero that does not mean null.
    NegativeLength(i64),
    /// A count that the bytes behind it cannot hold.
    CountBeyondInput {
        /// Elements announced.
        count: usize,
        /// Bytes that were left for them.
        remaining: usize,
    },
    /// Arrays whose elements take more memory than they may.
    ArraysTooLarge {
        /// What the elements of the next array would take.
        bytes: usize,
        /// What is left for them.
        room: usize,
    },
    /// A variable-length integer that does not end, or is wider than its type.
    VarintOverflow,
    /// A string that is not UTF-8.
    InvalidUtf8,
    /// Null where the version spoken has no null.
    UnexpectedNull,
    /// Bytes are left behind the end of the message.
    TrailingBytes(usize),
    /// A value that the length prefix of its type cannot express.
    TooLong(usize),
    /// A value with no place in the version spoken.
    NotInVersion(i16),
    /// The message has no such version.
    UnsupportedVersion(i16),
    /// A span of records refers to a frame that the encoder does not have.
    DetachedRecords,
    /// What comes next has not come yet, see [`Apart`](super::Apart).
    ToCome,
    /// The same, and it is records.
    RecordsToCome {
        /// Where they begin in the bytes that have come.
        at: usize,
        /// How many bytes they are.
        length: usize,
    },
}

impl Error {
    /// What is wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The field it is wrong at, as `api::Struct.field`, if it is known.
    pub fn field(&self) -> Option<&'static str> {
        let path = self.field?;
        Some(
            path.rsplit_once("protocol::")
                .map_or(path, |(_, field)| field),
        )
    }

    /// Names the field; the innermost name stays.
    #[must_use]
    pub(crate) fn at(mut self, field: &'static str) -> Self {
        self.field.get_or_insert(field);
        self
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, field: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        match self.field() {
            Some(field) => write!(f, " (at {field})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { needed, remaining } => {
                write!(f, "{needed} bytes needed, {remaining} left")
            }
            Self::NegativeLength(length) => write!(f, "negative length {length}"),
            Self::CountBeyondInput { count, remaining } => {
                write!(
                    f,
                    "{count} elements cannot be in the {remaining} bytes left"
                )
            }
            Self::ArraysTooLarge { bytes, room } => {
                write!(
                    f,
                    "an array of {bytes} bytes in memory, and limits.arrays leaves {room}"
                )
            }
            Self::VarintOverflow => f.write_str("variable-length integer is too long"),
            Self::InvalidUtf8 => f.write_str("string is not UTF-8"),
            Self::UnexpectedNull => f.write_str("null where no null is allowed"),
            Self::TrailingBytes(count) => write!(f, "{count} bytes left behind the message"),
            Self::TooLong(length) => write!(f, "length {length} does not fit its prefix"),
            Self::NotInVersion(version) => write!(f, "value has no place in version {version}"),
            Self::UnsupportedVersion(version) => write!(f, "message has no version {version}"),
            Self::DetachedRecords => f.write_str("record span without the frame it points into"),
            Self::ToCome | Self::RecordsToCome { .. } => f.write_str("bytes are still to come"),
        }
    }
}

impl std::error::Error for Error {}
