//! Messages and errors of all partitions on one channel each: the plainest way to read a group's topics.
//!
//!     cargo run --example multiplex
//!     cargo run --example multiplex -- --brokers 127.0.0.1:9092 --topics my_topic,other_topic

mod demo;

use std::{process::ExitCode, time::Duration};

use sarama_cluster::{Config, Consumer, Result, config::InitialOffset, crossbeam_channel::select};

use self::demo::{Job, text};

fn main() -> ExitCode {
    demo::run(member)
}

fn member(job: &Job) -> Result<()> {
    let mut config = Config::default();
    config.consumer.returns.errors = true;
    config.group.returns.notifications = true;
    config.consumer.offsets.initial = InitialOffset::Oldest;
    // A member learns of a rebalance by its next heartbeat. The default of 3 s does, but here
    // somebody is watching.
    config.group.heartbeat.interval = Duration::from_millis(300);

    let consumer = Consumer::new(&job.brokers, &job.group, &job.topics, config)?;
    loop {
        select! {
            recv(consumer.messages()) -> msg => {
                let Ok(msg) = msg else { break };       // the consumer has ended
                if !msg.is_current() { continue }       // its claim is over: someone else gets it
                job.screen.sample(format_args!(
                    "{}/{}/{}\t{}\t{}",
                    msg.topic(), msg.partition(), msg.offset(), text(msg.key()), text(msg.value()),
                ));
                consumer.mark_offset(&msg, "");         // this one and all before it are processed
            }
            recv(consumer.errors()) -> err => if let Ok(err) = err { eprintln!("error: {err}") },
            recv(consumer.notifications()) -> ntf => if let Ok(ntf) = ntf { job.screen.rebalance(&ntf) },
            recv(job.interrupts) -> _ => break,
        }
    }
    consumer.close()?;
    job.screen.total();
    Ok(())
}
