//! Produce: records from clients.

use super::Reply;
use crate::{
    protocol::{
        ErrorCode,
        produce::{LeaderIdAndEpoch, Request, Response, ResponsePartition, ResponseTopic},
    },
    record::{self, End, Limits, split},
    testing::broker::{Cluster, exchange::Call, topics::TopicRef},
};

/// From this version on a partition's records are one batch of magic 2.
const FIRST_WITH_BATCHES: i16 = 3;
/// The last version that names topics.
pub(crate) const LAST_WITH_NAMES: i16 = 12;
/// From this version on (KIP-951) NOT_LEADER_OR_FOLLOWER says who leads.
const FIRST_WITH_LEADER: i16 = 10;

impl Cluster {
    pub(crate) fn serve_produce(&mut self, call: &Call<'_>, request: Request) -> Reply<Response> {
        let release = self.brokers[&call.broker()].release;
        if call.version() < FIRST_WITH_BATCHES && release.refuses_message_sets() {
            return Reply::Close;
        }
        let mut responses = Vec::new();
        for topic in &request.topic_data {
            let by = TopicRef::of(call.version(), LAST_WITH_NAMES, &topic.name, topic.topic_id);
            let partitions = topic.partition_data.iter().map(|partition| {
                let records = partition.records.slice(call.frame);
                let mut answer = ResponsePartition {
                    index: partition.index,
                    ..ResponsePartition::default()
                };
                match self.append(call, by, partition.index, records) {
                    Ok((base_offset, log_start_offset)) => {
                        answer.base_offset = base_offset;
                        answer.log_start_offset = log_start_offset;
                    }
                    Err(code) => {
                        answer.error_code = code;
                        answer.base_offset = -1;
                        answer.current_leader =
                            self.current_leader(call, by, partition.index, code);
                    }
                }
                answer
            });
            responses.push(ResponseTopic {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                partition_responses: partitions.collect(),
            });
        }
        match request.acks {
            0 => Reply::None,
            _ => Reply::Now(Response {
                responses,
                ..Response::default()
            }),
        }
    }

    /// The offset of the first record, and where the log starts.
    fn append(
        &mut self,
        call: &Call<'_>,
        topic: TopicRef<'_>,
        index: i32,
        records: &[u8],
    ) -> Result<(i64, i64), ErrorCode> {
        self.led_partition(call, topic, index, -1)?;
        if call.version() >= FIRST_WITH_BATCHES {
            let walked = split(records, &Limits::default());
            let is_batch = matches!(&walked.batches[..], [batch] if batch.magic() == 2);
            if !is_batch || walked.end != End::Clean {
                return Err(ErrorCode::INVALID_RECORD);
            }
        }
        let name = self
            .topics
            .name(topic)
            .map(str::to_owned)
            .unwrap_or_default();
        let Some(partition) = self.topics.partition_mut(&name, index) else {
            return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        };
        let base_offset = partition
            .log
            .append(records, partition.leader_epoch)
            .map_err(|error| match error.kind() {
                record::ErrorKind::UnknownCodec(_) => ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
                _ => ErrorCode::CORRUPT_MESSAGE,
            })?;
        Ok((base_offset, partition.log.start()))
    }

    fn current_leader(
        &self,
        call: &Call<'_>,
        topic: TopicRef<'_>,
        index: i32,
        code: ErrorCode,
    ) -> LeaderIdAndEpoch {
        if call.version() < FIRST_WITH_LEADER || code != ErrorCode::NOT_LEADER_OR_FOLLOWER {
            return LeaderIdAndEpoch::default();
        }
        match self.topics.partition(topic, index) {
            Ok(found) => LeaderIdAndEpoch {
                leader_id: found.leader.unwrap_or(-1),
                leader_epoch: found.leader_epoch,
            },
            Err(_) => LeaderIdAndEpoch::default(),
        }
    }
}
