use crate::{
    call::{Call, Versions, heartbeat},
    config::KafkaVersion,
    error::ErrorKind,
    protocol::{ApiKey, api_versions::ApiVersion},
};

use super::broker;

fn listed(api_key: i16, min_version: i16, max_version: i16) -> ApiVersion {
    ApiVersion {
        api_key,
        min_version,
        max_version,
    }
}

#[test]
fn the_newest_version_of_both_sides_is_spoken() {
    assert_eq!(
        broker(ApiKey::JoinGroup, 2, 4).pick(ApiKey::JoinGroup),
        Ok(4)
    );
    assert_eq!(
        broker(ApiKey::JoinGroup, 2, 40).pick(ApiKey::JoinGroup),
        Ok(9)
    );
}

#[test]
fn the_release_in_the_settings_is_a_ceiling_and_not_a_floor() {
    let listed = [listed(ApiKey::Fetch.key(), 4, 17)];
    let versions = |ceiling| Versions::negotiate(&listed, ceiling);
    assert_eq!(versions(KafkaVersion::MAX).pick(ApiKey::Fetch), Ok(17));
    assert_eq!(versions(KafkaVersion::V2_4_0).pick(ApiKey::Fetch), Ok(11));
    assert_eq!(
        versions(KafkaVersion::new(2, 6, 1, 0)).pick(ApiKey::Fetch),
        Ok(11)
    );
    assert_eq!(
        versions(KafkaVersion::V0_10_0_0)
            .pick(ApiKey::Fetch)
            .unwrap_err()
            .to_string(),
        "Fetch is needed in versions 0 to 2 (config.version is 0.10.0.0), the broker speaks versions 4 to 17",
    );
}

#[test]
fn a_broker_without_api_versions_is_spoken_to_as_its_release() {
    let versions = Versions::of_release(KafkaVersion::V0_9_0_0);
    for (api, version) in [
        (ApiKey::Fetch, 1),
        (ApiKey::ListOffsets, 0),
        (ApiKey::Metadata, 0),
        (ApiKey::OffsetCommit, 2),
        (ApiKey::OffsetFetch, 1),
        (ApiKey::FindCoordinator, 0),
        (ApiKey::JoinGroup, 0),
        (ApiKey::Heartbeat, 0),
        (ApiKey::LeaveGroup, 0),
        (ApiKey::SyncGroup, 0),
    ] {
        assert_eq!(versions.pick(api), Ok(version), "{api}");
    }
}

#[test]
fn no_common_version_is_an_error_that_names_api_and_ranges() {
    let ask = heartbeat::Ask {
        group_id: "g".into(),
        generation: 1,
        member_id: "m".into(),
        instance_id: None,
    };
    let error = Call::Heartbeat(ask)
        .encode(&broker(ApiKey::Heartbeat, 5, 6), 0, "me")
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.api()),
        (&ErrorKind::Version, Some("Heartbeat"))
    );
    assert_eq!(
        broker(ApiKey::Heartbeat, 5, 6)
            .pick(ApiKey::Heartbeat)
            .unwrap_err()
            .to_string(),
        "Heartbeat is needed in versions 0 to 4, the broker speaks versions 5 to 6",
    );
    assert_eq!(
        broker(ApiKey::Heartbeat, 0, 4)
            .pick(ApiKey::Fetch)
            .unwrap_err()
            .to_string(),
        "Fetch is needed in versions 0 to 18, the broker does not have it",
    );
}

#[test]
fn nonsense_in_a_list_of_versions_makes_the_api_unusable_and_nothing_else() {
    let list = [
        listed(ApiKey::Fetch.key(), 9, 3),
        listed(ApiKey::Heartbeat.key(), -7, -1),
        listed(ApiKey::SyncGroup.key(), -7, 2),
        listed(9999, 0, 1),
    ];
    let versions = Versions::negotiate(&list, KafkaVersion::MAX);
    assert!(versions.pick(ApiKey::Fetch).is_err());
    assert!(versions.pick(ApiKey::Heartbeat).is_err());
    assert_eq!(versions.pick(ApiKey::SyncGroup), Ok(2));
}

#[test]
fn the_tests_here_end_at_the_newest_version_declared() {
    let tested = [
        (ApiKey::OffsetCommit, 10),
        (ApiKey::OffsetFetch, 10),
        (ApiKey::ListOffsets, 11),
        (ApiKey::Metadata, 13),
        (ApiKey::FindCoordinator, 6),
        (ApiKey::JoinGroup, 9),
        (ApiKey::SyncGroup, 5),
        (ApiKey::Heartbeat, 4),
        (ApiKey::LeaveGroup, 5),
        (ApiKey::Fetch, 18),
    ];
    for (api, last) in tested {
        assert_eq!(
            *api.versions().end(),
            last,
            "{api} has a version without a test"
        );
    }
}
