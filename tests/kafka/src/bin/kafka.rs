//! Kafka to try things on: `cargo run -p kafka-tests --bin kafka -- [release] [brokers]`.
//!
//! Prints the addresses of the brokers when they are up, and runs until ctrl-c or the end of its input.

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
    let kafka = Cluster::start(release, brokers);
    println!("{}", kafka.bootstrap().join(","));
    io::stdin()
        .read_to_end(&mut Vec::new())
        .map_err(|error| error.to_string())?;
    Ok(())
}
