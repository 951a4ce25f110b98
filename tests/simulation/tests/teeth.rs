//! The oracle can fail: for every law a history that breaks it is found out.

use std::time::{Duration, Instant};

use simulation::oracle::{Oracle, Place, Turn, Violation};

fn place() -> Place {
    ("topic".to_owned(), 0)
}

const FIRST: Turn = Turn {
    member: 1,
    claim: 1,
};
const SECOND: Turn = Turn {
    member: 2,
    claim: 1,
};

/// A history up to here that breaks nothing: the first member has read and marked 0 to 9.
fn sound(now: Instant) -> Oracle {
    let mut oracle = Oracle::default();
    oracle.turn_begins(now, &place(), FIRST, 0);
    for offset in 0..10 {
        oracle.delivered(now, &place(), FIRST, offset, true);
    }
    oracle.marked(&place(), 10);
    oracle.committed(now, &place(), 10);
    assert!(oracle.findings.is_empty());
    assert!(oracle.is_done(&place(), 10));
    oracle
}

fn found(oracle: &Oracle) -> &Violation {
    assert_eq!(oracle.findings.len(), 1, "{:?}", oracle.findings);
    &oracle.findings[0].violation
}

#[test]
fn a_hole_a_repetition_and_an_inversion_are_found() {
    let now = Instant::now();
    for wrong in [11, 9, 5] {
        let mut oracle = sound(now);
        oracle.delivered(now, &place(), FIRST, wrong, true);
        assert_eq!(
            *found(&oracle),
            Violation::NotSuccessive {
                expected: 10,
                got: wrong
            }
        );
    }
}

#[test]
fn a_record_with_another_content_is_found() {
    let now = Instant::now();
    let mut oracle = sound(now);
    oracle.delivered(now, &place(), FIRST, 10, false);
    assert_eq!(*found(&oracle), Violation::WrongContent);
}

#[test]
fn a_start_without_a_cause_is_found() {
    let now = Instant::now();
    for wrong in [9, 11] {
        let mut oracle = sound(now);
        oracle.turn_begins(now, &place(), SECOND, wrong);
        assert!(matches!(
            found(&oracle),
            Violation::StartWithoutCause { .. }
        ));
    }
    let mut oracle = sound(now);
    oracle.turn_begins(now + Duration::from_secs(60), &place(), SECOND, 0);
    assert!(
        matches!(found(&oracle), Violation::StartWithoutCause { .. }),
        "the group has a commit"
    );
}

#[test]
fn a_commit_that_runs_ahead_or_back_is_found() {
    let now = Instant::now();
    let mut oracle = sound(now);
    oracle.committed(now, &place(), 11);
    assert_eq!(
        *found(&oracle),
        Violation::CommitAhead {
            committed: 11,
            allowed: 10
        }
    );
    let mut oracle = sound(now);
    oracle.committed(now, &place(), 9);
    assert_eq!(*found(&oracle), Violation::CommitBack { from: 10, to: 9 });
}

#[test]
fn a_delivery_after_somebody_elses_later_turn_has_begun_is_found() {
    let now = Instant::now();
    let mut oracle = sound(now);
    oracle.turn_begins(now, &place(), SECOND, 10);
    oracle.delivered(now, &place(), FIRST, 10, true);
    assert_eq!(*found(&oracle), Violation::StaleDelivery { later: SECOND });
}

#[test]
fn a_record_that_never_came_and_a_commit_that_never_came_are_found() {
    let now = Instant::now();
    let mut oracle = sound(now);
    oracle.conclude(&place(), 12);
    assert_eq!(
        *found(&oracle),
        Violation::Lost {
            offset: 10,
            end: 12
        }
    );
    let mut oracle = sound(now);
    oracle.delivered(now, &place(), FIRST, 10, true);
    oracle.conclude(&place(), 11);
    assert_eq!(
        *found(&oracle),
        Violation::NotCommitted {
            committed: Some(10),
            end: 11
        }
    );
}
