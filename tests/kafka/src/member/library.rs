//! The library under test as a member of a group.

use std::{collections::BTreeSet, thread, time::Duration};

use crossbeam_channel::{Receiver, select};
use sarama_cluster::{
    Config, Consumer, ConsumerMessage, ConsumerMode, Notification, NotificationType,
    config::InitialOffset,
};

use super::{Event, TopicPartition};

/// Settings for tests: everything is told, and nothing takes longer than a broker of the default settings
/// allows.
pub fn config(mode: ConsumerMode) -> Config {
    let mut config = Config::default();
    config.group.mode = mode;
    config.group.session.timeout = Duration::from_secs(6);
    config.group.heartbeat.interval = Duration::from_millis(200);
    config.group.returns.notifications = true;
    config.metadata.refresh_frequency = Duration::from_millis(500);
    config.consumer.returns.errors = true;
    config.consumer.offsets.initial = InitialOffset::Oldest;
    config.consumer.offsets.commit_interval = Duration::from_millis(100);
    // A thread that has told of a record and is late with its mark is waited for.
    config.group.offsets.synchronization.dwell_time = Duration::from_secs(10);
    config
}

/// Where a member tells what happens to it.
pub type Tell<'a> = &'a (dyn Fn(Event) + Sync);

/// Reads and marks until `stop` disconnects, then closes. What is read is told before it is marked.
pub fn run(consumer: &Consumer, mode: ConsumerMode, tell: Tell<'_>, stop: &Receiver<()>) {
    match mode {
        ConsumerMode::Multiplex => read_all(consumer, tell, stop),
        ConsumerMode::Partitions => read_each(consumer, tell, stop),
    }
    consumer.close().expect("the group is left in order");
    tell(Event::Left);
}

/// The loop of multiplex mode.
fn read_all(consumer: &Consumer, tell: Tell<'_>, stop: &Receiver<()>) {
    loop {
        select! {
            recv(consumer.messages()) -> message => {
                let Ok(message) = message else { return };
                if !message.is_current() { continue }
                tell(record(&message));
                consumer.mark_offset(&message, "");
            }
            recv(consumer.notifications()) -> notification => {
                let Ok(notification) = notification else { return };
                let _ = event(&notification).map(tell);
            }
            recv(consumer.errors()) -> error => {
                let Ok(error) = error else { return };
                eprintln!("sarama-cluster: {error}");
            }
            recv(stop) -> _ => return,
        }
    }
}

/// The threads of partition mode.
fn read_each(consumer: &Consumer, tell: Tell<'_>, stop: &Receiver<()>) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = stop.recv();
            consumer.close().expect("the group is left in order");
        });
        scope.spawn(|| {
            for notification in consumer.notifications() {
                let _ = event(&notification).map(tell);
            }
        });
        scope.spawn(|| {
            for error in consumer.errors() {
                eprintln!("sarama-cluster: {error}");
            }
        });
        for part in consumer.partitions() {
            scope.spawn(move || {
                for message in part.messages() {
                    tell(record(&message));
                    part.mark_offset(message.offset(), "");
                }
            });
        }
    });
}

/// It has been given this message.
pub fn record(message: &ConsumerMessage) -> Event {
    Event::Record {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
    }
}

/// What a notification says of its claims, if anything.
pub fn event(notification: &Notification) -> Option<Event> {
    match notification.kind {
        NotificationType::RebalanceStart | NotificationType::RebalanceError => Some(Event::Revoked),
        NotificationType::RebalanceOk => {
            let partitions = |(topic, partitions): (&String, &Vec<i32>)| {
                let pair = |&partition: &i32| (topic.clone(), partition);
                partitions
                    .iter()
                    .map(pair)
                    .collect::<BTreeSet<TopicPartition>>()
            };
            Some(Event::Assigned(
                notification.current.iter().flat_map(partitions).collect(),
            ))
        }
        _ => None,
    }
}
