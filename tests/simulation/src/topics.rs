//! The topics of the simulated world, and what is written into them.

use std::{collections::BTreeMap, time::Instant};

use fastrand::Rng;
use sarama_cluster::{
    record::build::{BatchBuilder, NewRecord},
    testing::{Codec, Record, broker::Cluster},
    wire::Uuid,
};

use crate::{content::Content, odds::strikes, plan::Load};

/// The topics there are.
#[derive(Debug)]
pub(crate) struct Topics {
    present: Vec<Topic>,
    made: u32,
    /// Where records of a transaction go that was not ended, and which they are.
    open: BTreeMap<Place, Open>,
}

/// A topic that is there.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    /// Another one of the same name has another number.
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) id: Uuid,
    pub(crate) partitions: i32,
}

/// A partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) topic: u32,
    pub(crate) partition: i32,
}

/// A transaction.
#[derive(Debug)]
struct Open {
    producer: i64,
    is_void: bool,
    batches: Vec<(i64, i64)>,
}

/// What has become of a log: offsets, the last one included.
#[derive(Debug)]
pub(crate) enum Change {
    /// Records were written, for everybody or, until their transaction ends, for those who do not wait
    /// for that.
    Written { first: i64, last: i64 },
    /// Records of a transaction that was aborted.
    Voided { first: i64, last: i64 },
    /// The end of a transaction, which takes an offset.
    Ended(i64),
}

impl Topics {
    pub(crate) fn new() -> Self {
        Self {
            present: Vec::new(),
            made: 0,
            open: BTreeMap::new(),
        }
    }

    pub(crate) fn create(
        &mut self,
        now: Instant,
        name: &str,
        partitions: i32,
        cluster: &mut Cluster,
    ) {
        cluster.create_topic(now, name, partitions);
        let id = cluster.topic_id(name).expect("it was just created");
        self.made += 1;
        self.present.push(Topic {
            number: self.made,
            name: name.to_owned(),
            id,
            partitions,
        });
    }

    /// Deletes a topic. Tells which.
    pub(crate) fn delete(&mut self, now: Instant, which: usize, cluster: &mut Cluster) -> Topic {
        let topic = self.present.remove(which % self.present.len());
        cluster.delete_topic(now, &topic.name);
        self.open.retain(|place, _| place.topic != topic.number);
        topic
    }

    pub(crate) fn add_partition(&mut self, now: Instant, which: usize, cluster: &mut Cluster) {
        let count = self.present.len();
        let topic = &mut self.present[which % count];
        topic.partitions += 1;
        cluster.add_partitions(now, &topic.name, topic.partitions);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.present.iter()
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        let of = |topic: &Topic| {
            let topic_number = topic.number;
            (0..topic.partitions).map(move |partition| Place {
                topic: topic_number,
                partition,
            })
        };
        self.present.iter().flat_map(of).collect()
    }

    /// The place of that number, where the last one is followed by the first.
    pub(crate) fn any(&self, which: usize) -> Option<Place> {
        let places = self.places();
        (!places.is_empty()).then(|| places[which % places.len()])
    }

    /// The name of a topic that is there.
    pub(crate) fn name(&self, place: Place) -> &str {
        let topic = self
            .present
            .iter()
            .find(|topic| topic.number == place.topic);
        &topic.expect("it is there").name
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Topic> {
        self.present.iter().find(|topic| topic.name == name)
    }

    /// Writes records, maybe as a part of a transaction. Tells what has become of the log.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        place: Place,
        load: &Load,
        rng: &mut Rng,
        cluster: &mut Cluster,
    ) -> Vec<Change> {
        let count = rng.i64(1..=load.batch);
        if !load.has_transactions || strikes(rng, 2) {
            return vec![self.write_plain(now, place, count, load.codec, cluster)];
        }
        let mut changes = vec![self.write_in_transaction(now, place, count, rng, cluster)];
        if rng.bool() {
            changes.extend(self.end_transaction(now, place, cluster));
        }
        changes
    }

    /// Writes records of no transaction.
    pub(crate) fn write_plain(
        &self,
        now: Instant,
        place: Place,
        count: i64,
        codec: Codec,
        cluster: &mut Cluster,
    ) -> Change {
        let name = self.name(place);
        let first = log_end(cluster, name, place);
        let records: Vec<Record> = (first..first + count)
            .map(|offset| {
                Record::default()
                    .key("key")
                    .value(content(place, offset, false))
            })
            .collect();
        cluster.produce(now, name, place.partition, codec, &records);
        let last = first + count - 1;
        Change::Written { first, last }
    }

    fn write_in_transaction(
        &mut self,
        now: Instant,
        place: Place,
        count: i64,
        rng: &mut Rng,
        cluster: &mut Cluster,
    ) -> Change {
        let producer = i64::from(place.topic) * 100 + i64::from(place.partition);
        let open = self.open.entry(place).or_insert_with(|| Open {
            producer,
            is_void: rng.bool(),
            batches: Vec::new(),
        });
        let is_void = open.is_void;
        let topic = self
            .present
            .iter()
            .find(|topic| topic.number == place.topic);
        let name = &topic.expect("it is there").name;
        let first = log_end(cluster, name, place);
        let last = first + count - 1;
        let mut batch = BatchBuilder::new(0)
            .producer(producer, 0, 0)
            .transactional();
        for offset in first..=last {
            let value = content(place, offset, is_void);
            batch.push(&NewRecord {
                key: Some(b"key"),
                value: Some(&value),
                ..NewRecord::default()
            });
        }
        let appended = cluster.append_batches(now, name, place.partition, &batch.build());
        assert_eq!(appended, Ok(first), "a batch that is well made");
        open.batches.push((first, last));
        Change::Written { first, last }
    }

    /// Ends the transaction at a place, if there is one.
    pub(crate) fn end_transaction(
        &mut self,
        now: Instant,
        place: Place,
        cluster: &mut Cluster,
    ) -> Vec<Change> {
        let Some(open) = self.open.remove(&place) else {
            return Vec::new();
        };
        let name = self.name(place);
        let marker = log_end(cluster, name, place);
        cluster.end_transaction(now, name, place.partition, open.producer, !open.is_void);
        let batches = open.batches.into_iter().filter(|_| open.is_void);
        batches
            .map(|(first, last)| Change::Voided { first, last })
            .chain([Change::Ended(marker)])
            .collect()
    }
}

fn content(place: Place, offset: i64, is_void: bool) -> Vec<u8> {
    let content = Content {
        topic: place.topic,
        partition: place.partition,
        offset,
        is_void,
    };
    content.write()
}

fn log_end(cluster: &Cluster, name: &str, place: Place) -> i64 {
    let bounds = cluster.log_bounds(name, place.partition);
    bounds.expect("it is there").1
}
