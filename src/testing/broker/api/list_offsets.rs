//! ListOffsets and OffsetForLeaderEpoch: where things are in a log.

use super::Reply;
use crate::{
    protocol::{
        ErrorCode, list_offsets as list,
        offset_for_leader_epoch::{self as epoch, EpochEndOffset},
    },
    testing::broker::{
        Cluster,
        exchange::Call,
        topics::{Partition, TopicRef},
    },
};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
/// Of what is kept locally: everything, here.
const EARLIEST_LOCAL: i64 = -4;
const READ_COMMITTED: i8 = 1;

impl Cluster {
    pub(crate) fn serve_list_offsets(
        &mut self,
        call: &Call<'_>,
        request: list::Request,
    ) -> Reply<list::Response> {
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let by = TopicRef::Name(&topic.name);
                match self.led_partition(
                    call,
                    by,
                    asked.partition_index,
                    asked.current_leader_epoch,
                ) {
                    Ok(found) if call.version() == 0 => list_old_style(found, asked),
                    Ok(found) => list(call.version(), found, asked, request.isolation_level),
                    Err(error_code) => list::ResponsePartition {
                        partition_index: asked.partition_index,
                        error_code,
                        ..list::ResponsePartition::default()
                    },
                }
            });
            let partitions = partitions.collect();
            list::ResponseTopic {
                name: topic.name,
                partitions,
            }
        });
        Reply::Now(list::Response {
            topics: topics.collect(),
            ..list::Response::default()
        })
    }

    pub(crate) fn serve_offset_for_leader_epoch(
        &mut self,
        call: &Call<'_>,
        request: epoch::Request,
    ) -> Reply<epoch::Response> {
        let topics = request.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let mut answer = EpochEndOffset {
                    partition: asked.partition,
                    ..EpochEndOffset::default()
                };
                let by = TopicRef::Name(&topic.topic);
                match self.led_partition(call, by, asked.partition, asked.current_leader_epoch) {
                    Ok(found) => {
                        if let Some((leader_epoch, end_offset)) =
                            found.log.end_of_epoch(asked.leader_epoch)
                        {
                            answer.leader_epoch = leader_epoch;
                            answer.end_offset = end_offset;
                        }
                    }
                    Err(code) => answer.error_code = code,
                }
                answer
            });
            let partitions = partitions.collect();
            epoch::ResponseTopic {
                topic: topic.topic,
                partitions,
            }
        });
        Reply::Now(epoch::Response {
            topics: topics.collect(),
            ..epoch::Response::default()
        })
    }
}

fn list(
    version: i16,
    partition: &Partition,
    asked: &list::RequestPartition,
    isolation_level: i8,
) -> list::ResponsePartition {
    let log = &partition.log;
    let latest = if isolation_level == READ_COMMITTED {
        log.last_stable_offset()
    } else {
        log.end()
    };
    // The timestamp is told only of a record that was looked for by time.
    let found = match asked.timestamp {
        LATEST => Some((latest, -1)),
        EARLIEST | EARLIEST_LOCAL => Some((log.start(), -1)),
        MAX_TIMESTAMP => log.find_max_timestamp(),
        timestamp if timestamp >= 0 => log
            .find_timestamp(timestamp)
            .filter(|(offset, _)| *offset < latest),
        _ => None,
    };
    let mut answer = list::ResponsePartition {
        partition_index: asked.partition_index,
        error_code: ErrorCode::NONE,
        ..list::ResponsePartition::default()
    };
    if let Some((offset, timestamp)) = found {
        answer.offset = offset;
        answer.timestamp = timestamp;
        if version >= 4 {
            answer.leader_epoch = log.epoch_at(offset).unwrap_or(partition.leader_epoch);
        }
    }
    answer
}

/// Version 0 lists where segments begin, the last first. Here a log is one segment.
fn list_old_style(
    partition: &Partition,
    asked: &list::RequestPartition,
) -> list::ResponsePartition {
    let (start, end) = (partition.log.start(), partition.log.end());
    let mut offsets = match asked.timestamp {
        LATEST => vec![end, start],
        _ => vec![start],
    };
    offsets.dedup();
    offsets.truncate(usize::try_from(asked.max_num_offsets).unwrap_or(0));
    list::ResponsePartition {
        partition_index: asked.partition_index,
        old_style_offsets: offsets,
        ..list::ResponsePartition::default()
    }
}
