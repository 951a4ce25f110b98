//! Waits for replicas that are up to date, and mends leaders that wait for them for good.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use crate::{Cluster, Metadata, broker::POLL, release::Quorum};

/// Waits until all replicas are in sync again, but not for long. Gives who leads the partitions that are not complete
/// even then.
pub(crate) fn wait(kafka: &Cluster, patience: Duration) -> BTreeSet<i32> {
    let deadline = Instant::now() + patience;
    loop {
        let leaders = leaders_of_the_incomplete(kafka);
        if leaders.as_ref().is_some_and(BTreeSet::is_empty) || Instant::now() >= deadline {
            return leaders.unwrap_or_default();
        }
        thread::sleep(POLL * 4);
    }
}

/// Waits until all replicas are in sync again, now that nothing goes wrong any more, and tells which leader had to be
/// restarted for that.
///
/// Beside ZooKeeper a leader can wait for good to hear of its wish for another replica, until it is started anew: when
/// it was made leader once more while the wish was under way (2.8, KAFKA-12686), and when the controller wrote the wish
/// down and lost its connection to ZooKeeper before it was told so. Then it writes again, takes what it wrote first for
/// somebody else's and refuses; and a leader that is refused leaves it to whoever that was (seen with 3.0.2).
pub(crate) fn heal(kafka: &Cluster, patience: Duration, restarts: impl Fn(i32)) {
    let leaders = wait(kafka, patience);
    if kafka.release().quorum() == Quorum::KRaft {
        return;
    }
    for broker in leaders.into_iter().filter(|id| *id > 0) {
        restarts(broker);
        kafka.restart(broker);
        wait(kafka, patience);
    }
}

/// Who leads partitions whose replicas are not all in sync, in the eyes of any broker, -1 where nobody does. `None`
/// if none answers.
fn leaders_of_the_incomplete(kafka: &Cluster) -> Option<BTreeSet<i32>> {
    let answers = kafka.addresses().filter_map(|to| Metadata::ask(to).ok());
    let answers: Vec<_> = answers.collect();
    let incomplete = answers.iter().flat_map(Metadata::incomplete);
    (!answers.is_empty()).then(|| incomplete.map(|one| one.leader).collect())
}
