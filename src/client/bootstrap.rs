//! The addresses to start from, and the first question to them.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::{
    call::{Broker, Call, Lane, Target, metadata},
    config::{Config, ConfigError},
    core::Tokens,
    error::{Error, ErrorKind, Result},
    net::{self, Completion, Pool},
};

/// Addresses to start from; at least one.
#[derive(Debug)]
pub(super) struct Bootstrap {
    brokers: Vec<Broker>,
}

/// How long one address may keep us waiting before the next one is asked, too.
const PATIENCE: Duration = Duration::from_millis(300);

impl Bootstrap {
    /// Reads `host:port` addresses; a host may be a name, an IPv4 address, or an IPv6 address in
    /// brackets.
    pub(super) fn parse<A: AsRef<str>>(addrs: impl IntoIterator<Item = A>) -> Result<Self> {
        let mut brokers = Vec::new();
        for addr in addrs {
            let addr = addr.as_ref().trim();
            let Some(broker) = parse(addr) else {
                let error = ConfigError::new(
                    "addrs",
                    addr,
                    "each address must be host:port, as in kafka-1:9092",
                );
                return Err(error.into());
            };
            if !brokers.contains(&broker) {
                brokers.push(broker);
            }
        }
        if brokers.is_empty() {
            let error = ConfigError::new(
                "addrs",
                "none",
                "there must be at least one address to start from",
            );
            return Err(error.into());
        }
        Ok(Self { brokers })
    }

    /// Replaces each address by the canonical names of all its addresses (KIP-235), for brokers
    /// behind one name whose certificates and principals bear their own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Resolve`] where none of the addresses stands for anything.
    pub(super) fn canonical(self, dial_timeout: Duration) -> Result<Self> {
        let deadline = Instant::now() + dial_timeout;
        let mut brokers: Vec<Broker> = Vec::new();
        let mut failure = None;
        for alias in &self.brokers {
            match net::canonical(alias, deadline) {
                Ok(found) => brokers.extend(found),
                Err(error) => failure = Some(error.doing("bootstrap")),
            }
        }
        let mut seen = HashSet::new();
        brokers.retain(|broker| seen.insert(broker.clone()));
        match failure {
            Some(error) if brokers.is_empty() => Err(error),
            _ => Ok(Self { brokers }),
        }
    }

    pub(super) fn brokers(&self) -> &[Broker] {
        &self.brokers
    }

    /// Asks for the description of the cluster: the next address when one fails or lets us wait.
    /// The first answer counts.
    pub(super) fn ask(
        &self,
        config: &Config,
        pool: &mut Pool,
        completions: &Receiver<Completion>,
        tokens: &mut Tokens,
    ) -> Result<metadata::Answer> {
        let deadline = Instant::now() + config.net.dial_timeout;
        let mut next = self.brokers.iter();
        let mut asked = 0;
        let silence = Error::new(ErrorKind::Timeout(config.net.dial_timeout), "bootstrap");
        let mut failure = silence.clone();
        loop {
            if let Some(broker) = next.next() {
                if asked == 0 {
                    failure = silence.clone().at_broker(broker);
                }
                let to = Target {
                    broker: broker.clone(),
                    lane: Lane::Control,
                };
                let ask = metadata::Ask {
                    topics: None,
                    allow_auto_topic_creation: config.metadata.allow_auto_topic_creation,
                };
                pool.send(
                    &to,
                    tokens.fresh(),
                    Call::Metadata(ask),
                    config.net.read_timeout,
                );
                asked += 1;
            } else if asked == 0 {
                return Err(failure);
            }
            let patience = if next.len() == 0 {
                deadline
            } else {
                deadline.min(Instant::now() + PATIENCE)
            };
            match completions.recv_deadline(patience) {
                Ok(Completion {
                    result: Ok(answer), ..
                }) => return Ok(answer.into_metadata()),
                Ok(Completion {
                    result: Err(error), ..
                }) => {
                    failure = error.doing("bootstrap");
                    asked -= 1;
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(_) => return Err(failure),
            }
        }
    }
}

fn parse(addr: &str) -> Option<Broker> {
    let (host, port) = addr.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (!host.is_empty()).then(|| Broker {
        id: None,
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_refused_by_name() {
        let good = Bootstrap::parse([
            "a:1",
            " b.example:9092 ",
            "[::1]:9093",
            "10.0.0.1:9094",
            "a:1",
        ])
        .unwrap();
        let hosts: Vec<_> = good
            .brokers()
            .iter()
            .map(|b| (b.host.as_str(), b.port))
            .collect();
        assert_eq!(
            hosts,
            [
                ("a", 1),
                ("b.example", 9092),
                ("::1", 9093),
                ("10.0.0.1", 9094)
            ]
        );
        let again = Bootstrap::parse(good.brokers().iter().map(Broker::address)).unwrap();
        assert_eq!(again.brokers(), good.brokers());
        for bad in [
            "",
            "a",
            "a:",
            ":1",
            "a:0",
            "a:65536",
            "::1:9092",
            "[::1:9092",
            "a:b",
        ] {
            let error = Bootstrap::parse([bad]).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Config, "{bad}");
            assert!(format!("{error:?}").contains("host:port"), "{error:?}");
        }
        assert!(Bootstrap::parse::<&str>([]).is_err());
    }
}
