//! Ends from outside.

use std::{
    fs,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::bounded;

use crate::{
    error::ErrorKind,
    protocol::{ApiKey, api_versions},
};

use super::{
    broker::{Broker, all_versions},
    client::{Client, LONG, SOON, assert_kind, target},
    dialing::{ANYWHERE, BlackHole},
};

#[test]
fn disconnecting_fails_the_calls_at_once_and_the_next_one_gets_a_new_connection() {
    let (pending, is_pending) = bounded(1);
    let broker = Broker::start(move |number, mut peer| {
        peer.greet();
        match number {
            0 => {
                peer.expect(ApiKey::Heartbeat);
                let _ = pending.send(());
                peer.expect_end();
            }
            _ => peer.beat(5),
        }
    });
    let to = target(broker.address);
    let mut client = Client::new();
    let tokens = [client.send(&to, LONG), client.send(&to, LONG)];
    is_pending.recv_timeout(LONG).unwrap();
    let start = Instant::now();
    client.pool.disconnect(&to);
    let next = client.send(&to, LONG);
    for token in tokens {
        assert_kind(&client.error(token), &ErrorKind::Disconnected);
    }
    assert_eq!(client.result(next).unwrap(), 5);
    assert!(start.elapsed() < SOON);
    assert_eq!(broker.connections(), 2);
}

#[test]
fn disconnecting_what_is_not_connected_does_nothing() {
    let mut client = Client::new();
    client.pool.disconnect(&target(ANYWHERE));
    assert!(client.rest().is_empty());
}

/// Closes while two calls are pending, one behind the other.
#[track_caller]
fn closes_at_once(mut client: Client, address: SocketAddr, until_pending: impl FnOnce()) {
    let to = target(address);
    let tokens = [client.send(&to, LONG), client.send(&to, LONG)];
    until_pending();
    let start = Instant::now();
    client.pool.close(start + LONG);
    assert!(start.elapsed() < SOON, "closing took {:?}", start.elapsed());
    for token in tokens {
        assert_kind(&client.error(token), &ErrorKind::Disconnected);
    }
    let late = client.send(&to, LONG);
    assert_kind(&client.error(late), &ErrorKind::Closed);
    client.pool.close(Instant::now() + LONG);
    assert!(client.rest().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn closing_interrupts_a_connect_wherever_it_is() {
    let hole = BlackHole::new();
    for micros in [0, 1, 10, 100, 1_000, 10_000, 100_000] {
        let pause = Duration::from_micros(micros);
        closes_at_once(Client::new(), hole.address, || thread::sleep(pause));
    }
}

#[test]
fn closing_interrupts_a_greeting() {
    let (pending, is_pending) = bounded(1);
    let broker = Broker::start(move |_, mut peer| {
        peer.expect(ApiKey::ApiVersions);
        let _ = pending.send(());
        peer.expect_end();
    });
    closes_at_once(Client::new(), broker.address, || {
        is_pending.recv_timeout(LONG).unwrap();
    });
}

#[test]
fn closing_interrupts_a_long_poll() {
    let (pending, is_pending) = bounded(1);
    let broker = Broker::start(move |_, mut peer| {
        peer.greet();
        peer.expect(ApiKey::Heartbeat);
        let _ = pending.send(());
        peer.expect_end();
    });
    closes_at_once(Client::new(), broker.address, || {
        is_pending.recv_timeout(LONG).unwrap();
    });
}

#[test]
fn dropping_the_pool_ends_its_connections_too() {
    let (pending, is_pending) = bounded(1);
    let (ended, has_ended) = bounded(1);
    let broker = Broker::start(move |_, mut peer| {
        peer.greet();
        peer.expect(ApiKey::Heartbeat);
        let _ = pending.send(());
        peer.expect_end();
        let _ = ended.send(());
    });
    let mut client = Client::new();
    client.send(&target(broker.address), LONG);
    is_pending.recv_timeout(LONG).unwrap();
    drop(client);
    has_ended.recv_timeout(SOON).unwrap();
}

/// How many threads are named so.
#[cfg(target_os = "linux")]
fn threads_named(prefix: &str) -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    // A thread may end while this looks at it.
    let names = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.starts_with(prefix)).count()
}

/// How many files of this process are sockets connected (or connecting) to that port.
#[cfg(target_os = "linux")]
fn sockets_to(port: u16) -> usize {
    let connections = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let inodes = connections.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (_, remote_port) = fields[2].split_once(':')?;
        (remote_port == format!("{port:04X}")).then(|| format!("socket:[{}]", fields[9]))
    });
    let inodes: Vec<_> = inodes.collect();
    let files = fs::read_dir("/proc/self/fd").unwrap();
    let links = files.filter_map(|file| fs::read_link(file.unwrap().path()).ok());
    links
        .filter(|link| {
            inodes
                .iter()
                .any(|inode| link.as_os_str() == inode.as_str())
        })
        .count()
}

#[cfg(target_os = "linux")]
#[track_caller]
fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < deadline, "this takes too long");
        thread::yield_now();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn closing_leaves_no_thread_and_no_socket() {
    let hole = BlackHole::new();
    let queued = sockets_to(hole.address.port());
    let silent = Broker::start(|_, mut peer| peer.wait_for_end());
    let polling = Broker::start(|_, mut peer| {
        // The connection may end at any time. What comes behind the greeting is not answered.
        while let Some(asked) = peer.read() {
            match asked.header.api() {
                Some(ApiKey::Metadata) => peer.show_age(&asked),
                Some(ApiKey::ApiVersions) => {
                    peer.answer::<api_versions::Request>(&asked, &all_versions());
                }
                _ => {}
            }
        }
    });
    let addresses = [hole.address, silent.address, polling.address];
    for round in 0..20 {
        let mut client = Client::new();
        for address in addresses {
            let mut to = target(address);
            to.broker.id = Some(4242);
            client.send(&to, LONG);
        }
        // In the first rounds the threads have hardly begun.
        thread::sleep(Duration::from_millis(round));
        if round > 10 {
            wait_until(|| threads_named("kafka-4242") == addresses.len());
        }
        client.pool.close(Instant::now() + LONG);
        let sockets = addresses.map(|address| sockets_to(address.port()));
        assert_eq!(sockets, [queued, 0, 0]);
        // A thread that was joined may have a last few instructions to go.
        wait_until(|| threads_named("kafka-4242") == 0);
        assert_eq!(client.rest().len(), addresses.len());
    }
    assert!(silent.connections() > 0 && polling.connections() > 0);
}
