//! The checker can fail: for every law a log that breaks it is caught, and one that just keeps it is not.

use std::{collections::BTreeSet, time::Duration};

use checker::{Checker, Finding, Law, Policy, Rules};

/// Reads a log whose times are left out: an event a millisecond, and `wait N` for so many seconds.
fn told(rules: Rules, log: &[&str]) -> (Checker, Duration) {
    let mut checker = Checker::new(rules);
    let mut at = Duration::ZERO;
    for line in log.iter().flat_map(|part| part.lines()) {
        let line = line.trim();
        at += Duration::from_millis(1);
        if let Some(seconds) = line.strip_prefix("wait ") {
            at += Duration::from_secs(seconds.parse().expect("a number"));
        } else if !line.is_empty() {
            let line = format!("{} {line}", at.as_nanos());
            checker.read(&line).expect("the log is well written");
        }
    }
    (checker, at)
}

fn findings_by(rules: Rules, log: &[&str]) -> Vec<Finding> {
    let (mut checker, at) = told(rules, log);
    checker.conclude(at);
    checker.findings().to_vec()
}

/// The laws that a log breaks, each once.
fn broken_by(rules: Rules, log: &[&str]) -> Vec<Law> {
    let laws: BTreeSet<Law> = findings_by(rules, log).iter().map(|f| f.law).collect();
    laws.into_iter().collect()
}

fn broken(log: &[&str]) -> Vec<Law> {
    broken_by(Rules::default(), log)
}

/// Ten records are there; a reads four of them and marks three, and that is committed.
const A: &str = "produced t 0 0-9
    started a
    claimed a 1 t 0 0 assigned
    delivered a 1 t 0 0-3
    marked a 1 t 0 2
    committed t 0 3 a";

/// Member b takes over and gets everything done.
const B: &str = "claimed b 1 t 0 3 assigned
    delivered b 1 t 0 3-9
    marked b 1 t 0 9
    committed t 0 10 b";

#[test]
fn a_sound_log_breaks_none() {
    let (mut checker, at) = told(Rules::default(), &[A, "ended a 1 t 0", B]);
    assert!(checker.is_done());
    checker.conclude(at);
    assert_eq!(checker.findings(), []);
    let figures = checker.figures();
    assert_eq!((figures.produced, figures.deliveries), (10, 11));
    assert_eq!(
        (figures.repetitions, figures.claims, figures.commits),
        (1, 2, 2)
    );
}

#[test]
fn everything_a_record_that_never_came_is_missed() {
    let early = "claimed b 1 t 0 3 assigned
        delivered b 1 t 0 3-8";
    assert_eq!(broken(&[A, early]), [Law::Everything]);
    assert_eq!(broken(&[A, B, "produced t 1 0"]), [Law::Everything]);
    let (checker, _) = told(Rules::default(), &[A, early]);
    assert!(!checker.is_done());
    assert_eq!(checker.findings(), [], "it may come yet");
}

#[test]
fn everything_what_was_removed_need_not_come() {
    let early = "claimed b 1 t 0 3 assigned
        delivered b 1 t 0 3-8
        marked b 1 t 0 8
        committed t 0 9 b";
    assert_eq!(broken(&[A, early, "removed t 0 9"]), []);
    assert_eq!(broken(&[A, early, "log-start t 0 10"]), []);
    assert_eq!(broken(&[A, early, "truncated t 0 9"]), []);
    assert_eq!(broken(&[A, "removed t 0 20-29", B]), []);
    assert_eq!(
        broken(&["removed t 0 10-11\nproduced t 0 10-12", A, B]),
        [Law::Everything]
    );
}

#[test]
fn successive_a_hole_a_repetition_and_an_inversion_are_seen() {
    for wrong in [
        "delivered a 1 t 0 5",
        "delivered a 1 t 0 3",
        "delivered a 1 t 0 1",
    ] {
        let laws = broken(&[A, wrong, B]);
        assert!(laws.contains(&Law::Successive), "{wrong}: {laws:?}");
    }
    assert_eq!(broken(&[A, "delivered a 1 t 0 4-5", B]), []);
}

#[test]
fn successive_a_hole_at_the_start_is_seen() {
    let late = "claimed b 1 t 0 3 assigned
        delivered b 1 t 0 5-9";
    let laws = broken(&[A, late]);
    assert!(laws.contains(&Law::Successive), "{laws:?}");
}

#[test]
fn successive_gaps_of_the_log_are_no_holes() {
    let ends = "marked a 1 t 0 6
        committed t 0 7 a";
    let gap = "claimed a 1 t 0 0 assigned
        delivered a 1 t 0 0-1,5-6";
    assert_eq!(broken(&["produced t 0 0-1,5-6", gap, ends]), []);
    assert_eq!(
        broken(&["produced t 0 0-6\nremoved t 0 2-4", gap, ends]),
        []
    );
    assert_eq!(
        broken(&["produced t 0 0-6\nlog-start t 0 5", gap, ends]),
        []
    );
}

#[test]
fn successive_a_hole_is_seen_when_its_record_is_told_of() {
    let gap = "produced t 0 0-1,5-6
        claimed a 1 t 0 0 assigned
        delivered a 1 t 0 0-1,5-6
        marked a 1 t 0 6
        committed t 0 7 a";
    let produced = findings_by(Rules::default(), &[gap, "produced t 0 3"]);
    assert_eq!(produced[0].law, Law::Successive);
    // Nobody acknowledged it, but somebody got it, so it exists.
    let delivered = "committed t 0 2 !
        claimed b 1 t 0 2 assigned
        delivered b 1 t 0 3,5-6";
    assert_eq!(broken(&[gap, delivered]), [Law::Successive, Law::Liveness]);
    assert_eq!(broken(&[gap, "removed t 0 3\nproduced t 0 3"]), []);
}

#[test]
fn content_another_record_than_was_written_is_seen() {
    assert_eq!(broken(&[A, "garbled a 1 t 0 3", B]), [Law::Content]);
}

#[test]
fn start_a_claim_beside_the_commit_is_seen() {
    let from = |start| {
        format!(
            "claimed b 1 t 0 {start} assigned\ndelivered b 1 t 0 {start}-9\nmarked b 1 t 0 9\n\
             committed t 0 10 b"
        )
    };
    let later = [A, "wait 60", &from(3)];
    assert_eq!(broken(&later), []);
    assert_eq!(
        broken(&[A, "wait 60", &from(4)]),
        [Law::Start],
        "only a saw 3"
    );
    assert_eq!(broken(&[A, "wait 60", &from(2)]), [Law::Start, Law::Twice]);
    assert_eq!(broken(&[A, "wait 60", &from(0)]), [Law::Start, Law::Twice]);
    assert_eq!(broken(&[A, &from(0)]), [], "just now nothing was committed");
}

#[test]
fn start_with_grants_only_the_commit_in_force_then_will_do() {
    let granted = "granted t 0 b 2";
    let from_0 = "claimed b 1 t 0 0 assigned\ndelivered b 1 t 0 0-9";
    let done = "marked b 1 t 0 9\ncommitted t 0 10 b";
    assert_eq!(
        broken(&[A, granted, from_0, done]),
        [Law::Start, Law::Twice]
    );
    assert_eq!(broken(&[A, granted, B]), []);
    // The grant of another generation says nothing of this one.
    let other = "claimed b 1 t 0 0 assigned 1\ndelivered b 1 t 0 0-9";
    assert_eq!(broken(&[A, granted, other, done]), []);
}

#[test]
fn start_a_commit_without_answer_may_be_in_force_and_a_refused_one_is_not() {
    let sent = |answer: &str| {
        format!(
            "produced t 0 0-9\nclaimed a 1 t 0 0 assigned\ndelivered a 1 t 0 0-4\n\
             marked a 1 t 0 2\nsent a 7 t 0 3\nanswered a 7 t 0 accepted\n\
             marked a 1 t 0 4\nsent a 8 t 0 5\n{answer}\nwait 60"
        )
    };
    let rest = |start| {
        format!(
            "claimed b 1 t 0 {start} assigned\ndelivered b 1 t 0 {start}-9\nmarked b 1 t 0 9\n\
             sent b 1 t 0 10\nanswered b 1 t 0 accepted"
        )
    };
    for unknown in ["", "answered a 8 t 0 unanswered", "died a"] {
        assert_eq!(broken(&[&sent(unknown), &rest(3)]), [], "{unknown}");
        assert_eq!(broken(&[&sent(unknown), &rest(5)]), [], "{unknown}");
        let log = [sent(unknown), rest(4)];
        assert_eq!(broken(&[&log[0], &log[1]]), [Law::Start], "{unknown}");
    }
    let refused = sent("answered a 8 t 0 refused");
    assert_eq!(broken(&[&refused, &rest(3)]), []);
    assert_eq!(broken(&[&refused, &rest(5)]), [Law::Start]);
    let accepted = sent("answered a 8 t 0 accepted");
    assert_eq!(broken(&[&accepted, &rest(5)]), []);
    assert_eq!(broken(&[&accepted, &rest(3)]), [Law::Start, Law::Twice]);
}

/// A handle that is given back is offered again from the last mark, which tells nothing of the commit of that mark.
#[test]
fn start_of_a_claim_that_is_offered_again_settles_no_doubt() {
    let offered_again = "granted t 0 a 1
        produced t 0 0-9
        claimed a 1 t 0 0 given
        delivered a 1 t 0 0-4
        marked a 1 t 0 4
        ended a 1 t 0
        sent a 1 t 0 5
        claimed a 2 t 0 5 given
        answered a 1 t 0 unanswered
        died a
        wait 60
        granted t 0 b 2";
    let rest = |start| {
        format!(
            "claimed b 1 t 0 {start} given\ndelivered b 1 t 0 {start}-9\nmarked b 1 t 0 9\n\
             sent b 1 t 0 10\nanswered b 1 t 0 accepted"
        )
    };
    assert_eq!(broken(&[offered_again, &rest(0)]), []);
    assert_eq!(broken(&[offered_again, &rest(5)]), []);
    assert_eq!(broken(&[offered_again, &rest(4)]), [Law::Start]);
}

#[test]
fn start_doubt_ends_with_the_next_commit_in_force() {
    let doubt = "produced t 0 0-9
        claimed a 1 t 0 0 assigned
        delivered a 1 t 0 0-4
        marked a 1 t 0 4
        sent a 1 t 0 5
        answered a 1 t 0 unanswered
        wait 60
        claimed b 1 t 0 0 assigned
        delivered b 1 t 0 0-7";
    let rest = |start| {
        format!(
            "wait 60\nclaimed a 2 t 0 {start} assigned\ndelivered a 2 t 0 {start}-9\n\
             marked a 2 t 0 9\ncommitted t 0 10 a"
        )
    };
    assert_eq!(
        broken(&[doubt, &rest(5)]),
        [],
        "it has come into force late"
    );
    let settled = "marked b 1 t 0 6\nsent b 1 t 0 7\nanswered b 1 t 0 accepted";
    assert_eq!(broken(&[doubt, settled, &rest(7)]), []);
    assert_eq!(
        broken(&[doubt, settled, &rest(5)]),
        [Law::Start, Law::Twice]
    );
}

#[test]
fn start_at_a_doubtful_commit_shows_that_it_is_in_force() {
    let log = "produced t 0 0-9
        claimed a 1 t 0 0 assigned
        delivered a 1 t 0 0-4
        marked a 1 t 0 4
        sent a 1 t 0 5
        wait 60
        claimed b 1 t 0 5 assigned
        wait 60";
    let rest = |start| {
        format!(
            "claimed c 1 t 0 {start} assigned\ndelivered c 1 t 0 {start}-9\nmarked c 1 t 0 9\n\
             committed t 0 10 c"
        )
    };
    for answer in ["", "answered a 1 t 0 accepted", "died a"] {
        assert_eq!(broken(&[log, answer, &rest(5)]), [], "{answer}");
        assert_eq!(
            broken(&[log, answer, &rest(0)]),
            [Law::Start, Law::Twice],
            "{answer}"
        );
    }
}

#[test]
fn start_a_grant_that_is_told_before_the_last_answer_is_no_breach() {
    let log = |start| {
        format!(
            "produced t 0 0-9\ngranted t 0 a 1\nclaimed a 1 t 0 0 assigned\n\
             delivered a 1 t 0 0-4\nmarked a 1 t 0 2\nsent a 1 t 0 3\n\
             answered a 1 t 0 accepted\nmarked a 1 t 0 4\nsent a 2 t 0 5\ngranted t 0 b 2\n\
             answered a 2 t 0 accepted\nclaimed b 1 t 0 {start} assigned\n\
             delivered b 1 t 0 {start}-9\nmarked b 1 t 0 9\nsent b 1 t 0 10\n\
             answered b 1 t 0 accepted"
        )
    };
    assert_eq!(broken(&[&log(5)]), []);
    assert_eq!(broken(&[&log(0)]), [Law::Start, Law::Twice]);
}

#[test]
fn start_without_a_commit_it_is_where_the_policy_says() {
    let claim = |start| {
        format!(
            "produced t 0 3-4\nclaimed a 1 t 0 {start} assigned\ndelivered a 1 t 0 {start}-4\n\
             marked a 1 t 0 4\ncommitted t 0 5 a"
        )
    };
    let before = "produced t 0 0-2\nstarted a";
    assert_eq!(broken(&[before, &claim(0)]), []);
    assert_eq!(broken(&[before, &claim(3)]), [Law::Everything, Law::Start]);
    assert_eq!(
        broken(&["produced t 0 0-2\nlog-start t 0 2", &claim(2)]),
        []
    );
    let newest = Rules {
        initial: Policy::Newest,
        ..Rules::default()
    };
    assert_eq!(broken_by(newest, &[before, &claim(3)]), []);
    assert_eq!(broken_by(newest, &[before, &claim(2)]), [Law::Start]);
    let committed = Rules {
        read_committed: true,
        ..newest
    };
    let held_back = broken_by(committed, &[before, &claim(2)]);
    assert_eq!(held_back, [], "a transaction may be open");
}

#[test]
fn start_out_of_range_goes_where_the_policy_says() {
    let claim = |start| {
        format!(
            "log-start t 0 5\nwait 60\nclaimed b 1 t 0 {start} out-of-range\n\
             delivered b 1 t 0 {start}-9\nmarked b 1 t 0 9\ncommitted t 0 10 b"
        )
    };
    assert_eq!(broken(&[A, &claim(5)]), []);
    assert_eq!(broken(&[A, &claim(6)]), [Law::Everything, Law::Start]);
    let not_looked = claim(5).replace("t 0 5 out", "t 0 0 out");
    assert_eq!(
        broken(&[A, &not_looked]),
        [],
        "nothing is before the oldest"
    );
}

#[test]
fn start_of_a_handle_offered_again_is_the_last_mark() {
    let claim = |start| {
        format!(
            "ended a 1 t 0\nclaimed a 2 t 0 {start} reoffered\ndelivered a 2 t 0 {start}-9\n\
             marked a 2 t 0 9\ncommitted t 0 10 a"
        )
    };
    assert_eq!(broken(&[A, &claim(3)]), []);
    assert_eq!(broken(&[A, &claim(2)]), [Law::Start, Law::Twice]);
    assert_eq!(broken(&[A, &claim(4)]), [Law::Start]);
}

#[test]
fn start_given_it_is_the_last_mark_if_it_is_the_same_generation() {
    let first = "granted t 0 a 1\nproduced t 0 0-9\nclaimed a 1 t 0 0 given\ndelivered a 1 t 0 0-5\n\
        marked a 1 t 0 1\ncommitted t 0 2 a\nmarked a 1 t 0 4\nended a 1 t 0";
    let again = |start| {
        format!(
            "claimed a 2 t 0 {start} given\ndelivered a 2 t 0 {start}-9\nmarked a 2 t 0 9\n\
             committed t 0 10 a"
        )
    };
    assert_eq!(broken(&[first, &again(5)]), []);
    assert_eq!(broken(&[first, &again(2)]), [Law::Start, Law::Twice]);
    assert_eq!(broken(&[first, &again(6)]), [Law::Start]);
    let later = "granted t 0 a 2";
    assert_eq!(broken(&[first, later, &again(2)]), [], "the commit");
    assert_eq!(broken(&[first, later, &again(5)]), [], "told late");
    assert_eq!(broken(&[first, later, &again(3)]), [Law::Start]);
}

/// Who gives its claims up and joins anew may be told the generation that it was in: nobody has missed it.
#[test]
fn start_assigned_once_more_in_a_generation_it_is_the_commit() {
    let first = "granted t 0 a 1\nproduced t 0 0-9\nclaimed a 1 t 0 0 assigned\n\
        delivered a 1 t 0 0-5\nmarked a 1 t 0 1\ncommitted t 0 2 a\nmarked a 1 t 0 4\nended a 1 t 0";
    let again = |start| {
        format!(
            "claimed a 2 t 0 {start} assigned\ndelivered a 2 t 0 {start}-9\nmarked a 2 t 0 9\n\
             committed t 0 10 a"
        )
    };
    assert_eq!(broken(&[first, &again(2)]), []);
    assert_eq!(broken(&[first, &again(5)]), [Law::Start]);
}

#[test]
fn start_untold_it_must_follow_a_delivery() {
    let claim = |start| format!("claimed b 1 t 0 {start} untold\ndelivered b 1 t 0 {start}-9");
    let first = "produced t 0 2-9\nclaimed a 1 t 0 2 untold\ndelivered a 1 t 0 2-5";
    for sound in [2, 4, 6] {
        assert_eq!(broken(&[first, &claim(sound)]), [], "{sound}");
    }
    assert_eq!(broken(&[first, &claim(7)]), [Law::Everything, Law::Start]);
    // Whoever was given what lies before may be told of later.
    assert_eq!(
        broken(&[
            "produced t 0 2-9",
            &claim(6),
            "claimed a 1 t 0 2 untold\ndelivered a 1 t 0 2-5"
        ]),
        []
    );
}

#[test]
fn twice_a_record_below_the_commit_in_force_is_seen() {
    // The start is right, and what comes is not.
    let again = "wait 60
        claimed b 1 t 0 3 assigned
        delivered b 1 t 0 2-9
        marked b 1 t 0 9
        committed t 0 10 b";
    assert_eq!(broken(&[A, again]), [Law::Successive, Law::Twice]);
    assert_eq!(
        broken(&[A, B]),
        [],
        "3 was delivered twice, above the commit"
    );
}

#[test]
fn monotonic_a_commit_that_goes_back_is_seen() {
    let back = "committed t 0 2 a";
    assert_eq!(broken(&[A, back, "committed t 0 3 a", B]), [Law::Monotonic]);
    let forth = "marked a 1 t 0 3\ncommitted t 0 4 a\nwait 60\nclaimed b 1 t 0 4 assigned
        delivered b 1 t 0 4-9\nmarked b 1 t 0 9\ncommitted t 0 10 b";
    assert_eq!(broken(&[A, forth]), []);
    let by_another = "wait 60\nclaimed b 1 t 0 3 assigned\ncommitted t 0 2 b";
    assert!(broken(&[A, by_another]).contains(&Law::Monotonic));
}

#[test]
fn monotonic_a_reset_is_a_reason_once() {
    let reset = "reset a 1 t 0 1\ncommitted t 0 2 a";
    let rest = "wait 60\nclaimed b 1 t 0 2 assigned\ndelivered b 1 t 0 2-9
        marked b 1 t 0 9\ncommitted t 0 10 b";
    assert_eq!(broken(&[A, reset, rest]), []);
    assert_eq!(
        broken(&[A, reset, "committed t 0 1 a"]),
        [Law::Everything, Law::Monotonic]
    );
}

#[test]
fn monotonic_a_reset_is_a_reason_also_for_the_claim_that_is_offered_again() {
    let reset = "reset a 1 t 0 1\nended a 1 t 0";
    let claim = |cause, rest| format!("claimed a 2 t 0 2 {cause}\ncommitted t 0 2 a\n{rest}");
    let rest = "delivered a 2 t 0 2-9\nmarked a 2 t 0 9\ncommitted t 0 10 a";
    assert_eq!(broken(&[A, reset, &claim("reoffered", rest)]), []);
    let twice = "committed t 0 1 a";
    assert!(broken(&[A, reset, &claim("reoffered", twice)]).contains(&Law::Monotonic));
    assert!(broken(&[A, reset, &claim("assigned", rest)]).contains(&Law::Monotonic));
}

/// For instance one that was on its way when the topic was deleted and came again.
#[test]
fn monotonic_nobodys_commit_is_no_measure() {
    let log = |by| {
        format!(
            "claimed a 1 t 0 0 assigned\nproduced t 0 0-9\ncommitted t 0 7 {by}\n\
             committed t 0 0 a\ndelivered a 1 t 0 0-9\nmarked a 1 t 0 9\ncommitted t 0 10 a"
        )
    };
    assert_eq!(broken(&[&log("!")]), []);
    assert!(broken(&[&log("b")]).contains(&Law::Monotonic));
}

#[test]
fn not_ahead_the_start_of_a_claim_that_was_given_nothing_may_be_committed() {
    assert_eq!(broken(&["committed t 0 0 a"]), []);
    assert_eq!(broken(&["committed t 0 1 a"]), [Law::NotAhead]);
    assert_eq!(broken(&[A, "committed u 0 0 a", B]), []);
}

#[test]
fn monotonic_out_of_range_is_a_reason_also_if_the_commit_is_told_first() {
    let before = "produced t 0 0-4\ncommitted t 0 9 !\nwait 60";
    let claim = "claimed a 1 t 0 0 out-of-range";
    let commit = "committed t 0 0 a";
    let rest = "delivered a 1 t 0 0-4\nmarked a 1 t 0 4\ncommitted t 0 5 a";
    assert_eq!(broken(&[before, claim, commit, rest]), []);
    assert_eq!(broken(&[before, commit, claim, rest]), []);
    let elsewhere = "claimed a 1 t 0 9 assigned";
    assert!(broken(&[before, commit, elsewhere]).contains(&Law::NotAhead));
}

#[test]
fn monotonic_sent_commits_of_a_claim_do_not_go_back() {
    let sent = |offset, commit| {
        format!("sent a {commit} t 0 {offset}\nanswered a {commit} t 0 unanswered")
    };
    assert_eq!(broken(&[A, &sent(3, 1), &sent(3, 2), B]), []);
    let more = "marked a 1 t 0 3\nsent a 1 t 0 4\nanswered a 1 t 0 refused\nsent a 2 t 0 3";
    assert_eq!(broken(&[A, more, B]), [Law::Monotonic], "refused or not");
}

#[test]
fn monotonic_who_is_late_may_send_and_must_be_refused() {
    let late = |answer| format!("sent a 1 t 0 3\nanswered a 1 t 0 {answer}");
    assert_eq!(broken(&[A, B, &late("refused")]), []);
    assert_eq!(broken(&[A, B, &late("unanswered")]), []);
    let back = "sent b 1 t 0 7\nanswered b 1 t 0 accepted";
    assert_eq!(broken(&[A, B, back]), [Law::Monotonic, Law::Liveness]);
}

#[test]
fn not_ahead_a_commit_beyond_the_marks_is_seen() {
    assert_eq!(
        broken(&[A, "committed t 0 4 a"]),
        [Law::Everything, Law::NotAhead]
    );
    assert_eq!(
        broken(&[A, "sent a 1 t 0 4"]),
        [Law::Everything, Law::NotAhead]
    );
    assert_eq!(
        broken(&[A, "committed t 0 4 *"]),
        [Law::Everything, Law::NotAhead]
    );
    assert_eq!(
        broken(&[A, "marked a 1 t 0 3\ncommitted t 0 4 a"]),
        [Law::Everything]
    );
    // Another member's marks are none of this one's.
    let other = "claimed b 1 t 0 3 assigned\ndelivered b 1 t 0 3-9\nmarked b 1 t 0 9";
    let laws = broken(&[A, other, "sent a 1 t 0 10", "committed t 0 10 b"]);
    assert_eq!(laws, [Law::NotAhead]);
}

#[test]
fn not_ahead_acks_count_without_a_gap() {
    let acks = |acks: &str, commit| {
        format!(
            "produced t 0 0-9\nclaimed a 1 t 0 0 assigned\ndelivered a 1 t 0 0-9\n{acks}\n\
             committed t 0 {commit} a\nacked a 1 t 0 0-9\ncommitted t 0 10 a"
        )
    };
    assert_eq!(broken(&[&acks("acked a 1 t 0 0-1,3", 2)]), []);
    assert_eq!(broken(&[&acks("acked a 1 t 0 0-1,3", 3)]), [Law::NotAhead]);
    assert_eq!(broken(&[&acks("acked a 1 t 0 0-1,3", 4)]), [Law::NotAhead]);
    assert_eq!(broken(&[&acks("acked a 1 t 0 3,2,0-1", 4)]), []);
    assert_eq!(broken(&[&acks("acked a 1 t 0 3\nmarked a 1 t 0 2", 4)]), []);
    assert_eq!(
        broken(&[&acks("acked a 1 t 0 4\nmarked a 1 t 0 2", 4)]),
        [Law::NotAhead]
    );
}

#[test]
fn not_ahead_a_gap_of_the_log_is_no_gap_of_acks() {
    let log = "produced t 0 0-1,5-6
        claimed a 1 t 0 0 assigned
        delivered a 1 t 0 0-1,5-6
        acked a 1 t 0 0-1,5
        committed t 0 6 a
        reset a 1 t 0 0
        committed t 0 1 a
        acked a 1 t 0 1,5-6
        committed t 0 7 a";
    assert_eq!(broken(&[log]), []);
}

#[test]
fn not_ahead_a_reset_to_the_mark_itself_takes_the_acks_behind_it_back() {
    let log = |acks: &str| {
        format!(
            "produced t 0 0-3\nclaimed a 1 t 0 0 assigned\ndelivered a 1 t 0 0-3\n\
             acked a 1 t 0 0-1\nacked a 1 t 0 3\nreset a 1 t 0 1\n{acks}\ncommitted t 0 4 a"
        )
    };
    assert_eq!(broken(&[&log("acked a 1 t 0 2-3")]), []);
    assert_eq!(broken(&[&log("acked a 1 t 0 2")]), [Law::NotAhead]);
}

#[test]
fn not_ahead_a_reset_beyond_the_mark_takes_the_acks_behind_it_back() {
    let log = |acks: &str| {
        format!(
            "produced t 0 0-3\nclaimed a 1 t 0 0 assigned\ndelivered a 1 t 0 0-3\n\
             acked a 1 t 0 1-3\nreset a 1 t 0 2\nacked a 1 t 0 0\n{acks}"
        )
    };
    assert_eq!(
        broken(&[&log(
            "committed t 0 3 a\nacked a 1 t 0 3\ncommitted t 0 4 a"
        )]),
        []
    );
    assert_eq!(broken(&[&log("committed t 0 4 a")]), [Law::NotAhead]);
}

#[test]
fn not_ahead_a_reset_takes_marks_and_acks_back() {
    let acks = "produced t 0 0-9
        claimed a 1 t 0 0 assigned
        delivered a 1 t 0 0-9
        acked a 1 t 0 0-9
        reset a 1 t 0 3";
    let done = "acked a 1 t 0 4-9\ncommitted t 0 10 a";
    assert_eq!(
        broken(&[acks, "committed t 0 10 a\ncommitted t 0 4 a", done]),
        [],
        "it was under way"
    );
    assert_eq!(
        broken(&[acks, "committed t 0 4 a\ncommitted t 0 5 a", done]),
        [Law::NotAhead]
    );
}

#[test]
fn not_ahead_the_start_may_be_committed_before_the_claim_is_told_of() {
    let log = |commit| {
        format!(
            "produced t 0 0-4\ncommitted t 0 {commit} a\nclaimed a 1 t 0 0 assigned\n\
             delivered a 1 t 0 0-4\nmarked a 1 t 0 4\ncommitted t 0 5 a"
        )
    };
    assert_eq!(broken(&[&log(0)]), []);
    assert_eq!(
        broken(&[&log(1)]),
        [Law::NotAhead],
        "0 was the start just before"
    );
    let newest = Rules {
        initial: Policy::Newest,
        ..Rules::default()
    };
    let log = |commit| {
        format!(
            "produced t 0 0-4\ncommitted t 0 {commit} a\nclaimed a 1 t 0 {commit} assigned\n\
             delivered a 1 t 0 {commit}-4\nmarked a 1 t 0 4\ncommitted t 0 5 a"
        )
    };
    assert_eq!(broken_by(newest, &[&log(3)]), []);
    assert_eq!(
        broken_by(newest, &["produced t 0 0-4\ncommitted t 0 3 a"]),
        [Law::Everything, Law::NotAhead, Law::Liveness][..2]
    );
}

#[test]
fn generation_a_delivery_after_anothers_later_claim_is_seen() {
    let stale = "delivered a 1 t 0 4";
    assert_eq!(broken(&[A, B, stale]), [Law::Generation]);
    let again = "claimed a 2 t 0 10 assigned\nproduced t 0 10\ndelivered a 2 t 0 10
        marked a 2 t 0 10\ncommitted t 0 11 a";
    assert_eq!(broken(&[A, B, again]), [], "a new claim is none of it");
}

#[test]
fn generation_numbers_say_which_is_later() {
    let claims = |one, other| {
        format!(
            "produced t 0 0-9\nclaimed a 1 t 0 0 assigned {one}\nclaimed b 1 t 0 0 assigned {other}\n\
             delivered b 1 t 0 0-9\ndelivered a 1 t 0 0-4\nmarked b 1 t 0 9\ncommitted t 0 10 b"
        )
    };
    assert_eq!(broken(&[&claims(1, 2)]), [Law::Generation]);
    assert_eq!(
        broken(&[&claims(2, 1)]),
        [],
        "b is the one who is late, and has not come since"
    );
}

#[test]
fn generation_of_a_claim_is_that_of_its_grant() {
    let log = |first: &str| {
        format!(
            "produced t 0 0-9\ngranted t 0 a 1\n{first}\ngranted t 0 b 2\n\
             claimed b 1 t 0 0 assigned\nsuspended a\nclaimed a 1 t 0 0 assigned\n\
             delivered a 1 t 0 0\ndelivered b 1 t 0 0-9\nmarked b 1 t 0 9\ncommitted t 0 10 b"
        )
    };
    assert_eq!(broken(&[&log("")]), [], "a was late, and is excused");
    let laws = broken(&[&log("granted t 0 a 3")]);
    assert_eq!(
        laws,
        [Law::Generation],
        "b goes on though a has a later one"
    );
}

/// A topic comes again, and a member that was put out, and cannot know, claims its partition of it anew.
#[test]
fn generation_of_a_member_that_was_put_out_is_not_the_latest() {
    let log = |excuse: &str| {
        format!(
            "granted t 0 b 2\nclaimed b 1 t 0 0 assigned\n{excuse}\nclaimed a 2 t 0 0 assigned\n\
             produced t 0 0-9\ndelivered b 1 t 0 0-9\nmarked b 1 t 0 9\ncommitted t 0 10 b"
        )
    };
    assert_eq!(broken(&[&log("excused a 1000000000")]), []);
    assert_eq!(broken(&[&log("")]), [Law::Generation]);
}

#[test]
fn generation_nothing_comes_after_the_end_or_from_nowhere() {
    let ended = "ended a 1 t 0\ndelivered a 1 t 0 4";
    assert_eq!(broken(&[A, ended, B]), [Law::Generation]);
    assert_eq!(
        broken(&[A, "died a\ndelivered a 1 t 0 4", B]),
        [Law::Generation]
    );
    assert_eq!(broken(&[A, "delivered c 1 t 0 4", B]), [Law::Generation]);
}

#[test]
fn generation_a_suspended_process_is_excused_and_not_for_long() {
    let stale = "delivered a 1 t 0 4";
    assert_eq!(broken(&[A, "suspended a", B, stale]), []);
    assert_eq!(broken(&[A, "suspended a", B, "resumed a", stale]), []);
    assert_eq!(
        broken(&[A, "suspended a", B, "resumed a\nwait 2", stale]),
        [Law::Generation]
    );
    assert_eq!(broken(&[A, "suspended b", B, stale]), [Law::Generation]);
    assert_eq!(broken(&[A, "excused a 1000000000", B, stale]), []);
    let both = "suspended a\nexcused a 60000000000\nresumed a\nwait 2";
    assert_eq!(broken(&[A, both, B, stale]), [], "the other excuse lasts");
    assert_eq!(
        broken(&[A, "excused a 1000000000\nwait 1", B, stale]),
        [Law::Generation]
    );
}

#[test]
fn liveness_what_is_delivered_is_committed_in_the_end() {
    let read = "claimed b 1 t 0 3 assigned\ndelivered b 1 t 0 3-9";
    assert_eq!(broken(&[A, read]), [Law::Liveness]);
    assert_eq!(
        broken(&[A, read, "marked b 1 t 0 8\ncommitted t 0 9 b"]),
        [Law::Liveness]
    );
    assert_eq!(
        broken(&[A, read, "marked b 1 t 0 9\ncommitted t 0 10 b"]),
        []
    );
    // Where nobody tells of commits nobody can say.
    assert_eq!(
        broken(&["produced t 0 0\nclaimed a 1 t 0 0 untold\ndelivered a 1 t 0 0"]),
        []
    );
}

#[test]
fn a_finding_has_the_events_around_it() {
    let (checker, _) = told(
        Rules::default(),
        &[A, "delivered a 1 t 0 6", "ended a 1 t 0", B],
    );
    let [finding] = checker.findings() else {
        panic!("one law is broken, once: {:?}", checker.findings())
    };
    let text = checker.explain(finding);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "Successive at 0.007 s, t/0: 4..=5 is passed over");
    assert_eq!(lines[1], "    1000000 produced t 0 0-9");
    assert_eq!(lines[6], "  > 7000000 delivered a 1 t 0 6");
    assert_eq!(lines[7], "    8000000 ended a 1 t 0");
}
