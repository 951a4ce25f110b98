//! Bytes that lie: every one ends in a typed error, none in a panic or in memory without bound.

use super::*;
use crate::record::ErrorKind;

const HEADER_SIZE: usize = 61;

/// Recomputes the checksum of a batch of magic 2, so that what is behind it gets looked at.
fn seal(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

/// A batch of magic 2 that claims `count` records and has `payload` behind its header.
fn batch_of(codec: Codec, count: i32, payload: &[u8]) -> Vec<u8> {
    let mut batch = BatchBuilder::new(0)
        .codec(Codec::None)
        .skip_offsets(count as u32)
        .build();
    batch[8..12].copy_from_slice(&((HEADER_SIZE - 12 + payload.len()) as i32).to_be_bytes());
    batch[22] = codec as u8;
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    batch.extend(payload);
    seal(&mut batch);
    batch
}

fn decode_error(bytes: &[u8], limits: &Limits) -> ErrorKind {
    match decode_blocks(&only_batch(bytes), 0, limits) {
        Ok(blocks) => panic!("{blocks:?}"),
        Err(error) => error.kind().clone(),
    }
}

/// Does all that a consumer does with a record set.
fn consume(bytes: &[u8], limits: &Limits, decompressor: &mut Decompressor) -> usize {
    let mut count = 0;
    for batch in split(bytes, limits).batches {
        let Ok(Decoded::Records(blocks)) = decode(&batch, 0, limits, decompressor) else {
            continue;
        };
        let mut last = batch.base_offset().min(0) - 1;
        for record in blocks.iter().flat_map(Block::records) {
            let owned = Owned::of(&record);
            assert!(owned.offset > last && owned.offset <= batch.last_offset());
            last = owned.offset;
            count += 1;
        }
    }
    count
}

/// One record set of each format and codec.
fn samples(rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    for codec in CODECS {
        let mut batch = BatchBuilder::new(1_000).codec(codec);
        for offset in 0..20 {
            Owned::random(rng, offset, true).with_new(|new| {
                batch.push(new);
            });
        }
        samples.push(batch.build());
        for magic in [0, 1] {
            if codec == Codec::Zstd {
                continue;
            }
            let mut set = MessageSetBuilder::new(magic, 1_000).codec(codec);
            for offset in 0..20 {
                Owned::random(rng, offset, false).with_new(|new| {
                    set.push(new);
                });
            }
            samples.push(set.build());
        }
    }
    samples
}

/// Makes the checksums right again, of whatever is left of the format.
fn reseal(bytes: &mut [u8]) {
    let Some(&magic) = bytes.get(16) else { return };
    let length = i32::from_be_bytes(bytes[8..12].try_into().unwrap());
    let Some(entry) = usize::try_from(length)
        .ok()
        .and_then(|len| bytes.get_mut(..len + 12))
    else {
        return;
    };
    if magic == 2 && entry.len() >= HEADER_SIZE {
        seal(entry);
    } else if magic < 2 && entry.len() > 16 {
        let crc = crc32fast::hash(&entry[16..]);
        entry[12..16].copy_from_slice(&crc.to_be_bytes());
    }
}

#[test]
fn random_damage_never_panics() {
    let mut rng = fastrand::Rng::with_seed(11);
    let limits = Limits {
        decoded_bytes: 1 << 20,
        ..Limits::default()
    };
    let mut decompressor = Decompressor::new();
    for sample in samples(&mut rng) {
        for _ in 0..1_500 {
            let mut bytes = sample.clone();
            for _ in 0..rng.usize(1..6) {
                let at = rng.usize(..bytes.len());
                bytes[at] = match rng.u8(..4) {
                    0 => 0xff,
                    1 => 0,
                    2 => bytes[at] ^ 1 << rng.u8(..8),
                    _ => rng.u8(..),
                };
            }
            if rng.bool() {
                reseal(&mut bytes);
            }
            consume(&bytes, &limits, &mut decompressor);
        }
        // The decompressor is none the worse for what it has seen.
        assert_eq!(consume(&sample, &limits, &mut decompressor), 20);
    }
}

#[test]
fn damage_is_found_wherever_it_is() {
    let mut rng = fastrand::Rng::with_seed(12);
    for sample in samples(&mut rng) {
        let magic = sample[16];
        let covered = if magic == 2 { 21 } else { 16 };
        let limits = Limits::default();
        // A run of uncompressed messages has a checksum each; the first ends with its entry.
        let end = 12 + i32::from_be_bytes(sample[8..12].try_into().unwrap()) as usize;
        for at in covered..end {
            let mut bytes = sample.clone();
            bytes[at] ^= 0x10;
            let found = split(&bytes, &limits);
            let Some(batch) = found.batches.first() else {
                continue; // the header was no longer sound
            };
            let error = match decode(batch, 0, &limits, &mut Decompressor::new()) {
                Err(error) => error,
                Ok(decoded) => panic!("{decoded:?} with byte {at} damaged"),
            };
            assert!(
                matches!(error.kind(), ErrorKind::CrcMismatch { .. }),
                "{error}"
            );
        }
    }
}

#[test]
fn records_cut_at_any_byte_are_an_error() {
    let mut rng = fastrand::Rng::with_seed(13);
    let mut batch = BatchBuilder::new(0);
    for offset in 0..8 {
        Owned::random(&mut rng, offset, true).with_new(|new| {
            batch.push(new);
        });
    }
    let records = batch.build().split_off(HEADER_SIZE);
    for cut in 0..records.len() {
        let error = decode_error(
            &batch_of(Codec::None, 8, &records[..cut]),
            &Limits::default(),
        );
        assert!(
            matches!(error, ErrorKind::Corrupt(_) | ErrorKind::CountLies { .. }),
            "{error}"
        );
    }
}

#[test]
fn compressed_records_cut_at_any_byte_are_an_error() {
    for codec in CODECS.into_iter().skip(1) {
        let mut batch = BatchBuilder::new(0).codec(codec);
        for _ in 0..8 {
            batch.push(&NewRecord {
                value: Some(b"a value, a value"),
                ..NewRecord::default()
            });
        }
        let payload = batch.build().split_off(HEADER_SIZE);
        for cut in 0..payload.len() {
            decode_error(&batch_of(codec, 8, &payload[..cut]), &Limits::default());
        }
    }
}

#[test]
fn a_record_count_that_lies_is_an_error_not_a_skip() {
    let mut batch = BatchBuilder::new(0);
    for _ in 0..3 {
        batch.push(&NewRecord {
            value: Some(b"value"),
            ..NewRecord::default()
        });
    }
    let records = batch.build().split_off(HEADER_SIZE);
    for codec in CODECS {
        for (count, payload) in [
            (1, &records[..]),
            (2, &records),
            (1_000_000, &records),
            (1, &[]),
        ] {
            let payload = compressed(codec, payload);
            let error = decode_error(&batch_of(codec, count, &payload), &Limits::default());
            assert_eq!(
                error,
                ErrorKind::CountLies {
                    claimed: count as u32
                },
                "{codec}"
            );
        }
        // One more than there are is noticed when its bytes are missing.
        let payload = compressed(codec, &records);
        let error = decode_error(&batch_of(codec, 4, &payload), &Limits::default());
        assert!(matches!(error, ErrorKind::Corrupt(_)), "{error}");
    }
}

/// What the codec makes of `data`.
fn compressed(codec: Codec, data: &[u8]) -> Vec<u8> {
    crate::record::build::compress(codec, data)
}

/// A record of magic 2 from its fields behind the length.
fn record_of(fields: &[u8]) -> Vec<u8> {
    assert!(fields.len() < 64);
    [&[(fields.len() * 2) as u8], fields].concat()
}

#[test]
fn a_record_that_breaks_a_rule_is_an_error() {
    const ONE: u8 = 2; // in zigzag
    const NULL: u8 = 1;
    let sound: &[u8] = &[0, 0, 0, NULL, NULL, 0];
    let cases: &[(&str, &[u8])] = &[
        (
            "a length below the fields'",
            &[4 * 2, 0, 0, 0, NULL, NULL, 0],
        ),
        (
            "a length above the fields'",
            &[7 * 2, 0, 0, 0, NULL, NULL, 0, 0],
        ),
        ("a negative length", &[NULL, 0, 0, 0, NULL, NULL, 0]),
        (
            "a negative offset delta",
            &record_of(&[0, 0, NULL, NULL, NULL, 0]),
        ),
        (
            "an offset beyond the batch",
            &record_of(&[0, 0, 2 * ONE, NULL, NULL, 0]),
        ),
        ("a key of length −2", &record_of(&[0, 0, 0, 3, NULL, 0])),
        ("a value of length −2", &record_of(&[0, 0, 0, NULL, 3, 0])),
        (
            "a key longer than the bytes",
            &record_of(&[0, 0, 0, 126, NULL, 0]),
        ),
        (
            "a value of 2 GiB",
            &record_of(&[0, 0, 0, NULL, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0]),
        ),
        (
            "a negative number of headers",
            &record_of(&[0, 0, 0, NULL, NULL, NULL]),
        ),
        (
            "2³¹−1 headers",
            &record_of(&[0, 0, 0, NULL, NULL, 0xfe, 0xff, 0xff, 0xff, 0x0f]),
        ),
        (
            "a header without a key",
            &record_of(&[0, 0, 0, NULL, NULL, ONE, NULL, NULL]),
        ),
        (
            "a header beyond the bytes",
            &record_of(&[0, 0, 0, NULL, NULL, ONE, 126, NULL]),
        ),
        (
            "an overlong varint",
            &record_of(&[0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0, NULL, NULL, 0]),
        ),
    ];
    let good = batch_of(Codec::None, 1, &record_of(sound));
    assert_eq!(records(&only_batch(&good)).len(), 1);
    for (what, record) in cases {
        let error = decode_error(&batch_of(Codec::None, 1, record), &Limits::default());
        assert!(matches!(error, ErrorKind::Corrupt(_)), "{what}: {error}");
    }
    // Two records at one offset, and out of order.
    for second in [0, ONE] {
        let first = record_of(&[0, 0, ONE, NULL, NULL, 0]);
        let second = record_of(&[0, 0, second, NULL, NULL, 0]);
        let error = decode_error(
            &batch_of(Codec::None, 2, &[first, second].concat()),
            &Limits::default(),
        );
        assert!(matches!(error, ErrorKind::Corrupt(_)), "{error}");
    }
}

#[test]
fn views_count_towards_the_limit() {
    // The smallest records are smaller than their views.
    let mut batch = BatchBuilder::new(0);
    for _ in 0..1_000 {
        batch.push(&NewRecord::default());
    }
    let bytes = batch.build();
    let exact = bytes.len() + 1_000 * 32;
    let limits = |decoded_bytes| Limits {
        decoded_bytes,
        ..Limits::default()
    };
    let batch = only_batch(&bytes);
    let blocks = decode_blocks(&batch, 0, &limits(exact)).unwrap();
    assert_eq!(blocks.iter().map(Block::bytes).sum::<usize>(), exact);
    assert_eq!(
        decode_error(&bytes, &limits(exact - 1)),
        ErrorKind::DecodedTooLarge { limit: exact - 1 }
    );
}

#[test]
fn wrappers_nest_only_once_and_hold_only_their_own_kind() {
    let mut inner = MessageSetBuilder::new(1, 0).codec(Codec::Gzip);
    inner.push(&NewRecord {
        value: Some(b"value"),
        ..NewRecord::default()
    });
    let nested = wrapper(
        1,
        Codec::Gzip,
        Some(&compressed(Codec::Gzip, &inner.build())),
    );
    let mut other = MessageSetBuilder::new(0, 0);
    other.push(&NewRecord {
        value: Some(b"value"),
        ..NewRecord::default()
    });
    let mixed = wrapper(
        1,
        Codec::Gzip,
        Some(&compressed(Codec::Gzip, &other.build())),
    );
    let empty = wrapper(1, Codec::Gzip, Some(&compressed(Codec::Gzip, &[])));
    let null = wrapper(1, Codec::Gzip, None);
    for (bytes, what) in [
        (nested, "a compressed message set inside another"),
        (mixed, "a message of another magic inside a message set"),
        (empty, "an empty message set"),
        (null, "a compressed message set without a value"),
    ] {
        assert_eq!(
            decode_error(&bytes, &Limits::default()),
            ErrorKind::Corrupt(what)
        );
    }
}

/// A message of magic 0 or 1 that claims to be compressed, with this value.
fn wrapper(magic: u8, codec: Codec, value: Option<&[u8]>) -> Vec<u8> {
    let mut set = MessageSetBuilder::new(magic, 7);
    let mut bytes = set
        .push(&NewRecord {
            value,
            ..NewRecord::default()
        })
        .build();
    bytes[17] = codec as u8;
    reseal(&mut bytes);
    bytes
}

#[test]
fn zstd_in_a_message_set_is_an_error() {
    let mut set = MessageSetBuilder::new(1, 0);
    let mut bytes = set
        .push(&NewRecord {
            value: Some(b"v"),
            ..NewRecord::default()
        })
        .build();
    bytes[17] = Codec::Zstd as u8;
    reseal(&mut bytes);
    assert!(matches!(
        split(&bytes, &Limits::default()).end,
        End::Broken(_)
    ));
}

#[test]
fn output_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not() {
    let data = vec![7; 300_000];
    for codec in CODECS.into_iter().skip(1) {
        let payload = compressed(codec, &data);
        let mut decompressor = Decompressor::new();
        let exact = decompressor
            .decompress(codec, &payload, data.len())
            .unwrap();
        assert_eq!(&exact[..], data);
        for limit in [data.len() - 1, data.len() / 2, 1, 0] {
            let error = decompressor.decompress(codec, &payload, limit).unwrap_err();
            assert_eq!(error, ErrorKind::DecodedTooLarge { limit }, "{codec}");
        }
    }
}

#[test]
fn a_snappy_block_cannot_claim_more_than_it_can_hold() {
    // A varint of 2³²−1, and no more.
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    let error = decode_error(&batch_of(Codec::Snappy, 1, &claim), &Limits::default());
    assert!(
        matches!(
            error,
            ErrorKind::Decompression {
                codec: Codec::Snappy,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_zstd_frame_cannot_claim_a_window_beyond_the_limit() {
    // A content size of 2⁶⁰ in a single segment, and a window of 2⁴⁰.
    let content = [
        &[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..],
        &(1_u64 << 60).to_le_bytes(),
    ]
    .concat();
    let window = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 30 << 3];
    for frame in [content, window] {
        let frame = [frame, vec![1, 0, 0]].concat();
        decode_error(&batch_of(Codec::Zstd, 1, &frame), &Limits::default());
    }
}

#[test]
fn gzip_may_have_several_members_and_any_header_field() {
    let parts: [&[u8]; 3] = [b"first ", b"", b"second"];
    let members: Vec<_> = parts
        .iter()
        .map(|part| compressed(Codec::Gzip, part))
        .collect();
    let mut decompressor = Decompressor::new();
    let joined = decompressor
        .decompress(Codec::Gzip, &members.concat(), 100)
        .unwrap();
    assert_eq!(&joined[..], b"first second");

    let (header, body) = members[0].split_at(10);
    let mut header = header.to_vec();
    header[3] = 0b1_1110; // all optional fields
    let fields: [&[u8]; 4] = [&[3, 0, 1, 2, 3], b"name\0", b"comment\0", &[0, 0]];
    let member = [&header, &fields.concat()[..], body].concat();
    assert_eq!(
        &decompressor.decompress(Codec::Gzip, &member, 100).unwrap()[..],
        b"first "
    );

    let mut damaged = member.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(decompressor.decompress(Codec::Gzip, &damaged, 100).is_err());
}

#[test]
fn lz4_blocks_may_refer_to_the_blocks_before_them() {
    // Block 1 holds "abcdefgh"; block 2 repeats 8 bytes from 8 back, then holds "xyzuvw".
    let header = [0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0];
    let first = [&[0x80][..], b"abcdefgh"].concat();
    let second = [&[0x04, 8, 0, 0x60][..], b"xyzuvw"].concat();
    let mut frame = header.to_vec();
    for block in [first, second] {
        frame.extend((block.len() as u32).to_le_bytes());
        frame.extend(block);
    }
    frame.extend([0; 4]);
    let mut decompressor = Decompressor::new();
    let output = decompressor.decompress(Codec::Lz4, &frame, 100).unwrap();
    assert_eq!(&output[..], b"abcdefghabcdefghxyzuvw");
    // The same blocks declared independent cannot be right.
    frame[4] |= 0x20;
    assert!(decompressor.decompress(Codec::Lz4, &frame, 100).is_err());
}

#[test]
fn a_codec_that_is_not_built_names_its_feature() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let error = Error::new(3, ErrorKind::CodecNotBuilt(codec)).to_string();
        assert!(error.contains(&format!("feature `{codec}`")), "{error}");
    }
}
