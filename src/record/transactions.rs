//! Which batches of a fetch the isolation level READ_COMMITTED hides.

use std::collections::{BTreeSet, VecDeque};

use super::{Batch, ControlMarker, MarkerType};

/// The aborted transactions of one fetch answer for one partition, followed from batch to batch.
///
/// The answer lists them by producer and first offset; each ends at the producer's next abort
/// marker. So every batch has to be shown in order, and every control marker told.
#[derive(Debug, Clone, Default)]
pub struct AbortedTransactions {
    /// Those that begin behind the batches seen so far, by first offset: `(first_offset, producer_id)`.
    ahead: VecDeque<(i64, i64)>,
    /// The producers inside an aborted transaction.
    aborting: BTreeSet<i64>,
}

impl AbortedTransactions {
    /// For the aborted transactions of an answer, as `(producer_id, first_offset)` in any order.
    pub fn new(aborted: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut ahead: Vec<_> = aborted.into_iter().map(|(id, first)| (first, id)).collect();
        ahead.sort_unstable();
        Self {
            ahead: ahead.into(),
            aborting: BTreeSet::new(),
        }
    }

    /// Whether the batch holds void records. To be asked once of every batch of the answer, in
    /// order, control batches too (which are not hidden: they are to be decoded and told).
    pub fn hides(&mut self, batch: &Batch) -> bool {
        if batch.producer_id() < 0 {
            return false;
        }
        while let Some(&(first_offset, producer_id)) = self.ahead.front()
            && first_offset <= batch.last_offset()
        {
            self.ahead.pop_front();
            self.aborting.insert(producer_id);
        }
        batch.is_transactional()
            && !batch.is_control()
            && self.aborting.contains(&batch.producer_id())
    }

    /// Follows a transaction's end: what its producer writes after an abort counts again.
    pub fn end(&mut self, marker: ControlMarker) {
        if marker.marker_type == MarkerType::Abort {
            self.aborting.remove(&marker.producer_id);
        }
    }
}
