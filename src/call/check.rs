//! Checks of what brokers answer.

use crate::wire::Uuid;

use super::problem::Unfit;

/// The partitions that were asked for, to be crossed off.
pub(super) struct Asked<'a>(Vec<(&'a str, i32, Question)>);

/// Which one it was, in the order of the question, and whether it was crossed off.
type Question = (usize, bool);

impl<'a> Asked<'a> {
    pub(super) fn new(partitions: impl Iterator<Item = (&'a str, i32)>) -> Self {
        let mut asked: Vec<_> = partitions
            .enumerate()
            .map(|(index, (topic, partition))| (topic, partition, (index, false)))
            .collect();
        asked.sort_unstable();
        Self(asked)
    }

    /// Crosses off a partition that the answer tells of, and tells which one it was in the question.
    pub(super) fn cross_off(&mut self, topic: &str, partition: i32) -> Result<usize, Unfit> {
        let named = || format!("partition {topic}/{partition}");
        let place = self
            .0
            .binary_search_by(|(t, p, _)| (*t, *p).cmp(&(topic, partition)));
        let Ok(place) = place else {
            return Err(Unfit::NotAskedFor(named()));
        };
        let (index, was_seen) = &mut self.0[place].2;
        match std::mem::replace(was_seen, true) {
            false => Ok(*index),
            true => Err(Unfit::Twice(named())),
        }
    }
}

/// The topics that were asked for by id.
pub(super) struct TopicIds<'a>(Vec<(Uuid, &'a str)>);

impl<'a> TopicIds<'a> {
    /// `None` if a topic has no id.
    pub(super) fn new(topics: impl Iterator<Item = (Option<Uuid>, &'a str)>) -> Option<Self> {
        let mut ids = topics
            .map(|(id, name)| Some((id?, name)))
            .collect::<Option<Vec<_>>>()?;
        ids.sort_unstable();
        ids.dedup();
        Some(Self(ids))
    }

    /// The name of a topic of which the answer gives the id.
    pub(super) fn name(&self, id: Uuid) -> Result<&'a str, Unfit> {
        match self.0.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(place) => Ok(self.0[place].1),
            Err(_) => Err(Unfit::NotAskedFor(format!("topic {id}"))),
        }
    }
}

/// An offset, an epoch or an id that cannot be below zero here.
pub(super) fn not_negative<T: Into<i64> + Copy>(value: T, what: &'static str) -> Result<T, Unfit> {
    match value.into() {
        value @ ..0 => Err(Unfit::Negative { what, value }),
        _ => Ok(value),
    }
}

/// The same where −1 stands for none.
pub(super) fn none_if_minus_one<T: Into<i64> + Copy>(
    value: T,
    what: &'static str,
) -> Result<Option<T>, Unfit> {
    match value.into() {
        -1 => Ok(None),
        _ => not_negative(value, what).map(Some),
    }
}

/// An advertised port.
pub(super) fn port(port: i32) -> Result<u16, Unfit> {
    match u16::try_from(port) {
        Ok(valid) if valid != 0 => Ok(valid),
        _ => Err(Unfit::Port(port)),
    }
}
