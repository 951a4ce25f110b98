//! Messages that Kafka's own Java classes have written, see README.md: all versions that the crate
//! `kafka-protocol` lacks, and in every version the messages whose nullable fields are all null.
//!
//! Each comes with its values by name. We must read those values under those names, and write the same bytes.

use std::{any::Any, fs, path::Path};

use golden_tests::{Tree, for_each_api};
use kafka_protocol::protocol::{Message as Theirs, VersionRange};
use sarama_cluster::{
    protocol::{ErrorCode, Message, Request, fetch, produce},
    wire::{Decoder, Encoder},
};

struct Written {
    /// As "Fetch request 3".
    title: String,
    values: String,
    bytes: Vec<u8>,
}

#[test]
fn versions_that_kafka_protocol_lacks_are_as_kafka_writes_them() {
    let all: Vec<_> = [written("old.txt"), written("new.txt")]
        .into_iter()
        .flatten()
        .collect();
    let mut compared = 0;
    for_each_api!(compare_lacking(&all, &mut compared));
    assert_eq!(compared, all.len(), "all of the files belongs to some API");
}

#[test]
fn nulls_are_as_kafka_writes_them() {
    let all = written("nulls.txt");
    let mut compared = 0;
    for_each_api!(compare_nulls(&all, &mut compared));
    assert_eq!(compared, all.len(), "all of the file belongs to some API");
}

#[test]
fn error_codes_are_those_of_kafka() {
    let ours = ErrorCode::ALL.iter().map(|code| {
        let kind = if code.is_retriable() {
            "retriable"
        } else {
            "final"
        };
        format!("{} {} {kind}\n", code.0, code.name())
    });
    assert_eq!(ours.collect::<String>(), read("errors.txt"));
}

/// Versions that the crate lacks must be in the files, in both directions.
fn compare_lacking<R, TheirRequest, TheirResponse>(all: &[Written], compared: &mut usize)
where
    R: Request,
    TheirRequest: Theirs,
    TheirResponse: Theirs,
{
    let [request, response] = [TheirRequest::VERSIONS, TheirResponse::VERSIONS];
    for version in R::VERSIONS {
        let has = |range: VersionRange| (range.min..=range.max).contains(&version);
        let found = compare_version::<R>(all, version);
        assert!(
            found == 2 || (has(request) && has(response)),
            "{} {version} is in neither",
            R::API
        );
        *compared += found;
    }
}

#[expect(
    clippy::extra_unused_type_parameters,
    reason = "for_each_api! gives all three"
)]
fn compare_nulls<R: Request, TheirRequest, TheirResponse>(all: &[Written], compared: &mut usize) {
    *compared += R::VERSIONS
        .map(|version| compare_version::<R>(all, version))
        .sum::<usize>();
}

fn compare_version<R: Request>(all: &[Written], version: i16) -> usize {
    let flexible = R::API.is_flexible(version);
    let find = |kind: &str| {
        let title = format!("{} {kind} {version}", R::API);
        all.iter().find(|written| written.title == title)
    };
    let request = find("request").map(|written| compare::<R>(written, version, flexible));
    let response =
        find("response").map(|written| compare::<R::Response>(written, version, flexible));
    request.iter().chain(&response).count()
}

fn compare<M: Message>(written: &Written, version: i16, flexible: bool) {
    let Written {
        title,
        values,
        bytes,
    } = written;
    let mut message: M = Decoder::new(bytes, version, flexible)
        .decode_whole()
        .expect(title);

    let nothing = Tree::parse("Struct { }", &[]);
    let mut differences =
        Tree::of(&message, bytes).differences(&Tree::parse(values, &[]), &nothing);
    let all_differences = differences.len();
    // No records and null are the same to us, and we write the former.
    differences.retain(|difference| !difference.ends_with(".records: [] here, None there"));
    assert_eq!(differences, [""; 0], "{title}: {values}");

    if all_differences == 0 {
        own_records(&mut message, bytes);
        let mut encoder = Encoder::new(version, flexible);
        message.encode(&mut encoder).expect(title);
        assert_eq!(encoder.into_bytes(), *bytes, "{title}: {values}");
    }
}

/// A message that was read has its records in the frame only.
fn own_records(message: &mut dyn Any, frame: &[u8]) {
    if let Some(response) = message.downcast_mut::<fetch::Response>() {
        for partition in response
            .responses
            .iter_mut()
            .flat_map(|topic| &mut topic.partitions)
        {
            partition.records = partition.records.to_owned(frame);
        }
    } else if let Some(request) = message.downcast_mut::<produce::Request>() {
        for partition in request
            .topic_data
            .iter_mut()
            .flat_map(|topic| &mut topic.partition_data)
        {
            partition.records = partition.records.to_owned(frame);
        }
    }
}

fn written(file: &str) -> Vec<Written> {
    let text = read(file);
    let lines: Vec<_> = text.lines().collect();
    let (messages, rest) = lines.as_chunks::<3>();
    assert!(rest.is_empty(), "{file} has three lines a message");
    let message = |&[title, values, bytes]: &[&str; 3]| Written {
        title: title.strip_prefix("# ").expect("a title").to_owned(),
        values: values.to_owned(),
        bytes: from_hex(bytes),
    };
    messages.iter().map(message).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit") as u8;
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("java/bytes")
        .join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
