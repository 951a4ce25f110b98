use super::*;
use crate::consumer::{
    outlet::Outlet,
    sample::{Consumer, block, message},
};

fn only(stash: &OffsetStash) -> i64 {
    stash.offsets()["topic"][&7]
}

/// Applies the stash with this claim as the current one of `topic/7`.
fn apply(stash: &OffsetStash, consumer: &Consumer, current: Option<&Arc<Claim>>) {
    stash.mark_all(&consumer.user_side, |topic, partition| {
        assert_eq!((topic, partition), ("topic", 7));
        current.cloned()
    });
}

fn marked(claim: &Arc<Claim>) -> (i64, String) {
    claim.progress(0, false).mark
}

/// A claim from 0 on to which offsets up to 9 were sent.
fn claim(consumer: &Consumer) -> Arc<Claim> {
    let claim = consumer.claim(0);
    Outlet::new(10).0.push(&claim, block(0..10));
    claim
}

#[test]
fn marks_move_forward_and_resets_back() {
    let stash = OffsetStash::new();
    stash.mark_partition_offset("topic", 7, 0, "m");
    stash.mark_partition_offset("topic", 7, 200, "m");
    stash.mark_partition_offset("topic", 7, 199, "m");
    assert_eq!(only(&stash), 200);
    stash.reset_partition_offset("topic", 7, 201, "r");
    assert_eq!(only(&stash), 200);
    stash.reset_partition_offset("topic", 7, 199, "r");
    assert_eq!(only(&stash), 199);
    stash.reset_partition_offset("topic", 8, 300, "r");
    stash.mark_partition_offset("other", 0, 5, "m");
    assert_eq!(
        stash.offsets(),
        BTreeMap::from([
            ("other".to_owned(), BTreeMap::from([(0, 5)])),
            ("topic".to_owned(), BTreeMap::from([(7, 199), (8, 300)])),
        ])
    );
    assert_eq!(
        format!("{stash:?}"),
        r#"OffsetStash({"other": {0: 5}, "topic": {7: 199, 8: 300}})"#
    );
}

#[test]
fn the_stash_is_empty_after_its_use_and_the_claim_is_marked_with_the_metadata() {
    let consumer = Consumer::new();
    let claim = claim(&consumer);
    let stash = OffsetStash::new();
    stash.mark_partition_offset("topic", 7, 3, "first");
    stash.mark_partition_offset("topic", 7, 3, "second");
    apply(&stash, &consumer, Some(&claim));
    assert_eq!(marked(&claim), (4, "second".into()));
    assert!(stash.offsets().is_empty());
    stash.reset_partition_offset("topic", 7, 1, "back");
    stash.reset_all(&consumer.user_side, |_, _| Some(Arc::clone(&claim)));
    assert_eq!(marked(&claim), (2, "back".into()));
}

#[test]
fn an_entry_made_from_a_message_is_for_its_claim_only() {
    let consumer = Consumer::new();
    let (old, new) = (claim(&consumer), claim(&consumer));
    let stash = OffsetStash::new();
    stash.mark_offset(&message(&old, 10), "m");
    apply(&stash, &consumer, Some(&new));
    assert_eq!(marked(&old).0, 11);
    assert_eq!(marked(&new).0, 0);
}

#[test]
fn where_claims_meet_the_later_one_wins_whatever_the_offsets() {
    let consumer = Consumer::new();
    let (old, new) = (claim(&consumer), claim(&consumer));
    let (of_old, of_new) = (message(&old, 12), message(&new, 10));
    for order in [[&of_old, &of_new], [&of_new, &of_old]] {
        let stash = OffsetStash::new();
        for message in order {
            stash.mark_offset(message, "m");
        }
        assert_eq!(only(&stash), 10);
    }
    let stash = OffsetStash::new();
    stash.reset_offset(&of_new, "r");
    stash.reset_offset(&of_old, "r");
    apply(&stash, &consumer, None);
    assert_eq!((marked(&old).0, marked(&new).0), (0, 11));
}

#[test]
fn an_offset_alone_joins_the_claim_of_the_message_beside_it() {
    let consumer = Consumer::new();
    let (named, current) = (claim(&consumer), claim(&consumer));
    let message = &message(&named, 10);
    for message_first in [true, false] {
        let stash = OffsetStash::new();
        if message_first {
            stash.mark_offset(message, "m");
        }
        stash.mark_partition_offset("topic", 7, 4, "m");
        if !message_first {
            stash.mark_offset(message, "m");
        }
        assert_eq!(only(&stash), 10);
        apply(&stash, &consumer, Some(&current));
        assert_eq!(marked(&current).0, 0);
    }
}

#[test]
fn what_cannot_be_applied_is_counted() {
    let consumer = Consumer::new();
    let other = Consumer::new();
    let foreign = other.claim(0);
    let stash = OffsetStash::new();
    stash.mark_offset(&message(&foreign, 3), "m");
    apply(&stash, &consumer, None);
    assert_eq!(marked(&foreign).0, 0);
    stash.mark_partition_offset("topic", 7, 3, "m");
    apply(&stash, &consumer, None);
    let ignored = consumer.user_side.ignored();
    assert_eq!((ignored.foreign, ignored.unclaimed), (1, 1));
}
