//! The blobs of the consumer protocol, as this member writes and reads them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    lead::Counts,
    origin::{GroupDigest, Origin},
    violation::Violation,
};
use crate::{
    call::join_group::Member,
    config::Strategy,
    core::assignor::{self, MemberSubscription},
    protocol::consumer_protocol::{Assignment, Subscription, TopicPartition},
    wire,
};

/// The version of the blobs written: everybody reads it, and all that the newer ones add is for
/// assignors that are not offered here.
const VERSION: i16 = 0;

/// How a subscription is written. Both ways say the same, but to a group coordinator, which compares bytes, a
/// member that changes from one to the other has changed, and the group rebalances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// User data are never null: the Java client of 0.9.0.0 cannot read that.
    Plain,
    /// Where there are no user data, they are null. Only static members come to that, whose brokers are so young
    /// (2.3) that such an old client is hardly there. Where there are some, it is version 1 with no partitions
    /// owned, which sarama before 1.31 could not read.
    Other,
}

impl Writing {
    pub(super) fn change(&mut self) {
        *self = match self {
            Self::Plain => Self::Other,
            Self::Other => Self::Plain,
        };
    }

    fn write(self, topics: &BTreeSet<String>, user_data: &[u8]) -> wire::Result<Vec<u8>> {
        let (version, user_data) = match self {
            Self::Plain => (VERSION, Some(user_data)),
            Self::Other if user_data.is_empty() => (VERSION, None),
            Self::Other => (1, Some(user_data)),
        };
        let subscription = Subscription {
            topics: topics.iter().cloned().collect(),
            user_data: user_data.map(<[u8]>::to_vec),
            ..Subscription::default()
        };
        subscription.to_bytes(version)
    }
}

/// What this member offers in JoinGroup: each assignor's name with the subscription.
pub(super) fn offers(
    preferred: Strategy,
    topics: &BTreeSet<String>,
    user_data: &[u8],
    writing: Writing,
) -> wire::Result<Vec<(String, Vec<u8>)>> {
    let blob = writing.write(topics, user_data)?;
    let strategies = assignor::offered(preferred).into_iter();
    Ok(strategies
        .map(|strategy| (strategy.name().to_owned(), blob.clone()))
        .collect())
}

/// What the leader gave to a member.
#[derive(Debug, PartialEq)]
pub(super) struct Share {
    /// By topic, sorted; without topics of none.
    pub(super) partitions: BTreeMap<String, Vec<i32>>,
    /// What it was made from, if the leader says so: to static members only.
    pub(super) origin: Option<Origin>,
}

/// No member can read so many. Four bytes are enough to name one, and what is kept for it takes hundreds.
const MOST_PARTITIONS: usize = 1 << 20;

/// The share of this member, which is subscribed to `topics`. What the blob holds may take so much memory.
pub(super) fn read_assignment(
    blob: &[u8],
    array_bytes: usize,
    topics: &BTreeSet<String>,
) -> Result<Share, Violation> {
    let assignment =
        Assignment::from_bytes_within(blob, array_bytes).map_err(Violation::Assignment)?;
    let assigned = assignment.assigned_partitions;
    let count = assigned.iter().map(|topic| topic.partitions.len()).sum();
    if count > MOST_PARTITIONS {
        return Err(Violation::TooManyAssigned { count });
    }
    let mut share = BTreeMap::<String, BTreeSet<i32>>::new();
    for TopicPartition { topic, partitions } in assigned {
        if !topics.contains(&topic) && !partitions.is_empty() {
            return Err(Violation::NotSubscribed { topic });
        }
        for partition in partitions {
            if partition < 0 {
                return Err(Violation::NegativePartition { topic, partition });
            }
            let claimed = share.entry(topic.clone()).or_default();
            if !claimed.insert(partition) {
                return Err(Violation::AssignedTwice { topic, partition });
            }
        }
    }
    let sorted = |(topic, partitions): (_, BTreeSet<_>)| (topic, partitions.into_iter().collect());
    let user_data = assignment.user_data.as_deref();
    Ok(Share {
        partitions: share.into_iter().map(sorted).collect(),
        origin: user_data.and_then(Origin::from_bytes),
    })
}

/// The members of the group, as their leader sees them.
#[derive(Debug)]
pub(super) struct Roster {
    members: Vec<MemberSubscription>,
}

impl Roster {
    /// Reads the subscriptions, which together may take so much memory. A member whose blob cannot be
    /// read is in the group, but wants nothing.
    pub(super) fn read(members: Vec<Member>, array_bytes: usize) -> (Self, Vec<Violation>) {
        let mut bad = Vec::new();
        let mut room = array_bytes;
        let members = members.into_iter().map(|member| {
            let read = Subscription::from_bytes_within(&member.subscription, &mut room);
            let topics = match read {
                Ok(subscription) => subscription.topics,
                Err(cause) => {
                    let member_id = member.id.clone();
                    bad.push(Violation::Subscription { member_id, cause });
                    Vec::new()
                }
            };
            MemberSubscription {
                member_id: member.id,
                instance_id: member.instance_id,
                topics,
            }
        });
        let members = members.collect();
        (Self { members }, bad)
    }

    /// This member alone, where nobody says who the others are.
    pub(super) fn alone(member_id: &str, topics: &BTreeSet<String>) -> Self {
        let member = MemberSubscription {
            member_id: member_id.to_owned(),
            instance_id: None,
            topics: topics.iter().cloned().collect(),
        };
        Self {
            members: vec![member],
        }
    }

    /// All topics that anybody wants.
    pub(super) fn topics(&self) -> BTreeSet<String> {
        let topics = self.members.iter().flat_map(|member| &member.topics);
        topics.cloned().collect()
    }

    /// What tells this group, with these partition counts, from another one.
    pub(super) fn digest(&self, counts: &Counts) -> GroupDigest {
        GroupDigest::new(&self.members, counts)
    }

    /// The encoded share of every member, also the empty ones.
    pub(super) fn assign(&self, strategy: Strategy, counts: &Counts) -> Vec<(String, Vec<u8>)> {
        let group = self.digest(counts);
        let returning = self.members.iter().filter(|m| m.instance_id.is_some());
        let origins: BTreeMap<&str, Origin> = returning
            .map(|member| {
                let topics = member.topics.iter().map(String::as_str).collect();
                let origin = Origin::new(&topics, counts, group);
                (member.member_id.as_str(), origin)
            })
            .collect();
        let there = counts.iter();
        let there = there.filter_map(|(topic, count)| Some((topic.clone(), (*count)?)));
        let shares = assignor::assign(strategy, &self.members, &there.collect());
        shares
            .into_iter()
            .map(|(member_id, share)| {
                let origin = origins.get(member_id.as_str()).copied();
                (member_id, write_assignment(share, origin))
            })
            .collect()
    }
}

fn write_assignment(share: BTreeMap<String, Vec<i32>>, origin: Option<Origin>) -> Vec<u8> {
    let partitions = share.into_iter();
    let assignment = Assignment {
        assigned_partitions: partitions
            .map(|(topic, partitions)| TopicPartition { topic, partitions })
            .collect(),
        // Not null, for the Java client of 0.9.0.0.
        user_data: Some(origin.map_or_else(Vec::new, Origin::to_bytes)),
    };
    assignment
        .to_bytes(VERSION)
        .expect("the topics were read from blobs with the same limits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ARRAY_BYTES;

    fn topics(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn blob(partitions: &[(&str, &[i32])]) -> Vec<u8> {
        let assigned_partitions = partitions.iter().map(|(topic, partitions)| TopicPartition {
            topic: topic.to_string(),
            partitions: partitions.to_vec(),
        });
        let assignment = Assignment {
            assigned_partitions: assigned_partitions.collect(),
            user_data: Some(b"from a leader".to_vec()),
        };
        assignment.to_bytes(1).unwrap()
    }

    #[test]
    fn both_assignors_are_offered_with_the_user_data_and_the_preferred_one_first() {
        let offers = offers(
            Strategy::RoundRobin,
            &topics(&["b", "a"]),
            b"mine",
            Writing::Plain,
        )
        .unwrap();
        let names: Vec<&str> = offers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["roundrobin", "range"]);
        for (_, blob) in &offers {
            let subscription = Subscription::from_bytes(blob).unwrap();
            assert_eq!(subscription.topics, ["a", "b"]);
            assert_eq!(subscription.user_data.as_deref(), Some(&b"mine"[..]));
        }
    }

    #[test]
    fn user_data_is_never_null() {
        for (_, blob) in offers(Strategy::Range, &topics(&["a"]), b"", Writing::Plain).unwrap() {
            let subscription = Subscription::from_bytes(&blob).unwrap();
            assert_eq!(subscription.user_data, Some(Vec::new()));
        }
        let share = BTreeMap::from([("a".to_owned(), vec![0])]);
        let blob = write_assignment(share, None);
        let assignment = Assignment::from_bytes(&blob).unwrap();
        assert_eq!(assignment.user_data, Some(Vec::new()));
    }

    /// Any other would keep the group from going over to the protocol of KIP-848.
    #[test]
    fn only_the_share_of_a_static_member_has_a_note() {
        let subscription = offers(Strategy::Range, &topics(&["a"]), b"", Writing::Plain).unwrap();
        let member = |id: &str, instance_id: Option<&str>| Member {
            id: id.to_owned(),
            instance_id: instance_id.map(str::to_owned),
            subscription: subscription[0].1.clone(),
        };
        let members = vec![member("dynamic", None), member("static", Some("one"))];
        let (roster, _) = Roster::read(members, ARRAY_BYTES);
        let counts = Counts::from([("a".to_owned(), Some(2))]);
        let shares = roster.assign(Strategy::Range, &counts);
        let user_data = |(id, blob): &(String, Vec<u8>)| {
            let assignment = Assignment::from_bytes(blob).unwrap();
            (id.clone(), assignment.user_data)
        };
        let group = roster.digest(&counts);
        let note = Origin::new(&BTreeSet::from(["a"]), &counts, group).to_bytes();
        assert_eq!(
            shares.iter().map(user_data).collect::<Vec<_>>(),
            [
                ("dynamic".to_owned(), Some(Vec::new())),
                ("static".to_owned(), Some(note)),
            ]
        );
    }

    #[test]
    fn a_subscription_can_be_written_in_two_ways_that_say_the_same() {
        for (user_data, version_of_other) in [(&b""[..], 0), (b"mine", 1)] {
            let mut writing = Writing::Plain;
            let mut write = || {
                let offers = offers(Strategy::Range, &topics(&["a"]), user_data, writing).unwrap();
                writing.change();
                offers[0].1.clone()
            };
            let (plain, other, again) = (write(), write(), write());
            assert_ne!(plain, other);
            assert_eq!(plain, again);
            let read = |blob: &[u8]| {
                let subscription = Subscription::from_bytes(blob).unwrap();
                (
                    subscription.topics,
                    subscription.user_data.unwrap_or_default(),
                )
            };
            assert_eq!(read(&plain), read(&other));
            assert_eq!(
                (plain[..2].to_vec(), other[1]),
                (vec![0, 0], version_of_other)
            );
        }
    }

    #[test]
    fn an_assignment_is_read_in_order_whatever_way_the_leader_wrote_it() {
        let share = read_assignment(
            &blob(&[("b", &[1]), ("a", &[7, 0]), ("b", &[0])]),
            ARRAY_BYTES,
            &topics(&["a", "b", "c"]),
        );
        let expected = [("a".to_owned(), vec![0, 7]), ("b".to_owned(), vec![0, 1])];
        let share = share.unwrap();
        assert_eq!(share.partitions, BTreeMap::from(expected));
        assert_eq!(share.origin, None, "the note is another one's");
    }

    #[test]
    fn a_topic_without_partitions_says_nothing() {
        let share = blob(&[("of others", &[]), ("a", &[0])]);
        let share = read_assignment(&share, ARRAY_BYTES, &topics(&["a"])).unwrap();
        assert_eq!(
            share.partitions,
            BTreeMap::from([("a".to_owned(), vec![0])])
        );
    }

    #[test]
    fn no_assignment_at_all_is_an_empty_one() {
        assert!(
            read_assignment(&[], ARRAY_BYTES, &topics(&["a"]))
                .unwrap()
                .partitions
                .is_empty()
        );
        let named = blob(&[("a", &[])]);
        assert!(
            read_assignment(&named, ARRAY_BYTES, &topics(&["a"]))
                .unwrap()
                .partitions
                .is_empty()
        );
    }

    #[test]
    fn a_hostile_assignment_is_refused() {
        let refusal = |partitions: &[(&str, &[i32])]| {
            read_assignment(&blob(partitions), ARRAY_BYTES, &topics(&["a", "b"])).unwrap_err()
        };
        assert!(matches!(
            refusal(&[("a", &[0, -1])]),
            Violation::NegativePartition { partition: -1, .. }
        ));
        assert!(matches!(
            refusal(&[("a", &[4]), ("b", &[4]), ("a", &[4])]),
            Violation::AssignedTwice { partition: 4, .. }
        ));
        assert!(matches!(
            refusal(&[("secret", &[0])]),
            Violation::NotSubscribed { .. }
        ));
        let lie = [0, 0, 0x7f, 0xff, 0xff, 0xff];
        let error = read_assignment(&lie, ARRAY_BYTES, &topics(&["a"])).unwrap_err();
        assert!(matches!(error, Violation::Assignment(_)), "{error:?}");
        let all: Vec<i32> = (0..=MOST_PARTITIONS as i32).collect();
        let refused = read_assignment(&blob(&[("a", &all)]), usize::MAX, &topics(&["a"]));
        let error = refused.unwrap_err();
        assert!(
            matches!(error, Violation::TooManyAssigned { .. }),
            "{error:?}"
        );
    }

    #[test]
    fn the_subscriptions_of_all_members_have_bounded_memory() {
        let subscription =
            offers(Strategy::Range, &topics(&["a", "b"]), b"", Writing::Plain).unwrap();
        let member = |id: &str| Member {
            id: id.to_owned(),
            instance_id: None,
            subscription: subscription[0].1.clone(),
        };
        let members = vec![member("one"), member("two")];
        let needed = 4 * size_of::<String>();
        let (_, bad) = Roster::read(members.clone(), needed);
        assert!(bad.is_empty(), "{bad:?}");
        let (roster, bad) = Roster::read(members, needed - 1);
        assert_eq!(bad.len(), 1);
        assert!(bad[0].to_string().contains("\"two\""), "{}", bad[0]);
        assert_eq!(roster.topics(), topics(&["a", "b"]), "of the other one");
        // An assignment is no member's: it has a memory of its own.
        let assignment = blob(&[("a", &[0, 1])]);
        let needed = size_of::<TopicPartition>() + 2 * size_of::<i32>();
        assert!(read_assignment(&assignment, needed, &topics(&["a"])).is_ok());
        assert!(read_assignment(&assignment, needed - 1, &topics(&["a"])).is_err());
    }

    #[test]
    fn a_member_that_cannot_be_read_is_named_and_gets_nothing() {
        let subscription = offers(Strategy::Range, &topics(&["a"]), b"", Writing::Plain).unwrap();
        let member = |id: &str, subscription: &[u8]| Member {
            id: id.to_owned(),
            instance_id: None,
            subscription: subscription.to_vec(),
        };
        let members = vec![
            member("good", &subscription[0].1),
            member("bad", &[0, 0, 0xff]),
        ];
        let (roster, bad) = Roster::read(members, ARRAY_BYTES);
        assert_eq!(bad.len(), 1);
        assert!(bad[0].to_string().contains("\"bad\""), "{}", bad[0]);
        assert_eq!(roster.topics(), topics(&["a"]));

        let counts = Counts::from([("a".to_owned(), Some(2))]);
        let shares = roster.assign(Strategy::Range, &counts);
        let read = |(id, blob): &(String, Vec<u8>)| {
            let share = read_assignment(blob, ARRAY_BYTES, &topics(&["a"])).unwrap();
            (
                id.clone(),
                share.partitions.values().map(Vec::len).sum::<usize>(),
            )
        };
        let shares: Vec<_> = shares.iter().map(read).collect();
        assert_eq!(shares, [("bad".to_owned(), 0), ("good".to_owned(), 2)]);
    }
}
