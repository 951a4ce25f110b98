//! Faults, and the requests that were seen.

use std::time::Instant;

use crate::{
    protocol::ApiKey,
    testing::broker::{Cluster, Fault, FaultId, SeenRequest},
};

impl Cluster {
    /// From now on something goes wrong.
    pub fn inject(&mut self, fault: Fault) -> FaultId {
        self.faults.inject(fault)
    }

    /// A fault is over; answers that it held back go out.
    pub fn lift(&mut self, now: Instant, fault: FaultId) {
        self.faults.lift(fault);
        self.release_held(|held_by| held_by == fault);
        self.settle(now);
    }

    /// All faults are over.
    pub fn lift_all(&mut self, now: Instant) {
        self.faults.lift_all();
        self.release_held(|_| true);
        self.settle(now);
    }

    /// Whether a fault is in force and has requests left to go wrong.
    pub fn is_armed(&self, fault: FaultId) -> bool {
        self.faults.is_armed(fault)
    }

    /// How many requests of an API the brokers have seen.
    pub fn requests_seen(&self, api: ApiKey) -> u64 {
        self.requests.count(api)
    }

    /// The latest requests that the brokers have seen, the oldest first.
    pub fn requests(&self) -> impl Iterator<Item = &SeenRequest> {
        self.requests.latest()
    }
}
