//! What must be true of the deliveries of any group, whatever happened to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    member::{Event, TopicPartition},
    producer::Acknowledged,
};

/// Whether a record may have been delivered twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// Every member came and went in order.
    Never,
    /// A member died, and took with it what it had not committed.
    AfterDeath,
}

/// Checks what the members of a group told about one topic that it read from the start.
///
/// - Every acknowledged record has been delivered.
/// - A member is given successive offsets of a partition from the start of a claim to its end: it is
///   never given a gap, a repetition or an older record without having been assigned the partition anew.
/// - A claim starts at the start of the log or behind a record that someone has been given.
///
/// # Panics
/// If any of that is not so.
pub fn check(topic: &str, written: &[Acknowledged], members: &[&[Event]], repeats: Repeats) {
    let mut delivered: BTreeMap<TopicPartition, Vec<i64>> = BTreeMap::new();
    let mut runs = Vec::new();
    for (number, events) in members.iter().enumerate() {
        for (partition, offsets) in by_partition(topic, events) {
            let split = offsets.chunk_by(|one, next| one + 1 == *next);
            let starts: Vec<_> = split.map(|run| run[0]).collect();
            let claims = count_claims(&partition, events);
            assert!(
                starts.len() <= claims,
                "member {number} has claimed {partition:?} {claims} times and was given runs from \
                 {starts:?}: {events:?}",
            );
            runs.extend(starts.into_iter().map(|start| (partition.clone(), start)));
            delivered.entry(partition).or_default().extend(offsets);
        }
    }

    let mut expected: BTreeMap<TopicPartition, BTreeSet<i64>> = BTreeMap::new();
    for at in written {
        expected
            .entry((topic.to_owned(), at.partition))
            .or_default()
            .insert(at.offset);
    }
    for (partition, start) in runs {
        let first = expected
            .get(&partition)
            .and_then(|offsets| offsets.first().copied());
        let follows = Some(start) == first || delivered[&partition].contains(&(start - 1));
        assert!(
            follows,
            "a claim of {partition:?} starts at {start}, from nowhere"
        );
    }
    for (partition, offsets) in expected {
        let given = delivered.remove(&partition).unwrap_or_default();
        let once: BTreeSet<_> = given.iter().copied().collect();
        let missing: Vec<_> = offsets.difference(&once).collect();
        assert!(
            missing.is_empty(),
            "never delivered of {partition:?}: {missing:?}"
        );
        if repeats == Repeats::Never {
            assert_eq!(
                given.len(),
                once.len(),
                "some of {partition:?} came twice: {given:?}"
            );
        }
    }
}

/// The offsets that a member was given of each partition of a topic, in their order.
fn by_partition(topic: &str, events: &[Event]) -> BTreeMap<TopicPartition, Vec<i64>> {
    let mut offsets: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in events {
        if let Event::Record {
            topic: of,
            partition,
            offset,
        } = event
            && of == topic
        {
            offsets
                .entry((of.clone(), *partition))
                .or_default()
                .push(*offset);
        }
    }
    offsets
}

fn count_claims(partition: &TopicPartition, events: &[Event]) -> usize {
    let claims = events.iter().filter(|event| match event {
        Event::Assigned(partitions) => partitions.contains(partition),
        _ => false,
    });
    claims.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned() -> Event {
        Event::Assigned(BTreeSet::from([("t".to_owned(), 0)]))
    }

    fn records(offsets: impl IntoIterator<Item = i64>) -> impl Iterator<Item = Event> {
        let record = |offset| Event::Record {
            topic: "t".to_owned(),
            partition: 0,
            offset,
        };
        offsets.into_iter().map(record)
    }

    fn member(claims: &[&[i64]]) -> Vec<Event> {
        let claim = |offsets: &&[i64]| {
            let offsets = offsets.to_vec();
            [assigned()]
                .into_iter()
                .chain(records(offsets))
                .collect::<Vec<_>>()
        };
        claims.iter().flat_map(claim).collect()
    }

    fn check_ten(members: &[&[Event]], repeats: Repeats) {
        let written: Vec<_> = (0..10)
            .map(|offset| Acknowledged {
                partition: 0,
                offset,
            })
            .collect();
        check("t", &written, members, repeats);
    }

    #[test]
    fn one_member_passes_on_to_another() {
        let one = member(&[&[0, 1, 2], &[7, 8, 9]]);
        let other = member(&[&[3, 4, 5, 6]]);
        check_ten(&[&one, &other], Repeats::Never);
    }

    #[test]
    fn a_death_repeats() {
        let dead = member(&[&[0, 1, 2, 3, 4, 5]]);
        let heir = member(&[&[3, 4, 5, 6, 7, 8, 9]]);
        check_ten(&[&dead, &heir], Repeats::AfterDeath);
    }

    #[test]
    #[should_panic(expected = "came twice")]
    fn a_repetition_is_caught() {
        let one = member(&[&[0, 1, 2, 3, 4, 5]]);
        let other = member(&[&[3, 4, 5, 6, 7, 8, 9]]);
        check_ten(&[&one, &other], Repeats::Never);
    }

    #[test]
    #[should_panic(expected = "was given runs")]
    fn a_gap_within_a_claim_is_caught() {
        let one = member(&[&[0, 1, 2, 4, 5, 6, 7, 8, 9]]);
        let other = member(&[&[3]]);
        check_ten(&[&one, &other], Repeats::Never);
    }

    #[test]
    #[should_panic(expected = "never delivered")]
    fn a_loss_is_caught() {
        check_ten(&[&member(&[&[0, 1, 2, 3, 4, 5, 6, 7, 8]])], Repeats::Never);
    }

    #[test]
    #[should_panic(expected = "from nowhere")]
    fn a_claim_from_nowhere_is_caught() {
        check_ten(
            &[&member(&[&[0, 1, 2]]), &member(&[&[4, 5, 6, 7, 8, 9]])],
            Repeats::Never,
        );
    }
}
