//! What can be wrong with the records of one partition. They come with the next partition's in one answer.

use sarama_cluster::{
    ErrorKind,
    record::{
        Codec,
        build::{BatchBuilder, MessageSetBuilder, NewRecord, compress},
    },
    testing::ApiKey,
};

use crate::{
    alter,
    case::{Case, Setting},
    stage::SICK,
};

const HEADER_SIZE: usize = 61;
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// What each bomb would grow to.
const BOMB_SIZE: usize = 256 * MIB;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = of_headers();
    cases.extend(of_single_records());
    cases.extend(of_codecs());
    cases.extend(of_message_sets());
    cases
}

fn case(
    name: impl Into<String>,
    says: &'static str,
    change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
) -> Case {
    let alter = alter::records(SICK, change);
    Case::new(name, Setting::Partition, ApiKey::Fetch, says, alter).kind(ErrorKind::Record)
}

/// Replaces bytes of the first batch and makes its checksum right.
fn sealed(name: &str, says: &'static str, at: usize, bytes: &'static [u8]) -> Case {
    case(name, says, move |mut batch| {
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        seal(&mut batch);
        batch
    })
}

/// Makes the checksum of the first batch right, by the length that it claims if that is true.
fn seal(batch: &mut [u8]) {
    let length = u32::from_be_bytes([batch[8], batch[9], batch[10], batch[11]]) as usize;
    let end = (length + 12).clamp(HEADER_SIZE, batch.len());
    let crc = crc32c::crc32c(&batch[21..end]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

/// A batch at offset 0 that claims so many records and has this behind its header.
fn batch_of(codec: Codec, count: i32, payload: &[u8]) -> Vec<u8> {
    let mut batch = BatchBuilder::new(0).skip_offsets(count as u32).build();
    let length = (HEADER_SIZE - 12 + payload.len()) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[22] = codec as u8;
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    batch.extend(payload);
    seal(&mut batch);
    batch
}

fn of_headers() -> Vec<Case> {
    vec![
        case("a bit flipped on the way", "checksum", |mut batch| {
            *batch.last_mut().expect("it has records") ^= 1;
            batch
        }),
        case("another checksum", "checksum", |mut batch| {
            batch[17] ^= 0x80;
            batch
        }),
        sealed("magic 3", "magic 3", 16, &[3]),
        sealed("magic −1", "magic -1", 16, &[0xff]),
        sealed("codec 5", "compression type 5", 22, &[5]),
        sealed("codec 7", "compression type 7", 22, &[7]),
        sealed("a batch of −1 bytes", "a negative length", 8, &[0xff; 4]),
        sealed("a batch of no bytes", "shorter than its header", 8, &[0; 4]),
        sealed(
            "a batch of 20 bytes",
            "shorter than its header",
            8,
            &[0, 0, 0, 20],
        ),
        sealed(
            "a batch of 2 GiB",
            "more than the",
            8,
            &[0x7f, 0xff, 0xff, 0xff],
        ),
        sealed("an offset below zero", "a negative offset", 0, &[0xff]),
        sealed(
            "an offset at the end of all",
            "beyond the largest",
            0,
            &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
        sealed("an epoch below −1", "a negative leader epoch", 12, &[0x80]),
        sealed("a producer below −1", "producer id", 43, &[0x80]),
        sealed(
            "a last offset below the first",
            "does not fit the offsets",
            23,
            &[0xff; 4],
        ),
        sealed(
            "a record count below zero",
            "does not fit the offsets",
            57,
            &[0xff; 4],
        ),
        sealed(
            "2³¹−1 records",
            "does not fit the offsets",
            57,
            &[0x7f, 0xff, 0xff, 0xff],
        ),
        sealed(
            "one record less than there is",
            "the bytes hold another number",
            57,
            &[0, 0, 0, 1],
        ),
        case(
            "a million records without bytes",
            "the bytes hold another number",
            |_| batch_of(Codec::None, 1_000_000, &[]),
        ),
        case(
            "batches out of order",
            "before the end of the one before it",
            |batch| {
                // The first one has the wrong offset: what it is taken for would leave a hole.
                let mut later = batch.clone();
                later[7] = 50;
                [&later[..], &batch].concat()
            },
        ),
        case(
            "records from below the offset, again and again",
            "below the offset",
            |_| {
                let record = NewRecord::default();
                BatchBuilder::new(0).push(&record).build()
            },
        )
        .from(2),
        case(
            "a hole behind records from below the offset",
            "below the offset",
            |batch| {
                let mut later = batch.clone();
                later[7] = 50;
                let stale = BatchBuilder::new(0).push(&NewRecord::default()).build();
                [&stale[..], &later].concat()
            },
        )
        .from(2),
    ]
}

fn of_single_records() -> Vec<Case> {
    const NULL: u8 = 1;
    let record = |name: &str, says, fields: &'static [u8]| {
        case(name, says, move |_| {
            let record = [&[(fields.len() * 2) as u8], fields].concat();
            batch_of(Codec::None, 1, &record)
        })
    };
    vec![
        record(
            "a record without an end",
            "longer than its type",
            &[
                0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1,
            ],
        ),
        record(
            "an offset outside of its batch",
            "outside its batch",
            &[0, 0, 20, NULL, NULL, 0],
        ),
        record(
            "an offset below its batch",
            "below zero",
            &[0, 0, NULL, NULL, NULL, 0],
        ),
        record("a key of −2 bytes", "below zero", &[0, 0, 0, 3, NULL, 0]),
        record(
            "a value of 2 GiB",
            "beyond the bytes",
            &[0, 0, 0, NULL, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0],
        ),
        record(
            "2³¹−1 headers",
            "more headers than bytes",
            &[0, 0, 0, NULL, NULL, 0xfe, 0xff, 0xff, 0xff, 0x0f],
        ),
        record(
            "a header without a key",
            "below zero",
            &[0, 0, 0, NULL, NULL, 2, NULL, NULL],
        ),
        case(
            "a record longer than its fields",
            "not that of its fields",
            |_| batch_of(Codec::None, 1, &[8 * 2, 0, 0, 0, NULL, NULL, 0, 0, 0]),
        ),
    ]
}

fn of_codecs() -> Vec<Case> {
    let mut cases = vec![
        bomb("gzip", Codec::Gzip, || {
            compress(Codec::Gzip, &vec![0; 4 * MIB]).repeat(BOMB_SIZE / (4 * MIB))
        }),
        bomb("snappy", Codec::Snappy, || {
            let stream = compress(Codec::Snappy, &vec![0; 32 * KIB]);
            let (header, block) = stream.split_at(16);
            [header, &block.repeat(BOMB_SIZE / (32 * KIB) / 4)].concat()
        }),
        bomb("lz4", Codec::Lz4, || {
            let frame = compress(Codec::Lz4, &vec![0; 64 * KIB]);
            let (header, block) = frame.split_at(7);
            let (block, end_mark) = block.split_at(block.len() - 4);
            [header, &block.repeat(BOMB_SIZE / (64 * KIB)), end_mark].concat()
        }),
        bomb("zstd", Codec::Zstd, || {
            let header = [0x28, 0xb5, 0x2f, 0xfd, 0, 11 << 3];
            let block = [0b010, 0, ((128 * KIB) >> 13) as u8, 0];
            [
                &header[..],
                &block.repeat(BOMB_SIZE / (128 * KIB)),
                &[1, 0, 0],
            ]
            .concat()
        }),
        case("a zstd window of 2⁴⁰", "once decompressed", |_| {
            let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, 30 << 3, 1, 0, 0];
            batch_of(Codec::Zstd, 1, &frame)
        }),
        case("a snappy block of 4 GiB", "not snappy data", |_| {
            batch_of(Codec::Snappy, 1, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0])
        }),
        case("a snappy stream of −1 bytes", "not snappy data", |_| {
            let mut stream = compress(Codec::Snappy, b"record");
            stream[16..20].copy_from_slice(&[0xff; 4]);
            batch_of(Codec::Snappy, 1, &stream)
        }),
        case("an lz4 frame with a dictionary", "not lz4 data", |_| {
            let mut frame = compress(Codec::Lz4, b"record");
            frame[4] |= 1;
            batch_of(Codec::Lz4, 1, &frame)
        }),
    ];
    for (codec, says) in [
        (Codec::Gzip, "not gzip data"),
        (Codec::Snappy, "not snappy data"),
        (Codec::Lz4, "not lz4 data"),
        (Codec::Zstd, "not zstd data"),
    ] {
        cases.push(case(
            format!("{codec} of nothing that it wrote"),
            says,
            move |_| batch_of(codec, 1, &[0x5a; 64]),
        ));
        cases.push(case(format!("{codec} cut off"), says, move |_| {
            let payload = compress(codec, &[7; 300]);
            batch_of(codec, 1, &payload[..payload.len() - 3])
        }));
    }
    cases
}

/// It is made once: the cluster would take longer to make it than to send it.
fn bomb(name: &str, codec: Codec, payload: fn() -> Vec<u8>) -> Case {
    let batch = batch_of(codec, 1, &payload());
    case(
        format!("a bomb of {name}"),
        "once decompressed",
        move |_| batch.clone(),
    )
}

fn of_message_sets() -> Vec<Case> {
    let set = |magic, codec| {
        let mut set = MessageSetBuilder::new(magic, 0).codec(codec);
        let record = NewRecord {
            value: Some(b"value"),
            ..NewRecord::default()
        };
        set.push(&record).push(&record).build()
    };
    vec![
        case("a message damaged on the way", "checksum", move |_| {
            let mut set = set(1, Codec::None);
            *set.last_mut().expect("it has messages") ^= 1;
            let second = set.len() / 2;
            set[second - 1] ^= 1;
            set
        }),
        case("a wrapper in a wrapper", "inside another", move |_| {
            wrapper(&set(1, Codec::Gzip))
        }),
        case("another magic in a wrapper", "another magic", move |_| {
            wrapper(&set(0, Codec::None))
        }),
        case("a wrapper of nothing", "an empty message set", |_| {
            wrapper(&[])
        }),
        case(
            "a message cut off in a wrapper",
            "beyond the bytes",
            move |_| {
                let set = set(1, Codec::None);
                wrapper(&set[..set.len() - 2])
            },
        ),
        case("zstd in a message set", "never had it", move |_| {
            let mut set = set(1, Codec::Gzip);
            set[17] = Codec::Zstd as u8;
            set
        }),
        case("a message of −1 bytes", "a negative length", move |_| {
            let mut set = set(0, Codec::None);
            set[8..12].copy_from_slice(&[0xff; 4]);
            set
        }),
    ]
}

/// A message of magic 1 whose value is that message set, by gzip.
fn wrapper(messages: &[u8]) -> Vec<u8> {
    let value = compress(Codec::Gzip, messages);
    let mut wrapper = MessageSetBuilder::new(1, 1);
    let mut wrapper = wrapper
        .push(&NewRecord {
            value: Some(&value),
            ..NewRecord::default()
        })
        .build();
    wrapper[17] = Codec::Gzip as u8;
    let crc = crc32fast::hash(&wrapper[16..]);
    wrapper[12..16].copy_from_slice(&crc.to_be_bytes());
    wrapper
}
