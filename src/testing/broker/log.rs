//! The log of one partition: batches in the order of their offsets.

use std::collections::BTreeMap;

use crate::record::{
    Batch, Decoded, Decompressor, Error, Limits, MarkerType, RecordView, TimestampType,
    build::{MessageSetBuilder, NewRecord, assign_offsets, retain},
    decode, split,
};

/// The bytes of an entry that its length field does not count: the offset and the length itself.
const LOG_OVERHEAD: usize = 12;

/// A partition's records, all of them replicated: the high watermark is the log's end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    batches: Vec<Batch>,
    start: i64,
    end: i64,
    /// Leader epochs and the offset at which each began.
    epochs: Vec<(i32, i64)>,
    /// Transactions without an end: producer and first offset.
    open: BTreeMap<i64, i64>,
    aborted: Vec<Aborted>,
}

/// A transaction that was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub(crate) producer_id: i64,
    pub(crate) first_offset: i64,
    /// Where the marker is.
    pub(crate) last_offset: i64,
}

impl Log {
    /// The first offset that can be read.
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// The offset of the next record.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// The last stable offset: where the first open transaction begins, or the end. Never below the start,
    /// as in Kafka, also where records of an open transaction were deleted.
    pub(crate) fn last_stable_offset(&self) -> i64 {
        let first_open = self.open.values().copied().min();
        first_open.map_or(self.end, |offset| offset.max(self.start))
    }

    /// Appends what a producer sent, whole or not at all, and tells its first offset.
    pub(crate) fn append(&mut self, records: &[u8], leader_epoch: i32) -> Result<i64, Error> {
        let base_offset = self.end;
        let placed = assign_offsets(records, base_offset, leader_epoch)?;
        let mut batches = Vec::new();
        for entry in entries(&placed) {
            let walked = split(entry, &Limits::default());
            batches.extend(walked.batches);
        }
        let mut ends = Vec::new();
        for batch in &batches {
            // Also for its own sake: whoever sends garbage must hear of it.
            let decoded = decode(batch, 0, &Limits::default(), &mut Decompressor::new())?;
            ends.push(match decoded {
                Decoded::Control(Some(marker)) => Some(marker.marker_type),
                Decoded::Control(None) | Decoded::Records(_) => None,
            });
        }
        for (batch, end) in batches.into_iter().zip(ends) {
            self.push(batch, leader_epoch, end);
        }
        Ok(base_offset)
    }

    fn push(&mut self, batch: Batch, leader_epoch: i32, ends: Option<MarkerType>) {
        if self
            .epochs
            .last()
            .is_none_or(|(epoch, _)| *epoch < leader_epoch)
        {
            self.epochs.push((leader_epoch, batch.base_offset()));
        }
        self.end = batch.next_offset();
        let producer_id = batch.producer_id();
        match ends {
            None if batch.is_transactional() => {
                self.open.entry(producer_id).or_insert(batch.base_offset());
            }
            Some(MarkerType::Commit) => {
                self.open.remove(&producer_id);
            }
            Some(MarkerType::Abort) => {
                if let Some(first_offset) = self.open.remove(&producer_id) {
                    let last_offset = batch.last_offset();
                    self.aborted.push(Aborted {
                        producer_id,
                        first_offset,
                        last_offset,
                    });
                }
            }
            None | Some(MarkerType::Other(_)) => {}
        }
        self.batches.push(batch);
    }

    /// The bytes from the batch that holds `offset` on, up to (not including) the batch that holds `until`,
    /// cut at `max_bytes` wherever that falls. With `whole_first` the first batch is whole even if it
    /// is larger.
    pub(crate) fn read(
        &self,
        offset: i64,
        until: i64,
        max_bytes: usize,
        whole_first: bool,
    ) -> Vec<u8> {
        let first = self
            .batches
            .partition_point(|batch| batch.last_offset() < offset);
        let readable = self.batches[first..]
            .iter()
            .take_while(|batch| batch.last_offset() < until);
        let mut limit = max_bytes;
        let mut bytes = Vec::new();
        for batch in readable {
            if bytes.is_empty() && whole_first {
                limit = limit.max(batch.encoded_len());
            }
            if bytes.len() >= limit {
                break;
            }
            bytes.extend_from_slice(batch.bytes());
        }
        bytes.truncate(limit);
        bytes
    }

    /// The aborted transactions that touch these offsets.
    pub(crate) fn aborted_between(
        &self,
        offset: i64,
        until: i64,
    ) -> impl Iterator<Item = &Aborted> {
        self.aborted
            .iter()
            .filter(move |a| a.last_offset >= offset && a.first_offset < until)
    }

    /// The offset and timestamp of the first record whose timestamp is this or later.
    pub(crate) fn find_timestamp(&self, timestamp_ms: i64) -> Option<(i64, i64)> {
        let candidates = self
            .batches
            .iter()
            .filter(|batch| batch.max_timestamp() >= timestamp_ms);
        candidates
            .flat_map(records)
            .find(|(offset, at)| *at >= timestamp_ms && *offset >= self.start)
    }

    /// The offset and timestamp of the first record with the highest timestamp.
    pub(crate) fn find_max_timestamp(&self) -> Option<(i64, i64)> {
        let highest = self.batches.iter().map(Batch::max_timestamp).max()?;
        self.find_timestamp(highest)
    }

    /// The epoch of the leader that appended the record at this offset.
    pub(crate) fn epoch_at(&self, offset: i64) -> Option<i32> {
        let begun = self.epochs.iter().rev().find(|(_, start)| *start <= offset);
        begun.map(|(epoch, _)| *epoch)
    }

    /// The largest epoch up to this one, and where it ended.
    pub(crate) fn end_of_epoch(&self, epoch: i32) -> Option<(i32, i64)> {
        let index = self.epochs.iter().rposition(|(known, _)| *known <= epoch)?;
        let end = self
            .epochs
            .get(index + 1)
            .map_or(self.end, |(_, start)| *start);
        Some((self.epochs[index].0, end))
    }

    /// Deletes the records below the offset; as retention does it, batches that reach beyond stay.
    pub(crate) fn delete_before(&mut self, offset: i64) {
        self.start = offset.clamp(self.start, self.end);
        self.batches
            .retain(|batch| batch.last_offset() >= self.start);
        self.aborted
            .retain(|aborted| aborted.last_offset >= self.start);
    }

    /// Loses the records from the offset on, as in an unclean leader election. A batch that holds the
    /// offset is lost as a whole.
    pub(crate) fn truncate(&mut self, offset: i64) {
        self.batches.retain(|batch| batch.last_offset() < offset);
        let last = self.batches.last().map(Batch::next_offset);
        self.end = last.unwrap_or(self.start).max(self.start);
        self.epochs.retain(|(_, start)| *start < self.end);
        self.open.retain(|_, first_offset| *first_offset < self.end);
        self.aborted
            .retain(|aborted| aborted.last_offset < self.end);
    }

    /// Removes records as the log cleaner does: offsets are left out, batches keep their first and
    /// last one. Batches without a record are removed unless `keep_empty`.
    pub(crate) fn retain(
        &mut self,
        keep_empty: bool,
        mut keep: impl FnMut(&RecordView<'_>) -> bool,
    ) {
        let batches = std::mem::take(&mut self.batches);
        for batch in batches {
            let kept =
                retain(&batch, &mut keep).expect("batches were decoded when they were appended");
            let walked = split(&kept, &Limits::default());
            let is_kept = |batch: &Batch| keep_empty || batch.record_count() != Some(0);
            self.batches
                .extend(walked.batches.into_iter().filter(is_kept));
        }
    }
}

/// The batches, or the single messages of the old formats, of which `bytes` are made up.
fn entries(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = bytes.get(8..LOG_OVERHEAD)?.try_into().ok()?;
        let size = usize::try_from(i32::from_be_bytes(length)).ok()? + LOG_OVERHEAD;
        let (entry, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        Some(entry)
    })
}

/// Offsets and timestamps of a batch's records.
fn records(batch: &Batch) -> Vec<(i64, i64)> {
    match decode(batch, 0, &Limits::default(), &mut Decompressor::new()) {
        Ok(Decoded::Records(blocks)) => {
            let records = blocks.iter().flat_map(|block| block.records());
            records
                .map(|record| (record.offset(), record.timestamp_ms()))
                .collect()
        }
        Ok(Decoded::Control(_)) => Vec::new(),
        Err(error) => panic!("batches were decoded when they were appended: {error}"),
    }
}

/// Converts what was read into an older format, for old versions of Fetch: uncompressed, without
/// headers and control batches. A batch that was cut off stays as it is if it is all there is, and is
/// left out behind others.
pub(crate) fn down_convert(bytes: Vec<u8>, magic: u8) -> Vec<u8> {
    let walked = split(&bytes, &Limits::default());
    if walked.batches.is_empty() || walked.batches.iter().all(|batch| batch.magic() <= magic) {
        return bytes;
    }
    let mut converted = Vec::new();
    for batch in &walked.batches {
        let decoded = decode(batch, 0, &Limits::default(), &mut Decompressor::new());
        let Ok(Decoded::Records(blocks)) = decoded else {
            continue;
        };
        for record in blocks.iter().flat_map(|block| block.records()) {
            let mut message = MessageSetBuilder::new(magic, record.offset());
            if batch.timestamp_type() == TimestampType::LogAppendTime {
                message = message.append_time(batch.max_timestamp());
            }
            message.push(&NewRecord {
                timestamp_ms: record.timestamp_ms(),
                key: record.key(),
                value: record.value(),
                headers: &[],
            });
            converted.extend(message.build());
        }
    }
    converted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{
        Codec,
        build::{BatchBuilder, control_batch},
    };

    const ALL: usize = usize::MAX;

    /// A batch as a producer sends it, with a record for each value.
    fn batch(values: &[&str]) -> Vec<u8> {
        let mut batch = BatchBuilder::new(0);
        for value in values {
            batch.push(&record(value, 1_000));
        }
        batch.build()
    }

    fn record(value: &str, timestamp_ms: i64) -> NewRecord<'_> {
        NewRecord {
            timestamp_ms,
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        }
    }

    fn log(batches: &[&[&str]]) -> Log {
        let mut log = Log::default();
        for values in batches {
            log.append(&batch(values), 0).unwrap();
        }
        log
    }

    /// Offsets of the first and last record of each batch, and whether the rest was cut off.
    fn shape(bytes: &[u8]) -> (Vec<(i64, i64)>, usize) {
        let walked = split(bytes, &Limits::default());
        let whole = walked.batches.iter().map(Batch::encoded_len).sum::<usize>();
        let bounds = walked
            .batches
            .iter()
            .map(|batch| (batch.base_offset(), batch.last_offset()));
        (bounds.collect(), bytes.len() - whole)
    }

    #[test]
    fn appended_batches_get_the_next_offsets() {
        let mut log = log(&[&["a", "b"], &["c"]]);
        assert_eq!(log.append(&batch(&["d", "e", "f"]), 0), Ok(3));
        assert_eq!(log.end(), 6);
        assert_eq!(
            shape(&log.read(0, 6, ALL, true)).0,
            [(0, 1), (2, 2), (3, 5)]
        );
    }

    #[test]
    fn a_damaged_batch_is_refused() {
        let mut log = Log::default();
        let mut bytes = batch(&["a"]);
        *bytes.last_mut().unwrap() ^= 1;
        assert!(log.append(&bytes, 0).is_err());
        assert_eq!(log.end(), 0);
    }

    #[test]
    fn reading_starts_with_the_batch_that_holds_the_offset_and_ends_at_the_limit() {
        let log = log(&[&["a", "b"], &["c", "d"], &["e"]]);
        assert_eq!(shape(&log.read(3, 5, ALL, true)).0, [(2, 3), (4, 4)]);
        assert_eq!(shape(&log.read(0, 2, ALL, true)).0, [(0, 1)]);
        assert_eq!(log.read(5, 5, ALL, true), b"");
    }

    #[test]
    fn the_last_batch_is_cut_off_and_the_first_only_on_demand() {
        let log = log(&[&["a", "b"], &["c"]]);
        let size = batch(&["a", "b"]).len();
        assert_eq!(shape(&log.read(0, 3, size + 10, false)), (vec![(0, 1)], 10));
        assert_eq!(shape(&log.read(0, 3, 20, false)), (vec![], 20));
        assert_eq!(shape(&log.read(0, 3, 20, true)), (vec![(0, 1)], 0));
        assert_eq!(log.read(0, 3, 0, false), b"");
    }

    #[test]
    fn messages_of_the_old_formats_are_read_one_by_one() {
        for magic in [0, 1] {
            let mut set = MessageSetBuilder::new(magic, 0);
            set.push(&record("a", 7))
                .push(&record("b", 8))
                .push(&record("c", 9));
            let mut log = Log::default();
            log.append(&set.build(), 0).unwrap();
            log.append(&set.build(), 0).unwrap();
            let read = log.read(4, 6, ALL, true);
            let walked = split(&read, &Limits::default());
            assert_eq!(walked.batches[0].base_offset(), 4);
            assert_eq!(walked.batches.last().unwrap().last_offset(), 5);
        }
    }

    #[test]
    fn timestamps_find_the_first_record_that_is_not_older() {
        let mut log = Log::default();
        for times in [[10, 30], [20, 50]] {
            let mut batch = BatchBuilder::new(0);
            batch
                .push(&record("a", times[0]))
                .push(&record("b", times[1]));
            log.append(&batch.build(), 0).unwrap();
        }
        assert_eq!(log.find_timestamp(0), Some((0, 10)));
        assert_eq!(log.find_timestamp(15), Some((1, 30)));
        assert_eq!(log.find_timestamp(31), Some((3, 50)));
        assert_eq!(log.find_timestamp(51), None);
        assert_eq!(log.find_max_timestamp(), Some((3, 50)));
        log.delete_before(1);
        assert_eq!(log.find_timestamp(0), Some((1, 30)));
    }

    #[test]
    fn deleting_moves_the_start_and_keeps_a_batch_that_reaches_beyond() {
        let mut log = log(&[&["a", "b"], &["c", "d"], &["e"]]);
        log.delete_before(3);
        assert_eq!((log.start(), log.end()), (3, 5));
        assert_eq!(shape(&log.read(3, 5, ALL, true)).0, [(2, 3), (4, 4)]);
        log.delete_before(99);
        assert_eq!((log.start(), log.end()), (5, 5));
        log.append(&batch(&["f"]), 0).unwrap();
        assert_eq!(shape(&log.read(5, 6, ALL, true)).0, [(5, 5)]);
    }

    #[test]
    fn compaction_leaves_gaps_but_keeps_the_bounds_of_batches() {
        let mut log = log(&[&["a", "b", "c"], &["d"], &["e", "f"]]);
        log.retain(false, |record| matches!(record.offset(), 0 | 4));
        assert_eq!(shape(&log.read(0, 6, ALL, true)).0, [(0, 2), (4, 5)]);
        assert_eq!(log.batches[0].record_count(), Some(1));
        log.retain(true, |record| record.offset() == 0);
        assert_eq!(log.batches[1].record_count(), Some(0));
        assert_eq!(log.end(), 6);
    }

    #[test]
    fn transactions_hold_back_the_stable_offset_until_they_end() {
        let mut log = log(&[&["plain"]]);
        for producer in [7, 8] {
            let mut batch = BatchBuilder::new(0)
                .producer(producer, 0, 0)
                .transactional();
            batch.push(&record("x", 0));
            log.append(&batch.build(), 0).unwrap();
        }
        assert_eq!(log.last_stable_offset(), 1);
        log.append(&control_batch(0, 7, 0, MarkerType::Abort, 0), 0)
            .unwrap();
        assert_eq!(log.last_stable_offset(), 2);
        log.delete_before(3);
        assert_eq!(log.last_stable_offset(), 3, "never below the start");
        log.append(&control_batch(0, 8, 0, MarkerType::Commit, 0), 0)
            .unwrap();
        assert_eq!((log.last_stable_offset(), log.end()), (5, 5));
        let aborted = Aborted {
            producer_id: 7,
            first_offset: 1,
            last_offset: 3,
        };
        assert_eq!(log.aborted_between(0, 5).collect::<Vec<_>>(), [&aborted]);
        assert_eq!(log.aborted_between(4, 5).count(), 0);
        assert_eq!(log.aborted_between(0, 1).count(), 0);
    }

    #[test]
    fn epochs_end_where_the_next_one_begins() {
        let mut log = log(&[&["a", "b"]]);
        log.append(&batch(&["c"]), 2).unwrap();
        assert_eq!(log.epoch_at(1), Some(0));
        assert_eq!(log.epoch_at(2), Some(2));
        assert_eq!(log.end_of_epoch(0), Some((0, 2)));
        assert_eq!(log.end_of_epoch(1), Some((0, 2)));
        assert_eq!(log.end_of_epoch(2), Some((2, 3)));
        log.truncate(2);
        assert_eq!((log.end(), log.end_of_epoch(9)), (2, Some((0, 2))));
    }

    #[test]
    fn old_versions_of_fetch_get_the_formats_they_know() {
        let mut builder = BatchBuilder::new(0).codec(Codec::Gzip);
        builder.push(&record("a", 5)).push(&record("b", 6));
        let mut log = Log::default();
        log.append(&builder.build(), 0).unwrap();
        let stored = log.read(0, 2, ALL, true);
        assert_eq!(down_convert(stored.clone(), 2), stored);
        for magic in [0, 1] {
            let converted = down_convert(stored.clone(), magic);
            let walked = split(&converted, &Limits::default());
            assert_eq!(walked.batches[0].magic(), magic);
            assert_eq!(walked.batches.last().unwrap().last_offset(), 1);
        }
    }
}
