//! Metadata: the brokers, the topics, and who leads which partition.

use std::collections::HashSet;

use crate::{
    protocol::{ApiKey, ErrorCode, metadata as wire},
    wire::Uuid,
};

use super::{
    check,
    envelope::{self, Envelope, Input, Request},
    problem::{Problem, Unfit},
};

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The topics asked for; `None` asks for all.
    pub topics: Option<Vec<String>>,
    /// Whether the broker may create a topic that is asked for and missing. Below version 4 the
    /// broker decides that by itself, so there all topics are asked for and the rest filtered out.
    pub allow_auto_topic_creation: bool,
}

/// The answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// All live brokers.
    pub brokers: Vec<Broker>,
    /// The broker that is the controller, where known (version 1 and newer).
    pub controller_id: Option<i32>,
    /// The id of the cluster (version 2 and newer).
    pub cluster_id: Option<String>,
    /// The topics asked for, also those with an error.
    pub topics: Vec<Topic>,
}

/// A broker and its advertised address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its node id.
    pub id: i32,
    /// The advertised host name.
    pub host: String,
    /// The advertised port, checked to be one.
    pub port: u16,
    /// The rack, where told.
    pub rack: Option<String>,
}

/// A topic.
#[derive(Debug, Clone)]
pub struct Topic {
    /// NONE, or why the topic cannot be described (UNKNOWN_TOPIC_OR_PARTITION, …).
    pub error: ErrorCode,
    /// Its name.
    pub name: String,
    /// Its id (version 10 and newer).
    pub id: Option<Uuid>,
    /// Whether it is internal to Kafka (version 1 and newer).
    pub is_internal: bool,
    /// The partitions, in the broker's order.
    pub partitions: Vec<Partition>,
}

/// A partition.
#[derive(Debug, Clone)]
pub struct Partition {
    /// NONE, or why it has no usable leader (LEADER_NOT_AVAILABLE, …).
    pub error: ErrorCode,
    /// Its number, checked to be ≥ 0.
    pub id: i32,
    /// The leader, where there is one.
    pub leader: Option<i32>,
    /// The leader's epoch (version 9 and newer). Before that it may be one that the leader has left behind, for as
    /// long as the partition is reassigned: every fetch that names it would be refused (KAFKA-9212).
    pub leader_epoch: Option<i32>,
    /// All replicas.
    pub replicas: Vec<i32>,
    /// The replicas in sync.
    pub in_sync_replicas: Vec<i32>,
    /// The replicas that are offline (version 5 and newer).
    pub offline_replicas: Vec<i32>,
}

/// From here on a broker can be told not to create topics.
const FIRST_WITHOUT_CREATION: i16 = 4;
/// From here on the epochs of leaders can be believed.
const FIRST_WITH_TRUE_EPOCHS: i16 = 9;

impl Ask {
    pub(super) fn encode(&self, envelope: &Envelope<'_>) -> Result<Request, Problem> {
        let version = envelope.pick(ApiKey::Metadata)?;
        let Some(topics) = self.named(version) else {
            return envelope.seal(&wire::Request::all_topics(version), version);
        };
        let topics = topics.iter().map(|name| wire::RequestTopic {
            name: Some(name.clone()),
            ..Default::default()
        });
        let request = wire::Request {
            topics: Some(topics.collect()),
            // Below version 4 there is no other value.
            allow_auto_topic_creation: self.allow_auto_topic_creation
                || version < FIRST_WITHOUT_CREATION,
            ..Default::default()
        };
        envelope.seal(&request, version)
    }

    /// The topics to name in the request; `None` asks for all.
    fn named(&self, version: i16) -> Option<&[String]> {
        let topics = self.topics.as_deref()?;
        let creates = version < FIRST_WITHOUT_CREATION && !self.allow_auto_topic_creation;
        let empty_is_all = version == 0 && topics.is_empty();
        (!creates && !empty_is_all).then_some(topics)
    }

    pub(super) fn decode(&self, version: i16, frame: Input<'_>) -> Result<Answer, Problem> {
        let answer = envelope::open::<wire::Request>(frame, version)?;
        if answer.error_code.is_error() {
            return Err(Problem::Refused(answer.error_code));
        }
        if answer.brokers.is_empty() {
            // One that has just started knows nobody yet, not even itself, and no topic.
            return Err(Problem::Refused(ErrorCode::BROKER_NOT_AVAILABLE));
        }
        let topics = answer
            .topics
            .into_iter()
            .map(|answered| topic(answered, version))
            .collect::<Result<Vec<_>, _>>()?;
        let brokers = answer.brokers.into_iter().map(broker);
        Ok(Answer {
            brokers: brokers.collect::<Result<_, _>>()?,
            controller_id: check::none_if_minus_one(answer.controller_id, "the controller's id")?,
            cluster_id: answer.cluster_id,
            topics: self.asked_for(version, topics)?,
        })
    }

    /// Keeps to the topics that were asked for. One that is missing among all is unknown, as the broker
    /// would say if it had been asked for it by name.
    fn asked_for(&self, version: i16, mut topics: Vec<Topic>) -> Result<Vec<Topic>, Unfit> {
        let mut missing: HashSet<&str> = self.topics.iter().flatten().map(String::as_str).collect();
        let is_named = self.named(version).is_some();
        let mut seen = HashSet::with_capacity(topics.len());
        for topic in &topics {
            if !seen.insert(topic.name.as_str()) {
                return Err(Unfit::Twice(format!("topic {:?}", topic.name)));
            }
            if !missing.remove(topic.name.as_str()) && is_named {
                return Err(Unfit::NotAskedFor(format!("topic {:?}", topic.name)));
            }
        }
        if let Some(names) = &self.topics
            && !is_named
        {
            let asked: HashSet<&String> = names.iter().collect();
            topics.retain(|topic| asked.contains(&topic.name));
            let missing = names.iter().filter(|name| missing.remove(name.as_str()));
            topics.extend(missing.map(|name| Topic::unknown(name)));
        }
        Ok(topics)
    }
}

impl Topic {
    fn unknown(name: &str) -> Self {
        Self {
            error: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            name: name.to_owned(),
            id: None,
            is_internal: false,
            partitions: Vec::new(),
        }
    }
}

fn broker(broker: wire::Broker) -> Result<Broker, Unfit> {
    Ok(Broker {
        id: check::not_negative(broker.node_id, "a broker's id")?,
        host: broker.host,
        port: check::port(broker.port)?,
        rack: broker.rack,
    })
}

fn topic(topic: wire::ResponseTopic, version: i16) -> Result<Topic, Unfit> {
    let name = topic.name.ok_or(Unfit::Missing("the name of a topic"))?;
    let mut seen = HashSet::with_capacity(topic.partitions.len());
    let mut partitions = Vec::with_capacity(topic.partitions.len());
    for answered in topic.partitions {
        let index = answered.partition_index;
        if !seen.insert(index) {
            return Err(Unfit::Twice(format!("partition {name}/{index}")));
        }
        partitions.push(partition(answered, version)?);
    }
    Ok(Topic {
        error: topic.error_code,
        name,
        id: Some(topic.topic_id).filter(|id| !id.is_zero()),
        is_internal: topic.is_internal,
        partitions,
    })
}

fn partition(partition: wire::Partition, version: i16) -> Result<Partition, Unfit> {
    let replicas = |ids: Vec<i32>| -> Result<Vec<i32>, Unfit> {
        ids.into_iter()
            .map(|id| check::not_negative(id, "a replica's id"))
            .collect()
    };
    Ok(Partition {
        error: match partition.error_code {
            // Below version 5 it tells of replicas that are down, and says nothing of the leader.
            ErrorCode::REPLICA_NOT_AVAILABLE => ErrorCode::NONE,
            error => error,
        },
        id: check::not_negative(partition.partition_index, "a partition")?,
        leader: check::none_if_minus_one(partition.leader_id, "a leader's id")?,
        leader_epoch: match version {
            ..FIRST_WITH_TRUE_EPOCHS => None,
            _ => check::none_if_minus_one(partition.leader_epoch, "a leader epoch")?,
        },
        replicas: replicas(partition.replica_nodes)?,
        in_sync_replicas: replicas(partition.isr_nodes)?,
        offline_replicas: replicas(partition.offline_replicas)?,
    })
}
