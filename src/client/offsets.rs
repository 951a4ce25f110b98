//! Offsets of a partition.

use std::time::SystemTime;

use super::Client;
use crate::{
    call::{Broker, Call, Lane, Target, list_offsets},
    error::{Error, ErrorKind, Result},
    protocol::{ApiKey, ErrorCode},
};

/// Which offset [`Client::get_offset`] is to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// That of the oldest record that is still there.
    Oldest,
    /// That of the next record to be written.
    Newest,
    /// That of the first record with this timestamp or a later one. Since Kafka 0.10.1.
    At(SystemTime),
}

impl Client {
    /// An offset of a partition; `None` where no record is as young as the time asked for.
    ///
    /// # Errors
    ///
    /// The code the leader answered with, or why it could not be asked. Where the leader has
    /// changed, the new one is asked, up to `config.metadata.retry.max` times.
    pub fn get_offset(
        &self,
        topic: &str,
        partition: i32,
        offset: OffsetSpec,
    ) -> Result<Option<i64>> {
        let at = match offset {
            OffsetSpec::Oldest => list_offsets::At::Oldest,
            OffsetSpec::Newest => list_offsets::At::Newest,
            OffsetSpec::At(time) => list_offsets::At::Timestamp(millis(time)),
        };
        let retry = &self.cluster_config().metadata.retry;
        let mut tries = 0;
        loop {
            let error = match self.ask_leader(topic, partition, at) {
                Err(error) if is_stale(&error) && tries < retry.max => error,
                result => return result,
            };
            tries += 1;
            log::debug!("{error}; asking again");
            self.pause(retry.backoff);
            self.refresh_metadata([topic])?;
        }
    }

    fn ask_leader(&self, topic: &str, partition: i32, at: list_offsets::At) -> Result<Option<i64>> {
        let leader = self.leader(topic, partition)?;
        let broker = Broker {
            id: Some(leader.id()),
            host: leader.host,
            port: leader.port,
        };
        let wanted = list_offsets::Partition {
            topic: topic.to_owned(),
            partition,
            leader_epoch: None,
            at,
        };
        let ask = list_offsets::Ask {
            read_committed: false,
            partitions: vec![wanted],
        };
        let timeout = self.cluster_config().net.read_timeout;
        let to = Target {
            broker,
            lane: Lane::Control,
        };
        let answer = self.open()?.ask(&to, Call::ListOffsets(ask), timeout);
        let answer = answer
            .map_err(|error| error.at_partition(topic, partition))?
            .into_list_offsets();
        let place = |e: Error| {
            e.at_api(ApiKey::ListOffsets)
                .at_broker(&to.broker)
                .at_partition(topic, partition)
        };
        match answer.partitions.into_iter().next() {
            Some(listed) if listed.error == ErrorCode::NONE => Ok(listed.offset),
            Some(listed) => Err(place(Error::broker_code(listed.error, "list offsets"))),
            None => Err(place(Error::new(ErrorKind::Protocol, "list offsets"))),
        }
    }
}

/// Whether another broker may know better.
fn is_stale(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Broker(code) => code.is_retriable(),
        ErrorKind::Connect | ErrorKind::Disconnected => true,
        _ => false,
    }
}

/// Milliseconds since 1970, as Kafka counts time.
fn millis(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        // Before 1970: every record is younger.
        Err(_) => 0,
    }
}
