//! What happens to a member, as a value and as a line of text.

use std::{collections::BTreeSet, fmt, str::FromStr};

/// A partition of a topic.
pub type TopicPartition = (String, i32);

/// What a member tells. As text it is one line with tabs between the words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// These partitions are its own from now on, and no others.
    Assigned(BTreeSet<TopicPartition>),
    /// It owns nothing until it is assigned something.
    Revoked,
    /// It has been given a record.
    Record {
        /// The record's topic.
        topic: String,
        /// Its partition there.
        partition: i32,
        /// Its offset there.
        offset: i64,
    },
    /// It has left its group in order.
    Left,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assigned(partitions) => {
                f.write_str("assigned")?;
                partitions
                    .iter()
                    .try_for_each(|(topic, n)| write!(f, "\t{topic}\t{n}"))
            }
            Self::Revoked => f.write_str("revoked"),
            Self::Record {
                topic,
                partition,
                offset,
            } => {
                write!(f, "record\t{topic}\t{partition}\t{offset}")
            }
            Self::Left => f.write_str("left"),
        }
    }
}

impl FromStr for Event {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split('\t').collect();
        let strange = |error| format!("{line}: {error}");
        match words[..] {
            ["assigned", ref rest @ ..] => {
                let partition = |pair: &[&str]| match pair {
                    [topic, n] => Ok(((*topic).to_owned(), n.parse().map_err(strange)?)),
                    _ => Err(format!("{line}: a topic without a partition")),
                };
                Ok(Self::Assigned(
                    rest.chunks(2).map(partition).collect::<Result<_, _>>()?,
                ))
            }
            ["revoked"] => Ok(Self::Revoked),
            ["record", topic, partition, offset] => Ok(Self::Record {
                topic: topic.to_owned(),
                partition: partition.parse().map_err(strange)?,
                offset: offset.parse().map_err(strange)?,
            }),
            ["left"] => Ok(Self::Left),
            _ => Err(format!("no event: {line}")),
        }
    }
}
