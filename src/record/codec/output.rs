//! Where a codec writes: a buffer that is kept from batch to batch and never outgrows a batch's limit.

use super::Failure;

/// A kept buffer no larger than this: most batches fit, and what one giant batch took is given back.
const RETAINED: usize = 4 << 20;

/// The output of one decompression.
///
/// It takes one byte more than the limit allows: that byte shows that there is more,
/// where an exactly full buffer would leave a codec in doubt.
#[derive(Default)]
pub(super) struct Output {
    /// Zeroed or written before, all of it: safe code has no uninitialised slices, so what was once paid for is kept.
    bytes: Vec<u8>,
    filled: usize,
    capacity: usize,
}

#[allow(
    dead_code,
    reason = "each codec uses its own part of it, and any of them can be off"
)]
impl Output {
    /// Begins a new output of at most `limit` bytes.
    pub(super) fn start(&mut self, limit: usize) {
        self.filled = 0;
        self.capacity = limit.saturating_add(1);
    }

    /// How many bytes may still be written, the one too many included.
    pub(super) fn remaining(&self) -> usize {
        self.capacity - self.filled
    }

    /// How many bytes have been written.
    pub(super) fn written(&self) -> usize {
        self.filled
    }

    /// The space to write into: `wanted` bytes or more if the limit leaves them, else what it leaves.
    pub(super) fn space(&mut self, wanted: usize) -> &mut [u8] {
        let needed = self.filled.saturating_add(wanted).min(self.capacity);
        if self.bytes.len() < needed {
            let doubled = self
                .bytes
                .len()
                .saturating_mul(2)
                .clamp(needed, self.capacity.max(needed));
            self.bytes.reserve_exact(doubled - self.bytes.len());
            self.bytes.resize(doubled, 0);
        }
        let end = self.bytes.len().min(self.capacity);
        &mut self.bytes[self.filled..end]
    }

    /// What was written before and the space for `wanted` bytes more, at most what the limit leaves.
    pub(super) fn split(&mut self, wanted: usize) -> (&[u8], &mut [u8]) {
        let wanted = self.space(wanted).len().min(wanted);
        let (written, space) = self.bytes.split_at_mut(self.filled);
        (written, &mut space[..wanted])
    }

    /// Says that `written` bytes of the space have been filled.
    pub(super) fn advance(&mut self, written: usize) {
        self.filled += written;
        debug_assert!(self.filled <= self.capacity);
    }

    /// All that was written, if it is no more than the limit.
    pub(super) fn filled(&self) -> Result<&[u8], Failure> {
        if self.filled == self.capacity {
            Err(Failure::TooLarge)
        } else {
            Ok(&self.bytes[..self.filled])
        }
    }

    /// Gives the memory of a large output back.
    pub(super) fn release(&mut self) {
        if self.bytes.len() > RETAINED {
            self.bytes = Vec::new();
        }
    }
}
