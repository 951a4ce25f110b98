//! librdkafka as a member of a group.

use std::{collections::BTreeSet, time::Duration};

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use rdkafka::{
    ClientConfig, ClientContext, Message, TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
};

use super::{Assignor, Event, TopicPartition};

/// Reads until `stop` disconnects.
pub(super) fn run(
    mut config: ClientConfig,
    group: &str,
    topics: &[String],
    assignor: Assignor,
    tell: &Sender<Event>,
    stop: &Receiver<()>,
) {
    let consumer: BaseConsumer<Teller> = config
        .set("group.id", group)
        .set("client.id", "librdkafka")
        .set("partition.assignment.strategy", assignor.protocol())
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "200")
        .set("topic.metadata.refresh.interval.ms", "500")
        .create_with_context(Teller(tell.clone()))
        .expect("the settings are valid");
    let topics: Vec<_> = topics.iter().map(String::as_str).collect();
    consumer
        .subscribe(&topics)
        .expect("the topics have valid names");

    while stop.try_recv() != Err(TryRecvError::Disconnected) {
        match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => consumer.context().tell(Event::Record {
                topic: message.topic().to_owned(),
                partition: message.partition(),
                offset: message.offset(),
            }),
            Some(Err(error)) => eprintln!("librdkafka: {error}"),
            None => (),
        }
    }
    // Dropping it commits and leaves.
    drop(consumer);
    let _ = tell.send(Event::Left);
}

/// Passes on what librdkafka calls back with.
struct Teller(Sender<Event>);

impl Teller {
    fn tell(&self, event: Event) {
        // The test may have seen enough.
        let _ = self.0.send(event);
    }
}

impl ClientContext for Teller {}

impl ConsumerContext for Teller {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => self.tell(Event::Assigned(set(partitions))),
            Rebalance::Revoke(_) => self.tell(Event::Revoked),
            Rebalance::Error(error) => eprintln!("librdkafka: {error}"),
        }
    }
}

fn set(partitions: &TopicPartitionList) -> BTreeSet<TopicPartition> {
    let elements = partitions.elements();
    elements
        .iter()
        .map(|one| (one.topic().to_owned(), one.partition()))
        .collect()
}
