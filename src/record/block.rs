//! Records as they are handed on: many of one batch together, as views into its bytes.

use std::{borrow::Cow, fmt, iter::FusedIterator};

use super::{
    Limits,
    cursor::Cursor,
    error::{ErrorKind, Malformed},
    memory::Bytes,
};

/// A run of records of one batch. The blocks of a batch share its bytes; what they hold was
/// checked when the batch was decoded, so no accessor fails.
pub struct Block {
    bytes: Bytes,
    views: Vec<View>,
    /// The views count their offsets from here.
    origin: i64,
    leader_epoch: i32,
    charge: usize,
}

/// Where the fields of one record lie in the batch's bytes. There is one for every record that a
/// client holds, so it is kept small: a batch is smaller than 4 GiB, and spans fewer offsets.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) timestamp_ms: i64,
    pub(super) offset_delta: u32,
    pub(super) key_start: u32,
    /// −1 for null, as on the wire.
    pub(super) key_len: i32,
    pub(super) value_start: u32,
    pub(super) value_len: i32,
    /// The headers follow the value, behind this number as a varint.
    pub(super) header_count: u32,
}

const _: () = assert!(size_of::<View>() == 32);

impl Block {
    /// How many records there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a block is never empty")]
    #[inline]
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// The offset of the first record.
    pub fn base_offset(&self) -> i64 {
        self.record(0).offset()
    }

    /// The offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.record(self.len() - 1).offset()
    }

    /// The epoch of the leader that appended the batch, or −1 if unknown.
    pub fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    /// The memory to account for: the views, and a share of the batch's bytes such that all blocks
    /// of a batch together account for all of them.
    pub fn bytes(&self) -> usize {
        self.charge
    }

    /// The record at this place of the block.
    ///
    /// # Panics
    ///
    /// If there are no more than `index` records, as for a slice.
    #[inline]
    pub fn record(&self, index: usize) -> RecordView<'_> {
        RecordView {
            block: self,
            view: &self.views[index],
        }
    }

    /// The record at this place of the block alone, with a copy of its bytes.
    ///
    /// # Panics
    ///
    /// If there are no more than `index` records, as for a slice.
    #[must_use]
    pub fn detach(&self, index: usize) -> Self {
        let record = self.record(index);
        let key = record.key().unwrap_or_default();
        let value = record.value().unwrap_or_default();
        let headers = record.header_bytes();
        let bytes = Bytes::from([key, value, headers].concat());
        let view = View {
            offset_delta: 0,
            key_start: 0,
            value_start: key.len() as u32,
            ..self.views[index]
        };
        Self {
            charge: bytes.len() + size_of::<View>(),
            bytes,
            views: vec![view],
            origin: record.offset(),
            leader_epoch: self.leader_epoch,
        }
    }

    /// All records in order.
    #[inline]
    pub fn records(&self) -> Records<'_> {
        Records {
            block: self,
            views: self.views.iter(),
        }
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("len", &self.len())
            .field("base_offset", &self.base_offset())
            .field("last_offset", &self.last_offset())
            .field("bytes", &self.charge)
            .finish()
    }
}

/// The records of a [`Block`] in order.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    block: &'a Block,
    views: std::slice::Iter<'a, View>,
}

impl<'a> Iterator for Records<'a> {
    type Item = RecordView<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.views.next().map(|view| RecordView {
            block: self.block,
            view,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.views.size_hint()
    }
}

impl ExactSizeIterator for Records<'_> {}
impl FusedIterator for Records<'_> {}

/// One record.
#[derive(Clone, Copy)]
pub struct RecordView<'a> {
    block: &'a Block,
    view: &'a View,
}

impl<'a> RecordView<'a> {
    /// Its place in the partition.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.block.origin + i64::from(self.view.offset_delta)
    }

    /// Milliseconds since 1970, set by the producer or, where the topic says so, by the broker; −1
    /// if there is none. Any value can occur.
    #[inline]
    pub fn timestamp_ms(&self) -> i64 {
        self.view.timestamp_ms
    }

    /// The key; null is not empty.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.bytes(self.view.key_start, self.view.key_len)
    }

    /// The value; null is not empty.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.bytes(self.view.value_start, self.view.value_len)
    }

    /// The headers in order; keys can repeat.
    pub fn headers(&self) -> Headers<'a> {
        let mut fields = Cursor::new(&self.block.bytes, self.view.value_end());
        if self.view.header_count > 0 {
            fields
                .size()
                .expect("the count was read when the batch was decoded");
        }
        Headers {
            fields,
            remaining: self.view.header_count,
        }
    }

    /// The number of headers and the headers, as they follow the value; nothing where there are
    /// none.
    fn header_bytes(&self) -> &'a [u8] {
        if self.view.header_count == 0 {
            return &[];
        }
        let mut headers = self.headers();
        headers.by_ref().for_each(drop);
        &self.block.bytes[self.view.value_end()..headers.fields.position()]
    }

    #[inline]
    fn bytes(&self, start: u32, len: i32) -> Option<&'a [u8]> {
        let len = usize::try_from(len).ok()?;
        let start = start as usize;
        Some(&self.block.bytes[start..start + len])
    }
}

impl fmt::Debug for RecordView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordView")
            .field("offset", &self.offset())
            .field("timestamp_ms", &self.timestamp_ms())
            .field("key", &self.key())
            .field("value", &self.value())
            .field("headers", &self.view.header_count)
            .finish()
    }
}

impl View {
    fn value_end(&self) -> usize {
        self.value_start as usize + self.value_len.max(0) as usize
    }
}

/// A header of a record (KIP-82).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    key: &'a [u8],
    value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// The key as it is on the wire. Kafka means it to be UTF-8 but nobody checks that.
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The key as the Java client reads it: what is not UTF-8 becomes U+FFFD.
    pub fn key_str(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.key)
    }

    /// The value; null is not empty.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value
    }
}

/// The headers of a record in order.
#[derive(Clone)]
pub struct Headers<'a> {
    fields: Cursor<'a>,
    remaining: u32,
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.remaining = self.remaining.checked_sub(1)?;
        Some(Header::read(&mut self.fields).expect("it was read when the batch was decoded"))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining as usize, Some(self.remaining as usize))
    }
}

impl ExactSizeIterator for Headers<'_> {}
impl FusedIterator for Headers<'_> {}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// What the blocks of a batch have in common.
pub(super) struct BlockSource<'a> {
    pub(super) bytes: &'a Bytes,
    /// Where the records start within the bytes.
    pub(super) start: usize,
    /// How many there are.
    pub(super) count: usize,
    /// What their offset deltas count from.
    pub(super) origin: i64,
    pub(super) leader_epoch: i32,
}

impl BlockSource<'_> {
    /// Reads all records and cuts those from `from_offset` on into blocks.
    ///
    /// `read` is called once for every record, and then the bytes must be used up.
    #[inline(always)]
    pub(super) fn read_blocks(
        &self,
        from_offset: i64,
        limits: &Limits,
        mut read: impl FnMut(&mut Cursor<'_>) -> Result<View, ErrorKind>,
    ) -> Result<Vec<Block>, ErrorKind> {
        let mut fields = Cursor::new(self.bytes, self.start);
        let mut blocks: Vec<Block> = Vec::new();
        let mut remaining = self.count;
        let mut charged_bytes = 0;
        let mut free = limits.decoded_bytes.saturating_sub(self.bytes.len());
        // Offsets below the origin need no place in a `u32`: no record has one.
        let from_delta = from_offset.saturating_sub(self.origin).max(0);
        while remaining > 0 {
            let most = remaining.min(limits.block_records.max(1));
            free =
                free.checked_sub(most * size_of::<View>())
                    .ok_or(ErrorKind::DecodedTooLarge {
                        limit: limits.decoded_bytes,
                    })?;
            let mut views = Vec::with_capacity(most);
            while remaining > 0 && views.len() < most {
                remaining -= 1;
                let view = read(&mut fields)?;
                if i64::from(view.offset_delta) >= from_delta {
                    views.push(view);
                }
            }
            if !views.is_empty() {
                let end = if remaining > 0 {
                    fields.position()
                } else {
                    self.bytes.len()
                };
                let charge = end - charged_bytes + views.capacity() * size_of::<View>();
                charged_bytes = end;
                blocks.push(self.block(views, charge));
            }
        }
        if fields.remaining() > 0 {
            return Err(ErrorKind::CountLies {
                claimed: self.count as u32,
            });
        }
        Ok(blocks)
    }

    fn block(&self, views: Vec<View>, charge: usize) -> Block {
        Block {
            bytes: self.bytes.clone(),
            views,
            origin: self.origin,
            leader_epoch: self.leader_epoch,
            charge,
        }
    }
}

impl<'a> Header<'a> {
    /// Reads a header of a record of magic 2.
    pub(super) fn read(fields: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let key_len = fields.size()?;
        let key = fields.take(key_len as usize)?;
        let value = match fields.nullable_size()? {
            ..0 => None,
            len => Some(fields.take(len as usize)?),
        };
        Ok(Self { key, value })
    }
}
