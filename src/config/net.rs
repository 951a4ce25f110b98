use std::net::IpAddr;
use std::time::Duration;

/// Connections: `config.net` (Go: `Net`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Net {
    /// How long it may take to reach a broker: name resolution, connecting and the exchange of
    /// protocol versions together. A new client tries all its bootstrap addresses within one such
    /// time. For a request that may take less, as a heartbeat may, it is no more than that once the
    /// name is resolved.
    ///
    /// Default 30 s. Go: `Net.DialTimeout`; Java: `socket.connection.setup.timeout.ms` (KIP-601).
    pub dial_timeout: Duration,

    /// How long a broker may take to answer. When it has passed, the connection is closed and made anew.
    ///
    /// A fetch, which a broker holds on purpose, gets `consumer.max_wait_time` on top. What concerns the group has
    /// times that follow from the group's: JoinGroup and SyncGroup the rebalance timeout (the session timeout, where that is
    /// longer) and 5 s; the other calls of a member at most a third of the session timeout, reading and committing offsets
    /// at most half of it.
    ///
    /// Default 30 s. Go: `Net.ReadTimeout`; Java: `request.timeout.ms`.
    pub read_timeout: Duration,

    /// How long the system may take to accept the bytes of a request. When it has passed, the
    /// connection is closed and made anew.
    ///
    /// Default 30 s. Go: `Net.WriteTimeout`.
    pub write_timeout: Duration,

    /// TCP keep-alive: after how long without traffic the system probes a connection, between 1 s
    /// and 32,767 s, which is what Linux takes; the system counts in whole seconds. `None` sends
    /// no probes.
    ///
    /// Default `None`. Go: `Net.KeepAlive`.
    pub keep_alive: Option<Duration>,

    /// The local address that connections start from; `None` lets the system choose. Brokers of
    /// the other address family (IPv4, IPv6) cannot be reached from it.
    ///
    /// Default `None`. Go: `Net.LocalAddr`.
    pub local_addr: Option<IpAddr>,

    /// Replaces each bootstrap address by the canonical names of all the IP addresses behind it:
    /// for an alias that stands for the whole cluster.
    ///
    /// Default `false`. Go: `Net.ResolveCanonicalBootstrapServers`; Java: `client.dns.lookup` =
    /// `resolve_canonical_bootstrap_servers_only` (KIP-235).
    pub resolve_canonical_bootstrap_servers: bool,
}

impl Default for Net {
    fn default() -> Self {
        Self {
            dial_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            keep_alive: None,
            local_addr: None,
            resolve_canonical_bootstrap_servers: false,
        }
    }
}
