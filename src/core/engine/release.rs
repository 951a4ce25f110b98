//! Giving the claims up in order: deliver no more, let the user finish, commit.

use std::{
    collections::BTreeMap,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Action, Engine, Progress, claims::Stage};
use crate::{
    core::{
        ClaimId,
        commit::{self, COORDINATOR_WAIT, Missing, Snapshot},
    },
    error::{Error, ErrorKind},
};

/// The claims are being given up.
#[derive(Debug)]
pub(super) struct Release {
    /// When users are waited for no longer.
    until: Instant,
    /// When the commit is waited for no longer.
    deadline: Instant,
    step: Step,
    /// For claims with nothing in hand: since when nothing has changed.
    quiet: BTreeMap<ClaimId, (u64, Instant)>,
    /// When a claim that is quiet will count as finished.
    quiet_until: Option<Instant>,
    /// Whether a commit was sent that is to be the last one.
    has_committed: bool,
    /// After a commit that failed: when to try again.
    retry_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The users are waited for.
    Finishing,
    /// The marks are to be committed, or are being committed.
    Committing,
}

/// The time kept for the last commit, out of the time for the release.
const COMMIT_TIME: Duration = Duration::from_secs(1);

/// What became of the wish to commit.
enum Commit {
    /// It is on its way.
    Sent,
    /// All is committed, or was refused.
    Nothing,
    /// There is no generation, or no group coordinator, to commit under.
    NoSession,
}

impl Release {
    fn new(now: Instant, until: Option<Instant>, deadline: Instant) -> Self {
        let latest = latest(now, deadline);
        Self {
            until: until.map_or(latest, |at| at.min(latest)),
            deadline,
            step: Step::Finishing,
            quiet: BTreeMap::new(),
            quiet_until: None,
            has_committed: false,
            retry_at: None,
        }
    }

    /// It has to be over by then.
    fn hasten(&mut self, now: Instant, deadline: Instant) {
        if deadline < self.deadline {
            self.deadline = deadline;
            self.until = self.until.min(latest(now, deadline));
        }
    }

    /// When the commit is waited for no longer.
    pub(super) fn limit(&self) -> Instant {
        self.deadline
    }

    /// Whether the commit is waited for no longer.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.deadline
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(match self.step {
            Step::Finishing => self.quiet_until.map_or(self.until, |at| at.min(self.until)),
            Step::Committing => self
                .retry_at
                .map_or(self.deadline, |at| at.min(self.deadline)),
        })
    }

    /// Whether the user is finished with a claim: all is marked, or all is dropped and nothing has
    /// been marked or dropped for the dwell time. Who commits by hand has that time for it, too.
    fn is_finished(
        &mut self,
        now: Instant,
        progress: &Progress,
        dwell: Duration,
        by_hand: bool,
    ) -> bool {
        if progress.all_marked && !(by_hand && progress.dirty) {
            return true;
        }
        if progress.alive && !progress.all_marked {
            self.quiet.remove(&progress.claim);
            return false;
        }
        let (changes, since) = self
            .quiet
            .entry(progress.claim)
            .or_insert((progress.changes, now));
        if *changes != progress.changes {
            (*changes, *since) = (progress.changes, now);
        }
        let at = *since + dwell;
        if at > now {
            self.quiet_until = Some(self.quiet_until.map_or(at, |until| until.min(at)));
        }
        at <= now
    }
}

/// How long users can be waited for at most, if all is to be over by the deadline.
fn latest(now: Instant, deadline: Instant) -> Instant {
    deadline - COMMIT_TIME.min(deadline.saturating_duration_since(now) / 4)
}

impl Engine {
    /// A rebalance asks for the claims. A close gives them up anyway, and now has no more time for it than others do.
    pub(super) fn release_for_rebalance(&mut self, now: Instant, deadline: Instant) {
        if self.closing.is_none() {
            self.begin_release(now, None, deadline);
        } else if let Some(release) = &mut self.release {
            release.hasten(now, deadline);
        }
    }

    /// Holds all claims. Users are waited for until `until`, the commit until `deadline`.
    pub(super) fn begin_release(
        &mut self,
        now: Instant,
        until: Option<Instant>,
        deadline: Instant,
    ) {
        self.starts.clear();
        for id in self.claims.keys().copied().collect::<Vec<_>>() {
            if self.claims[&id].has_begun() {
                self.hold(id, Stage::Held);
            } else {
                self.end(id);
            }
        }
        self.release = Some(Release::new(now, until, deadline));
        if self.claims.is_empty() {
            self.released(now);
        } else {
            self.observe();
        }
    }

    /// How far the users are.
    pub(super) fn observed(&mut self, now: Instant, mut progress: Vec<Progress>) {
        self.observing = false;
        if self.looks_too_early() {
            return self.observe();
        }
        for p in &mut progress {
            p.dirty |= self.committer.is_in_doubt(p.claim);
            self.reoffer(now, p);
        }
        if self.release.is_some() {
            self.observed_in_release(now, &progress);
        } else if self.committer.is_due(now) && !self.looks_too_early() {
            // Else something was offered again, and what is due is looked at once more.
            self.commit(now, &progress);
        }
    }

    /// Whether users and their claims have yet to hear of something that is known here.
    fn looks_too_early(&self) -> bool {
        use Action::{Committed, End, Hold, Open};
        let changes = |a: &Action| matches!(a, Open(_) | Hold(_) | End(_) | Committed { .. });
        self.actions.iter().any(changes)
    }

    fn observed_in_release(&mut self, now: Instant, progress: &[Progress]) {
        let dwell = self.settings.dwell_time;
        // At a close nobody is left who could come back and mark what was dropped.
        let closing = self.closing.is_some();
        let by_hand = self.settings.commit.interval.is_none();
        let Some(release) = &mut self.release else {
            return;
        };
        if release.step == Step::Finishing {
            release.quiet_until = None;
            let mut unfinished = Vec::new();
            for p in progress {
                let Some(claim) = self.claims.get(&p.claim) else {
                    continue;
                };
                let dropped_for_good = closing && !p.alive;
                let dwell = match claim.is_handle_gone {
                    true => Duration::ZERO,
                    false => dwell,
                };
                if !dropped_for_good && !release.is_finished(now, p, dwell, by_hand) {
                    unfinished.push(p.claim);
                }
            }
            if !unfinished.is_empty() && now < release.until {
                // Marks go on being committed meanwhile.
                if self.committer.is_due(now) {
                    self.commit(now, progress);
                }
                return;
            }
            release.step = Step::Committing;
            self.report_unfinished(unfinished);
        }
        self.observed_in_commit(now, progress, by_hand);
    }

    /// The users are finished: what they have marked is committed, or being committed.
    fn observed_in_commit(&mut self, now: Instant, progress: &[Progress], by_hand: bool) {
        // A commit that is to follow waits for it, for on two connections the older one could come second.
        let is_wanted = !by_hand || self.committer.is_awaited();
        let news = self.items(now, progress);
        let is_held_back = !by_hand && self.awaits_description(&news);
        let is_worth = self.committer.is_worth(now, news);
        let is_to_follow = is_held_back || (is_wanted && is_worth);
        if !is_to_follow && self.committer.drop_renewal() {
            self.pass_commit();
        }
        let busy = self.committer.is_busy();
        if by_hand && !busy && !self.committer.is_awaited() {
            if is_worth {
                self.committer.leave_marks();
            }
            return self.released(now);
        }
        let Some(release) = &mut self.release else {
            return;
        };
        let is_over = release.is_over(now);
        if is_over && (busy || is_to_follow) {
            return self.released_late(now);
        }
        // One commit at a time: the one on its way may have older marks. After a failure it waits,
        // unless somebody asks, who is to be told at once.
        let may_wait = !is_over && !self.committer.is_due(now);
        if busy || (may_wait && release.retry_at.is_some_and(|at| at > now)) {
            return;
        }
        release.retry_at = None;
        if !mem::replace(&mut release.has_committed, true) && self.closing.is_some() {
            self.committer.begin_tries();
        }
        match self.commit(now, progress) {
            Commit::Sent => {}
            // The next look follows the description.
            Commit::Nothing if is_held_back => self.cluster.refresh(now),
            Commit::Nothing => self.released(now),
            Commit::NoSession => {
                if let Some(release) = &mut self.release {
                    release.retry_at = Some(now + COORDINATOR_WAIT);
                }
            }
        }
    }

    /// Whether the group coordinator did not know the partition of one of these marks, and the cluster is about to be
    /// described, which will say whether there is any. Who knows that it is gone does not wait.
    fn awaits_description(&self, marks: &[commit::Item]) -> bool {
        marks.iter().any(|mark| {
            self.committer.awaits_description(mark)
                && self.cluster.has_partition(&mark.topic, mark.partition)
        })
    }

    /// Users who were not ready in time learn once that their marks come too late.
    fn report_unfinished(&mut self, claims: Vec<ClaimId>) {
        if self.closing.is_some() {
            return;
        }
        for id in claims {
            let Some(claim) = self.claims.get(&id) else {
                continue;
            };
            let error = Error::new(ErrorKind::ReleaseTimedOut, "rebalance")
                .at_partition(&claim.topic, claim.partition);
            self.report(Some(id), error);
        }
    }

    /// What is marked and not committed, and what is to be renewed.
    fn items(&self, now: Instant, progress: &[Progress]) -> Vec<commit::Item> {
        // No release waits for a commit that says nothing new: the next owner renews it.
        let may_renew = self.release.is_none();
        let items = progress.iter().filter_map(|p| {
            let is_renewal = !p.dirty;
            if is_renewal && !(may_renew && self.wants_renewal(now, p.claim)) {
                return None;
            }
            let claim = self.claims.get(&p.claim)?;
            let (next, metadata) = p.mark.clone();
            let topic = Arc::clone(&claim.topic);
            Some(commit::Item {
                claim: p.claim,
                topic,
                topic_id: claim.topic_id,
                partition: claim.partition,
                next,
                metadata,
                is_renewal,
            })
        });
        items.collect()
    }

    /// Commits what is marked.
    fn commit(&mut self, now: Instant, progress: &[Progress]) -> Commit {
        let items = self.items(now, progress);
        let session = self.group.session();
        let session = session.as_ref().ok_or(match self.group.has_generation() {
            true => Missing::Coordinator,
            false => Missing::Generation,
        });
        let (snapshot, told) = self
            .committer
            .snapshot(now, items, session, &mut self.tokens);
        if let Some((tickets, result)) = told.filter(|(tickets, _)| !tickets.is_empty()) {
            self.actions.push_back(Action::CommitDone(tickets, result));
        }
        match snapshot {
            Snapshot::Call(token, call, timeout) => {
                self.send_to_coordinator(token, call, timeout);
                Commit::Sent
            }
            Snapshot::Nothing => Commit::Nothing,
            Snapshot::NoSession => Commit::NoSession,
        }
    }

    /// Whether the last commit of a release is under way. It is tried again by a clock of its own, and a look
    /// at the marks before that time would change nothing.
    pub(super) fn is_last_commit(&self) -> bool {
        let release = self.release.as_ref();
        release.is_some_and(|release| release.step == Step::Committing)
    }

    /// A commit was given up. A close ends without it if it was to be the last one; a rebalance has time for others.
    pub(super) fn last_commit_failed(&mut self, now: Instant) {
        let Some(release) = &mut self.release else {
            return;
        };
        if self.closing.is_some() && release.has_committed {
            self.released(now);
        } else if release.step == Step::Committing {
            release.retry_at = Some(now + COORDINATOR_WAIT);
        }
    }

    /// A commit was answered: if a release waits for it, or a handle that is to be offered again, the marks are looked at
    /// once more.
    pub(super) fn commit_done(&mut self) {
        let retry_at = self.committer.retry_at();
        if let Some(release) = &mut self.release
            && release.step == Step::Committing
        {
            release.retry_at = release.retry_at.max(retry_at);
        }
        self.observe_if_awaited();
    }

    /// The commit is waited for no longer. What was marked and is not committed will be delivered
    /// again; who waits for it is told, and so is who closes.
    fn released_late(&mut self, now: Instant) {
        let error = match self.closing {
            Some(_) => ErrorKind::Timeout(self.settings.close_timeout),
            None => ErrorKind::RebalanceInProgress,
        };
        let error = Error::new(error, "commit");
        let hangs = self.committer.is_busy();
        if hangs {
            self.pass_commit();
        }
        self.committer.leave_marks();
        if let Some(outcome) = self.committer.abandon(&error) {
            self.commit_outcomes(now, vec![outcome]);
        }
        self.released(now);
        if let Some(closing) = &mut self.closing {
            closing.failure.get_or_insert(error);
        }
    }

    /// What follows does not wait behind the commit that is not answered.
    fn pass_commit(&mut self) {
        if let Some(session) = self.group.session() {
            self.actions
                .push_back(Action::Disconnect(session.coordinator));
        }
    }

    /// The claims are over; the membership goes on.
    pub(super) fn released(&mut self, now: Instant) {
        self.release = None;
        self.end_all();
        if let Some(closing) = &mut self.closing {
            closing.failure = self.committer.failure().cloned();
            self.leave(now);
        } else {
            self.group.released(now);
        }
    }
}
