//! A handle for each claimed partition, and a thread for each handle: partitions do not wait for each
//! other, and each is processed in order.
//!
//!     cargo run --example partitions
//!     cargo run --example partitions -- --brokers 127.0.0.1:9092 --topics my_topic,other_topic

mod demo;

use std::{process::ExitCode, thread, time::Duration};

use sarama_cluster::{
    Config, Consumer, ConsumerMode, PartitionConsumer, Result, config::InitialOffset,
    crossbeam_channel::select,
};

use self::demo::{Job, Screen, text};

fn main() -> ExitCode {
    demo::run(member)
}

fn member(job: &Job) -> Result<()> {
    let mut config = Config::default();
    config.group.mode = ConsumerMode::Partitions;
    config.group.returns.notifications = true;
    // Errors are logged, as nobody asks for them by `config.consumer.returns.errors`.
    config.consumer.offsets.initial = InitialOffset::Oldest;
    // A member learns of a rebalance by its next heartbeat. The default of 3 s does, but here
    // somebody is watching.
    config.group.heartbeat.interval = Duration::from_millis(300);

    let consumer = Consumer::new(&job.brokers, &job.group, &job.topics, config)?;
    thread::scope(|scope| {
        loop {
            select! {
                recv(consumer.partitions()) -> part => {
                    let Ok(part) = part else { break };     // the consumer has ended
                    scope.spawn(move || read(&part, &job.screen));
                }
                recv(consumer.notifications()) -> ntf => if let Ok(ntf) = ntf { job.screen.rebalance(&ntf) },
                recv(job.interrupts) -> _ => break,
            }
        }
        // It ends the claims, and with them the threads that the scope waits for.
        consumer.close()
    })?;
    job.screen.total();
    Ok(())
}

/// One turn at one partition. It ends when a rebalance begins or the consumer is closed; then the handle
/// is dropped, which says that nothing more will be marked.
fn read(part: &PartitionConsumer, screen: &Screen) {
    for msg in part.messages() {
        screen.sample(format_args!(
            "{}/{}/{}\t{}\t{}",
            part.topic(),
            part.partition(),
            msg.offset(),
            text(msg.key()),
            text(msg.value()),
        ));
        part.mark_offset(msg.offset(), "");
    }
}
