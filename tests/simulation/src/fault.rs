//! What goes wrong.

use std::time::Duration;

use sarama_cluster::testing::{ApiKey, ErrorCode};

use crate::{
    network::{Way, Weather},
    odds::{any, pick, pick_ms, up_to},
    plan::BROKERS,
    variety,
};

/// Something that goes wrong. Whom it hits is a number that is taken modulo those who are there.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// A broker stops, and starts again after this.
    StopBroker(i32, Duration),
    /// A broker answers nothing for so long.
    CutOff(i32, Duration),
    /// A broker loses touch with the others for so long, and serves its clients as if nothing had changed.
    Isolate(i32, Duration),
    /// A partition gets another leader.
    MoveLeader(usize, i32),
    /// A partition has no leader for so long.
    TakeLeader(usize, Duration),
    /// The group gets another coordinator.
    MoveCoordinator(i32),
    /// The coordinator throws a member out.
    Evict(usize),
    /// Nothing gets through between a member and a broker, or some of them, for so long.
    Block(usize, Far, Way, Duration),
    /// The connections of a member are closed, and it does not hear of that.
    HalfOpen(usize),
    /// The network turns bad for so long.
    Storm(Weather, Duration),
    /// Some answers are errors.
    Refuse(ApiKey, ErrorCode, u32),
    /// Some requests are lost with their connections, before or after they were applied.
    Drop(ApiKey, bool, u32),
    /// Some answers are late.
    Delay(ApiKey, Duration, u32),
    /// A quota is used up: some fetches are put off.
    Throttle(Duration, u32),
    /// A member starts.
    Start,
    /// A member closes in order.
    Close(usize),
    /// A member's user closes and forgets what it has in hand.
    CloseAndForget(usize),
    /// A member is gone without a word.
    Kill(usize),
    /// The process of a member stands still for so long.
    Suspend(usize, Duration),
    /// Somebody asks for a commit, so many times.
    Commit(usize, u32),
    /// A topic gets one partition more.
    AddPartition(usize),
    /// A topic is deleted.
    Delete(usize),
    /// A topic is deleted, and comes again after this with so many partitions.
    Recreate(usize, i32, Duration),
    /// Retention removes a part of a log.
    Retain(usize, f64),
    /// The log cleaner removes records.
    Compact(usize, u32, bool),
}

/// The other end of a link.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Far {
    /// The group coordinator, whichever broker it is.
    Coordinator,
    Broker(i32),
    All,
}

/// What a seed can let go wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Menu {
    /// Members can be lost before they have committed where they start.
    pub(crate) loses_members: bool,
    /// Logs may lose their beginning.
    pub(crate) loses_records: bool,
    /// Topics can grow.
    pub(crate) grows_topics: bool,
    /// Topics can be deleted.
    pub(crate) deletes_topics: bool,
    /// Topics can be deleted and come again.
    pub(crate) recreates_topics: bool,
    /// Brokers can lose touch with the others.
    pub(crate) isolates_brokers: bool,
    /// Records can be removed from the middle.
    pub(crate) compacts: bool,
    /// Any API can fail, and with what seldom is answered.
    pub(crate) is_varied: bool,
}

/// What heals by itself, by the API that can answer it.
const PASSING: &[(ApiKey, ErrorCode)] = &[
    (
        ApiKey::FindCoordinator,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ),
    (ApiKey::JoinGroup, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
    (ApiKey::JoinGroup, ErrorCode::NOT_COORDINATOR),
    (ApiKey::JoinGroup, ErrorCode::UNKNOWN_MEMBER_ID),
    (ApiKey::SyncGroup, ErrorCode::REBALANCE_IN_PROGRESS),
    (ApiKey::SyncGroup, ErrorCode::NOT_COORDINATOR),
    (ApiKey::Heartbeat, ErrorCode::REBALANCE_IN_PROGRESS),
    (ApiKey::Heartbeat, ErrorCode::COORDINATOR_NOT_AVAILABLE),
    (ApiKey::OffsetCommit, ErrorCode::REQUEST_TIMED_OUT),
    (ApiKey::OffsetCommit, ErrorCode::REBALANCE_IN_PROGRESS),
    (ApiKey::OffsetCommit, ErrorCode::NOT_COORDINATOR),
    (ApiKey::OffsetFetch, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
    (ApiKey::OffsetFetch, ErrorCode::NOT_COORDINATOR),
    (ApiKey::ListOffsets, ErrorCode::LEADER_NOT_AVAILABLE),
    (ApiKey::Fetch, ErrorCode::NOT_LEADER_OR_FOLLOWER),
    (ApiKey::Metadata, ErrorCode::LEADER_NOT_AVAILABLE),
];

/// All that can fail, the group's behind the others.
const APIS: &[ApiKey] = &[
    ApiKey::ApiVersions,
    ApiKey::Metadata,
    ApiKey::ListOffsets,
    ApiKey::Fetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::SyncGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
];

const GROUP_APIS: &[ApiKey] = APIS.split_at(4).1;

impl Fault {
    pub(crate) fn any(rng: &mut fastrand::Rng, menu: Menu) -> Self {
        loop {
            let fault = Self::of_all(rng, menu);
            if menu.has(&fault) {
                return fault;
            }
        }
    }

    fn of_all(rng: &mut fastrand::Rng, menu: Menu) -> Self {
        let (refusals, apis) = match menu.is_varied {
            true => (variety::PASSING, APIS),
            false => (PASSING, GROUP_APIS),
        };
        let broker = rng.i32(1..=BROKERS);
        let whom = rng.usize(0..1_000);
        let longest = pick_ms(rng, [50, 1_000, 4_000, 12_000]);
        let span = up_to(rng, longest);
        let times = rng.u32(1..4);
        match rng.u32(0..35) {
            0 => Self::StopBroker(broker, span),
            1 => Self::CutOff(broker, span),
            2 | 3 => Self::MoveLeader(whom, broker),
            4 => Self::TakeLeader(whom, span),
            5 | 6 => Self::MoveCoordinator(broker),
            7 => Self::Evict(whom),
            8 | 9 => Self::Storm(Weather::bad(rng), span),
            10 | 11 => {
                let (api, code) = any(rng, refusals);
                Self::Refuse(api, code, times)
            }
            12 | 13 => Self::Drop(any(rng, apis), rng.bool(), times),
            14 => Self::Delay(any(rng, apis), span, times),
            15..=17 => Self::Start,
            18 => Self::Close(whom),
            19 => Self::CloseAndForget(whom),
            20 => Self::Kill(whom),
            21 => Self::Suspend(whom, span),
            22 => Self::Commit(whom, times),
            23 => Self::AddPartition(whom),
            24 if rng.bool() => Self::Delete(whom),
            24 | 25 => Self::Recreate(whom, rng.i32(1..=3), span),
            26 => Self::Retain(whom, rng.f64()),
            27..=29 => {
                let far = pick(rng, [Far::Coordinator, Far::Broker(broker), Far::All]);
                let way = pick(rng, [Way::ToBroker, Way::FromBroker, Way::Both]);
                Self::Block(whom, far, way, span)
            }
            30 => Self::HalfOpen(whom),
            31 | 32 => Self::Isolate(broker, span),
            33 => Self::Throttle(span, times),
            _ => Self::Compact(whom, rng.u32(2..5), rng.bool()),
        }
    }
}

impl Menu {
    fn has(self, fault: &Fault) -> bool {
        match fault {
            Fault::Kill(_) | Fault::Evict(_) | Fault::Suspend(..) | Fault::Block(..) => {
                self.loses_members
            }
            Fault::Retain(..) => self.loses_records,
            Fault::AddPartition(_) => self.grows_topics,
            Fault::Delete(_) => self.deletes_topics,
            Fault::Recreate(..) => self.recreates_topics,
            Fault::Isolate(..) => self.isolates_brokers,
            Fault::Compact(..) => self.compacts,
            _ => true,
        }
    }
}
