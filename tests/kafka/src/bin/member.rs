//! A member of a group in a process of its own, so that it can be killed.
//!
//! Prints what happens to it, one line an event, and leaves its group at SIGTERM.
//! Arguments: bootstrap servers, group, mode (multiplex or partitions), topics.

use std::{
    env,
    io::{self, Write},
};

use crossbeam_channel::bounded;
use kafka_tests::library;
use sarama_cluster::{Consumer, ConsumerMode};

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [bootstrap, group, mode, topics @ ..] = &arguments[..] else {
        panic!("bootstrap servers, group, mode and topics are needed");
    };
    let mode = match mode.as_str() {
        "multiplex" => ConsumerMode::Multiplex,
        "partitions" => ConsumerMode::Partitions,
        _ => panic!("{mode} is no mode"),
    };

    let (stop, stopped) = bounded(0);
    let mut stop = Some(stop);
    ctrlc::set_handler(move || drop(stop.take())).expect("it is set once");

    // In the pipe before it is marked: who is killed has told all that it may have committed.
    let tell = |event| {
        // The test is not there any more, or it is the one that pulled the plug.
        let _ = writeln!(io::stdout(), "{event}");
    };
    let consumer = Consumer::new(
        bootstrap.split(','),
        group.as_str(),
        topics,
        library::config(mode),
    )
    .expect("the brokers answer");
    library::run(&consumer, mode, &tell, &stopped);
}
