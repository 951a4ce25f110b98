//! The checker has tests of its own for each law. These show that it is told what stands in a log.

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

/// The laws that a story breaks, by the first word that is said of each breach.
fn broken_by(rules: Rules, story: impl IntoIterator<Item = Vec<Event>>) -> Vec<String> {
    let start = Instant::now();
    let events = story.into_iter().flatten();
    let entries: Vec<Entry> = (0..)
        .zip(events)
        .map(|(number, event)| Entry {
            at: start + Duration::from_micros(number),
            event,
        })
        .collect();
    let violations = violations(&entries, rules);
    let first_word = |words: &String| words.split(' ').next().map(str::to_owned);
    let mut laws: Vec<String> = violations.iter().filter_map(first_word).collect();
    laws.sort();
    laws.dedup();
    laws
}

fn broken(story: impl IntoIterator<Item = Vec<Event>>) -> Vec<String> {
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
    assert_eq!(broken(handover(3)), [""; 0]);
}

#[test]
fn a_record_that_never_came_is_missed() {
    let story = [
        vec![produced(0..6), claimed(A, "a", 0, Cause::Assigned)],
        delivered(A, 0..5),
    ];
    assert_eq!(broken(story.clone()), ["Everything"]);
    let rules = Rules {
        complete: false,
        ..RULES
    };
    assert_eq!(
        broken_by(rules, story),
        [""; 0],
        "it is not told to its end"
    );
}

#[test]
fn a_hole_and_a_repetition_are_seen() {
    for second in [0, 2] {
        let story = [
            vec![produced(0..3), claimed(A, "a", 0, Cause::Assigned)],
            delivered(A, 0..1),
            delivered(A, second..second + 1),
        ];
        let laws = broken(story);
        assert!(laws.iter().any(|law| law == "Successive"), "{laws:?}");
    }
}

#[test]
fn a_claim_starts_at_the_commit_in_force_at_this_moment() {
    assert_eq!(broken(handover(2)), ["Start", "Twice"]);
    assert_eq!(broken(handover(4)), ["Start"], "the others skip nothing");
    let mut late = handover(3);
    late.insert(3, vec![committed("", 4)]);
    assert_eq!(broken(late), ["Start", "Twice"], "3 was in force before");
}

#[test]
fn a_claim_starts_where_the_policy_says() {
    let story = |start| {
        let member = "a".to_owned();
        [
            vec![produced(0..2), Event::Started { member }, produced(2..5)],
            vec![claimed(A, "a", start, Cause::Assigned)],
            delivered(A, start..5),
        ]
    };
    let newest = Rules {
        initial: Policy::Newest,
        ..RULES
    };
    assert_eq!(broken_by(newest, story(3)), [""; 0]);
    assert_eq!(broken_by(newest, story(1)), ["Start"]);
    let place = place();
    let deleted = Event::DeletedBefore { place, offset: 2 };
    let story = |start| {
        [
            vec![produced(0..6), committed("", 9), deleted.clone()],
            vec![claimed(A, "a", start, Cause::OutOfRange)],
            delivered(A, start..6),
        ]
    };
    assert_eq!(broken(story(2)), [""; 0]);
    assert_eq!(broken(story(3)), ["Everything", "Start"]);
}

#[test]
fn a_commit_ahead_of_the_marks_or_back_is_seen() {
    let story = |marks: Vec<Event>, commits: &[i64]| {
        [
            vec![produced(0..6), claimed(A, "a", 0, Cause::Assigned)],
            delivered(A, 0..6),
            marks,
            commits.iter().map(|next| committed("a", *next)).collect(),
        ]
    };
    assert_eq!(broken(story(vec![marked(A, 2)], &[3])), [""; 0]);
    assert_eq!(broken(story(vec![marked(A, 2)], &[4])), ["NotAhead"]);
    assert_eq!(broken(story(vec![marked(A, 2)], &[3, 2])), ["Monotonic"]);
    let acks = vec![acked(A, 0), acked(A, 1), acked(A, 3)];
    assert_eq!(broken(story(acks.clone(), &[2])), [""; 0]);
    assert_eq!(broken(story(acks, &[4])), ["NotAhead"]);
    let claim = A;
    let undone = vec![marked(A, 4), Event::Reset { claim, offset: 1 }];
    assert_eq!(broken(story(undone, &[5, 2])), [""; 0]);
}

#[test]
fn a_delivery_after_a_later_claim_or_after_the_end_is_seen() {
    let mut story = handover(3);
    story.insert(4, delivered(A, 4..5));
    assert_eq!(broken(story), ["Generation"]);
    let story = [
        vec![produced(0..2), claimed(A, "a", 0, Cause::Assigned)],
        delivered(A, 0..1),
        vec![Event::Ended { claim: A }],
        delivered(A, 1..2),
    ];
    assert_eq!(broken(story), ["Generation"]);
}
