//! Every message that is declared, at every version, read as it is on the wire.

use std::fmt::Debug;

use bytes::Bytes;
use golden_tests::{Tree, for_each_api};
use kafka_protocol::protocol::{Decodable, Message as TheirMessage};
use sarama_cluster::{
    protocol::{ApiKey, Message, Request, sample::Sample},
    wire::{Decoder, Encoder},
};

/// The first two bytes choose an API and a version, the rest is the body of a response.
pub(crate) fn responses(data: &[u8]) {
    let mut chosen = Chosen::new(data);
    for_each_api!(response(&mut chosen));
}

/// The same for requests.
pub(crate) fn requests(data: &[u8]) {
    let mut chosen = Chosen::new(data);
    for_each_api!(request(&mut chosen));
}

struct Chosen<'a> {
    /// Messages to pass over before the chosen one.
    passed: usize,
    version: u8,
    body: &'a [u8],
}

/// The number of pairs in `for_each_api!`.
const MESSAGES: usize = 26;

impl<'a> Chosen<'a> {
    fn new(data: &'a [u8]) -> Self {
        let [message, version, body @ ..] = data else {
            return Self {
                passed: 0,
                version: 0,
                body: &[],
            };
        };
        Self {
            passed: usize::from(*message) % MESSAGES,
            version: *version,
            body,
        }
    }

    /// The version, if this is the message.
    fn version<R: Request>(&mut self) -> Option<i16> {
        let is_it = self.passed == 0;
        self.passed = self.passed.wrapping_sub(1);
        let count = R::VERSIONS.end() - R::VERSIONS.start() + 1;
        is_it.then(|| R::VERSIONS.start() + i16::from(self.version) % count)
    }
}

#[expect(
    clippy::extra_unused_type_parameters,
    reason = "for_each_api! gives all three"
)]
fn response<R, TheirRequest, Theirs>(chosen: &mut Chosen<'_>)
where
    R: Request<Response: Sample>,
    Theirs: Decodable + TheirMessage + Default + Debug,
{
    if let Some(version) = chosen.version::<R>() {
        check::<R::Response, Theirs>(R::API, version, chosen.body);
    }
}

#[expect(
    clippy::extra_unused_type_parameters,
    reason = "for_each_api! gives all three"
)]
fn request<R, Theirs, TheirResponse>(chosen: &mut Chosen<'_>)
where
    R: Request + Sample,
    Theirs: Decodable + TheirMessage + Default + Debug,
{
    if let Some(version) = chosen.version::<R>() {
        check::<R, Theirs>(R::API, version, chosen.body);
    }
}

/// What can be read can be written, and then says the same to us and to `kafka-protocol`. They get only
/// what we have written: they believe a count whatever it is.
fn check<Ours, Theirs>(api: ApiKey, version: i16, body: &[u8])
where
    Ours: Message + Sample,
    Theirs: Decodable + TheirMessage + Default + Debug,
{
    let flexible = api.is_flexible(version);
    let Ok(mut read) = Decoder::new(body, version, flexible).decode_whole::<Ours>() else {
        return;
    };
    read.own_records(body);
    let mut encoder = Encoder::new(version, flexible);
    read.encode(&mut encoder)
        .unwrap_or_else(|error| panic!("{api} {version}: {error}: {read:?}"));
    let again = encoder.into_bytes();
    let mut second: Ours = Decoder::new(&again, version, flexible)
        .decode_whole()
        .expect("we have written it");
    second.own_records(&again);
    assert_eq!(read, second, "{api} {version}");

    let theirs = Theirs::VERSIONS;
    if !(theirs.min..=theirs.max).contains(&version) || !is_plain(body) {
        return;
    }
    let mut rest = Bytes::from(again);
    let theirs = Theirs::decode(&mut rest, version)
        .unwrap_or_else(|error| panic!("{api} {version}: {error}: {read:?}"));
    assert!(rest.is_empty(), "they have read it all: {read:?}");
    let unset = Tree::of(&Theirs::default(), &[]);
    let mut differences = Tree::of(&read, &[]).differences(&Tree::of(&theirs, &[]), &unset);
    differences.retain(|difference| !is_default_of_its_own(difference));
    assert_eq!(differences, [""; 0], "{api} {version}: {read:?}");
}

/// Comparing goes by what `Debug` shows, and reads no strings with quotes in them.
pub(crate) fn is_plain(body: &[u8]) -> bool {
    !body.contains(&b'"') && !body.contains(&b'\\')
}

/// What a field has in versions that lack it, where we differ: see the tests of `golden-tests`.
fn is_default_of_its_own(difference: &str) -> bool {
    [
        ".replica_id: -1 here, -2 there",
        ".error_message: None here, \"\" there",
        ".topics[].configs: None here, [] there",
    ]
    .contains(&difference)
}
