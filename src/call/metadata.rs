//! Metadata: the brokers, the topics, and who leads which partition.

use crate::{protocol::ErrorCode, wire::Uuid};

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
    /// The leader's epoch (version 7 and newer).
    pub leader_epoch: Option<i32>,
    /// All replicas.
    pub replicas: Vec<i32>,
    /// The replicas in sync.
    pub in_sync_replicas: Vec<i32>,
    /// The replicas that are offline (version 5 and newer).
    pub offline_replicas: Vec<i32>,
}
