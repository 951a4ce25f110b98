//! From a broker's addresses to a socket.

use std::{convert::Infallible, error, fmt, io, net::SocketAddr, sync::Arc, time::Instant};

use crossbeam_channel::Receiver;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::{
    call::Broker,
    config,
    error::{Error, ErrorKind},
};

use super::{
    resolve,
    stream::{Cutoff, Stream, time_left},
};

/// Opens connections to one broker.
pub(super) struct Dialer<'a> {
    pub(super) broker: &'a Broker,
    pub(super) config: &'a config::Net,
    pub(super) cutoff: &'a Arc<Cutoff>,
    /// Disconnects when the connection is not wanted any more.
    pub(super) stop: &'a Receiver<Infallible>,
}

impl Dialer<'_> {
    /// Resolves the broker's name.
    pub(super) fn resolve(&self, deadline: Instant) -> Result<Vec<SocketAddr>, Error> {
        resolve::addresses(self.broker, deadline, self.stop)
    }

    /// Connects to the first of these addresses that accepts.
    pub(super) fn connect_to_any(
        &self,
        addresses: &[SocketAddr],
        deadline: Instant,
    ) -> Result<Stream, Error> {
        let mut refusals = Vec::new();
        for (index, &address) in addresses.iter().enumerate() {
            // An address that swallows packets must leave time for those behind it.
            let share = addresses.len() - index;
            match self.connect(address, deadline, share) {
                Ok(stream) => return Ok(stream),
                Err(error) => refusals.push((address, error)),
            }
        }
        Err(Error::new(ErrorKind::Connect, CONTEXT).because(Unreachable(refusals)))
    }

    /// Connects within the first of `share` equal parts of the time that is left.
    fn connect(&self, address: SocketAddr, deadline: Instant, share: usize) -> io::Result<Stream> {
        let timeout = time_left(deadline)? / u32::try_from(share).unwrap_or(u32::MAX);
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        let stream = Stream::new(socket, self.cutoff)?;
        let socket = stream.socket();
        if let Some(local) = self.config.local_addr {
            socket.bind(&SocketAddr::new(local, 0).into())?;
        }
        if let Some(idle) = self.config.keep_alive {
            socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle).with_interval(idle))?;
        }
        // Requests are written whole: waiting for more only delays them.
        socket.set_tcp_nodelay(true)?;
        socket.connect_timeout(&address.into(), timeout)?;
        Ok(stream)
    }
}

const CONTEXT: &str = "connect";

/// What each of the addresses said.
#[derive(Debug)]
struct Unreachable(Vec<(SocketAddr, io::Error)>);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (address, error)) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{address}: {error}")?;
        }
        Ok(())
    }
}

impl error::Error for Unreachable {}
