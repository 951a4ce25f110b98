use std::fmt;

use crate::wire::{Decoder, Encoder, Result, Wire};

/// An error code of the Kafka protocol. Codes of brokers newer than this list survive as numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ErrorCode(pub i16);

impl ErrorCode {
    /// Whether this is an error at all.
    pub fn is_error(self) -> bool {
        self != Self::NONE
    }

    /// `Err` of the code, unless there is no error.
    pub fn ok(self) -> std::result::Result<(), Self> {
        if self.is_error() { Err(self) } else { Ok(()) }
    }
}

macro_rules! error_codes {
    (@retriable retriable) => { true };
    (@retriable final) => { false };
    ($($code:literal $name:ident $kind:tt $meaning:literal;)+) => {
        impl ErrorCode {
            $(
                #[doc = $meaning]
                pub const $name: Self = Self($code);
            )+

            /// Every code known here, lowest first.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Kafka's name of the code.
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($code => stringify!($name),)+
                    _ => "UNKNOWN_ERROR_CODE",
                }
            }

            /// Whether the same request may succeed later, as the Java client sees it
            /// (`RetriableException`). Codes that are not known here are not retriable.
            pub fn is_retriable(self) -> bool {
                match self.0 {
                    $($code => error_codes!(@retriable $kind),)+
                    _ => false,
                }
            }

            /// What the broker says by it, in one line.
            pub fn meaning(self) -> &'static str {
                match self.0 {
                    $($code => $meaning,)+
                    _ => "a code that this version of the library does not know",
                }
            }
        }
    };
}

error_codes! {
    -1 UNKNOWN_SERVER_ERROR final "the broker failed unexpectedly; its log says more";
    0 NONE final "no error";
    1 OFFSET_OUT_OF_RANGE final "the offset is outside of what the partition holds";
    2 CORRUPT_MESSAGE retriable "a record failed its checksum or is otherwise invalid";
    3 UNKNOWN_TOPIC_OR_PARTITION retriable "the broker does not host this topic or partition";
    4 INVALID_FETCH_SIZE final "the fetch size is invalid";
    5 LEADER_NOT_AVAILABLE retriable "the partition has no leader at the moment";
    6 NOT_LEADER_OR_FOLLOWER retriable "the broker is no leader, or no replica, of the partition";
    7 REQUEST_TIMED_OUT retriable "the broker could not finish the request in time";
    8 BROKER_NOT_AVAILABLE final "the broker is not available";
    9 REPLICA_NOT_AVAILABLE retriable "the replica is not available for the partition";
    10 MESSAGE_TOO_LARGE final "a message is larger than the broker accepts";
    11 STALE_CONTROLLER_EPOCH final "the controller has moved to another broker";
    12 OFFSET_METADATA_TOO_LARGE final "the metadata string of the offset is too large";
    13 NETWORK_EXCEPTION retriable "the connection ended before a response came";
    14 COORDINATOR_LOAD_IN_PROGRESS retriable "the coordinator is still loading its state";
    15 COORDINATOR_NOT_AVAILABLE retriable "the coordinator is not available";
    16 NOT_COORDINATOR retriable "another broker is the coordinator";
    17 INVALID_TOPIC_EXCEPTION final "the topic name is invalid, or the topic may not be used like this";
    18 RECORD_LIST_TOO_LARGE final "a batch is larger than a log segment of the broker";
    19 NOT_ENOUGH_REPLICAS retriable "fewer replicas are in sync than the topic demands; not written";
    20 NOT_ENOUGH_REPLICAS_AFTER_APPEND retriable "written, but to fewer replicas than the topic demands";
    21 INVALID_REQUIRED_ACKS final "the number of required acknowledgements is invalid";
    22 ILLEGAL_GENERATION final "the generation is not the current one of the group";
    23 INCONSISTENT_GROUP_PROTOCOL final "the member shares no protocol type or assignor with the group";
    24 INVALID_GROUP_ID final "the group id is invalid";
    25 UNKNOWN_MEMBER_ID final "the coordinator does not know this member";
    26 INVALID_SESSION_TIMEOUT final "the session timeout is outside of the range that the broker allows";
    27 REBALANCE_IN_PROGRESS final "the group rebalances; join again";
    28 INVALID_COMMIT_OFFSET_SIZE final "the commit is too large";
    29 TOPIC_AUTHORIZATION_FAILED final "not authorized for the topic";
    30 GROUP_AUTHORIZATION_FAILED final "not authorized for the group";
    31 CLUSTER_AUTHORIZATION_FAILED final "not authorized for the cluster";
    32 INVALID_TIMESTAMP final "a timestamp is outside of the range that the broker accepts";
    33 UNSUPPORTED_SASL_MECHANISM final "the broker does not offer this SASL mechanism";
    34 ILLEGAL_SASL_STATE final "the request does not fit the state of the SASL exchange";
    35 UNSUPPORTED_VERSION final "the broker does not speak this version of the API";
    36 TOPIC_ALREADY_EXISTS final "a topic of this name exists";
    37 INVALID_PARTITIONS final "the number of partitions is invalid";
    38 INVALID_REPLICATION_FACTOR final "the replication factor is below 1 or above the number of brokers";
    39 INVALID_REPLICA_ASSIGNMENT final "the assignment of replicas is invalid";
    40 INVALID_CONFIG final "a configuration value is invalid";
    41 NOT_CONTROLLER retriable "another broker is the controller";
    42 INVALID_REQUEST final "the request is malformed or does not suit the broker; its log says more";
    43 UNSUPPORTED_FOR_MESSAGE_FORMAT final "the message format of the topic does not support the request";
    44 POLICY_VIOLATION final "a policy of the cluster forbids it";
    45 OUT_OF_ORDER_SEQUENCE_NUMBER final "the producer's sequence number is out of order";
    46 DUPLICATE_SEQUENCE_NUMBER final "the producer's sequence number was used before";
    47 INVALID_PRODUCER_EPOCH final "the producer's epoch is old";
    48 INVALID_TXN_STATE final "the transaction is not in a state for this operation";
    49 INVALID_PRODUCER_ID_MAPPING final "the producer id does not belong to the transactional id";
    50 INVALID_TRANSACTION_TIMEOUT final "the transaction timeout is larger than the broker allows";
    51 CONCURRENT_TRANSACTIONS retriable "another operation on the same transaction is still running";
    52 TRANSACTION_COORDINATOR_FENCED final "the transaction coordinator was replaced";
    53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED final "not authorized for the transactional id";
    54 SECURITY_DISABLED final "the cluster has no authorizer";
    55 OPERATION_NOT_ATTEMPTED final "not tried, because another part of the request failed";
    56 KAFKA_STORAGE_ERROR retriable "the broker's disk failed";
    57 LOG_DIR_NOT_FOUND final "the broker has no such log directory";
    58 SASL_AUTHENTICATION_FAILED final "authentication failed";
    59 UNKNOWN_PRODUCER_ID final "the broker does not know the producer id any more";
    60 REASSIGNMENT_IN_PROGRESS final "the partition is being reassigned";
    61 DELEGATION_TOKEN_AUTH_DISABLED final "delegation tokens are not enabled";
    62 DELEGATION_TOKEN_NOT_FOUND final "the delegation token does not exist";
    63 DELEGATION_TOKEN_OWNER_MISMATCH final "the principal neither owns nor may renew the delegation token";
    64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED final "delegation tokens may not be requested on this connection";
    65 DELEGATION_TOKEN_AUTHORIZATION_FAILED final "not authorized for the delegation token";
    66 DELEGATION_TOKEN_EXPIRED final "the delegation token has expired";
    67 INVALID_PRINCIPAL_TYPE final "the principal type is not supported";
    68 NON_EMPTY_GROUP final "the group has members";
    69 GROUP_ID_NOT_FOUND final "the group does not exist";
    70 FETCH_SESSION_ID_NOT_FOUND retriable "the broker has dropped the fetch session";
    71 INVALID_FETCH_SESSION_EPOCH retriable "the epoch of the fetch session is wrong";
    72 LISTENER_NOT_FOUND retriable "the leader has no listener of the kind that this request came by";
    73 TOPIC_DELETION_DISABLED final "topics may not be deleted on this cluster";
    74 FENCED_LEADER_EPOCH retriable "the leader epoch is older than the broker's";
    75 UNKNOWN_LEADER_EPOCH retriable "the leader epoch is newer than the broker's";
    76 UNSUPPORTED_COMPRESSION_TYPE final "the partition is compressed by a codec that this version cannot carry";
    77 STALE_BROKER_EPOCH final "the epoch of the broker has changed";
    78 OFFSET_NOT_AVAILABLE retriable "the new leader does not know its high watermark yet";
    79 MEMBER_ID_REQUIRED final "join again with the member id of this answer";
    80 PREFERRED_LEADER_NOT_AVAILABLE retriable "the preferred leader is not available";
    81 GROUP_MAX_SIZE_REACHED final "the group has as many members as it may";
    82 FENCED_INSTANCE_ID final "another member has taken this group instance id";
    83 ELIGIBLE_LEADERS_NOT_AVAILABLE retriable "no replica that may lead the partition is available";
    84 ELECTION_NOT_NEEDED retriable "the partition has the leader it should have";
    85 NO_REASSIGNMENT_IN_PROGRESS final "the partition is not being reassigned";
    86 GROUP_SUBSCRIBED_TO_TOPIC final "the group is subscribed to the topic, so its offsets stay";
    87 INVALID_RECORD final "the broker refused a record";
    88 UNSTABLE_OFFSET_COMMIT retriable "a transaction has offsets pending";
    89 THROTTLING_QUOTA_EXCEEDED retriable "the quota is used up";
    90 PRODUCER_FENCED final "a newer producer has taken this transactional id";
    91 RESOURCE_NOT_FOUND final "the resource does not exist";
    92 DUPLICATE_RESOURCE final "the request names a resource twice";
    93 UNACCEPTABLE_CREDENTIAL final "the credential is not acceptable";
    94 INCONSISTENT_VOTER_SET final "sender and receiver disagree about the voters";
    95 INVALID_UPDATE_VERSION final "the version of the update is invalid";
    96 FEATURE_UPDATE_FAILED final "the features could not be updated";
    97 PRINCIPAL_DESERIALIZATION_FAILURE final "the principal of a forwarded request could not be read";
    98 SNAPSHOT_NOT_FOUND final "the snapshot does not exist";
    99 POSITION_OUT_OF_RANGE final "the position is outside of the snapshot";
    100 UNKNOWN_TOPIC_ID retriable "the broker does not host a topic of this id";
    101 DUPLICATE_BROKER_REGISTRATION final "another broker uses this id";
    102 BROKER_ID_NOT_REGISTERED final "no broker is registered by this id";
    103 INCONSISTENT_TOPIC_ID retriable "the log belongs to another topic id";
    104 INCONSISTENT_CLUSTER_ID final "the broker belongs to another cluster";
    105 TRANSACTIONAL_ID_NOT_FOUND final "the transactional id does not exist";
    106 FETCH_SESSION_TOPIC_ID_ERROR retriable "the fetch session mixes topic names and topic ids";
    107 INELIGIBLE_REPLICA final "a replica may not be in sync";
    108 NEW_LEADER_ELECTED final "the partition was altered, and its leader has changed";
    109 OFFSET_MOVED_TO_TIERED_STORAGE final "the offset is only in tiered storage";
    110 FENCED_MEMBER_EPOCH final "the member epoch is fenced; give up all partitions and join again";
    111 UNRELEASED_INSTANCE_ID final "another member still holds this instance id";
    112 UNSUPPORTED_ASSIGNOR final "the group does not support the assignor";
    113 STALE_MEMBER_EPOCH final "the member epoch is old; heartbeat for the new one";
    114 MISMATCHED_ENDPOINT_TYPE final "the request went to the wrong kind of endpoint";
    115 UNSUPPORTED_ENDPOINT_TYPE final "this kind of endpoint is not supported";
    116 UNKNOWN_CONTROLLER_ID final "the controller id is not known";
    117 UNKNOWN_SUBSCRIPTION_ID final "the subscription id of the telemetry is outdated";
    118 TELEMETRY_TOO_LARGE final "the telemetry is larger than the broker accepts";
    119 INVALID_REGISTRATION final "the controller refused the registration of the broker";
    120 TRANSACTION_ABORTABLE final "the transaction must be aborted";
    121 INVALID_RECORD_STATE final "the record is not in a state to be acknowledged";
    122 SHARE_SESSION_NOT_FOUND retriable "the broker has dropped the share session";
    123 INVALID_SHARE_SESSION_EPOCH retriable "the epoch of the share session is wrong";
    124 FENCED_STATE_EPOCH final "the epoch of the share group's state is wrong";
    125 INVALID_VOTER_KEY final "the key of the voter is not the replica's";
    126 DUPLICATE_VOTER final "the voter is a voter already";
    127 VOTER_NOT_FOUND final "the voter is not one of the voters";
    128 INVALID_REGULAR_EXPRESSION final "the regular expression is invalid";
    129 REBOOTSTRAP_REQUIRED final "the client's metadata is outdated; bootstrap again";
    130 STREAMS_INVALID_TOPOLOGY final "the topology is invalid";
    131 STREAMS_INVALID_TOPOLOGY_EPOCH final "the epoch of the topology is invalid";
    132 STREAMS_TOPOLOGY_FENCED final "the epoch of the topology is outdated";
    133 SHARE_SESSION_LIMIT_REACHED retriable "the broker has as many share sessions as it may";
    134 GROUP_DELETION_FAILED final "the group could not be deleted";
    135 STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED final "the description of the topology could not be updated";
    136 CONTROLLER_ID_NOT_REGISTERED final "no controller is registered by this id";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name(), self.0, self.meaning())
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl std::error::Error for ErrorCode {}

impl Wire for ErrorCode {
    fn encode(&self, encoder: &mut Encoder) -> Result<()> {
        self.0.encode(encoder)
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self> {
        decoder.read_i16().map(Self)
    }

    fn min_size(version: i16, flexible: bool) -> usize {
        i16::min_size(version, flexible)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_its_name_number_and_meaning() {
        assert_eq!(
            ErrorCode::NOT_COORDINATOR.to_string(),
            "NOT_COORDINATOR (16): another broker is the coordinator"
        );
    }

    #[test]
    fn an_unknown_code_survives() {
        let code = ErrorCode(9999);
        assert_eq!(code.0, 9999);
        assert!(code.is_error() && !code.is_retriable());
        assert!(code.to_string().starts_with("UNKNOWN_ERROR_CODE (9999)"));
    }

    #[test]
    fn codes_have_no_gap() {
        let codes: Vec<i16> = ErrorCode::ALL.iter().map(|code| code.0).collect();
        assert_eq!(codes, (-1..=136).collect::<Vec<_>>());
    }
}
