//! Where the claims of a new generation start: at the committed offsets.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    call::{Call, Token, Unfit, offset_fetch},
    core::{
        Backoff, ByPartition, ClaimId, Tokens,
        cluster::Cluster,
        reaction::{Reaction, has_to_be_mended, reaction},
    },
    error::{Error, ErrorKind, Result},
    protocol::{ApiKey, ErrorCode},
};

/// Asks the group coordinator for the committed offsets.
#[derive(Debug)]
pub struct Starts {
    group_id: String,
    require_stable: bool,
    timeout: Duration,
    pending: BTreeMap<ClaimId, (Arc<str>, i32)>,
    in_flight: Option<(Token, Instant, Vec<ClaimId>)>,
    not_before: Option<Instant>,
    retry: Backoff,
    rng: fastrand::Rng,
}

/// What the coordinator said.
#[derive(Debug)]
pub enum Outcome {
    /// The group has read this far.
    Committed {
        /// The claim that starts there.
        claim: ClaimId,
        /// The next offset to read.
        offset: i64,
        /// The word that was committed with it.
        metadata: String,
    },
    /// The group has no commit here.
    Nothing(ClaimId),
    /// The user should hear of this, which is about a claim or about all of them.
    Report(Option<ClaimId>, Error),
    /// The description of the cluster is out of date.
    StaleMetadata,
    /// What the answer means to the membership.
    Heard {
        /// When it was asked.
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

/// So many tries of what heals by itself are not worth a word.
const QUIET_TRIES: u32 = 3;

const CONTEXT: &str = "offset fetch";

impl Starts {
    /// Asks for nothing yet.
    pub fn new(
        group_id: String,
        require_stable: bool,
        timeout: Duration,
        backoff: Duration,
        seed: u64,
    ) -> Self {
        Self {
            group_id,
            require_stable,
            timeout,
            pending: BTreeMap::new(),
            in_flight: None,
            not_before: None,
            retry: Backoff::new(backoff, Duration::from_secs(10)),
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// This claim wants to know.
    pub fn add(&mut self, claim: ClaimId, topic: &Arc<str>, partition: i32) {
        self.pending.insert(claim, (Arc::clone(topic), partition));
    }

    /// This claim does not want to know any more.
    pub fn remove(&mut self, claim: ClaimId) {
        self.pending.remove(&claim);
    }

    /// The generation is over: nobody wants to know any more.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.in_flight = None;
        self.not_before = None;
        self.retry.reset();
    }

    /// When it may ask again.
    pub fn deadline(&self) -> Option<Instant> {
        self.not_before
            .filter(|_| self.in_flight.is_none() && !self.pending.is_empty())
    }

    /// The question, if there is one.
    pub fn poll_call(
        &mut self,
        now: Instant,
        cluster: &Cluster,
        tokens: &mut Tokens,
    ) -> Option<(Token, Call, Duration)> {
        if self.in_flight.is_some()
            || self.pending.is_empty()
            || self.not_before.is_some_and(|at| at > now)
        {
            return None;
        }
        self.not_before = None;
        let mut topics: BTreeMap<Arc<str>, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in self.pending.values() {
            topics
                .entry(Arc::clone(topic))
                .or_default()
                .push(*partition);
        }
        let topics = topics
            .into_iter()
            .map(|(name, partitions)| offset_fetch::Topic {
                id: cluster.topic_id(&name),
                name: name.to_string(),
                partitions,
            })
            .collect();
        let token = tokens.fresh();
        self.in_flight = Some((token, now, self.pending.keys().copied().collect()));
        let ask = offset_fetch::Ask {
            group_id: self.group_id.clone(),
            require_stable: self.require_stable,
            topics,
        };
        Some((token, Call::OffsetFetch(ask), self.timeout))
    }

    /// Whether this names the question that is on its way.
    pub fn is_waiting_for(&self, token: Token) -> bool {
        self.in_flight.as_ref().is_some_and(|(t, ..)| *t == token)
    }

    /// Takes in the answer to the question that is on its way.
    pub fn answer(&mut self, now: Instant, result: Result<offset_fetch::Answer>) -> Vec<Outcome> {
        let (_, sent_at, asked) = self
            .in_flight
            .take()
            .expect("the caller has asked whether it is waited for");
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => {
                let mut outcomes = vec![Outcome::Unheard { sent_at }];
                let reaction = match has_to_be_mended(&error) {
                    true => Reaction::Report,
                    false => Reaction::Retry,
                };
                if self.is_worth_telling(reaction) {
                    outcomes.push(Outcome::Report(None, error));
                }
                self.later(now);
                return outcomes;
            }
        };
        let mut outcomes = vec![Outcome::Heard {
            sent_at,
            code: answer.error,
        }];
        if answer.error != ErrorCode::NONE {
            self.refused(None, answer.error, &mut outcomes);
            self.later(now);
            return outcomes;
        }
        let mut found = ByPartition::new(answer.partitions);
        for claim in asked {
            let Some((topic, partition)) = self.pending.get(&claim).cloned() else {
                continue;
            };
            match found.take(&topic, partition) {
                Some(p) if p.error == ErrorCode::NONE => {
                    self.pending.remove(&claim);
                    outcomes.push(match p.offset {
                        Some(offset) => Outcome::Committed {
                            claim,
                            offset,
                            metadata: p.metadata,
                        },
                        None => Outcome::Nothing(claim),
                    });
                }
                Some(p) => self.refused(Some((claim, &topic, partition)), p.error, &mut outcomes),
                None if self.is_worth_telling(Reaction::Report) => {
                    let error = Error::new(ErrorKind::Protocol, CONTEXT)
                        .because(Unfit::NO_PARTITION)
                        .at_api(ApiKey::OffsetFetch)
                        .at_partition(&topic, partition);
                    outcomes.push(Outcome::Report(Some(claim), error));
                }
                None => {}
            }
        }
        if self.pending.is_empty() {
            self.retry.reset();
        } else {
            self.later(now);
        }
        outcomes
    }

    /// An offset is not to be had now, or none of them: asked again, and said at once where somebody
    /// has to act, else when it lasts.
    fn refused(
        &self,
        of: Option<(ClaimId, &str, i32)>,
        code: ErrorCode,
        outcomes: &mut Vec<Outcome>,
    ) {
        let reaction = reaction(ApiKey::OffsetFetch, code);
        if reaction == Reaction::RefreshMetadata {
            outcomes.push(Outcome::StaleMetadata);
        }
        if !self.is_worth_telling(reaction) {
            return;
        }
        let error = Error::broker_code(code, CONTEXT).at_api(ApiKey::OffsetFetch);
        outcomes.push(match of {
            Some((claim, topic, partition)) => {
                Outcome::Report(Some(claim), error.at_partition(topic, partition))
            }
            None => Outcome::Report(None, error),
        });
    }

    /// Whether the user is told of a failure that has this reaction.
    fn is_worth_telling(&self, reaction: Reaction) -> bool {
        let tries = self.retry.tries();
        match reaction {
            Reaction::Report => (tries + 1).is_power_of_two(),
            _ => tries > QUIET_TRIES && tries.is_power_of_two(),
        }
    }

    fn later(&mut self, now: Instant) {
        self.not_before = Some(self.retry.next(now, &mut self.rng));
    }
}
