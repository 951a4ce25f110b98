//! Records that are written while a story goes on.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use kafka_tests::{Acknowledged, Cluster, Codec, Member, Producer};

/// How many partitions the topics under load have.
pub(crate) const PARTITIONS: i32 = 4;

/// Writes to all partitions in turn, in small batches, for as long as `story` runs.
pub(crate) fn under_load<R>(
    kafka: &Cluster,
    topic: &str,
    story: impl FnOnce() -> R,
) -> (Vec<Acknowledged>, R) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            let producer = Producer::new(kafka, Codec::Lz4);
            let mut written = Vec::new();
            while !over.load(Ordering::Relaxed) {
                written.extend(producer.send_numbers(topic, 40, PARTITIONS));
                // A pace, not a wait: the story decides how long it goes on.
                thread::sleep(Duration::from_millis(20));
            }
            written
        });
        let end = End(&over);
        let result = story();
        drop(end);
        (load.join().expect("the broker accepts the records"), result)
    })
}

/// Ends the load, also when the story panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The offset behind the last record of each partition.
pub(crate) fn ends(written: &[Acknowledged]) -> Vec<i64> {
    let end = |partition| {
        let of = written.iter().filter(|at| at.partition == partition);
        of.map(|at| at.offset + 1).max().unwrap_or(0)
    };
    (0..PARTITIONS).map(end).collect()
}

/// Whether some members have been given the last record of each partition.
pub(crate) fn has_last_records(members: &mut [&mut Member], topic: &str, ends: &[i64]) -> bool {
    let records: Vec<_> = members
        .iter_mut()
        .flat_map(|member| member.records())
        .collect();
    let last = |(n, end): (i32, &i64)| records.contains(&((topic.to_owned(), n), end - 1));
    (0..).zip(ends).all(last)
}
