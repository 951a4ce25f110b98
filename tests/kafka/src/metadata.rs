//! What one broker thinks of its cluster, asked by a request written by hand.
//!
//! Kafka's clients hide which broker they ask and cache what it said; here each broker is to be asked, at
//! once and in any state. Metadata v0 is the one version that every release from 0.9 to 4.x answers.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{broker::POLL, cluster};

/// A local broker that does not answer within this is not up.
const ANSWER: Duration = Duration::from_secs(2);

/// The cluster as one broker sees it.
#[derive(Debug, Default)]
pub struct Metadata {
    /// The brokers alive: `host:port` by id.
    pub brokers: BTreeMap<i32, String>,
    /// The partitions of each topic by number.
    pub topics: BTreeMap<String, BTreeMap<i32, Partition>>,
}

/// One partition as a broker sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The broker that leads it; −1 for none.
    pub leader: i32,
    /// The brokers that hold it.
    pub replicas: Vec<i32>,
    /// Those of them that are up to date.
    pub in_sync: Vec<i32>,
}

impl Metadata {
    /// Asks one broker.
    pub fn ask(address: SocketAddr) -> io::Result<Self> {
        const METADATA_V0: [u8; 4] = [0, 3, 0, 0];
        const CORRELATION_ID: [u8; 4] = [0, 0, 0, 7];
        const NO_CLIENT_ID: [u8; 2] = [0xff, 0xff];
        const ALL_TOPICS: [u8; 4] = [0; 4];

        let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        let request = [
            &METADATA_V0[..],
            &CORRELATION_ID,
            &NO_CLIENT_ID,
            &ALL_TOPICS,
        ]
        .concat();
        stream.write_all(&[&(request.len() as u32).to_be_bytes()[..], &request].concat())?;

        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut response = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut response)?;
        let body = response
            .strip_prefix(&CORRELATION_ID)
            .ok_or(io::ErrorKind::InvalidData)?;
        Response { rest: body }.metadata()
    }
}

/// Waits until each of some brokers sees the cluster so, as long as there is hope of it.
pub(crate) fn await_on(
    brokers: &[SocketAddr],
    condition: impl Fn(&Metadata) -> bool,
    is_hope: impl Fn() -> bool,
) -> Result<(), String> {
    let deadline = Instant::now() + cluster::PATIENCE;
    for broker in brokers {
        loop {
            let answer = Metadata::ask(*broker);
            if answer.as_ref().is_ok_and(&condition) {
                break;
            }
            if Instant::now() > deadline || !is_hope() {
                return Err(format!("{broker} still says {answer:?}"));
            }
            thread::sleep(POLL);
        }
    }
    Ok(())
}

struct Response<'a> {
    rest: &'a [u8],
}

impl Response<'_> {
    fn metadata(mut self) -> io::Result<Metadata> {
        let mut metadata = Metadata::default();
        for _ in 0..self.i32()? {
            let (id, host, port) = (self.i32()?, self.string()?, self.i32()?);
            metadata.brokers.insert(id, format!("{host}:{port}"));
        }
        for _ in 0..self.i32()? {
            let (_error, name) = (self.i16()?, self.string()?);
            let mut partitions = BTreeMap::new();
            for _ in 0..self.i32()? {
                let (_error, number) = (self.i16()?, self.i32()?);
                let (leader, replicas, in_sync) = (self.i32()?, self.ids()?, self.ids()?);
                partitions.insert(
                    number,
                    Partition {
                        leader,
                        replicas,
                        in_sync,
                    },
                );
            }
            metadata.topics.insert(name, partitions);
        }
        Ok(metadata)
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.rest.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn i16(&mut self) -> io::Result<i16> {
        self.take().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> io::Result<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn string(&mut self) -> io::Result<String> {
        let mut bytes = vec![0; usize::from(self.i16()?.cast_unsigned())];
        self.rest.read_exact(&mut bytes)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }

    fn ids(&mut self) -> io::Result<Vec<i32>> {
        (0..self.i32()?).map(|_| self.i32()).collect()
    }
}
