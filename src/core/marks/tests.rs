use std::collections::BTreeSet;

use super::*;

fn marks() -> Marks {
    Marks::new(100, String::new(), false)
}

/// The claim starts at 100 and 100..110 were sent.
fn ten_sent() -> Marks {
    let mut marks = marks();
    marks.sent(100, 10);
    marks
}

/// What there is to commit.
fn dirty(marks: &Marks) -> Option<(i64, &str)> {
    marks.is_dirty().then(|| marks.to_commit())
}

fn commit(marks: &mut Marks) {
    let (next, metadata) = marks.to_commit();
    let metadata = metadata.to_owned();
    marks.committed(next, metadata);
    assert!(!marks.is_dirty());
}

#[test]
fn a_mark_is_committed_as_the_next_offset_with_its_metadata() {
    let mut marks = ten_sent();
    assert_eq!(dirty(&marks), None);
    marks.mark(103, "three").unwrap();
    assert_eq!(dirty(&marks), Some((104, "three")));
    commit(&mut marks);
    assert_eq!(dirty(&marks), None);
}

#[test]
fn a_mark_moves_only_forward() {
    let mut marks = ten_sent();
    marks.mark(105, "five").unwrap();
    marks.mark(103, "three").unwrap();
    marks.mark(105, "again").unwrap();
    assert_eq!(dirty(&marks), Some((106, "five")));
}

#[test]
fn a_reset_moves_only_back_and_may_change_the_metadata_in_place() {
    let mut marks = ten_sent();
    marks.mark(105, "five").unwrap();
    marks.reset(106, "ahead").unwrap();
    assert_eq!(dirty(&marks), Some((106, "five")));
    marks.reset(105, "same").unwrap();
    assert_eq!(dirty(&marks), Some((106, "same")));
    marks.reset(102, "two").unwrap();
    assert_eq!(dirty(&marks), Some((103, "two")));
    marks.mark(103, "three").unwrap();
    assert_eq!(dirty(&marks), Some((104, "three")));
}

#[test]
fn a_reset_reaches_back_to_the_start_and_no_further() {
    let mut marks = ten_sent();
    marks.mark(105, "").unwrap();
    assert_eq!(marks.reset(98, ""), Err(Ignored::BeforeStart));
    assert_eq!(marks.to_commit().0, 106);
    marks.reset(99, "").unwrap();
    assert_eq!(marks.to_commit().0, 100);
}

#[test]
fn marks_outside_of_what_was_sent_are_ignored() {
    let mut marks = marks();
    assert_eq!(marks.mark(100, ""), Err(Ignored::Beyond));
    marks.sent(100, 10);
    assert_eq!(marks.mark(110, ""), Err(Ignored::Beyond));
    assert_eq!(marks.mark(i64::MAX, ""), Err(Ignored::Beyond));
    assert_eq!(marks.reset(110, ""), Err(Ignored::Beyond));
    assert_eq!(marks.mark(99, ""), Err(Ignored::BeforeStart));
    assert_eq!(marks.mark(i64::MIN, ""), Err(Ignored::BeforeStart));
    assert_eq!(marks.reset(i64::MIN, ""), Err(Ignored::BeforeStart));
    assert_eq!(dirty(&marks), None);
}

#[test]
fn the_resolved_start_is_to_be_committed_until_it_is() {
    let mut marks = Marks::new(100, String::new(), true);
    assert_eq!(dirty(&marks), Some((100, "")));
    commit(&mut marks);
    assert_eq!(dirty(&marks), None);
}

#[test]
fn the_metadata_of_the_start_stays_until_something_is_marked() {
    let mut marks = Marks::new(100, "initial".into(), false);
    marks.sent(100, 10);
    assert_eq!(marks.to_commit(), (100, "initial"));
    assert_eq!(dirty(&marks), None);
    marks.mark(100, "").unwrap();
    assert_eq!(dirty(&marks), Some((101, "")));
}

#[test]
fn a_mark_made_while_a_commit_is_under_way_is_not_lost() {
    let mut marks = ten_sent();
    marks.mark(101, "").unwrap();
    let (next, metadata) = marks.to_commit();
    let (next, metadata) = (next, metadata.to_owned());
    marks.mark(102, "").unwrap();
    marks.reset(101, "another word").unwrap();
    marks.committed(next, metadata);
    assert_eq!(dirty(&marks), Some((102, "another word")));
    marks.reset(100, "").unwrap();
    marks.committed(102, "another word".into());
    assert_eq!(dirty(&marks), Some((101, "")));
}

#[test]
fn every_change_is_counted_and_nothing_else() {
    let mut marks = ten_sent();
    let mut seen = 0;
    let mut changed = |marks: &mut Marks| {
        let changes = marks.look();
        std::mem::replace(&mut seen, changes) != changes
    };
    marks.mark(104, "").unwrap();
    assert!(changed(&mut marks));
    marks.mark(103, "").unwrap();
    assert!(marks.mark(110, "").is_err());
    assert!(!changed(&mut marks));
    marks.ack(8, 108).unwrap();
    assert!(
        changed(&mut marks),
        "the user is at work, though the mark stays"
    );
    marks.reset(101, "").unwrap();
    assert!(changed(&mut marks));
}

#[test]
fn nothing_above_the_last_taken_message_is_committed_after_the_release() {
    let mut marks = ten_sent();
    marks.mark(107, "in the channel").unwrap();
    marks.close(Some(104));
    assert_eq!(marks.to_commit().0, 105);
    assert!(marks.all_marked());
    assert_eq!(marks.mark(105, ""), Err(Ignored::Beyond));
    assert_eq!(marks.ack(5, 105), Err(Ignored::Beyond));
}

#[test]
fn a_mark_told_after_the_release_counts_up_to_the_limit() {
    let mut marks = ten_sent();
    marks.close(Some(104));
    marks.absorb(103).unwrap();
    assert_eq!(dirty(&marks), Some((103, "")));
    assert!(!marks.all_marked());
    marks.absorb(108).unwrap();
    assert_eq!(dirty(&marks), Some((105, "")));
    assert!(marks.all_marked());
    marks.end();
    assert_eq!(marks.absorb(109), Err(Ignored::Late));
}

#[test]
fn a_claim_is_finished_when_the_last_taken_message_is_marked() {
    let mut marks = ten_sent();
    marks.close(Some(104));
    marks.mark(103, "").unwrap();
    assert!(!marks.all_marked());
    marks.mark(104, "").unwrap();
    assert!(marks.all_marked());
    assert_eq!(marks.to_commit().0, 105);
}

#[test]
fn a_claim_of_which_nothing_was_taken_is_finished_at_once() {
    let mut marks = ten_sent();
    marks.close(None);
    assert!(marks.all_marked());
    assert_eq!(marks.mark(100, ""), Err(Ignored::Beyond));
    assert_eq!(dirty(&marks), None);
}

#[test]
fn a_skipped_message_lowers_the_limit_to_below_itself_before_and_after_the_close() {
    for skip_first in [true, false] {
        let mut marks = marks();
        marks.sent(100, 3);
        marks.sent(110, 5);
        if skip_first {
            marks.skip(3, 110);
        }
        marks.close(Some(111));
        if !skip_first {
            marks.skip(3, 110);
        }
        marks.skip(6, 113);
        assert_eq!(marks.mark(110, ""), Err(Ignored::Beyond));
        marks.mark(102, "").unwrap();
        assert_eq!(marks.to_commit().0, 103);
        assert!(
            marks.all_marked(),
            "the gap before the skipped message holds nothing to wait for"
        );
    }
}

#[test]
fn a_skipped_first_message_leaves_nothing_to_mark() {
    let mut marks = marks();
    marks.sent(105, 3);
    marks.skip(0, 105);
    marks.close(Some(105));
    assert!(marks.all_marked());
    assert_eq!(marks.mark(105, ""), Err(Ignored::Beyond));
}

#[test]
fn a_limit_lowered_afterwards_does_not_take_back_what_is_committed() {
    let mut marks = ten_sent();
    marks.mark(107, "").unwrap();
    commit(&mut marks);
    marks.close(Some(104));
    assert_eq!(dirty(&marks), None);
    marks.reset(102, "").unwrap();
    assert_eq!(dirty(&marks), Some((103, "")));
}

#[test]
fn what_changes_between_the_last_look_of_a_release_and_the_end_is_late() {
    let mut marks = ten_sent();
    marks.mark(101, "").unwrap();
    marks.close(Some(104));
    marks.look();
    assert_eq!(ten_sent().end(), 0);
    marks.ack(2, 102).unwrap();
    marks.reset(101, "").unwrap();
    assert_eq!((marks.end(), marks.end()), (2, 0));
    let mut lost = ten_sent();
    lost.mark(101, "").unwrap();
    assert_eq!(lost.end(), 0, "no release, no last look");
}

#[test]
fn an_ended_claim_ignores_everything() {
    let mut marks = ten_sent();
    marks.end();
    assert_eq!(marks.mark(101, ""), Err(Ignored::Late));
    assert_eq!(marks.reset(101, ""), Err(Ignored::Late));
    assert_eq!(marks.ack(1, 101), Err(Ignored::Late));
    assert!(marks.is_closed());
}

#[test]
fn acks_in_any_order_commit_the_contiguous_run() {
    let mut marks = marks();
    marks.sent(100, 2);
    marks.sent(200, 3);
    marks.ack(1, 101).unwrap();
    marks.ack(3, 201).unwrap();
    assert_eq!(dirty(&marks), None);
    marks.ack(0, 100).unwrap();
    assert_eq!(marks.to_commit().0, 102);
    marks.ack(2, 200).unwrap();
    assert_eq!(marks.to_commit().0, 202);
}

#[test]
fn a_mark_acknowledges_all_before_it_and_joins_the_acks_behind() {
    let mut marks = ten_sent();
    marks.ack(5, 105).unwrap();
    marks.ack(6, 106).unwrap();
    marks.mark(104, "four").unwrap();
    assert_eq!(dirty(&marks), Some((107, "four")));
    marks.ack(7, 107).unwrap();
    assert_eq!(dirty(&marks), Some((108, "")));
}

#[test]
fn messages_marked_before_the_first_ack_count_as_acknowledged() {
    let mut marks = ten_sent();
    marks.mark(104, "").unwrap();
    marks.ack(5, 105).unwrap();
    assert_eq!(marks.to_commit().0, 106);
}

#[test]
fn a_reset_forgets_the_acks_behind_it_and_they_may_come_again() {
    let mut marks = ten_sent();
    for seq in [0, 1, 2, 3, 5] {
        marks.ack(seq, 100 + seq as i64).unwrap();
    }
    marks.reset(101, "").unwrap();
    assert_eq!(marks.to_commit().0, 102);
    marks.ack(4, 104).unwrap();
    assert_eq!(marks.to_commit().0, 102);
    marks.ack(2, 102).unwrap();
    marks.ack(3, 103).unwrap();
    assert_eq!(
        marks.to_commit().0,
        105,
        "106 was acknowledged before the reset only"
    );
}

#[test]
fn the_first_message_not_acknowledged_is_told_once_acks_are_used() {
    let mut marks = marks();
    marks.sent(100, 3);
    marks.sent(200, 7);
    marks.mark(100, "").unwrap();
    assert_eq!(marks.first_unacked(), None);
    marks.ack(7, 204).unwrap();
    assert_eq!(marks.first_unacked(), Some(1));
    marks.mark(150, "").unwrap();
    assert_eq!(marks.first_unacked(), Some(3));
    marks.mark(203, "").unwrap();
    assert_eq!(marks.first_unacked(), Some(8));
    marks.reset(101, "").unwrap();
    assert_eq!(marks.first_unacked(), Some(2));
}

#[test]
fn an_ack_too_far_ahead_is_ignored() {
    let mut marks = Marks::new(0, String::new(), false);
    marks.sent(0, ACKS_AHEAD + 2);
    assert_eq!(
        marks.ack(ACKS_AHEAD, ACKS_AHEAD as i64),
        Err(Ignored::Beyond)
    );
    marks.ack(ACKS_AHEAD - 1, ACKS_AHEAD as i64 - 1).unwrap();
}

/// The same rules, said as plainly as possible.
struct Model {
    start: i64,
    sent: Vec<i64>,
    acked: BTreeSet<i64>,
    next: i64,
    limit: i64,
    floor: i64,
    acks_used: bool,
}

impl Model {
    fn new(start: i64) -> Self {
        Self {
            start,
            sent: Vec::new(),
            acked: BTreeSet::new(),
            next: start,
            limit: i64::MAX,
            floor: start,
            acks_used: false,
        }
    }

    fn admitted(&self, offset: i64) -> bool {
        offset < self.limit && self.sent.last().is_some_and(|last| offset <= *last)
    }

    fn follow_acks(&mut self) {
        for &offset in &self.sent {
            if offset >= self.next {
                if !self.acked.contains(&offset) {
                    break;
                }
                self.next = offset + 1;
            }
        }
    }

    fn mark(&mut self, offset: i64) {
        if self.admitted(offset) && offset >= self.next {
            self.next = offset + 1;
            self.follow_acks();
        }
    }

    fn ack(&mut self, offset: i64) {
        if self.admitted(offset) {
            self.acks_used = true;
            self.acked.insert(offset);
            self.follow_acks();
        }
    }

    fn reset(&mut self, offset: i64) {
        let allowed = self.admitted(offset) || (offset == self.start - 1 && offset < self.limit);
        if allowed && offset + 1 >= self.start {
            self.acked.retain(|acked| *acked <= offset);
            if offset < self.next {
                self.next = offset + 1;
                self.floor = self.floor.min(self.next);
            }
        }
    }

    fn skip(&mut self, index: usize) {
        let below = if index == 0 {
            self.start
        } else {
            self.sent[index - 1] + 1
        };
        self.limit = self.limit.min(below);
    }

    fn to_commit(&self) -> i64 {
        self.next.min(self.limit).max(self.floor)
    }

    fn first_unacked(&self) -> u64 {
        self.sent
            .iter()
            .filter(|offset| **offset < self.next)
            .count() as u64
    }
}

fn random_run(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let start = random.i64(0..1000);
    let mut marks = Marks::new(start, String::new(), false);
    let mut model = Model::new(start);
    let mut offset = start;
    // Some logs have gaps everywhere, some hardly any.
    let gaps = random.f64();

    for _ in 0..random.usize(1..300) {
        let near = offset.max(start + 1) - random.i64(0..40).min(offset - start + 2);
        match random.u32(0..100) {
            0..25 => {
                if random.f64() < gaps {
                    offset += random.i64(1..5);
                }
                let count = random.u64(1..8);
                marks.sent(offset, count);
                model.sent.extend(offset..offset + count as i64);
                offset += count as i64;
            }
            25..40 => {
                let admitted = model.admitted(near) && near >= start;
                assert_eq!(marks.mark(near, "m").is_ok(), admitted, "mark {near}");
                if admitted {
                    model.mark(near);
                }
            }
            40..45 => {
                let _ = marks.reset(near, "r");
                model.reset(near);
            }
            45..85 if !model.sent.is_empty() => {
                let seq = model.sent.len() - 1 - random.usize(0..model.sent.len().min(30));
                let acked = marks.ack(seq as u64, model.sent[seq]).is_ok();
                assert_eq!(acked, model.admitted(model.sent[seq]));
                model.ack(model.sent[seq]);
            }
            85..97 => {
                commit(&mut marks);
                model.floor = model.to_commit();
            }
            97 if !model.sent.is_empty() => {
                let taken = random.usize(0..=model.sent.len());
                let last_taken = taken.checked_sub(1).map(|index| model.sent[index]);
                marks.close(last_taken);
                model.limit = model.limit.min(last_taken.map_or(start, |last| last + 1));
            }
            98 if !model.sent.is_empty() => {
                let index = random.usize(0..model.sent.len());
                marks.skip(index as u64, model.sent[index]);
                model.skip(index);
            }
            _ => {}
        }
        assert_eq!(marks.to_commit().0, model.to_commit());
        assert_eq!(marks.all_marked(), model.next >= model.limit);
        let first_unacked = model.acks_used.then(|| model.first_unacked());
        assert_eq!(marks.first_unacked(), first_unacked);
    }
}

fn with_many_seeds(run: fn(u64)) {
    let first = fastrand::u64(..);
    for seed in (0..5_000).map(|i| first.wrapping_add(i)) {
        std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|_| panic!("seed {seed}"));
    }
}

#[test]
fn any_history_gives_what_the_plain_rules_give() {
    with_many_seeds(random_run);
}

/// Gaps are forgotten all the time, and users say sequence numbers: what is processed is known all the same, and no
/// commit goes beyond it.
fn forgetful_run(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut marks = Marks::new(0, String::new(), false);
    let mut model = Model::new(0);
    let ends = random.bool();
    for _ in 0..random.usize(1..300) {
        let any = random.usize(0..model.sent.len().max(1));
        let near = model.sent.len().saturating_sub(random.usize(1..30));
        let message = |index: usize| Message {
            offset: model.sent[index],
            seq: Some(index as u64),
        };
        match random.u32(0..100) {
            0..30 => {
                let offset = model.sent.last().map_or(0, |last| last + random.i64(1..4));
                let count = random.u64(1..4);
                marks.sent(offset, count);
                model.sent.extend(offset..offset + count as i64);
                marks.runs.shrink(2, i64::MAX);
            }
            _ if model.sent.is_empty() => {}
            30..40 => {
                let at = message(near);
                if random.bool() || !model.admitted(at.offset) {
                    let is_ok = marks.mark(at, "").is_ok();
                    assert_eq!(is_ok, model.admitted(at.offset));
                } else {
                    marks.absorb(at.offset + 1).unwrap();
                    marks.count(at);
                }
                model.mark(at.offset);
            }
            40..45 => {
                let at = message(any);
                let is_ok = marks.reset(at, "").is_ok();
                assert_eq!(is_ok, model.admitted(at.offset));
                model.reset(at.offset);
            }
            45 if ends => {
                marks.close(Some(model.sent[near]));
                model.limit = model.limit.min(model.sent[near] + 1);
            }
            46 if ends => {
                marks.skip(near as u64, model.sent[near]);
                model.skip(near);
            }
            _ => {
                let at = message(near);
                let is_ok = marks.ack(near as u64, at.offset).is_ok();
                assert_eq!(is_ok, model.admitted(at.offset));
                model.ack(at.offset);
            }
        }
        assert!(marks.next <= model.next, "{} of {}", marks.next, model.next);
        let first_unacked = model.acks_used.then(|| model.first_unacked());
        assert_eq!(marks.first_unacked(), first_unacked);
        let all_marked = model.next >= model.limit;
        assert!(all_marked || !marks.all_marked());
        if !model.acks_used {
            assert_eq!(marks.next, model.next);
            assert_eq!(marks.all_marked(), all_marked);
        }
    }
    if model.limit == i64::MAX {
        for (seq, offset) in (0..).zip(&model.sent) {
            marks.ack(seq, *offset).unwrap();
        }
        let end = model.sent.last().map_or(0, |last| last + 1);
        assert_eq!(marks.to_commit().0, end);
    }
}

#[test]
fn with_sequence_numbers_any_history_is_known_whatever_gaps_are_forgotten() {
    with_many_seeds(forgetful_run);
}

/// Puts messages one by one into the channel, each a run of its own, and keeps to what is kept of them.
fn send_with_gaps(marks: &mut Marks, offsets: impl IntoIterator<Item = i64>) {
    for offset in offsets {
        marks.sent(offset, 1);
        if marks.shrink() {
            marks.forget_gaps();
        }
    }
}

#[test]
fn many_runs_are_fused_and_still_nothing_unacknowledged_is_committed() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut marks = Marks::new(0, String::new(), false);
    // Every message a run of its own, far more than are kept.
    let offsets: Vec<i64> = (0..3 * RUNS_KEPT as i64).map(|i| i * 3).collect();
    send_with_gaps(&mut marks, offsets.iter().copied());
    assert!(marks.runs.len() <= RUNS_KEPT);

    let mut order: Vec<usize> = (0..offsets.len()).collect();
    random.shuffle(&mut order);
    let mut acked = vec![false; offsets.len()];
    for seq in order {
        marks.ack(seq as u64, offsets[seq]).unwrap();
        acked[seq] = true;
        if let Some(open) = acked.iter().position(|acked| !acked) {
            assert!(
                marks.next <= offsets[open],
                "{} commits past {}",
                marks.next,
                offsets[open]
            );
        }
    }
    assert_eq!(marks.to_commit().0, offsets.last().unwrap() + 1);
}

#[test]
fn runs_from_the_mark_on_stay_exact_once_acks_are_used() {
    let mut marks = Marks::new(0, String::new(), false);
    marks.sent(0, 1);
    marks.ack(0, 0).unwrap();
    let count = 2 * RUNS_KEPT as u64;
    send_with_gaps(&mut marks, (1..count as i64).map(|seq| seq * 2));
    for seq in 1..count {
        marks.ack(seq, seq as i64 * 2).unwrap();
        assert_eq!(marks.next, seq as i64 * 2 + 1);
    }
    send_with_gaps(&mut marks, [count as i64 * 2]);
    assert!(
        marks.runs.len() <= RUNS_KEPT + 1,
        "what is behind the mark is fused"
    );
}

#[test]
fn a_mark_inside_of_fused_runs_acknowledges_nothing_behind_it() {
    let count = 2 * RUNS_KEPT as u64;
    let mut marks = gaps_forgotten(count);
    let marked = count / 8;
    marks.mark(marked as i64 * 3, "").unwrap();
    for seq in (0..count).filter(|seq| *seq != marked + 5) {
        marks.ack(seq, seq as i64 * 3).unwrap();
    }
    assert!(
        marks.next <= (marked as i64 + 5) * 3,
        "{} is past it",
        marks.next
    );
    marks.ack(marked + 5, (marked as i64 + 5) * 3).unwrap();
    assert_eq!(marks.next, (count as i64 - 1) * 3 + 1);
}

/// Of a log in which two of three offsets lack.
fn message(seq: u64) -> Message {
    Message {
        offset: seq as i64 * 3,
        seq: Some(seq),
    }
}

/// So many of them were sent, more than are kept of their gaps.
fn gaps_forgotten(count: u64) -> Marks {
    let mut marks = Marks::new(0, String::new(), false);
    send_with_gaps(&mut marks, (0..count).map(|seq| message(seq).offset));
    assert!(!marks.knows_gaps());
    marks
}

/// What was acknowledged before it comes again.
#[test]
fn a_reset_inside_of_fused_runs_takes_acks_back() {
    let count = 2 * RUNS_KEPT as u64;
    let mut marks = gaps_forgotten(count);
    for seq in (0..100).rev() {
        marks.ack(seq, message(seq).offset).unwrap();
    }
    marks.reset(message(75), "").unwrap();
    assert_eq!(marks.first_unacked(), Some(76));
    marks.ack(100, message(100).offset).unwrap();
    assert_eq!(marks.to_commit().0, message(75).offset + 1);
}

/// However many there were.
#[test]
fn the_gaps_that_are_out_are_known_while_they_are_few() {
    let mut marks = Marks::new(0, String::new(), false);
    for seq in 0..3 * RUNS_KEPT as u64 {
        marks.sent(seq as i64 * 2, 1);
        assert!(!marks.shrink());
        marks.absorb(seq as i64 * 2 + 1).unwrap();
    }
    assert!(!marks.knows_gaps() && marks.runs.len() <= RUNS_KEPT + 1);
    marks.sent(1 << 20, 1);
    marks.ack(3 * RUNS_KEPT as u64, 1 << 20).unwrap();
    assert_eq!(marks.to_commit().0, (1 << 20) + 1);
}

/// Both are committed exactly, whatever is known of the gaps in between.
#[test]
fn acks_go_on_behind_what_was_marked_or_reset_inside_of_fused_runs() {
    let count = 2 * RUNS_KEPT as u64;
    let mark: fn(&mut Marks, Message) = |marks, at| marks.mark(at, "").unwrap();
    let told_late: fn(&mut Marks, Message) = |marks, at| {
        marks.absorb(at.offset + 1).unwrap();
        marks.count(at);
    };
    let reset: fn(&mut Marks, Message) = |marks, at| {
        marks.mark(at.offset + 30, "").unwrap();
        marks.reset(at, "").unwrap();
    };
    for say in [mark, told_late, reset] {
        let mut marks = gaps_forgotten(count);
        let marked = count / 8;
        say(&mut marks, message(marked));
        for seq in marked + 1..count {
            marks.ack(seq, message(seq).offset).unwrap();
            assert_eq!(marks.to_commit().0, message(seq).offset + 1);
            assert_eq!(marks.first_unacked(), Some(seq + 1));
        }
    }
}

/// What is taken from the channel after the end is behind it anyway.
#[test]
fn a_message_that_is_skipped_inside_of_fused_runs_takes_nothing_back() {
    for is_committed in [true, false] {
        let count = 3 * RUNS_KEPT as u64;
        let mut marks = gaps_forgotten(count);
        let end = message(1999).offset + 1;
        marks.mark(message(1999), "").unwrap();
        if is_committed {
            commit(&mut marks);
        }
        marks.close(Some(message(1999).offset));
        marks.skip(2000, message(2000).offset);
        assert_eq!(marks.to_commit().0, end);
        assert!(marks.all_marked());
        marks.reset(message(1000), "").unwrap();
        assert_eq!(marks.to_commit().0, message(1000).offset + 1);
        marks.mark(message(1999), "").unwrap();
        assert_eq!(marks.to_commit().0, end);
    }
}

/// It was counted as taken: the reader has come to it in the moment of the end.
#[test]
fn nobody_waits_for_a_message_that_is_skipped_inside_of_fused_runs() {
    let count = 3 * RUNS_KEPT as u64;
    let mut marks = gaps_forgotten(count);
    marks.close(Some(message(2000).offset));
    marks.skip(2000, message(2000).offset);
    assert_eq!(marks.mark(message(2000), ""), Err(Ignored::Beyond));
    marks.mark(message(1998), "").unwrap();
    assert!(!marks.all_marked());
    marks.mark(message(1999), "").unwrap();
    assert!(marks.all_marked());
    assert_eq!(marks.to_commit().0, message(1999).offset + 1);
}

#[test]
fn a_reset_takes_back_what_is_acknowledged_behind_it_also_where_the_mark_has_not_come_to_it() {
    let mut marks = Marks::new(0, String::new(), false);
    marks.sent(0, 200);
    for seq in (1..200).filter(|seq| *seq != 70) {
        marks.ack(seq, seq as i64).unwrap();
    }
    marks.reset(130, "").unwrap();
    marks.ack(0, 0).unwrap();
    assert_eq!(marks.to_commit().0, 70);
    marks.ack(70, 70).unwrap();
    assert_eq!(marks.to_commit().0, 131);
    for seq in 131..200 {
        marks.ack(seq, seq as i64).unwrap();
    }
    assert_eq!(marks.to_commit().0, 200);
}

/// Which messages those are is not known any more, so others may come again as well.
#[test]
fn a_reset_by_the_offset_alone_inside_of_fused_runs_takes_acks_back() {
    let count = 2 * RUNS_KEPT as u64;
    let mut marks = gaps_forgotten(count);
    for seq in (0..100).rev() {
        marks.ack(seq, message(seq).offset).unwrap();
    }
    marks.reset(message(75).offset, "").unwrap();
    for seq in 100..count {
        marks.ack(seq, message(seq).offset).unwrap();
    }
    assert!(marks.to_commit().0 <= message(75).offset + 1);
}
