//! How commits are kept.

use sarama_cluster::protocol::offset_fetch;

use crate::scene::{Join, Scene};

pub(crate) fn are_committed_and_fetched(scene: &mut Scene) {
    fetch(scene, None);
    scene.join("a", &Join::default());
    scene.sync("a", 1, &[]);
    fetch(scene, Some(&[0, 1, 9]));
    for version in 2..=8 {
        scene.commit_as("a", version, 1, None, &format!("version {version}"));
        fetch(scene, None);
    }
    scene.commit_as("a", 8, 1, None, &"x".repeat(4096));
    scene.commit_as("a", 8, 1, None, &"x".repeat(4097));
    fetch(scene, Some(&[0, 1]));
    let known = std::mem::replace(&mut scene.topic, kafka_tests::unique("unknown"));
    scene.commit("a", 1);
    fetch(scene, Some(&[0]));
    scene.topic = known;
    scene.leave("a", None);
    fetch(scene, None);
}

/// Asks for these partitions, or for all there are, in every version of the old layout.
fn fetch(scene: &mut Scene, partitions: Option<&[i32]>) {
    let topics = partitions.map(|partitions| {
        vec![offset_fetch::SingleRequestTopic {
            name: scene.topic.clone(),
            partition_indexes: partitions.to_vec(),
        }]
    });
    for version in 1..=6 {
        if version == 1 && topics.is_none() {
            continue;
        }
        let request = offset_fetch::SingleRequest {
            group_id: scene.group.clone(),
            topics: topics.clone(),
            ..Default::default()
        };
        let found = scene.call("reader", version, &request);
        let partitions = found.topics.iter().flat_map(|topic| &topic.partitions);
        let partitions = partitions.map(|found| {
            let metadata = found
                .metadata
                .as_deref()
                .map(|text| &text[..text.len().min(20)]);
            let code = found.error_code.name();
            format!(
                "{}: {} {} {metadata:?} {code}",
                found.partition_index, found.committed_offset, found.committed_leader_epoch
            )
        });
        let partitions = partitions.collect::<Vec<_>>();
        scene.say(format!(
            "version {version}: {} {partitions:?}",
            found.error_code.name()
        ));
    }
}
