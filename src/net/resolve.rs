//! Names and addresses.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    thread,
    time::Instant,
};

use crossbeam_channel::{Receiver, at, bounded, never, select};

use crate::{
    call::Broker,
    error::{Error, ErrorKind},
};

/// The addresses of a broker, at least one. `stop` disconnects when nobody wants them any more.
pub(super) fn addresses(
    broker: &Broker,
    deadline: Instant,
    stop: &Receiver<Infallible>,
) -> Result<Vec<SocketAddr>, Error> {
    let Broker { host, port, .. } = broker.clone();
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![(ip, port).into()]);
    }
    aside(move || look_up(&host, port), deadline, stop)
}

/// The brokers that a bootstrap address stands for: the canonical names of all its addresses (KIP-235).
/// An address without a name stands for itself.
///
/// # Errors
/// [`Resolve`](ErrorKind::Resolve) if the name has no address, or none by the deadline.
pub fn canonical(broker: &Broker, deadline: Instant) -> Result<Vec<Broker>, Error> {
    let Broker { host, port, .. } = broker.clone();
    let names = move || {
        let mut brokers: Vec<Broker> = Vec::new();
        for address in look_up(&host, port)? {
            let host = dns_lookup::lookup_addr(&address.ip())?;
            let broker = Broker {
                id: None,
                host,
                port,
            };
            if !brokers.contains(&broker) {
                brokers.push(broker);
            }
        }
        Ok(brokers)
    };
    aside(names, deadline, &never()).map_err(|error| error.at_broker(broker))
}

fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no address",
        ));
    }
    Ok(addresses)
}

/// Asks the system's resolver, which cannot be interrupted, on a thread that may be left behind: it
/// owns a name, and ends when the system has given up, which takes it about as long as us.
fn aside<T: Send + 'static>(
    question: impl FnOnce() -> io::Result<T> + Send + 'static,
    deadline: Instant,
    stop: &Receiver<Infallible>,
) -> Result<T, Error> {
    let failed = |kind, source: io::Error| Error::new(kind, "resolve").because(source);
    let unresolved = |source| failed(ErrorKind::Resolve, source);
    let (sender, answer) = bounded(1);
    thread::Builder::new()
        .name("kafka-resolver".to_owned())
        .spawn(move || {
            // Nobody may be waiting any more.
            let _ = sender.send(question());
        })
        .map_err(|source| failed(ErrorKind::System, source))?;
    select! {
        recv(answer) -> answer => match answer {
            Ok(result) => result.map_err(unresolved),
            Err(_) => Err(unresolved(io::Error::other("the resolver panicked"))),
        },
        recv(stop) -> _ => Err(unresolved(io::ErrorKind::Interrupted.into())),
        recv(at(deadline)) -> _ => Err(unresolved(io::ErrorKind::TimedOut.into())),
    }
}
