//! Kafka to try things on: `cargo run -p kafka-tests --bin kafka -- [release] [brokers] [topic:partitions]…`.
//!
//! Prints the addresses of the brokers when they are up and the topics are made, and runs until ctrl-c or
//! the end of its input.

use std::{
    env,
    io::{self, Read},
};

use kafka_tests::{Cluster, Release};

fn main() -> Result<(), String> {
    let mut arguments = env::args().skip(1);
    let release = match arguments.next() {
        Some(version) => version.parse()?,
        None => Release::NEWEST,
    };
    let brokers = match arguments.next() {
        Some(count) => count.parse().map_err(|error| format!("{count}: {error}"))?,
        None => 1,
    };
    let topics: Vec<(String, i32)> = arguments
        .map(|topic| parse(&topic))
        .collect::<Result<_, _>>()?;
    let kafka = Cluster::start(release, brokers);
    for (name, partitions) in &topics {
        kafka.create_topic(name, *partitions, 1);
    }
    println!("{}", kafka.bootstrap().join(","));
    io::stdin()
        .read_to_end(&mut Vec::new())
        .map_err(|error| error.to_string())?;
    Ok(())
}

/// `topic:partitions`, or a topic of one partition.
fn parse(topic: &str) -> Result<(String, i32), String> {
    let (name, partitions) = topic.split_once(':').unwrap_or((topic, "1"));
    let partitions = partitions
        .parse()
        .map_err(|error| format!("{topic}: {error}"))?;
    Ok((name.to_owned(), partitions))
}
