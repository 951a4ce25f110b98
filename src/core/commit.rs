//! Commits: one at a time, each a snapshot of the marks.

mod part;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use self::part::{Rest, Round};
use crate::{
    call::{Call, Token, Unfit, offset_commit},
    core::{
        Backoff, ByPartition, ClaimId, Tokens, group::Session, reaction::Reaction,
        reaction::reaction,
    },
    error::{Error, ErrorKind, Result},
    protocol::{ApiKey, ErrorCode},
    wire::Uuid,
};

/// When and how to commit.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The group.
    pub group_id: String,
    /// How often; `None`: only when told.
    pub interval: Option<Duration>,
    /// How long the broker keeps a commit; `None`: its default.
    pub retention: Option<Duration>,
    /// How often a commit is tried again before whoever asked for it is told.
    pub retry_max: u32,
    /// The same, for the last commit before a close.
    pub last_retry_max: u32,
    /// The first wait before it is tried again.
    pub retry_backoff: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// A commit that has not changed for so long is sent again. Brokers before 2.1 drop what is older than their
/// retention, a day at the least by default, also under a group that is alive (KIP-211); and so do all where a
/// retention is asked for.
const RENEWAL: Duration = Duration::from_secs(600);

impl Settings {
    /// How old a commit may become before it is sent again.
    pub fn renewal(&self) -> Duration {
        let retention = self.retention.unwrap_or(Duration::MAX);
        RENEWAL.min(retention / 8)
    }

    /// The same for one that a claim has found. How old it was, nobody says: a group that rebalances often has to
    /// come to renew it all the same.
    pub fn renewal_of_found(&self) -> Duration {
        self.renewal() / 10
    }
}

/// Names somebody who waits for a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// A mark to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The claim it was made in.
    pub claim: ClaimId,
    /// The claim's topic.
    pub topic: Arc<str>,
    /// The topic's id: that of the claim, for by now there may be another topic of that name.
    pub topic_id: Option<Uuid>,
    /// The claim's partition.
    pub partition: i32,
    /// The next offset to read.
    pub next: i64,
    /// The user's word for the next owner.
    pub metadata: String,
    /// Whether it says nothing new: it is in force, and is only to be kept from growing old.
    pub is_renewal: bool,
}

/// What follows from a look at the marks.
#[derive(Debug)]
pub enum Snapshot {
    /// This call is to be made.
    Call(Token, Call, Duration),
    /// There is nothing to commit, or nothing that has not been refused.
    Nothing,
    /// There is no generation, or no group coordinator, to commit under.
    NoSession,
}

/// What is missing for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The member is in no generation: a commit comes too late.
    Generation,
    /// The group coordinator is being looked for.
    Coordinator,
}

/// How soon to look whether there is a group coordinator again.
pub const COORDINATOR_WAIT: Duration = Duration::from_millis(100);

/// Who need not wait any longer, and for what result.
pub type Told = (Vec<Ticket>, Result<()>);

/// What became of a commit.
#[derive(Debug)]
pub enum Outcome {
    /// This mark is committed.
    Committed(Item),
    /// This mark is refused; said once.
    Refused(Item, Error),
    /// Whoever waited is told.
    Done(Vec<Ticket>, Result<()>),
    /// The whole commit failed, for now.
    Failed(Error),
    /// The description of the cluster is out of date.
    StaleMetadata,
    /// What the answer means to the membership.
    Heard {
        /// When the commit was sent.
        sent_at: Instant,
        /// What it was answered with.
        code: ErrorCode,
    },
    /// There was no answer at all.
    Unheard {
        /// When it was asked.
        sent_at: Instant,
    },
}

/// Sends the marks to the group coordinator.
#[derive(Debug)]
pub struct Committer {
    settings: Settings,
    in_flight: Option<InFlight>,
    /// Who waits for the next commit.
    waiting: Vec<Ticket>,
    /// Between the parts of a commit.
    round: Option<Round>,
    due: Option<Instant>,
    retry: Backoff,
    /// When what has failed is tried again; that is when it is due then.
    retry_at: Option<Instant>,
    /// Marks that the broker refuses.
    refused: BTreeMap<ClaimId, Refusal>,
    /// Claims whose last commit has no answer that says what became of it: it may be in force.
    doubtful: BTreeSet<ClaimId>,
    /// Why the last look at the marks has left one that is not committed, if it has.
    failure: Option<Error>,
    /// Whether claims have ended with marks that may not be committed, and nobody who asked was told.
    has_left_marks: bool,
    is_closing: bool,
    rng: fastrand::Rng,
}

/// A mark that the broker has refused.
#[derive(Debug)]
struct Refusal {
    next: i64,
    metadata: String,
    error: Error,
    at: Instant,
    /// How often in a row.
    times: u32,
    /// Whether there is a reason to try again before its time.
    again: bool,
}

impl Refusal {
    /// Whether it is worth another try where the cluster is described with the partition.
    fn may_pass(&self) -> bool {
        self.is_of_unknown() && self.times < UNKNOWN_MAX
    }

    fn is_of_unknown(&self) -> bool {
        // Where topics go by their ids, the second one says the same of them.
        matches!(
            self.error.code(),
            Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID)
        )
    }
}

/// So often a mark is tried for a partition that the group coordinator does not know, though there are descriptions
/// of the cluster that have it. One that has just started may not have heard of it.
const UNKNOWN_MAX: u32 = 5;

#[derive(Debug)]
struct InFlight {
    token: Token,
    sent_at: Instant,
    items: Vec<Item>,
    tickets: Vec<Ticket>,
    /// Why a mark that was looked at with them is not among them.
    refused: Option<Error>,
    /// What was left for the next one.
    rest: Rest,
    /// Claims that have ended since.
    over: BTreeSet<ClaimId>,
    /// Nobody waits for it, so there is nothing to try again.
    abandoned: bool,
}

impl InFlight {
    /// Whether it says nothing new, so that nobody cares what becomes of it.
    fn is_renewal(&self) -> bool {
        self.items.iter().all(|item| item.is_renewal)
    }
}

/// The longest wait between two tries.
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

impl Committer {
    /// Commits nothing until there is something.
    pub fn new(now: Instant, settings: Settings, seed: u64) -> Self {
        Self {
            due: settings.interval.map(|every| now + every),
            retry: Backoff::new(settings.retry_backoff, LONGEST_BACKOFF),
            retry_at: None,
            settings,
            in_flight: None,
            waiting: Vec::new(),
            round: None,
            refused: BTreeMap::new(),
            doubtful: BTreeSet::new(),
            failure: None,
            has_left_marks: false,
            is_closing: false,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Somebody wants all marks committed, now.
    pub fn ask(&mut self, now: Instant, ticket: Ticket) {
        self.waiting.push(ticket);
        self.be_due(now);
    }

    /// There is something that should not wait for its interval, where there is one.
    pub fn hurry(&mut self, now: Instant) {
        if self.settings.interval.is_some() {
            self.be_due(now);
        }
    }

    /// After a failure it is tried again in its time.
    fn be_due(&mut self, now: Instant) {
        if self.retry_at.is_none() {
            self.due = Some(now);
        }
    }

    /// Whether a snapshot of the marks is wanted.
    pub fn is_due(&self, now: Instant) -> bool {
        self.in_flight.is_none() && self.due.is_some_and(|at| at <= now)
    }

    /// When the next snapshot is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.due.filter(|_| self.in_flight.is_none())
    }

    /// After a failure: when to try again.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// A generation begins: what became of the marks of the one before is over.
    pub fn begin(&mut self) {
        self.failure = None;
        self.end_round();
    }

    /// The claims end with marks that may not be committed. Who commits by hand, and asks too late, is told.
    pub fn leave_marks(&mut self) {
        self.has_left_marks |= self.settings.interval.is_none();
    }

    /// From here on commits are the last ones.
    pub fn close(&mut self) {
        self.is_closing = true;
    }

    /// What follows has all its tries.
    pub fn begin_tries(&mut self) {
        self.retry.reset();
    }

    /// Why the last look at the marks has left one that is not committed, if it has.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Whether somebody waits for a commit that is not on its way yet.
    pub fn is_awaited(&self) -> bool {
        let round = self.round.as_ref();
        !self.waiting.is_empty() || round.is_some_and(|round| !round.tickets.is_empty())
    }

    /// Whoever waits for the rest of a commit waits for the next one.
    fn end_round(&mut self) {
        let tickets = self.round.take().map(|round| round.tickets);
        self.waiting.splice(0..0, tickets.unwrap_or_default());
    }

    /// Whether a commit is on its way.
    pub fn is_busy(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Whether a commit is on its way that would be ahead of this offset of the claim.
    pub fn is_on_its_way_beyond(&self, claim: ClaimId, next: i64) -> bool {
        let mut items = self.in_flight.iter().flat_map(|flight| &flight.items);
        items.any(|item| item.claim == claim && item.next > next)
    }

    /// Whether it is not known what is in force for this claim. Then a mark is worth a commit though nothing
    /// seems to have changed: a reset has to undo what the last commit may have done.
    pub fn is_in_doubt(&self, claim: ClaimId) -> bool {
        self.doubtful.contains(&claim)
    }

    /// The claim is over.
    pub fn forget(&mut self, claim: ClaimId) {
        self.settled(claim);
        if let Some(flight) = &mut self.in_flight {
            flight.over.insert(claim);
        }
    }

    /// What is in force for the claim is known, and good.
    fn settled(&mut self, claim: ClaimId) {
        self.refused.remove(&claim);
        self.doubtful.remove(&claim);
    }

    /// Of these marks, those that are worth a commit, and why another one is not: it was refused. It is worth one
    /// again when it would be time to renew it.
    fn worth(&self, now: Instant, items: Vec<Item>) -> (Vec<Item>, Option<Error>) {
        let renewal = self.settings.renewal();
        let is_over = |r: &Refusal| r.again || now.duration_since(r.at) >= renewal;
        let refusal = |i: &Item| self.refusal_of(i).filter(|refusal| !is_over(refusal));
        let mut why = None;
        let worth = items.into_iter().filter(|item| {
            let Some(refusal) = refusal(item) else {
                return true;
            };
            if !item.is_renewal {
                why.get_or_insert_with(|| refusal.error.clone());
            }
            false
        });
        (worth.collect(), why)
    }

    fn refusal_of(&self, item: &Item) -> Option<&Refusal> {
        let refusal = self.refused.get(&item.claim)?;
        (refusal.next == item.next && refusal.metadata == item.metadata).then_some(refusal)
    }

    /// The cluster was described anew; of these claims the partitions are there.
    pub fn reconsider(&mut self, is_there: impl Fn(ClaimId) -> bool) {
        for (claim, refusal) in &mut self.refused {
            refusal.again |= refusal.may_pass() && is_there(*claim);
        }
    }

    /// Whether this mark was refused, and is tried again when a description of the cluster has its partition.
    pub fn awaits_description(&self, item: &Item) -> bool {
        self.refusal_of(item).is_some_and(Refusal::may_pass)
    }

    /// The marks at this moment. Gives the call to make, and who need not wait for it.
    pub fn snapshot(
        &mut self,
        now: Instant,
        items: Vec<Item>,
        session: std::result::Result<&Session, Missing>,
        tokens: &mut Tokens,
    ) -> (Snapshot, Option<Told>) {
        assert!(self.in_flight.is_none(), "one commit at a time");
        self.due = self.settings.interval.map(|every| now + every);
        self.retry_at = None;
        let (mut items, mut refused) = self.worth(now, items);
        let is_new = items.iter().any(|item| !item.is_renewal);
        if is_new && session == Err(Missing::Coordinator) {
            // Who asks waits for it, too; not longer than for the generation's end.
            self.due = Some(now + COORDINATOR_WAIT);
            return (Snapshot::NoSession, None);
        }
        if let Some(round) = &mut self.round {
            refused = round.refused.take().or(refused);
        }
        let goes_on = |round: &mut Round| items.iter().any(|item| round.lacks(item));
        let mut tickets = if let Some(round) = self.round.take_if(goes_on) {
            items.retain(|item| item.is_renewal || round.lacks(item));
            // Who has come since waits for what has been marked since, which may be in a part that is behind us.
            if self.is_awaited() {
                self.due = Some(now);
            }
            round.tickets
        } else {
            self.end_round();
            std::mem::take(&mut self.waiting)
        };
        let mut told = None;
        if !is_new {
            self.retry.reset();
            self.failure.clone_from(&refused);
            told = Some(self.verdict(std::mem::take(&mut tickets), refused.clone()));
        }
        let session = match session {
            Ok(session) if !items.is_empty() => session,
            Err(_) if is_new => {
                if !self.is_closing {
                    self.retry.reset();
                }
                let error = too_late();
                self.failure = Some(error.clone());
                tickets.append(&mut self.waiting);
                self.has_left_marks &= tickets.is_empty();
                return (Snapshot::NoSession, Some((tickets, Err(error))));
            }
            _ => return (Snapshot::Nothing, told),
        };
        let rest = part::cut(&mut items, &self.settings.group_id);
        for item in &items {
            // Who comes back to a mark that was refused before has moved it.
            if self.refusal_of(item).is_none() {
                self.refused.remove(&item.claim);
            }
        }
        let ask = offset_commit::Ask {
            group_id: self.settings.group_id.clone(),
            generation: session.generation,
            member_id: session.member_id.clone(),
            instance_id: session.instance_id.clone(),
            retention_ms: self.settings.retention.map(|r| r.as_millis() as i64),
            partitions: items
                .iter()
                .map(|i| offset_commit::Partition {
                    topic: i.topic.to_string(),
                    topic_id: i.topic_id,
                    partition: i.partition,
                    offset: i.next,
                    leader_epoch: None,
                    metadata: i.metadata.clone(),
                })
                .collect(),
        };
        let news = items.iter().filter(|i| !i.is_renewal);
        self.doubtful.extend(news.map(|i| i.claim));
        let token = tokens.fresh();
        self.in_flight = Some(InFlight {
            token,
            sent_at: now,
            items,
            tickets,
            refused,
            rest,
            over: BTreeSet::new(),
            abandoned: false,
        });
        let call = Snapshot::Call(token, Call::OffsetCommit(ask), self.settings.timeout);
        (call, told)
    }

    /// Whether this names a commit of its own that is on its way.
    pub fn is_waiting_for(&self, token: Token) -> bool {
        self.in_flight.as_ref().is_some_and(|f| f.token == token)
    }

    /// Takes in the answer to the commit that is on its way.
    pub fn answer(&mut self, now: Instant, result: Result<offset_commit::Answer>) -> Vec<Outcome> {
        let flight = self
            .in_flight
            .take()
            .expect("the caller has asked whether it is waited for");
        let is_renewal = flight.is_renewal();
        let mut outcomes = Vec::new();
        let mut answers = match result {
            Ok(answer) => ByPartition::new(answer.partitions),
            Err(error) => {
                outcomes.push(Outcome::Unheard {
                    sent_at: flight.sent_at,
                });
                if is_renewal {
                    self.renewal_failed(now);
                } else if !flight.abandoned {
                    self.failed(now, flight.tickets, error.doing("commit"), &mut outcomes);
                }
                return outcomes;
            }
        };
        let mut refused = flight.refused;
        let mut passing: Option<Error> = None;
        let mut word = ErrorCode::NONE;
        let mut some_committed = false;
        for item in flight.items {
            let told = answers.take(&item.topic, item.partition).map(|a| a.error);
            let code = told.unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
            if code == ErrorCode::NONE {
                some_committed = true;
                self.settled(item.claim);
                outcomes.push(Outcome::Committed(item));
                continue;
            }
            let error = match told {
                Some(code) => Error::broker_code(code, "commit"),
                None => Error::new(ErrorKind::Protocol, "commit").because(Unfit::NO_PARTITION),
            };
            let error = error
                .at_api(ApiKey::OffsetCommit)
                .at_partition(&item.topic, item.partition);
            let is_refused = reaction(ApiKey::OffsetCommit, code) == Reaction::Report;
            if is_refused && !item.is_renewal {
                refused.get_or_insert_with(|| error.clone());
            }
            if !is_refused {
                if !item.is_renewal {
                    passing.get_or_insert(error);
                }
                if word == ErrorCode::NONE {
                    word = code;
                }
                continue;
            }
            let before = self.refusal_of(&item);
            let before = before.filter(|before| before.error.code() == error.code());
            let is_news = before.is_none();
            let refusal = Refusal {
                next: item.next,
                metadata: item.metadata.clone(),
                error: error.clone(),
                at: now,
                times: 1 + before.map_or(0, |before| before.times),
                again: false,
            };
            if refusal.is_of_unknown() {
                outcomes.push(Outcome::StaleMetadata);
            }
            if !flight.over.contains(&item.claim) {
                self.refused.insert(item.claim, refusal);
            }
            if is_news {
                outcomes.push(Outcome::Refused(item, error));
            }
        }
        // Where every partition was refused for good, the broker may have answered without asking
        // the group coordinator: that says nothing about the membership.
        if word != ErrorCode::NONE || some_committed {
            outcomes.push(Outcome::Heard {
                sent_at: flight.sent_at,
                code: word,
            });
        }
        match passing {
            _ if is_renewal && word != ErrorCode::NONE => self.renewal_failed(now),
            // Nobody waits for it, and what comes next has nothing to do with it.
            _ if flight.abandoned => {}
            _ if is_renewal => self.go_on(now, flight.rest),
            Some(error) => self.failed(now, flight.tickets, error, &mut outcomes),
            // What is refused for good is told at once; trying again would not help.
            None => {
                self.go_on(now, flight.rest);
                if let Rest::Behind(covered) = flight.rest {
                    self.round = Some(Round {
                        covered,
                        tickets: flight.tickets,
                        refused,
                    });
                } else {
                    self.retry.reset();
                    self.failure.clone_from(&refused);
                    let (tickets, result) = self.verdict(flight.tickets, refused);
                    outcomes.push(Outcome::Done(tickets, result));
                }
            }
        }
        outcomes.retain(|o| !matches!(o, Outcome::Done(tickets, _) if tickets.is_empty()));
        outcomes
    }

    /// A part of a commit is done, and the next one is due.
    fn go_on(&mut self, now: Instant, rest: Rest) {
        match rest {
            Rest::Nothing => {}
            Rest::Behind(_) => self.be_due(now),
            // By hand they wait for the next commit that somebody asks for.
            Rest::Renewals => self.hurry(now),
        }
    }

    /// What those are told who have asked for a commit that went well, but for a mark that was refused.
    fn verdict(&mut self, tickets: Vec<Ticket>, refused: Option<Error>) -> Told {
        let has_left_marks = !tickets.is_empty() && std::mem::take(&mut self.has_left_marks);
        let error = refused.or_else(|| has_left_marks.then(too_late));
        (tickets, error.map_or(Ok(()), Err))
    }

    /// Nobody cares, but whoever has come since needs a try at a time when it can be made.
    fn renewal_failed(&mut self, now: Instant) {
        if self.is_awaited() {
            let at = self.retry.next(now, &mut self.rng);
            self.retry.reset();
            self.due = Some(at);
            self.retry_at = Some(at);
        }
    }

    /// The whole commit failed: it is tried again soon; who waits is told after some tries.
    fn failed(
        &mut self,
        now: Instant,
        tickets: Vec<Ticket>,
        error: Error,
        outcomes: &mut Vec<Outcome>,
    ) {
        let at = self.retry.next(now, &mut self.rng);
        if self.settings.interval.is_some() || !tickets.is_empty() || self.is_awaited() {
            self.due = Some(at);
            self.retry_at = Some(at);
        }
        self.failure = Some(error.clone());
        let most = if self.is_closing {
            self.settings.last_retry_max
        } else {
            self.settings.retry_max
        };
        if self.retry.tries() > most {
            self.retry.reset();
            self.retry_at = None;
            // Who has come meanwhile has tries of its own.
            if !self.is_awaited() {
                self.due = self.settings.interval.map(|every| now + every);
            }
            outcomes.push(Outcome::Failed(error.clone()));
            outcomes.push(Outcome::Done(tickets, Err(error)));
        } else {
            self.waiting.splice(0..0, tickets);
        }
    }

    /// Whether any of these marks is worth a commit.
    pub fn is_worth(&self, now: Instant, items: Vec<Item>) -> bool {
        !self.worth(now, items).0.is_empty()
    }

    /// Forgets what is on its way if it says nothing new. Whether it was so.
    pub fn drop_renewal(&mut self) -> bool {
        let renewal = self.in_flight.take_if(|flight| flight.is_renewal());
        renewal.is_some()
    }

    /// All claims are over, or about to be: who waits is told, and a commit on its way is not tried again.
    pub fn abandon(&mut self, error: &Error) -> Option<Outcome> {
        self.retry.reset();
        self.retry_at = None;
        if self.settings.interval.is_none() {
            self.due = None;
        }
        self.end_round();
        let mut tickets = std::mem::take(&mut self.waiting);
        if let Some(flight) = &mut self.in_flight {
            tickets.append(&mut flight.tickets);
            flight.abandoned = true;
        }
        (!tickets.is_empty()).then(|| Outcome::Done(tickets, Err(error.clone())))
    }
}

fn too_late() -> Error {
    Error::new(ErrorKind::RebalanceInProgress, "commit")
}
