//! What an assignment was made from. The leader notes it in the user data of the share of each static member, who
//! finds it when given its former place after a restart (KIP-345, KIP-814): without a rebalance nobody has
//! assigned anything to the subscription that it came with, or to partitions that were added meanwhile.
//!
//! Shares of other members have no note. Nobody would read it, and it would do harm: since Kafka 4.0 a member of
//! the protocol of KIP-848 can join a group only if no share in it has user data.
//!
//! Other clients do not look at it, and a share of another client's leader has none.

use std::collections::{BTreeMap, BTreeSet};

use super::lead::Counts;
use crate::core::assignor::MemberSubscription;

/// Tells the note from what another client may write there.
const TAG: &[u8; 4] = b"src\x01";

/// What a share was made from, most of it as digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// Of the topics that the member had subscribed to.
    subscription: u32,
    /// Of their partition counts.
    counts: u32,
    /// Of the subscriptions of all members, and all partition counts.
    group: u32,
    /// Whether no other member reads a topic that this one does not.
    reads_all: bool,
}

impl Origin {
    /// Of a share for a member that is subscribed to these topics.
    pub(super) fn new(topics: &BTreeSet<&str>, counts: &Counts, group: GroupDigest) -> Self {
        let own = counts.iter().filter(|(t, _)| topics.contains(t.as_str()));
        Self {
            subscription: of_topics(0, topics),
            counts: of_counts(0, own),
            group: group.0,
            reads_all: counts.keys().all(|topic| topics.contains(topic.as_str())),
        }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let digests = [self.subscription, self.counts, self.group];
        let digests = digests.map(u32::to_be_bytes).concat();
        [&TAG[..], &digests, &[u8::from(self.reads_all)]].concat()
    }

    pub(super) fn from_bytes(user_data: &[u8]) -> Option<Self> {
        let mut rest = user_data.strip_prefix(TAG)?;
        let mut digest = || {
            let (digest, behind) = rest.split_first_chunk()?;
            rest = behind;
            Some(u32::from_be_bytes(*digest))
        };
        let (subscription, counts, group) = (digest()?, digest()?, digest()?);
        let reads_all = match rest {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        Some(Self {
            subscription,
            counts,
            group,
            reads_all,
        })
    }

    /// Whether the member was subscribed to these topics.
    pub(super) fn is_for(self, topics: &BTreeSet<String>) -> bool {
        let topics = topics.iter().map(String::as_str).collect();
        self.subscription == of_topics(0, &topics)
    }

    /// Whether the member's topics had these partition counts.
    pub(super) fn has(self, counts: &Counts) -> bool {
        self.counts == of_counts(0, counts)
    }

    /// Whether the group was this one.
    pub(super) fn is_of(self, group: GroupDigest) -> bool {
        self.group == group.0
    }

    /// Whether the group had no topics but the member's.
    pub(super) fn reads_all(self) -> bool {
        self.reads_all
    }
}

/// Who is in a group, with which subscription, and what the partition counts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupDigest(u32);

impl GroupDigest {
    /// A static member is known by its name, for the member id changes when it comes back.
    pub(super) fn new(members: &[MemberSubscription], counts: &Counts) -> Self {
        let members: BTreeMap<(bool, &str), BTreeSet<&str>> = members
            .iter()
            .map(|member| {
                let name = match &member.instance_id {
                    Some(name) => (true, name.as_str()),
                    None => (false, member.member_id.as_str()),
                };
                (name, member.topics.iter().map(String::as_str).collect())
            })
            .collect();
        let mut digest = 0;
        for ((is_static, name), topics) in &members {
            digest = crc32c::crc32c_append(digest, &[u8::from(*is_static)]);
            digest = of_text(digest, name);
            digest = of_topics(digest, topics);
        }
        Self(of_counts(digest, counts))
    }
}

/// Goes on from another digest.
fn of_topics(digest: u32, topics: &BTreeSet<&str>) -> u32 {
    let digest = crc32c::crc32c_append(digest, &(topics.len() as u64).to_be_bytes());
    topics
        .iter()
        .fold(digest, |digest, topic| of_text(digest, topic))
}

/// Goes on from another digest.
fn of_counts<'a>(
    digest: u32,
    counts: impl IntoIterator<Item = (&'a String, &'a Option<i32>)>,
) -> u32 {
    counts.into_iter().fold(digest, |digest, (topic, count)| {
        let digest = of_text(digest, topic);
        crc32c::crc32c_append(digest, &count.unwrap_or(-1).to_be_bytes())
    })
}

/// Goes on from another digest.
fn of_text(digest: u32, text: &str) -> u32 {
    let digest = crc32c::crc32c_append(digest, &(text.len() as u64).to_be_bytes());
    crc32c::crc32c_append(digest, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(member_id: &str, instance_id: Option<&str>, topics: &[&str]) -> MemberSubscription {
        MemberSubscription {
            member_id: member_id.to_owned(),
            instance_id: instance_id.map(str::to_owned),
            topics: topics.iter().map(ToString::to_string).collect(),
        }
    }

    fn counts(counts: &[(&str, Option<i32>)]) -> Counts {
        let counts = counts.iter();
        counts
            .map(|(topic, count)| (topic.to_string(), *count))
            .collect()
    }

    fn digest(members: &[MemberSubscription], known: &[(&str, Option<i32>)]) -> GroupDigest {
        GroupDigest::new(members, &counts(known))
    }

    #[test]
    fn a_group_is_the_same_whatever_the_order_and_the_ids_of_static_members() {
        let counts = [("a", Some(2)), ("b", None)];
        let group = digest(
            &[
                member("m1", Some("one"), &["a", "b"]),
                member("n", None, &["a"]),
            ],
            &counts,
        );
        let again = digest(
            &[
                member("n", None, &["a"]),
                member("m2", Some("one"), &["b", "a", "a"]),
            ],
            &counts,
        );
        assert_eq!(group, again);
    }

    #[test]
    fn whatever_an_assignment_depends_on_makes_another_group() {
        let (one, n) = (member("m", Some("one"), &["a"]), member("n", None, &["a"]));
        let groups = [
            digest(&[one.clone(), n.clone()], &[("a", Some(2))]),
            digest(&[one.clone(), n.clone()], &[("a", Some(3))]),
            digest(&[one.clone(), n.clone()], &[("a", None)]),
            digest(std::slice::from_ref(&one), &[("a", Some(2))]),
            digest(&[one.clone(), member("o", None, &["a"])], &[("a", Some(2))]),
            digest(&[one.clone(), member("n", None, &["b"])], &[("a", Some(2))]),
            digest(&[one, member("m", Some("n"), &["a"])], &[("a", Some(2))]),
        ];
        for (at, group) in groups.iter().enumerate() {
            assert!(!groups[..at].contains(group), "{at}");
        }
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_nothing_else_is_a_note() {
        let group = digest(&[member("n", None, &["a"])], &[("a", Some(2))]);
        let all = counts(&[("a", Some(2)), ("b", Some(7))]);
        let origin = Origin::new(&BTreeSet::from(["a"]), &all, group);
        let bytes = origin.to_bytes();
        assert_eq!(Origin::from_bytes(&bytes), Some(origin));
        assert!(origin.is_of(group));
        let topics = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        assert!(origin.is_for(&topics(&["a"])));
        assert!(!origin.is_for(&topics(&["a", "b"])) && !origin.is_for(&topics(&[])));
        assert!(!origin.reads_all(), "there is \"b\"");
        let of_all = Origin::new(&BTreeSet::from(["a", "b"]), &all, group);
        assert!(of_all.reads_all());
        assert_eq!(Origin::from_bytes(&of_all.to_bytes()), Some(of_all));
        assert!(origin.has(&counts(&[("a", Some(2))])), "its own topics");
        for others in [Some(3), None] {
            assert!(!origin.has(&counts(&[("a", others)])));
        }
        for end in 0..bytes.len() {
            assert_eq!(Origin::from_bytes(&bytes[..end]), None);
        }
        assert_eq!(Origin::from_bytes(&[&bytes[..], &[0]].concat()), None);
        let (_, digests) = bytes.split_last().unwrap();
        assert_eq!(Origin::from_bytes(&[digests, &[2]].concat()), None);
        assert_eq!(Origin::from_bytes(&[b"abcd", &bytes[4..]].concat()), None);
    }
}
