//! Reading the fields of a record set from a slice.

use super::error::Malformed;

const CUT: Malformed = Malformed("a field reaches beyond the bytes that remain");
const OVERLONG: Malformed = Malformed("a varint is longer than its type");

/// A place in the bytes of a record set.
///
/// It counts places from the start of the bytes, because that is what the views of records keep.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    #[inline]
    pub(super) fn position(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// All bytes from here on.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    #[inline]
    pub(super) fn take(&mut self, size: usize) -> Result<&'a [u8], Malformed> {
        let taken = self.bytes[self.at..].get(..size).ok_or(CUT)?;
        self.at += size;
        Ok(taken)
    }

    #[inline]
    pub(super) fn skip(&mut self, size: usize) -> Result<(), Malformed> {
        if size > self.remaining() {
            return Err(CUT);
        }
        self.at += size;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let array = self.bytes[self.at..].first_chunk().ok_or(CUT)?;
        self.at += N;
        Ok(*array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    /// A zigzag varint of 32 bits.
    #[inline(always)]
    pub(super) fn varint(&mut self) -> Result<i32, Malformed> {
        // One byte for keys, headers and small records, two for most others.
        let raw = match self.bytes[self.at..] {
            [a, ..] if a < 0x80 => {
                self.at += 1;
                u32::from(a)
            }
            [a, b, ..] if b < 0x80 => {
                self.at += 2;
                u32::from(a & 0x7f) | u32::from(b) << 7
            }
            _ => self.long_varint(32)? as u32,
        };
        Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
    }

    /// A zigzag varint of 64 bits.
    #[inline(always)]
    pub(super) fn varlong(&mut self) -> Result<i64, Malformed> {
        let raw = match self.bytes[self.at..] {
            [a, ..] if a < 0x80 => {
                self.at += 1;
                u64::from(a)
            }
            [a, b, ..] if b < 0x80 => {
                self.at += 2;
                u64::from(a & 0x7f) | u64::from(b) << 7
            }
            _ => self.long_varint(64)?,
        };
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// An unsigned varint of any length that its type allows.
    #[inline(never)]
    fn long_varint(&mut self, bits: u32) -> Result<u64, Malformed> {
        let mut raw = 0;
        let mut shift = 0;
        loop {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            if shift + 7 > bits && part >> (bits - shift) != 0 {
                return Err(OVERLONG);
            }
            raw |= part << shift;
            if byte < 0x80 {
                return Ok(raw);
            }
            shift += 7;
            if shift >= bits {
                return Err(OVERLONG);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(bytes: &[u8]) -> Result<i32, Malformed> {
        Cursor::new(bytes, 0).varint()
    }

    fn varlong(bytes: &[u8]) -> Result<i64, Malformed> {
        Cursor::new(bytes, 0).varlong()
    }

    #[test]
    fn varints_are_zigzag_and_little_end_first() {
        assert_eq!(varint(&[0x00]), Ok(0));
        assert_eq!(varint(&[0x01]), Ok(-1));
        assert_eq!(varint(&[0x7f]), Ok(-64));
        assert_eq!(varint(&[0x80, 0x01]), Ok(64));
        assert_eq!(varint(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(i32::MIN));
        assert_eq!(varint(&[0xfe, 0xff, 0xff, 0xff, 0x0f]), Ok(i32::MAX));
        let ten = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(varlong(&ten), Ok(i64::MIN));
    }

    #[test]
    fn a_varint_may_not_overflow_its_type_nor_the_bytes() {
        assert_eq!(varint(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Err(OVERLONG));
        assert_eq!(varint(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Err(OVERLONG));
        let ten = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(varlong(&ten), Err(OVERLONG));
        for cut in 0..4 {
            assert_eq!(varint(&[0x80; 4][..cut]), Err(CUT));
        }
    }
}
