//! The claims: how they begin, and how a handle that is dropped is offered again.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Action, ChannelSize, Delivery, Engine, Gone, Opened, Progress};
use crate::{
    call::list_offsets::At,
    config::OutOfRange,
    core::{Channel, ChannelId, ClaimId},
    error::{Error, ErrorKind},
    wire::Uuid,
};

/// So many messages of a claim, or two channels full, may be out from the first one not acknowledged on: the memory for
/// telling which ones are is bounded by it, and one that was forgotten shows while the log is near.
const ACK_WINDOW: u64 = 65_536;

/// The first wait before a partition is claimed again, where that may go on for ever: its handle was
/// dropped, or the offset that was named for it is out of range. It doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

fn backoff(before: u32) -> Duration {
    FIRST_BACKOFF
        .saturating_mul(1 << before.min(16))
        .min(LONGEST_BACKOFF)
}

/// One turn at one partition.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) topic: Arc<str>,
    /// Tells the topic from another one of the same name; `None` where that is not known.
    pub(super) topic_id: Option<Uuid>,
    pub(super) partition: i32,
    pub(super) stage: Stage,
    /// How many messages were sent to the user.
    pub(super) sent: u64,
    /// How many of them come before the first one not acknowledged, where they are acknowledged
    /// one by one.
    first_unacked: Option<u64>,
    ack_room_reported: bool,
    /// Nobody will come back with a handle and mark what was dropped.
    pub(super) is_handle_gone: bool,
    /// How many handles of this partition were dropped in this generation.
    drops: u32,
    /// How many claims before this one, in a row, ended out of range with nothing delivered.
    resets: u32,
    /// Whether this partition was read in this generation before.
    pub(super) was_read: bool,
    /// Nobody has said that the log starts where the claim does.
    pub(super) is_start_assumed: bool,
    /// When the group's commit for it is to be renewed; `None` while there is none that was made for it.
    renew_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its start is being found out.
    Starting {
        /// Whether that start is committed though nobody marked it.
        commit_start: bool,
    },
    /// It delivers, from this offset on.
    Open(i64),
    /// It delivers no more: the claims are being released.
    Held(i64),
    /// Its handle was closed.
    Closed(i64),
    /// Its handle was dropped. It is to be offered again once the user has nothing of it in hand,
    /// but not before this time; `None` once that has come.
    Dropped { start: i64, at: Option<Instant> },
}

impl Claim {
    fn new(topic: &Arc<str>, topic_id: Option<Uuid>, partition: i32) -> Self {
        Self {
            topic: Arc::clone(topic),
            topic_id,
            partition,
            stage: Stage::Starting {
                commit_start: false,
            },
            sent: 0,
            first_unacked: None,
            ack_room_reported: false,
            is_handle_gone: false,
            drops: 0,
            resets: 0,
            was_read: false,
            is_start_assumed: false,
            renew_at: None,
        }
    }

    /// Another one at the same partition, in the same generation.
    pub(super) fn again(&self) -> Self {
        Self {
            drops: self.drops,
            was_read: self.was_read || self.has_begun(),
            ..Self::new(&self.topic, self.topic_id, self.partition)
        }
    }

    /// Whether it may be given so many messages more.
    ///
    /// What is in its channel, of this capacity, does not count against a user who acknowledges what is taken.
    pub(super) fn may_get(&self, count: usize, capacity: usize) -> bool {
        let out = |first: u64| self.sent + count as u64 - first;
        let window = ACK_WINDOW.max(2 * capacity as u64);
        matches!(self.stage, Stage::Open(_))
            && self.first_unacked.is_none_or(|first| out(first) <= window)
    }

    /// Whether the user has been given anything.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.stage, Stage::Starting { .. })
    }

    /// Whether the next step depends on what the user does with its messages.
    pub(super) fn awaits_progress(&self) -> bool {
        matches!(self.stage, Stage::Dropped { .. })
    }

    /// A wait that is over need not be waited for again.
    pub(super) fn expire(&mut self, now: Instant) {
        if let Stage::Dropped { at, .. } = &mut self.stage {
            *at = at.filter(|at| *at > now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Dropped { at, .. } => at,
            _ => None,
        }
    }
}

impl Engine {
    /// The group has given us these partitions: find out where to start.
    pub(super) fn begin_claims(&mut self, now: Instant, partitions: &BTreeMap<String, Vec<i32>>) {
        for (topic, numbers) in partitions {
            let topic = Self::topic(topic);
            let topic_id = self.cluster.last_topic_id(&topic);
            for &partition in numbers {
                let id = self.new_claim();
                let claim = Claim::new(&topic, topic_id, partition);
                self.claims.insert(id, claim);
                self.starts.add(id, &topic, partition);
            }
        }
        self.want_topics(now);
        // The leader of the group may know of partitions that we have not heard of yet.
        if self.lacks_leader() {
            self.cluster.refresh(now);
        }
    }

    /// Whether some claimed partition has no leader, as far as we know.
    pub(super) fn lacks_leader(&self) -> bool {
        let lacks = |c: &Claim| self.cluster.leader(&c.topic, c.partition).is_err();
        self.claims.values().any(lacks)
    }

    /// The group has no commit for this claim: where it starts is a matter of settings.
    pub(super) fn start_without_commit(&mut self, id: ClaimId) {
        let claim = self.claims.get(&id);
        let at = match claim.is_some_and(|c| self.has_appeared(&c.topic, c.partition)) {
            // Whatever was written before anybody could claim it would be lost.
            true => At::Oldest,
            false => self.settings.initial,
        };
        let commit_start = self.settings.commit_start;
        self.look_up_start(id, at, commit_start);
    }

    /// Whether this partition was not there when the consumer began.
    pub(super) fn has_appeared(&self, topic: &str, partition: i32) -> bool {
        self.first_seen
            .get(topic)
            .is_none_or(|first| partition >= first.partitions)
    }

    pub(super) fn look_up_start(&mut self, id: ClaimId, at: At, commit_start: bool) {
        let Some(claim) = self.claims.get_mut(&id) else {
            return;
        };
        claim.stage = Stage::Starting { commit_start };
        self.fetcher
            .look_up(id, &claim.topic, claim.partition, at, &self.cluster);
    }

    /// The group's commit, where the claim starts.
    pub(super) fn start_at_commit(
        &mut self,
        now: Instant,
        id: ClaimId,
        offset: i64,
        metadata: String,
    ) {
        self.renew_at(id, now + self.settings.commit.renewal_of_found());
        self.open(now, id, offset, metadata, false);
    }

    /// What is committed for the claim is in force.
    pub(super) fn committed(&mut self, now: Instant, id: ClaimId) {
        self.renew_at(id, now + self.settings.commit.renewal());
    }

    fn renew_at(&mut self, id: ClaimId, at: Instant) {
        if let Some(claim) = self.claims.get_mut(&id) {
            claim.renew_at = Some(at);
        }
    }

    /// Whether the claim's commit may be so old that the broker could come to drop it.
    pub(super) fn wants_renewal(&self, now: Instant, id: ClaimId) -> bool {
        let renew_at = self.claims.get(&id).and_then(|c| c.renew_at);
        renew_at.is_some_and(|at| at <= now)
    }

    /// The start that was looked up.
    pub(super) fn resolved(&mut self, now: Instant, id: ClaimId, offset: i64) {
        let Some(claim) = self.claims.get(&id) else {
            return;
        };
        let Stage::Starting { commit_start } = claim.stage else {
            unreachable!("offsets are looked up only for claims that start")
        };
        self.open(now, id, offset, String::new(), commit_start);
    }

    /// The claims whose handle was dropped, and that wait to be offered again.
    pub(super) fn dropped(&self) -> impl Iterator<Item = &Claim> {
        self.dropped.iter().map(|id| &self.claims[id])
    }

    /// The claim begins to deliver.
    pub(super) fn open(
        &mut self,
        now: Instant,
        id: ClaimId,
        start: i64,
        metadata: String,
        commit_start: bool,
    ) {
        let total = self.claims.len();
        let Some(claim) = self.claims.get_mut(&id) else {
            return;
        };
        let channel = self.settings.delivery.channel_of(id);
        if let Delivery::PerClaim(size) = self.settings.delivery {
            let capacity = ChannelSize::of_one_in(size, total);
            self.channels.insert(channel, Channel::new(capacity));
        }
        let capacity = self.channels[&channel].capacity();
        claim.stage = Stage::Open(start);
        self.actions.push_back(Action::Open(Opened {
            claim: id,
            channel,
            capacity,
            topic: Arc::clone(&claim.topic),
            topic_id: claim.topic_id,
            partition: claim.partition,
            start,
            metadata,
            commit_start,
        }));
        let topic = Arc::clone(&claim.topic);
        self.fetcher.read(
            id,
            (channel, capacity),
            &topic,
            (claim.partition, start),
            &self.cluster,
        );
        if commit_start {
            // Where the group has no place yet, it would lose what comes before its first commit.
            self.committer.hurry(now);
        }
    }

    /// Delivers no more to this claim; what the user has in hand may still be marked.
    pub(super) fn hold(&mut self, id: ClaimId, held: impl FnOnce(i64) -> Stage) {
        let Some(claim) = self.claims.get_mut(&id) else {
            return;
        };
        self.fetcher.remove(id);
        if let Stage::Open(start) | Stage::Closed(start) | Stage::Dropped { start, .. } =
            claim.stage
        {
            if matches!(claim.stage, Stage::Open(_)) {
                self.actions.push_back(Action::Hold(id));
            }
            claim.stage = held(start);
            match claim.awaits_progress() {
                true => self.dropped.insert(id),
                false => self.dropped.remove(&id),
            };
        }
    }

    /// The claim is over.
    pub(super) fn end(&mut self, id: ClaimId) {
        let Some(claim) = self.claims.remove(&id) else {
            return;
        };
        self.dropped.remove(&id);
        self.fetcher.remove(id);
        self.committer.forget(id);
        if let Some(channel) = self.channels.remove(&ChannelId::Of(id)) {
            self.fetcher.taken(id, channel.bytes());
        }
        if claim.has_begun() {
            self.actions.push_back(Action::End(id));
        }
    }

    /// All claims are over, at once.
    pub(super) fn end_all(&mut self) {
        self.starts.clear();
        for id in self.claims.keys().copied().collect::<Vec<_>>() {
            self.end(id);
        }
    }

    /// The log does not have the offset that is to be read.
    pub(super) fn out_of_range(&mut self, now: Instant, id: ClaimId, offset: i64, error: Error) {
        // What was assumed is nobody's place: nothing is to be left out, nor anybody asked.
        let claim = self.claims.get(&id);
        let is_assumed = claim.is_some_and(|claim| claim.is_start_assumed && claim.sent == 0);
        let at = match self.settings.out_of_range {
            _ if is_assumed => At::Oldest,
            OutOfRange::Oldest => At::Oldest,
            OutOfRange::Newest => At::Newest,
            OutOfRange::Error => {
                let outcomes = self.fetcher.stay_out_of_range(now, id, offset, error);
                self.fetch_outcomes(now, outcomes);
                return;
            }
        };
        self.report(Some(id), error);
        let Some(claim) = self.claims.get(&id) else {
            return;
        };
        let mut again = claim.again();
        if claim.sent == 0 {
            again.resets = claim.resets + 1;
        }
        // A broker that names an offset which it then refuses must not keep us busy.
        let wait = again.resets.checked_sub(2).map(backoff);
        self.end(id);
        let next = self.new_claim();
        self.claims.insert(next, again);
        // Committed even where starts are not: else the group would come back to the dead offset.
        self.look_up_start(next, at, self.settings.commit.interval.is_some());
        if let Some(wait) = wait {
            self.fetcher.wait_until(next, now + wait);
        }
    }

    /// The user acknowledges one by one and is so far.
    pub(super) fn acked(&mut self, id: ClaimId, first_unacked: u64) {
        if let Some(claim) = self.claims.get_mut(&id)
            && claim.first_unacked != Some(first_unacked)
        {
            claim.first_unacked = Some(first_unacked);
            claim.ack_room_reported = false;
            let channel = self.settings.delivery.channel_of(id);
            self.fetcher.acknowledged(id, channel);
        }
    }

    /// Claims that are given nothing because of what is not acknowledged: said once.
    pub(super) fn report_full_windows(&mut self, held_back: &[ClaimId]) {
        for id in held_back {
            let Some(claim) = self.claims.get_mut(id) else {
                continue;
            };
            if claim.first_unacked.is_some() && !claim.ack_room_reported {
                claim.ack_room_reported = true;
                let error = Error::new(ErrorKind::AckWindowFull, "deliver");
                let error = error.at_partition(&claim.topic, claim.partition);
                self.report(Some(*id), error);
            }
        }
    }

    /// The user's handle of a claim is gone.
    pub(super) fn handle_gone(&mut self, now: Instant, id: ClaimId, how: Gone) {
        let Some(claim) = self.claims.get_mut(&id) else {
            return;
        };
        if how == Gone::Panicked {
            let error = Error::new(ErrorKind::HandlerPanicked, "handle");
            let error = error.at_partition(&claim.topic, claim.partition);
            self.report(None, error);
        }
        let Some(claim) = self.claims.get_mut(&id) else {
            return;
        };
        claim.is_handle_gone |= how != Gone::Closed;
        if !matches!(claim.stage, Stage::Open(_)) {
            // It is being given up anyway: what is in hand need not be waited for as long.
            return self.observe_if_awaited();
        }
        if how == Gone::Closed {
            return self.hold(id, Stage::Closed);
        }
        let wait = backoff(claim.drops);
        claim.drops += 1;
        self.hold(id, |start| Stage::Dropped {
            start,
            at: Some(now + wait),
        });
    }

    /// Offers a dropped handle again once nothing of it is in hand any more.
    pub(super) fn reoffer(&mut self, now: Instant, progress: &Progress) {
        let Some(claim) = self.claims.get(&progress.claim) else {
            return;
        };
        let Stage::Dropped { start, at } = claim.stage else {
            return;
        };
        if at.is_some_and(|at| now < at) || (progress.alive && !progress.all_marked) {
            return;
        }
        if self
            .committer
            .is_on_its_way_beyond(progress.claim, progress.mark.0)
        {
            // Somebody has marked more than was taken. That counts if it gets through: a commit does not go back.
            return;
        }
        let again = Claim {
            renew_at: claim.renew_at,
            is_start_assumed: claim.is_start_assumed && claim.sent == 0,
            ..claim.again()
        };
        let (next, metadata) = progress.mark.clone();
        let start = next.max(start);
        self.end(progress.claim);
        let id = self.new_claim();
        self.claims.insert(id, again);
        // A mark that is not committed yet is the new claim's to commit.
        self.open(now, id, start, metadata, progress.dirty);
    }
}
