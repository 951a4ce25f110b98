//! What one broker thinks of its cluster.
//!
//! Kafka's clients hide which broker they ask and cache what it said; here each broker is to be asked, at
//! once and in any state. Metadata v0 is the one version that every release from 0.9 to 4.x answers.

use std::{collections::BTreeMap, io, net::SocketAddr, thread, time::Instant};

use crate::{
    broker::POLL,
    by_hand::{self, Response},
    cluster,
};

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
        const METADATA_V0: [i16; 2] = [3, 0];
        const ALL_TOPICS: [u8; 4] = [0; 4];
        metadata(&mut by_hand::ask(address, METADATA_V0, &ALL_TOPICS)?)
    }

    /// The partitions that nobody leads, or whose replicas are not all in sync.
    pub(crate) fn incomplete(&self) -> impl Iterator<Item = &Partition> {
        let partitions = self.topics.values().flat_map(BTreeMap::values);
        partitions.filter(|one| one.leader <= 0 || one.in_sync.len() < one.replicas.len())
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

fn metadata(response: &mut Response) -> io::Result<Metadata> {
    let mut metadata = Metadata::default();
    for _ in 0..response.i32()? {
        let (id, host, port) = (response.i32()?, response.string()?, response.i32()?);
        metadata.brokers.insert(id, format!("{host}:{port}"));
    }
    for _ in 0..response.i32()? {
        let (_error, name) = (response.i16()?, response.string()?);
        let mut partitions = BTreeMap::new();
        for _ in 0..response.i32()? {
            let (_error, number) = (response.i16()?, response.i32()?);
            let (leader, replicas) = (response.i32()?, response.ids()?);
            let in_sync = response.ids()?;
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
