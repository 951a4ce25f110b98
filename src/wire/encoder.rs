use byteorder::{BigEndian, ByteOrder, WriteBytesExt};

use super::{ErrorKind, Result, Uuid, Wire};

/// Appends values to a buffer.
#[derive(Debug)]
pub struct Encoder {
    buffer: Vec<u8>,
    version: i16,
    flexible: bool,
}

/// The tagged fields of one struct, written already and waiting for the section at its end.
#[derive(Debug, Default)]
pub struct TaggedFields(Vec<(u32, Vec<u8>)>);

impl Encoder {
    /// An empty buffer.
    pub fn new(version: i16, flexible: bool) -> Self {
        Self::append_to(Vec::new(), version, flexible)
    }

    /// Goes on behind the bytes of `buffer`.
    pub fn append_to(buffer: Vec<u8>, version: i16, flexible: bool) -> Self {
        Self {
            buffer,
            version,
            flexible,
        }
    }

    /// The version in which values are written.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Whether lengths are compact and structs end with tagged fields.
    pub fn is_flexible(&self) -> bool {
        self.flexible
    }

    /// From here on writes another version: behind a header, the body has its own.
    pub fn set_version(&mut self, version: i16, flexible: bool) {
        self.version = version;
        self.flexible = flexible;
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.buffer
    }

    /// Bytes written so far.
    pub fn position(&self) -> usize {
        self.buffer.len()
    }

    /// Replaces four bytes that were written before, such as the length of what came behind them.
    ///
    /// # Panics
    /// If there are no four bytes at `position`.
    pub fn patch_i32(&mut self, position: usize, value: i32) {
        BigEndian::write_i32(&mut self.buffer[position..position + 4], value);
    }

    /// Appends bytes as they are.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Appends one byte.
    pub fn write_bool(&mut self, value: bool) {
        self.buffer.push(value.into());
    }

    /// Appends one byte.
    pub fn write_i8(&mut self, value: i8) {
        self.buffer.push(value.cast_unsigned());
    }

    /// Appends two bytes.
    pub fn write_i16(&mut self, value: i16) {
        self.buffer.write_i16::<BigEndian>(value).expect(INFALLIBLE);
    }

    /// Appends two bytes.
    pub fn write_u16(&mut self, value: u16) {
        self.buffer.write_u16::<BigEndian>(value).expect(INFALLIBLE);
    }

    /// Appends four bytes.
    pub fn write_i32(&mut self, value: i32) {
        self.buffer.write_i32::<BigEndian>(value).expect(INFALLIBLE);
    }

    /// Appends four bytes.
    pub fn write_u32(&mut self, value: u32) {
        self.buffer.write_u32::<BigEndian>(value).expect(INFALLIBLE);
    }

    /// Appends eight bytes.
    pub fn write_i64(&mut self, value: i64) {
        self.buffer.write_i64::<BigEndian>(value).expect(INFALLIBLE);
    }

    /// Appends eight bytes.
    pub fn write_f64(&mut self, value: f64) {
        self.buffer.write_f64::<BigEndian>(value).expect(INFALLIBLE);
    }

    /// Appends sixteen bytes.
    pub fn write_uuid(&mut self, value: Uuid) {
        self.write_raw(&value.0);
    }

    /// Appends one to five bytes.
    pub fn write_unsigned_varint(&mut self, value: u32) {
        self.write_base128(value.into());
    }

    /// Appends one to five bytes in zigzag order, so that small negative values stay short.
    pub fn write_varint(&mut self, value: i32) {
        self.write_base128(((value << 1) ^ (value >> 31)).cast_unsigned().into());
    }

    /// Appends one to ten bytes in zigzag order.
    pub fn write_varlong(&mut self, value: i64) {
        self.write_base128(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn write_base128(&mut self, mut value: u64) {
        while value > 0x7f {
            self.buffer.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.push(value as u8);
    }

    /// Appends a string, or null.
    pub fn write_nullable_string(&mut self, value: Option<&str>) -> Result<()> {
        if !self.flexible {
            return self.write_classic_nullable_string(value);
        }
        self.write_compact_length(value.map(str::len))?;
        self.write_raw(value.unwrap_or_default().as_bytes());
        Ok(())
    }

    /// Appends a string, or null, in the classic form, whatever the version.
    pub fn write_classic_nullable_string(&mut self, value: Option<&str>) -> Result<()> {
        let Some(value) = value else {
            self.write_i16(-1);
            return Ok(());
        };
        let length = value.len();
        self.write_i16(length.try_into().map_err(|_| ErrorKind::TooLong(length))?);
        self.write_raw(value.as_bytes());
        Ok(())
    }

    /// Appends bytes, or null.
    pub fn write_nullable_bytes(&mut self, value: Option<&[u8]>) -> Result<()> {
        self.write_length(value.map(<[u8]>::len))?;
        self.write_raw(value.unwrap_or_default());
        Ok(())
    }

    /// Appends an array, or null.
    pub fn write_nullable_array<T: Wire>(&mut self, elements: Option<&[T]>) -> Result<()> {
        self.write_length(elements.map(<[T]>::len))?;
        elements
            .unwrap_or_default()
            .iter()
            .try_for_each(|element| element.encode(self))
    }

    /// The length of bytes or the count of an array; none is null.
    fn write_length(&mut self, length: Option<usize>) -> Result<()> {
        if self.flexible {
            return self.write_compact_length(length);
        }
        let length = match length {
            Some(length) => length.try_into().map_err(|_| ErrorKind::TooLong(length))?,
            None => -1,
        };
        self.write_i32(length);
        Ok(())
    }

    /// Compact lengths are one more than they mean, and 0 is null.
    fn write_compact_length(&mut self, length: Option<usize>) -> Result<()> {
        let length = match length {
            // Java holds lengths as i32.
            Some(length) if length < i32::MAX as usize => length as u32 + 1,
            Some(length) => return Err(ErrorKind::TooLong(length).into()),
            None => 0,
        };
        self.write_unsigned_varint(length);
        Ok(())
    }

    /// Writes a value aside, to be appended by [`write_tagged_fields`](Self::write_tagged_fields).
    pub fn write_tagged<T: Wire>(
        &self,
        fields: &mut TaggedFields,
        tag: u32,
        value: &T,
    ) -> Result<()> {
        let mut aside = Self::new(self.version, self.flexible);
        value.encode(&mut aside)?;
        debug_assert!(
            fields.0.last().is_none_or(|&(last, _)| last < tag),
            "tags must ascend"
        );
        fields.0.push((tag, aside.into_bytes()));
        Ok(())
    }

    /// Appends the section of tagged fields that ends a struct in flexible versions.
    pub fn write_tagged_fields(&mut self, fields: &TaggedFields) -> Result<()> {
        self.write_unsigned_varint(fields.0.len() as u32);
        for (tag, value) in &fields.0 {
            let size = value.len();
            self.write_unsigned_varint(*tag);
            self.write_unsigned_varint(size.try_into().map_err(|_| ErrorKind::TooLong(size))?);
            self.write_raw(value);
        }
        Ok(())
    }
}

const INFALLIBLE: &str = "a Vec takes any bytes";
