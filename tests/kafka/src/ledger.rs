//! What the group coordinator has written down: every generation of a group and every commit that came into
//! force, in one order. Kafka keeps it in a topic of its own, all of a group in one partition.
//!
//! Read by an independent client, and taken apart here by hand.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use crate::{Cluster, cluster::PATIENCE, member::TopicPartition};

/// The topic of all commits.
const TOPIC: &str = "__consumer_offsets";

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, since 1970, in whole milliseconds.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A commit is in force.
    Commit(TopicPartition, i64),
    /// A generation of the group begins, or goes on with what is said here.
    Generation {
        /// Its number.
        number: i32,
        /// The client id of the owner of each partition.
        owners: BTreeMap<TopicPartition, String>,
    },
}

/// Reads all entries of a group.
///
/// # Errors
/// If the brokers cease to answer, or an entry is not understood.
///
/// # Panics
/// If no broker tells where the ledger ends.
pub fn read(kafka: &Cluster, group: &str) -> Result<Vec<Entry>, String> {
    let consumer: BaseConsumer = kafka
        .client_config()
        .set("group.id", "reader-of-the-ledger")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .map_err(|error| error.to_string())?;
    let partition = kafka.partition_of_group(group);
    let mut start = TopicPartitionList::new();
    start
        .add_partition_offset(TOPIC, partition, Offset::Beginning)
        .map_err(|error| error.to_string())?;
    // Up to here: a group that goes on committing has no end to wait for.
    let end = kafka.admin().end(TOPIC, partition);
    consumer.assign(&start).map_err(|error| error.to_string())?;
    let mut entries = Vec::new();
    let mut next = 0;
    while next < end {
        let message = match consumer.poll(PATIENCE) {
            Some(Ok(message)) => message,
            // What was compacted away at the end is not waited for.
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            Some(Err(error)) => return Err(format!("{TOPIC}: {error}")),
            None => return Err(format!("{TOPIC}: no broker answers")),
        };
        next = message.offset() + 1;
        let (Some(key), Some(value)) = (message.key(), message.payload()) else {
            continue;
        };
        let strange = || format!("{TOPIC}, offset {}: not understood", message.offset());
        let what = entry(group, key, value).ok_or_else(strange)?;
        let at = message.timestamp().to_millis().ok_or_else(strange)?;
        let at = Duration::from_millis(at.cast_unsigned());
        entries.extend(what.map(|what| Entry { at, what }));
    }
    Ok(entries)
}

/// How many generations there were.
pub fn generations(entries: &[Entry]) -> usize {
    let numbers = entries.iter().filter_map(|entry| match &entry.what {
        What::Generation { number, owners } if !owners.is_empty() => Some(*number),
        _ => None,
    });
    numbers.collect::<std::collections::BTreeSet<_>>().len()
}

/// An entry, if it is of this group and says something; the outer option is none if it cannot be read.
fn entry(group: &str, key: &[u8], value: &[u8]) -> Option<Option<What>> {
    let mut key = Reader::new(key);
    match key.i16()? {
        0 | 1 => {
            if key.string()? != group {
                return Some(None);
            }
            let partition = (key.string()?.to_owned(), key.i32()?);
            let mut value = Reader::new(value);
            let _version = value.i16()?;
            Some(Some(What::Commit(partition, value.i64()?)))
        }
        2 => {
            if key.string()? != group {
                return Some(None);
            }
            generation(value).map(Some)
        }
        // Groups of other kinds, which have keys of their own.
        _ => Some(None),
    }
}

fn generation(value: &[u8]) -> Option<What> {
    let mut value = Reader::new(value);
    let version = value.i16()?;
    value.compact = version >= 4;
    value.string()?;
    let number = value.i32()?;
    value.nullable_string()?;
    value.nullable_string()?;
    if version >= 2 {
        value.i64()?;
    }
    let mut owners = BTreeMap::new();
    for _ in 0..value.length()?? {
        value.string()?;
        if version >= 3 {
            value.nullable_string()?;
        }
        let client = value.string()?.to_owned();
        value.string()?;
        if version >= 1 {
            value.i32()?;
        }
        value.i32()?;
        value.bytes()?;
        let assignment = value.bytes()?.unwrap_or_default();
        value.tags()?;
        for partition in assigned(assignment)? {
            owners.insert(partition, client.clone());
        }
    }
    Some(What::Generation { number, owners })
}

/// The partitions of an assignment, as the consumers of all makes write it.
fn assigned(bytes: &[u8]) -> Option<Vec<TopicPartition>> {
    let mut partitions = Vec::new();
    if bytes.is_empty() {
        return Some(partitions);
    }
    let mut reader = Reader::new(bytes);
    let _version = reader.i16()?;
    for _ in 0..reader.i32()? {
        let topic = reader.string()?.to_owned();
        for _ in 0..reader.i32()? {
            partitions.push((topic.clone(), reader.i32()?));
        }
    }
    Some(partitions)
}

struct Reader<'a> {
    rest: &'a [u8],
    compact: bool,
}

impl<'a> Reader<'a> {
    fn new(rest: &'a [u8]) -> Self {
        let compact = false;
        Self { rest, compact }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn i64(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.take(1)?[0];
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// The length of an array; none within if it is null.
    fn length(&mut self) -> Option<Option<usize>> {
        if self.compact {
            return Some((self.varint()? as usize).checked_sub(1));
        }
        Some(usize::try_from(self.i32()?).ok())
    }

    /// Bytes with a length of their own; none within if they are null.
    fn bytes(&mut self) -> Option<Option<&'a [u8]>> {
        match self.length()? {
            Some(length) => self.take(length).map(Some),
            None => Some(None),
        }
    }

    fn nullable_string(&mut self) -> Option<Option<&'a str>> {
        let length = if self.compact {
            (self.varint()? as usize).checked_sub(1)
        } else {
            usize::try_from(self.i16()?).ok()
        };
        match length {
            Some(length) => std::str::from_utf8(self.take(length)?).ok().map(Some),
            None => Some(None),
        }
    }

    fn string(&mut self) -> Option<&'a str> {
        self.nullable_string()?
    }

    /// What later versions have added.
    fn tags(&mut self) -> Option<()> {
        if !self.compact {
            return Some(());
        }
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()? as usize;
            self.take(length)?;
        }
        Some(())
    }
}
