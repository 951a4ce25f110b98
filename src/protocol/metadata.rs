//! Metadata (3): the brokers of the cluster, and where the partitions of topics are.

use super::ErrorCode;
use crate::wire::Uuid;

message! {
    /// Asks about some topics, or all.
    pub struct Request {
        /// Null is all topics and empty is none, but in version 0 empty is all: [`Request::all_topics`].
        topics: Option<Vec<RequestTopic>> [.., nullable 1..],
        /// Whether the broker creates a topic that is asked for and missing, if it is set up to. It always does so
        /// below version 4, which cannot say false.
        allow_auto_topic_creation: bool [4..] = true,
        include_cluster_authorized_operations: bool [8..=10],
        include_topic_authorized_operations: bool [8..],
    }

    /// A topic to ask about, by name, or from version 12 on by id.
    pub struct RequestTopic {
        topic_id: Uuid [10.., ignorable],
        name: Option<String> [.., nullable 10..],
    }

    /// What the broker knows.
    pub struct Response {
        throttle_time_ms: i32 [3.., ignorable],
        brokers: Vec<Broker>,
        cluster_id: Option<String> [2.., ignorable],
        /// −1 if it is not known. From KRaft brokers this is any broker, which forwards.
        controller_id: i32 [1.., ignorable] = -1,
        topics: Vec<ResponseTopic>,
        /// A bit for each operation that is allowed; the smallest number if it was not asked for.
        cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        /// REBOOTSTRAP_REQUIRED: the client should start from its bootstrap addresses (KIP-1102).
        error_code: ErrorCode [13.., ignorable],
    }

    /// A broker, by the address of the listener that the request came by.
    pub struct Broker {
        node_id: i32,
        host: String,
        port: i32,
        rack: Option<String> [1.., ignorable],
    }

    /// A topic.
    pub struct ResponseTopic {
        error_code: ErrorCode,
        /// Null if the topic was asked for by an id that does not exist.
        name: Option<String> [.., nullable 12..],
        /// Zero if the topic does not exist.
        topic_id: Uuid [10.., ignorable],
        /// Whether this is a topic of Kafka itself, such as `__consumer_offsets`.
        is_internal: bool [1.., ignorable],
        partitions: Vec<Partition>,
        topic_authorized_operations: i32 [8..] = i32::MIN,
    }

    /// A partition.
    pub struct Partition {
        /// LEADER_NOT_AVAILABLE; below version 5 also REPLICA_NOT_AVAILABLE, which is no error.
        error_code: ErrorCode,
        partition_index: i32,
        /// −1 if there is none.
        leader_id: i32,
        /// Grows with every election (KIP-320), so that older metadata can be told from newer.
        leader_epoch: i32 [7.., ignorable] = -1,
        replica_nodes: Vec<i32>,
        isr_nodes: Vec<i32>,
        offline_replicas: Vec<i32> [5.., ignorable],
    }
}

impl Request {
    /// Asks about all topics.
    pub fn all_topics(version: i16) -> Self {
        let topics = if version == 0 { Some(Vec::new()) } else { None };
        Self {
            topics,
            ..Self::default()
        }
    }
}
