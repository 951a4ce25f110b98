//! What holds for all values: written and read they are the same, and two sides find a version.

use proptest::{collection::vec, option, prelude::*};
use sarama_cluster::record::{
    Codec, Decoded, Decompressor, Limits,
    build::{BatchBuilder, MessageSetBuilder, NewRecord},
    decode, split,
};

type Bytes = Option<Vec<u8>>;

fn bytes() -> impl Strategy<Value = Bytes> {
    option::of(vec(any::<u8>(), 0..200))
}

fn read(set: &[u8]) -> Vec<(Bytes, Bytes)> {
    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    let mut read = Vec::new();
    for batch in split(set, &Limits::default()).batches {
        let decoded = decode(&batch, 0, &Limits::default(), &mut Decompressor::new());
        let Ok(Decoded::Records(blocks)) = decoded else {
            panic!("records, not {decoded:?}");
        };
        for record in blocks.iter().flat_map(|block| block.records()) {
            read.push((owned(record.key()), owned(record.value())));
        }
    }
    read
}

proptest! {
    #[test]
    fn records_of_any_shape_come_through_every_codec_and_magic(
        records in vec((bytes(), bytes()), 1..20),
        timestamp_ms in any::<i64>(),
    ) {
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let mut batch = BatchBuilder::new(7).codec(codec);
            for (key, value) in &records {
                let (key, value) = (key.as_deref(), value.as_deref());
                batch.push(&NewRecord { timestamp_ms, key, value, headers: &[] });
            }
            prop_assert_eq!(&read(&batch.build()), &records);
            for magic in [0, 1] {
                if codec == Codec::Zstd {
                    continue;
                }
                let mut set = MessageSetBuilder::new(magic, 7).codec(codec);
                for (key, value) in &records {
                    let (key, value) = (key.as_deref(), value.as_deref());
                    set.push(&NewRecord { timestamp_ms, key, value, headers: &[] });
                }
                prop_assert_eq!(&read(&set.build()), &records);
            }
        }
    }

    /// The target asserts that each API gets a version of both sides, or an error that names it.
    #[test]
    fn ranges_of_any_broker_give_a_version_of_both_sides_or_an_error(ranges in vec(any::<u8>(), 0..600)) {
        hostile_tests::run("versions", &ranges);
    }
}
