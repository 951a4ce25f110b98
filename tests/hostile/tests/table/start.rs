//! What a broker can say to the very first question on a connection: which versions it speaks.

use sarama_cluster::{
    ErrorKind,
    protocol::{ErrorCode, api_versions},
    testing::ApiKey,
};

use crate::{
    alter::{self, answer},
    case::{Case, Setting},
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = at_first();
    cases.extend(later());
    cases
}

/// Of the broker that is asked first.
fn at_first() -> Vec<Case> {
    let said = |name: &str, says, change: fn(&mut api_versions::Response)| {
        let alter = answer::<api_versions::Request>(change);
        let name = format!("ApiVersions: {name}");
        Case::new(name, Setting::Start, ApiKey::ApiVersions, says, alter)
    };
    let bytes = |name: &str, says, alter| {
        let name = format!("ApiVersions: {name}");
        Case::new(name, Setting::Start, ApiKey::ApiVersions, says, alter)
    };
    let unsupported = ErrorCode::UNSUPPORTED_VERSION;
    vec![
        bytes(
            "other versions, again and again",
            "UNSUPPORTED_VERSION",
            // Said in the oldest version (KIP-511).
            alter::body(|body| *body = vec![0, 35, 0, 0, 0, 0]),
        )
        .kind(ErrorKind::Broker(unsupported)),
        said("an error", "UNKNOWN_SERVER_ERROR", |v| {
            v.error_code = ErrorCode::UNKNOWN_SERVER_ERROR;
        })
        .kind(ErrorKind::Broker(ErrorCode::UNKNOWN_SERVER_ERROR)),
        said("nothing", "the broker does not have it", |v| {
            v.api_keys.clear();
        })
        .kind(ErrorKind::Version),
        said("ranges upside down", "the broker speaks no version", |v| {
            for api in &mut v.api_keys {
                (api.min_version, api.max_version) = (9, 3);
            }
        })
        .kind(ErrorKind::Version),
        said(
            "versions below zero",
            "the broker speaks versions -5 to -1",
            |v| {
                for api in &mut v.api_keys {
                    (api.min_version, api.max_version) = (-5, -1);
                }
            },
        )
        .kind(ErrorKind::Version),
        bytes(
            "2³² APIs",
            "elements cannot be in the",
            alter::body(|body| {
                body.truncate(2);
                body.extend([0xff, 0xff, 0xff, 0xff, 0x0f]);
            }),
        ),
        bytes(
            "cut off",
            " needed, ",
            alter::body(|body| {
                body.pop();
            }),
        ),
        bytes(
            "2 MiB",
            "more than the",
            alter::body(|body| body.resize(2 << 20, 0)),
        ),
        bytes(
            "another correlation id",
            "the answer is to request",
            alter::frame(|mut frame| {
                frame[5] ^= 1;
                frame
            }),
        ),
        bytes(
            "a length below zero",
            "an answer of -2 bytes",
            alter::frame(|mut frame| {
                frame[..4].copy_from_slice(&(-2_i32).to_be_bytes());
                frame
            }),
        ),
    ]
}

/// Of the leader of a partition, or of the group coordinator: it cannot be done without, and is asked again.
fn later() -> Vec<Case> {
    let case = |name: &str, setting, says, alter| {
        let name = format!("ApiVersions, later: {name}");
        Case::new(name, setting, ApiKey::ApiVersions, says, alter).kind(ErrorKind::Version)
    };
    let without = |api: ApiKey| {
        answer::<api_versions::Request>(move |answer| {
            answer.api_keys.retain(|listed| listed.api_key != api.key());
        })
    };
    let nothing = |setting, says| {
        let alter = answer::<api_versions::Request>(|answer| answer.api_keys.clear());
        case("nothing", setting, says, alter)
    };
    let refused = |setting| {
        let alter = alter::body(|body| *body = vec![0, 35, 0, 0, 0, 0]);
        case(
            "other versions, again and again",
            setting,
            "UNSUPPORTED_VERSION",
            alter,
        )
        .kind(ErrorKind::Broker(ErrorCode::UNSUPPORTED_VERSION))
    };
    vec![
        nothing(Setting::Broker, "ListOffsets is needed"),
        case(
            "no Fetch",
            Setting::Broker,
            "Fetch is needed",
            without(ApiKey::Fetch),
        ),
        refused(Setting::Broker),
        refused(Setting::Coordinator),
        nothing(Setting::Coordinator, "JoinGroup is needed"),
        case(
            "no JoinGroup",
            Setting::Joining,
            "JoinGroup is needed",
            without(ApiKey::JoinGroup),
        ),
        case(
            "no SyncGroup",
            Setting::Joining,
            "SyncGroup is needed",
            without(ApiKey::SyncGroup),
        ),
        case(
            "no OffsetFetch",
            Setting::Joining,
            "OffsetFetch is needed",
            without(ApiKey::OffsetFetch),
        ),
    ]
}
