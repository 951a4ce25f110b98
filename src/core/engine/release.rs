//! Giving the claims up in order: deliver no more, let the user finish, commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{Engine, Progress, claims::Stage};
use crate::{
    core::{ClaimId, commit},
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
    /// Claims whose handle is gone: nobody will mark what was dropped.
    waived: BTreeSet<ClaimId>,
    /// When a claim that is quiet will count as finished.
    quiet_until: Option<Instant>,
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

impl Release {
    fn new(now: Instant, until: Option<Instant>, deadline: Instant) -> Self {
        let latest = deadline - COMMIT_TIME.min((deadline.saturating_duration_since(now)) / 4);
        Self {
            until: until.map_or(latest, |at| at.min(latest)),
            deadline,
            step: Step::Finishing,
            quiet: BTreeMap::new(),
            waived: BTreeSet::new(),
            quiet_until: None,
        }
    }

    /// When the commit is waited for no longer.
    pub(super) fn limit(&self) -> Instant {
        self.deadline
    }

    pub(super) fn waive_dwell(&mut self, claim: ClaimId) {
        self.waived.insert(claim);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(match self.step {
            Step::Finishing => self.quiet_until.map_or(self.until, |at| at.min(self.until)),
            Step::Committing => self.deadline,
        })
    }

    /// Whether the user is finished with a claim: all is marked, or all is dropped and nothing has
    /// been marked or dropped for the dwell time.
    fn is_finished(&mut self, now: Instant, progress: &Progress, dwell: Duration) -> bool {
        if progress.all_marked {
            return true;
        }
        if progress.alive {
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
        let at = if self.waived.contains(&progress.claim) {
            *since
        } else {
            *since + dwell
        };
        if at > now {
            self.quiet_until = Some(self.quiet_until.map_or(at, |until| until.min(at)));
        }
        at <= now
    }
}

impl Engine {
    /// A rebalance asks for the claims.
    pub(super) fn release_for_rebalance(&mut self, now: Instant, deadline: Instant) {
        if self.closing.is_none() {
            self.begin_release(now, None, deadline);
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
        let mut release = Release::new(now, until, deadline);
        for id in self.claims.keys().copied().collect::<Vec<_>>() {
            if self.claims[&id].has_begun() {
                let dropped = matches!(
                    self.claims[&id].stage,
                    Stage::Dropped { .. } | Stage::Closed(_)
                );
                self.hold(id, Stage::Held);
                if dropped {
                    release.waive_dwell(id);
                }
            } else {
                self.end(id);
            }
        }
        self.release = Some(release);
        if self.claims.is_empty() {
            self.released(now);
        } else {
            self.observe();
        }
    }

    /// How far the users are.
    pub(super) fn observed(&mut self, now: Instant, progress: &[Progress]) {
        self.observing = false;
        for p in progress {
            self.reoffer(now, p);
        }
        if self.release.is_some() {
            self.observed_in_release(now, progress);
        } else if self.committer.is_due(now) {
            self.commit(now, progress);
        }
    }

    fn observed_in_release(&mut self, now: Instant, progress: &[Progress]) {
        let dwell = self.settings.dwell_time;
        // At a close nobody is left who could come back and mark what was dropped.
        let closing = self.closing.is_some();
        let Some(release) = &mut self.release else {
            return;
        };
        if release.step == Step::Finishing {
            release.quiet_until = None;
            let mut unfinished = Vec::new();
            for p in progress
                .iter()
                .filter(|p| self.claims.contains_key(&p.claim))
            {
                if !release.is_finished(now, p, dwell) && !(closing && !p.alive) {
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
            for claim in unfinished {
                self.report_unfinished(claim);
            }
        }
        if self.settings.commit.interval.is_none() {
            return self.released(now);
        }
        // One commit at a time: the one on its way may have older marks.
        if !self.committer.is_busy() && !self.commit(now, progress) {
            self.released(now);
        }
    }

    fn report_unfinished(&mut self, id: ClaimId) {
        if self.closing.is_some() {
            return;
        }
        if let Some(claim) = self.claims.get(&id) {
            let error = Error::new(ErrorKind::ReleaseTimedOut, "rebalance")
                .at_partition(&claim.topic, claim.partition);
            self.report(Some(id), error);
        }
    }

    /// Commits what is marked. False where there is nothing to commit, or no way to.
    fn commit(&mut self, now: Instant, progress: &[Progress]) -> bool {
        let items = progress.iter().filter(|p| p.dirty).filter_map(|p| {
            let claim = self.claims.get(&p.claim)?;
            let (next, metadata) = p.mark.clone();
            let topic = std::sync::Arc::clone(&claim.topic);
            Some(commit::Item {
                claim: p.claim,
                topic,
                partition: claim.partition,
                next,
                metadata,
            })
        });
        let items = items.collect();
        let session = self.group.session();
        match self.committer.snapshot(
            now,
            items,
            session.as_ref(),
            &self.cluster,
            &mut self.tokens,
        ) {
            Ok((token, call, timeout)) => {
                self.send_to_coordinator(token, call, timeout);
                true
            }
            Err(outcome) => {
                if let Some(commit::Outcome::Done(tickets, result)) = outcome {
                    self.actions
                        .push_back(super::Action::CommitDone(tickets, result));
                }
                false
            }
        }
    }

    /// A commit was answered: if it was awaited by a release, the marks are looked at once more.
    pub(super) fn release_commit_done(&mut self, now: Instant) {
        let Some(release) = &self.release else { return };
        if release.step == Step::Committing {
            if now >= release.deadline {
                self.released(now);
            } else {
                self.observe();
            }
        }
    }

    pub(super) fn release_timeout(&mut self, now: Instant) {
        let Some(release) = &self.release else { return };
        if now >= release.deadline {
            self.released(now);
        } else {
            self.observe();
        }
    }

    /// The claims are over; the membership goes on.
    fn released(&mut self, now: Instant) {
        self.release = None;
        self.end_all();
        if self.closing.is_some() {
            self.group.leave(now);
        } else {
            self.group.released(now);
        }
    }
}
