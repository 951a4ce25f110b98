//! Moves leaders and replicas, which librdkafka cannot ask for: by requests of the library's own protocol
//! module, whose bytes are tested against Java's.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use sarama_cluster::{
    ErrorCode,
    protocol::{
        Request,
        alter_partition_reassignments::{self as moves, RequestPartition, RequestTopic},
        elect_leaders::{self as elections, TopicPartitions},
        header, metadata,
    },
};

use super::{Topic, diary::Diary, tap::TopicIds};
use crate::{Cluster, Release};

/// A broker that has not answered by then has something else to do.
const ANSWER: Duration = Duration::from_secs(3);

/// The first preferred replica of each partition leads again after this.
const PREFERRED: i8 = 0;

/// Moves some partition to other brokers, or in other order, and has the first of them lead. So often something
/// was moved: that brokers refuse it for the moment is no fault.
pub(crate) fn shuffle(
    kafka: &Cluster,
    topics: &[Topic],
    diary: &Diary,
    rng: &mut fastrand::Rng,
) -> u64 {
    let count = kafka.bootstrap().len() as i32;
    let mut brokers: Vec<i32> = (1..=count).collect();
    rng.shuffle(&mut brokers);
    // The partitions of the topic of all commits are moved as well: that moves coordinators.
    let chosen = rng.usize(..=topics.len());
    let (name, partitions, copies) = match topics.get(chosen) {
        Some(topic) => (topic.name.as_str(), topic.partitions, topic.copies),
        None => ("__consumer_offsets", super::OFFSETS_PARTITIONS, count),
    };
    let partition_index = rng.i32(0..partitions);
    brokers.truncate(copies as usize);
    diary.note(format_args!("move {name}/{partition_index} to {brokers:?}"));
    let request = moves::Request {
        timeout_ms: 3_000,
        topics: vec![RequestTopic {
            name: name.to_owned(),
            partitions: vec![RequestPartition {
                partition_index,
                replicas: Some(brokers),
            }],
        }],
    };
    let moved = ask_controller(kafka, &request, 0, |response| response.error_code);
    let moved = moved.filter(|answer| {
        let mut partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
        partitions.all(|one| one.error_code == ErrorCode::NONE)
    });
    diary.note(format_args!("elect, moved: {}", moved.is_some()));
    let request = elections::Request {
        election_type: PREFERRED,
        topic_partitions: Some(vec![TopicPartitions {
            topic: name.to_owned(),
            partitions: vec![partition_index],
        }]),
        timeout_ms: 3_000,
    };
    let elected = ask_controller(kafka, &request, 2, |response| response.error_code);
    let elected = elected.filter(|answer| {
        let topics = &answer.replica_election_results;
        let mut partitions = topics.iter().flat_map(|topic| &topic.partition_result);
        partitions.all(|one| one.error_code == ErrorCode::NONE)
    });
    u64::from(moved.is_some()) + u64::from(elected.is_some())
}

/// The ids of some topics, where the brokers have any.
pub(crate) fn topic_ids(kafka: &Cluster, topics: &[Topic]) -> TopicIds {
    let topic = |topic: &Topic| metadata::RequestTopic {
        name: Some(topic.name.clone()),
        ..Default::default()
    };
    let request = metadata::Request {
        topics: Some(topics.iter().map(topic).collect()),
        ..Default::default()
    };
    if kafka.release() < Release::V3_0_2 {
        return TopicIds::new();
    }
    let answer = ask_controller(kafka, &request, 12, |response| response.error_code);
    let topics = answer.map(|answer| answer.topics).unwrap_or_default();
    let id = |topic: metadata::ResponseTopic| Some((topic.topic_id.0, topic.name?));
    topics.into_iter().filter_map(id).collect()
}

/// Asks one broker after the other until one says that it is the controller, or asks that for us.
fn ask_controller<R: Request>(
    kafka: &Cluster,
    request: &R,
    version: i16,
    code: impl Fn(&R::Response) -> ErrorCode,
) -> Option<R::Response> {
    kafka.addresses().find_map(|address| {
        let response = ask(address, request, version).ok()?;
        (code(&response) == ErrorCode::NONE).then_some(response)
    })
}

fn ask<R: Request>(to: SocketAddr, request: &R, version: i16) -> io::Result<R::Response> {
    let mut stream = TcpStream::connect_timeout(&to, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let frame = header::encode_request(request, version, 1, Some("soak"));
    stream.write_all(&frame.map_err(io::Error::other)?)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer)?;
    let (_, response) = header::decode_response::<R>(&answer, version).map_err(io::Error::other)?;
    Ok(response)
}
