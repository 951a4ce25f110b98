//! What the brokers answer, a file for each kind of question.

mod admin;
mod api_versions;
mod commits;
mod describe;
mod fetch;
mod find_coordinator;
mod list_offsets;
mod membership;
mod metadata;
mod produce;

pub(crate) use fetch::ParkedFetch;

use super::{Cluster, exchange::Call, topics::Partition, topics::TopicRef};
use crate::protocol::ErrorCode;

/// How a request is answered.
#[derive(Debug)]
pub(crate) enum Reply<T> {
    /// With this.
    Now(T),
    /// Not at all: the next request can be served.
    None,
    /// By closing the connection.
    Close,
    /// By its group, now or later.
    FromGroup,
    /// By who has taken it over, now or later.
    Elsewhere,
}

impl Cluster {
    /// A partition that this broker leads; else the code that it answers. `leader_epoch` is what the
    /// client believes, −1 if it believes nothing.
    fn led_partition(
        &self,
        call: &Call<'_>,
        topic: TopicRef<'_>,
        partition: i32,
        leader_epoch: i32,
    ) -> Result<&Partition, ErrorCode> {
        let (found, is_leader) = self.hosted_partition(call, topic, partition, leader_epoch)?;
        if is_leader {
            Ok(found)
        } else {
            Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)
        }
    }

    /// A partition of which this broker has a replica, and whether it leads it.
    fn hosted_partition(
        &self,
        call: &Call<'_>,
        topic: TopicRef<'_>,
        partition: i32,
        leader_epoch: i32,
    ) -> Result<(&Partition, bool), ErrorCode> {
        if let Some(code) = self
            .topics
            .name(topic)
            .and_then(|name| call.plan().partition_error(name, partition))
        {
            return Err(code);
        }
        let found = self.topics.partition(topic, partition)?;
        if !found.replicas.contains(&call.broker()) {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        if leader_epoch >= 0 && leader_epoch < found.leader_epoch {
            return Err(ErrorCode::FENCED_LEADER_EPOCH);
        }
        if leader_epoch > found.leader_epoch {
            return Err(ErrorCode::UNKNOWN_LEADER_EPOCH);
        }
        Ok((found, found.leader == Some(call.broker())))
    }

    /// Where a broker can be reached: id, host, port, rack.
    fn endpoint(&self, id: i32) -> Option<(i32, String, i32, Option<String>)> {
        let settings = &self.brokers.get(&id)?.settings;
        Some((
            id,
            settings.host.clone(),
            settings.port.into(),
            settings.rack.clone(),
        ))
    }
}
