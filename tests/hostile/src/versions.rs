//! What two sides can speak.

use sarama_cluster::{
    KafkaVersion,
    call::Versions,
    protocol::{ApiKey, api_versions::ApiVersion},
};

use crate::input::Input;

/// A list of ranges, as a broker tells them: each API gets a version of both sides, or an error that names it.
pub(crate) fn versions(data: &[u8]) {
    let mut input = Input::new(data);
    let ceiling = input.pick(&[
        KafkaVersion::V0_9_0_0,
        KafkaVersion::V0_11_0_0,
        KafkaVersion::V2_4_0,
        KafkaVersion::MAX,
    ]);
    let mut listed = Vec::new();
    while !input.is_empty() {
        let number = |input: &mut Input<'_>| input.u16().cast_signed();
        listed.push(ApiVersion {
            api_key: number(&mut input),
            min_version: number(&mut input),
            max_version: number(&mut input),
        });
    }
    check_versions(&listed, ceiling);
}

/// The rule, for every API.
pub(crate) fn check_versions(listed: &[ApiVersion], ceiling: KafkaVersion) {
    let versions = Versions::negotiate(listed, ceiling);
    for &api in ApiKey::ALL {
        let told = listed.iter().find(|told| told.api_key == api.key());
        match versions.pick(api) {
            Ok(version) => {
                let told = told.expect("what is not told is not spoken");
                assert!((told.min_version..=told.max_version).contains(&version));
                assert!(api.versions().contains(&version));
                // Nothing newer would do.
                let next = version + 1;
                let is_common = next <= told.max_version && api.versions().contains(&next);
                assert!(!is_common || ceiling < KafkaVersion::MAX, "{api} {version}");
            }
            Err(none) => {
                assert!(none.to_string().contains(api.name()), "{none}");
                let has_common = told.is_some_and(|told| {
                    (told.min_version..=told.max_version)
                        .any(|version| api.versions().contains(&version))
                });
                assert!(!has_common || ceiling < KafkaVersion::MAX, "{none}");
            }
        }
    }
}
