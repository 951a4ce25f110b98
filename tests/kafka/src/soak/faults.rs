//! What goes wrong, by a schedule that a seed determines. Four hands work at once, each on its own: one on the
//! brokers, one at a time, so that a majority of any three is always up; one on each half of the members; one on
//! the network.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::{
    SESSION, Topic,
    crew::Crew,
    diary::Diary,
    leaders,
    proxy::{Proxy, Silence, Way},
};
use crate::{Cluster, replicas};

/// How often each fault was done.
#[derive(Debug, Default)]
pub struct Counts {
    /// Brokers killed with SIGKILL.
    pub broker_kills: AtomicU64,
    /// Brokers stopped in order and started again.
    pub broker_restarts: AtomicU64,
    /// Brokers suspended.
    pub broker_suspensions: AtomicU64,
    /// Members killed with SIGKILL.
    pub member_kills: AtomicU64,
    /// Members that left in order and came again.
    pub member_restarts: AtomicU64,
    /// Members suspended for longer than their session.
    pub member_suspensions: AtomicU64,
    /// Links silenced, in one direction or both.
    pub silences: AtomicU64,
    /// Connections cut or left half open.
    pub cuts: AtomicU64,
    /// Elections and moves of replicas.
    pub moves: AtomicU64,
}

/// What the hands work on.
pub(crate) struct Stage<'a> {
    pub(crate) kafka: &'a Cluster,
    pub(crate) crew: &'a Crew<'a>,
    pub(crate) proxy: &'a Proxy,
    pub(crate) topics: &'a [Topic],
    pub(crate) group: &'a str,
    pub(crate) counts: &'a Counts,
    pub(crate) diary: &'a Diary,
    /// The group shall rebalance often: it hardly does while its coordinator dies all the time.
    pub(crate) is_gentle: bool,
    /// Disconnects when it is enough.
    pub(crate) enough: Receiver<()>,
}

impl Stage<'_> {
    /// Waits a while; false if it is enough.
    fn lasts(&self, millis: u64) -> bool {
        let result = self.enough.recv_timeout(Duration::from_millis(millis));
        result == Err(RecvTimeoutError::Timeout)
    }

    fn brokers(&self) -> i32 {
        self.kafka.bootstrap().len() as i32
    }

    /// The hand on the brokers. A gentle one lets them live for a while.
    pub(crate) fn trouble_brokers(&self, rng: &mut fastrand::Rng) {
        let rest = if self.is_gentle { 40_000 } else { 1_000 };
        while self.lasts(rng.u64(..rest)) {
            // Often the one that matters most.
            let broker = match rng.u8(..3) {
                // There may be none at the moment.
                0 => self.kafka.coordinator(self.group).max(1),
                _ => rng.i32(1..=self.brokers()),
            };
            match rng.u8(..10) {
                0..=6 => {
                    self.diary.note(format_args!("kill broker {broker}"));
                    self.kafka.kill(broker);
                    self.counts.broker_kills.fetch_add(1, Relaxed);
                    self.lasts(rng.u64(..3_000));
                    self.kafka.restart(broker);
                    self.diary.note(format_args!("broker {broker} is back"));
                }
                7 => {
                    self.diary.note(format_args!("restart broker {broker}"));
                    self.kafka.restart(broker);
                    self.diary.note(format_args!("broker {broker} is back"));
                    self.counts.broker_restarts.fetch_add(1, Relaxed);
                }
                _ => {
                    self.diary.note(format_args!("suspend broker {broker}"));
                    self.kafka.suspend(broker);
                    self.counts.broker_suspensions.fetch_add(1, Relaxed);
                    self.lasts(SESSION.as_millis() as u64 + rng.u64(..3_000));
                    self.diary.note(format_args!("resume broker {broker}"));
                    self.kafka.resume(broker);
                }
            }
            if rng.bool() {
                replicas::wait(self.kafka, Duration::from_secs(15));
            }
        }
    }

    /// A hand on some of the members. A gentle one mostly has them leave and come, for those who are killed or
    /// stand still have the others wait for them.
    pub(crate) fn trouble_members(
        &self,
        slots: Range<usize>,
        rng: &mut fastrand::Rng,
    ) -> Result<(), String> {
        let mut suspended: Vec<(Instant, usize)> = Vec::new();
        while self.lasts(rng.u64(..1_000)) {
            let due = suspended.extract_if(.., |(until, _)| *until <= Instant::now());
            due.for_each(|(_, slot)| self.crew.resume(slot));
            let slot = rng.usize(slots.clone());
            if suspended.iter().any(|(_, of)| *of == slot) {
                continue;
            }
            // Now and then the group has time to do without it.
            let absence = rng.u64(..3) * rng.u64(..2_000);
            let goes_in_order = self.is_gentle && rng.u8(..10) > 0;
            match rng.u8(..10) {
                _ if goes_in_order => {
                    self.crew.stop(slot)?;
                    self.counts.member_restarts.fetch_add(1, Relaxed);
                    self.crew.start(slot);
                }
                0..=2 => {
                    self.crew.kill(slot);
                    self.counts.member_kills.fetch_add(1, Relaxed);
                    self.lasts(absence);
                    self.crew.start(slot);
                }
                3..=7 => {
                    self.crew.stop(slot)?;
                    self.counts.member_restarts.fetch_add(1, Relaxed);
                    self.lasts(absence);
                    self.crew.start(slot);
                }
                _ => {
                    self.crew.suspend(slot);
                    self.counts.member_suspensions.fetch_add(1, Relaxed);
                    let time = SESSION + Duration::from_millis(rng.u64(500..6_000));
                    suspended.push((Instant::now() + time, slot));
                }
            }
            if let Some(name) = self.crew.lost().first() {
                return Err(format!("{name} has ended by itself"));
            }
        }
        for (_, slot) in suspended {
            self.crew.resume(slot);
        }
        Ok(())
    }

    /// The hand on the network, which also moves leaders and replicas.
    pub(crate) fn trouble_network(&self, rng: &mut fastrand::Rng) {
        while self.lasts(rng.u64(..4_000)) {
            let broker = (rng.u8(..4) > 0).then(|| rng.i32(1..=self.brokers()));
            let slot = (rng.u8(..4) > 0).then(|| rng.usize(..self.crew.size()));
            match rng.u8(..10) {
                0..=3 => {
                    let ways = [None, Some(Way::ToBroker), Some(Way::ToMember)];
                    let way = ways[rng.usize(..ways.len())];
                    self.diary.note(format_args!(
                        "silence broker {broker:?} member {slot:?} {way:?}"
                    ));
                    let number = self.proxy.silence(Silence { broker, slot, way });
                    self.counts.silences.fetch_add(1, Relaxed);
                    self.lasts(rng.u64(200..2 * SESSION.as_millis() as u64));
                    self.proxy.heal(number);
                    self.diary.note("heal");
                }
                4..=6 => {
                    self.diary
                        .note(format_args!("cut broker {broker:?} member {slot:?}"));
                    self.proxy.cut(broker, slot, rng.bool());
                    self.counts.cuts.fetch_add(1, Relaxed);
                }
                _ => {
                    let moved = leaders::shuffle(self.kafka, self.topics, self.diary, rng);
                    self.counts.moves.fetch_add(moved, Relaxed);
                }
            }
        }
    }
}
