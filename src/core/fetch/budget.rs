//! How many bytes may be buffered.

/// The bytes that all partitions of a client may hold together: what was asked for, what waits,
/// and what stands in the user's channels.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    reserved: usize,
    charged: usize,
}

impl Budget {
    /// A budget of so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            reserved: 0,
            charged: 0,
        }
    }

    /// What is neither reserved nor charged.
    pub(super) fn free(&self) -> usize {
        self.limit.saturating_sub(self.reserved + self.charged)
    }

    /// The limit.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether nothing at all is held.
    pub(super) fn is_unused(&self) -> bool {
        self.reserved + self.charged == 0
    }

    /// A request goes out whose answer may have so many bytes.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.reserved += bytes;
    }

    /// The answer has come, or will not.
    pub(super) fn unreserve(&mut self, bytes: usize) {
        assert!(
            bytes <= self.reserved,
            "only what was reserved is given back"
        );
        self.reserved -= bytes;
    }

    /// Bytes are held. One batch that is larger than the budget passes, so this may exceed it.
    pub(super) fn charge(&mut self, bytes: usize) {
        self.charged += bytes;
    }

    /// Bytes are held no longer.
    pub(super) fn release(&mut self, bytes: usize) {
        assert!(bytes <= self.charged, "only what was charged is released");
        self.charged -= bytes;
    }

    /// What is held.
    pub(super) fn charged(&self) -> usize {
        self.charged
    }
}
