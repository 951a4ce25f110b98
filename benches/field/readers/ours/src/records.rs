//! Record batches, read with as little as it takes: for trusted bytes only.

use std::io::{Cursor, Read};

use field_contract::Result;

const LAST_OFFSET_DELTA_AT: usize = 23;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const RECORD_COUNT_AT: usize = 57;
const HEADER_SIZE: usize = 61;
/// The offset and the length, which the length does not count.
const LOG_OVERHEAD: usize = 12;

/// A batch of magic 2.
pub(crate) struct Batch<'a>(&'a [u8]);

/// Decompresses into memory that is kept.
#[derive(Default)]
pub(crate) struct Unpacker {
    bytes: Vec<u8>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl<'a> Batch<'a> {
    /// Takes the first batch off, unless it is cut off or there is none.
    pub(crate) fn take_first(records: &mut &'a [u8]) -> Option<Self> {
        let length = i32_at(records.get(..HEADER_SIZE)?, 8) as usize;
        let (batch, rest) = records.split_at_checked(LOG_OVERHEAD + length)?;
        *records = rest;
        Some(Self(batch))
    }

    pub(crate) fn next_offset(&self) -> i64 {
        let base = self.0.first_chunk().copied().map_or(0, i64::from_be_bytes);
        base + i64::from(i32_at(self.0, LAST_OFFSET_DELTA_AT)) + 1
    }

    pub(crate) fn record_count(&self) -> u64 {
        i32_at(self.0, RECORD_COUNT_AT) as u64
    }

    pub(crate) fn size(&self) -> u64 {
        self.0.len() as u64
    }

    /// Shows the value of each record.
    pub(crate) fn read(
        &self,
        unpacker: &mut Unpacker,
        mut show: impl FnMut(Option<&[u8]>),
    ) -> Result<()> {
        if crc32c::crc32c(&self.0[ATTRIBUTES_AT..]) != i32_at(self.0, CRC_AT) as u32 {
            return Err("a wrong checksum".into());
        }
        let mut records = match self.0[ATTRIBUTES_AT + 1] & 7 {
            0 => &self.0[HEADER_SIZE..],
            codec => unpacker.unpack(codec, &self.0[HEADER_SIZE..])?,
        };
        for _ in 0..self.record_count() {
            let size = varint(&mut records).ok_or("a record is cut off")?;
            let (record, rest) = records.split_at_checked(size as usize).ok_or("cut off")?;
            records = rest;
            show(value(record).ok_or("a field is cut off")?);
        }
        Ok(())
    }
}

impl Unpacker {
    fn unpack(&mut self, codec: u8, packed: &[u8]) -> Result<&[u8]> {
        const LZ4: u8 = 3;
        const ZSTD: u8 = 4;
        const LARGEST: usize = 16 << 20;

        self.bytes.clear();
        match codec {
            LZ4 => {
                let mut frame = lz4_flex::frame::FrameDecoder::new(packed);
                frame.read_to_end(&mut self.bytes)?;
            }
            ZSTD => {
                self.bytes.reserve(LARGEST);
                if self.zstd.is_none() {
                    self.zstd = Some(zstd::bulk::Decompressor::new()?);
                }
                let zstd = self.zstd.as_mut().expect("just made");
                zstd.decompress_to_buffer(packed, &mut Cursor::new(&mut self.bytes))?;
            }
            other => return Err(format!("codec {other}").into()),
        }
        Ok(&self.bytes)
    }
}

/// The value of a record behind its length. Timestamp, offset and key are walked over.
#[inline]
fn value(mut record: &[u8]) -> Option<Option<&[u8]>> {
    record = record.get(1..)?;
    varint(&mut record)?;
    varint(&mut record)?;
    let key = varint(&mut record)?.max(0);
    record = record.get(key as usize..)?;
    let length = varint(&mut record)?;
    match usize::try_from(length) {
        Ok(length) => Some(Some(record.get(..length)?)),
        Err(_) => Some(None),
    }
}

#[inline]
fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut raw = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        raw |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((raw >> 1) as i64 ^ -((raw & 1) as i64));
        }
    }
    None
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    let field = bytes[at..].first_chunk().copied();
    i32::from_be_bytes(field.expect("a batch has a whole header"))
}
