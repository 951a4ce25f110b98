//! Tells the checker what happens.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use checker::{By, Cause, Checker, Event, Policy, Rules};
use sarama_cluster::{
    config::{InitialOffset, IsolationLevel, OutOfRange},
    consumer::claim::Claim,
    testing::broker::Cluster,
    wire::Uuid,
};

use crate::{
    plan::Plan,
    topics::{Change, Place, Topic, Topics},
    user::{Deed, Seen},
};

/// The checker, and what is needed to speak to it.
#[derive(Debug)]
pub(crate) struct Judge {
    start: Instant,
    checker: Checker,
    sees_void: bool,
    initial: InitialOffset,
    out_of_range_at: OutOfRange,
    /// All topics there ever were.
    topics: BTreeMap<u32, Topic>,
    claims: BTreeMap<(u32, u64), Known>,
    /// How many commits of the cluster's list were told.
    commits: usize,
    /// Members that were told by a broker that their offset is not in a log.
    out_of_range: BTreeMap<(u32, Place), ()>,
    /// Since when each member knows of a topic.
    heard_of: BTreeMap<(u32, Uuid), Instant>,
    /// When each member sent its last commit.
    commit_sent: BTreeMap<u32, Instant>,
    /// Whether a commit names the id of its topic.
    commits_by_id: bool,
}

/// A claim, as it was told.
#[derive(Debug, Clone, Copy)]
struct Known {
    claim: checker::Claim,
    place: Place,
    is_over: bool,
}

/// What led to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lead {
    /// The group has told its commit.
    Commit,
    /// The leader of the partition has told an offset.
    Lookup,
    /// Something else.
    None,
}

/// More offsets than any log here has.
const ALL: std::ops::RangeInclusive<i64> = 0..=1 << 40;

impl Judge {
    pub(crate) fn new(start: Instant, plan: &Plan) -> Self {
        let style = &plan.style;
        let rules = Rules {
            initial: match style.initial {
                InitialOffset::Oldest => Policy::Oldest,
                InitialOffset::Newest => Policy::Newest,
            },
            out_of_range: match style.out_of_range {
                OutOfRange::Newest => Policy::Newest,
                OutOfRange::Oldest | OutOfRange::Error => Policy::Oldest,
            },
            read_committed: style.isolation == IsolationLevel::ReadCommitted,
            ..Rules::default()
        };
        Self {
            start,
            checker: Checker::new(rules),
            sees_void: style.isolation == IsolationLevel::ReadUncommitted,
            initial: style.initial,
            out_of_range_at: style.out_of_range,
            topics: BTreeMap::new(),
            claims: BTreeMap::new(),
            commits: 0,
            out_of_range: BTreeMap::new(),
            heard_of: BTreeMap::new(),
            commit_sent: BTreeMap::new(),
            commits_by_id: plan.commits_by_id(),
        }
    }

    pub(crate) fn checker(&self) -> &Checker {
        &self.checker
    }

    pub(crate) fn conclude(&mut self, now: Instant) {
        self.checker.conclude(now - self.start);
    }

    fn see(&mut self, now: Instant, event: Event) {
        self.checker.see(now - self.start, event);
    }

    /// The number of a place that is or was there. A topic that comes again is another one.
    fn place(&mut self, place: Place) -> checker::Place {
        let topic = &self.topics[&place.topic];
        let name = format!("{}#{}", topic.name, topic.number);
        self.checker.place(&name, place.partition)
    }

    pub(crate) fn created(&mut self, topic: &Topic) {
        self.topics.insert(topic.number, topic.clone());
    }

    pub(crate) fn deleted(&mut self, now: Instant, topic: &Topic) {
        for partition in 0..topic.partitions {
            let place = self.place(Place {
                topic: topic.number,
                partition,
            });
            let offsets = ALL;
            self.see(now, Event::Removed { place, offsets });
        }
    }

    pub(crate) fn changed(&mut self, now: Instant, at: Place, change: &Change) {
        let place = self.place(at);
        match *change {
            Change::Written { first, last } => {
                let offsets = first..=last;
                self.see(now, Event::Produced { place, offsets });
            }
            Change::Voided { first, last } if !self.sees_void => {
                let offsets = first..=last;
                self.see(now, Event::Removed { place, offsets });
            }
            Change::Voided { .. } => {}
            Change::Ended(offset) => {
                let offsets = offset..=offset;
                self.see(now, Event::Removed { place, offsets });
            }
        }
    }

    pub(crate) fn removed(&mut self, now: Instant, place: Place, offset: i64) {
        let place = self.place(place);
        let offsets = offset..=offset;
        self.see(now, Event::Removed { place, offsets });
    }

    pub(crate) fn log_starts_at(&mut self, now: Instant, place: Place, offset: i64) {
        let place = self.place(place);
        self.see(now, Event::LogStart { place, offset });
    }

    pub(crate) fn started(&mut self, now: Instant, member: u32) {
        let member = checker::Member(member);
        self.see(now, Event::Started { member });
    }

    pub(crate) fn died(&mut self, now: Instant, member: u32) {
        let member = checker::Member(member);
        self.see(now, Event::Died { member });
    }

    pub(crate) fn suspended(&mut self, now: Instant, member: u32) {
        let member = checker::Member(member);
        self.see(now, Event::Suspended { member });
    }

    pub(crate) fn resumed(&mut self, now: Instant, member: u32) {
        let member = checker::Member(member);
        self.see(now, Event::Resumed { member });
    }

    /// A member was put out, and cannot know.
    pub(crate) fn excused(&mut self, now: Instant, member: u32, until: Instant) {
        let (member, until) = (checker::Member(member), until - self.start);
        self.see(now, Event::Excused { member, until });
    }

    /// A broker has told a member that its offset is not in the log.
    pub(crate) fn out_of_range(&mut self, member: u32, place: Place) {
        self.out_of_range.insert((member, place), ());
    }

    /// A member has learnt which topics there are.
    pub(crate) fn heard_of(
        &mut self,
        now: Instant,
        member: u32,
        topics: impl Iterator<Item = Uuid>,
    ) {
        for id in topics {
            self.heard_of.entry((member, id)).or_insert(now);
        }
    }

    pub(crate) fn commit_sent(&mut self, now: Instant, member: u32) {
        self.commit_sent.insert(member, now);
    }

    pub(crate) fn begun(
        &mut self,
        now: Instant,
        member: u32,
        claim: &Arc<Claim>,
        lead: Lead,
        bounds: Option<(i64, i64)>,
        topics: &Topics,
    ) {
        let by_id = |topic: &&Topic| Some(topic.id) == claim.topic_id();
        let named = |topic: &&Topic| topic.name == **claim.topic();
        // Without an id it is the last one of that name.
        let topic = self.topics.values().find(by_id);
        let topic = topic.or_else(|| self.topics.values().rev().find(named));
        let topic = topic
            .expect("only topics that were there are claimed")
            .number;
        let place = Place {
            topic,
            partition: claim.partition(),
        };
        let number = claim.id().0;
        let told = checker::Claim {
            member: checker::Member(member),
            place: self.place(place),
            number,
        };
        let was_out_of_range = self.out_of_range.remove(&(member, place)).is_some();
        let in_force = self.checker.in_force(told.place);
        let named = self.topics[&topic].name.as_str();
        let is_first = self.topics.values().filter(|t| t.name == named).count() == 1;
        // Whatever some broker has said: the log that counts has the offset.
        let is_in_log = in_force
            .zip(bounds)
            .is_some_and(|(offset, (start, end))| (start..=end).contains(&offset));
        let is_present = topics.iter().any(|present| present.number == topic);
        let knew = |(of, _): &(u32, u64), known: &Known| *of == member && known.place == place;
        let is_new_to_it = !self.claims.iter().any(|(of, known)| knew(of, known));
        let cause = match lead {
            // It was told of a topic that has come again, and reads it from its start.
            Lead::None if is_new_to_it && !is_first && in_force.is_some() => Cause::OutOfRange,
            Lead::None if is_new_to_it && !is_first => Cause::Assigned,
            Lead::None => Cause::Reoffered,
            Lead::Lookup if is_first && is_in_log => Cause::Assigned,
            // A commit that was meant for a topic of before.
            Lead::Lookup if was_out_of_range || in_force.is_some() => Cause::OutOfRange,
            Lead::Lookup | Lead::Commit => Cause::Assigned,
        };
        let known = Known {
            claim: told,
            place,
            is_over: false,
        };
        self.claims.insert((member, number), known);
        let claimed = Event::Claimed {
            claim: told,
            generation: None,
            start: claim.start(),
            cause: if is_present { cause } else { Cause::Untold },
        };
        self.see(now, claimed);
        let skips = match cause {
            // Until the group's first commit gets through, somebody else may begin at a newer end.
            Cause::Assigned => lead == Lead::Lookup && self.initial == InitialOffset::Newest,
            Cause::OutOfRange => self.out_of_range_at == OutOfRange::Newest,
            Cause::Reoffered | Cause::Given | Cause::Untold => false,
        };
        if skips && claim.start() > 0 {
            let (place, offsets) = (told.place, 0..=claim.start() - 1);
            self.see(now, Event::Removed { place, offsets });
        }
    }

    pub(crate) fn ended(&mut self, now: Instant, member: u32, claim: &Arc<Claim>) {
        let known = self.claims.get_mut(&(member, claim.id().0));
        let known = known.expect("it was told of when it began");
        known.is_over = true;
        let claim = known.claim;
        self.see(now, Event::Ended { claim });
    }

    /// A user has done something.
    pub(crate) fn deeds(&mut self, now: Instant, member: u32, deeds: &[Deed]) {
        let mut run: Option<(Known, i64, i64)> = None;
        for deed in deeds {
            if let Deed::Took(seen) = deed {
                let known = self.claims[&(member, seen.claim)];
                self.look_into(now, known, seen);
                match &mut run {
                    Some((of, _, last)) if of.claim == known.claim && *last + 1 == seen.offset => {
                        *last += 1;
                    }
                    _ => {
                        self.delivered(now, run.replace((known, seen.offset, seen.offset)));
                    }
                }
                continue;
            }
            self.delivered(now, run.take());
            let (Deed::Took(seen) | Deed::Marked(seen) | Deed::Acked(seen) | Deed::Reset(seen)) =
                deed;
            let Known { claim, is_over, .. } = self.claims[&(member, seen.claim)];
            if is_over {
                // It comes too late to count for anything.
                continue;
            }
            let offset = seen.offset;
            let event = match deed {
                Deed::Marked(_) => Event::Marked { claim, offset },
                Deed::Acked(_) => Event::Acked {
                    claim,
                    offsets: offset..=offset,
                },
                Deed::Reset(_) => Event::Reset { claim, offset },
                Deed::Took(_) => unreachable!("dealt with above"),
            };
            self.see(now, event);
        }
        self.delivered(now, run);
    }

    fn delivered(&mut self, now: Instant, run: Option<(Known, i64, i64)>) {
        if let Some((Known { claim, .. }, first, last)) = run {
            let offsets = first..=last;
            self.see(now, Event::Delivered { claim, offsets });
        }
    }

    /// Whether a message is what was written.
    fn look_into(&mut self, now: Instant, known: Known, seen: &Seen) {
        let Known { claim, place, .. } = known;
        let offset = seen.offset;
        let is_right = seen.content.is_some_and(|content| {
            (content.topic, content.partition, content.offset)
                == (place.topic, place.partition, offset)
                && (self.sees_void || !content.is_void)
        });
        if !is_right {
            self.see(now, Event::Garbled { claim, offset });
        }
    }

    /// The group coordinator tells a member what is committed of these.
    pub(crate) fn granted(
        &mut self,
        now: Instant,
        member: u32,
        generation: i32,
        places: impl Iterator<Item = Place>,
    ) {
        for place in places {
            // It begins at what is committed, whatever its claim of before was told.
            self.out_of_range.remove(&(member, place));
            let (member, place) = (checker::Member(member), self.place(place));
            let granted = Event::Granted {
                place,
                member,
                generation,
            };
            self.see(now, granted);
        }
    }

    /// Looks what was committed. `of_the_past` are the commits of connections that are closed.
    pub(crate) fn look_at_commits(
        &mut self,
        now: Instant,
        cluster: &Cluster,
        topics: &Topics,
        of_the_past: bool,
    ) {
        let news: Vec<_> = cluster.commits().skip(self.commits).collect();
        self.commits += news.len();
        for commit in news {
            let member = member_of(&commit.client_id).expect("only members commit");
            let Some(topic) = topics.named(&commit.topic) else {
                continue;
            };
            let (topic, id) = (topic.number, topic.id);
            let partition = commit.partition;
            let place = self.place(Place { topic, partition });
            let offset = commit.offset;
            // What cannot be known cannot be respected: without its id a topic is taken for another
            // one of its name until some answer has shown the difference.
            let heard_of = self.heard_of.get(&(member, id));
            let knew = heard_of.is_some_and(|at| Some(at) < self.commit_sent.get(&member));
            let comes_again = |other: &Topic| other.number < topic && other.name == commit.topic;
            let is_blind = !knew && !self.commits_by_id && self.topics.values().any(comes_again);
            if is_blind && offset > 0 {
                let offsets = 0..=offset - 1;
                self.see(now, Event::Removed { place, offsets });
            }
            // Nor can anybody recall what was sent on a connection that is closed.
            let by = if of_the_past || is_blind {
                By::Administrator
            } else {
                By::Member(checker::Member(member))
            };
            self.see(now, Event::Committed { place, offset, by });
        }
    }

    /// Whether all is delivered and committed of what is there.
    pub(crate) fn is_done(&self) -> bool {
        self.checker.is_done()
    }
}

fn member_of(client_id: &str) -> Option<u32> {
    client_id.strip_prefix('m')?.parse().ok()
}
