//! ApiVersions (18): asks a broker which versions of which APIs it speaks.
//!
//! A broker that does not speak the version of this very request answers UNSUPPORTED_VERSION in version 0:
//! before 2.4 with an empty list, from 2.4 on (KIP-511) with the versions of ApiVersions to use.

use super::ErrorCode;

message! {
    /// Versions 0–2 say nothing.
    pub struct Request {
        /// With the software version in the broker's metrics and request log, so letters, digits, `-`, `.`
        /// only: INVALID_REQUEST answers anything else (KIP-511).
        client_software_name: String [3.., ignorable],
        client_software_version: String [3.., ignorable],
        /// The cluster that the client means; another one answers REBOOTSTRAP_REQUIRED (KIP-1242).
        cluster_id: Option<String> [5.., ignorable],
        /// The broker that the client means, −1 is any; checked like the cluster.
        node_id: i32 [5.., ignorable] = -1,
    }

    /// What the broker speaks.
    pub struct Response {
        error_code: ErrorCode,
        api_keys: Vec<ApiVersion>,
        throttle_time_ms: i32 [1.., ignorable],
        supported_features: Vec<SupportedFeatureKey> [3.., tag 0, ignorable],
        /// −1 if the broker does not know; then the finalized features mean nothing.
        finalized_features_epoch: i64 [3.., tag 1, ignorable] = -1,
        finalized_features: Vec<FinalizedFeatureKey> [3.., tag 2, ignorable],
        zk_migration_ready: bool [3.., tag 3, ignorable],
    }

    /// The versions of one API, both ends included.
    pub struct ApiVersion {
        api_key: i16,
        min_version: i16,
        max_version: i16,
    }

    /// The levels of a feature (KIP-584) that the broker could run at.
    pub struct SupportedFeatureKey {
        name: String,
        min_version: i16,
        max_version: i16,
    }

    /// The level of a feature that the cluster runs at.
    pub struct FinalizedFeatureKey {
        name: String,
        max_version_level: i16,
        min_version_level: i16,
    }
}
