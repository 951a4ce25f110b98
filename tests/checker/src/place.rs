//! One partition, as far as the log has been read: its records, its commits and its claims.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::RangeInclusive,
};

use crate::{
    claim::Turn,
    event::{By, Cause, Claim, Event, Member, Time},
    law::{Finding, Policy, Rules},
    ranges::Ranges,
};

/// So many events before one in question, and half as many behind it, tell enough.
pub(crate) const AROUND: usize = 16;

/// So many claims are remembered beyond those that something may still be told of.
const TURNS: usize = 64;

/// So long a grant is remembered for a claim that is not told of yet.
const GRANTS: Time = Time::from_secs(600);

/// A commit that was sent and not answered.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) member: Member,
    pub(crate) commit: u64,
    pub(crate) offset: i64,
    pub(crate) sent: Time,
}

/// A partition as its group coordinator last gave it to a member.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grant {
    pub(crate) generation: i32,
    pub(crate) at: Time,
}

#[derive(Debug, Default)]
pub(crate) struct Partition {
    /// Records that were acknowledged, or delivered.
    pub(crate) existing: Ranges,
    /// Those of them that must be delivered.
    pub(crate) owed: Ranges,
    pub(crate) removed: Ranges,
    pub(crate) delivered: Ranges,
    /// What claims have passed over, while nobody knew of records there.
    pub(crate) skipped: Vec<(Claim, RangeInclusive<i64>)>,
    /// Where the log starts, and where it started before.
    starts: VecDeque<(Time, i64)>,
    /// Where the log ended when a member came.
    pub(crate) came_at: BTreeMap<Member, i64>,

    /// Commits, each in force from its time on, the last one still.
    commits: VecDeque<(Time, Option<i64>)>,
    pub(crate) pending: Vec<Pending>,
    /// Commits that may have come into force, with the times at which they were sent.
    pub(crate) doubtful: Vec<(Time, i64)>,
    pub(crate) may_regress: bool,
    /// A commit ahead of the marks, or back, that is right if the next claim starts there by its policy.
    pub(crate) suspicion: Option<(i64, Finding)>,
    pub(crate) grants: BTreeMap<Member, Grant>,

    /// In the order in which they began.
    pub(crate) turns: VecDeque<Turn>,
    pub(crate) untold_starts: Vec<(Claim, i64)>,

    recent: VecDeque<(Time, Event)>,
}

impl Partition {
    pub(crate) fn log_start(&self) -> i64 {
        self.starts.back().map_or(0, |(_, offset)| *offset)
    }

    pub(crate) fn log_end(&self) -> i64 {
        let last = self.existing.last().max(self.removed.last());
        last.map_or(0, |last| last.saturating_add(1))
    }

    /// The lowest and the highest start of the log since a time.
    pub(crate) fn log_starts(&self, since: Time) -> RangeInclusive<i64> {
        let before = self.starts.iter().rposition(|(at, _)| *at <= since);
        let lowest = before.map_or(0, |index| self.starts[index].1);
        lowest..=self.log_start()
    }

    pub(crate) fn start_log_at(&mut self, at: Time, offset: i64) {
        let offset = offset.max(self.log_start());
        self.starts.push_back((at, offset));
        self.remove(i64::MIN..=offset - 1);
    }

    pub(crate) fn remove(&mut self, offsets: RangeInclusive<i64>) {
        self.owed.remove(offsets.clone());
        self.existing.remove(offsets.clone());
        self.skipped
            .retain(|(_, hole)| hole.start() < offsets.start() || hole.end() > offsets.end());
        self.removed.insert(offsets);
    }

    pub(crate) fn truncate(&mut self, offset: i64) {
        let lost = offset..=i64::MAX;
        self.existing.remove(lost.clone());
        self.owed.remove(lost.clone());
        self.removed.remove(lost.clone());
        self.delivered.remove(lost);
        if offset <= self.log_start() {
            self.starts.clear();
            self.removed = Ranges::default();
        }
    }

    pub(crate) fn in_force(&self) -> Option<i64> {
        self.commits.back().and_then(|(_, offset)| *offset)
    }

    /// What was in force at any time since then.
    pub(crate) fn in_force_since(&self, since: Time) -> impl Iterator<Item = Option<i64>> + '_ {
        let before = self.commits.iter().rposition(|(at, _)| *at <= since);
        let none = before.is_none().then_some(None);
        let rest = self.commits.range(before.unwrap_or(0)..);
        none.into_iter().chain(rest.map(|(_, offset)| *offset))
    }

    /// What was sent before a commit that has come into force cannot come into force any more.
    pub(crate) fn end_doubts(&mut self, sent: Time) {
        self.doubtful.retain(|(of, _)| *of > sent);
    }

    /// A commit comes into force; those are forgotten that were superseded before `keep`.
    pub(crate) fn commit(&mut self, at: Time, offset: i64, keep: Time) {
        if self.in_force() == Some(offset) {
            return;
        }
        self.commits.push_back((at, Some(offset)));
        // Those who were given the partition since may yet be told of what was in force then.
        let grants = self.grants.values().map(|grant| grant.at);
        let keep = grants
            .filter(|at| *at + GRANTS >= keep)
            .fold(keep, Time::min);
        while self.commits.get(1).is_some_and(|(since, _)| *since <= keep) {
            self.commits.pop_front();
        }
    }

    pub(crate) fn turn(&mut self, claim: Claim) -> Option<&mut Turn> {
        self.turns.iter_mut().rev().find(|turn| turn.claim == claim)
    }

    pub(crate) fn begin(&mut self, turn: Turn) {
        self.turns.push_back(turn);
        while self.turns.len() > TURNS {
            self.turns.pop_front();
        }
    }

    /// The claim of another member that began after this one and before `at`, in a later generation.
    pub(crate) fn later_claim(&self, claim: Claim, at: Time) -> Option<Claim> {
        let own = self.turns.iter().rposition(|turn| turn.claim == claim)?;
        let generation = self.turns[own].generation;
        let is_later = |turn: &&Turn| {
            let generations = generation.zip(turn.generation);
            turn.claim.member != claim.member
                && turn.at < at
                && !turn.is_stray
                && generations.is_none_or(|(own, other)| other > own)
        };
        let later = self.turns.range(own + 1..).find(is_later);
        later.map(|turn| turn.claim)
    }

    /// Takes back marks of a claim.
    pub(crate) fn reset(&mut self, claim: Claim, offset: i64) {
        if self.turn(claim).is_some_and(|turn| turn.reset(offset)) {
            self.may_regress = true;
        }
    }

    pub(crate) fn grant(&mut self, at: Time, member: Member, generation: i32) {
        self.grants.insert(member, Grant { generation, at });
    }

    /// Whether a member has had a claim in this generation.
    pub(crate) fn has_begun(&self, member: Member, generation: Option<i32>) -> bool {
        let mut turns = self.turns.iter().rev();
        let last = turns.find(|turn| turn.claim.member == member);
        last.is_some_and(|last| generation.is_some() && last.generation == generation)
    }

    /// Where a claim may start.
    pub(crate) fn allowed_starts(
        &self,
        claim: Claim,
        generation: Option<i32>,
        cause: Cause,
        since: Time,
        rules: &Rules,
    ) -> Vec<RangeInclusive<i64>> {
        // Who begins at 0 where that is gone comes to the oldest, as long as nothing leads to the newest from there.
        let without_a_look = (rules.out_of_range == Policy::Oldest).then_some(0..=0);
        match cause {
            Cause::Untold => Vec::new(),
            Cause::OutOfRange => {
                let by_policy = self.by_policy(rules.out_of_range, rules, claim.member, since);
                [by_policy].into_iter().chain(without_a_look).collect()
            }
            Cause::Reoffered => {
                let is_before =
                    |turn: &&Turn| turn.claim.member == claim.member && turn.claim != claim;
                let before = self.turns.iter().rev().find(is_before);
                let mark = before.map(Turn::committable);
                mark.map(|mark| mark..=mark).into_iter().collect()
            }
            Cause::Given => {
                let causes = [Cause::Assigned, Cause::Reoffered].into_iter();
                let starts = causes
                    .flat_map(|cause| self.allowed_starts(claim, generation, cause, since, rules));
                starts.collect()
            }
            Cause::Assigned => {
                let granted = self.grants.get(&claim.member);
                let granted = granted.filter(|grant| {
                    generation.is_none_or(|generation| generation == grant.generation)
                });
                // From the grant on nobody else can commit.
                let since = granted.map_or(since, |grant| grant.at);
                let in_force = self.in_force_since(since);
                let doubtful = self.doubtful.iter().map(|(_, offset)| *offset);
                let pending = self.pending.iter().map(|pending| pending.offset);
                let doubtful = doubtful.chain(pending).map(|offset| offset..=offset);
                let start_of = |offset: Option<i64>| match offset {
                    Some(offset) => offset..=offset,
                    None => self.by_policy(rules.initial, rules, claim.member, since),
                };
                let is_oldest = self.in_force().is_none() && rules.initial == Policy::Oldest;
                let without_a_look = without_a_look.filter(|_| is_oldest);
                let starts = in_force.map(start_of).chain(doubtful);
                starts.chain(without_a_look).collect()
            }
        }
    }

    fn by_policy(
        &self,
        policy: Policy,
        rules: &Rules,
        member: Member,
        since: Time,
    ) -> RangeInclusive<i64> {
        match policy {
            Policy::Oldest => self.log_starts(since),
            Policy::Newest if rules.read_committed => 0..=self.log_end(),
            Policy::Newest => {
                let came_at = self.came_at.get(&member).copied();
                came_at.unwrap_or(0)..=self.log_end()
            }
        }
    }

    /// A claim starts where the group says: a doubtful commit that it starts at has come into force.
    pub(crate) fn settle_doubts(&mut self, at: Time, start: i64) {
        let is_it = |offset: i64| offset == start;
        let is_doubtful = self.doubtful.iter().any(|(_, offset)| is_it(*offset))
            || self.pending.iter().any(|pending| is_it(pending.offset));
        if is_doubtful && self.in_force() != Some(start) {
            self.commits.push_back((at, Some(start)));
        }
    }

    /// Whether some claim that is not long over allows a commit; else the most that one allows.
    pub(crate) fn allowed_commit(
        &mut self,
        offset: i64,
        by: By,
        since: Time,
    ) -> Result<(), Option<i64>> {
        let mut most = None;
        // Until when the claim was the last one, or the last one of the member.
        let mut over_at = Time::MAX;
        for turn in self.turns.iter_mut().rev() {
            if matches!(by, By::Member(member) if member != turn.claim.member) {
                continue;
            }
            if over_at < since {
                break;
            }
            if turn.allows(offset) {
                return Ok(());
            }
            most = most.max(Some(turn.committable()));
            over_at = turn.at;
        }
        Err(most)
    }

    /// Whether a claim that is not told of yet may start there, by its policy.
    pub(crate) fn is_plausible_start(&self, offset: i64, since: Time, rules: &Rules) -> bool {
        let is_start = |policy| match policy {
            Policy::Oldest => self.log_starts(since).contains(&offset),
            Policy::Newest => offset <= self.log_end(),
        };
        is_start(rules.out_of_range) || (self.in_force().is_none() && is_start(rules.initial))
    }

    /// Behind the last record that must be delivered.
    pub(crate) fn owed_end(&self) -> i64 {
        self.owed.last().map_or(0, |last| last + 1)
    }

    /// Who joins at the newest offset owes nothing below its first claim.
    pub(crate) fn forgive_below(&mut self, start: i64) {
        self.owed.remove(i64::MIN..=start - 1);
    }

    /// Remembers an event, for findings.
    pub(crate) fn remember(&mut self, at: Time, event: &Event) {
        if self.recent.len() == AROUND {
            self.recent.pop_front();
        }
        self.recent.push_back((at, event.clone()));
    }

    pub(crate) fn recent(&self) -> Vec<(Time, Event)> {
        self.recent.iter().cloned().collect()
    }
}
