//! Who waits for a commit is told, whatever becomes of the one before.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{COORDINATOR_WAIT, Committer, Item, Missing, Outcome, Settings, Snapshot, Ticket};
use crate::{
    call::{Broker, Lane, Target, offset_commit},
    core::{ClaimId, Tokens, group::Session},
    error::{Error, ErrorKind},
    protocol::ErrorCode,
};

const BACKOFF: Duration = Duration::from_millis(100);
const RETRIES: u32 = 3;
const ONE: Ticket = Ticket(1);
const OTHER: Ticket = Ticket(2);

/// Commits of one partition.
struct Stage {
    committer: Committer,
    session: Session,
    tokens: Tokens,
    now: Instant,
}

impl Stage {
    /// Commits by hand.
    fn new() -> Self {
        Self::every(None)
    }

    fn every(interval: Option<Duration>) -> Self {
        let now = Instant::now();
        let broker = Broker {
            id: Some(1),
            host: "localhost".to_owned(),
            port: 9092,
        };
        let settings = Settings {
            group_id: "group".to_owned(),
            interval,
            retention: None,
            retry_max: RETRIES,
            last_retry_max: RETRIES,
            retry_backoff: BACKOFF,
            timeout: Duration::from_secs(10),
        };
        Self {
            committer: Committer::new(now, settings, 1),
            session: Session {
                coordinator: Target {
                    broker,
                    lane: Lane::Group,
                },
                generation: 1,
                member_id: "member".to_owned(),
                instance_id: None,
            },
            tokens: Tokens::default(),
            now,
        }
    }

    fn ask(&mut self, ticket: Ticket) {
        self.committer.ask(self.now, ticket);
    }

    /// What is marked goes out, as soon as it is due.
    fn send(&mut self) {
        assert_eq!(self.look(&[item()]), (true, vec![]));
    }

    /// The marks are looked at, as soon as that is due. Whether a commit goes out, and who is told at once.
    fn look(&mut self, items: &[Item]) -> (bool, Vec<(Ticket, bool)>) {
        let due = self.committer.deadline().expect("somebody waits");
        self.now = self.now.max(due);
        let session = Ok(&self.session);
        let (snapshot, told) =
            self.committer
                .snapshot(self.now, items.to_vec(), session, &mut self.tokens);
        let (tickets, result) = told.unwrap_or((Vec::new(), Ok(())));
        let told = tickets.into_iter().map(|ticket| (ticket, result.is_ok()));
        (matches!(snapshot, Snapshot::Call(..)), told.collect())
    }

    fn is_worth(&self, at: Instant) -> bool {
        !self.committer.worth(at, vec![item()]).0.is_empty()
    }

    /// The broker answers so. Gives who was told, and whether it went well.
    fn answer(&mut self, code: ErrorCode) -> Vec<(Ticket, bool)> {
        told(self.committer.answer(self.now, Ok(answered(code))))
    }
}

fn item() -> Item {
    Item {
        claim: ClaimId(1),
        topic: Arc::from("t"),
        topic_id: None,
        partition: 0,
        next: 5,
        metadata: String::new(),
        is_renewal: false,
    }
}

fn answered(code: ErrorCode) -> offset_commit::Answer {
    offset_commit::Answer {
        partitions: vec![offset_commit::Committed {
            topic: "t".to_owned(),
            partition: 0,
            error: code,
        }],
    }
}

fn told(outcomes: impl IntoIterator<Item = Outcome>) -> Vec<(Ticket, bool)> {
    let done = outcomes.into_iter().filter_map(|outcome| match outcome {
        Outcome::Done(tickets, result) => Some((tickets, result.is_ok())),
        _ => None,
    });
    done.flat_map(|(tickets, well)| tickets.into_iter().map(move |ticket| (ticket, well)))
        .collect()
}

#[test]
fn who_comes_while_it_is_tried_again_is_next() {
    let mut stage = Stage::new();
    stage.ask(ONE);
    stage.send();
    assert_eq!(stage.answer(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS), []);
    stage.send();
    stage.ask(OTHER);
    assert_eq!(stage.answer(ErrorCode::NONE), [(ONE, true)]);
    stage.send();
    assert_eq!(stage.answer(ErrorCode::NONE), [(OTHER, true)]);
}

#[test]
fn who_comes_before_the_last_try_fails_has_tries_of_its_own() {
    let mut stage = Stage::new();
    stage.ask(ONE);
    let loading = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
    for _ in 0..RETRIES {
        stage.send();
        assert_eq!(stage.answer(loading), []);
    }
    stage.send();
    stage.ask(OTHER);
    assert_eq!(stage.answer(loading), [(ONE, false)]);
    for _ in 0..RETRIES {
        stage.send();
        assert_eq!(stage.answer(loading), []);
    }
    stage.send();
    assert_eq!(stage.answer(loading), [(OTHER, false)]);
}

#[test]
fn a_commit_of_claims_that_are_over_is_not_tried_again_and_keeps_nobody_waiting() {
    for code in [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::NONE] {
        let mut stage = Stage::new();
        stage.ask(ONE);
        stage.send();
        let lost = Error::new(ErrorKind::SessionExpired, "heartbeat");
        let outcome = stage.committer.abandon(&lost);
        assert_eq!(told(outcome), [(ONE, false)]);
        assert_eq!(stage.answer(code), []);
        assert_eq!(stage.committer.deadline(), None);
        assert!(stage.committer.failure().is_none());
        stage.ask(OTHER);
        stage.send();
        assert_eq!(stage.answer(ErrorCode::NONE), [(OTHER, true)]);
    }
}

#[test]
fn what_became_of_a_commit_is_in_doubt_until_one_is_accepted() {
    let mut stage = Stage::new();
    let is_in_doubt = |stage: &Stage| stage.committer.is_in_doubt(ClaimId(1));
    stage.ask(ONE);
    stage.send();
    assert!(is_in_doubt(&stage));
    let lost = Error::new(ErrorKind::Disconnected, "commit");
    stage.committer.answer(stage.now, Err(lost));
    assert!(is_in_doubt(&stage));
    stage.send();
    stage.answer(ErrorCode::REQUEST_TIMED_OUT);
    assert!(is_in_doubt(&stage));
    stage.send();
    stage.answer(ErrorCode::NONE);
    assert!(!is_in_doubt(&stage));
}

#[test]
fn who_comes_while_it_is_tried_again_does_not_wait_for_an_interval() {
    for code in [ErrorCode::NONE, ErrorCode::OFFSET_METADATA_TOO_LARGE] {
        let mut stage = Stage::every(Some(Duration::from_secs(600)));
        stage.ask(ONE);
        stage.send();
        stage.answer(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        stage.send();
        stage.ask(OTHER);
        stage.answer(code);
        assert_eq!(stage.committer.deadline(), Some(stage.now));
    }
}

/// The time of a try has come, but there is no generation, or nothing is left to commit.
#[test]
fn who_comes_after_a_try_that_could_not_be_made_does_not_wait_for_an_interval() {
    for has_session in [false, true] {
        let mut stage = Stage::every(Some(Duration::from_secs(600)));
        stage.ask(ONE);
        stage.send();
        stage.answer(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        stage.now = stage.committer.deadline().unwrap();
        let (items, session) = match has_session {
            true => (vec![], Ok(&stage.session)),
            false => (vec![item()], Err(Missing::Generation)),
        };
        let (snapshot, told) =
            stage
                .committer
                .snapshot(stage.now, items, session, &mut stage.tokens);
        assert!(!matches!(snapshot, Snapshot::Call(..)));
        assert_eq!(told.unwrap().1.is_ok(), has_session);
        stage.ask(OTHER);
        assert_eq!(stage.committer.deadline(), Some(stage.now));
        // It has all its tries.
        for _ in 0..RETRIES {
            stage.send();
            assert_eq!(stage.answer(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS), []);
        }
    }
}

/// As long as there is a generation. Where there is nothing to commit nobody waits.
#[test]
fn who_asks_while_the_group_coordinator_is_looked_for_waits_until_it_is_found() {
    let mut stage = Stage::new();
    stage.ask(ONE);
    for _ in 0..2 * RETRIES {
        stage.now = stage.committer.deadline().unwrap();
        let session = Err(Missing::Coordinator);
        let (snapshot, told) =
            stage
                .committer
                .snapshot(stage.now, vec![item()], session, &mut stage.tokens);
        assert!(matches!(snapshot, Snapshot::NoSession) && told.is_none());
        let again = stage.now + COORDINATOR_WAIT;
        assert_eq!(stage.committer.deadline(), Some(again));
    }
    stage.ask(OTHER);
    stage.send();
    let told = stage.answer(ErrorCode::NONE);
    assert_eq!(told, [(ONE, true), (OTHER, true)]);

    stage.ask(ONE);
    let session = Err(Missing::Coordinator);
    let (_, told) = stage
        .committer
        .snapshot(stage.now, vec![], session, &mut stage.tokens);
    let (tickets, result) = told.unwrap();
    assert!(tickets == [ONE] && result.is_ok());
}

#[test]
fn a_renewal_leaves_no_doubt_and_is_worth_no_wait() {
    let renewal = Item {
        is_renewal: true,
        ..item()
    };
    let renewal = [renewal];
    for code in [
        ErrorCode::NONE,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    ] {
        let mut stage = Stage::every(Some(Duration::from_secs(1)));
        stage.ask(ONE);
        assert_eq!(stage.look(&renewal), (true, vec![(ONE, true)]));
        assert!(!stage.committer.is_in_doubt(ClaimId(1)));
        stage.answer(code);
        assert!(stage.committer.failure().is_none(), "{code}");
        assert!(stage.committer.retry_at().is_none(), "{code}");
    }

    let mut stage = Stage::every(Some(Duration::from_secs(1)));
    assert!(stage.look(&renewal).0);
    stage.ask(OTHER);
    assert!(stage.committer.drop_renewal());
    assert!(!stage.committer.is_busy() && !stage.committer.drop_renewal());
    stage.send();
    assert!(!stage.committer.drop_renewal(), "it is new");
}

/// The connection broke: a try at once would find no group coordinator.
#[test]
fn who_waits_behind_a_renewal_that_fails_is_not_told_so_at_once() {
    let renewal = Item {
        is_renewal: true,
        ..item()
    };
    for answer in [
        Err(Error::new(ErrorKind::Disconnected, "commit")),
        Ok(answered(ErrorCode::NOT_COORDINATOR)),
    ] {
        let mut stage = Stage::new();
        stage.ask(ONE);
        assert!(stage.look(std::slice::from_ref(&renewal)).0);
        stage.ask(OTHER);
        assert_eq!(told(stage.committer.answer(stage.now, answer)), []);
        assert!(stage.committer.deadline().unwrap() > stage.now);
        stage.send();
        assert_eq!(stage.answer(ErrorCode::NONE), [(OTHER, true)]);
    }
}

#[test]
fn by_hand_nothing_is_committed_because_of_claims_that_are_over() {
    let lost = Error::new(ErrorKind::SessionExpired, "heartbeat");
    let mut stage = Stage::new();
    stage.ask(ONE);
    stage.send();
    stage.answer(ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(told(stage.committer.abandon(&lost)), [(ONE, false)]);
    assert_eq!(stage.committer.deadline(), None);

    stage.ask(ONE);
    stage.send();
    stage.ask(OTHER);
    assert_eq!(told(stage.committer.abandon(&lost)).len(), 2);
    stage.answer(ErrorCode::NONE);
    assert_eq!(stage.committer.deadline(), None);
}

/// A commit that is lost, and a reset behind it.
#[test]
fn a_mark_that_comes_back_to_one_that_was_refused_is_sent() {
    let mut stage = Stage::new();
    stage.ask(ONE);
    stage.send();
    stage.answer(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    assert!(!stage.is_worth(stage.now));
    stage.ask(ONE);
    let further = Item { next: 6, ..item() };
    assert!(stage.look(&[further]).0);
    assert!(stage.is_worth(stage.now));
}

/// Whether or not there is something else to commit, and however often that is tried.
#[test]
fn who_asks_too_late_is_told_once() {
    let renewal = Item {
        is_renewal: true,
        ..item()
    };
    let mut stage = Stage::new();
    stage.committer.leave_marks();
    for is_well in [false, true] {
        stage.ask(ONE);
        let looked = stage.look(std::slice::from_ref(&renewal));
        assert_eq!(looked, (true, vec![(ONE, is_well)]));
        stage.answer(ErrorCode::NONE);
    }
    for items in [&[][..], &[item()]] {
        let mut stage = Stage::new();
        stage.committer.leave_marks();
        for is_well in [false, true] {
            stage.ask(ONE);
            if items.is_empty() {
                assert_eq!(stage.look(items), (false, vec![(ONE, is_well)]));
                continue;
            }
            stage.send();
            assert_eq!(stage.answer(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS), []);
            stage.send();
            assert_eq!(stage.answer(ErrorCode::NONE), [(ONE, is_well)]);
            assert!(stage.committer.failure().is_none());
        }
    }
}

/// That a mark was refused before, and that this was told, says nothing of the marks that were left behind since.
#[test]
fn who_asks_too_late_is_told_whatever_was_told_before() {
    let mut stage = Stage::new();
    stage.ask(ONE);
    stage.send();
    let told = stage.answer(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    assert_eq!(told, [(ONE, false)]);
    stage.committer.leave_marks();
    for is_well in [false, true] {
        stage.ask(OTHER);
        assert_eq!(stage.look(&[]), (false, vec![(OTHER, is_well)]));
    }
}

/// Whether or not there is something else to commit.
#[test]
fn who_asks_is_told_of_a_mark_that_was_refused_before() {
    let refused = Item {
        claim: ClaimId(2),
        partition: 1,
        ..item()
    };
    let committed = |partition, error| offset_commit::Committed {
        topic: "t".to_owned(),
        partition,
        error,
    };
    let mut stage = Stage::new();
    stage.ask(ONE);
    assert!(stage.look(&[item(), refused.clone()]).0);
    let answer = offset_commit::Answer {
        partitions: vec![
            committed(0, ErrorCode::NONE),
            committed(1, ErrorCode::OFFSET_METADATA_TOO_LARGE),
        ],
    };
    let outcomes = stage.committer.answer(stage.now, Ok(answer));
    assert_eq!(told(outcomes), [(ONE, false)]);

    stage.ask(OTHER);
    assert_eq!(
        stage.look(std::slice::from_ref(&refused)),
        (false, vec![(OTHER, false)])
    );
    stage.ask(OTHER);
    assert_eq!(stage.look(&[item(), refused.clone()]), (true, vec![]));
    assert_eq!(stage.answer(ErrorCode::NONE), [(OTHER, false)]);
    assert!(stage.committer.failure().is_some());

    // Until it was taken back, or its claim is over.
    stage.ask(ONE);
    assert_eq!(stage.look(&[]), (false, vec![(ONE, true)]));
    assert!(stage.committer.failure().is_none());
}

#[test]
fn nothing_is_kept_of_a_claim_that_is_over() {
    for code in [
        ErrorCode::OFFSET_METADATA_TOO_LARGE,
        ErrorCode::REQUEST_TIMED_OUT,
    ] {
        let mut stage = Stage::new();
        stage.ask(ONE);
        stage.send();
        stage.committer.forget(ClaimId(1));
        stage.answer(code);
        assert!(!stage.committer.is_in_doubt(ClaimId(1)));
        assert!(stage.committer.refused.is_empty());
    }
}

#[test]
fn a_commit_is_renewed_long_before_brokers_drop_it() {
    let settings = Stage::new().committer.settings;
    assert!(settings.renewal() <= Duration::from_secs(24 * 3600 / 8));
    let short = Settings {
        retention: Some(Duration::from_secs(80)),
        ..settings
    };
    assert_eq!(short.renewal(), Duration::from_secs(10));
    assert_eq!(short.renewal_of_found(), Duration::from_secs(1));
}

#[test]
fn a_partition_that_the_broker_does_not_know_is_tried_again_while_it_is_described_but_not_for_ever()
{
    for code in [
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::UNKNOWN_TOPIC_ID,
    ] {
        let mut stage = Stage::new();
        let mut tries = 0;
        let mut told = 0;
        loop {
            stage.ask(ONE);
            if !stage.is_worth(stage.now) {
                break;
            }
            stage.send();
            let outcomes = stage.committer.answer(stage.now, Ok(answered(code)));
            let is_refused = |o: &&Outcome| matches!(o, Outcome::Refused(..));
            told += outcomes.iter().filter(is_refused).count();
            let is_stale = |o: &Outcome| matches!(o, Outcome::StaleMetadata);
            assert!(outcomes.iter().any(is_stale));
            tries += 1;
            assert!(!stage.is_worth(stage.now), "not yet");
            stage.committer.reconsider(|_| false);
            assert!(!stage.is_worth(stage.now), "not there");
            stage.committer.reconsider(|claim| claim == ClaimId(1));
        }
        assert_eq!((tries, told), (5, 1));
    }
}

#[test]
fn what_is_refused_for_good_is_not_tried_again_before_it_would_be_renewed() {
    let mut stage = Stage::new();
    let mut refuse = |code| {
        stage.ask(ONE);
        stage.send();
        let outcomes = stage.committer.answer(stage.now, Ok(answered(code)));
        stage.committer.reconsider(|_| true);
        let again_at = stage.now + stage.committer.settings.renewal();
        assert!(!stage.is_worth(stage.now));
        assert!(!stage.is_worth(again_at - Duration::from_millis(1)));
        assert!(stage.is_worth(again_at));
        stage.now = again_at;
        outcomes.iter().any(|o| matches!(o, Outcome::Refused(..)))
    };
    // And it is told once, unless there is another reason.
    assert!(refuse(ErrorCode::OFFSET_METADATA_TOO_LARGE));
    assert!(!refuse(ErrorCode::OFFSET_METADATA_TOO_LARGE));
    assert!(refuse(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
}

/// Marks of so many claims with so much metadata that a broker would not take them all at once.
fn many() -> Vec<Item> {
    let of = |claim| Item {
        claim: ClaimId(claim),
        partition: claim as i32,
        metadata: "x".repeat(4_000),
        ..item()
    };
    (1..=300).map(of).collect()
}

/// The claims in a part of a commit, and who was told when it was answered.
type Part = (Vec<u64>, Vec<(Ticket, bool)>);

impl Stage {
    /// What is marked goes out as soon as it is due. Of which claims, and who is told at once.
    fn claims_of(&mut self, items: &[Item]) -> (Vec<u64>, Vec<(Ticket, bool)>) {
        let (is_sent, told) = self.look(items);
        let flight = self.committer.in_flight.as_ref().filter(|_| is_sent);
        let items = flight.iter().flat_map(|flight| &flight.items);
        (items.map(|item| item.claim.0).collect(), told)
    }

    /// All that is on its way is answered so. Gives who was told, and whether it went well.
    fn answer_all(&mut self, code: ErrorCode) -> Vec<(Ticket, bool)> {
        let flight = self.committer.in_flight.as_ref().expect("it is on its way");
        let answered = flight.items.iter().map(|item| offset_commit::Committed {
            topic: item.topic.to_string(),
            partition: item.partition,
            error: code,
        });
        let partitions = answered.collect();
        let answer = offset_commit::Answer { partitions };
        told(self.committer.answer(self.now, Ok(answer)))
    }

    /// All parts go out and are accepted.
    fn parts(&mut self, items: &[Item]) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut left = items.to_vec();
        while !left.is_empty() {
            let (claims, told) = self.claims_of(&left);
            assert_eq!(told, []);
            left.retain(|item| !claims.contains(&item.claim.0));
            parts.push((claims, self.answer_all(ErrorCode::NONE)));
        }
        parts
    }
}

/// Brokers write the offsets of a commit as one batch, and refuse all of one that is larger than a message may be.
#[test]
fn a_commit_that_is_too_large_goes_out_in_parts() {
    for interval in [None, Some(Duration::from_secs(5))] {
        let mut stage = Stage::every(interval);
        stage.ask(ONE);
        let begin = stage.now;
        let parts = stage.parts(&many());
        assert_eq!(stage.now, begin, "no part waits");
        let claims: Vec<u64> = parts
            .iter()
            .flat_map(|(claims, _)| claims)
            .copied()
            .collect();
        assert_eq!(claims, (1..=300).collect::<Vec<_>>());
        let sizes = parts.iter().map(|(claims, _)| claims.len());
        assert_eq!(sizes.collect::<Vec<_>>(), [128, 128, 44]);
        let told: Vec<_> = parts.into_iter().map(|(_, told)| told).collect();
        assert_eq!(told, [vec![], vec![], vec![(ONE, true)]]);
        assert!(!stage.committer.is_due(stage.now));
    }
}

/// Claims whose marks move all the time do not keep others from being committed, nor who waits.
#[test]
fn each_part_goes_on_behind_the_last_one() {
    let mut stage = Stage::new();
    stage.ask(ONE);
    let items = many();
    for (claims, told) in [
        (1..=128, vec![]),
        (129..=256, vec![]),
        (257..=300, vec![(ONE, true)]),
    ] {
        assert_eq!(stage.claims_of(&items), (claims.collect(), vec![]));
        assert_eq!(stage.answer_all(ErrorCode::NONE), told);
    }
    assert_eq!(stage.committer.deadline(), None, "nobody waits");
    stage.ask(OTHER);
    assert_eq!(stage.claims_of(&items).0[0], 1, "what has moved since");
}

#[test]
fn who_comes_between_two_parts_waits_for_what_was_marked_since() {
    let mut stage = Stage::new();
    stage.ask(ONE);
    let items = many();
    stage.claims_of(&items);
    stage.answer_all(ErrorCode::NONE);
    stage.ask(OTHER);
    stage.claims_of(&items[..200]);
    assert_eq!(stage.answer_all(ErrorCode::NONE), [(ONE, true)]);
    assert_eq!(stage.claims_of(&items[..1]), (vec![1], vec![]));
    assert_eq!(stage.answer_all(ErrorCode::NONE), [(OTHER, true)]);

    // Or for nothing, if there is none.
    stage.ask(ONE);
    stage.claims_of(&items);
    stage.answer_all(ErrorCode::NONE);
    stage.ask(OTHER);
    let told = vec![(ONE, true), (OTHER, true)];
    assert_eq!(stage.claims_of(&[]), (vec![], told));
}

#[test]
fn what_fails_in_a_part_is_told_when_all_is_done_or_tried_again_from_the_first_one() {
    let mut stage = Stage::new();
    stage.ask(ONE);
    let mut items = many();
    stage.claims_of(&items);
    stage.answer_all(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    stage.claims_of(&items);
    assert_eq!(stage.answer_all(ErrorCode::NONE), []);
    items.drain(..256);
    stage.claims_of(&items);
    assert_eq!(stage.answer_all(ErrorCode::NONE), [(ONE, false)]);

    let mut stage = Stage::new();
    stage.ask(ONE);
    let items = many();
    stage.claims_of(&items);
    stage.answer_all(ErrorCode::NONE);
    stage.claims_of(&items[128..]);
    assert_eq!(
        stage.answer_all(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
        []
    );
    let told: Vec<_> = stage
        .parts(&items)
        .into_iter()
        .flat_map(|(_, told)| told)
        .collect();
    assert_eq!(told, [(ONE, true)]);
}

#[test]
fn whoever_waits_for_the_rest_is_told_when_all_claims_are_over_or_the_commit_comes_too_late() {
    let begin = || {
        let mut stage = Stage::new();
        stage.ask(ONE);
        stage.claims_of(&many());
        stage.answer_all(ErrorCode::NONE);
        assert!(stage.committer.is_awaited());
        stage
    };
    let mut stage = begin();
    let error = Error::new(ErrorKind::Closed, "close");
    assert_eq!(told(stage.committer.abandon(&error)), [(ONE, false)]);
    assert_eq!(stage.committer.deadline(), None);

    let mut stage = begin();
    stage.ask(OTHER);
    let session = Err(Missing::Generation);
    let (_, late) = stage
        .committer
        .snapshot(stage.now, many(), session, &mut stage.tokens);
    let (tickets, result) = late.expect("they are told");
    assert_eq!((tickets, result.is_ok()), (vec![ONE, OTHER], false));
    assert!(!stage.committer.is_awaited());
}

/// They come last, and nobody waits for them.
#[test]
fn renewals_go_out_in_parts_as_well() {
    let mut items = many();
    for item in &mut items[..299] {
        item.is_renewal = true;
    }
    let mut stage = Stage::every(Some(Duration::from_secs(5)));
    stage.ask(ONE);
    let begin = stage.now;
    let parts = stage.parts(&items);
    let (claims, told) = &parts[0];
    assert_eq!((claims[0], &told[..]), (300, &[(ONE, true)][..]));
    assert_eq!((parts.len(), stage.now), (3, begin));
    assert!(!stage.committer.is_due(stage.now));
}

/// What is marked meanwhile would be committed with them, and nobody has asked for that.
#[test]
fn by_hand_the_rest_of_the_renewals_waits_for_the_next_commit() {
    let mut items = many();
    for item in &mut items[..299] {
        item.is_renewal = true;
    }
    let mut stage = Stage::new();
    stage.ask(ONE);
    stage.claims_of(&items);
    assert_eq!(stage.answer_all(ErrorCode::NONE), [(ONE, true)]);
    assert_eq!(stage.committer.deadline(), None);
}

/// Others that go well do not change that.
#[test]
fn a_part_that_fails_each_time_is_told_after_some_tries() {
    let mut stage = Stage::new();
    stage.ask(ONE);
    let items = many();
    let mut told = Vec::new();
    for attempt in 0..=RETRIES {
        assert_eq!(told, [], "attempt {attempt}");
        assert_eq!(stage.claims_of(&items).0[0], 1);
        assert_eq!(stage.answer_all(ErrorCode::NONE), []);
        assert_eq!(stage.claims_of(&items).0[0], 129);
        told = stage.answer_all(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    }
    assert_eq!(told, [(ONE, false)]);
}

/// It is refused alone.
#[test]
fn a_mark_that_is_larger_than_a_commit_may_be_keeps_no_other_from_being_committed() {
    let mut stage = Stage::new();
    stage.ask(ONE);
    let mut items = many();
    items.truncate(3);
    items[1].metadata = "x".repeat(600 * 1024);
    let sizes = stage
        .parts(&items)
        .into_iter()
        .map(|(claims, _)| claims.len());
    assert_eq!(sizes.collect::<Vec<_>>(), [1, 1, 1]);
}
