//! What was written is read.

use super::*;
use crate::record::{
    ControlMarker, MarkerType, TimestampType,
    build::{assign_offsets, control_batch, retain, stamp_append_time},
};

/// A batch of any shape and what it holds.
fn random_batch(rng: &mut fastrand::Rng, codec: Codec) -> (Vec<u8>, Vec<Owned>) {
    let base_offset = rng.i64(0..1 << 40);
    let mut batch = BatchBuilder::new(base_offset)
        .codec(codec)
        .leader_epoch(rng.i32(-1..100));
    if rng.bool() {
        batch = batch.snappy_framing(SnappyFraming::Raw);
    }
    let mut offset = base_offset;
    let mut written = Vec::new();
    for _ in 0..rng.usize(1..200) {
        if rng.u8(..10) == 0 {
            let gap = rng.u32(..300);
            batch.skip_offsets(gap);
            offset += i64::from(gap);
        }
        let record = Owned::random(rng, offset, true);
        record.with_new(|new| {
            batch.push(new);
        });
        written.push(record);
        offset += 1;
    }
    (batch.build(), written)
}

fn random_message_set(rng: &mut fastrand::Rng, magic: u8, codec: Codec) -> (Vec<u8>, Vec<Owned>) {
    let base_offset = rng.i64(0..1 << 40);
    let mut set = MessageSetBuilder::new(magic, base_offset).codec(codec);
    if rng.bool() {
        set = set.snappy_framing(SnappyFraming::Raw);
    }
    let mut offset = base_offset;
    let mut written = Vec::new();
    for _ in 0..rng.usize(1..100) {
        if rng.u8(..10) == 0 {
            let gap = rng.u32(..300);
            set.skip_offsets(gap);
            offset += i64::from(gap);
        }
        let mut record = Owned::random(rng, offset, false);
        record.with_new(|new| {
            set.push(new);
        });
        if magic == 0 {
            record.timestamp_ms = -1;
        }
        written.push(record);
        offset += 1;
    }
    (set.build(), written)
}

#[test]
fn any_batch_of_magic_2_is_read_as_it_was_written() {
    let mut rng = fastrand::Rng::with_seed(1);
    for round in 0..60 {
        for codec in CODECS {
            let (bytes, written) = random_batch(&mut rng, codec);
            let batch = only_batch(&bytes);
            assert_eq!(batch.codec(), codec);
            assert_eq!(batch.record_count(), Some(written.len() as u32));
            assert_eq!(batch.encoded_len(), bytes.len());
            assert_eq!(records(&batch), written, "round {round}, {codec}");
        }
    }
}

#[test]
fn a_detached_record_is_the_same_without_its_batch() {
    let mut rng = fastrand::Rng::with_seed(6);
    let (bytes, written) = random_batch(&mut rng, Codec::None);
    let blocks = decode_blocks(&only_batch(&bytes), 0, &Limits::default()).unwrap();
    for (index, record) in written.iter().enumerate() {
        let detached = blocks[0].detach(index);
        assert_eq!(detached.len(), 1);
        assert_eq!(Owned::of(&detached.record(0)), *record);
        let charge = detached.bytes();
        assert!(charge < 2_000, "{charge} bytes for one record");
    }
}

#[test]
fn any_message_set_is_read_as_it_was_written() {
    let mut rng = fastrand::Rng::with_seed(2);
    for round in 0..60 {
        for magic in [0, 1] {
            for codec in CODECS.into_iter().filter(|&codec| codec != Codec::Zstd) {
                let (bytes, written) = random_message_set(&mut rng, magic, codec);
                let batch = only_batch(&bytes);
                assert_eq!((batch.magic(), batch.codec()), (magic, codec));
                assert_eq!(batch.last_offset(), written.last().unwrap().offset);
                assert_eq!(
                    records(&batch),
                    written,
                    "round {round}, magic {magic}, {codec}"
                );
            }
        }
    }
}

#[test]
fn records_below_the_offset_asked_for_are_dropped() {
    let mut rng = fastrand::Rng::with_seed(3);
    for codec in CODECS {
        let (bytes, written) = random_batch(&mut rng, codec);
        let batch = only_batch(&bytes);
        let middle = written[written.len() / 2].offset;
        for from in [
            middle,
            middle + 1,
            batch.last_offset(),
            batch.next_offset(),
            i64::MAX,
        ] {
            let blocks = decode_blocks(&batch, from, &Limits::default()).unwrap();
            let read: Vec<_> = blocks
                .iter()
                .flat_map(Block::records)
                .map(|r| Owned::of(&r))
                .collect();
            let wanted: Vec<_> = written
                .iter()
                .filter(|r| r.offset >= from)
                .cloned()
                .collect();
            assert_eq!(read, wanted);
        }
    }
}

#[test]
fn blocks_hold_at_most_what_was_asked_and_account_for_all_bytes_once() {
    let mut batch = BatchBuilder::new(7);
    for _ in 0..10 {
        batch.push(&NewRecord {
            value: Some(b"value"),
            ..NewRecord::default()
        });
    }
    let batch = only_batch(&batch.build());
    for (block_records, lengths) in [
        (4, vec![4, 4, 2]),
        (5, vec![5, 5]),
        (10, vec![10]),
        (99, vec![10]),
    ] {
        let limits = Limits {
            block_records,
            ..Limits::default()
        };
        let blocks = decode_blocks(&batch, 0, &limits).unwrap();
        assert_eq!(blocks.iter().map(Block::len).collect::<Vec<_>>(), lengths);
        let charge: usize = blocks.iter().map(Block::bytes).sum();
        assert_eq!(charge, batch.encoded_len() + 10 * 32);
        assert_eq!(blocks[0].base_offset(), 7);
        assert_eq!(blocks.last().unwrap().last_offset(), 16);
    }
}

#[test]
fn the_append_time_of_the_broker_overrides_the_timestamps_of_producers() {
    let record = NewRecord {
        timestamp_ms: 5,
        value: Some(b"v"),
        ..NewRecord::default()
    };
    let mut batch = BatchBuilder::new(0);
    let mut stamped = batch.push(&record).push(&record).build();
    stamp_append_time(&mut stamped, 77);
    let sets = CODECS
        .iter()
        .filter(|&&codec| codec != Codec::Zstd)
        .map(|&codec| {
            let mut set = MessageSetBuilder::new(1, 0).codec(codec).append_time(77);
            set.push(&record).push(&record).build()
        });
    for bytes in sets.chain([stamped]) {
        let batch = only_batch(&bytes);
        assert_eq!(batch.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(batch.max_timestamp(), 77);
        assert!(
            records(&batch)
                .iter()
                .all(|record| record.timestamp_ms == 77)
        );
    }
}

#[test]
fn a_control_batch_yields_its_marker_and_no_records() {
    for marker_type in [MarkerType::Abort, MarkerType::Commit, MarkerType::Other(2)] {
        let batch = only_batch(&control_batch(9, 4711, 3, marker_type, 1000));
        assert!(batch.is_control() && batch.is_transactional());
        assert_eq!((batch.base_offset(), batch.next_offset()), (9, 10));
        // A marker ends a transaction whatever offset was asked for.
        let decoded = decode(&batch, 100, &Limits::default(), &mut Decompressor::new());
        let Ok(Decoded::Control(marker)) = decoded else {
            panic!("{decoded:?}")
        };
        assert_eq!(
            marker,
            Some(ControlMarker {
                offset: 9,
                producer_id: 4711,
                marker_type
            })
        );
    }
}

#[test]
fn compaction_keeps_the_ends_of_a_batch_and_drops_records() {
    let mut rng = fastrand::Rng::with_seed(4);
    for codec in CODECS {
        let (bytes, written) = random_batch(&mut rng, codec);
        let batch = only_batch(&bytes);
        for modulus in [1, 2, 3, i64::MAX] {
            let keep = |offset: i64| offset % modulus == 0;
            let rewritten = only_batch(&retain(&batch, |record| keep(record.offset())).unwrap());
            assert_eq!(rewritten.base_offset(), batch.base_offset());
            assert_eq!(rewritten.next_offset(), batch.next_offset());
            let kept: Vec<_> = written.iter().filter(|r| keep(r.offset)).cloned().collect();
            assert_eq!(records(&rewritten), kept);
        }
    }
}

#[test]
fn a_broker_gives_produced_records_their_offsets() {
    let mut rng = fastrand::Rng::with_seed(5);
    for codec in CODECS {
        let (produced, written) = random_batch(&mut rng, codec);
        let shift = 1_000 - written[0].offset.min(only_batch(&produced).base_offset());
        let batch = only_batch(&assign_offsets(&produced, 1_000, 17).unwrap());
        assert_eq!((batch.base_offset(), batch.leader_epoch()), (1_000, 17));
        let read = records(&batch);
        assert!(
            read.iter()
                .zip(&written)
                .all(|(r, w)| r.offset == w.offset + shift)
        );
        for magic in [0, 1] {
            if codec == Codec::Zstd {
                continue;
            }
            // The offsets within a produced message set mean nothing: gaps are closed.
            let (produced, written) = random_message_set(&mut rng, magic, codec);
            let batch = only_batch(&assign_offsets(&produced, 1_000, 17).unwrap());
            let read = records(&batch);
            assert_eq!(read.len(), written.len());
            for (index, (read, written)) in read.iter().zip(written).enumerate() {
                assert_eq!(
                    *read,
                    Owned {
                        offset: 1_000 + index as i64,
                        ..written
                    }
                );
            }
        }
    }
}
