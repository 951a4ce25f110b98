//! What the coordinator does for a fetch: to plan it, to file what came, to have it decoded and pushed.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use sarama_cluster::{
    Config,
    call::{Answer, Broker, Call, fetch, metadata},
    core::{
        Channel, ChannelId, ClaimId, Cluster, Tokens, Waits, cluster,
        fetch::{Decoded, Fetcher, Settings},
    },
    protocol::ErrorCode,
    record::{Batch, Codec, Limits, split},
};

use crate::{
    counted,
    decoding::{batch, block},
};

const TOPIC: &str = "topic";
/// Records of the one batch that each partition gives each time.
const RECORDS: usize = 2;
/// Messages that the user's channel holds.
const CAPACITY: usize = 4096;

/// So many fetches of all partitions, in each of which each has a batch.
pub(crate) fn run(rounds: usize, partitions: i32) {
    let now = Instant::now();
    let cluster = cluster(now, partitions);
    let mut fetcher = Fetcher::new(settings(), 1);
    let mut tokens = Tokens::default();
    let id = ChannelId::Shared;
    let mut channels = BTreeMap::from([(id, Channel::new(CAPACITY))]);
    let topic = Arc::from(TOPIC);
    for partition in 0..partitions {
        let claim = ClaimId(partition as u64 + 1);
        fetcher.read(claim, (id, CAPACITY), &topic, (partition, 0), &cluster);
    }
    let mut taken = 0;
    for round in 0..rounds {
        let base = (round * RECORDS) as i64;
        let fetch = counted(|| fetcher.poll_fetch(now, &cluster, &mut tokens));
        let (_, token, call, _) = fetch.expect("all have credit");
        let Call::Fetch(ask) = call else {
            unreachable!("it fetches")
        };
        let answer = fetch::Answer {
            error: ErrorCode::NONE,
            throttle: Duration::ZERO,
            partitions: ask
                .partitions
                .iter()
                .map(|asked| fetched(asked, base))
                .collect(),
            ends: None,
            wire_bytes: 0,
            is_bounded: true,
        };
        let answer = Ok(Answer::Fetch(answer));
        counted(|| fetcher.answer(now, token, answer, &cluster));
        while let Some(job) = counted(|| fetcher.poll_job(&channels)) {
            let done = Decoded {
                claim: job.claim,
                blocks: vec![block(base, RECORDS)],
                decoded_to: Some(base + RECORDS as i64),
                failed: None,
                left: Vec::new(),
            };
            counted(|| {
                fetcher.decoded(now, done);
                let channel = channels.get_mut(&id).expect("there is one");
                while let Some((_, block)) = fetcher.poll_block(now, id, channel, |_, _| true) {
                    taken += block.len() as u64;
                    for (claim, bytes) in channel.take(taken) {
                        fetcher.taken(claim, bytes);
                    }
                }
            });
        }
        assert_eq!(
            taken,
            (round + 1) as u64 * RECORDS as u64 * partitions as u64
        );
    }
}

fn fetched(asked: &fetch::Partition, base: i64) -> fetch::Fetched {
    fetch::Fetched {
        topic: asked.topic.clone(),
        partition: asked.partition,
        error: ErrorCode::NONE,
        high_watermark: Some(base + RECORDS as i64),
        log_start: Some(0),
        aborted: Vec::new(),
        preferred_read_replica: None,
        batches: batches(base),
        needs_bytes: None,
        converted_to_nothing: false,
        broken: None,
    }
}

fn batches(base: i64) -> Vec<Batch> {
    split(&batch(Codec::None, base, RECORDS), &Limits::default()).batches
}

fn settings() -> Settings {
    Settings {
        min_bytes: 1,
        default_bytes: 1 << 20,
        max_partition_bytes: None,
        max_bytes: 50 << 20,
        max_wait: Duration::from_millis(500),
        read_timeout: Duration::from_secs(30),
        read_committed: false,
        is_converted: false,
        rack_id: String::new(),
        budget: 64 << 20,
        largest_answer: 100 << 20,
        retry: Waits::Listed([Duration::from_secs(2)].into()),
        retry_max: None,
        quiet_retries: 1,
    }
}

/// A broker that leads all partitions of a topic.
fn cluster(now: Instant, partitions: i32) -> Cluster {
    let broker = |id| Broker {
        id,
        host: "broker".to_owned(),
        port: 9092,
    };
    let settings = cluster::Settings::of(&Config::default());
    let mut cluster = Cluster::new(settings, vec![broker(None)], 1);
    let partition = |id| metadata::Partition {
        error: ErrorCode::NONE,
        id,
        leader: Some(1),
        leader_epoch: Some(3),
        replicas: vec![1],
        in_sync_replicas: vec![1],
        offline_replicas: Vec::new(),
    };
    let answer = metadata::Answer {
        brokers: vec![metadata::Broker {
            id: 1,
            host: "broker".to_owned(),
            port: 9092,
            rack: None,
        }],
        topics: vec![metadata::Topic {
            error: ErrorCode::NONE,
            name: TOPIC.to_owned(),
            id: None,
            is_internal: false,
            partitions: (0..partitions).map(partition).collect(),
        }],
        ..metadata::Answer::default()
    };
    cluster.describe(now, now, None, answer);
    cluster
}
