//! What holds for all values: written and read they are the same, and two sides find a version.

use golden_tests::for_each_api;
use hostile_tests::run;
use proptest::{collection::vec, option, prelude::*, test_runner::RngSeed};
use sarama_cluster::{
    protocol::{
        Request, Visitor,
        consumer_protocol::{Assignment, NEWEST, Subscription},
        header::{
            decode_body, decode_request_header, decode_response, encode_request, encode_response,
        },
        sample::{Sample, Sampler},
        visit_requests,
    },
    record::{
        Codec, Decoded, Decompressor, Limits,
        build::{BatchBuilder, MessageSetBuilder, NewRecord},
        decode, split,
    },
    wire::{Encoder, Wire},
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

/// Puts messages that a seed makes up into frames, and takes them out again.
struct RoundTrip {
    seed: u64,
    correlation_id: i32,
    messages: usize,
}

impl Visitor for RoundTrip {
    fn visit<R: Request<Response: Sample> + Sample>(&mut self) {
        let id = self.correlation_id;
        for version in R::VERSIONS {
            let mut sampler = Sampler::wild(version, self.seed);
            let request = R::sample(&mut sampler);
            let frame = encode_request(&request, version, id, Some("client")).unwrap();
            let (header, body) = decode_request_header(&frame[4..]).unwrap();
            assert_eq!((header.api(), header.api_version), (Some(R::API), version));
            assert_eq!(header.correlation_id, id);
            let mut read: R = decode_body(body).unwrap();
            read.own_records(&frame[4..]);
            assert_eq!(read, request, "{} {version}", R::API);

            let response = R::Response::sample(&mut sampler);
            let frame = encode_response::<R>(&response, version, id).unwrap();
            let (read_id, mut read) = decode_response::<R>(&frame[4..], version).unwrap();
            read.own_records(&frame[4..]);
            assert_eq!(read_id, id);
            assert_eq!(read, response, "{} {version}", R::API);
            self.messages += 2;
        }
    }
}

/// Gives such messages, without their headers, to the fuzz targets, which ask `kafka-protocol` whether it
/// reads the same in them: what we declare wrongly we would write and read in the same wrong way.
#[expect(
    clippy::extra_unused_type_parameters,
    reason = "for_each_api! gives all three"
)]
fn compare<R, TheirRequest, TheirResponse>(index: &mut u8, seed: u64)
where
    R: Request<Response: Sample> + Sample,
{
    let first = *R::VERSIONS.start();
    for version in R::VERSIONS {
        let place = [*index, (version - first) as u8];
        let flexible = R::API.is_flexible(version);
        let mut sampler = Sampler::wild(version, seed);
        let request = written(&R::sample(&mut sampler), version, flexible);
        let response = written(&R::Response::sample(&mut sampler), version, flexible);
        run("requests", &[&place[..], &request].concat());
        run("responses", &[&place[..], &response].concat());
    }
    *index += 1;
}

fn written(message: &impl Wire, version: i16, flexible: bool) -> Vec<u8> {
    let mut encoder = Encoder::new(version, flexible);
    message.encode(&mut encoder).expect("a sample fits");
    encoder.into_bytes()
}

proptest! {
    // The same values each time: the search for others is for the fuzzers.
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_message_comes_through_every_version(seed: u64, correlation_id: i32) {
        let mut round_trip = RoundTrip { seed, correlation_id, messages: 0 };
        visit_requests(&mut round_trip);
        prop_assert!(round_trip.messages > 300, "{}", round_trip.messages);
    }

    #[test]
    fn every_message_says_the_same_to_kafka_protocol(seed: u64) {
        let mut index = 0;
        for_each_api!(compare(&mut index, seed));
    }

    #[test]
    fn what_members_say_to_each_other_comes_through_every_version(seed: u64) {
        for version in 0..=NEWEST {
            let mut sampler = Sampler::wild(version, seed);
            let subscription = Subscription::sample(&mut sampler);
            let blob = subscription.to_bytes(version).unwrap();
            prop_assert_eq!(Subscription::from_bytes(&blob), Ok(subscription));
            run("subscriptions", &blob);
            let assignment = Assignment::sample(&mut sampler);
            let blob = assignment.to_bytes(version).unwrap();
            prop_assert_eq!(Assignment::from_bytes(&blob), Ok(assignment));
            run("assignments", &blob);
        }
    }

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
        run("versions", &ranges);
    }
}
