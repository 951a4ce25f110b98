//! Every message against the crate `kafka-protocol`, in every version that both have.
//!
//! A message of made-up values is written by us and read by them. Under each name they must have read the value
//! that we have under that name: this finds two fields of one type that have changed places, which our own
//! reader would put back. Then they write, and the bytes must be ours; then we read.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use golden_tests::{Tree, for_each_api};
use kafka_protocol::{
    messages::{self as theirs, ConsumerProtocolAssignment, ConsumerProtocolSubscription},
    protocol::{Decodable, Encodable, HeaderVersion, Message},
};
use sarama_cluster::protocol::{
    ApiKey, Request,
    consumer_protocol::{Assignment, NEWEST, Subscription},
    header::{
        decode_body, decode_request_header, decode_response, encode_request, encode_response,
    },
    sample::{Sample, Sampler},
};

/// Messages with arbitrary gaps per version, beside the one with none.
const SEEDS: u64 = 60;

/// What a field has in versions that lack it, where we differ. A consumer is −1, and no text is null.
const OTHER_DEFAULTS: &[(ApiKey, &str)] = &[
    (
        ApiKey::OffsetForLeaderEpoch,
        ".replica_id: -1 here, -2 there",
    ),
    (
        ApiKey::FindCoordinator,
        ".error_message: None here, \"\" there",
    ),
    (
        ApiKey::CreateTopics,
        ".topics[].configs: None here, [] there",
    ),
];

const CORRELATION_ID: i32 = -0x0102_0304;

#[test]
fn requests_are_what_kafka_protocol_reads_and_writes() {
    for_each_api!(compare_requests());
}

#[test]
fn responses_are_what_kafka_protocol_reads_and_writes() {
    for_each_api!(compare_responses());
}

#[expect(
    clippy::extra_unused_type_parameters,
    reason = "for_each_api! gives all three"
)]
fn compare_requests<R, Theirs, TheirResponse>()
where
    R: Request + Sample,
    Theirs: Decodable + Encodable + HeaderVersion + Message + Default + Debug,
{
    let theirs = Theirs::VERSIONS;
    for version in R::VERSIONS.filter(|version| (theirs.min..=theirs.max).contains(version)) {
        for request in samples::<R>(version) {
            let frame = encode_request(&request, version, CORRELATION_ID, Some("client")).unwrap();
            let (length, frame) = frame.split_at(4);
            assert_eq!(length, (frame.len() as u32).to_be_bytes());

            let mut rest = Bytes::copy_from_slice(frame);
            let header =
                theirs::RequestHeader::decode(&mut rest, Theirs::header_version(version)).unwrap();
            assert_eq!(header.request_api_key, R::API.key());
            assert_eq!(header.request_api_version, version);
            assert_eq!(header.correlation_id, CORRELATION_ID);
            assert_eq!(header.client_id.as_deref(), Some("client"));
            compare_body::<Theirs>(&request, &rest, version, R::API);

            let (header, body) = decode_request_header(frame).unwrap();
            assert_eq!(header.correlation_id, CORRELATION_ID);
            let read: R = decode_body(body).unwrap();
            assert_eq!(Tree::of(&read, frame), Tree::of(&request, &[]));
        }
    }
}

#[expect(
    clippy::extra_unused_type_parameters,
    reason = "for_each_api! gives all three"
)]
fn compare_responses<R, TheirRequest, Theirs>()
where
    R: Request<Response: Sample>,
    Theirs: Decodable + Encodable + HeaderVersion + Message + Default + Debug,
{
    let theirs = Theirs::VERSIONS;
    for version in R::VERSIONS.filter(|version| (theirs.min..=theirs.max).contains(version)) {
        for response in samples::<R::Response>(version) {
            let frame = encode_response::<R>(&response, version, CORRELATION_ID).unwrap();
            let (length, frame) = frame.split_at(4);
            assert_eq!(length, (frame.len() as u32).to_be_bytes());

            let mut rest = Bytes::copy_from_slice(frame);
            let header =
                theirs::ResponseHeader::decode(&mut rest, Theirs::header_version(version)).unwrap();
            assert_eq!(header.correlation_id, CORRELATION_ID);
            compare_body::<Theirs>(&response, &rest, version, R::API);

            let (correlation_id, read) = decode_response::<R>(frame, version).unwrap();
            assert_eq!(correlation_id, CORRELATION_ID);
            assert_eq!(Tree::of(&read, frame), Tree::of(&response, &[]));
        }
    }
}

fn samples<M: Sample>(version: i16) -> impl Iterator<Item = M> {
    let full = M::sample(&mut Sampler::full(version, 1));
    let mixed = (0..SEEDS).map(move |seed| M::sample(&mut Sampler::mixed(version, seed)));
    std::iter::once(full).chain(mixed)
}

fn compare_body<Theirs>(ours: &impl Debug, body: &Bytes, version: i16, api: ApiKey)
where
    Theirs: Decodable + Encodable + Default + Debug,
{
    let context = format!("{api} {version}: {ours:?}");
    let mut rest = body.clone();
    let read = Theirs::decode(&mut rest, version).expect(&context);
    assert!(rest.is_empty(), "they have read it all: {context}");

    let unset = Tree::of(&Theirs::default(), &[]);
    for difference in Tree::of(ours, &[]).differences(&Tree::of(&read, &[]), &unset) {
        assert!(
            OTHER_DEFAULTS.contains(&(api, &difference)),
            "{difference}: {context}"
        );
    }

    let mut written = BytesMut::new();
    read.encode(&mut written, version).expect(&context);
    assert_eq!(&written, body, "{context}");
}

#[test]
fn blobs_are_what_kafka_protocol_reads_and_writes() {
    for version in 0..=NEWEST {
        for subscription in samples::<Subscription>(version) {
            let blob = subscription.to_bytes(version).unwrap();
            compare_blob::<ConsumerProtocolSubscription>(&subscription, &blob, version);
            assert_eq!(Subscription::from_bytes(&blob), Ok(subscription));
        }
        for assignment in samples::<Assignment>(version) {
            let blob = assignment.to_bytes(version).unwrap();
            compare_blob::<ConsumerProtocolAssignment>(&assignment, &blob, version);
            assert_eq!(Assignment::from_bytes(&blob), Ok(assignment));
        }
    }
}

fn compare_blob<Theirs>(ours: &impl Debug, blob: &[u8], version: i16)
where
    Theirs: Decodable + Encodable + Default + Debug,
{
    let (prefix, body) = blob.split_at(2);
    assert_eq!(prefix, version.to_be_bytes());
    compare_body::<Theirs>(
        ours,
        &Bytes::copy_from_slice(body),
        version,
        ApiKey::JoinGroup,
    );
}
