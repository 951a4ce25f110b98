//! Names, addresses, sockets.

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::bounded;
use socket2::{Domain, Socket, Type};

use crate::{
    config,
    error::ErrorKind,
    net::{canonical, dial::Dialer, stream::Cutoff},
};

use super::{
    broker::Broker,
    client::{Client, LONG, SOON, assert_kind, cause, target},
};

/// For what never connects.
pub(super) const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9092);

/// An address that nobody listens on, and that nobody else can have as long as this is there.
pub(super) struct Refusing {
    pub(super) address: SocketAddr,
    _socket: Socket,
}

impl Refusing {
    pub(super) fn new() -> Self {
        let socket = bind();
        Self {
            address: address(&socket),
            _socket: socket,
        }
    }
}

/// A socket with a port that does not listen yet.
fn bind() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).unwrap();
    socket
}

fn address(socket: &Socket) -> SocketAddr {
    socket.local_addr().unwrap().as_socket().unwrap()
}

/// An address that swallows what is sent there: its queue of connections is full.
pub(super) struct BlackHole {
    pub(super) address: SocketAddr,
    _listener: Socket,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    pub(super) fn new() -> Self {
        let listener = bind();
        listener.listen(0).unwrap();
        let address = address(&listener);
        let mut queue = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            queue.push(stream);
        }
        Self {
            address,
            _listener: listener,
            _queue: queue,
        }
    }
}

#[test]
fn a_refused_connection_names_the_address_for_all_calls_that_wait_for_it() {
    let refusing = Refusing::new();
    let to = target(refusing.address);
    let mut client = Client::new();
    let tokens = [client.send(&to, LONG), client.send(&to, LONG)];
    for token in tokens {
        let error = client.error(token);
        assert_kind(&error, &ErrorKind::Connect);
        let address = format!("{}:{}", to.broker.host, to.broker.port);
        assert_eq!(error.broker(), Some(address.clone()));
        assert!(cause(&error).contains(&address), "{error:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_that_swallows_packets_costs_no_call_more_than_its_time() {
    let hole = BlackHole::new();
    let mut client = Client::with(|config| config.net.dial_timeout = 10 * SOON);
    let start = Instant::now();
    let token = client.send(&target(hole.address), Duration::from_millis(300));
    assert_kind(&client.error(token), &ErrorKind::Connect);
    assert!(start.elapsed() < SOON);
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_that_swallows_packets_is_given_up_after_the_dial_timeout() {
    let hole = BlackHole::new();
    let timeout = Duration::from_millis(300);
    let mut client = Client::with(|config| config.net.dial_timeout = timeout);
    let start = Instant::now();
    let error = client.beat(&target(hole.address)).unwrap_err();
    assert_kind(&error, &ErrorKind::Connect);
    let took = start.elapsed();
    // The operating system is asked to wait in whole milliseconds, rounded down.
    let least = timeout - Duration::from_millis(2);
    assert!((least..SOON).contains(&took), "{took:?}: {error:?}");
}

#[test]
fn a_name_without_an_address_is_an_error_in_time() {
    let mut to = target(ANYWHERE);
    for name in ["no-such-host.invalid", "", "nul\0byte"] {
        to.broker.id = None;
        to.broker.host = name.to_owned();
        let mut client = Client::with(|config| config.net.dial_timeout = Duration::from_secs(1));
        let start = Instant::now();
        let error = client.beat(&to).unwrap_err();
        assert_kind(&error, &ErrorKind::Resolve);
        assert!(start.elapsed() < SOON);
    }
}

#[test]
fn a_name_is_resolved() {
    let broker = Broker::start(|_, mut peer| {
        peer.greet();
        peer.beat(1);
    });
    let mut to = target(broker.address);
    to.broker.host = "localhost".to_owned();
    assert_eq!(Client::new().beat(&to).unwrap(), 1);
}

#[test]
fn a_bootstrap_name_stands_for_the_names_of_its_addresses() {
    let mut alias = target(ANYWHERE).broker;
    alias.host = "localhost".to_owned();
    let brokers = canonical(&alias, Instant::now() + LONG).unwrap();
    assert!(!brokers.is_empty());
    for broker in brokers {
        assert_eq!((broker.id, broker.port), (None, alias.port));
        let addresses = (broker.host.as_str(), broker.port)
            .to_socket_addrs()
            .unwrap();
        assert!(
            addresses
                .into_iter()
                .all(|address| address.ip().is_loopback())
        );
    }
    alias.host = "nul\0byte".to_owned();
    let error = canonical(&alias, Instant::now() + LONG).unwrap_err();
    assert_kind(&error, &ErrorKind::Resolve);
    assert!(error.broker().is_some());
}

/// What dialing these addresses in turn comes to.
fn dial(
    addresses: &[SocketAddr],
    config: &config::Net,
    timeout: Duration,
) -> Result<(), crate::error::Error> {
    let (_running, stop) = bounded(0);
    let to = target(ANYWHERE);
    let dialer = Dialer {
        broker: &to.broker,
        config,
        cutoff: &Arc::<Cutoff>::default(),
        stop: &stop,
    };
    dialer
        .connect_to_any(addresses, Instant::now() + timeout)
        .map(drop)
}

#[cfg(target_os = "linux")]
#[test]
fn each_address_gets_its_share_of_the_time() {
    let hole = BlackHole::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap();
    let config = config::Net::default();
    let timeout = Duration::from_secs(2);
    let refusing = Refusing::new();
    let refused = [refusing.address, hole.address];
    dial(&[refused[0], refused[1], open], &config, timeout).unwrap();

    let error = dial(&refused, &config, timeout).unwrap_err();
    for address in refused {
        assert!(cause(&error).contains(&address.to_string()), "{error:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn connections_start_from_the_local_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let local = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
    let config = config::Net {
        local_addr: Some(local),
        keep_alive: Some(Duration::from_secs(60)),
        ..Default::default()
    };
    dial(&[address], &config, LONG).unwrap();
    let (mut stream, peer) = listener.accept().unwrap();
    assert_eq!(peer.ip(), local);
    assert_eq!(
        stream.read(&mut [0]).unwrap(),
        0,
        "a stream that is dropped is closed"
    );
}
