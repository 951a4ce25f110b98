//! OffsetCommit and OffsetFetch.

use super::Reply;
use crate::{
    protocol::{ErrorCode, offset_commit as commit, offset_fetch as fetch},
    testing::broker::{
        Cluster,
        exchange::Call,
        group::{Committed, Committer, METADATA_LIMIT, Offsets},
        topics::TopicRef,
    },
};

/// From this version on a commit to a group that does not exist is answered GROUP_ID_NOT_FOUND.
const FIRST_COMMIT_WITH_NOT_FOUND: i16 = 9;
/// The last version of OffsetCommit and of OffsetFetch that names topics.
const LAST_WITH_NAMES: i16 = 9;
/// Up to this version the error of a group is the error of each of its partitions.
const LAST_FETCH_WITHOUT_GROUP_ERROR: i16 = 1;
const NO_OFFSET: i64 = -1;
/// `message.max.bytes`: the offsets of a commit are written as one batch, which may not be larger.
const BATCH_LIMIT: usize = 1_048_588;
/// What an offset takes there besides names and metadata, at the least.
const OFFSET_BYTES: usize = 43;

impl Cluster {
    pub(crate) fn serve_offset_commit(
        &mut self,
        call: &Call<'_>,
        request: commit::Request,
    ) -> Reply<commit::Response> {
        let fits = self.fits_batch(call, &request);
        let committer = Committer {
            generation: request.generation_id_or_member_epoch,
            member_id: request.member_id,
            instance_id: request.group_instance_id,
        };
        let admitted = self.admit(call, &request.group_id, &committer);
        let admitted = admitted.and(fits);
        let topics = request.topics.into_iter().map(|topic| {
            let by = TopicRef::of(call.version(), LAST_WITH_NAMES, &topic.name, topic.topic_id);
            let partitions = topic.partitions.into_iter().map(|asked| {
                let partition_index = asked.partition_index;
                let result =
                    admitted.and_then(|()| self.store_commit(call, &request.group_id, by, asked));
                commit::ResponsePartition {
                    partition_index,
                    error_code: result.err().unwrap_or(ErrorCode::NONE),
                }
            });
            let partitions = partitions.collect();
            commit::ResponseTopic {
                name: topic.name.clone(),
                topic_id: topic.topic_id,
                partitions,
            }
        });
        let topics = topics.collect();
        Reply::Now(commit::Response {
            topics,
            ..commit::Response::default()
        })
    }

    fn fits_batch(&self, call: &Call<'_>, request: &commit::Request) -> Result<(), ErrorCode> {
        let topics = request.topics.iter();
        let bytes: usize = topics
            .flat_map(|topic| topic.partitions.iter().map(|asked| (&topic.name, asked)))
            .map(|(topic, asked)| {
                let metadata = asked.committed_metadata.as_deref().unwrap_or_default();
                OFFSET_BYTES + request.group_id.len() + topic.len() + metadata.len()
            })
            .sum();
        let release = self.brokers[&call.broker()].release;
        let refusal = release.refuses_large_commit();
        refusal.filter(|_| bytes > BATCH_LIMIT).map_or(Ok(()), Err)
    }

    fn admit(
        &mut self,
        call: &Call<'_>,
        group_id: &str,
        committer: &Committer,
    ) -> Result<(), ErrorCode> {
        if let Some(code) = call.plan().whole_error() {
            return Err(code);
        }
        self.check_coordinator(call.broker(), group_id)?;
        let is_simple = committer.generation < 0;
        match self.group_mut(group_id, is_simple) {
            Some(group) => group.admit_commit(call.now, committer),
            None if call.version() >= FIRST_COMMIT_WITH_NOT_FOUND => {
                Err(ErrorCode::GROUP_ID_NOT_FOUND)
            }
            None => Err(ErrorCode::ILLEGAL_GENERATION),
        }
    }

    fn store_commit(
        &mut self,
        call: &Call<'_>,
        group_id: &str,
        topic: TopicRef<'_>,
        asked: commit::RequestPartition,
    ) -> Result<(), ErrorCode> {
        self.topics.partition(topic, asked.partition_index)?;
        let name = self.topics.name(topic).unwrap_or_default().to_owned();
        if let Some(code) = call.plan().partition_error(&name, asked.partition_index) {
            return Err(code);
        }
        let metadata = asked.committed_metadata.unwrap_or_default();
        if metadata.len() > METADATA_LIMIT {
            return Err(ErrorCode::OFFSET_METADATA_TOO_LARGE);
        }
        let place = (name, asked.partition_index);
        let committed = Committed {
            offset: asked.committed_offset,
            leader_epoch: asked.committed_leader_epoch,
            metadata,
        };
        self.keep_commit(call.now, call.client_id, group_id, place, committed);
        Ok(())
    }

    pub(crate) fn serve_offset_fetch_single(
        &mut self,
        call: &Call<'_>,
        request: fetch::SingleRequest,
    ) -> Reply<fetch::SingleResponse> {
        let result = self.committed_offsets(call, &request.group_id);
        let group_error = result.as_ref().err().copied().unwrap_or(ErrorCode::NONE);
        let offsets = result.unwrap_or_default();
        let by_partition = call.version() <= LAST_FETCH_WITHOUT_GROUP_ERROR;
        // With an error of the group the older versions name the partitions, the newer ones none.
        let asked = match request.topics {
            Some(_) if group_error.is_error() && !by_partition => Vec::new(),
            Some(topics) => topics
                .into_iter()
                .map(|topic| (topic.name, topic.partition_indexes))
                .collect(),
            None => by_topic(&offsets),
        };
        let topics = asked.into_iter().map(|(name, indexes)| {
            let partitions = indexes.into_iter().map(|index| {
                let mut answer =
                    fetch_partition(call, offsets.get(&(name.clone(), index)), &name, index);
                if by_partition && group_error.is_error() {
                    answer.error_code = group_error;
                }
                fetch::SingleResponsePartition {
                    partition_index: index,
                    committed_offset: answer.committed_offset,
                    committed_leader_epoch: answer.committed_leader_epoch,
                    metadata: answer.metadata,
                    error_code: answer.error_code,
                }
            });
            let partitions = partitions.collect();
            fetch::SingleResponseTopic { name, partitions }
        });
        let topics = topics.collect();
        Reply::Now(fetch::SingleResponse {
            topics,
            error_code: group_error,
            ..fetch::SingleResponse::default()
        })
    }

    pub(crate) fn serve_offset_fetch(
        &mut self,
        call: &Call<'_>,
        request: fetch::Request,
    ) -> Reply<fetch::Response> {
        let groups = request.groups.into_iter().map(|group| {
            match self.committed_offsets(call, &group.group_id) {
                Ok(offsets) => self.fetch_group(call, group, &offsets),
                Err(error_code) => fetch::ResponseGroup {
                    group_id: group.group_id,
                    topics: Vec::new(),
                    error_code,
                },
            }
        });
        let groups = groups.collect();
        Reply::Now(fetch::Response {
            groups,
            ..fetch::Response::default()
        })
    }

    fn fetch_group(
        &self,
        call: &Call<'_>,
        group: fetch::RequestGroup,
        offsets: &Offsets,
    ) -> fetch::ResponseGroup {
        let asked = group.topics.unwrap_or_else(|| {
            let all = by_topic(offsets)
                .into_iter()
                .map(|(name, partition_indexes)| {
                    let topic_id = self
                        .topics
                        .get(&name)
                        .map(|topic| topic.id)
                        .unwrap_or_default();
                    fetch::RequestTopic {
                        name,
                        topic_id,
                        partition_indexes,
                    }
                });
            all.collect()
        });
        let topics = asked.into_iter().map(|topic| {
            let by = TopicRef::of(call.version(), LAST_WITH_NAMES, &topic.name, topic.topic_id);
            let name = match by {
                TopicRef::Name(name) => Some(name),
                TopicRef::Id(_) => self.topics.name(by),
            };
            let partitions = topic.partition_indexes.iter().map(|index| match name {
                Some(name) => {
                    fetch_partition(call, offsets.get(&(name.to_owned(), *index)), name, *index)
                }
                None => {
                    let unknown = fetch_partition(call, None, "", *index);
                    fetch::ResponsePartition {
                        error_code: ErrorCode::UNKNOWN_TOPIC_ID,
                        ..unknown
                    }
                }
            });
            let partitions = partitions.collect();
            fetch::ResponseTopic {
                name: topic.name,
                topic_id: topic.topic_id,
                partitions,
            }
        });
        fetch::ResponseGroup {
            group_id: group.group_id,
            topics: topics.collect(),
            error_code: ErrorCode::NONE,
        }
    }

    /// The offsets of a group; a group that does not exist has none.
    fn committed_offsets(&mut self, call: &Call<'_>, group_id: &str) -> Result<Offsets, ErrorCode> {
        if let Some(code) = call.plan().whole_error() {
            return Err(code);
        }
        self.check_coordinator(call.broker(), group_id)?;
        Ok(self
            .groups
            .get(group_id)
            .map(|group| group.offsets().clone())
            .unwrap_or_default())
    }
}

fn by_topic(offsets: &Offsets) -> Vec<(String, Vec<i32>)> {
    let mut topics: Vec<(String, Vec<i32>)> = Vec::new();
    for (name, index) in offsets.keys() {
        match topics.last_mut().filter(|(last, _)| last == name) {
            Some((_, indexes)) => indexes.push(*index),
            None => topics.push((name.clone(), vec![*index])),
        }
    }
    topics
}

fn fetch_partition(
    call: &Call<'_>,
    committed: Option<&Committed>,
    topic: &str,
    index: i32,
) -> fetch::ResponsePartition {
    let error_code = call
        .plan()
        .partition_error(topic, index)
        .unwrap_or(ErrorCode::NONE);
    match committed.filter(|_| !error_code.is_error()) {
        Some(committed) => fetch::ResponsePartition {
            partition_index: index,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            metadata: Some(committed.metadata.clone()),
            error_code,
        },
        None => fetch::ResponsePartition {
            partition_index: index,
            committed_offset: NO_OFFSET,
            committed_leader_epoch: -1,
            metadata: Some(String::new()),
            error_code,
        },
    }
}
