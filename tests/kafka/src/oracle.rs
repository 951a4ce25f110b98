//! What must be true of the deliveries of any group, whatever happened to it.

use std::{collections::BTreeMap, time::Duration};

use checker::{Cause, Checker, Claim, Event as Fact, Place, Rules};

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
    let mut witness = Witness {
        checker: Checker::new(Rules::default()),
        at: Duration::ZERO,
    };
    for record in written {
        let place = witness.checker.place(topic, record.partition);
        let offsets = record.offset..=record.offset;
        witness.tell(Fact::Produced { place, offsets });
    }
    for (number, events) in (0..).zip(members) {
        witness.tell_member(checker::Member(number), topic, events);
    }
    witness.checker.conclude(witness.at);
    let found: Vec<_> = witness.checker.findings().iter().collect();
    let explained: String = found
        .iter()
        .map(|finding| witness.checker.explain(finding))
        .collect();
    assert!(found.is_empty(), "{explained}{members:?}");
    if repeats == Repeats::Never {
        let again = witness.checker.figures().repetitions;
        assert_eq!(again, 0, "records came twice: {members:?}");
    }
}

/// Tells the checker one member after the other. They have no clock in common, and that is the order that
/// accuses nobody of being late.
struct Witness {
    checker: Checker,
    at: Duration,
}

impl Witness {
    fn tell(&mut self, fact: Fact) {
        self.at += Duration::from_nanos(1);
        self.checker.see(self.at, fact);
    }

    fn tell_member(&mut self, member: checker::Member, topic: &str, events: &[Event]) {
        let mut claims: BTreeMap<Place, Claims> = BTreeMap::new();
        for event in events {
            let Event::Record {
                topic: of,
                partition,
                offset,
            } = event
            else {
                continue;
            };
            if of != topic {
                continue;
            }
            let place = self.checker.place(topic, *partition);
            let of_place = claims.entry(place).or_insert_with(|| Claims {
                begun: 0,
                most: count_claims(&(of.clone(), *partition), events),
                next: i64::MIN,
            });
            // A notification may be told a little before or after the records of its claim.
            let is_new = *offset != of_place.next && of_place.begun < of_place.most;
            of_place.begun += u64::from(is_new);
            of_place.next = offset + 1;
            let claim = Claim {
                member,
                place,
                number: of_place.begun,
            };
            if is_new {
                self.tell(Fact::Claimed {
                    claim,
                    generation: None,
                    start: *offset,
                    cause: Cause::Untold,
                });
            }
            let offsets = *offset..=*offset;
            self.tell(Fact::Delivered { claim, offsets });
        }
    }
}

/// The claims of a member at a partition.
struct Claims {
    begun: u64,
    most: u64,
    next: i64,
}

fn count_claims(partition: &TopicPartition, events: &[Event]) -> u64 {
    let claims = events.iter().filter(|event| match event {
        Event::Assigned(partitions) => partitions.contains(partition),
        _ => false,
    });
    claims.count() as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
    #[should_panic(expected = "Successive")]
    fn a_gap_within_a_claim_is_caught() {
        let one = member(&[&[0, 1, 2, 4, 5, 6, 7, 8, 9]]);
        let other = member(&[&[3]]);
        check_ten(&[&one, &other], Repeats::Never);
    }

    #[test]
    #[should_panic(expected = "Everything")]
    fn a_loss_is_caught() {
        check_ten(&[&member(&[&[0, 1, 2, 3, 4, 5, 6, 7, 8]])], Repeats::Never);
    }

    #[test]
    #[should_panic(expected = "Start")]
    fn a_claim_from_nowhere_is_caught() {
        check_ten(
            &[&member(&[&[0, 1, 2]]), &member(&[&[4, 5, 6, 7, 8, 9]])],
            Repeats::Never,
        );
    }
}
