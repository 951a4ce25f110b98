//! What the releases of Kafka speak, and in what their brokers differ.

use std::{collections::BTreeMap, ops::RangeInclusive};

use crate::protocol::{ApiKey, ErrorCode, api_versions::ApiVersion};

/// A release of Kafka: decides which versions the brokers advertise and by which rules they go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are Kafka's version numbers")]
pub enum KafkaRelease {
    V0_9,
    V0_10_0,
    V0_10_2,
    V0_11,
    V1_1,
    V2_0,
    V2_4,
    V2_8,
    V3_0,
    V3_9,
    V4_0,
    V4_1,
    V4_4,
}

/// The versions that each broker of a cluster speaks.
pub(crate) type Versions = BTreeMap<ApiKey, RangeInclusive<i16>>;

/// What a broker that speaks these answers to ApiVersions.
pub(crate) fn listed(versions: &Versions) -> Vec<ApiVersion> {
    let listed = versions.iter().map(|(api, range)| ApiVersion {
        api_key: api.key(),
        min_version: *range.start(),
        max_version: *range.end(),
    });
    listed.collect()
}

const ABSENT: i16 = -1;

/// The highest version of each API by release, in the order of [`KafkaRelease`], as asked of real
/// brokers. An API that is not listed is not served here.
#[rustfmt::skip]
const HIGHEST: &[(ApiKey, [i16; 13])] = &[
    //                           0.9 .10 .10.2 .11 1.1 2.0 2.4 2.8 3.0 3.9 4.0 4.1 4.4
    (ApiKey::Produce,            [1,  2,  2,  3,  5,  6,  8,  9,  9, 11, 12, 13, 13]),
    (ApiKey::Fetch,              [1,  2,  3,  5,  7,  8, 11, 12, 12, 17, 17, 18, 18]),
    (ApiKey::ListOffsets,        [0,  0,  1,  2,  2,  3,  5,  6,  7,  9, 10, 10, 11]),
    (ApiKey::Metadata,           [0,  1,  2,  4,  5,  6,  9, 11, 11, 12, 13, 13, 13]),
    (ApiKey::OffsetCommit,       [2,  2,  2,  3,  3,  4,  8,  8,  8,  9,  9,  9, 10]),
    (ApiKey::OffsetFetch,        [1,  1,  2,  3,  3,  4,  6,  7,  8,  9,  9,  9, 10]),
    (ApiKey::FindCoordinator,    [0,  0,  0,  1,  1,  2,  3,  3,  4,  6,  6,  6,  6]),
    (ApiKey::JoinGroup,          [0,  0,  1,  2,  2,  3,  6,  7,  7,  9,  9,  9,  9]),
    (ApiKey::Heartbeat,          [0,  0,  0,  1,  1,  2,  4,  4,  4,  4,  4,  4,  4]),
    (ApiKey::LeaveGroup,         [0,  0,  0,  1,  1,  2,  4,  4,  4,  5,  5,  5,  5]),
    (ApiKey::SyncGroup,          [0,  0,  0,  1,  1,  2,  4,  5,  5,  5,  5,  5,  5]),
    (ApiKey::DescribeGroups,     [0,  0,  0,  1,  1,  2,  5,  5,  5,  5,  6,  6,  6]),
    (ApiKey::ListGroups,         [0,  0,  0,  1,  1,  2,  3,  4,  4,  5,  5,  5,  5]),
    (ApiKey::ApiVersions,        [ABSENT, 0, 0, 1, 1, 2, 3, 3, 3, 4,  4,  4,  5]),
    (ApiKey::CreateTopics,       [ABSENT, ABSENT, 1, 2, 2, 3, 5, 7, 7, 7, 7, 7, 7]),
    (ApiKey::DeleteTopics,       [ABSENT, ABSENT, 0, 1, 1, 2, 4, 6, 6, 6, 6, 6, 6]),
    (ApiKey::DeleteRecords,      [ABSENT, ABSENT, ABSENT, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2]),
    (ApiKey::OffsetForLeaderEpoch, [ABSENT, ABSENT, ABSENT, 0, 0, 1, 3, 4, 4, 4, 4, 4, 4]),
    (ApiKey::CreatePartitions,   [ABSENT, ABSENT, ABSENT, ABSENT, 0, 1, 1, 3, 3, 3, 3, 3, 3]),
];

impl KafkaRelease {
    /// The newest one known here.
    pub const NEWEST: Self = Self::V4_4;

    /// The versions that its brokers speak, as far as they are declared here.
    pub(crate) fn versions(self) -> Versions {
        let spoken = HIGHEST.iter().filter_map(|(api, highest)| {
            let declared = api.versions();
            let lowest = self.lowest(*api).max(*declared.start());
            let highest = highest[self as usize].min(*declared.end());
            (lowest <= highest).then_some((*api, lowest..=highest))
        });
        spoken.collect()
    }

    /// KIP-896 took the old versions away; 4.0.1 gave those of JoinGroup back.
    fn lowest(self, api: ApiKey) -> i16 {
        match api {
            _ if self < Self::V4_0 => 0,
            ApiKey::Fetch => 4,
            ApiKey::ListOffsets | ApiKey::OffsetFetch | ApiKey::DeleteTopics => 1,
            ApiKey::OffsetCommit | ApiKey::CreateTopics | ApiKey::OffsetForLeaderEpoch => 2,
            ApiKey::JoinGroup if self == Self::V4_0 => 2,
            _ => 0,
        }
    }

    /// The format in which its logs keep records.
    pub(crate) fn magic(self) -> u8 {
        match self {
            Self::V0_9 => 0,
            Self::V0_10_0 | Self::V0_10_2 => 1,
            _ => 2,
        }
    }

    /// From 2.4 on (KIP-511) the answer to a version of ApiVersions that is not spoken lists those
    /// that are.
    pub(crate) fn lists_versions_on_refusal(self) -> bool {
        self >= Self::V2_4
    }

    /// Produce 0–2 is advertised by 4.x, for the sake of old librdkafkas, and yet refused.
    pub(crate) fn refuses_message_sets(self) -> bool {
        self >= Self::V4_0
    }

    /// What a commit is answered that would make a batch larger than a message may be. Before 0.11 there are no batches.
    pub(crate) fn refuses_large_commit(self) -> Option<ErrorCode> {
        match self {
            _ if self.magic() < 2 => None,
            _ if self < Self::V4_0 => Some(ErrorCode::INVALID_COMMIT_OFFSET_SIZE),
            _ => Some(ErrorCode::UNKNOWN_SERVER_ERROR),
        }
    }

    /// See [`Rules`](super::group::Rules).
    pub(crate) fn heartbeats_while_completing(self) -> bool {
        self >= Self::V2_8
    }

    /// See [`Rules`](super::group::Rules).
    pub(crate) fn awaits_sync(self) -> bool {
        self >= Self::V3_0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_speaks_what_real_brokers_of_it_say() {
        let old = KafkaRelease::V0_9.versions();
        assert_eq!(old.get(&ApiKey::ApiVersions), None);
        assert_eq!(old[&ApiKey::Fetch], 0..=1);
        let new = KafkaRelease::V4_0.versions();
        assert_eq!(new[&ApiKey::Fetch], 4..=17);
        assert_eq!(new[&ApiKey::JoinGroup], 2..=9);
        assert_eq!(KafkaRelease::NEWEST.versions()[&ApiKey::JoinGroup], 0..=9);
    }
}
