//! The judge: takes events, keeps what is needed of them, and accuses.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use crate::{
    claim::Turn,
    event::{By, Cause, Claim, Event, Member, Outcome, Place, Time},
    law::{Figures, Finding, Law, Policy, Rules},
    place::{AROUND, Partition, Pending},
    ranges::{Ranges, size},
    text::Names,
};

/// So many findings are kept. Who breaks one law for long breaks it often, and the first ones tell why.
const FINDINGS: usize = 100;

/// Judges one group.
#[derive(Debug)]
pub struct Checker {
    rules: Rules,
    names: Names,
    partitions: Vec<Partition>,
    /// Until when members may not know that somebody else has their partitions.
    excused: BTreeMap<Member, Time>,
    /// Whose process stands still.
    suspended: BTreeSet<Member>,
    findings: Vec<Finding>,
    /// Findings that still get events that follow.
    unfinished: Vec<usize>,
    figures: Figures,
    concluded: bool,
}

impl Checker {
    /// Begins, with nothing known.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            names: Names::default(),
            partitions: Vec::new(),
            excused: BTreeMap::new(),
            suspended: BTreeSet::new(),
            findings: Vec::new(),
            unfinished: Vec::new(),
            figures: Figures::default(),
            concluded: false,
        }
    }

    /// The number that stands for a partition.
    pub fn place(&mut self, topic: &str, partition: i32) -> Place {
        let place = self.names.place(topic, partition);
        self.make_room();
        place
    }

    /// The number that stands for a member.
    pub fn member(&mut self, name: &str) -> Member {
        self.names.member(name)
    }

    /// The names that places and members have.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A finding in words: what, where, and below it the events around, the one in question marked.
    pub fn explain(&self, finding: &Finding) -> String {
        let (topic, partition) = self.names.place_name(finding.place).unwrap_or(("?", -1));
        let mut text = format!(
            "{:?} at {} s, {topic}/{partition}: {}\n",
            finding.law,
            finding.at.as_secs_f64(),
            finding.what
        );
        for (at, event) in &finding.around {
            let mark = if *at == finding.at { '>' } else { ' ' };
            text += &format!("  {mark} {}\n", self.names.write(*at, event));
        }
        text
    }

    /// One event, or several, as a line of [text](crate::text).
    ///
    /// # Errors
    /// If that is no event.
    pub fn read(&mut self, line: &str) -> Result<(), String> {
        let (at, events) = self.names.read(line)?;
        self.make_room();
        for event in events {
            self.see(at, event);
        }
        Ok(())
    }

    fn make_room(&mut self) {
        let count = self.names.places();
        self.partitions.resize_with(count, Partition::default);
    }

    /// What was found so far, in the order of time.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What there was so far.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// The commit in force at a partition, as far as it is known.
    pub fn in_force(&self, place: Place) -> Option<i64> {
        self.partition(place).in_force()
    }

    /// The part of a partition's acknowledged records that was not delivered yet, by its first and last.
    pub fn lacking(&self, place: Place) -> Option<RangeInclusive<i64>> {
        let partition = self.partition(place);
        if partition.delivered.covers(&partition.owed) {
            return None;
        }
        let lacking = partition.owed.without(&partition.delivered);
        Some(lacking.first()?..=lacking.last()?)
    }

    /// Whether all acknowledged records are delivered, and committed.
    pub fn is_done(&self) -> bool {
        self.partitions.iter().all(|partition| {
            let is_committed = partition.in_force().unwrap_or(0) >= partition.owed_end();
            is_committed && partition.delivered.covers(&partition.owed)
        })
    }

    /// An event happens. Time never goes back by much: what is told late may be judged too mildly.
    pub fn see(&mut self, at: Time, event: Event) {
        if let Some(place) = event.place() {
            let partition = &mut self.partitions[place.0 as usize];
            partition.remember(at, &event);
            if !self.unfinished.is_empty() {
                self.follow_up(place, at, &event);
            }
        }
        match event {
            Event::Produced { place, offsets } => self.produced(at, place, offsets),
            Event::Removed { place, offsets } => self.partition_mut(place).remove(offsets),
            Event::LogStart { place, offset } => self.partition_mut(place).start_log_at(at, offset),
            Event::Truncated { place, offset } => self.partition_mut(place).truncate(offset),
            Event::Started { member } => self.started(member),
            Event::Died { member } => self.died(member),
            Event::Suspended { member } => {
                self.suspended.insert(member);
            }
            Event::Resumed { member } => {
                self.suspended.remove(&member);
                self.excuse(member, at + self.rules.resume_grace);
            }
            Event::Excused { member, until } => self.excuse(member, until),
            Event::Granted {
                place,
                member,
                generation,
            } => self.partition_mut(place).grant(at, member, generation),
            Event::Claimed {
                claim,
                generation,
                start,
                cause,
            } => self.claimed(at, claim, generation, start, cause),
            Event::Ended { claim } => {
                if let Some(turn) = self.partition_mut(claim.place).turn(claim) {
                    turn.ended = true;
                }
            }
            Event::Delivered { claim, offsets } => self.delivered(at, claim, offsets),
            Event::Garbled { claim, offset } => {
                let what = format!("the message at {offset} is not what was written there");
                self.accuse(Law::Content, at, claim.place, Some(claim), what);
            }
            Event::Marked { claim, offset } => {
                if let Some(turn) = self.partition_mut(claim.place).turn(claim) {
                    turn.mark(offset);
                }
            }
            Event::Acked { claim, offsets } => {
                if let Some(turn) = self.partition_mut(claim.place).turn(claim) {
                    turn.ack(offsets);
                }
            }
            Event::Reset { claim, offset } => self.partition_mut(claim.place).reset(claim, offset),
            Event::Sent {
                member,
                commit,
                place,
                offset,
            } => self.sent(at, member, commit, place, offset),
            Event::Answered {
                member,
                commit,
                place,
                outcome,
            } => self.answered(at, member, commit, place, outcome),
            Event::Committed { place, offset, by } => self.committed(at, place, offset, by),
        }
    }

    /// The end: faults are over, and there was time enough for all to be delivered and committed.
    pub fn conclude(&mut self, at: Time) {
        assert!(!self.concluded, "a log ends once");
        self.concluded = true;
        for index in 0..self.partitions.len() {
            let place = Place(index as u32);
            self.conclude_starts(at, place);
            let partition = self.partition_mut(place);
            if let Some((offset, finding)) = partition.suspicion.take() {
                // A claim that is given nothing may never be told of. It may have started there, if it
                // passes nothing over.
                let passes_over = partition.owed.first().is_some_and(|first| first < offset);
                if passes_over || !partition.turns.is_empty() {
                    self.report(finding);
                }
            }
            if let Some(lacking) = self.lacking(place) {
                let what = format!(
                    "records from {} to {} were acknowledged and never delivered",
                    lacking.start(),
                    lacking.end()
                );
                self.accuse(Law::Everything, at, place, None, what);
                continue;
            }
            let partition = self.partition(place);
            let (in_force, end) = (partition.in_force(), partition.owed_end());
            let commits_are_told = self.figures.commits > 0;
            if commits_are_told && in_force.unwrap_or(0) < end {
                let what = format!("all is delivered up to {end}, and {in_force:?} is committed");
                self.accuse(Law::Liveness, at, place, None, what);
            }
        }
    }

    fn partition(&self, place: Place) -> &Partition {
        &self.partitions[place.0 as usize]
    }

    fn partition_mut(&mut self, place: Place) -> &mut Partition {
        &mut self.partitions[place.0 as usize]
    }

    fn accuse(&mut self, law: Law, at: Time, place: Place, claim: Option<Claim>, what: String) {
        let finding = self.finding(law, at, place, claim, what);
        self.report(finding);
    }

    fn finding(
        &self,
        law: Law,
        at: Time,
        place: Place,
        claim: Option<Claim>,
        what: String,
    ) -> Finding {
        let around = self.partition(place).recent();
        Finding {
            law,
            at,
            place,
            claim,
            what,
            around,
        }
    }

    fn report(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS {
            self.unfinished.push(self.findings.len());
            self.findings.push(finding);
        }
    }

    fn follow_up(&mut self, place: Place, at: Time, event: &Event) {
        let findings = &mut self.findings;
        self.unfinished.retain(|index| {
            let Some(finding) = findings.get_mut(*index) else {
                return false;
            };
            if finding.place == place {
                finding.around.push((at, event.clone()));
            }
            finding.around.len() < AROUND + AROUND / 2
        });
    }

    fn excuse(&mut self, member: Member, until: Time) {
        let before = self.excused.entry(member).or_default();
        *before = until.max(*before);
    }

    fn started(&mut self, member: Member) {
        self.figures.members += 1;
        for partition in &mut self.partitions {
            partition.came_at.insert(member, partition.log_end());
        }
    }

    fn died(&mut self, member: Member) {
        for partition in &mut self.partitions {
            for turn in &mut partition.turns {
                turn.ended |= turn.claim.member == member;
            }
            let (lost, pending) = partition
                .pending
                .drain(..)
                .partition(|pending| pending.member == member);
            partition.pending = pending;
            let lost: Vec<Pending> = lost;
            let doubts = lost.iter().map(|pending| (pending.sent, pending.offset));
            partition.doubtful.extend(doubts);
        }
    }

    fn produced(&mut self, at: Time, place: Place, offsets: RangeInclusive<i64>) {
        self.figures.produced += size(&offsets);
        let partition = self.partition_mut(place);
        partition.owed.insert(offsets.clone());
        for range in partition.removed.within(offsets.clone()) {
            partition.owed.remove(range);
        }
        self.exist(at, place, offsets);
    }

    /// Records are known; who passed them over has left a hole.
    fn exist(&mut self, at: Time, place: Place, offsets: RangeInclusive<i64>) {
        let partition = self.partition_mut(place);
        partition.existing.insert(offsets.clone());
        for range in partition.removed.within(offsets.clone()) {
            partition.existing.remove(range);
        }
        let Partition {
            existing, skipped, ..
        } = partition;
        if skipped.is_empty() {
            return;
        }
        let is_record = |hole: &RangeInclusive<i64>| existing.within(hole.clone()).next().is_some();
        let found: Vec<_> = skipped
            .extract_if(.., |(_, hole)| is_record(hole))
            .collect();
        for (claim, hole) in found {
            let what = format!("{hole:?} was passed over, and there are records at {offsets:?}");
            self.accuse(Law::Successive, at, place, Some(claim), what);
        }
    }

    fn delivered(&mut self, at: Time, claim: Claim, offsets: RangeInclusive<i64>) {
        let place = claim.place;
        self.figures.deliveries += size(&offsets);
        let is_excused = self.is_excused(claim.member, at);
        let partition = self.partition_mut(place);
        let Some(turn) = partition.turn(claim) else {
            let what = format!("{offsets:?} is delivered under a claim that was not told of");
            self.accuse(Law::Generation, at, place, Some(claim), what);
            return;
        };
        let (next, repeats_from, ended) = (turn.next, turn.repeats_from, turn.ended);
        turn.deliver(offsets.clone());
        let repeated = partition.delivered.count_within(offsets.clone());
        let below = *offsets.start()..=repeats_from.saturating_sub(1).min(*offsets.end());
        let unduly = partition.delivered.within(below).next();
        let later = partition.later_claim(claim, at);
        partition.delivered.insert(offsets.clone());
        self.figures.repetitions += repeated;

        if *offsets.start() < next {
            let what = format!("{offsets:?} is delivered where {next} comes next");
            self.accuse(Law::Successive, at, place, Some(claim), what);
        }
        self.passed_over(at, claim, next..=offsets.start() - 1);
        self.exist(at, place, offsets.clone());
        if let Some(again) = unduly {
            let what = format!(
                "{again:?} was delivered before, and lies below {repeats_from}, which was in force"
            );
            self.accuse(Law::Twice, at, place, Some(claim), what);
        }
        if ended {
            let what = format!("{offsets:?} is delivered after the end of the claim");
            self.accuse(Law::Generation, at, place, Some(claim), what);
        } else if let Some(later) = later.filter(|_| !is_excused) {
            let what = format!("{offsets:?} is delivered while {later:?} has the partition");
            self.accuse(Law::Generation, at, place, Some(claim), what);
        }
    }

    fn is_excused(&self, member: Member, at: Time) -> bool {
        self.suspended.contains(&member) || self.is_put_out(member, at)
    }

    /// Whether a member was put out a short time ago, and cannot know.
    fn is_put_out(&self, member: Member, at: Time) -> bool {
        let until = self.excused.get(&member);
        until.is_some_and(|until| at < *until)
    }

    /// A claim goes on behind these offsets.
    fn passed_over(&mut self, at: Time, claim: Claim, hole: RangeInclusive<i64>) {
        if hole.is_empty() {
            return;
        }
        let partition = self.partition_mut(claim.place);
        let records = partition.existing.within(hole.clone()).next();
        if let Some(records) = records {
            let what = format!("{records:?} is passed over");
            self.accuse(Law::Successive, at, claim.place, Some(claim), what);
        } else {
            let mut unknown = Ranges::default();
            unknown.insert(hole);
            let unknown = unknown.without(&partition.removed);
            let holes = unknown.iter().map(|hole| (claim, hole));
            partition.skipped.extend(holes);
        }
    }

    fn claimed(
        &mut self,
        at: Time,
        claim: Claim,
        generation: Option<i32>,
        start: i64,
        cause: Cause,
    ) {
        self.figures.claims += 1;
        let since = at.saturating_sub(self.rules.told_late);
        let rules = self.rules;
        let is_put_out = self.is_put_out(claim.member, at);
        let partition = self.partition_mut(claim.place);
        let granted = partition.grants.get(&claim.member);
        let generation = generation.or(granted.map(|grant| grant.generation));
        let cause = match cause {
            Cause::Given if partition.has_begun(claim.member, generation) => Cause::Reoffered,
            cause => cause,
        };
        let allowed = partition.allowed_starts(claim, generation, cause, since, &rules);
        let repeats_from = match cause {
            // Where the policy says may be anywhere below.
            Cause::OutOfRange | Cause::Untold => i64::MIN,
            Cause::Assigned | Cause::Reoffered | Cause::Given => {
                let lowest = allowed.iter().map(|range| *range.start()).min();
                lowest.unwrap_or(i64::MIN)
            }
        };
        let is_allowed = allowed.iter().any(|range| range.contains(&start));
        let suspicion = partition.suspicion.take();
        if partition.turns.is_empty() && rules.initial == Policy::Newest && cause == Cause::Assigned
        {
            partition.forgive_below(start);
        }
        // Others start where the policy or their own mark says, whatever is in force.
        if matches!(cause, Cause::Assigned | Cause::Given) {
            partition.settle_doubts(at, start);
        }
        partition.may_regress = match cause {
            Cause::OutOfRange => partition.in_force() > Some(start),
            // The mark that it begins at may be one that was moved back, and is still to be committed.
            Cause::Reoffered | Cause::Given => partition.may_regress,
            Cause::Assigned | Cause::Untold => false,
        };
        let mut turn = Turn::new(claim, generation, at, start, repeats_from);
        turn.is_stray = is_put_out && generation.is_none();
        partition.begin(turn);
        if cause == Cause::Untold {
            partition.untold_starts.push((claim, start));
        }
        if let Some((_, finding)) = suspicion.filter(|(offset, _)| *offset != start) {
            self.report(finding);
        }
        if cause != Cause::Untold && !is_allowed {
            let what = format!("it starts at {start}, {cause}, and not at {allowed:?}");
            self.accuse(Law::Start, at, claim.place, Some(claim), what);
        }
    }

    /// Starts whose cause was not told must lie behind records that somebody was given.
    fn conclude_starts(&mut self, at: Time, place: Place) {
        let partition = self.partition_mut(place);
        let starts = std::mem::take(&mut partition.untold_starts);
        let first = partition.existing.first();
        let from_nowhere = |start: i64| {
            let follows = start == partition.log_start() || partition.delivered.contains(start - 1);
            !follows && first.is_some_and(|first| start > first)
        };
        let strange: Vec<_> = starts
            .into_iter()
            .filter(|(_, start)| from_nowhere(*start))
            .collect();
        for (claim, start) in strange {
            let what = format!("it starts at {start}, and what lies before was never delivered");
            self.accuse(Law::Start, at, place, Some(claim), what);
        }
    }

    fn sent(&mut self, at: Time, member: Member, commit: u64, place: Place, offset: i64) {
        let partition = self.partition_mut(place);
        partition.pending.push(Pending {
            member,
            commit,
            offset,
            sent: at,
        });
        let Some(turn) = partition
            .turns
            .iter_mut()
            .rev()
            .find(|t| t.claim.member == member)
        else {
            self.judge_commit(at, place, offset, By::Member(member));
            return;
        };
        let (claim, before) = (turn.claim, turn.sent.replace(offset));
        if before.is_some_and(|before| offset < before) {
            let what = format!("{offset} is committed after {before:?}");
            self.accuse(Law::Monotonic, at, place, Some(claim), what);
        }
        self.judge_commit(at, place, offset, By::Member(member));
    }

    fn answered(&mut self, at: Time, member: Member, commit: u64, place: Place, outcome: Outcome) {
        let keep = at.saturating_sub(self.rules.told_late);
        let partition = self.partition_mut(place);
        let is_it = |pending: &Pending| pending.member == member && pending.commit == commit;
        let Some(index) = partition.pending.iter().position(is_it) else {
            return;
        };
        let Pending { offset, sent, .. } = partition.pending.remove(index);
        // Whoever has claimed since has been told what was in force after this.
        let is_past = partition
            .turns
            .back()
            .is_some_and(|turn| turn.claim.member != member && turn.at > sent);
        match outcome {
            Outcome::Accepted if !is_past => {
                self.judge_order(at, place, offset, By::Member(member));
                let partition = self.partition_mut(place);
                partition.end_doubts(sent);
                partition.commit(at, offset, keep);
                self.figures.commits += 1;
            }
            Outcome::Accepted | Outcome::Refused => {}
            Outcome::Unanswered => partition.doubtful.push((sent, offset)),
        }
    }

    fn committed(&mut self, at: Time, place: Place, offset: i64, by: By) {
        // One accusation of a commit is enough.
        if self.judge_commit(at, place, offset, by) {
            self.judge_order(at, place, offset, by);
        }
        self.figures.commits += 1;
        let keep = at.saturating_sub(self.rules.told_late);
        let partition = self.partition_mut(place);
        partition.end_doubts(at);
        partition.commit(at, offset, keep);
    }

    /// Whether a commit is not ahead of the marks.
    fn judge_commit(&mut self, at: Time, place: Place, offset: i64, by: By) -> bool {
        let (rules, in_force) = (self.rules, self.partition(place).in_force());
        if by == By::Administrator || in_force == Some(offset) {
            return true;
        }
        let since = at.saturating_sub(rules.told_late);
        let partition = self.partition_mut(place);
        if let Err(most) = partition.allowed_commit(offset, by, since) {
            let what = format!("{offset} is committed, and the marks allow {most:?}");
            self.suspect(Law::NotAhead, at, place, offset, what);
            return false;
        }
        true
    }

    /// Whether a commit that comes into force is not behind the one before.
    fn judge_order(&mut self, at: Time, place: Place, offset: i64, by: By) {
        let partition = self.partition(place);
        let before = partition.in_force().filter(|before| offset < *before);
        if let Some(before) = before
            && !partition.may_regress
            && by != By::Administrator
        {
            let what = format!("{offset} is committed, and {before} was in force");
            self.suspect(Law::Monotonic, at, place, offset, what);
        }
        let partition = self.partition_mut(place);
        // A reason is good for one step back.
        partition.may_regress &= before.is_none();
        partition.may_regress |= by == By::Administrator;
    }

    /// Accuses of a commit, unless a claim that is not told of yet starts there for a good cause.
    fn suspect(&mut self, law: Law, at: Time, place: Place, offset: i64, what: String) {
        let (rules, since) = (self.rules, at.saturating_sub(self.rules.told_late));
        let finding = self.finding(law, at, place, None, what);
        let partition = self.partition_mut(place);
        if !partition.is_plausible_start(offset, since, &rules) {
            self.report(finding);
        } else if let Some((_, before)) = partition.suspicion.replace((offset, finding)) {
            self.report(before);
        }
    }
}
