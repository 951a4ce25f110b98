//! Walking a fetched record set by the headers of its batches.

use super::{
    Batch, Error, Limits, Recycler,
    batch::{Header, LOG_OVERHEAD, MAGIC_AT},
    cursor::Cursor,
    error::ErrorKind,
    legacy,
    memory::Bytes,
};

/// What a record set was found to hold.
#[derive(Debug, Clone)]
pub struct Split {
    /// The batches in the log's order. Large ones have memory of their own, of small ones some share a piece.
    pub batches: Vec<Batch>,
    /// What came after the last of them.
    pub end: End,
}

/// Why a walk over a record set ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// There are no more bytes.
    Clean,
    /// The last batch is cut off, as brokers do to fill an answer exactly. If it is also the first,
    /// nothing will ever come until the fetch asks for at least `needed` bytes.
    CutOff {
        /// The size of the batch that is cut off, or the least that shows it.
        needed: usize,
    },
    /// The rest is filler: what a broker has read became smaller when it was converted to an older format, and the
    /// answer has to be as long as it was announced (KIP-283). If there is nothing before it, nothing was left.
    Filled,
    /// The bytes break the format. Nothing behind them can be found.
    Broken(Error),
}

/// Splits a record set into its batches. Besides its bytes a batch takes some 200 at the most.
pub fn split(records: &[u8], limits: &Limits) -> Split {
    split_from(records, ANYWHERE, limits, &Recycler::new())
}

/// The same of a record set that was fetched from `from_offset` on, with the batches in memory from here.
pub fn split_from(records: &[u8], from_offset: i64, limits: &Limits, memory: &Recycler) -> Split {
    let mut walk = Walk::from(from_offset, memory);
    let mut rest = records;
    let end = loop {
        if rest.is_empty() {
            break End::Clean;
        }
        if is_filler(rest, rest.len()) {
            break End::Filled;
        }
        match first_batch(rest, limits) {
            Ok(First::Whole { header, size }) => {
                if let Err(end) = walk.go_on(&header) {
                    break end;
                }
                walk.copy(&rest[..size], header);
                rest = &rest[size..];
            }
            Ok(First::CutOff { needed }) => break End::CutOff { needed },
            Err(kind) => break broken_at(rest, kind),
        }
    };
    walk.ended(end)
}

/// As [`split`], of a record set of so many bytes that is still to be read: each batch that is not small is read
/// straight into its own memory. `fill` fills a slice.
///
/// # Errors
/// Those of `fill`. Unless it fails, all bytes have been read, whatever they are.
pub fn split_as_read<E>(
    length: usize,
    limits: &Limits,
    memory: &Recycler,
    mut fill: impl FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<Split, E> {
    let mut walk = Walk::from(ANYWHERE, memory);
    let mut small = [0; SMALL];
    let mut left = length;
    let end = loop {
        let mut head = [0; MAGIC_AT + 1];
        let head = &mut head[..left.min(MAGIC_AT + 1)];
        fill(head)?;
        left -= head.len();
        let size = match entry_size(head, limits) {
            _ if head.is_empty() => break End::Clean,
            _ if is_filler(head, head.len() + left) => break End::Filled,
            Ok(Some(size)) if head.len() == MAGIC_AT + 1 => size,
            Ok(needed) => {
                let needed = needed.unwrap_or(MAGIC_AT + 1);
                break End::CutOff { needed };
            }
            Err(kind) => break broken_at(head, kind),
        };
        if head[MAGIC_AT] < 2 {
            // Groups of old messages are found by looking at what follows.
            let rest = memory.read(head.len() + left, head, fill)?;
            let rest = split_from(&rest, ANYWHERE, limits, memory);
            return Ok(walk.followed_by(rest));
        }
        if size - head.len() > left {
            break End::CutOff { needed: size };
        }
        left -= size - head.len();
        if size <= SMALL {
            let bytes = &mut small[..size];
            bytes[..head.len()].copy_from_slice(head);
            fill(&mut bytes[head.len()..])?;
            match walk.go_on_v2(bytes) {
                Ok(header) => walk.copy(bytes, header),
                Err(end) => break end,
            }
        } else {
            let bytes = memory.read(size, head, &mut fill)?;
            match walk.go_on_v2(&bytes) {
                Ok(header) => walk.push(Batch { bytes, header }),
                Err(end) => break end,
            }
        }
    };
    let mut nowhere = [0; 4096];
    while left > 0 {
        let count = left.min(nowhere.len());
        fill(&mut nowhere[..count])?;
        left -= count;
    }
    Ok(walk.ended(end))
}

/// Up to this size batches share pieces of memory: by itself each would cost the allocator as much as it has bytes.
const SMALL: usize = 1024;
/// The most bytes of such a piece. Who holds a message of it holds all of it.
const SHARED: usize = 4 * 1024;

/// Where the first batch may start if it is not known what was asked for.
const ANYWHERE: i64 = i64::MAX;

const DISORDER: ErrorKind =
    ErrorKind::Corrupt("a batch starts before the end of the one before it");

const NEGATIVE_OFFSET: ErrorKind = ErrorKind::Corrupt("a negative offset");

impl Split {
    /// What it is, now that it is known that it was fetched from `from_offset` on: of two batches that
    /// are out of order the first is no longer believed if it is behind a gap.
    #[must_use]
    pub fn fetched_from(mut self, from_offset: i64) -> Self {
        let is_disorder = matches!(&self.end, End::Broken(error) if *error.kind() == DISORDER);
        if let [only] = &*self.batches
            && is_disorder
            && only.tells_start()
            && only.base_offset() > from_offset
        {
            self.batches.clear();
        }
        self
    }

    /// What it is, now that it is known that nothing was converted: filler is damage there.
    #[must_use]
    pub fn unconverted(mut self) -> Self {
        if self.end == End::Filled {
            self.end = End::Broken(Error::new(-1, NEGATIVE_OFFSET));
        }
        self
    }
}

/// The batches so far.
struct Walk<'a> {
    memory: &'a Recycler,
    batches: Vec<Batch>,
    /// Those behind them that will share a piece of memory.
    small: Small,
    next_offset: i64,
    /// Where the next batch starts, unless compaction has left a gap.
    expected: i64,
    /// Whether the last batch did not start where it was expected.
    behind_gap: bool,
}

/// Small batches: their bytes one after the other, and how many of them each has.
struct Small {
    bytes: [u8; SHARED],
    len: usize,
    headers: Vec<(Header, u16)>,
}

impl Small {
    fn new() -> Self {
        Self {
            bytes: [0; SHARED],
            len: 0,
            headers: Vec::new(),
        }
    }

    fn has_room(&self, size: usize) -> bool {
        self.len + size <= SHARED
    }

    fn push(&mut self, bytes: &[u8], header: Header) {
        self.bytes[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
        self.headers.push((header, bytes.len() as u16));
    }
}

impl<'a> Walk<'a> {
    fn from(offset: i64, memory: &'a Recycler) -> Self {
        Self {
            memory,
            batches: Vec::new(),
            small: Small::new(),
            next_offset: 0,
            expected: offset,
            behind_gap: false,
        }
    }

    /// A batch comes next whose bytes are to be copied.
    fn copy(&mut self, bytes: &[u8], header: Header) {
        if bytes.len() > SMALL {
            let bytes = self.memory.copy(bytes);
            return self.push(Batch { bytes, header });
        }
        if !self.small.has_room(bytes.len()) {
            self.share();
        }
        self.small.push(bytes, header);
    }

    /// A batch comes next that is in memory.
    fn push(&mut self, batch: Batch) {
        self.share();
        self.batches.push(batch);
    }

    /// Gives the small batches the memory that they share.
    fn share(&mut self) {
        if self.small.headers.is_empty() {
            return;
        }
        let shared = self.small.bytes[..self.small.len].into();
        self.small.len = 0;
        let mut start = 0;
        for (header, size) in self.small.headers.drain(..) {
            let end = start + size;
            let bytes = Bytes::part(&shared, start..end);
            self.batches.push(Batch { bytes, header });
            start = end;
        }
    }

    fn ended(mut self, end: End) -> Split {
        self.share();
        let batches = self.batches;
        Split { batches, end }
    }

    /// The header of a batch of magic 2, if that can come next.
    fn go_on_v2(&mut self, bytes: &[u8]) -> Result<Header, End> {
        let header = Header::read_v2(bytes).map_err(|kind| broken_at(bytes, kind))?;
        self.go_on(&header)?;
        Ok(header)
    }

    /// Whether a batch can come next.
    fn go_on(&mut self, header: &Header) -> Result<(), End> {
        if header.base_offset < self.next_offset {
            // No checksum covers the offset of a batch. Of two that are out of order the later one is
            // wrong if the first follows directly; else it may be the first, and to take it would skip
            // what belongs before it.
            if self.behind_gap {
                self.share();
                self.batches.pop();
            }
            return Err(End::Broken(Error::new(header.base_offset, DISORDER)));
        }
        self.behind_gap = header.tells_start() && header.base_offset > self.expected;
        self.next_offset = header.last_offset + 1;
        self.expected = self.next_offset;
        Ok(())
    }

    fn followed_by(mut self, rest: Split) -> Split {
        for batch in rest.batches {
            if let Err(end) = self.go_on(&batch.header) {
                return self.ended(end);
            }
            self.push(batch);
        }
        self.ended(rest.end)
    }
}

fn broken_at(rest: &[u8], kind: ErrorKind) -> End {
    let offset = Cursor::new(rest, 0).i64().unwrap_or(-1);
    End::Broken(Error::new(offset, kind))
}

enum First {
    Whole { header: Header, size: usize },
    CutOff { needed: usize },
}

fn first_batch(bytes: &[u8], limits: &Limits) -> Result<First, ErrorKind> {
    let size = match entry_size(bytes, limits)? {
        Some(size) if size <= bytes.len() => size,
        Some(needed) => return Ok(First::CutOff { needed }),
        None => {
            return Ok(First::CutOff {
                needed: MAGIC_AT + 1,
            });
        }
    };
    if bytes[MAGIC_AT] == 2 {
        let header = Header::read_v2(&bytes[..size])?;
        return Ok(First::Whole { header, size });
    }
    let (header, size) = legacy::first_group(bytes, size, limits)?;
    Ok(First::Whole { header, size })
}

/// Whether the rest of an answer, so many bytes that start with these, is what fills it: the offset is none, and it
/// claims to be longer.
fn is_filler(bytes: &[u8], left: usize) -> bool {
    let mut fields = Cursor::new(bytes, 0);
    let (Ok(offset), Ok(length)) = (fields.i64(), fields.i32()) else {
        return false;
    };
    offset == -1 && usize::try_from(length).is_ok_and(|length| length > left - LOG_OVERHEAD)
}

/// The size of the batch or message that `bytes` start with, which may be more than there is;
/// `None` if not even the length is there. What of the header is there is checked.
pub(super) fn entry_size(bytes: &[u8], limits: &Limits) -> Result<Option<usize>, ErrorKind> {
    let mut fields = Cursor::new(bytes, 0);
    let (Ok(offset), Ok(length)) = (fields.i64(), fields.i32()) else {
        return Ok(None);
    };
    if offset < 0 {
        return Err(NEGATIVE_OFFSET);
    }
    let size = usize::try_from(length)
        .map_err(|_| ErrorKind::Corrupt("a negative length"))?
        .saturating_add(LOG_OVERHEAD);
    if size <= MAGIC_AT {
        return Err(ErrorKind::Corrupt("a batch is shorter than its header"));
    }
    if size > limits.batch_bytes {
        return Err(ErrorKind::BatchTooLarge {
            size,
            limit: limits.batch_bytes,
        });
    }
    match bytes.get(MAGIC_AT) {
        None | Some(0..=2) => Ok(Some(size)),
        Some(&magic) => Err(ErrorKind::UnknownMagic(magic as i8)),
    }
}
