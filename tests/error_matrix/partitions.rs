//! In partition mode what is wrong with a claim is said to its handle.

use sarama_cluster::{
    Consumer, ConsumerMode, PartitionConsumer,
    core::reaction::Reaction,
    testing::{ApiKey, FakeCluster, Fault},
};

use crate::{
    place::{self, Place},
    stage::{GROUP, PARTITION, PATIENCE, TOPIC, config},
    table::{self, Row},
};

/// A record that is written now is delivered and marked.
fn deliver_one(kafka: &FakeCluster, part: &PartitionConsumer) -> i64 {
    let offset = kafka.produce(TOPIC, PARTITION, [("key", "value")]);
    let msg = part
        .messages()
        .recv_timeout(PATIENCE)
        .expect("it is delivered");
    assert_eq!(msg.offset(), offset);
    part.mark_offset(offset, "");
    offset
}

/// Of these requests one is refused in a way that the user has to know of.
fn is_told_to_the_handle(row: &Row) {
    let kafka = FakeCluster::builder().topic(TOPIC, 1).start();
    let mut config = config();
    config.group.mode = ConsumerMode::Partitions;
    let consumer = Consumer::new(kafka.bootstrap(), GROUP, TOPIC, config).unwrap();
    let part = consumer
        .partitions()
        .recv_timeout(PATIENCE)
        .expect("it is claimed");
    let once = Fault::on(row.api).times(1);
    kafka.inject(place::fault(once, row, Place::Partition));
    deliver_one(&kafka, &part);
    let error = part
        .errors()
        .recv_timeout(PATIENCE)
        .expect("the handle is told");
    assert_eq!(error.code(), Some(row.code));
    assert_eq!(
        (error.topic(), error.partition()),
        (Some(TOPIC), Some(PARTITION))
    );
    let offset = deliver_one(&kafka, &part);
    kafka.await_committed(PATIENCE, GROUP, TOPIC, PARTITION, offset + 1);
    consumer.close().expect("all is committed");
    assert_eq!(consumer.errors().iter().count(), 0, "nobody else is told");
}

#[test]
fn the_errors_of_a_claim_are_told_to_its_handle() {
    for api in [ApiKey::Fetch, ApiKey::OffsetCommit] {
        let rows = table::rows(api).into_iter();
        let of_claims = |row: &Row| {
            row.reaction == Reaction::Report && place::places(row).contains(&Place::Partition)
        };
        rows.filter(of_claims)
            .for_each(|row| is_told_to_the_handle(&row));
    }
}
