//! How many bytes may be buffered.

/// The bytes that all partitions of a client may hold together: what was asked for, what waits,
/// and what stands in the user's channels.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    reserved: usize,
    encoded: usize,
    decoded: usize,
}

impl Budget {
    /// A budget of so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            reserved: 0,
            encoded: 0,
            decoded: 0,
        }
    }

    /// What is neither reserved nor held.
    pub(super) fn free(&self) -> usize {
        self.limit.saturating_sub(self.reserved + self.held())
    }

    /// The limit.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether nothing at all is held, nor will be.
    pub(super) fn is_unused(&self) -> bool {
        self.reserved + self.held() == 0
    }

    /// Whether more may be decoded, if so many bytes of what is stand still. Nobody knows how large it becomes: so what
    /// waits is left as it is while half of all is decoded.
    pub(super) fn may_decode(&self, standing: usize) -> bool {
        self.decoded < self.limit / 2 + standing
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

    /// Batches are held. One that is larger than the budget passes, so this may exceed it.
    pub(super) fn charge(&mut self, encoded: usize) {
        self.encoded += encoded;
    }

    /// Blocks have taken the place of batches.
    pub(super) fn decode(&mut self, encoded: usize, decoded: usize) {
        self.drop_encoded(encoded);
        self.decoded += decoded;
    }

    /// Batches are held no longer.
    pub(super) fn drop_encoded(&mut self, bytes: usize) {
        assert!(bytes <= self.encoded, "only what was charged is released");
        self.encoded -= bytes;
    }

    /// Blocks are held no longer.
    pub(super) fn drop_decoded(&mut self, bytes: usize) {
        assert!(bytes <= self.decoded, "only what was decoded is released");
        self.decoded -= bytes;
    }

    /// What is held.
    pub(super) fn held(&self) -> usize {
        self.encoded + self.decoded
    }
}
