//! Which batches of a fetch the isolation level READ_COMMITTED hides.

use std::collections::{BTreeSet, VecDeque};

use super::{Batch, ControlMarker, MarkerType};

/// The aborted transactions of one fetch answer for one partition, followed from batch to batch.
///
/// The answer lists them by producer and first offset; each ends at the producer's next abort
/// marker. So every data batch has to be shown and every control marker told, in order.
#[derive(Debug, Clone, Default)]
pub struct AbortedTransactions {
    /// Those that begin behind what was seen so far, by first offset: `(first_offset, producer_id)`.
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

    /// Whether the records of a batch are void.
    pub fn hides(&mut self, batch: &Batch) -> bool {
        self.reach(batch.last_offset());
        batch.is_transactional()
            && !batch.is_control()
            && self.aborting.contains(&batch.producer_id())
    }

    /// Follows a transaction's end: what its producer writes after an abort counts again.
    pub fn end(&mut self, marker: ControlMarker) {
        // The answer can start with the marker: its transaction has begun all the same.
        self.reach(marker.offset);
        if marker.marker_type == MarkerType::Abort {
            self.aborting.remove(&marker.producer_id);
        }
    }

    fn reach(&mut self, offset: i64) {
        while let Some(&(first_offset, producer_id)) = self.ahead.front()
            && first_offset <= offset
        {
            self.ahead.pop_front();
            self.aborting.insert(producer_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{
        Limits,
        build::{BatchBuilder, NewRecord},
        split,
    };

    fn batch(offset: i64, producer_id: i64, transactional: bool) -> Batch {
        let mut batch = BatchBuilder::new(offset).producer(producer_id, 0, 0);
        if transactional {
            batch = batch.transactional();
        }
        let record = NewRecord::default();
        batch.push(&record).push(&record);
        split(&batch.build(), &Limits::default()).batches.remove(0)
    }

    fn marker(offset: i64, producer_id: i64, marker_type: MarkerType) -> ControlMarker {
        ControlMarker {
            offset,
            producer_id,
            marker_type,
        }
    }

    #[test]
    fn an_aborted_transaction_is_hidden_up_to_its_marker() {
        let mut aborted = AbortedTransactions::new([(7, 12)]);
        assert!(
            !aborted.hides(&batch(10, 7, true)),
            "an earlier transaction of the producer"
        );
        aborted.end(marker(11, 7, MarkerType::Commit));
        assert!(aborted.hides(&batch(12, 7, true)));
        assert!(!aborted.hides(&batch(14, 8, true)), "another producer");
        assert!(
            !aborted.hides(&batch(16, 7, false)),
            "outside a transaction"
        );
        assert!(!aborted.hides(&batch(18, -1, false)), "without a producer");
        assert!(aborted.hides(&batch(20, 7, true)));
        aborted.end(marker(22, 7, MarkerType::Abort));
        assert!(!aborted.hides(&batch(23, 7, true)), "the next transaction");
    }

    #[test]
    fn a_producer_can_abort_again_and_again() {
        let mut aborted = AbortedTransactions::new([(7, 30), (7, 10), (9, 20)]);
        assert!(aborted.hides(&batch(10, 7, true)));
        aborted.end(marker(12, 7, MarkerType::Abort));
        assert!(!aborted.hides(&batch(13, 7, true)));
        aborted.end(marker(15, 7, MarkerType::Commit));
        assert!(aborted.hides(&batch(20, 9, true)));
        assert!(aborted.hides(&batch(30, 7, true)));
        aborted.end(marker(32, 9, MarkerType::Abort));
        assert!(aborted.hides(&batch(33, 7, true)));
        assert!(!aborted.hides(&batch(35, 9, true)));
    }

    #[test]
    fn a_transaction_that_began_before_the_answer_ends_within_it() {
        let mut aborted = AbortedTransactions::new([(7, 5)]);
        aborted.end(marker(100, 7, MarkerType::Abort));
        assert!(
            !aborted.hides(&batch(101, 7, true)),
            "the marker was the first thing of the answer"
        );

        let mut aborted = AbortedTransactions::new([(7, 5)]);
        assert!(aborted.hides(&batch(98, 7, true)));
        aborted.end(marker(100, 8, MarkerType::Abort));
        aborted.end(marker(101, 7, MarkerType::Other(2)));
        assert!(aborted.hides(&batch(102, 7, true)), "neither was its end");
    }
}
