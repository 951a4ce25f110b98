//! The versions that can be spoken on one connection.

use std::{error, fmt, ops::RangeInclusive};

use crate::{
    config::KafkaVersion,
    protocol::{ApiKey, api_versions::ApiVersion},
};

/// What a broker and this library both speak, up to the release that the settings allow.
#[derive(Debug, Clone)]
pub struct Versions {
    /// As the broker said, in no order.
    broker: Vec<(ApiKey, RangeInclusive<i16>)>,
    ceiling: KafkaVersion,
}

/// There is no version to put a call in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoVersion {
    api: ApiKey,
    /// What the call could be put in here, and why it is not all that is declared.
    needed: RangeInclusive<i16>,
    reason: Option<&'static str>,
    /// What the broker speaks; `None` if it does not know the API.
    broker: Option<RangeInclusive<i16>>,
    /// The release that sets the upper end of `needed`, if one does.
    ceiling: Option<KafkaVersion>,
    /// There would be one if the settings asked for less, or allowed more.
    is_by_settings: bool,
}

/// A static member cannot be put in every version.
pub(super) const FOR_INSTANCE_ID: &str = "group.instance_id";

impl Versions {
    /// From a broker's answer to ApiVersions.
    pub fn negotiate(listed: &[ApiVersion], ceiling: KafkaVersion) -> Self {
        let broker = listed
            .iter()
            .filter_map(|listed| {
                let api = ApiKey::from_key(listed.api_key)?;
                Some((api, listed.min_version..=listed.max_version))
            })
            .collect();
        Self { broker, ceiling }
    }

    /// What a release speaks, for brokers that cannot be asked.
    pub fn of_release(release: KafkaVersion) -> Self {
        let broker = COLUMNS
            .iter()
            .filter_map(|&api| Some((api, 0..=last_of_release(api, release)?)))
            .collect();
        Self {
            broker,
            ceiling: release,
        }
    }

    /// The newest version of the API that both sides speak.
    pub fn pick(&self, api: ApiKey) -> Result<i16, NoVersion> {
        self.pick_within(api, 0..=i16::MAX, None)
    }

    /// The newest version within `usable`, the versions that can carry a call; the reason says why not
    /// all of them can.
    pub(super) fn pick_within(
        &self,
        api: ApiKey,
        usable: RangeInclusive<i16>,
        reason: Option<&'static str>,
    ) -> Result<i16, NoVersion> {
        let cap = last_of_release(api, self.ceiling).unwrap_or(i16::MAX);
        let spoken = intersection(&api.versions(), &usable);
        let needed = intersection(&spoken, &(0..=cap));
        let broker = self.broker(api);
        let common = broker.as_ref().map(|broker| intersection(&needed, broker));
        match common {
            Some(common) if !common.is_empty() => Ok(*common.end()),
            _ => Err(NoVersion {
                api,
                is_by_settings: broker.as_ref().is_some_and(|broker| {
                    let is_spoken = |here| !intersection(here, broker).is_empty();
                    let is_for_setting = reason == Some(FOR_INSTANCE_ID);
                    is_spoken(&spoken) || (is_for_setting && is_spoken(&api.versions()))
                }),
                ceiling: (cap < *spoken.end()).then_some(self.ceiling),
                needed,
                reason,
                broker,
            }),
        }
    }

    fn broker(&self, api: ApiKey) -> Option<RangeInclusive<i16>> {
        let (_, range) = self.broker.iter().find(|(listed, _)| *listed == api)?;
        Some(range.clone())
    }
}

fn intersection(one: &RangeInclusive<i16>, other: &RangeInclusive<i16>) -> RangeInclusive<i16> {
    *one.start().max(other.start())..=*one.end().min(other.end())
}

impl NoVersion {
    /// Whether the settings are to blame, and not the broker: no other broker would do, nor this one later.
    pub fn is_by_settings(&self) -> bool {
        self.is_by_settings
    }
}

impl fmt::Display for NoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            api,
            needed,
            reason,
            broker,
            ceiling,
            is_by_settings: _,
        } = self;
        write!(f, "{api} is needed in {}", Range(needed))?;
        if let Some(reason) = reason {
            write!(f, " for {reason}")?;
        }
        if let Some(ceiling) = ceiling {
            write!(f, " (config.version is {ceiling})")?;
        }
        match broker {
            Some(broker) => write!(f, ", the broker speaks {}", Range(broker)),
            None => f.write_str(", the broker does not have it"),
        }
    }
}

impl error::Error for NoVersion {}

struct Range<'a>(&'a RangeInclusive<i16>);

impl fmt::Display for Range<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.start(), self.0.end()) {
            (first, last) if first > last => f.write_str("no version"),
            (first, last) if first == last => write!(f, "version {first}"),
            (first, last) => write!(f, "versions {first} to {last}"),
        }
    }
}

/// The last version of the API that a release speaks; `None` if the table does not know the API.
fn last_of_release(api: ApiKey, release: KafkaVersion) -> Option<i16> {
    let column = COLUMNS.iter().position(|&listed| listed == api)?;
    let newer = RELEASES.partition_point(|(since, _)| *since <= release);
    // Before the first row there were no consumer groups.
    let (_, row) = RELEASES[newer.saturating_sub(1)];
    Some(row[column])
}

/// The APIs of a consumer, and Produce for the tests. The others have no ceiling.
const COLUMNS: [ApiKey; 11] = [
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
];

/// The last versions that the releases speak, by the Java clients and brokers of those releases; in a
/// release between two rows the older row holds.
#[rustfmt::skip]
const RELEASES: &[(KafkaVersion, [i16; COLUMNS.len()])] = &[
    //                        Produce Fetch ListOffsets Metadata Commit OffsetFetch FindCo. Join Heartb. Leave Sync
    (KafkaVersion::V0_9_0_0,  [ 1,  1,  0,  0,  2,  1, 0, 0, 0, 0, 0]),
    (KafkaVersion::V0_10_0_0, [ 2,  2,  0,  1,  2,  1, 0, 0, 0, 0, 0]),
    (KafkaVersion::V0_10_1_0, [ 2,  3,  1,  2,  2,  1, 0, 1, 0, 0, 0]),
    (KafkaVersion::V0_10_2_0, [ 2,  3,  1,  2,  2,  2, 0, 1, 0, 0, 0]),
    (KafkaVersion::V0_11_0_0, [ 3,  5,  2,  4,  3,  3, 1, 2, 1, 1, 1]),
    (KafkaVersion::V1_0_0,    [ 5,  6,  2,  5,  3,  3, 1, 2, 1, 1, 1]),
    (KafkaVersion::V1_1_0,    [ 5,  7,  2,  5,  3,  3, 1, 2, 1, 1, 1]),
    (KafkaVersion::V2_0_0,    [ 6,  8,  3,  6,  4,  4, 2, 3, 2, 2, 2]),
    (KafkaVersion::V2_1_0,    [ 7, 10,  4,  7,  6,  5, 2, 3, 2, 2, 2]),
    (KafkaVersion::V2_2_0,    [ 7, 10,  5,  7,  6,  5, 2, 4, 2, 2, 2]),
    (KafkaVersion::V2_3_0,    [ 7, 11,  5,  8,  7,  5, 2, 5, 3, 2, 3]),
    (KafkaVersion::V2_4_0,    [ 8, 11,  5,  9,  8,  6, 3, 6, 4, 4, 4]),
    (KafkaVersion::V2_5_0,    [ 8, 11,  5,  9,  8,  7, 3, 7, 4, 4, 5]),
    (KafkaVersion::V2_7_0,    [ 8, 12,  5,  9,  8,  7, 3, 7, 4, 4, 5]),
    (KafkaVersion::V2_8_0,    [ 9, 12,  6, 11,  8,  7, 3, 7, 4, 4, 5]),
    (KafkaVersion::V3_0_0,    [ 9, 12,  7, 11,  8,  8, 4, 7, 4, 4, 5]),
    (KafkaVersion::V3_1_0,    [ 9, 13,  7, 12,  8,  8, 4, 7, 4, 4, 5]),
    (KafkaVersion::V3_2_0,    [ 9, 13,  7, 12,  8,  8, 4, 9, 4, 5, 5]),
    (KafkaVersion::V3_5_0,    [ 9, 15,  8, 12,  8,  8, 4, 9, 4, 5, 5]),
    (KafkaVersion::V3_7_0,    [10, 16,  8, 12,  9,  9, 4, 9, 4, 5, 5]),
    (KafkaVersion::V3_9_0,    [11, 17,  9, 12,  9,  9, 6, 9, 4, 5, 5]),
    (KafkaVersion::V4_0_0,    [12, 17, 10, 13,  9,  9, 6, 9, 4, 5, 5]),
    (KafkaVersion::V4_1_0,    [13, 18, 10, 13,  9,  9, 6, 9, 4, 5, 5]),
    (KafkaVersion::V4_3_0,    [13, 18, 11, 13, 10, 10, 6, 9, 4, 5, 5]),
];
