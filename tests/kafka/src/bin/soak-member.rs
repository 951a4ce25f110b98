//! A member of the group of a soak, in a process of its own: it keeps a journal, and leaves at SIGTERM.
//!
//! Arguments: bootstrap servers, group, mode, its name, the file of its journal, topics.

use std::{env, process};

use crossbeam_channel::bounded;
use kafka_tests::soak;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [bootstrap, group, mode, name, log, topics @ ..] = &arguments[..] else {
        panic!("bootstrap servers, group, mode, name, journal and topics are needed");
    };
    let mode = mode.parse().expect("the soak knows the modes");

    let (stop, stopped) = bounded(0);
    let mut stop = Some(stop);
    ctrlc::set_handler(move || drop(stop.take())).expect("it is set once");
    println!("{}", process::id());
    soak::run_member(bootstrap, group, topics, mode, name, log.as_ref(), &stopped);
}
