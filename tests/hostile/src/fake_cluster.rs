//! The requests that the in-process cluster is sent.

use std::time::{Duration, Instant};

use sarama_cluster::testing::{
    Cluster, KafkaRelease,
    broker::{Action, ConnectionId, Settings},
};

use crate::input::Input;

/// So many connections, spread over the brokers.
const CONNECTIONS: u64 = 4;
const BROKERS: i32 = 2;

/// Steps: a request on some connection, its length in front, or time that passes. Whatever is answered is
/// a frame with the right length.
pub(crate) fn fake_cluster(data: &[u8]) {
    let mut input = Input::new(data);
    let release = input.pick(&[
        KafkaRelease::NEWEST,
        KafkaRelease::V0_9,
        KafkaRelease::V0_11,
    ]);
    let mut now = Instant::now();
    let mut cluster = Cluster::new(now, Settings::new(BROKERS, release));
    cluster.create_topic(now, crate::answers::TOPIC, 2);
    let mut connections: Vec<_> = (0..CONNECTIONS).collect();
    let mut last_connection = CONNECTIONS;
    while !input.is_empty() {
        let step = input.byte();
        if step == 255 {
            now += Duration::from_millis(u64::from(input.u16()));
            cluster.handle_timeout(now);
        } else {
            let place = usize::from(step) % connections.len();
            let broker = 1 + i32::from(step) % BROKERS;
            let length = usize::from(input.u16());
            let request = input.take(length).to_vec();
            cluster.handle(now, broker, ConnectionId(connections[place]), request);
        }
        while let Some(output) = cluster.poll_output() {
            match output.action {
                Action::Send(frame) => {
                    let (length, rest) = frame.split_first_chunk().expect("it has a length");
                    assert_eq!(u32::from_be_bytes(*length) as usize, rest.len());
                }
                Action::Close => {
                    // The client connects again.
                    last_connection += 1;
                    let closed = output.connection.0;
                    let place = connections.iter().position(|id| *id == closed);
                    connections[place.expect("it is open")] = last_connection;
                }
            }
        }
    }
}
