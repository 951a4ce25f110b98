//! Reading the fields of a record set from a slice.

use super::error::Malformed;

const CUT: Malformed = Malformed("a field reaches beyond the bytes that remain");
const NEGATIVE: Malformed = Malformed("a length, count or offset delta below zero");
const OVERLONG: Malformed = Malformed("a varint is longer than its type");

/// A place in the bytes of a record set.
///
/// It tells places from the start of the bytes, because that is what the views of records keep.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    end: usize,
}

impl<'a> Cursor<'a> {
    /// At `start` of `bytes`, which must be within them.
    pub(super) fn new(bytes: &'a [u8], start: usize) -> Self {
        Self {
            rest: &bytes[start..],
            end: bytes.len(),
        }
    }

    #[inline(always)]
    pub(super) fn position(&self) -> usize {
        self.end - self.rest.len()
    }

    #[inline(always)]
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// All bytes from here on.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline(always)]
    pub(super) fn take(&mut self, size: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(CUT)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, size: usize) -> Result<(), Malformed> {
        self.take(size).map(|_| ())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(CUT)?;
        self.rest = rest;
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

    /// A zigzag varint of 32 bits that may not be negative: a length, a count, an offset delta.
    #[inline(always)]
    pub(super) fn size(&mut self) -> Result<u32, Malformed> {
        match self.unsigned_varint(u32::BITS)? as u32 {
            raw if raw & 1 == 0 => Ok(raw >> 1),
            _ => Err(NEGATIVE),
        }
    }

    /// A zigzag varint of 32 bits that is a length, or −1 for null.
    #[inline(always)]
    pub(super) fn nullable_size(&mut self) -> Result<i32, Malformed> {
        match self.unsigned_varint(u32::BITS)? as u32 {
            raw if raw & 1 == 0 => Ok((raw >> 1) as i32),
            1 => Ok(-1),
            _ => Err(NEGATIVE),
        }
    }

    /// A zigzag varint of 64 bits.
    #[inline(always)]
    pub(super) fn varlong(&mut self) -> Result<i64, Malformed> {
        let raw = self.unsigned_varint(u64::BITS)?;
        Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }

    /// Most varints have one byte (deltas, keys, headers) or two (values); longer ones are read
    /// elsewhere, from a copy, so that the cursor can stay in registers.
    #[inline(always)]
    fn unsigned_varint(&mut self, bits: u32) -> Result<u64, Malformed> {
        let (raw, rest) = match *self.rest {
            [a, ref rest @ ..] if a < 0x80 => (u64::from(a), rest),
            [a, b, ref rest @ ..] if b < 0x80 => (u64::from(a & 0x7f) | u64::from(b) << 7, rest),
            _ => long_varint(self.rest, bits)?,
        };
        self.rest = rest;
        Ok(raw)
    }
}

/// An unsigned varint of any length that its type allows, and what follows it.
#[cold]
fn long_varint(bytes: &[u8], bits: u32) -> Result<(u64, &[u8]), Malformed> {
    let mut raw = 0;
    let mut shift = 0;
    let mut rest = bytes;
    while shift < bits {
        let (&byte, behind) = rest.split_first().ok_or(CUT)?;
        rest = behind;
        let part = u64::from(byte & 0x7f);
        if shift + 7 > bits && part >> (bits - shift) != 0 {
            break;
        }
        raw |= part << shift;
        if byte < 0x80 {
            return Ok((raw, rest));
        }
        shift += 7;
    }
    Err(OVERLONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(bytes: &[u8]) -> Result<u32, Malformed> {
        Cursor::new(bytes, 0).size()
    }

    fn nullable_size(bytes: &[u8]) -> Result<i32, Malformed> {
        Cursor::new(bytes, 0).nullable_size()
    }

    fn varlong(bytes: &[u8]) -> Result<i64, Malformed> {
        Cursor::new(bytes, 0).varlong()
    }

    #[test]
    fn varints_are_zigzag_and_little_end_first() {
        assert_eq!(varlong(&[0x00]), Ok(0));
        assert_eq!(varlong(&[0x01]), Ok(-1));
        assert_eq!(varlong(&[0x7f]), Ok(-64));
        assert_eq!(varlong(&[0x80, 0x01]), Ok(64));
        assert_eq!(varlong(&[0xff, 0xff, 0x03]), Ok(-32_768));
        let ten = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(varlong(&ten), Ok(i64::MIN));
        assert_eq!(size(&[0x80, 0x01]), Ok(64));
        assert_eq!(size(&[0xfe, 0xff, 0xff, 0xff, 0x0f]), Ok(i32::MAX as u32));
        assert_eq!(nullable_size(&[0xfe, 0xff, 0xff, 0xff, 0x0f]), Ok(i32::MAX));
        assert_eq!(nullable_size(&[0x01]), Ok(-1));
    }

    #[test]
    fn a_size_is_not_negative_but_a_nullable_one_may_be_null() {
        assert_eq!(size(&[0x01]), Err(NEGATIVE));
        assert_eq!(nullable_size(&[0x03]), Err(NEGATIVE));
        assert_eq!(size(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Err(NEGATIVE));
        assert_eq!(
            nullable_size(&[0xff, 0xff, 0xff, 0xff, 0x0f]),
            Err(NEGATIVE)
        );
    }

    #[test]
    fn a_varint_may_not_overflow_its_type_nor_the_bytes() {
        assert_eq!(size(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Err(OVERLONG));
        assert_eq!(size(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Err(OVERLONG));
        let ten = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(varlong(&ten), Err(OVERLONG));
        for cut in 0..4 {
            assert_eq!(size(&[0x80; 4][..cut]), Err(CUT));
        }
    }
}
