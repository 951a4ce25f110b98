//! What each release speaks.

use super::*;
use crate::protocol::{
    api_versions, create_partitions, create_topics, delete_records, delete_topics, describe_groups,
    leave_group, list_groups, list_offsets, metadata, offset_commit, offset_fetch,
    offset_for_leader_epoch, produce,
    sample::{Sample, Sampler},
};

const RELEASES: [KafkaRelease; 13] = {
    use KafkaRelease::*;
    [
        V0_9, V0_10_0, V0_10_2, V0_11, V1_1, V2_0, V2_4, V2_8, V3_0, V3_9, V4_0, V4_1, V4_4,
    ]
};

/// The highest version that a broker lists.
fn highest(story: &mut Story, broker: i32, api: ApiKey) -> i16 {
    let listed = story.call(broker, 3, &api_versions::Request::default());
    assert_eq!(listed.error_code, ErrorCode::NONE);
    let mut listed = listed.api_keys.iter();
    let found = listed.find(|listed| listed.api_key == api.key());
    found.expect("it is spoken").max_version
}

#[test]
fn a_broker_lists_what_it_speaks() {
    let settings = Settings {
        version_caps: vec![(Some(2), ApiKey::Fetch, 12), (None, ApiKey::JoinGroup, 5)],
        ..Settings::new(2, KafkaRelease::V3_9)
    };
    let mut story = Story::by(settings);
    assert_eq!(highest(&mut story, 1, ApiKey::Fetch), 17);
    assert_eq!(highest(&mut story, 2, ApiKey::Fetch), 12);
    assert_eq!(highest(&mut story, 1, ApiKey::JoinGroup), 5);
}

#[test]
fn a_broker_that_is_upgraded_speaks_more() {
    let mut story = Story::by(Settings {
        version_caps: vec![(Some(2), ApiKey::JoinGroup, 5)],
        ..Settings::new(2, KafkaRelease::V3_9)
    });
    story.cluster.install(2, KafkaRelease::V2_8);
    assert_eq!(highest(&mut story, 1, ApiKey::Fetch), 17);
    assert_eq!(highest(&mut story, 2, ApiKey::Fetch), 12);
    story.cluster.stop_broker(story.now, 2);
    story.cluster.install(2, KafkaRelease::V3_9);
    story.cluster.start_broker(story.now, 2);
    assert_eq!(highest(&mut story, 2, ApiKey::Fetch), 17);
    assert_eq!(highest(&mut story, 2, ApiKey::JoinGroup), 5);
}

#[test]
fn a_version_of_api_versions_that_is_not_spoken_is_refused_in_version_0() {
    for (release, spoken) in [(KafkaRelease::V2_0, None), (KafkaRelease::V2_4, Some(3))] {
        let mut story = Story::by(Settings::new(1, release));
        let line = story.connect(1);
        story.send(line, 4, &api_versions::Request::default());
        let Some(Action::Send(bytes)) = story.output(line) else {
            panic!("no answer")
        };
        let (_, refused) = decode_response::<api_versions::Request>(&bytes[4..], 0).unwrap();
        assert_eq!(refused.error_code, ErrorCode::UNSUPPORTED_VERSION);
        let listed = refused
            .api_keys
            .iter()
            .map(|listed| (listed.api_key, listed.max_version));
        assert_eq!(
            listed.collect::<Vec<_>>(),
            spoken
                .map(|version| (18, version))
                .into_iter()
                .collect::<Vec<_>>()
        );
        // The connection is good for another try.
        assert_eq!(
            story
                .call_on(line, 0, &api_versions::Request::default())
                .error_code,
            ErrorCode::NONE
        );
    }
}

#[test]
fn a_broker_of_0_9_is_silent_to_api_versions_or_hangs_up_and_answers_metadata() {
    for (what, output) in [
        (OnUnknownApi::Silence, None),
        (OnUnknownApi::Close, Some(Action::Close)),
    ] {
        let mut story = Story::by(Settings {
            on_unknown_api: what,
            ..Settings::new(1, KafkaRelease::V0_9)
        });
        let line = story.connect(1);
        assert_eq!(
            story
                .call_on(line, 0, &metadata::Request::all_topics(0))
                .brokers
                .len(),
            1
        );
        // Whatever the version of the request, the answer is in version 0.
        story.send(line, 1, &metadata::Request::default());
        let Some(Action::Send(bytes)) = story.output(line) else {
            panic!("no answer")
        };
        decode_response::<metadata::Request>(&bytes[4..], 0).unwrap();
        decode_response::<metadata::Request>(&bytes[4..], 1).unwrap_err();

        story.send(line, 0, &api_versions::Request::default());
        story.pass(Duration::from_secs(3600));
        assert_eq!(story.output(line), output);
    }
}

#[test]
fn any_other_version_that_is_not_spoken_ends_the_connection() {
    let mut story = Story::by(Settings::new(1, KafkaRelease::V4_0));
    for frame in [
        frame(&join("g"), 1),
        frame(&join("g"), 99),
        vec![1, 2, 3],
        Vec::new(),
    ] {
        let line = story.connect(1);
        story.cluster.handle(story.now, 1, line.id, frame);
        assert_eq!(story.output(line), Some(Action::Close));
    }
}

/// A frame with a version that need not exist.
fn frame(request: &join_group::Request, version: i16) -> Vec<u8> {
    let mut frame = encode_request(request, 1, 0, None).unwrap();
    frame.drain(..4);
    frame[2..4].copy_from_slice(&version.to_be_bytes());
    frame
}

/// Sends requests with random fields in every version that the release speaks. Whatever they ask for,
/// the broker answers in the layout of the version, or waits, and never falls.
fn send_samples<R: Request + Sample>(story: &mut Story, release: KafkaRelease, seed: u64) {
    let Some(versions) = release.versions().get(&R::API).cloned() else {
        return;
    };
    for version in versions.filter(|version| R::VERSIONS.contains(version)) {
        for request in [
            R::sample(&mut Sampler::full(version, seed)),
            R::sample(&mut Sampler::mixed(version, seed)),
            R::default(),
        ] {
            let line = story.connect(1);
            let Ok(mut frame) = encode_request(&request, version, i32::from(version), None) else {
                continue;
            };
            frame.drain(..4);
            story.cluster.handle(story.now, 1, line.id, frame);
            match story.output(line) {
                Some(Action::Send(bytes)) => {
                    decode_response::<R>(&bytes[4..], version).unwrap();
                }
                Some(Action::Close) => {
                    assert_eq!(R::API, ApiKey::Produce, "{version}: {request:?}");
                }
                None => assert!(matches!(
                    R::API,
                    ApiKey::Fetch | ApiKey::Produce | ApiKey::JoinGroup
                )),
            }
        }
    }
}

#[test]
fn every_version_of_every_api_is_answered_in_its_layout() {
    for release in RELEASES {
        for seed in 0..4 {
            let mut story = Story::by(Settings::new(1, release));
            story.coordinator_of_one();
            send_samples::<produce::Request>(&mut story, release, seed);
            send_samples::<fetch::Request>(&mut story, release, seed);
            send_samples::<list_offsets::Request>(&mut story, release, seed);
            send_samples::<metadata::Request>(&mut story, release, seed);
            send_samples::<offset_commit::Request>(&mut story, release, seed);
            send_samples::<offset_fetch::SingleRequest>(&mut story, release, seed);
            send_samples::<offset_fetch::Request>(&mut story, release, seed);
            send_samples::<find_coordinator::SingleRequest>(&mut story, release, seed);
            send_samples::<find_coordinator::Request>(&mut story, release, seed);
            send_samples::<join_group::Request>(&mut story, release, seed);
            send_samples::<heartbeat::Request>(&mut story, release, seed);
            send_samples::<leave_group::SingleRequest>(&mut story, release, seed);
            send_samples::<leave_group::Request>(&mut story, release, seed);
            send_samples::<sync_group::Request>(&mut story, release, seed);
            send_samples::<describe_groups::Request>(&mut story, release, seed);
            send_samples::<list_groups::Request>(&mut story, release, seed);
            send_samples::<api_versions::Request>(&mut story, release, seed);
            send_samples::<create_topics::Request>(&mut story, release, seed);
            send_samples::<delete_topics::Request>(&mut story, release, seed);
            send_samples::<delete_records::Request>(&mut story, release, seed);
            send_samples::<offset_for_leader_epoch::Request>(&mut story, release, seed);
            send_samples::<create_partitions::Request>(&mut story, release, seed);
            story.pass(Duration::from_secs(3600));
        }
    }
}

impl Story {
    /// Has the topic of the groups created, in every release.
    fn coordinator_of_one(&mut self) {
        self.cluster.commit(self.now, "g", "t", 0, 1, "");
        assert_eq!(self.cluster.coordinator("g"), Some(1));
    }
}
