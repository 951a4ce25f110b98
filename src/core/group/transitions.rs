//! The ways from one state to another. Only here is `state` assigned.

use std::{
    collections::BTreeSet,
    mem,
    time::{Duration, Instant},
};

use super::{
    Action, Destination, Group,
    lead::{Counts, Kept, Lead},
    share::{self, Roster, Share},
    state::{Assigning, Joining, Membership, Pulse, Seat, State, Syncing},
    trouble::Loudness,
    violation::Violation,
};
use crate::{
    call::{Call, join_group, leave_group, sync_group},
    config::Strategy,
    error::{Error, ErrorKind},
    protocol::ApiKey,
};

/// How long leaving may take. The session timeout does in the end what a lost LeaveGroup would have
/// done, so nobody should wait long for it.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// The time for a goodbye whose own is over.
const GOODBYE: Duration = Duration::from_secs(1);

/// A heartbeat is answered at once. Who has waited so long for it asks on another connection.
const SLOW: Duration = Duration::from_secs(1);

impl Group {
    /// Idle → Seeking: there is something to subscribe to.
    pub(super) fn start(&mut self, now: Instant) {
        self.actions.push_back(Action::Rebalancing);
        self.state = State::Seeking { join_at: now };
    }

    /// Seeking → Joining.
    pub(super) fn join(&mut self, now: Instant) {
        let target = self.seek.target().expect("the caller has looked").clone();
        let settings = &self.settings;
        let offers = share::offers(
            settings.strategy,
            &self.topics,
            &settings.user_data,
            self.writing,
        );
        let protocols = match offers {
            Ok(protocols) => protocols,
            Err(cause) => {
                let error = Error::new(ErrorKind::Protocol, "rebalance").because(cause);
                return self.join_slowly(now, &error);
            }
        };
        let ask = Call::JoinGroup(join_group::Ask {
            group_id: settings.group_id.clone(),
            session_timeout_ms: millis(settings.session_timeout),
            rebalance_timeout_ms: millis(settings.rebalance_timeout),
            member_id: self.member_id.clone(),
            instance_id: settings.instance_id.clone(),
            protocols,
        });
        let timeout = settings.join_timeout();
        let call = self.send(Destination::Coordinator(target.clone()), ask, timeout);
        self.state = State::Joining(Joining {
            call,
            target,
            topics: self.topics.clone(),
            as_new: self.member_id.is_empty(),
        });
    }

    /// Joining → Seeking, with the member id that the group coordinator wants to see.
    pub(super) fn take_member_id(&mut self, now: Instant, joining: &Joining, member_id: String) {
        if member_id.is_empty() || !joining.as_new {
            let error = self.violation(ApiKey::JoinGroup, Violation::NoMemberId);
            return self.join_slowly(now, &error);
        }
        self.member_id = member_id;
        self.state = State::Seeking { join_at: now };
    }

    /// Joining → Assigning for the leader that has to assign, → Syncing for everybody else.
    pub(super) fn joined(&mut self, now: Instant, joining: Joining, answer: join_group::Answer) {
        if answer.generation < 0 || answer.member_id.is_empty() {
            let error = self.violation(ApiKey::JoinGroup, Violation::NoSeat);
            return self.join_slowly(now, &error);
        }
        let leads = answer.leader == answer.member_id;
        let is_former_self = joining.as_new && self.was(&answer.leader);
        self.member_id = answer.member_id;
        let seat = Seat {
            generation: answer.generation,
            join_version: answer.version,
            protocol: answer.protocol,
            topics: joining.topics,
            target: joining.target,
            lead: None,
        };
        if !leads && is_former_self {
            let alone = Roster::alone(&self.member_id, &seat.topics);
            self.keep(now, seat, alone, false);
        } else if !leads {
            self.follow(now, seat);
        } else if answer.skip_assignment {
            let roster = self.read_roster(answer.members);
            self.keep(now, seat, roster, true);
        } else if let Some(strategy) = Strategy::from_name(&seat.protocol) {
            let roster = self.read_roster(answer.members);
            self.lead(now, seat, strategy, roster);
        } else {
            let protocol = seat.protocol;
            let error = self.violation(ApiKey::JoinGroup, Violation::NotOffered { protocol });
            self.join_slowly(now, &error);
        }
    }

    /// Whether this is a member id that the static member may have had before: a group coordinator makes it of the name
    /// and a UUID. Brokers before 3.2 name it as the leader when that has come back, for what it assigned would
    /// be ignored; so nobody would watch the partition counts.
    fn was(&self, member_id: &str) -> bool {
        const UUID: usize = 36;
        let name = self.settings.instance_id.as_deref();
        let rest = name.and_then(|name| member_id.strip_prefix(name)?.strip_prefix('-'));
        rest.is_some_and(|rest| rest.len() == UUID)
    }

    fn read_roster(&mut self, members: Vec<join_group::Member>) -> Roster {
        let (roster, unreadable) = Roster::read(members, self.settings.array_bytes);
        for violation in unreadable {
            let error = self.violation(ApiKey::JoinGroup, violation);
            self.actions.push_back(Action::Report(error));
        }
        roster
    }

    /// Joining → Syncing, as a follower.
    fn follow(&mut self, now: Instant, seat: Seat) {
        if !self.watched.is_empty() {
            self.watch(BTreeSet::new());
        }
        self.sync(now, seat, Vec::new());
    }

    /// Joining → Syncing, as a leader that has come back.
    fn keep(&mut self, now: Instant, seat: Seat, roster: Roster, is_whole: bool) {
        self.watch(roster.topics());
        let lead = Some(Lead::Kept(Kept::new(roster, is_whole)));
        self.sync(now, Seat { lead, ..seat }, Vec::new());
    }

    /// Joining → Assigning.
    fn lead(&mut self, now: Instant, seat: Seat, strategy: Strategy, roster: Roster) {
        self.watch(roster.topics());
        self.state = State::Assigning(Assigning {
            seat,
            roster,
            strategy,
            until: now + self.settings.counts_timeout(),
        });
    }

    /// These are the topics of the group; none, where another member leads it.
    fn watch(&mut self, topics: BTreeSet<String>) {
        self.known.retain(|topic, _| topics.contains(topic));
        self.watched = topics;
        self.actions.push_back(Action::Watch);
    }

    /// Assigning → Syncing: the partition counts are known, as far as they can be.
    pub(super) fn assign(&mut self, now: Instant) {
        let State::Assigning(assigning) = self.take_state(now) else {
            unreachable!("only a leader that waits for counts assigns");
        };
        let Assigning {
            mut seat,
            roster,
            strategy,
            ..
        } = assigning;
        let count = |topic: &String| self.known.get(topic).copied().flatten();
        let topics = roster.topics().into_iter();
        let counts: Counts = topics.map(|t| (t.clone(), count(&t))).collect();
        let assignments = roster.assign(strategy, &counts);
        seat.lead = Some(Lead::Assigned(counts));
        self.sync(now, seat, assignments);
    }

    /// Assigning → Syncing: the partition counts have not come in time. What is known will do; the next metadata
    /// sets it right.
    pub(super) fn assign_late(&mut self, now: Instant) {
        let waited = self.settings.counts_timeout();
        let error = Error::new(ErrorKind::Timeout(waited), "rebalance").at_api(ApiKey::Metadata);
        self.actions.push_back(Action::Report(error));
        self.assign(now);
    }

    /// Joining or Assigning → Syncing.
    fn sync(&mut self, now: Instant, seat: Seat, assignments: Vec<(String, Vec<u8>)>) {
        let ask = Call::SyncGroup(sync_group::Ask {
            group_id: self.settings.group_id.clone(),
            generation: seat.generation,
            member_id: self.member_id.clone(),
            instance_id: self.settings.instance_id.clone(),
            protocol: seat.protocol.clone(),
            assignments,
        });
        let timeout = self.settings.join_timeout();
        let call = self.send(Destination::Coordinator(seat.target.clone()), ask, timeout);
        self.state = State::Syncing(Syncing {
            call,
            sent_at: now,
            seat,
        });
    }

    /// Syncing → Seeking, where a static member is given a share that was made for another subscription: the one that
    /// it had before it was started anew. A member that joins as it is would be given the same again. The
    /// group rebalances for one that has changed, and only once: another leader's mistake stays one.
    pub(super) fn joins_changed(
        &mut self,
        now: Instant,
        seat: &Seat,
        share: &Result<Share, Violation>,
    ) -> bool {
        let is_misfit = match share {
            Ok(share) => share
                .origin
                .is_some_and(|origin| !origin.is_for(&seat.topics)),
            Err(violation) => matches!(violation, Violation::NotSubscribed { .. }),
        };
        if !is_misfit {
            self.misfit = None;
            return false;
        }
        if self.settings.instance_id.is_none() {
            return false;
        }
        let is_former = *self.misfit.get_or_insert(seat.generation) == seat.generation;
        if is_former {
            self.writing.change();
            let join_at = self.short_lived(now);
            self.join_at(join_at);
        }
        is_former
    }

    /// Syncing → Stable; or back to Seeking, where the subscription or the partition counts have
    /// changed meanwhile: claims that would end at once are not begun.
    pub(super) fn synced(&mut self, now: Instant, syncing: Syncing, share: Share) {
        let Share { partitions, origin } = share;
        let Syncing {
            sent_at, mut seat, ..
        } = syncing;
        if let Some(lead) = &mut seat.lead {
            lead.came_from(origin);
        }
        if seat.has_to_go(&self.known) || seat.topics != self.topics {
            let join_at = self.short_lived(now);
            self.state = State::Seeking { join_at };
            return;
        }
        // The group coordinator restarts the session timer when it answers a SyncGroup that it had
        // kept, and who reckoned from the sending could find the session over before it began. So
        // the answer counts, and a heartbeat makes sure of it: it goes first, therefore it is
        // answered before the offsets to start from are.
        let interval = self.settings.heartbeat_interval;
        let kept = now.saturating_duration_since(sent_at) >= interval;
        let began_at = if kept { now } else { sent_at };
        let generation = seat.generation;
        self.state = State::Stable(Membership {
            seat,
            since: now,
            pulse: Pulse {
                began_at,
                alive_at: began_at,
                calm_at: sent_at,
                answered: false,
                was_kept: kept,
                next_at: sent_at + interval,
                in_flight: None,
            },
        });
        if kept {
            self.beat(now);
        }
        self.actions.push_back(Action::Assigned {
            generation,
            member_id: self.member_id.clone(),
            partitions,
        });
    }

    /// Stable → Releasing.
    pub(super) fn release(&mut self, now: Instant) {
        match self.take_state(now) {
            State::Stable(membership) => {
                let time = self.settings.release_time(membership.seat.join_version);
                let deadline = (membership.pulse.calm_at + time).max(now);
                self.actions.push_back(Action::Rebalancing);
                self.actions.push_back(Action::Release { deadline });
                self.state = State::Releasing(membership);
            }
            // It is being done.
            state => self.state = state,
        }
    }

    /// Releasing → Seeking: nothing is claimed any more.
    pub(super) fn rejoin(&mut self, now: Instant) {
        let State::Releasing(membership) = self.take_state(now) else {
            unreachable!("only what is being released can be released");
        };
        self.pass_heartbeat(now, &membership);
        let join_at = if membership.pulse.answered {
            now
        } else {
            self.short_lived(now)
        };
        self.state = State::Seeking { join_at };
    }

    /// What follows is not to wait behind a heartbeat that nobody answers.
    fn pass_heartbeat(&mut self, now: Instant, membership: &Membership) {
        let is_slow = membership.is_silent_since(now, SLOW);
        if let Some(target) = self.seek.target().filter(|_| is_slow) {
            self.actions.push_back(Action::Disconnect(target.clone()));
        }
    }

    /// A generation ends before it has lasted for a heartbeat. Such ones could follow each other
    /// without end, so it is a failure. Returns when to join again.
    fn short_lived(&mut self, now: Instant) -> Instant {
        let error = Error::new(ErrorKind::RebalanceInProgress, "rebalance");
        let failure = self.trouble.retry_soon(now, &error, Loudness::Silent);
        self.after(failure)
    }

    /// Stable or Releasing → Seeking: the generation is over.
    pub(super) fn lose(&mut self, now: Instant, error: Error) {
        let failure = self.trouble.retry_soon(now, &error, Loudness::Silent);
        let join_at = self.after(failure);
        self.actions.push_back(Action::Lost(error));
        self.actions.push_back(Action::Rebalancing);
        self.state = State::Seeking { join_at };
    }

    /// Joining or Syncing → Seeking: refused, to be tried again at that time.
    pub(super) fn join_at(&mut self, join_at: Instant) {
        self.state = State::Seeking { join_at };
    }

    /// The same, where somebody has to mend something first.
    pub(super) fn join_slowly(&mut self, now: Instant, error: &Error) {
        let failure = self.trouble.retry_slowly(now, error);
        let mut join_at = self.after(failure);
        // Whoever has a seat and says nothing for a session is put out, and the others rebalance for it.
        if !self.member_id.is_empty() {
            join_at = join_at.min(now + self.settings.session_timeout / 2);
        }
        self.join_at(join_at);
    }

    /// Any → Failed.
    pub(super) fn fail(&mut self, error: Error) {
        self.actions.push_back(Action::Fatal(error));
        self.state = State::Failed;
    }

    /// Any → Departing, if there is something to say goodbye to; else → Left.
    pub(super) fn depart(&mut self, now: Instant, until: Instant) {
        match self.take_state(now) {
            state @ (State::Left | State::Departing { .. } | State::Leaving { .. }) => {
                self.state = state;
                return;
            }
            State::Idle | State::Failed => return self.end(),
            // Their connection answers nothing else before the call that it keeps.
            State::Joining(Joining { target, .. }) => {
                self.actions.push_back(Action::Disconnect(target));
            }
            State::Syncing(Syncing { seat, .. }) => {
                self.actions.push_back(Action::Disconnect(seat.target));
            }
            State::Stable(membership) | State::Releasing(membership) => {
                self.pass_heartbeat(now, &membership);
            }
            State::Seeking { .. } | State::Assigning(_) => {}
        }
        if self.member_id.is_empty() || self.settings.instance_id.is_some() {
            // A static member keeps its partitions for when it comes back.
            return self.end();
        }
        self.seek.hurry();
        self.state = State::Departing {
            until: until.min(now + LEAVE_TIMEOUT),
        };
    }

    /// Departing → Leaving.
    pub(super) fn say_goodbye(&mut self, now: Instant) {
        let (State::Departing { until }, Some(target)) = (&self.state, self.seek.target()) else {
            unreachable!("the caller has looked");
        };
        let (until, target) = (*until, target.clone());
        let until = match until > now {
            true => until,
            // Whoever was held up says it all the same.
            false => now + GOODBYE,
        };
        let ask = Call::LeaveGroup(leave_group::Ask {
            group_id: self.settings.group_id.clone(),
            member_id: self.member_id.clone(),
            instance_id: None,
        });
        let timeout = until.saturating_duration_since(now);
        let call = self.send(Destination::Coordinator(target), ask, timeout);
        self.state = State::Leaving { call, until };
    }

    /// Any → Left.
    pub(super) fn end(&mut self) {
        self.actions.push_back(Action::Left);
        self.state = State::Left;
    }

    /// The state, to be consumed. What stands in its place is where everything leads that goes
    /// wrong, and nobody sees it: whoever takes a state puts one back.
    pub(super) fn take_state(&mut self, now: Instant) -> State {
        mem::replace(&mut self.state, State::Seeking { join_at: now })
    }
}

/// As it stands in a request. The settings are checked to fit.
fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
