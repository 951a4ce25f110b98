//! Random schedules: whatever happens and in whatever order, each call is completed once.

use std::time::Duration;

use fastrand::Rng;

use crate::{
    call::Lane,
    protocol::{ApiKey, api_versions, heartbeat},
};

use super::{
    broker::{Broker, Peer, all_versions, beaten},
    client::{Client, target},
    dialing::Refusing,
};

/// Answers, is silent, closes, or talks nonsense, as chance has it.
fn moody(seed: u64, mut peer: Peer) {
    let mut rng = Rng::with_seed(seed);
    while let Some(asked) = peer.read() {
        match rng.u8(..20) {
            0 => return,
            1 => return peer.send(&[0, 0, 0]),
            2 => return peer.wait_for_end(),
            3 => peer.send(&[0, 0, 0, 5, 9, 9, 9, 9, 9]),
            _ if asked.header.api() == Some(ApiKey::ApiVersions) => {
                peer.answer::<api_versions::Request>(&asked, &all_versions());
            }
            _ => peer.answer::<heartbeat::Request>(&asked, &beaten(0)),
        }
    }
}

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn each_call_is_completed_exactly_once() {
    for seed in 0..20 {
        let broker = Broker::start(move |number, peer| moody(seed << 32 | number as u64, peer));
        let refusing = Refusing::new();
        let mut targets = vec![target(refusing.address)];
        for lane in [Lane::Control, Lane::Group, Lane::Fetch] {
            let mut to = target(broker.address);
            to.lane = lane;
            targets.push(to);
        }
        let mut client = Client::with(|config| config.net.dial_timeout = SHORT);
        let mut rng = Rng::with_seed(seed);
        let mut open = Vec::new();
        for _ in 0..200 {
            let to = &targets[rng.usize(..targets.len())];
            match rng.u8(..20) {
                0 => client.pool.disconnect(to),
                1 if !open.is_empty() => {
                    let token = open.swap_remove(rng.usize(..open.len()));
                    // Any result will do; that there is one at all is checked on the way.
                    let _ = client.result(token);
                }
                _ => open.push(client.send(to, SHORT)),
            }
        }
        let mut completed = client.rest();
        completed.sort_unstable();
        open.sort_unstable();
        assert_eq!(completed, open, "seed {seed}");
    }
}
