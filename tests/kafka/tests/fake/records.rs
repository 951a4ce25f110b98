//! How records are kept and given.

use sarama_cluster::{
    protocol::{fetch, list_offsets, metadata, produce},
    record::{
        Batch, Codec, Limits,
        build::{BatchBuilder, NewRecord},
        split,
    },
};

use crate::scene::Scene;

fn batch(codec: Codec, times: &[i64]) -> Vec<u8> {
    let mut batch = BatchBuilder::new(0).codec(codec);
    for time in times {
        let value = "v".repeat(50);
        batch.push(&NewRecord {
            timestamp_ms: *time,
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        });
    }
    batch.build()
}

fn produce(scene: &mut Scene, partition: i32, records: Vec<u8>) {
    let partition = produce::RequestPartition {
        index: partition,
        records: records.into(),
    };
    let topic = produce::RequestTopic {
        name: scene.topic.clone(),
        partition_data: vec![partition],
        ..Default::default()
    };
    let request = produce::Request {
        acks: -1,
        timeout_ms: 10_000,
        topic_data: vec![topic],
        ..Default::default()
    };
    let answer = scene.call("producer", 7, &request);
    let answer = &answer.responses[0].partition_responses[0];
    let line = format!(
        "produced: {} at {} of {}",
        answer.error_code.name(),
        answer.base_offset,
        answer.log_start_offset
    );
    scene.say(line);
}

struct Asked {
    version: i16,
    max_bytes: i32,
    min_bytes: i32,
    max_wait_ms: i32,
    partitions: Vec<fetch::RequestPartition>,
}

fn at(partition: i32, fetch_offset: i64, partition_max_bytes: i32) -> fetch::RequestPartition {
    fetch::RequestPartition {
        partition,
        fetch_offset,
        partition_max_bytes,
        ..Default::default()
    }
}

fn ask(version: i16, max_bytes: i32, partitions: Vec<fetch::RequestPartition>) -> Asked {
    Asked {
        version,
        max_bytes,
        min_bytes: 0,
        max_wait_ms: 0,
        partitions,
    }
}

fn fetch(scene: &mut Scene, asked: Asked) {
    let topic = fetch::RequestTopic {
        topic: scene.topic.clone(),
        partitions: asked.partitions,
        ..Default::default()
    };
    let request = fetch::Request {
        max_wait_ms: asked.max_wait_ms,
        min_bytes: asked.min_bytes,
        max_bytes: asked.max_bytes,
        topics: vec![topic],
        ..Default::default()
    };
    scene.send("consumer", asked.version, &request);
    fetched(scene, asked.version);
}

fn fetched(scene: &mut Scene, version: i16) {
    let frame = scene.frame("consumer");
    let (_, response) =
        sarama_cluster::protocol::header::decode_response::<fetch::Request>(&frame, version)
            .unwrap();
    let partitions = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partitions);
    let partitions = partitions.map(|read| {
        let bytes = read.records.slice(&frame);
        let walked = split(bytes, &Limits::default());
        let batches = walked
            .batches
            .iter()
            .map(|batch| (batch.base_offset(), batch.last_offset(), batch.magic()));
        let whole = walked.batches.iter().map(Batch::encoded_len).sum::<usize>();
        format!(
            "{}: {} {:?} and {} bytes, end {} {} start {} replica {} aborted {:?}",
            read.partition_index,
            read.error_code.name(),
            batches.collect::<Vec<_>>(),
            bytes.len() - whole,
            read.high_watermark,
            read.last_stable_offset,
            read.log_start_offset,
            read.preferred_read_replica,
            read.aborted_transactions.as_deref().unwrap_or_default(),
        )
    });
    let mut partitions = partitions.collect::<Vec<_>>();
    partitions.sort();
    let line = format!(
        "fetched: {} session {} {partitions:?}",
        response.error_code.name(),
        response.session_id
    );
    scene.say(line);
}

pub(crate) fn are_fetched_within_limits(scene: &mut Scene) {
    const ALL: i32 = 1 << 20;
    produce(scene, 0, batch(Codec::None, &[10, 20, 30]));
    produce(scene, 0, batch(Codec::Gzip, &[40]));
    produce(scene, 0, batch(Codec::None, &[50, 60]));
    produce(scene, 1, batch(Codec::None, &[5]));
    let size = batch(Codec::None, &[10, 20, 30]).len() as i32;
    for version in 4..=11 {
        fetch(scene, ask(version, ALL, vec![at(0, 0, ALL), at(1, 0, ALL)]));
    }
    fetch(scene, ask(11, ALL, vec![at(0, 1, ALL)]));
    fetch(scene, ask(11, ALL, vec![at(0, 4, ALL)]));
    // The first batch comes whole, whatever the limits, and others only as far as they fit.
    fetch(scene, ask(11, 1, vec![at(0, 0, ALL)]));
    fetch(scene, ask(11, ALL, vec![at(0, 0, 1)]));
    fetch(scene, ask(11, 0, vec![at(0, 0, 0)]));
    fetch(scene, ask(11, size + 20, vec![at(0, 0, ALL)]));
    fetch(scene, ask(11, ALL, vec![at(0, 0, size + 20)]));
    fetch(scene, ask(11, 1, vec![at(1, 0, ALL), at(0, 0, ALL)]));
    fetch(scene, ask(11, ALL, vec![at(1, 0, 1), at(0, 0, 1)]));
    // Outside of the log, and of the topic.
    fetch(scene, ask(11, ALL, vec![at(0, 6, ALL)]));
    fetch(scene, ask(11, ALL, vec![at(0, 7, ALL)]));
    fetch(scene, ask(11, ALL, vec![at(0, -1, ALL)]));
    fetch(scene, ask(11, ALL, vec![at(7, 0, ALL)]));
    let epoch = |current_leader_epoch| fetch::RequestPartition {
        current_leader_epoch,
        ..at(0, 0, ALL)
    };
    fetch(scene, ask(11, ALL, vec![epoch(0)]));
    fetch(scene, ask(11, ALL, vec![epoch(99)]));
    // A fetch that waits.
    let patient = |min_bytes, max_wait_ms| Asked {
        min_bytes,
        max_wait_ms,
        ..ask(11, ALL, vec![at(0, 6, ALL)])
    };
    fetch(scene, patient(1, 300));
    let topic = fetch::RequestTopic {
        topic: scene.topic.clone(),
        partitions: vec![at(0, 6, ALL)],
        ..Default::default()
    };
    let request = fetch::Request {
        max_wait_ms: 20_000,
        min_bytes: size + 1,
        max_bytes: ALL,
        topics: vec![topic],
        ..Default::default()
    };
    scene.send("consumer", 11, &request);
    scene.waits("consumer");
    produce(scene, 0, batch(Codec::None, &[10, 20, 30]));
    scene.waits("consumer");
    produce(scene, 0, batch(Codec::None, &[10]));
    fetched(scene, 11);

    let mut damaged = batch(Codec::None, &[1]);
    *damaged.last_mut().unwrap() ^= 1;
    produce(scene, 0, damaged);
    produce(scene, 9, batch(Codec::None, &[1]));
    describe(scene);
}

fn describe(scene: &mut Scene) {
    for names in [
        vec![scene.topic.clone()],
        vec!["not-there".to_owned()],
        vec![],
    ] {
        let named = |name: String| metadata::RequestTopic {
            name: Some(name),
            ..Default::default()
        };
        let topics = Some(names.into_iter().map(named).collect());
        let request = metadata::Request {
            topics,
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let described = scene.call("consumer", 9, &request);
        let topics = described.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter();
            let partitions = partitions.map(|p| {
                (
                    p.partition_index,
                    p.error_code.name(),
                    p.leader_id,
                    p.leader_epoch,
                )
            });
            let mut partitions = partitions.collect::<Vec<_>>();
            partitions.sort_unstable();
            format!(
                "{} {} {partitions:?}",
                topic.error_code.name(),
                topic.is_internal
            )
        });
        let topics = topics.collect::<Vec<_>>();
        scene.say(format!(
            "described: {topics:?} of {} brokers",
            described.brokers.len()
        ));
    }
}

pub(crate) fn offsets_are_listed(scene: &mut Scene) {
    list(scene, -1);
    list(scene, -2);
    list(scene, 0);
    produce(scene, 0, batch(Codec::None, &[10, 30]));
    produce(scene, 0, batch(Codec::Gzip, &[20, 50]));
    for timestamp in [-1, -2, 0, 10, 11, 30, 31, 50, 51] {
        list(scene, timestamp);
    }
}

fn list(scene: &mut Scene, timestamp: i64) {
    for version in 1..=5 {
        let partitions = [0, 9].map(|partition_index| list_offsets::RequestPartition {
            partition_index,
            timestamp,
            ..Default::default()
        });
        let topic = list_offsets::RequestTopic {
            name: scene.topic.clone(),
            partitions: partitions.to_vec(),
        };
        let listed = scene.call(
            "consumer",
            version,
            &list_offsets::Request {
                topics: vec![topic],
                ..Default::default()
            },
        );
        let mut listed = listed
            .topics
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .collect::<Vec<_>>();
        listed.sort_by_key(|partition| partition.partition_index);
        let lines = listed.iter().map(|found| {
            format!(
                "{} {} at {} epoch {}",
                found.error_code.name(),
                found.offset,
                found.timestamp,
                found.leader_epoch
            )
        });
        let lines = lines.collect::<Vec<_>>();
        scene.say(format!(
            "listed {timestamp} by version {version}: {lines:?}"
        ));
    }
}
