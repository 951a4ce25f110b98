//! Every law catches a story that breaks it, and only that law does.

use super::*;

const A: ClaimNo = ClaimNo(1);
const B: ClaimNo = ClaimNo(2);

const RULES: Rules = Rules {
    initial: Policy::Oldest,
    out_of_range: Policy::Oldest,
    complete: true,
};

fn place() -> Place {
    ("t".to_owned(), 0)
}

fn produced(offsets: Range<i64>) -> Event {
    let place = place();
    Event::Produced { place, offsets }
}

fn claimed(claim: ClaimNo, member: &str, start: i64, cause: Cause) -> Event {
    Event::Claimed {
        claim,
        member: member.to_owned(),
        place: place(),
        start,
        cause,
    }
}

fn delivered(claim: ClaimNo, offsets: Range<i64>) -> Vec<Event> {
    offsets
        .map(|offset| Event::Delivered { claim, offset })
        .collect()
}

fn committed(member: &str, offset: i64) -> Event {
    Event::Committed {
        member: member.to_owned(),
        place: place(),
        offset,
    }
}

fn marked(claim: ClaimNo, offset: i64) -> Event {
    Event::Marked { claim, offset }
}

fn acked(claim: ClaimNo, offset: i64) -> Event {
    Event::Acked { claim, offset }
}

fn reset(claim: ClaimNo, offset: i64) -> Event {
    Event::Reset { claim, offset }
}

fn started(member: &str) -> Event {
    let member = member.to_owned();
    Event::Started { member }
}

/// The laws that a story breaks, each once.
fn broken_by(rules: Rules, story: impl IntoIterator<Item = Vec<Event>>) -> Vec<Law> {
    let at = Instant::now();
    let events = story.into_iter().flatten();
    let entries: Vec<Entry> = events.map(|event| Entry { at, event }).collect();
    let laws: BTreeSet<Law> = violations(&entries, rules).iter().map(|v| v.law).collect();
    laws.into_iter().collect()
}

fn broken(story: impl IntoIterator<Item = Vec<Event>>) -> Vec<Law> {
    broken_by(RULES, story)
}

/// Member a reads 0 to 3 and marks 0 to 2; b goes on.
fn handover(start: i64) -> Vec<Vec<Event>> {
    vec![
        vec![produced(0..6), claimed(A, "a", 0, Cause::Assigned)],
        delivered(A, 0..4),
        vec![marked(A, 2), committed("a", 3), Event::Ended { claim: A }],
        vec![claimed(B, "b", start, Cause::Assigned)],
        delivered(B, start..6),
        vec![marked(B, 5), committed("b", 6)],
    ]
}

#[test]
fn a_good_story_breaks_none() {
    assert_eq!(broken(handover(3)), []);
}

#[test]
fn a_record_that_never_came_is_missed() {
    let story = [
        vec![produced(0..6), claimed(A, "a", 0, Cause::Assigned)],
        delivered(A, 0..5),
    ];
    assert_eq!(broken(story.clone()), [Law::Everything]);
    let rules = Rules {
        complete: false,
        ..RULES
    };
    assert_eq!(broken_by(rules, story), [], "it is not told to its end");
}

#[test]
fn a_hole_a_repetition_and_an_inversion_are_seen() {
    for [first, second, third] in [[0, 1, 3], [0, 0, 1], [1, 0, 2]] {
        let story = [
            vec![produced(0..3), claimed(A, "a", 0, Cause::Assigned)],
            delivered(A, first..first + 1),
            delivered(A, second..second + 1),
            delivered(A, third..third + 1),
        ];
        let laws = broken(story);
        assert!(laws.contains(&Law::Successive), "{laws:?}");
    }
}

#[test]
fn a_gap_in_the_log_is_no_hole() {
    let story = [
        vec![
            produced(0..2),
            produced(5..7),
            claimed(A, "a", 0, Cause::Assigned),
        ],
        delivered(A, 0..2),
        delivered(A, 5..7),
    ];
    assert_eq!(broken(story), []);
}

#[test]
fn a_claim_that_starts_beside_the_commit_is_seen() {
    assert_eq!(broken(handover(2)), [Law::Start, Law::Twice]);
    assert_eq!(broken(handover(4)), [Law::Start], "the others skip nothing");
}

#[test]
fn a_first_claim_starts_where_the_policy_says() {
    let story = [
        vec![produced(0..2), claimed(A, "a", 1, Cause::Assigned)],
        delivered(A, 1..2),
    ];
    assert_eq!(broken(story), [Law::Everything, Law::Start]);
    let newest = Rules {
        initial: Policy::Newest,
        ..RULES
    };
    let story = |start| {
        [
            vec![produced(0..2), started("a"), produced(2..5)],
            vec![claimed(A, "a", start, Cause::Assigned)],
            delivered(A, start..5),
        ]
    };
    assert_eq!(broken_by(newest, story(3)), []);
    assert_eq!(broken_by(newest, story(1)), [Law::Start]);
}

#[test]
fn a_claim_after_an_offset_out_of_range_starts_where_the_policy_says() {
    let before = vec![produced(0..6), committed("", 9)];
    let deleted = Event::DeletedBefore {
        place: place(),
        offset: 2,
    };
    let story = |start| {
        [
            before.clone(),
            vec![deleted.clone(), claimed(A, "a", start, Cause::OutOfRange)],
            delivered(A, start..6),
        ]
    };
    assert_eq!(broken(story(2)), []);
    assert_eq!(broken(story(3)), [Law::Everything, Law::Start]);
}

#[test]
fn a_handle_offered_again_starts_at_the_last_mark() {
    let story = |start| {
        [
            vec![produced(0..6), claimed(A, "a", 0, Cause::Assigned)],
            delivered(A, 0..4),
            vec![marked(A, 1), Event::Ended { claim: A }],
            vec![claimed(B, "a", start, Cause::Reoffered)],
            delivered(B, start..6),
        ]
    };
    assert_eq!(broken(story(2)), []);
    assert_eq!(broken(story(1)), [Law::Start, Law::Twice]);
    assert_eq!(broken(story(3)), [Law::Start]);
}

#[test]
fn a_commit_that_goes_back_is_seen_unless_there_is_a_reason() {
    let story = |reason: Vec<Event>, lower| {
        [
            vec![produced(0..6), claimed(A, "a", 0, Cause::Assigned)],
            delivered(A, 0..6),
            vec![marked(A, 4), committed("a", 5)],
            reason,
            vec![committed("a", lower)],
        ]
    };
    assert_eq!(broken(story(vec![], 3)), [Law::Monotonic]);
    assert_eq!(broken(story(vec![reset(A, 2)], 3)), []);
    assert_eq!(
        broken(story(vec![reset(A, 2), committed("a", 3)], 2)),
        [Law::Monotonic],
        "one reset explains one step back"
    );
}

#[test]
fn a_commit_ahead_of_the_marks_is_seen() {
    let story = |marks: Vec<Event>, commit| {
        [
            vec![produced(0..6), claimed(A, "a", 0, Cause::Assigned)],
            delivered(A, 0..6),
            marks,
            vec![committed("a", commit)],
        ]
    };
    assert_eq!(broken(story(vec![marked(A, 2)], 3)), []);
    assert_eq!(broken(story(vec![marked(A, 2)], 4)), [Law::NotAhead]);
    let acks = vec![acked(A, 0), acked(A, 1), acked(A, 3)];
    assert_eq!(broken(story(acks.clone(), 2)), []);
    assert_eq!(broken(story(acks, 4)), [Law::NotAhead]);
    let acks_behind_a_mark = vec![acked(A, 3), marked(A, 2)];
    assert_eq!(broken(story(acks_behind_a_mark, 4)), []);
    let acks_undone = vec![acked(A, 0), acked(A, 1), reset(A, 0), committed("a", 1)];
    assert_eq!(broken(story(acks_undone, 2)), [Law::NotAhead]);
}

#[test]
fn a_commit_that_was_on_its_way_at_a_reset_is_none_of_it() {
    let story = [
        vec![produced(0..6), claimed(A, "a", 0, Cause::Assigned)],
        delivered(A, 0..6),
        vec![marked(A, 4), reset(A, 1), committed("a", 5)],
        vec![committed("a", 2)],
    ];
    assert_eq!(broken(story), []);
}

#[test]
fn a_stranger_may_commit_the_start_and_no_more() {
    let story = |commit| {
        [
            vec![produced(0..2), committed("a", commit)],
            vec![claimed(A, "a", 0, Cause::Assigned)],
            delivered(A, 0..2),
        ]
    };
    assert_eq!(broken(story(0)), []);
    assert_eq!(broken(story(1)), [Law::Start, Law::NotAhead]);
}

#[test]
fn a_delivery_after_a_later_claim_or_after_the_end_is_seen() {
    let mut story = handover(3);
    story.insert(4, delivered(A, 4..5));
    assert_eq!(broken(story), [Law::Generation]);
    let story = [
        vec![produced(0..2), claimed(A, "a", 0, Cause::Assigned)],
        delivered(A, 0..1),
        vec![Event::Ended { claim: A }],
        delivered(A, 1..2),
    ];
    assert_eq!(broken(story), [Law::Generation]);
}
