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
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At `start` of `bytes`, which must be within them.
    pub(super) fn new(bytes: &'a [u8], start: usize) -> Self {
        assert!(start <= bytes.len());
        Self { bytes, at: start }
    }

    #[inline(always)]
    pub(super) fn position(&self) -> usize {
        self.at
    }

    #[inline(always)]
    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// All bytes from here on.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    #[inline(always)]
    pub(super) fn take(&mut self, size: usize) -> Result<&'a [u8], Malformed> {
        let taken = self.rest().get(..size).ok_or(CUT)?;
        self.at += size;
        Ok(taken)
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, size: usize) -> Result<(), Malformed> {
        if size > self.remaining() {
            return Err(CUT);
        }
        self.at += size;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let array = self.rest().first_chunk().ok_or(CUT)?;
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

    /// Most varints have one byte (deltas, keys, headers) or two (values). Longer ones are read by
    /// a function that gets a copy of the place, so that the cursor can stay in registers.
    #[inline(always)]
    fn unsigned_varint(&mut self, bits: u32) -> Result<u64, Malformed> {
        let first = *self.bytes.get(self.at).ok_or(CUT)?;
        if first < 0x80 {
            self.at += 1;
            return Ok(first.into());
        }
        let second = *self.bytes.get(self.at + 1).ok_or(CUT)?;
        if second < 0x80 {
            self.at += 2;
            return Ok(u64::from(first & 0x7f) | u64::from(second) << 7);
        }
        let (raw, len) = long_varint(self.rest(), bits)?;
        self.at += len;
        Ok(raw)
    }
}

/// An unsigned varint of any length that its type allows, and its length.
#[cold]
fn long_varint(bytes: &[u8], bits: u32) -> Result<(u64, usize), Malformed> {
    let mut raw = 0;
    let mut shift = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        let part = u64::from(byte & 0x7f);
        if shift >= bits || shift + 7 > bits && part >> (bits - shift) != 0 {
            return Err(OVERLONG);
        }
        raw |= part << shift;
        if byte < 0x80 {
            return Ok((raw, index + 1));
        }
        shift += 7;
    }
    Err(CUT)
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
