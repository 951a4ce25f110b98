//! Frames: the headers of requests and responses, and what stands around a body.
//!
//! Two exceptions to the rules of flexible versions live here and nowhere else: the client id keeps its
//! classic form, and a response to ApiVersions keeps header version 0, since its reader does not know yet
//! what the broker speaks.

use crate::{
    protocol::{ApiKey, ErrorCode, Request},
    wire::{Decoder, Encoder, ErrorKind, Input, Result, Wire},
};

/// What stands before the body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// The API; it may be one that is not declared here, see [`api`](Self::api).
    pub api_key: i16,
    /// The version of the body, and of the response.
    pub api_version: i16,
    /// Comes back in the response.
    pub correlation_id: i32,
    /// A name of the client for logs and quotas.
    pub client_id: Option<String>,
}

impl RequestHeader {
    /// The API, if it is declared here.
    pub fn api(&self) -> Option<ApiKey> {
        ApiKey::from_key(self.api_key)
    }
}

/// Writes a whole request frame, its length in front.
pub fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<Vec<u8>> {
    check_version::<R>(version)?;
    let flexible = R::API.is_flexible(version);
    let mut encoder = Encoder::new(version, flexible);
    encoder.write_i32(0);
    encoder.write_i16(R::API.key());
    encoder.write_i16(version);
    encoder.write_i32(correlation_id);
    encoder.write_classic_nullable_string(client_id)?;
    if flexible {
        encoder.write_tagged_fields(&Default::default())?;
    }
    request.encode(&mut encoder)?;
    finish_frame(encoder)
}

/// Reads the header of a request frame, which comes without its length. The body is behind the cursor, set
/// to its version if the API is declared here: [`decode_body`].
pub fn decode_request_header(frame: &[u8]) -> Result<(RequestHeader, Decoder<'_>)> {
    let mut decoder = Decoder::new(frame, 0, false);
    let header = RequestHeader {
        api_key: decoder.read_i16()?,
        api_version: decoder.read_i16()?,
        correlation_id: decoder.read_i32()?,
        client_id: decoder.read_classic_nullable_string()?.map(str::to_owned),
    };
    if let Some(api) = header.api() {
        let flexible = api.is_flexible(header.api_version);
        if flexible {
            decoder.read_tagged_fields(|_, _| Ok(false))?;
        }
        decoder.set_version(header.api_version, flexible);
    }
    Ok((header, decoder))
}

/// Reads the body of a request, whose header was read before.
pub fn decode_body<R: Request>(body: Decoder<'_>) -> Result<R> {
    check_version::<R>(body.version())?;
    body.decode_whole()
}

/// Writes a whole response frame, its length in front.
pub fn encode_response<R: Request>(
    response: &R::Response,
    version: i16,
    correlation_id: i32,
) -> Result<Vec<u8>> {
    check_version::<R>(version)?;
    let mut encoder = Encoder::new(version, R::API.is_flexible(version));
    encoder.write_i32(0);
    encoder.write_i32(correlation_id);
    if has_flexible_response_header(R::API, version) {
        encoder.write_tagged_fields(&Default::default())?;
    }
    response.encode(&mut encoder)?;
    finish_frame(encoder)
}

/// Reads a response frame, which comes without its length, to a request of that version. Gives the
/// correlation id too, which tells a response from an answer to something else.
pub fn decode_response<R: Request>(frame: &[u8], version: i16) -> Result<(i32, R::Response)> {
    decode_response_of::<R>(frame.into(), version)
}

/// As [`decode_response`], within bounds, and from what there is of a frame.
pub fn decode_response_of<R: Request>(
    input: Input<'_>,
    version: i16,
) -> Result<(i32, R::Response)> {
    check_version::<R>(version)?;
    let flexible = R::API.is_flexible(version);
    let mut decoder = Decoder::of(input, version, flexible);
    let correlation_id = decoder.read_i32()?;
    if has_flexible_response_header(R::API, version) {
        decoder.read_tagged_fields(|_, _| Ok(false))?;
    }
    if R::API == ApiKey::ApiVersions && is_unsupported_version(&decoder) {
        decoder.set_version(0, false);
    }
    let response = decoder.decode_whole()?;
    Ok((correlation_id, response))
}

/// A broker that does not speak the version of an ApiVersions request says so in version 0 (KIP-511).
fn is_unsupported_version(body: &Decoder<'_>) -> bool {
    body.clone()
        .read_i16()
        .is_ok_and(|code| ErrorCode(code) == ErrorCode::UNSUPPORTED_VERSION)
}

fn has_flexible_response_header(api: ApiKey, version: i16) -> bool {
    api.is_flexible(version) && api != ApiKey::ApiVersions
}

fn check_version<R: Request>(version: i16) -> Result<()> {
    if R::VERSIONS.contains(&version) {
        Ok(())
    } else {
        Err(ErrorKind::UnsupportedVersion(version).into())
    }
}

/// Sets the length, which does not count its own four bytes.
fn finish_frame(mut encoder: Encoder) -> Result<Vec<u8>> {
    let length = encoder.position() - size_of::<i32>();
    encoder.patch_i32(
        0,
        length.try_into().map_err(|_| ErrorKind::TooLong(length))?,
    );
    Ok(encoder.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{api_versions, heartbeat};

    #[test]
    fn a_flexible_request_has_tags_behind_a_classic_client_id() {
        let request = heartbeat::Request {
            group_id: "g".into(),
            ..Default::default()
        };
        let frame = encode_request(&request, 4, 7, Some("me")).unwrap();
        let header = [0, 0, 0, 22, 0, 12, 0, 4, 0, 0, 0, 7, 0, 2, b'm', b'e', 0];
        assert_eq!(frame[..17], header);
        assert_eq!(frame[17..], [2, b'g', 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn the_mirror_reads_what_was_written() {
        for version in ApiKey::Heartbeat.versions() {
            let request = heartbeat::Request {
                group_id: "g".into(),
                ..Default::default()
            };
            let frame = encode_request(&request, version, -5, None).unwrap();
            let (header, body) = decode_request_header(&frame[4..]).unwrap();
            assert_eq!(header.api(), Some(ApiKey::Heartbeat));
            assert_eq!((header.correlation_id, header.client_id), (-5, None));
            assert_eq!(decode_body::<heartbeat::Request>(body), Ok(request));

            let response = heartbeat::Response {
                error_code: ErrorCode(27),
                ..Default::default()
            };
            let frame = encode_response::<heartbeat::Request>(&response, version, -5).unwrap();
            let read = decode_response::<heartbeat::Request>(&frame[4..], version);
            assert_eq!(read, Ok((-5, response)));
        }
    }

    #[test]
    fn an_api_versions_response_has_no_tags_in_its_header() {
        let frame = encode_response::<api_versions::Request>(&Default::default(), 3, 1).unwrap();
        assert_eq!(
            frame[8..10],
            [0, 0],
            "the error code follows the correlation id"
        );
    }

    #[test]
    fn a_broker_that_does_not_speak_the_version_of_api_versions_is_understood() {
        let refusal = api_versions::Response {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            ..Default::default()
        };
        let frame = encode_response::<api_versions::Request>(&refusal, 0, 1).unwrap();
        assert_eq!(
            decode_response::<api_versions::Request>(&frame[4..], 4),
            Ok((1, refusal))
        );
    }

    #[test]
    fn the_header_of_an_undeclared_api_is_read_as_far_as_it_is_known() {
        let frame = [0x7f, 0xff, 0, 9, 0, 0, 0, 1, 0, 1, b'x', 42];
        let (header, body) = decode_request_header(&frame).unwrap();
        assert_eq!(
            (header.api_key, header.api(), header.api_version),
            (0x7fff, None, 9)
        );
        assert_eq!(body.rest(), [42]);
    }

    #[test]
    fn a_version_that_is_not_declared_is_refused() {
        let error = encode_request(&heartbeat::Request::default(), 5, 0, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedVersion(5));
    }

    #[test]
    fn a_value_without_a_place_in_the_version_is_refused_unless_it_may_be_ignored() {
        let request = heartbeat::Request {
            group_instance_id: Some("i".into()),
            ..Default::default()
        };
        let error = encode_request(&request, 2, 0, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotInVersion(2));
        assert_eq!(error.field(), Some("heartbeat::Request.group_instance_id"));

        let response = heartbeat::Response {
            throttle_time_ms: 1,
            ..Default::default()
        };
        assert!(encode_response::<heartbeat::Request>(&response, 0, 0).is_ok());
    }

    #[test]
    fn an_error_names_the_innermost_field() {
        let frame = [0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0];
        let error = decode_response::<api_versions::Request>(&frame, 0).unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::CountBeyondInput {
                count: 1,
                remaining: 4
            }
        );
        assert_eq!(error.field(), Some("api_versions::Response.api_keys"));
    }
}
