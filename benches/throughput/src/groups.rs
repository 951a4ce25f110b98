//! The readers that are members of a group, with the settings that a user gets.

use std::thread;

use sarama_cluster::{Config, Consumer, ConsumerMode, config::InitialOffset};

use crate::{
    Result,
    run::{Job, Seen, Watch},
};

/// How many threads share the consumer of a pool.
const WORKERS: usize = 2;

/// Multiplex mode, one thread.
pub(crate) fn read_in_a_loop(job: &Job, watch: &Watch) -> Result<()> {
    let consumer = consumer(job, ConsumerMode::Multiplex)?;
    let mut seen = Seen::default();
    for message in consumer.messages() {
        let (partition, offset) = (message.partition(), message.offset());
        let is_last = watch.deliver(&mut seen, partition, offset, message.value());
        consumer.mark_offset(&message, "");
        if is_last {
            break;
        }
    }
    watch.add(&seen);
    Ok(consumer.close()?)
}

/// Multiplex mode, and whoever is free takes the next message.
pub(crate) fn read_in_a_pool(job: &Job, watch: &Watch) -> Result<()> {
    let consumer = consumer(job, ConsumerMode::Multiplex)?;
    let work = || {
        let mut seen = Seen::default();
        for message in consumer.messages().clone() {
            let (partition, offset) = (message.partition(), message.offset());
            let is_last = watch.deliver(&mut seen, partition, offset, message.value());
            consumer.ack(&message);
            drop(message);
            if is_last {
                // Ends the loops of the others, once they have acknowledged what they hold.
                consumer.close().expect("the group is left in order");
            }
        }
        watch.add(&seen);
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    Ok(consumer.close()?)
}

/// Partition mode.
pub(crate) fn read_each_partition(job: &Job, watch: &Watch) -> Result<()> {
    let consumer = consumer(job, ConsumerMode::Partitions)?;
    thread::scope(|scope| {
        for part in consumer.partitions() {
            let consumer = &consumer;
            scope.spawn(move || {
                let mut seen = Seen::default();
                for message in part.messages() {
                    let offset = message.offset();
                    let is_last =
                        watch.deliver(&mut seen, part.partition(), offset, message.value());
                    part.mark_offset(offset, "");
                    drop(message);
                    if is_last {
                        consumer.close().expect("the group is left in order");
                    }
                }
                watch.add(&seen);
            });
        }
    });
    Ok(consumer.close()?)
}

fn consumer(job: &Job, mode: ConsumerMode) -> Result<Consumer> {
    let mut config = Config::default();
    config.group.mode = mode;
    config.consumer.offsets.initial = InitialOffset::Oldest;
    // Short: the threads bear it in their names, of which Linux keeps 15 bytes.
    let group = format!("{:04x}", fastrand::u16(..));
    let topics = [job.topic.as_str()];
    Ok(Consumer::new(&job.brokers, &group, topics, config)?)
}
