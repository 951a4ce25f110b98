//! What follows from an error code: one table for every API that the consumer calls.
//!
//! The reactions are those of the Java client. Where that one throws to the user, this library
//! retries and reports, but for the few causes after which no retry can help. `docs/reactions.md`
//! shows the table to readers, and a test keeps both the same.

use std::error::Error as _;

use crate::{
    call::NoVersion,
    error::{Error, ErrorKind},
    protocol::{ApiKey, ErrorCode},
};

/// What to do about an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// Go on: it is no error, or one that does not matter.
    Proceed,
    /// Try again after a backoff. It passes by itself; the user is told if it lasts.
    Retry,
    /// The metadata is out of date: refresh it, then try again.
    RefreshMetadata,
    /// Another broker is the group coordinator, or will be: look it up, then try again. The
    /// membership and the claims survive that.
    FindCoordinator,
    /// Join again at once with the member id of the answer.
    TakeMemberId,
    /// The group rebalances: finish and commit what is in hand, then join.
    Release,
    /// Join again. The generation is over, and its claims with it; the member id still holds.
    Rejoin,
    /// Join again as a new member. The generation is over, and the member id with it.
    RejoinAsNew,
    /// The offset does not exist: the policy for that says where to go on.
    ResetOffset,
    /// Tell the user, for somebody has to act. Only the topic, partition or call concerned is held
    /// up: a commit is dropped, anything else is tried again slowly.
    Report,
    /// The consumer ends: trying again cannot help.
    Fatal,
}

/// The row of one API.
#[derive(Debug)]
struct Rules {
    api: ApiKey,
    /// The codes that brokers are known to answer it with.
    codes: &'static [(ErrorCode, Reaction)],
    /// All other codes that Kafka calls retriable.
    retriable: Reaction,
    /// All other codes, also those that are not known here.
    other: Reaction,
}

/// What to do when `api` is answered with `code`.
pub fn reaction(api: ApiKey, code: ErrorCode) -> Reaction {
    if code == ErrorCode::NONE {
        return Reaction::Proceed;
    }
    let rules = rules(api).expect("the table has every API that the consumer calls");
    let listed = rules.codes.iter().find(|(listed, _)| *listed == code);
    match listed {
        Some((_, reaction)) => *reaction,
        None if code.is_retriable() => rules.retriable,
        None => rules.other,
    }
}

/// What to do when a call to the group coordinator brought no answer: the connection failed, the
/// time was up, the answer cannot be read, or there is no version to ask in. A broker that speaks none
/// of ours may be replaced by another one; settings cannot.
pub fn reaction_to_failure(error: &Error) -> Reaction {
    match error.kind() {
        ErrorKind::Version if is_by_settings(error) => Reaction::Fatal,
        // A connection that is opened ends with such a code when the broker refuses the client.
        ErrorKind::Broker(
            ErrorCode::SASL_AUTHENTICATION_FAILED
            | ErrorCode::UNSUPPORTED_SASL_MECHANISM
            | ErrorCode::ILLEGAL_SASL_STATE,
        ) => Reaction::Fatal,
        _ => Reaction::FindCoordinator,
    }
}

/// Whether it does not pass by itself, so that the user is told at once.
pub fn has_to_be_mended(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Version => true,
        // What a broker says to the very first question, and to no other that we ask.
        ErrorKind::Broker(code) => {
            *code == ErrorCode::UNSUPPORTED_VERSION
                && error.api() == Some(ApiKey::ApiVersions.name())
        }
        _ => false,
    }
}

fn is_by_settings(error: &Error) -> bool {
    let source = error.source();
    let no_version = source.and_then(|source| source.downcast_ref::<NoVersion>());
    no_version.is_some_and(NoVersion::is_by_settings)
}

fn rules(api: ApiKey) -> Option<&'static Rules> {
    TABLE.iter().find(|rules| rules.api == api)
}

macro_rules! table {
    ($($api:ident {
        $($code:ident => $reaction:ident,)+
        _ if retriable => $retriable:ident,
        _ => $other:ident,
    })+) => {
        static TABLE: &[Rules] = &[$(Rules {
            api: ApiKey::$api,
            codes: &[$((ErrorCode::$code, Reaction::$reaction)),+],
            retriable: Reaction::$retriable,
            other: Reaction::$other,
        }),+];
    };
}

table! {
    FindCoordinator {
        COORDINATOR_NOT_AVAILABLE => Retry,
        COORDINATOR_LOAD_IN_PROGRESS => Retry,
        GROUP_AUTHORIZATION_FAILED => Fatal,
        INVALID_GROUP_ID => Report,
        INVALID_REQUEST => Report,
        UNSUPPORTED_VERSION => Report,
        UNKNOWN_SERVER_ERROR => Report,
        _ if retriable => Retry,
        _ => Report,
    }

    JoinGroup {
        MEMBER_ID_REQUIRED => TakeMemberId,
        COORDINATOR_LOAD_IN_PROGRESS => Retry,
        REBALANCE_IN_PROGRESS => Retry,
        COORDINATOR_NOT_AVAILABLE => FindCoordinator,
        NOT_COORDINATOR => FindCoordinator,
        UNKNOWN_MEMBER_ID => RejoinAsNew,
        INCONSISTENT_GROUP_PROTOCOL => Report,
        INVALID_SESSION_TIMEOUT => Report,
        INVALID_GROUP_ID => Report,
        GROUP_MAX_SIZE_REACHED => Report,
        UNKNOWN_SERVER_ERROR => Report,
        FENCED_INSTANCE_ID => Fatal,
        GROUP_AUTHORIZATION_FAILED => Fatal,
        UNSUPPORTED_VERSION => Fatal,
        _ if retriable => Retry,
        _ => Report,
    }

    SyncGroup {
        REBALANCE_IN_PROGRESS => Rejoin,
        ILLEGAL_GENERATION => Rejoin,
        COORDINATOR_LOAD_IN_PROGRESS => Rejoin,
        UNKNOWN_MEMBER_ID => RejoinAsNew,
        COORDINATOR_NOT_AVAILABLE => FindCoordinator,
        NOT_COORDINATOR => FindCoordinator,
        INCONSISTENT_GROUP_PROTOCOL => Report,
        INVALID_GROUP_ID => Report,
        UNKNOWN_SERVER_ERROR => Report,
        FENCED_INSTANCE_ID => Fatal,
        GROUP_AUTHORIZATION_FAILED => Fatal,
        UNSUPPORTED_VERSION => Fatal,
        _ if retriable => Rejoin,
        _ => Report,
    }

    Heartbeat {
        REBALANCE_IN_PROGRESS => Release,
        COORDINATOR_LOAD_IN_PROGRESS => Retry,
        COORDINATOR_NOT_AVAILABLE => FindCoordinator,
        NOT_COORDINATOR => FindCoordinator,
        ILLEGAL_GENERATION => Rejoin,
        UNKNOWN_MEMBER_ID => RejoinAsNew,
        INVALID_GROUP_ID => Report,
        UNKNOWN_SERVER_ERROR => Report,
        FENCED_INSTANCE_ID => Fatal,
        GROUP_AUTHORIZATION_FAILED => Fatal,
        UNSUPPORTED_VERSION => Fatal,
        _ if retriable => Retry,
        _ => Report,
    }

    // The session timeout does what a lost LeaveGroup would have done.
    LeaveGroup {
        COORDINATOR_LOAD_IN_PROGRESS => Proceed,
        COORDINATOR_NOT_AVAILABLE => Proceed,
        NOT_COORDINATOR => Proceed,
        UNKNOWN_MEMBER_ID => Proceed,
        FENCED_INSTANCE_ID => Proceed,
        INVALID_GROUP_ID => Proceed,
        GROUP_AUTHORIZATION_FAILED => Proceed,
        UNSUPPORTED_VERSION => Proceed,
        UNKNOWN_SERVER_ERROR => Proceed,
        _ if retriable => Proceed,
        _ => Proceed,
    }

    // A commit that is dropped for a code that nobody knows would lose marks.
    OffsetCommit {
        REBALANCE_IN_PROGRESS => Release,
        COORDINATOR_LOAD_IN_PROGRESS => Retry,
        COORDINATOR_NOT_AVAILABLE => FindCoordinator,
        NOT_COORDINATOR => FindCoordinator,
        REQUEST_TIMED_OUT => FindCoordinator,
        ILLEGAL_GENERATION => Rejoin,
        STALE_MEMBER_EPOCH => Rejoin,
        UNKNOWN_MEMBER_ID => RejoinAsNew,
        GROUP_ID_NOT_FOUND => RejoinAsNew,
        OFFSET_METADATA_TOO_LARGE => Report,
        INVALID_COMMIT_OFFSET_SIZE => Report,
        UNKNOWN_TOPIC_OR_PARTITION => Report,
        UNKNOWN_TOPIC_ID => Report,
        TOPIC_AUTHORIZATION_FAILED => Report,
        INVALID_GROUP_ID => Report,
        UNKNOWN_SERVER_ERROR => Retry,
        FENCED_INSTANCE_ID => Fatal,
        GROUP_AUTHORIZATION_FAILED => Fatal,
        UNSUPPORTED_VERSION => Fatal,
        _ if retriable => Retry,
        _ => Retry,
    }

    OffsetFetch {
        COORDINATOR_LOAD_IN_PROGRESS => Retry,
        UNSTABLE_OFFSET_COMMIT => Retry,
        COORDINATOR_NOT_AVAILABLE => FindCoordinator,
        NOT_COORDINATOR => FindCoordinator,
        UNKNOWN_TOPIC_OR_PARTITION => RefreshMetadata,
        UNKNOWN_TOPIC_ID => RefreshMetadata,
        STALE_MEMBER_EPOCH => Rejoin,
        UNKNOWN_MEMBER_ID => RejoinAsNew,
        TOPIC_AUTHORIZATION_FAILED => Report,
        GROUP_ID_NOT_FOUND => Report,
        INVALID_GROUP_ID => Report,
        UNKNOWN_SERVER_ERROR => Report,
        GROUP_AUTHORIZATION_FAILED => Fatal,
        UNSUPPORTED_VERSION => Fatal,
        _ if retriable => Retry,
        _ => Report,
    }

    ListOffsets {
        UNKNOWN_TOPIC_OR_PARTITION => RefreshMetadata,
        LEADER_NOT_AVAILABLE => RefreshMetadata,
        NOT_LEADER_OR_FOLLOWER => RefreshMetadata,
        REPLICA_NOT_AVAILABLE => RefreshMetadata,
        KAFKA_STORAGE_ERROR => RefreshMetadata,
        FENCED_LEADER_EPOCH => RefreshMetadata,
        UNKNOWN_LEADER_EPOCH => RefreshMetadata,
        OFFSET_NOT_AVAILABLE => RefreshMetadata,
        UNKNOWN_SERVER_ERROR => Retry,
        REQUEST_TIMED_OUT => Retry,
        TOPIC_AUTHORIZATION_FAILED => Report,
        UNSUPPORTED_FOR_MESSAGE_FORMAT => Report,
        INVALID_REQUEST => Report,
        UNSUPPORTED_VERSION => Report,
        _ if retriable => RefreshMetadata,
        _ => Report,
    }

    Fetch {
        OFFSET_OUT_OF_RANGE => ResetOffset,
        UNKNOWN_TOPIC_OR_PARTITION => RefreshMetadata,
        UNKNOWN_TOPIC_ID => RefreshMetadata,
        INCONSISTENT_TOPIC_ID => RefreshMetadata,
        FETCH_SESSION_TOPIC_ID_ERROR => RefreshMetadata,
        LEADER_NOT_AVAILABLE => RefreshMetadata,
        NOT_LEADER_OR_FOLLOWER => RefreshMetadata,
        REPLICA_NOT_AVAILABLE => RefreshMetadata,
        KAFKA_STORAGE_ERROR => RefreshMetadata,
        FENCED_LEADER_EPOCH => RefreshMetadata,
        OFFSET_NOT_AVAILABLE => RefreshMetadata,
        UNKNOWN_LEADER_EPOCH => RefreshMetadata,
        UNKNOWN_SERVER_ERROR => Retry,
        FETCH_SESSION_ID_NOT_FOUND => Retry,
        INVALID_FETCH_SESSION_EPOCH => Retry,
        CORRUPT_MESSAGE => Report,
        UNSUPPORTED_COMPRESSION_TYPE => Report,
        OFFSET_MOVED_TO_TIERED_STORAGE => Report,
        TOPIC_AUTHORIZATION_FAILED => Report,
        UNSUPPORTED_VERSION => Report,
        _ if retriable => Retry,
        _ => Report,
    }

    Metadata {
        BROKER_NOT_AVAILABLE => Retry,
        LEADER_NOT_AVAILABLE => Retry,
        LISTENER_NOT_FOUND => Retry,
        KAFKA_STORAGE_ERROR => Retry,
        REPLICA_NOT_AVAILABLE => Proceed,
        REBOOTSTRAP_REQUIRED => Retry,
        UNKNOWN_SERVER_ERROR => Retry,
        UNKNOWN_TOPIC_OR_PARTITION => Report,
        UNKNOWN_TOPIC_ID => Report,
        INVALID_TOPIC_EXCEPTION => Report,
        TOPIC_AUTHORIZATION_FAILED => Report,
        INVALID_REQUEST => Report,
        UNSUPPORTED_VERSION => Report,
        _ if retriable => Retry,
        _ => Report,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;
    use crate::{call::Versions, config::KafkaVersion, protocol::api_versions::ApiVersion};

    /// A line of the table, as text: API, code, reaction.
    type Line = (String, String, String);

    fn line(api: &str, code: &str, reaction: &str) -> Line {
        (api.to_owned(), code.to_owned(), reaction.to_owned())
    }

    fn lines_of_the_code() -> BTreeSet<Line> {
        let of_api = |rules: &'static Rules| {
            let api = rules.api.name();
            let listed = rules.codes.iter().map(move |(code, reaction)| {
                let code = format!("`{}`", code.name());
                line(api, &code, &format!("{reaction:?}"))
            });
            let others = [
                line(
                    api,
                    "any other, retriable",
                    &format!("{:?}", rules.retriable),
                ),
                line(api, "any other", &format!("{:?}", rules.other)),
            ];
            listed.chain(others)
        };
        TABLE.iter().flat_map(of_api).collect()
    }

    fn document() -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reactions.md");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn cells(row: &str) -> Vec<&str> {
        row.trim()
            .trim_matches('|')
            .split('|')
            .map(str::trim)
            .collect()
    }

    /// The table below each heading that names an API.
    fn lines_of_the_document(document: &str) -> BTreeSet<Line> {
        let mut lines = BTreeSet::new();
        let mut api = None;
        for row in document.lines() {
            if let Some(heading) = row.strip_prefix("## ") {
                api = Some(heading.trim());
            } else if let (Some(api), true) = (api, row.starts_with('|')) {
                let [code, reaction, _] = cells(row)[..] else {
                    panic!("{api}: not three cells: {row}");
                };
                let is_header = code == "Code" || code.starts_with('-');
                if !is_header {
                    assert!(lines.insert(line(api, code, reaction)), "twice: {row}");
                }
            }
        }
        lines
    }

    #[test]
    fn the_document_shows_the_table_of_the_code() {
        let (code, document) = (lines_of_the_code(), lines_of_the_document(&document()));
        let undocumented: Vec<_> = code.difference(&document).collect();
        assert!(
            undocumented.is_empty(),
            "not in the document: {undocumented:#?}"
        );
        let invented: Vec<_> = document.difference(&code).collect();
        assert!(invented.is_empty(), "only in the document: {invented:#?}");
    }

    #[test]
    fn the_document_explains_every_reaction_that_is_used() {
        let document = document();
        let (legend, _) = document
            .split_once("\n## ")
            .expect("headings follow the legend");
        let explained: BTreeSet<&str> = legend
            .lines()
            .filter(|row| row.starts_with('|'))
            .map(|row| cells(row)[0])
            .collect();
        for (api, code, reaction) in lines_of_the_code() {
            assert!(explained.contains(&*reaction), "{reaction} of {api} {code}");
        }
    }

    #[test]
    fn every_api_and_code_stands_once() {
        let mut seen = BTreeSet::new();
        for rules in TABLE {
            assert!(rules.codes.iter().all(|(code, _)| *code != ErrorCode::NONE));
            for (code, _) in rules.codes {
                assert!(seen.insert((rules.api, *code)), "{} {code:?}", rules.api);
            }
        }
        let apis: BTreeSet<ApiKey> = TABLE.iter().map(|rules| rules.api).collect();
        assert_eq!(apis.len(), TABLE.len());
    }

    #[test]
    fn what_is_not_listed_depends_on_whether_kafka_calls_it_retriable() {
        assert!(ErrorCode::NETWORK_EXCEPTION.is_retriable());
        let of_join = |code| reaction(ApiKey::JoinGroup, code);
        assert_eq!(of_join(ErrorCode::NETWORK_EXCEPTION), Reaction::Retry);
        assert_eq!(of_join(ErrorCode::POLICY_VIOLATION), Reaction::Report);
        assert_eq!(of_join(ErrorCode(9999)), Reaction::Report);
        assert_eq!(of_join(ErrorCode::NONE), Reaction::Proceed);
    }

    #[test]
    fn a_call_without_an_answer_is_fatal_only_if_no_retry_can_help() {
        let of = |kind| reaction_to_failure(&Error::new(kind, "test"));
        let auth = ErrorKind::Broker(ErrorCode::SASL_AUTHENTICATION_FAILED);
        assert_eq!(of(auth), Reaction::Fatal);
        let listed = ApiVersion {
            api_key: ApiKey::Heartbeat.key(),
            min_version: 4,
            max_version: 4,
        };
        let no_version = |listed: &[_], ceiling| {
            let versions = Versions::negotiate(listed, ceiling);
            let source = versions.pick(ApiKey::Heartbeat).unwrap_err();
            reaction_to_failure(&Error::new(ErrorKind::Version, "test").because(source))
        };
        let pinned = no_version(&[listed], KafkaVersion::V2_0_0);
        assert_eq!(pinned, Reaction::Fatal, "config.version forbids it");
        let sick = no_version(&[], KafkaVersion::V2_0_0);
        assert_eq!(sick, Reaction::FindCoordinator, "another one may speak it");
        for kind in [
            ErrorKind::Version,
            ErrorKind::Broker(ErrorCode::UNSUPPORTED_VERSION),
            ErrorKind::Disconnected,
            ErrorKind::Connect,
            ErrorKind::Resolve,
            ErrorKind::Protocol,
            ErrorKind::NotKafka("HTTP"),
        ] {
            assert_eq!(of(kind), Reaction::FindCoordinator);
        }
    }

    /// The membership relies on this: it has no way to do anything else.
    #[test]
    fn the_calls_of_the_membership_have_only_reactions_that_it_knows() {
        use Reaction::{
            Fatal, FindCoordinator, Proceed, Rejoin, RejoinAsNew, Release, Report, Retry,
            TakeMemberId,
        };
        let known: [(ApiKey, &[Reaction]); 5] = [
            (ApiKey::FindCoordinator, &[Retry, Report, Fatal]),
            (
                ApiKey::JoinGroup,
                &[
                    TakeMemberId,
                    Retry,
                    FindCoordinator,
                    RejoinAsNew,
                    Report,
                    Fatal,
                ],
            ),
            (
                ApiKey::SyncGroup,
                &[Rejoin, FindCoordinator, RejoinAsNew, Report, Fatal],
            ),
            (
                ApiKey::Heartbeat,
                &[
                    Release,
                    Retry,
                    FindCoordinator,
                    Rejoin,
                    RejoinAsNew,
                    Report,
                    Fatal,
                ],
            ),
            (ApiKey::LeaveGroup, &[Proceed]),
        ];
        for (api, known) in known {
            let codes = ErrorCode::ALL.iter().copied().chain([ErrorCode(9999)]);
            let used: BTreeSet<String> = codes
                .filter(|code| code.is_error())
                .map(|code| format!("{:?}", reaction(api, code)))
                .collect();
            let known: BTreeSet<String> = known.iter().map(|r| format!("{r:?}")).collect();
            assert_eq!(used, known, "{api}");
        }
    }
}
