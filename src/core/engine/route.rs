//! Where answers go, and what the parts say.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use super::{Action, End, Engine, Notice, NoticeKind, claims::Claim};
use crate::{
    call::{Answer, Lane, Target, Token},
    core::{
        cluster::{Topic, Update},
        commit, fetch, group,
        reaction::{Reaction, reaction, reaction_to_failure},
        starts,
    },
    error::{Error, ErrorKind, Result},
    protocol::{ApiKey, ErrorCode},
};

impl Engine {
    /// Each part knows its own questions.
    pub(super) fn answer(&mut self, now: Instant, token: Token, result: Result<Answer>) {
        if self.cluster.is_waiting_for(token) {
            match self.cluster.answer(now, token, result) {
                Update::Described => self.described(now),
                Update::Named => self.report_absent_topics(),
                Update::Failed(None) => {}
                Update::Failed(Some(error)) => self.report(None, error),
                Update::Fatal(error) => self.fail(error),
            }
        } else if let Some(error) = self.failed_for_good(token, &result) {
            self.fail(error);
        } else if self.fetcher.is_waiting_for(token) {
            let outcomes = self.fetcher.answer(now, token, result, &self.cluster);
            self.fetch_outcomes(now, outcomes);
        } else if self.committer.is_waiting_for(token) {
            let outcomes = self
                .committer
                .answer(now, result.map(Answer::into_offset_commit));
            self.commit_outcomes(now, outcomes);
        } else if self.starts.is_waiting_for(token) {
            let outcomes = self
                .starts
                .answer(now, result.map(Answer::into_offset_fetch));
            self.start_outcomes(now, outcomes);
        } else {
            // The membership's, or too late for anyone.
            if matches!(result, Ok(Answer::FindCoordinator(_))) {
                self.cluster.heard();
            }
            self.group.answer(now, token, result);
        }
    }

    /// Why a call for the claims will never be answered. The membership judges its own calls, and a
    /// close goes on without them.
    fn failed_for_good(&self, token: Token, result: &Result<Answer>) -> Option<Error> {
        let is_for_claims = self.fetcher.is_waiting_for(token)
            || self.committer.is_waiting_for(token)
            || self.starts.is_waiting_for(token);
        let failure = result.as_ref().err()?;
        let is_fatal = reaction_to_failure(failure) == Reaction::Fatal;
        (is_for_claims && is_fatal && self.closing.is_none()).then(|| failure.clone())
    }

    /// There is a new description of the cluster.
    pub(super) fn described(&mut self, now: Instant) {
        self.tell_topics_apart(now);
        let outcomes = self.fetcher.leaders_changed(now, &self.cluster);
        self.fetch_outcomes(now, outcomes);
        let (cluster, claims) = (&self.cluster, &self.claims);
        self.committer.reconsider(|id| {
            let claim = claims.get(&id);
            claim.is_some_and(|c| cluster.is_described(&c.topic, c.partition))
        });
        if self.is_last_commit() {
            self.observe();
        }
        let leaderless = self.lacks_leader();
        self.cluster.look_again(now, leaderless);
        let cluster = &self.cluster;
        self.group
            .metadata_changed(now, &|topic| cluster.count(topic));
        let topics = self.subscribed_topics();
        if self.closing.is_none() {
            self.group.subscribe(now, topics.clone());
        }
        self.want_besides(now, topics);
        self.report_absent_topics();
        let described_at = self.cluster.updated_at();
        let wanted = &mut self.counts_wanted;
        let is_answer = |since: &mut Instant| described_at >= Some(*since);
        if wanted.take_if(is_answer).is_some() {
            self.group.counted(now);
        }
    }

    /// The topics named, and those that the patterns choose.
    fn subscribed_topics(&self) -> BTreeSet<String> {
        let named = self.settings.subscription.topics().iter().cloned();
        let chosen = self.cluster.topics().filter(|(name, topic)| {
            !topic.is_internal
                && topic.error == ErrorCode::NONE
                && self.settings.topics.select(name)
        });
        named
            .chain(chosen.map(|(name, _)| name.to_owned()))
            .collect()
    }

    /// The topics whose description is needed have changed.
    pub(super) fn want_topics(&mut self, now: Instant) {
        self.want_besides(now, self.subscribed_topics());
    }

    /// The same, where it is known which are subscribed to.
    fn want_besides(&mut self, now: Instant, subscribed: BTreeSet<String>) {
        let mut wanted = subscribed;
        wanted.extend(self.claims.values().map(|c| c.topic.to_string()));
        wanted.extend(self.group.watched().iter().cloned());
        self.cluster.want(now, wanted);
    }

    /// A named topic that does not exist, or may not be read, is reported once until it appears; what
    /// passes by itself, if it lasts. So is one that others of the group want, while this member leads the group: nobody
    /// is given what its leader does not see.
    fn report_absent_topics(&mut self) {
        let mut news = Vec::new();
        let named = self.settings.subscription.topics();
        // What the own patterns choose need not exist.
        let topics = &self.settings.topics;
        let is_own = |name: &String| named.binary_search(name).is_ok() || topics.select(name);
        let of_others = self.group.watched().iter().filter(|name| !is_own(name));
        let names: BTreeMap<&String, &str> = named
            .iter()
            .map(|name| (name, "topics"))
            .chain(of_others.map(|name| (name, "topics of the group")))
            .collect();
        self.absent.retain(|name| names.contains_key(name));
        for (name, context) in names {
            let code = self.cluster.trouble(name);
            let still_holds = |topic: &Topic| topic.error == ErrorCode::NONE;
            let passes = reaction(ApiKey::Metadata, code) == Reaction::Retry
                || self.cluster.topic(name).is_some_and(still_holds);
            let is_quiet =
                self.cluster.is_in_question(name) || (passes && !self.cluster.trouble_lasts());
            if code == ErrorCode::NONE {
                self.absent.remove(name);
            } else if !is_quiet && self.absent.insert(name.clone()) {
                news.push(
                    Error::broker_code(code, context)
                        .at_api(ApiKey::Metadata)
                        .at_topic(name),
                );
            }
        }
        for error in news {
            self.report(None, error);
        }
    }

    pub(super) fn group_action(&mut self, now: Instant, action: group::Action) {
        match action {
            group::Action::Send {
                token,
                to,
                call,
                timeout,
            } => {
                let to = match to {
                    group::Destination::Coordinator(target) => target,
                    group::Destination::AnyBroker { but } => Target {
                        broker: self.cluster.any_broker(|broker| {
                            but.as_ref() == Some(broker) || self.fetcher.keeps_waiting(broker, now)
                        }),
                        lane: Lane::Control,
                    },
                };
                self.actions.push_back(Action::Send {
                    to,
                    token,
                    call,
                    timeout,
                });
            }
            group::Action::Disconnect(target) => self.actions.push_back(Action::Disconnect(target)),
            group::Action::Watch => self.watch(now),
            group::Action::Rebalancing => self.rebalance_begins(now),
            group::Action::Assigned { partitions, .. } => self.assigned(now, &partitions),
            group::Action::Release { deadline } => {
                self.rebalance_begins(now);
                self.release_for_rebalance(now, deadline);
            }
            group::Action::Lost(error) => self.lost(now, error),
            group::Action::Report(error) => self.report(None, error),
            group::Action::Fatal(error) => self.fail(error),
            group::Action::Left => self.stop(),
        }
    }

    /// The group is told at once what is known, and what has changed since when the refresh has come.
    fn watch(&mut self, now: Instant) {
        self.want_topics(now);
        let cluster = &self.cluster;
        let is_known = |topic: &String| cluster.partition_count(topic).is_some();
        let watched = self.group.watched();
        let all_known = watched.iter().all(is_known);
        self.counts_wanted = (!watched.is_empty()).then_some(now);
        self.group
            .metadata_changed(now, &|topic| cluster.count(topic));
        if !all_known {
            self.cluster.refresh_now(now);
        } else if self.counts_wanted.is_some() {
            self.cluster.refresh(now);
        }
    }

    pub(super) fn rebalance_begins(&mut self, now: Instant) {
        // A topic that somebody else has just seen: who saw it later, when its own time came, would have the group rebalance
        // once more.
        if self.settings.topics.whitelist.is_some() {
            self.cluster.refresh(now);
        }
        if self.rebalancing.is_none() && self.closing.is_none() {
            let current = self.claimed();
            self.rebalancing = Some(current.clone());
            self.notify(NoticeKind::Start, &BTreeMap::new(), current);
        }
    }

    fn assigned(&mut self, now: Instant, partitions: &BTreeMap<String, Vec<i32>>) {
        if self.closing.is_some() {
            return;
        }
        assert!(
            self.claims.is_empty(),
            "the claims of a generation end before the next one begins"
        );
        let before = self.rebalancing.take().unwrap_or_default();
        self.committer.begin();
        self.begin_claims(now, partitions);
        self.notify(NoticeKind::Ok, &before, self.claimed());
    }

    /// The claims are void: somebody else may have them already.
    fn lost(&mut self, now: Instant, error: Error) {
        let before = self.rebalancing.take().unwrap_or_else(|| self.claimed());
        if self.claims.values().any(Claim::has_begun) {
            self.committer.leave_marks();
        }
        self.end_all();
        let was_releasing = self.release.take().is_some();
        if let Some(closing) = self.closing.as_mut().filter(|_| was_releasing) {
            // Marks that were to be committed never can be.
            closing.failure = Some(error.clone());
        }
        if let Some(outcome) = self.committer.abandon(&error) {
            self.commit_outcomes(now, vec![outcome]);
        }
        self.report(None, error);
        self.notify(NoticeKind::Error, &before, BTreeMap::new());
        if self.closing.is_some() {
            self.leave(now);
        }
    }

    /// All that is claimed.
    pub(super) fn claimed(&self) -> BTreeMap<String, Vec<i32>> {
        let mut all: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        for claim in self.claims.values() {
            all.entry(claim.topic.to_string())
                .or_default()
                .push(claim.partition);
        }
        all.values_mut()
            .for_each(|partitions| partitions.sort_unstable());
        all
    }

    fn notify(
        &mut self,
        kind: NoticeKind,
        before: &BTreeMap<String, Vec<i32>>,
        current: BTreeMap<String, Vec<i32>>,
    ) {
        let notice = match kind {
            NoticeKind::Start => Notice {
                kind,
                claimed: BTreeMap::new(),
                released: BTreeMap::new(),
                current,
            },
            NoticeKind::Ok | NoticeKind::Error => Notice {
                kind,
                claimed: without(&current, before),
                released: without(before, &current),
                current,
            },
        };
        self.actions.push_back(Action::Notify(notice));
    }

    pub(super) fn fetch_outcomes(&mut self, now: Instant, outcomes: Vec<fetch::Outcome>) {
        for outcome in outcomes {
            match outcome {
                fetch::Outcome::Resolved { claim, offset } => self.resolved(now, claim, offset),
                fetch::Outcome::OutOfRange {
                    claim,
                    offset,
                    error,
                } => self.out_of_range(now, claim, offset, error),
                fetch::Outcome::Report(claim, error) => self.report(Some(claim), error),
                fetch::Outcome::StaleMetadata => self.cluster.refresh(now),
                fetch::Outcome::Disconnect(target) => {
                    self.actions.push_back(Action::Disconnect(target));
                }
                fetch::Outcome::HighWatermark(claim, offset) => {
                    self.actions
                        .push_back(Action::HighWatermark { claim, offset });
                }
            }
        }
    }

    pub(super) fn start_outcomes(&mut self, now: Instant, outcomes: Vec<starts::Outcome>) {
        for outcome in outcomes {
            match outcome {
                starts::Outcome::Committed {
                    claim,
                    offset,
                    metadata,
                } => self.start_at_commit(now, claim, offset, metadata),
                starts::Outcome::Nothing(claim) => self.start_without_commit(claim),
                starts::Outcome::Report(claim, error) => {
                    self.report(claim, self.group.at_coordinator(error));
                }
                starts::Outcome::StaleMetadata => self.cluster.refresh(now),
                starts::Outcome::Heard { sent_at, code } => {
                    self.group.heard(now, sent_at, ApiKey::OffsetFetch, code);
                }
                starts::Outcome::Unheard { sent_at } => self.group.connection_failed(now, sent_at),
            }
        }
    }

    pub(super) fn commit_outcomes(&mut self, now: Instant, outcomes: Vec<commit::Outcome>) {
        for outcome in outcomes {
            match outcome {
                commit::Outcome::Committed(item) => {
                    let commit::Item {
                        claim,
                        next,
                        metadata,
                        ..
                    } = item;
                    self.committed(now, claim);
                    self.actions.push_back(Action::Committed {
                        claim,
                        next,
                        metadata,
                    });
                }
                commit::Outcome::Refused(item, error) => {
                    self.report(Some(item.claim), self.group.at_coordinator(error));
                }
                commit::Outcome::Done(tickets, result) => {
                    self.actions.push_back(Action::CommitDone(tickets, result));
                }
                commit::Outcome::Failed(error) => {
                    self.report(None, self.group.at_coordinator(error));
                    self.last_commit_failed(now);
                }
                commit::Outcome::StaleMetadata => self.cluster.refresh(now),
                commit::Outcome::Heard { sent_at, code } => {
                    self.group.heard(now, sent_at, ApiKey::OffsetCommit, code);
                }
                commit::Outcome::Unheard { sent_at } => self.group.connection_failed(now, sent_at),
            }
        }
        self.commit_done();
    }

    /// The end, because of an error that no retry heals.
    pub(super) fn fail(&mut self, error: Error) {
        let claimed = Some(self.claimed()).filter(|claimed| !claimed.is_empty());
        let before = self.rebalancing.take().or(claimed);
        self.end_all();
        if let Some(commit::Outcome::Done(tickets, result)) = self.committer.abandon(&error) {
            self.actions.push_back(Action::CommitDone(tickets, result));
        }
        self.report(None, error.clone());
        if let Some(before) = before {
            self.notify(NoticeKind::Error, &before, BTreeMap::new());
        }
        self.stopped = true;
        self.actions.push_back(Action::Stopped(End::Failed(error)));
    }

    /// The end, as it was wished for: the group was left, or there was nothing to leave.
    pub(super) fn stop(&mut self) {
        self.end_all();
        let closed = Error::new(ErrorKind::Closed, "close");
        if let Some(commit::Outcome::Done(tickets, result)) = self.committer.abandon(&closed) {
            self.actions.push_back(Action::CommitDone(tickets, result));
        }
        self.stopped = true;
        let failure = self.closing.take().and_then(|c| c.failure);
        self.actions
            .push_back(Action::Stopped(End::Closed(failure.map_or(Ok(()), Err))));
    }
}

/// What is in `all` and not in `but`.
fn without(
    all: &BTreeMap<String, Vec<i32>>,
    but: &BTreeMap<String, Vec<i32>>,
) -> BTreeMap<String, Vec<i32>> {
    let rest = |(topic, partitions): (&String, &Vec<i32>)| {
        let but = but.get(topic);
        let left: Vec<i32> = partitions
            .iter()
            .copied()
            .filter(|p| but.is_none_or(|b| b.binary_search(p).is_err()))
            .collect();
        (!left.is_empty()).then(|| (topic.clone(), left))
    };
    all.iter().filter_map(rest).collect()
}
