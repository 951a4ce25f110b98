//! Workers that share one consumer and finish messages in any order. What is committed is the end of
//! what is finished without a gap, so that a crash loses nothing.
//!
//!     cargo run --example pool
//!     cargo run --example pool -- --brokers 127.0.0.1:9092 --topics my_topic,other_topic

mod demo;

use std::{process::ExitCode, thread, time::Duration};

use sarama_cluster::{
    Config, Consumer, ConsumerMessage, Result, config::InitialOffset, crossbeam_channel::select,
};

use self::demo::{Job, text};

const WORKERS: usize = 4;

fn main() -> ExitCode {
    demo::run(member)
}

fn member(job: &Job) -> Result<()> {
    let mut config = Config::default();
    config.consumer.returns.errors = true;
    config.group.returns.notifications = true;
    config.consumer.offsets.initial = InitialOffset::Oldest;
    // A close waits so long for messages in work; the default of 100 ms is for quicker workers.
    config.group.offsets.synchronization.dwell_time = Duration::from_secs(1);
    // A member learns of a rebalance by its next heartbeat. The default of 3 s does, but here
    // somebody is watching.
    config.group.heartbeat.interval = Duration::from_millis(300);

    let consumer = Consumer::new(&job.brokers, &job.group, &job.topics, config)?;
    thread::scope(|scope| {
        for worker in 1..=WORKERS {
            let consumer = &consumer;
            scope.spawn(move || {
                // Each message goes to one of the workers.
                for msg in consumer.messages() {
                    work(&msg);
                    job.screen.sample(format_args!(
                        "{}/{}/{}\t{}\t{}\tby worker {worker}",
                        msg.topic(),
                        msg.partition(),
                        msg.offset(),
                        text(msg.key()),
                        text(msg.value()),
                    ));
                    // This one is processed; those before it may still be in work elsewhere.
                    consumer.ack(&msg);
                }
            });
        }
        loop {
            select! {
                recv(consumer.errors()) -> err => match err {
                    Ok(err) => eprintln!("error: {err}"),
                    Err(_) => break,                        // the consumer has ended
                },
                recv(consumer.notifications()) -> ntf => if let Ok(ntf) = ntf { job.screen.rebalance(&ntf) },
                recv(job.interrupts) -> _ => break,
            }
        }
        // It ends the loops of the workers, which the scope waits for.
        consumer.close()
    })?;
    job.screen.total();
    Ok(())
}

/// Takes its time, and not always the same.
fn work(_: &ConsumerMessage) {
    thread::sleep(Duration::from_millis(fastrand::u64(10..150)));
}
