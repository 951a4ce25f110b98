//! Each call in each version, against the server's side of the declared messages, and the traps.

mod fetch;
mod list_offsets;
mod membership;
mod metadata;
mod offsets;
mod versions;

use std::error::Error as _;

use crate::{
    call::{Answer, Call, Limits, Versions},
    config::KafkaVersion,
    error::{Error, ErrorKind},
    protocol::{ApiKey, Request, api_versions::ApiVersion, header},
    record,
};

const CORRELATION_ID: i32 = 77;

/// A broker that speaks just these versions of the API.
fn broker(api: ApiKey, min_version: i16, max_version: i16) -> Versions {
    let listed = ApiVersion {
        api_key: api.key(),
        min_version,
        max_version,
    };
    Versions::negotiate(&[listed], KafkaVersion::MAX)
}

/// What a broker reads that speaks this version alone.
#[track_caller]
fn asked<R: Request>(call: &Call, version: i16) -> R {
    let versions = broker(R::API, version, version);
    let request = call.encode(&versions, CORRELATION_ID, "me").unwrap();
    assert_eq!(request.version, version);
    let (length, frame) = request.frame.split_first_chunk().unwrap();
    assert_eq!(i32::from_be_bytes(*length) as usize, frame.len());
    let (header, body) = header::decode_request_header(frame).unwrap();
    assert_eq!((header.api(), header.api_version), (Some(R::API), version));
    assert_eq!(header.correlation_id, CORRELATION_ID);
    assert_eq!(header.client_id.as_deref(), Some("me"));
    header::decode_body(body).unwrap()
}

/// What becomes of a broker's answer in this version.
fn answered<R: Request>(
    call: &Call,
    version: i16,
    response: &R::Response,
) -> Result<Answer, Error> {
    let frame = header::encode_response::<R>(response, version, CORRELATION_ID).unwrap();
    call.decode(
        version,
        &frame[4..],
        &Limits::default(),
        &record::Recycler::new(),
    )
}

/// The version chosen for a broker that speaks these.
fn chosen(call: &Call, min: i16, max: i16) -> Result<i16, Error> {
    let request = call.encode(&broker(call.api(), min, max), 0, "me")?;
    Ok(request.version)
}

/// The kind of the error, and the words of its source.
#[track_caller]
fn said<T>(result: Result<T, Error>) -> (ErrorKind, String) {
    let Err(error) = result else {
        panic!("an error was expected");
    };
    let source = error.source().map(ToString::to_string);
    (error.kind().clone(), source.unwrap_or_default())
}

#[track_caller]
fn assert_unfit(result: Result<Answer, Error>, words: &str) {
    assert_eq!(said(result), (ErrorKind::Protocol, words.to_owned()));
}

#[track_caller]
fn assert_no_version(result: Result<i16, Error>, words: &str) {
    assert_eq!(said(result), (ErrorKind::Version, words.to_owned()));
}
