//! Brokers that answer byte by byte: no byte of theirs buys more time.

use std::time::Duration;

use sarama_cluster::{ErrorKind, testing::ApiKey};

use crate::{
    alter,
    case::{Case, Setting},
    stage::READ_TIMEOUT,
};

/// Where the drip begins: in the length, in the header, in the body.
const PLACES: [(&str, usize); 3] = [("length", 0), ("header", 5), ("body", 11)];

const SESSION: Duration = Duration::from_secs(6);
/// How late the answer to a JoinGroup may be, beyond the longer one of the session and the rebalance.
const JOIN_LAPSE: Duration = Duration::from_secs(5);

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    // What waits for other members may be kept as long as they may take.
    for api in [ApiKey::JoinGroup, ApiKey::SyncGroup] {
        let case = drip("body", 11, api, Setting::Joining);
        let case = case.tune(|config| {
            config.group.session.timeout = SESSION;
            config.group.rebalance.timeout = SESSION;
        });
        cases.push(case.within(SESSION + JOIN_LAPSE + Duration::from_secs(5)));
    }
    for (place, from) in PLACES {
        for (api, setting) in [
            (ApiKey::ApiVersions, Setting::Start),
            (ApiKey::Metadata, Setting::Start),
            (ApiKey::FindCoordinator, Setting::Joining),
            (ApiKey::OffsetFetch, Setting::Joining),
            (ApiKey::Heartbeat, Setting::Member),
            (ApiKey::OffsetCommit, Setting::Member),
            (ApiKey::ListOffsets, Setting::Broker),
            (ApiKey::Fetch, Setting::Broker),
        ] {
            cases.push(drip(place, from, api, setting));
        }
    }
    cases
}

fn drip(place: &str, from: usize, api: ApiKey, setting: Setting) -> Case {
    let name = format!("{api}: the {place} drips");
    let as_it_is = alter::frame(|frame| frame);
    Case::new(name, setting, api, "no answer within", as_it_is)
        .kind(ErrorKind::Timeout(READ_TIMEOUT))
        .drips_from(from)
}
