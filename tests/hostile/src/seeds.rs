//! Where the fuzzers begin: inputs that are as they should be.

use std::time::Instant;

use golden_tests::for_each_api;
use sarama_cluster::{
    KafkaVersion,
    call::{Call, Versions},
    protocol::{
        ApiKey, Request,
        consumer_protocol::{Assignment, NEWEST, Subscription},
        sample::{Sample, Sampler},
    },
    record::{
        Codec, MarkerType,
        build::{BatchBuilder, MessageSetBuilder, NewRecord, compress, control_batch},
    },
    testing::{
        Cluster, KafkaRelease, Record,
        broker::{Action, ConnectionId, Settings},
    },
    wire::{Encoder, Wire},
};

use crate::answers::{self, TOPIC};

/// An input, and the target that it is for.
pub type Seed = (&'static str, Vec<u8>);

const CODECS: [Codec; 5] = [
    Codec::None,
    Codec::Gzip,
    Codec::Snappy,
    Codec::Lz4,
    Codec::Zstd,
];

/// A few of every kind.
pub fn seeds() -> Vec<Seed> {
    let mut seeds = vec![
        (
            "frames",
            [&[3][..], &frame(b"first"), &frame(b""), &frame(&[7; 300])].concat(),
        ),
        ("frames", b"\x20HTTP/1.1 400 Bad Request".to_vec()),
        ("versions", versions()),
    ];
    messages(&mut seeds);
    exchanges(&mut seeds);
    records(&mut seeds);
    blobs(&mut seeds);
    seeds
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn versions() -> Vec<u8> {
    let ranges = ApiKey::ALL.iter().flat_map(|api| {
        let versions = api.versions();
        [api.key(), *versions.start(), *versions.end()].map(i16::to_be_bytes)
    });
    [&[3][..], &ranges.collect::<Vec<_>>().concat()].concat()
}

fn messages(seeds: &mut Vec<Seed>) {
    let mut index = 0;
    for_each_api!(message(&mut index, seeds));
}

#[expect(
    clippy::extra_unused_type_parameters,
    reason = "for_each_api! gives all three"
)]
fn message<R, Theirs, TheirResponse>(index: &mut u8, seeds: &mut Vec<Seed>)
where
    R: Request<Response: Sample> + Sample,
{
    let versions = R::VERSIONS;
    for version in [*versions.start(), *versions.end()] {
        let place = [*index, (version - versions.start()) as u8];
        let flexible = R::API.is_flexible(version);
        let mut sampler = Sampler::full(version, 1);
        let request = written(&R::sample(&mut sampler), version, flexible);
        let response = written(&R::Response::sample(&mut sampler), version, flexible);
        seeds.push(("requests", [&place[..], &request].concat()));
        seeds.push(("responses", [&place[..], &response].concat()));
    }
    *index += 1;
}

fn written(message: &impl Wire, version: i16, flexible: bool) -> Vec<u8> {
    let mut encoder = Encoder::new(version, flexible);
    message
        .encode(&mut encoder)
        .expect("a sample fits its version");
    encoder.into_bytes()
}

/// Each question, put to the in-process cluster of an old and of the newest release, and its answer.
fn exchanges(seeds: &mut Vec<Seed>) {
    for (release, ceiling) in [
        (KafkaRelease::V0_11, KafkaVersion::V0_11_0_0),
        (KafkaRelease::NEWEST, KafkaVersion::MAX),
    ] {
        let now = Instant::now();
        let mut cluster = Cluster::new(now, Settings::new(2, release));
        cluster.create_topic(now, TOPIC, 2);
        for partition in answers::PARTITIONS {
            let records = [Record::from(("key", "value"))];
            cluster.produce(now, TOPIC, partition, Codec::None, &records);
        }
        let versions = Versions::of_release(ceiling);
        let mut script = Vec::new();
        let mut connection = vec![9, 2, 0, 18, 0];
        for (index, call) in (0..).zip(answers::calls()) {
            let request = call
                .encode(&versions, 1, "seed")
                .expect("every release has it");
            let step = u16::try_from(request.frame.len() - 4).expect("it is short");
            script.extend([&[0][..], &step.to_be_bytes(), &request.frame[4..]].concat());
            let Some(answer) = answer(&mut cluster, now, &request.frame[4..]) else {
                continue;
            };
            let first = *call.api().versions().start();
            let version = (request.version - first) as u8;
            seeds.push(("answers", [&[index, version][..], &answer].concat()));
            if let Call::Fetch(_) = call {
                seeds.push(("fetch_answers", [&[version][..], &answer].concat()));
            }
            let length = (answer.len() as u16).to_be_bytes();
            connection.extend([&[1][..], &length, &answer].concat());
        }
        seeds.push(("fake_cluster", [&[0][..], &script].concat()));
        seeds.push(("connection", connection));
    }
}

/// The answer behind its length and its correlation id, if it comes at once.
fn answer(cluster: &mut Cluster, now: Instant, request: &[u8]) -> Option<Vec<u8>> {
    cluster.handle(now, 1, ConnectionId(1), request.to_vec());
    match cluster.poll_output()?.action {
        Action::Send(frame) => Some(frame[8..].to_vec()),
        Action::Close => None,
    }
}

fn records(seeds: &mut Vec<Seed>) {
    let record = NewRecord {
        timestamp_ms: 1_700_000_000_000,
        key: Some(b"key"),
        value: Some(b"value value value value"),
        headers: &[(b"header", Some(b"one")), (b"header", None)],
    };
    let without_headers = NewRecord {
        headers: &[],
        ..record
    };
    for codec in CODECS {
        let mut batch = BatchBuilder::new(3).codec(codec);
        let batch = batch
            .push(&record)
            .skip_offsets(2)
            .push(&NewRecord::default())
            .build();
        seeds.push(("batches", [&[0, 0][..], &batch].concat()));
        seeds.push(("batches", [&[1, 4][..], &batch].concat()));
        for magic in [0, 1] {
            if codec == Codec::Zstd {
                continue;
            }
            let mut set = MessageSetBuilder::new(magic, 3).codec(codec);
            let set = set.push(&without_headers).push(&without_headers).build();
            seeds.push(("message_sets", [&[0, magic, 0][..], &set].concat()));
            if codec == Codec::None {
                for how in [1, 2, 5, 8, 11] {
                    seeds.push(("message_sets", [&[how, magic, 0][..], &set].concat()));
                }
            }
        }
    }
    let mut plain = BatchBuilder::new(0);
    let plain = plain.push(&record).push(&record).build();
    seeds.push(("batches", [&[2, 0][..], &plain].concat()));
    let marker = control_batch(9, 1, 0, MarkerType::Abort, 0);
    seeds.push(("batches", [&[0, 0][..], &plain, &marker].concat()));
    let content = b"what is compressed is compressed is compressed".repeat(20);
    seeds.push(("gzip", compress(Codec::Gzip, &content)));
    seeds.push(("gzip", compress(Codec::Gzip, b"member").repeat(2)));
    seeds.push(("snappy", compress(Codec::Snappy, &content)));
    seeds.push(("snappy", compress(Codec::Snappy, &content)[20..].to_vec()));
    seeds.push(("lz4", compress(Codec::Lz4, &content)));
    let frame = compress(Codec::Zstd, &content);
    seeds.push(("zstd", [&[0][..], &frame].concat()));
    seeds.push(("zstd", [&[1, 6, 0][..], &content].concat()));
    seeds.push(("zstd", [&[1, 22, 1, 0, 30, 200][..], &content].concat()));
}

fn blobs(seeds: &mut Vec<Seed>) {
    for version in 0..=NEWEST {
        let mut sampler = Sampler::full(version, 1);
        let subscription = Subscription::sample(&mut sampler).to_bytes(version);
        seeds.push(("subscriptions", subscription.expect("a known version")));
        let assignment = Assignment::sample(&mut sampler).to_bytes(version);
        seeds.push(("assignments", assignment.expect("a known version")));
    }
}
