//! Where a call goes.

use std::fmt;

/// A connection of its own: requests to one target are answered one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The broker.
    pub broker: Broker,
    /// Which of the connections to that broker.
    pub lane: Lane,
}

/// A broker and where it is to be reached. A broker that moves to another address is another target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Broker {
    /// Its node id; `None` for a bootstrap address, whose broker is not known yet.
    pub id: Option<i32>,
    /// Host name or address, resolved anew at each connect.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What a connection is for. A pending JoinGroup or a long poll must not delay anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Metadata, coordinator look-ups, list of offsets.
    Control,
    /// Membership and commits, to the group coordinator.
    Group,
    /// Fetches, to the leaders.
    Fetch,
}

/// Names the answer to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

impl Broker {
    /// `host:port`, as it may be given to connect to.
    pub fn address(&self) -> String {
        address(&self.host, self.port)
    }
}

/// `host:port`, with brackets where the host is an address of IPv6.
pub fn address(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "broker {id} ({})", self.address()),
            None => f.write_str(&self.address()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lane = match self.lane {
            Lane::Control => "control",
            Lane::Group => "group",
            Lane::Fetch => "fetch",
        };
        write!(f, "{} [{lane}]", self.broker)
    }
}
