//! Records that are read straight into their own memory, without a socket.

use crc32c::crc32c;

use crate::{
    call::{
        self, Answer, Call,
        fetch::{self, Ask, Fetched},
    },
    net::{
        connection::RecordsApart,
        frame::{FrameBuffer, FrameError},
    },
    protocol::{
        RecordSet,
        fetch::{Request, Response, ResponsePartition, ResponseTopic},
        header::encode_response,
    },
    record::{
        self, Decoded, Decompressor, Limits, Recycler,
        build::{BatchBuilder, MessageSetBuilder, NewRecord},
        decode,
    },
    wire::Uuid,
};

const KIB: usize = 1024;
const ID: Uuid = Uuid([1; 16]);
/// One before topic ids, and one with them; classic lengths and compact ones.
const VERSIONS: [i16; 4] = [4, 11, 12, 17];

fn batch(base_offset: i64, size: usize) -> Vec<u8> {
    let value = vec![base_offset as u8; size];
    let record = NewRecord {
        value: Some(&value),
        ..Default::default()
    };
    BatchBuilder::new(base_offset).push(&record).build()
}

/// Successive batches of such sizes.
fn records(sizes: &[usize]) -> Vec<u8> {
    let batches = sizes.iter().enumerate();
    batches
        .flat_map(|(offset, size)| batch(offset as i64, *size))
        .collect()
}

fn ask(partitions: usize) -> Call {
    let partition = |partition| fetch::Partition {
        topic: "t".to_owned(),
        topic_id: Some(ID),
        partition,
        leader_epoch: None,
        offset: 0,
        max_bytes: 1 << 20,
    };
    Call::Fetch(Ask {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 50 << 20,
        read_committed: false,
        rack_id: String::new(),
        partitions: (0..partitions as i32).map(partition).collect(),
    })
}

fn frame(version: i16, sets: &[Vec<u8>]) -> Vec<u8> {
    let partition = |(index, records): (usize, &Vec<u8>)| ResponsePartition {
        partition_index: index as i32,
        high_watermark: 1000 + index as i64,
        records: RecordSet::from(records.clone()),
        ..Default::default()
    };
    let topic = ResponseTopic {
        topic: if version < 13 {
            "t".into()
        } else {
            String::new()
        },
        topic_id: if version < 13 { Uuid::default() } else { ID },
        partitions: sets.iter().enumerate().map(partition).collect(),
    };
    let response = Response {
        responses: vec![topic],
        ..Default::default()
    };
    encode_response::<Request>(&response, version, 7).unwrap()
}

/// What a reader of the socket sees: everything of a partition, the records decoded, and of their values, which are
/// many and large, the sums.
fn seen(fetched: &Fetched) -> String {
    let records = fetched.batches.iter().map(|batch| {
        let decoded = decode(batch, 0, &Limits::default(), &mut Decompressor::new())?;
        let Decoded::Records(blocks) = decoded else {
            panic!("there are no control batches");
        };
        let records = blocks.iter().flat_map(|block| block.records());
        Ok(records
            .map(|r| (r.offset(), r.value().map(|v| (v.len(), crc32c(v)))))
            .collect())
    });
    let records: Vec<Result<Vec<_>, record::Error>> = records.collect();
    let Fetched {
        partition,
        high_watermark,
        needs_bytes,
        broken,
        ..
    } = fetched;
    format!("{partition} {high_watermark:?} {needs_bytes:?} {broken:?} {records:?}")
}

fn partitions(answer: Answer) -> Vec<String> {
    let answer = answer.into_fetch();
    answer.partitions.iter().map(seen).collect()
}

/// Reads a frame that comes in pieces of at most such a size; also tells how many bytes went through
/// the buffer.
fn read(
    call: &Call,
    version: i16,
    mut bytes: &[u8],
    piece: usize,
) -> Result<(Answer, usize), FrameError> {
    let (limits, memory) = (call::Limits::default(), Recycler::new());
    let mut buffer = FrameBuffer::new();
    let mut apart = RecordsApart::new(call, version, limits, &memory);
    let length = bytes.len() - 4;
    let from = |target: &mut [u8]| {
        let (now, later) = bytes.split_at(piece.min(bytes.len()).min(target.len()));
        target[..now.len()].copy_from_slice(now);
        bytes = later;
        Ok(now.len())
    };
    let frame = buffer.read_apart(200 << 20, from, &mut apart)?;
    let buffered = frame.bytes.len();
    let answer = call.decode(version, apart.join(frame), &limits, &memory);
    let answer = answer.expect("it is the answer to this question");
    if let Answer::Fetch(fetched) = &answer {
        assert_eq!(fetched.wire_bytes, length);
    }
    Ok((answer, buffered))
}

/// Reads it apart, in pieces of many sizes, and compares with what a plain reading gives.
fn assert_same(sets: &[Vec<u8>]) -> usize {
    let call = ask(sets.len());
    let mut buffered = 0;
    for version in VERSIONS {
        let bytes = frame(version, sets);
        let plain = call
            .decode(
                version,
                &bytes[4..],
                &call::Limits::default(),
                &Recycler::new(),
            )
            .unwrap();
        let plain = partitions(plain);
        for piece in [1_400, 32 * KIB, 100 * KIB + 1, usize::MAX] {
            let (answer, count) = read(&call, version, &bytes, piece).unwrap();
            assert_eq!(
                partitions(answer),
                plain,
                "version {version}, pieces of {piece}"
            );
            buffered = count;
        }
    }
    buffered
}

#[test]
fn large_record_sets_do_not_go_through_the_buffer() {
    let large = records(&[60 * KIB; 10]);
    let huge = records(&[3 << 20]);
    let small = records(&[100; 20]);
    let buffered = assert_same(&[large.clone(), small.clone(), huge, vec![], large, small]);
    assert!(buffered < 16 * KIB, "{buffered} bytes were buffered");
}

#[test]
fn many_small_ones_do() {
    let sets: Vec<_> = (0..300).map(|_| records(&[10 * KIB, 300])).collect();
    let size: usize = sets.iter().map(Vec::len).sum();
    assert!(assert_same(&sets) > size);
}

#[test]
fn what_is_cut_off_or_damaged_is_found_as_in_a_whole_frame() {
    let whole = records(&[70 * KIB; 4]);
    let cut = |at: usize| whole[..at].to_vec();
    let damaged = |at: usize, byte: u8| {
        let mut records = whole.clone();
        records[at] = byte;
        records
    };
    let second = batch(0, 70 * KIB).len();
    let sets = [
        cut(whole.len() - 1),
        cut(second + 5),
        cut(second + 3 * KIB),
        // Less than one batch, though much.
        records(&[400 * KIB])[..200 * KIB].to_vec(),
        // Of the second batch: the magic, a negative length, the base offset, the last offset delta.
        damaged(second + 16, 9),
        damaged(second + 8, 0x80),
        damaged(second + 7, 0),
        damaged(second + 24, 77),
        // The first behind a gap, and out of order with the second.
        [batch(5, 100 * KIB), batch(2, 100 * KIB)].concat(),
        // The second behind a gap, and out of order with the third.
        [0, 9, 2].map(|offset| batch(offset, 60 * KIB)).concat(),
        whole.clone(),
    ];
    assert_same(&sets);
}

#[test]
fn sets_of_the_old_formats_are_read_whole() {
    let message = |offset: i64| {
        let value = vec![b'v'; 50 * KIB];
        let record = NewRecord {
            value: Some(&value),
            ..Default::default()
        };
        let mut set = MessageSetBuilder::new(1, offset);
        set.push(&record);
        set.build()
    };
    let set: Vec<u8> = (0..6).flat_map(message).collect();
    assert_same(&[set.clone(), set]);
}

#[test]
fn a_frame_that_ends_within_records_tells_how_far_it_came() {
    let sets = [records(&[60 * KIB; 10])];
    let bytes = frame(12, &sets);
    for count in [5, 40 * KIB, 300 * KIB, bytes.len() - 1] {
        let error = read_cut(&ask(1), &bytes[..count]);
        let FrameError::Read { received, .. } = error else {
            panic!("reading fails, not {error:?}");
        };
        assert_eq!(received, count);
    }
}

fn read_cut(call: &Call, bytes: &[u8]) -> FrameError {
    read(call, 12, bytes, 10 * KIB).map(drop).unwrap_err()
}
