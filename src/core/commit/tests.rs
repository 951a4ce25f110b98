//! Who waits for a commit is told, whatever becomes of the one before.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Committer, Item, Outcome, Settings, Snapshot, Ticket};
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
        self.send_item(item());
    }

    fn send_item(&mut self, item: Item) {
        let due = self.committer.deadline().expect("somebody waits");
        self.now = self.now.max(due);
        let snapshot =
            self.committer
                .snapshot(self.now, vec![item], Some(&self.session), &mut self.tokens);
        assert!(matches!(snapshot, Snapshot::Call(..)), "{snapshot:?}");
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

#[test]
fn a_renewal_leaves_no_doubt_and_is_worth_no_wait() {
    let mut stage = Stage::every(Some(Duration::from_secs(1)));
    let renewal = Item {
        is_renewal: true,
        ..item()
    };
    stage.send_item(renewal.clone());
    assert!(!stage.committer.is_in_doubt(ClaimId(1)));
    assert!(stage.committer.abandon_renewal());
    let lost = Error::new(ErrorKind::Disconnected, "commit");
    stage.committer.answer(stage.now, Err(lost));
    assert!(stage.committer.failure().is_none());
    assert!(!stage.committer.abandon_renewal(), "it is over");

    stage.ask(ONE);
    stage.send_item(renewal.clone());
    assert!(!stage.committer.abandon_renewal(), "somebody waits");
    assert_eq!(stage.answer(ErrorCode::NONE), [(ONE, true)]);
    stage.send_item(renewal);
    stage.ask(OTHER);
    assert!(!stage.committer.abandon_renewal(), "somebody waits");
    stage.answer(ErrorCode::NONE);
    stage.send();
    assert!(!stage.committer.abandon_renewal(), "it is new");
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
    let mut stage = Stage::new();
    let mut tries = 0;
    let mut told = 0;
    loop {
        stage.ask(ONE);
        if stage.committer.worth(stage.now, vec![item()]).is_empty() {
            break;
        }
        stage.send();
        let outcomes = stage.committer.answer(
            stage.now,
            Ok(answered(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)),
        );
        told += outcomes
            .iter()
            .filter(|o| matches!(o, Outcome::Refused(..)))
            .count();
        tries += 1;
        assert!(
            stage.committer.worth(stage.now, vec![item()]).is_empty(),
            "not yet"
        );
        stage.committer.reconsider(|_| false);
        assert!(
            stage.committer.worth(stage.now, vec![item()]).is_empty(),
            "not there"
        );
        stage.committer.reconsider(|claim| claim == ClaimId(1));
    }
    assert_eq!((tries, told), (5, 1));
}

#[test]
fn what_is_refused_for_good_is_not_tried_again_before_it_would_be_renewed() {
    let mut stage = Stage::new();
    let mut refuse = |code| {
        stage.ask(ONE);
        stage.send();
        let outcomes = stage.committer.answer(stage.now, Ok(answered(code)));
        stage.committer.reconsider(|_| true);
        let is_worth = |at| !stage.committer.worth(at, vec![item()]).is_empty();
        let again_at = stage.now + stage.committer.settings.renewal();
        assert!(!is_worth(stage.now) && !is_worth(again_at - Duration::from_millis(1)));
        assert!(is_worth(again_at));
        stage.now = again_at;
        outcomes.iter().any(|o| matches!(o, Outcome::Refused(..)))
    };
    // And it is told once, unless there is another reason.
    assert!(refuse(ErrorCode::OFFSET_METADATA_TOO_LARGE));
    assert!(!refuse(ErrorCode::OFFSET_METADATA_TOO_LARGE));
    assert!(refuse(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
}
