use std::ops::Range;

use byteorder::{BigEndian, ByteOrder};

use super::{ARRAY_BYTES, ErrorKind, PREALLOCATED, Result, Uuid, Wire};

/// Reads values from a frame.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    /// Positions count from the start of the whole frame, also inside a tagged field: spans that are
    /// handed out must be good for the frame.
    frame: &'a [u8],
    position: usize,
    end: usize,
    version: i16,
    flexible: bool,
    apart: Apart<'a>,
    /// What the elements of arrays may still take in memory, in bytes.
    room: usize,
}

/// What is to be read, and within which bounds.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The bytes of a frame that are there.
    pub bytes: &'a [u8],
    /// Those that are not.
    pub apart: Apart<'a>,
    /// The most memory for the elements of all arrays together, nested ones too, in bytes. What elements
    /// own, texts and bytes, does not count: it takes no more than on the wire.
    pub array_bytes: usize,
}

impl<'a> From<&'a [u8]> for Input<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            apart: Apart::default(),
            array_bytes: ARRAY_BYTES,
        }
    }
}

/// What of a frame is not in the bytes to read from, while it is still on its way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Apart<'a> {
    /// The record sets that were taken out: where they were, and how long they are.
    pub taken: &'a [(usize, usize)],
    /// How many bytes come behind those that are there.
    pub to_come: usize,
}

/// Where records are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordsAt {
    /// In the frame.
    Span(Range<usize>),
    /// Taken out: which one, and how long it is.
    Taken(usize, usize),
}

impl<'a> Decoder<'a> {
    /// A cursor at the start of `frame`.
    pub fn new(frame: &'a [u8], version: i16, flexible: bool) -> Self {
        Self::of(frame.into(), version, flexible)
    }

    /// A cursor at the start of what there is of a frame.
    pub fn of(input: Input<'a>, version: i16, flexible: bool) -> Self {
        let Input {
            bytes: frame,
            apart,
            array_bytes: room,
        } = input;
        Self {
            frame,
            position: 0,
            end: frame.len(),
            version,
            flexible,
            apart,
            room,
        }
    }

    /// The version in which values are read.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Whether lengths are compact and structs end with tagged fields.
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// From here on reads another version: behind a header, the body has its own.
    pub fn set_version(&mut self, version: i16, flexible: bool) {
        self.version = version;
        self.flexible = flexible;
    }

    /// What the elements of arrays may still take in memory, in bytes.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Bytes read so far, from the start of the frame.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Bytes not yet read.
    pub fn remaining(&self) -> usize {
        self.end - self.position + self.apart.to_come
    }

    /// The bytes not yet read, without reading them.
    pub fn rest(&self) -> &'a [u8] {
        &self.frame[self.position..self.end]
    }

    /// Ends reading; bytes that are left mean that writer and reader disagree about the message.
    pub fn finish(self) -> Result<()> {
        match self.remaining() {
            0 => Ok(()),
            count => Err(ErrorKind::TrailingBytes(count).into()),
        }
    }

    /// Reads the one value that is all the rest.
    pub fn decode_whole<T: Wire>(mut self) -> Result<T> {
        let value = T::decode(&mut self)?;
        self.finish()?;
        Ok(value)
    }

    /// Reads `count` bytes as they are.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let span = self.take_span(count)?;
        Ok(&self.frame[span])
    }

    /// Passes over `count` bytes and tells where in the frame they are.
    pub fn take_span(&mut self, count: usize) -> Result<Range<usize>> {
        let remaining = self.remaining();
        if count > remaining {
            return Err(ErrorKind::Truncated {
                needed: count,
                remaining,
            }
            .into());
        }
        if count > self.end - self.position {
            return Err(ErrorKind::ToCome.into());
        }
        let start = self.position;
        self.position += count;
        Ok(start..self.position)
    }

    /// Passes over records or null and tells where they are.
    pub fn read_nullable_records(&mut self) -> Result<Option<RecordsAt>> {
        let Some(length) = self.read_length()? else {
            return Ok(None);
        };
        let at = self.position;
        let taken = self.apart.taken;
        if let Ok(index) = taken.binary_search_by_key(&at, |(at, _)| *at) {
            return Ok(Some(RecordsAt::Taken(index, length)));
        }
        match self.take_span(length) {
            Err(error) if error.kind() == ErrorKind::ToCome => {
                Err(ErrorKind::RecordsToCome { at, length }.into())
            }
            span => span.map(|span| Some(RecordsAt::Span(span))),
        }
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// Any byte but 0 is true, as in Java.
    pub fn read_bool(&mut self) -> Result<bool> {
        Ok(self.read_i8()? != 0)
    }

    /// Reads one byte.
    pub fn read_i8(&mut self) -> Result<i8> {
        Ok(i8::from_be_bytes(self.take_array()?))
    }

    /// Reads two bytes.
    pub fn read_i16(&mut self) -> Result<i16> {
        Ok(BigEndian::read_i16(self.take(2)?))
    }

    /// Reads two bytes.
    pub fn read_u16(&mut self) -> Result<u16> {
        Ok(BigEndian::read_u16(self.take(2)?))
    }

    /// Reads four bytes.
    pub fn read_i32(&mut self) -> Result<i32> {
        Ok(BigEndian::read_i32(self.take(4)?))
    }

    /// Reads four bytes.
    pub fn read_u32(&mut self) -> Result<u32> {
        Ok(BigEndian::read_u32(self.take(4)?))
    }

    /// Reads eight bytes.
    pub fn read_i64(&mut self) -> Result<i64> {
        Ok(BigEndian::read_i64(self.take(8)?))
    }

    /// Reads eight bytes.
    pub fn read_f64(&mut self) -> Result<f64> {
        Ok(BigEndian::read_f64(self.take(8)?))
    }

    /// Reads sixteen bytes.
    pub fn read_uuid(&mut self) -> Result<Uuid> {
        Ok(Uuid(self.take_array()?))
    }

    /// Reads an unsigned varint of at most 32 bits.
    pub fn read_unsigned_varint(&mut self) -> Result<u32> {
        let value = self.read_base128(5)?;
        u32::try_from(value).map_err(|_| ErrorKind::VarintOverflow.into())
    }

    /// Reads a zigzag varint of at most 32 bits.
    pub fn read_varint(&mut self) -> Result<i32> {
        let value = self.read_unsigned_varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Reads a zigzag varint of at most 64 bits.
    pub fn read_varlong(&mut self) -> Result<i64> {
        let value = self.read_base128(10)?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Seven bits a byte, lowest first, in at most `max_bytes` bytes and 64 bits.
    fn read_base128(&mut self, max_bytes: u32) -> Result<u64> {
        let mut value = 0;
        for index in 0..max_bytes {
            let [byte] = self.take_array()?;
            let bits = u64::from(byte & 0x7f);
            let shift = 7 * index;
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ErrorKind::VarintOverflow.into())
    }

    /// Reads a string; null is an error.
    pub fn read_string(&mut self) -> Result<&'a str> {
        self.read_nullable_string()?
            .ok_or_else(|| ErrorKind::UnexpectedNull.into())
    }

    /// Reads a string or null.
    pub fn read_nullable_string(&mut self) -> Result<Option<&'a str>> {
        if !self.flexible {
            return self.read_classic_nullable_string();
        }
        let length = self.read_compact_length()?;
        self.take_string(length)
    }

    /// Reads a string or null in the classic form, whatever the version.
    pub fn read_classic_nullable_string(&mut self) -> Result<Option<&'a str>> {
        let length = self.read_i16()?;
        let length = classic_length(length.into())?;
        self.take_string(length)
    }

    fn take_string(&mut self, length: Option<usize>) -> Result<Option<&'a str>> {
        let Some(length) = length else {
            return Ok(None);
        };
        let bytes = self.take(length)?;
        let string = std::str::from_utf8(bytes).map_err(|_| ErrorKind::InvalidUtf8)?;
        Ok(Some(string))
    }

    /// Reads bytes; null is an error.
    pub fn read_bytes(&mut self) -> Result<&'a [u8]> {
        self.read_nullable_bytes()?
            .ok_or_else(|| ErrorKind::UnexpectedNull.into())
    }

    /// Reads bytes or null.
    pub fn read_nullable_bytes(&mut self) -> Result<Option<&'a [u8]>> {
        let span = self.read_nullable_span()?;
        Ok(span.map(|span| &self.frame[span]))
    }

    /// Passes over bytes or null and tells where in the frame they are.
    pub fn read_nullable_span(&mut self) -> Result<Option<Range<usize>>> {
        match self.read_length()? {
            Some(length) => self.take_span(length).map(Some),
            None => Ok(None),
        }
    }

    /// Reads the elements of an array; null is an error.
    pub fn read_array<T: Wire>(&mut self) -> Result<Vec<T>> {
        self.read_nullable_array()?
            .ok_or_else(|| ErrorKind::UnexpectedNull.into())
    }

    /// Reads the elements of an array or null.
    pub fn read_nullable_array<T: Wire>(&mut self) -> Result<Option<Vec<T>>> {
        let Some(count) = self.read_length()? else {
            return Ok(None);
        };
        let remaining = self.remaining();
        let smallest = T::min_size(self.version, self.flexible).max(1);
        if count > remaining / smallest {
            return Err(ErrorKind::CountBeyondInput { count, remaining }.into());
        }
        let bytes = count.saturating_mul(size_of::<T>());
        let room = self.room;
        self.room = room
            .checked_sub(bytes)
            .ok_or(ErrorKind::ArraysTooLarge { bytes, room })?;
        let mut elements = Vec::with_capacity(count.min(PREALLOCATED));
        for _ in 0..count {
            let len = elements.len();
            if len == elements.capacity() {
                // As a vector grows by itself, but not beyond what was counted above.
                elements.reserve_exact(len.min(count - len));
            }
            elements.push(T::decode(self)?);
        }
        Ok(Some(elements))
    }

    /// The length of bytes or the count of an array; none is null.
    fn read_length(&mut self) -> Result<Option<usize>> {
        if self.flexible {
            return self.read_compact_length();
        }
        let length = self.read_i32()?;
        classic_length(length.into())
    }

    /// Compact lengths are one more than they mean, and 0 is null.
    fn read_compact_length(&mut self) -> Result<Option<usize>> {
        let length = self.read_unsigned_varint()?;
        Ok(length.checked_sub(1).map(|length| length as usize))
    }

    /// Reads the section of tagged fields that ends a struct in flexible versions. `read` is given
    /// the tag and a cursor over its bytes, and answers false for a tag that it does not know; such a
    /// field is skipped, as it comes from a newer peer.
    pub fn read_tagged_fields(
        &mut self,
        mut read: impl FnMut(u32, &mut Decoder<'a>) -> Result<bool>,
    ) -> Result<()> {
        // Each turn reads two bytes at least, so the input bounds this loop whatever the count says.
        for _ in 0..self.read_unsigned_varint()? {
            let tag = self.read_unsigned_varint()?;
            let size = self.read_unsigned_varint()?;
            let span = self.take_span(size as usize)?;
            let mut value = Decoder {
                position: span.start,
                end: span.end,
                apart: Apart::default(),
                ..*self
            };
            let is_known = read(tag, &mut value)?;
            self.room = value.room;
            if is_known {
                value.finish()?;
            }
        }
        Ok(())
    }
}

/// Classic lengths are signed, and −1 is null.
fn classic_length(length: i64) -> Result<Option<usize>> {
    match usize::try_from(length) {
        Ok(length) => Ok(Some(length)),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(ErrorKind::NegativeLength(length).into()),
    }
}
