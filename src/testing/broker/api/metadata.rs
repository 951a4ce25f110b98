//! Metadata: brokers, topics, leaders.

use super::Reply;
use crate::{
    protocol::{
        ErrorCode,
        metadata::{Broker, Partition, Request, RequestTopic, Response, ResponseTopic},
    },
    testing::broker::{
        Cluster,
        exchange::Call,
        topics::{self, Topic, TopicRef, is_valid_topic_name},
    },
};

const NO_LEADER: i32 = -1;
/// From this version on topics can be asked for by id.
const FIRST_BY_ID: i16 = 12;

impl Cluster {
    pub(crate) fn serve_metadata(&mut self, call: &Call<'_>, request: Request) -> Reply<Response> {
        if let Some(error_code) = call.plan().top_level_error() {
            return Reply::Now(Response {
                error_code,
                ..Response::default()
            });
        }
        let asked = request
            .topics
            .filter(|topics| call.version() > 0 || !topics.is_empty());
        let topics = match asked {
            None => self
                .topics
                .iter()
                .map(|(name, topic)| self.describe_topic(call, name, topic))
                .collect(),
            Some(asked) => {
                let describe =
                    |topic| self.describe_or_create(call, topic, request.allow_auto_topic_creation);
                asked.into_iter().map(describe).collect()
            }
        };
        let running = self.running_as_known_to(call.broker());
        let brokers = running.iter().filter_map(|id| self.endpoint(*id));
        let brokers = brokers.map(|(node_id, host, port, rack)| Broker {
            node_id,
            host,
            port,
            rack,
        });
        Reply::Now(Response {
            brokers: brokers.collect(),
            cluster_id: Some("in-process-cluster".to_owned()),
            controller_id: self.controller().unwrap_or(NO_LEADER),
            topics,
            ..Response::default()
        })
    }

    fn describe_or_create(
        &mut self,
        call: &Call<'_>,
        asked: RequestTopic,
        may_create: bool,
    ) -> ResponseTopic {
        let by = match &asked.name {
            Some(name) => TopicRef::Name(name),
            None => TopicRef::Id(asked.topic_id),
        };
        let is_known = asked.name.is_some() || call.version() >= FIRST_BY_ID;
        if let Some(name) = self.topics.name(by).filter(|_| is_known)
            && let Some(topic) = self.topics.get(name)
        {
            return self.describe_topic(call, name, topic);
        }
        let Some(name) = asked.name else {
            // Before version 12 ids are for answers only, and a topic always has a name.
            let is_by_id = call.version() >= FIRST_BY_ID;
            let error_code = if is_by_id {
                ErrorCode::UNKNOWN_TOPIC_ID
            } else {
                ErrorCode::INVALID_REQUEST
            };
            return ResponseTopic {
                error_code,
                name: (!is_by_id).then(String::new),
                topic_id: asked.topic_id,
                ..ResponseTopic::default()
            };
        };
        let mut error_code = call
            .plan()
            .topic_error(&name)
            .unwrap_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        if !is_valid_topic_name(&name) {
            error_code = ErrorCode::INVALID_TOPIC_EXCEPTION;
        } else if let Some(partitions) = self.settings.auto_create_topics
            && may_create
            && self.is_in_touch(call.broker())
        {
            // The topic is there for the next request, as in Kafka.
            self.create_topic(call.now, &name, partitions);
        }
        ResponseTopic {
            error_code,
            name: Some(name),
            ..ResponseTopic::default()
        }
    }

    fn describe_topic(&self, call: &Call<'_>, name: &str, topic: &Topic) -> ResponseTopic {
        let error_code = call.plan().topic_error(name).unwrap_or(ErrorCode::NONE);
        let partitions = topic.partitions.iter().enumerate();
        let partitions = partitions
            .map(|(index, partition)| self.describe_partition(call, name, index as i32, partition));
        ResponseTopic {
            error_code,
            name: Some(name.to_owned()),
            topic_id: topic.id,
            is_internal: topic.is_internal,
            partitions: if error_code.is_error() {
                Vec::new()
            } else {
                partitions.collect()
            },
            ..ResponseTopic::default()
        }
    }

    fn describe_partition(
        &self,
        call: &Call<'_>,
        topic: &str,
        partition_index: i32,
        partition: &topics::Partition,
    ) -> Partition {
        let running = self.running_as_known_to(call.broker());
        let is_down = |id: &&i32| !running.contains(*id);
        let injected = call.plan().partition_error(topic, partition_index);
        let own = match partition.leader {
            Some(_) => ErrorCode::NONE,
            None => ErrorCode::LEADER_NOT_AVAILABLE,
        };
        let error_code = injected.unwrap_or(own);
        // That one is about the replicas that follow.
        let hides_leader = error_code.is_error() && error_code != ErrorCode::REPLICA_NOT_AVAILABLE;
        Partition {
            error_code,
            partition_index,
            leader_id: partition
                .leader
                .filter(|_| !hides_leader)
                .unwrap_or(NO_LEADER),
            leader_epoch: partition.leader_epoch,
            replica_nodes: partition.replicas.clone(),
            isr_nodes: partition.in_sync.clone(),
            offline_replicas: partition.replicas.iter().filter(is_down).copied().collect(),
        }
    }
}
