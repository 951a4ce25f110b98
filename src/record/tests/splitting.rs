//! Walking record sets by their headers.

use std::io::Read as _;

use super::*;
use crate::record::{ErrorKind, split_as_read};

fn batch(base_offset: i64, records: usize) -> Vec<u8> {
    let mut batch = BatchBuilder::new(base_offset);
    for _ in 0..records {
        batch.push(&NewRecord {
            value: Some(b"value"),
            ..NewRecord::default()
        });
    }
    batch.build()
}

fn message_set(magic: u8, base_offset: i64, codec: Codec) -> Vec<u8> {
    let mut set = MessageSetBuilder::new(magic, base_offset).codec(codec);
    for _ in 0..3 {
        set.push(&NewRecord {
            value: Some(b"value"),
            ..NewRecord::default()
        });
    }
    set.build()
}

/// The offsets that the batches cover.
fn spans(found: &Split) -> Vec<(i64, i64)> {
    found
        .batches
        .iter()
        .map(|batch| (batch.base_offset(), batch.next_offset()))
        .collect()
}

#[track_caller]
fn broken(bytes: &[u8]) -> ErrorKind {
    let found = split(bytes, &Limits::default());
    assert!(found.batches.is_empty());
    let End::Broken(error) = found.end else {
        panic!("{:?}", found.end)
    };
    error.kind().clone()
}

#[test]
fn formats_can_follow_each_other() {
    let records = [
        message_set(0, 10, Codec::None),
        message_set(1, 20, Codec::None),
        batch(30, 4),
        batch(34, 1),
    ];
    let found = split(&records.concat(), &Limits::default());
    assert_eq!(found.end, End::Clean);
    assert_eq!(spans(&found), [(10, 13), (20, 23), (30, 34), (34, 35)]);
    let counts: Vec<_> = found.batches.iter().map(Batch::record_count).collect();
    assert_eq!(counts, [Some(3), Some(3), Some(4), Some(1)]);
    assert!(split(&[], &Limits::default()).batches.is_empty());
}

#[test]
fn each_batch_has_its_own_bytes() {
    let records = [batch(0, 3), batch(3, 3)];
    let found = split(&records.concat(), &Limits::default());
    assert_eq!(found.batches[0].bytes(), records[0]);
    assert_eq!(found.batches[1].bytes(), records[1]);
}

#[test]
fn messages_are_grouped_in_bounded_runs() {
    let mut set = MessageSetBuilder::new(1, 0);
    for _ in 0..1_000 {
        set.push(&NewRecord {
            value: Some(&[7; 1_000]),
            ..NewRecord::default()
        });
    }
    let found = split(&set.build(), &Limits::default());
    assert_eq!(found.end, End::Clean);
    assert!(
        found
            .batches
            .iter()
            .all(|batch| batch.encoded_len() <= 128 << 10)
    );
    assert!(found.batches.len() <= 10);
    let read: Vec<_> = found
        .batches
        .iter()
        .flat_map(records)
        .map(|record| record.offset)
        .collect();
    assert_eq!(read, (0..1_000).collect::<Vec<_>>());
}

#[test]
fn a_record_set_cut_at_any_byte_yields_what_is_whole() {
    let mut parts = vec![batch(30, 2), batch(32, 3)];
    parts.insert(0, message_set(1, 10, Codec::Gzip));
    let records = parts.concat();
    let ends: Vec<usize> = parts
        .iter()
        .scan(0, |end, part| {
            *end += part.len();
            Some(*end)
        })
        .collect();
    for cut in 0..=records.len() {
        let found = split(&records[..cut], &Limits::default());
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        let start = if whole == 0 { 0 } else { ends[whole - 1] };
        assert_eq!(found.batches.len(), whole, "cut at {cut}");
        let End::CutOff { needed } = found.end else {
            assert_eq!((found.end, start), (End::Clean, cut));
            continue;
        };
        if cut - start < 12 {
            // Too little even for the length: more than was there, but not too much.
            assert_eq!(needed, 17);
        } else {
            assert_eq!(needed, ends[whole] - start);
        }
    }
}

#[test]
fn a_message_set_cut_at_any_byte_yields_the_messages_that_are_whole() {
    for magic in [0, 1] {
        let set = message_set(magic, 10, Codec::None);
        let message = set.len() / 3;
        for cut in 0..=set.len() {
            let found = split(&set[..cut], &Limits::default());
            let count: u32 = found.batches.iter().filter_map(Batch::record_count).sum();
            assert_eq!(count as usize, cut / message);
            assert_eq!(found.end == End::Clean, cut % message == 0);
        }
    }
}

#[test]
fn a_header_that_lies_is_a_typed_error() {
    const LENGTH_AT: usize = 8;
    const MAGIC_AT: usize = 16;
    const ATTRIBUTES_AT: usize = 22;
    const LAST_DELTA_AT: usize = 23;
    const COUNT_AT: usize = 57;
    let sound = batch(5, 3);
    let with = |at: usize, field: &[u8]| {
        let mut bytes = sound.clone();
        bytes[at..at + field.len()].copy_from_slice(field);
        bytes
    };
    let with_i32 = |at, field: i32| with(at, &field.to_be_bytes());
    assert_eq!(
        broken(&with_i32(LENGTH_AT, -1)),
        ErrorKind::Corrupt("a negative length")
    );
    assert_eq!(
        broken(&with_i32(LENGTH_AT, i32::MIN)),
        ErrorKind::Corrupt("a negative length")
    );
    for tiny in [0, 4, 5, 48] {
        let shorter = ErrorKind::Corrupt("a batch is shorter than its header");
        assert_eq!(broken(&with_i32(LENGTH_AT, tiny)), shorter);
    }
    let limit = Limits::default().batch_bytes;
    let too_large = ErrorKind::BatchTooLarge {
        size: i32::MAX as usize + 12,
        limit,
    };
    assert_eq!(broken(&with_i32(LENGTH_AT, i32::MAX)), too_large);
    assert_eq!(broken(&with(MAGIC_AT, &[3])), ErrorKind::UnknownMagic(3));
    assert_eq!(
        broken(&with(MAGIC_AT, &[0xff])),
        ErrorKind::UnknownMagic(-1)
    );
    for codec in 5..8 {
        assert_eq!(
            broken(&with(ATTRIBUTES_AT, &[codec])),
            ErrorKind::UnknownCodec(codec)
        );
    }
    let misfit = ErrorKind::Corrupt("a record count that does not fit the offsets");
    for delta in [-1, i32::MIN, 1] {
        assert_eq!(broken(&with_i32(LAST_DELTA_AT, delta)), misfit);
    }
    for count in [-1, i32::MIN, 4, i32::MAX] {
        assert_eq!(broken(&with_i32(COUNT_AT, count)), misfit);
    }
    for offset in [-1_i64, -2] {
        assert_eq!(
            broken(&with(0, &offset.to_be_bytes())),
            ErrorKind::Corrupt("a negative offset")
        );
    }
    // Behind the last offset there must be room for a next one.
    assert!(matches!(
        broken(&with(0, &(i64::MAX - 2).to_be_bytes())),
        ErrorKind::Corrupt(_)
    ));
    assert_eq!(
        split(&with(0, &(i64::MAX - 3).to_be_bytes()), &Limits::default()).end,
        End::Clean
    );
}

/// What brokers since 2.0 put behind records that they have converted to an older format.
#[test]
fn filler_is_no_damage() {
    for batches in [Vec::new(), batch(10, 5), message_set(1, 10, Codec::None)] {
        for (more, extra) in [(12, 49), (100, 1)] {
            let mut filler = vec![0; more];
            filler[..8].copy_from_slice(&(-1_i64).to_be_bytes());
            filler[8..12].copy_from_slice(&(more as i32 - 12 + extra).to_be_bytes());
            let bytes = [&batches[..], &filler[..]].concat();
            let found = split(&bytes, &Limits::default());
            assert_eq!(found.end, End::Filled);
            assert_eq!(found.batches.is_empty(), batches.is_empty());
            let mut rest = &bytes[..];
            let fill = |into: &mut [u8]| {
                let (now, later) = rest.split_at(into.len());
                into.copy_from_slice(now);
                rest = later;
                Ok::<(), ()>(())
            };
            let read = split_as_read(bytes.len(), &Limits::default(), &Recycler::new(), fill);
            assert_eq!(read.unwrap().end, End::Filled);
        }
    }
}

#[test]
fn offsets_never_run_back() {
    for (first, second) in [
        (batch(10, 5), batch(14, 1)),
        (batch(10, 5), batch(0, 1)),
        (
            message_set(1, 10, Codec::None),
            message_set(1, 12, Codec::None),
        ),
        (batch(10, 5), message_set(0, 14, Codec::None)),
    ] {
        let found = split(&[first, second].concat(), &Limits::default());
        assert_eq!(found.batches.len(), 1);
        assert!(matches!(found.end, End::Broken(_)));
    }
}

#[test]
fn what_is_sound_before_a_broken_batch_is_kept() {
    let mut bad = batch(3, 1);
    bad[16] = 9;
    let found = split(&[batch(0, 3), bad].concat(), &Limits::default());
    assert_eq!(spans(&found), [(0, 3)]);
    let End::Broken(error) = found.end else {
        panic!("{:?}", found.end)
    };
    assert_eq!(
        (error.offset(), error.kind()),
        (3, &ErrorKind::UnknownMagic(9))
    );
    assert_eq!(
        error.to_string(),
        "batch at offset 3: unknown record format (magic 9)"
    );
}

#[test]
fn of_two_batches_out_of_order_the_one_behind_a_gap_is_not_believed() {
    let batch = |offset| {
        let mut batch = BatchBuilder::new(offset);
        batch.push(&NewRecord::default()).build()
    };
    let offsets = |bytes: &[Vec<u8>]| -> Vec<i64> {
        let found = split_from(&bytes.concat(), 10, &Limits::default(), &Recycler::new());
        assert!(matches!(found.end, End::Broken(_)));
        found.batches.iter().map(Batch::base_offset).collect()
    };
    assert_eq!(offsets(&[batch(10), batch(11), batch(5)]), [10, 11]);
    assert_eq!(offsets(&[batch(10), batch(50), batch(12)]), [10]);
    assert_eq!(offsets(&[batch(50), batch(11)]), [0; 0]);
}

/// A message set tells the offset of its last record only, so nobody knows of a gap before it. That is so whether it
/// came with its answer or was read by itself, when what was asked for is not known yet.
#[test]
fn of_two_message_sets_out_of_order_the_first_is_believed() {
    let bytes = [
        message_set(1, 10, Codec::Gzip),
        message_set(1, 9, Codec::Gzip),
    ]
    .concat();
    let limits = Limits::default();
    let with_its_answer = split_from(&bytes, 10, &limits, &Recycler::new());
    let mut rest = &*bytes;
    let by_itself = split_as_read(bytes.len(), &limits, &Recycler::new(), |slice| {
        rest.read_exact(slice)
    });
    for found in [with_its_answer, by_itself.unwrap().fetched_from(10)] {
        let ends: Vec<_> = found.batches.iter().map(Batch::last_offset).collect();
        assert_eq!(ends, [12]);
        assert!(matches!(found.end, End::Broken(_)));
    }
}
