//! The readers that are members of a group, with the settings that a user gets.

use std::thread;

use field_contract::{Job, Result, Seen, Watch};
use sarama_cluster::{Config, Consumer, ConsumerMode, config::InitialOffset, crossbeam_channel};

/// How many threads share the consumer of a pool.
const WORKERS: usize = 2;

/// Multiplex mode, one thread.
pub(crate) fn read_in_a_loop(job: &Job, watch: &Watch, config: Config) -> Result<()> {
    let consumer = consumer(job, config)?;
    let mut seen = Seen::default();
    for message in consumer.messages() {
        let is_last = watch.deliver(&mut seen, message.value());
        consumer.mark_offset(&message, "");
        if is_last {
            break;
        }
    }
    watch.add(seen);
    Ok(consumer.close()?)
}

/// Multiplex mode by the batch, one thread.
pub(crate) fn read_batches(job: &Job, watch: &Watch) -> Result<()> {
    let mut config = config();
    config.consumer.returns.batches = true;
    let consumer = consumer(job, config)?;
    let mut seen = Seen::default();
    let mut is_over = false;
    for batch in consumer.batches() {
        for message in &batch {
            is_over |= watch.deliver(&mut seen, message.value());
        }
        consumer.mark_offset(&batch, "");
        if is_over {
            break;
        }
    }
    watch.add(seen);
    Ok(consumer.close()?)
}

/// Multiplex mode, one thread that also looks at two other channels.
pub(crate) fn read_by_select(job: &Job, watch: &Watch) -> Result<()> {
    let mut config = config();
    config.consumer.returns.errors = true;
    config.group.returns.notifications = true;
    let consumer = consumer(job, config)?;
    let mut seen = Seen::default();
    loop {
        crossbeam_channel::select! {
            recv(consumer.messages()) -> message => {
                let message = message?;
                if !message.is_current() {
                    continue;
                }
                let is_last = watch.deliver(&mut seen, message.value());
                consumer.mark_offset(&message, "");
                if is_last {
                    break;
                }
            }
            recv(consumer.errors()) -> error => eprintln!("{}", error?),
            recv(consumer.notifications()) -> notification => drop(notification?),
        }
    }
    watch.add(seen);
    Ok(consumer.close()?)
}

/// Multiplex mode, and whoever is free takes the next message.
pub(crate) fn read_in_a_pool(job: &Job, watch: &Watch) -> Result<()> {
    let consumer = consumer(job, config())?;
    let work = || {
        let mut seen = Seen::default();
        for message in consumer.messages().clone() {
            let (partition, offset) = (message.partition(), message.offset());
            let is_last = watch.deliver_of(&mut seen, partition, offset, message.value());
            consumer.ack(&message);
            drop(message);
            if is_last {
                // Ends the loops of the others, once they have acknowledged what they hold.
                consumer.close().expect("the group is left in order");
            }
        }
        watch.add(seen);
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
    let mut config = config();
    config.group.mode = ConsumerMode::Partitions;
    let consumer = consumer(job, config)?;
    thread::scope(|scope| {
        for part in consumer.partitions() {
            let consumer = &consumer;
            scope.spawn(move || {
                let mut seen = Seen::default();
                let partition = part.partition();
                for message in part.messages() {
                    let offset = message.offset();
                    let is_last = watch.deliver_of(&mut seen, partition, offset, message.value());
                    part.mark_offset(offset, "");
                    drop(message);
                    if is_last {
                        consumer.close().expect("the group is left in order");
                    }
                }
                watch.add(seen);
            });
        }
    });
    Ok(consumer.close()?)
}

/// A member of the job's group.
pub(crate) fn consumer(job: &Job, config: Config) -> Result<Consumer> {
    let brokers = job.brokers.split(',');
    Ok(Consumer::new(
        brokers,
        &job.group,
        [job.topic.as_str()],
        config,
    )?)
}

/// The settings that a user gets, from the oldest record on.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.consumer.offsets.initial = InitialOffset::Oldest;
    config
}
