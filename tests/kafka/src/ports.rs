//! Ports for brokers that are stopped and started again.

use std::{net::TcpListener, sync::Mutex};

/// Below the range that the system takes the near ends of connections from (Linux: from 32768). There a
/// client that dials a stopped broker may be given the very port it dials, and then talks to itself; or
/// another connection may hold the port when the broker wants it back.
const PORTS: std::ops::Range<u16> = 11_000..32_000;

static TAKEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());

/// A port that is free now and is given to no one else in this process.
pub(crate) fn free() -> u16 {
    let mut taken = TAKEN.lock().expect("no holder panics");
    // A start at random keeps test processes that run at once apart.
    let port = std::iter::repeat_with(|| fastrand::u16(PORTS))
        .take(10_000)
        .find(|port| !taken.contains(port) && TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("most ports of the range are free");
    taken.push(port);
    port
}
