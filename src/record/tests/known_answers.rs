//! Bytes that Kafka's own Java classes wrote (see `testdata/README.md`).

use super::*;
use crate::record::{ControlMarker, MarkerType, TimestampType, build::control_batch};

const TIMESTAMP: i64 = 1_700_000_000_000;
const APPEND_TIME: i64 = 1_800_000_000_000;

/// The record sets by name.
fn written_by_java() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    include_str!("../testdata/kafka-clients-3.9.1.hex")
        .lines()
        .map(|line| {
            let (name, hex) = line.split_once(' ').unwrap();
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (name, (0..hex.len()).step_by(2).map(byte).collect())
        })
}

fn java(name: &str) -> Vec<u8> {
    written_by_java()
        .find(|(found, _)| *found == name)
        .unwrap()
        .1
}

/// The five records that the generator writes.
fn expected(magic: u8, append_time: bool) -> Vec<Owned> {
    let text = |text: &str| Some(text.as_bytes().to_vec());
    let record = |offset, timestamp_ms, key, value| Owned {
        offset,
        timestamp_ms,
        key,
        value,
        headers: Vec::new(),
    };
    let mut records = vec![
        record(100, TIMESTAMP, text("key-0"), text(&"value ".repeat(40))),
        record(101, TIMESTAMP + 1000, None, text("value-1")),
        record(102, TIMESTAMP - 5, text("key-2"), None),
        record(103, TIMESTAMP + 3000, text(""), text("")),
        record(107, TIMESTAMP + 4000, text("key-4"), text("value-4")),
    ];
    if magic == 2 {
        let header = |key: &str, value| (key.as_bytes().to_vec(), value);
        records[4].headers = vec![
            header("h1", Some(vec![1, 2])),
            header("h1", None),
            header("ü", Some(Vec::new())),
        ];
    }
    for record in &mut records {
        if append_time {
            record.timestamp_ms = APPEND_TIME;
        } else if magic == 0 {
            record.timestamp_ms = -1;
        }
    }
    records
}

fn codec_named(name: &str) -> Option<Codec> {
    CODECS.into_iter().find(|codec| codec.name() == name)
}

#[test]
fn every_format_and_codec_of_java_is_read() {
    let mut count = 0;
    for (name, bytes) in written_by_java() {
        let mut parts = name[1..].splitn(3, '-');
        let magic: u8 = parts.next().unwrap().parse().unwrap();
        let Some(codec) = codec_named(parts.next().unwrap()) else {
            continue;
        };
        let append_time = parts.next() == Some("append-time");
        let batch = only_batch(&bytes);
        assert_eq!((batch.magic(), batch.codec()), (magic, codec), "{name}");
        assert_eq!(
            (batch.last_offset(), batch.next_offset()),
            (107, 108),
            "{name}"
        );
        assert_eq!(
            batch.timestamp_type() == TimestampType::LogAppendTime,
            append_time,
            "{name}"
        );
        assert_eq!(
            batch.leader_epoch(),
            if magic == 2 { 9 } else { -1 },
            "{name}"
        );
        assert_eq!(records(&batch), expected(magic, append_time), "{name}");
        count += 1;
    }
    // Magic 0 with 4 codecs; magic 1 with 4 and magic 2 with 5, each with both timestamp types.
    assert_eq!(count, 4 + 2 * 4 + 2 * 5);
}

#[test]
fn transactions_are_told_by_the_header() {
    let batch = only_batch(&java("v2-transactional"));
    assert!(batch.is_transactional() && !batch.is_control());
    assert_eq!(
        (
            batch.producer_id(),
            batch.producer_epoch(),
            batch.base_sequence()
        ),
        (4711, 3, 17)
    );
    assert_eq!(records(&batch), expected(2, false));
}

#[test]
fn the_markers_of_the_transaction_coordinator_are_read() {
    for (name, marker_type) in [
        ("v2-abort", MarkerType::Abort),
        ("v2-commit", MarkerType::Commit),
    ] {
        let batch = only_batch(&java(name));
        assert!(batch.is_control() && batch.is_transactional());
        let decoded = decode(&batch, 0, &Limits::default(), &mut Decompressor::new());
        let Ok(Decoded::Control(marker)) = decoded else {
            panic!("{decoded:?}")
        };
        assert_eq!(
            marker,
            Some(ControlMarker {
                offset: 100,
                producer_id: 4711,
                marker_type
            })
        );
    }
}

#[test]
fn a_batch_emptied_by_compaction_still_moves_the_position() {
    let batch = only_batch(&java("v2-emptied"));
    assert_eq!((batch.base_offset(), batch.next_offset()), (100, 108));
    assert_eq!(batch.record_count(), Some(0));
    assert!(records(&batch).is_empty());
}

#[test]
fn uncompressed_sets_are_written_byte_for_byte_as_java_writes_them() {
    let mut batch = BatchBuilder::new(100).leader_epoch(9);
    let mut stamped = BatchBuilder::new(100)
        .leader_epoch(9)
        .append_time(APPEND_TIME);
    let mut transactional = BatchBuilder::new(100)
        .leader_epoch(9)
        .producer(4711, 3, 17)
        .transactional();
    for record in expected(2, false) {
        for batch in [&mut batch, &mut stamped, &mut transactional] {
            batch.skip_to(record.offset);
            record.with_new(|new| {
                batch.push(new);
            });
        }
    }
    assert_eq!(batch.build(), java("v2-none"));
    assert_eq!(stamped.build(), java("v2-none-append-time"));
    assert_eq!(transactional.build(), java("v2-transactional"));

    for (name, mut set) in [
        ("v0-none", MessageSetBuilder::new(0, 100)),
        ("v1-none", MessageSetBuilder::new(1, 100)),
        (
            "v1-none-append-time",
            MessageSetBuilder::new(1, 100).append_time(APPEND_TIME),
        ),
    ] {
        for record in expected(1, false) {
            set.skip_to(record.offset);
            record.with_new(|new| {
                set.push(new);
            });
        }
        assert_eq!(set.build(), java(name), "{name}");
    }
}

#[test]
fn control_batches_are_written_byte_for_byte_as_java_writes_them() {
    let mut abort = control_batch(100, 4711, 3, MarkerType::Abort, TIMESTAMP);
    abort[12..16].copy_from_slice(&9_i32.to_be_bytes()); // the leader epoch is outside the checksum
    assert_eq!(abort, java("v2-abort"));
}

#[test]
fn lz4_frames_start_as_those_of_java_the_wrong_checksum_of_magic_0_included() {
    let frame_start = |bytes: &[u8]| {
        let at = bytes
            .windows(4)
            .position(|window| window == [0x04, 0x22, 0x4d, 0x18])
            .unwrap();
        bytes[at..at + 7].to_vec()
    };
    for magic in [0, 1] {
        let mut set = MessageSetBuilder::new(magic, 100).codec(Codec::Lz4);
        set.push(&NewRecord::default());
        assert_eq!(
            frame_start(&set.build()),
            frame_start(&java(&format!("v{magic}-lz4")))
        );
    }
}
