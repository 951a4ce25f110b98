//! Who gets which partition: what the leader of a group works out for all its members.
//!
//! Both strategies give exactly what the assignors of the Java client 3.4 give, which know nothing
//! of racks. So a group of several clients is balanced alike, whoever leads it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::config::Strategy;

/// What a member said when it joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSubscription {
    /// The name that the group coordinator gave it.
    pub member_id: String,
    /// The name that a static member gave itself (JoinGroup v5).
    pub instance_id: Option<String>,
    /// The topics it wants, in any order.
    pub topics: Vec<String>,
}

/// The partitions of one member: topic to sorted partitions, without topics of none.
pub type Assignment = BTreeMap<String, Vec<i32>>;

/// The strategies as a member offers them to the group coordinator: the preferred one first.
pub fn offered(preferred: Strategy) -> [Strategy; Strategy::ALL.len()] {
    let mut strategies = Strategy::ALL;
    strategies.sort_by_key(|&strategy| strategy != preferred);
    strategies
}

/// Gives each partition of each topic to one of the members that want the topic, and tells every
/// member its share, even if it is empty.
///
/// A topic that is not in `partition_counts`, or has a count below 1, is nobody's. A topic that a
/// member names twice counts once. Of members with the same id the last one counts; a group
/// coordinator never has two.
pub fn assign(
    strategy: Strategy,
    members: &[MemberSubscription],
    partition_counts: &BTreeMap<String, i32>,
) -> BTreeMap<String, Assignment> {
    let members = in_order(members);
    let topics = subscribed_topics(&members, partition_counts);
    let mut shares = vec![Assignment::new(); members.len()];
    match strategy {
        Strategy::Range => range(&topics, &mut shares),
        Strategy::RoundRobin => round_robin(&topics, &mut shares),
    }
    let ids = members.iter().map(|member| member.member_id.clone());
    ids.zip(shares).collect()
}

/// Topic by topic: a run of successive partitions for each subscriber; where the runs cannot be
/// equal, the first ones are longer by one.
fn range(topics: &BTreeMap<&str, Topic>, shares: &mut [Assignment]) {
    for (name, topic) in topics {
        let members = topic.subscribers.len();
        let (each, longer) = (topic.partitions / members, topic.partitions % members);
        let mut start = 0;
        for (turn, &place) in topic.subscribers.iter().enumerate() {
            let end = start + each + usize::from(turn < longer);
            give(&mut shares[place], name, start..end);
            start = end;
        }
    }
}

/// One partition at a time around the circle of all members, on from where the topic before has
/// ended; members that do not want the topic are skipped.
fn round_robin(topics: &BTreeMap<&str, Topic>, shares: &mut [Assignment]) {
    let mut next_place = 0;
    for (name, topic) in topics {
        // Within one topic the same subscribers take turns: each gets every `members`-th partition.
        let members = topic.subscribers.len();
        let first = topic
            .subscribers
            .partition_point(|&place| place < next_place);
        let at_turn = |turn: usize| topic.subscribers[(first + turn) % members];
        for turn in 0..members.min(topic.partitions) {
            let partitions = (turn..topic.partitions).step_by(members);
            give(&mut shares[at_turn(turn)], name, partitions);
        }
        next_place = at_turn(topic.partitions - 1) + 1;
    }
}

fn give(share: &mut Assignment, topic: &str, partitions: impl Iterator<Item = usize>) {
    // They are below a count that was an `i32`.
    let partitions: Vec<i32> = partitions.map(|partition| partition as i32).collect();
    if !partitions.is_empty() {
        share.insert(topic.to_owned(), partitions);
    }
}

/// A topic that exists and that somebody wants: neither number is 0.
struct Topic {
    partitions: usize,
    /// Who wants it, by their places among the sorted members, in ascending order.
    subscribers: Vec<usize>,
}

/// Sorted by name. Names of existing topics are ASCII, so all languages agree on the order.
fn subscribed_topics<'a>(
    members: &[&'a MemberSubscription],
    partition_counts: &BTreeMap<String, i32>,
) -> BTreeMap<&'a str, Topic> {
    let mut topics = BTreeMap::<&str, Topic>::new();
    for (place, member) in members.iter().enumerate() {
        for name in &member.topics {
            let count = partition_counts.get(name).copied().unwrap_or_default();
            let Ok(partitions @ 1..) = usize::try_from(count) else {
                continue;
            };
            let topic = topics.entry(name).or_insert_with(|| Topic {
                partitions,
                subscribers: Vec::new(),
            });
            if topic.subscribers.last() != Some(&place) {
                topic.subscribers.push(place);
            }
        }
    }
    topics
}

/// Each member once, in the order of the Java client: static members by their instance ids, then
/// the others by their member ids.
fn in_order(members: &[MemberSubscription]) -> Vec<&MemberSubscription> {
    let by_id: BTreeMap<&str, &MemberSubscription> = members
        .iter()
        .map(|member| (member.member_id.as_str(), member))
        .collect();
    let mut members: Vec<_> = by_id.into_values().collect();
    members.sort_by(|a, b| match (&a.instance_id, &b.instance_id) {
        (Some(a), Some(b)) => by_utf16_units(a, b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => by_utf16_units(&a.member_id, &b.member_id),
    });
    members
}

/// How Java compares strings. It differs from Rust's order only beyond the basic plane, which a
/// member id can reach, because it begins with the client id.
fn by_utf16_units(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, topics: &[&str]) -> MemberSubscription {
        MemberSubscription {
            member_id: id.to_owned(),
            instance_id: None,
            topics: topics.iter().map(ToString::to_string).collect(),
        }
    }

    fn counts(topics: &[(&str, i32)]) -> BTreeMap<String, i32> {
        topics
            .iter()
            .map(|&(topic, count)| (topic.to_owned(), count))
            .collect()
    }

    /// A group on topics t0 … t9, some of which do not exist.
    fn random_group(rng: &mut fastrand::Rng) -> (Vec<MemberSubscription>, BTreeMap<String, i32>) {
        let names: Vec<String> = (0..rng.usize(1..10)).map(|t| format!("t{t}")).collect();
        let mut counts = BTreeMap::new();
        for name in &names {
            if rng.u8(..8) > 0 {
                counts.insert(name.clone(), rng.i32(0..40));
            }
        }
        let members = (0..rng.usize(1..20)).map(|id| {
            let wanted = rng.usize(..=names.len());
            MemberSubscription {
                member_id: format!("m{id}"),
                instance_id: (rng.u8(..4) == 0).then(|| format!("i{}", 100 - id)),
                topics: rng.choose_multiple(names.clone(), wanted),
            }
        });
        (members.collect(), counts)
    }

    /// How many partitions of `topic` each of its subscribers has, in the order of the members.
    fn shares_of(
        topic: &str,
        members: &[MemberSubscription],
        assignments: &BTreeMap<String, Assignment>,
    ) -> Vec<usize> {
        in_order(members)
            .into_iter()
            .filter(|member| member.topics.iter().any(|wanted| wanted == topic))
            .map(|member| {
                assignments[&member.member_id]
                    .get(topic)
                    .map_or(0, Vec::len)
            })
            .collect()
    }

    /// Every partition of a topic that exists and is wanted has one owner, who wants the topic.
    fn assert_owned_once(
        members: &[MemberSubscription],
        counts: &BTreeMap<String, i32>,
        assignments: &BTreeMap<String, Assignment>,
    ) {
        assert_eq!(assignments.len(), members.len());
        let mut owned = BTreeMap::<&str, Vec<i32>>::new();
        for member in members {
            for (topic, partitions) in &assignments[&member.member_id] {
                assert!(member.topics.contains(topic), "{member:?} got {topic}");
                assert!(partitions.is_sorted() && !partitions.is_empty());
                owned.entry(topic).or_default().extend(partitions);
            }
        }
        let wanted = |topic: &String| members.iter().any(|member| member.topics.contains(topic));
        for (topic, &count) in counts.iter().filter(|(topic, _)| wanted(topic)) {
            let mut partitions = owned.remove(topic.as_str()).unwrap_or_default();
            partitions.sort_unstable();
            assert!(partitions.into_iter().eq(0..count), "{topic} of {count}");
        }
        assert!(owned.is_empty(), "{owned:?} do not exist");
    }

    #[test]
    fn every_partition_has_one_owner_and_shares_of_a_topic_differ_by_one_at_most() {
        for seed in 0..2_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (members, counts) = random_group(&mut rng);
            for strategy in Strategy::ALL {
                eprintln!("{strategy:?}, seed {seed}"); // shown when it fails
                let assignments = assign(strategy, &members, &counts);
                assert_owned_once(&members, &counts, &assignments);
                for topic in counts.keys() {
                    let shares = shares_of(topic, &members, &assignments);
                    let most = shares.iter().copied().max().unwrap_or_default();
                    assert!(shares.iter().all(|share| share + 1 >= most), "{shares:?}");
                    if strategy == Strategy::Range {
                        assert!(shares.is_sorted_by(|a, b| a >= b), "{shares:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn range_gives_runs() {
        for seed in 0..500 {
            let (members, counts) = random_group(&mut fastrand::Rng::with_seed(seed));
            for share in assign(Strategy::Range, &members, &counts).values() {
                for run in share.values() {
                    assert!(run.is_sorted_by(|a, b| a + 1 == *b), "seed {seed}: {run:?}");
                }
            }
        }
    }

    #[test]
    fn round_robin_is_even_over_all_topics_where_all_want_the_same() {
        for seed in 0..500 {
            let (mut members, counts) = random_group(&mut fastrand::Rng::with_seed(seed));
            for member in &mut members {
                member.topics = counts.keys().cloned().collect();
            }
            let assignments = assign(Strategy::RoundRobin, &members, &counts);
            let totals = assignments
                .values()
                .map(|share| share.values().flatten().count());
            let (least, most) = (totals.clone().min().unwrap(), totals.max().unwrap());
            assert!(least + 1 >= most, "seed {seed}: {least} to {most}");
        }
    }

    #[test]
    fn the_order_of_members_and_topics_is_nothing() {
        for seed in 0..500 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (members, counts) = random_group(&mut rng);
            let mut shuffled = members.clone();
            rng.shuffle(&mut shuffled);
            for member in &mut shuffled {
                rng.shuffle(&mut member.topics);
            }
            for strategy in Strategy::ALL {
                assert_eq!(
                    assign(strategy, &members, &counts),
                    assign(strategy, &shuffled, &counts),
                    "{strategy:?}, seed {seed}"
                );
            }
        }
    }

    #[test]
    fn a_large_group_is_assigned_whole() {
        let names: Vec<String> = (0..100).map(|topic| format!("t{topic}")).collect();
        let counts: BTreeMap<String, i32> = names.iter().map(|name| (name.clone(), 100)).collect();
        let members: Vec<MemberSubscription> = (0..1_000)
            .map(|id| MemberSubscription {
                member_id: format!("m{id}"),
                instance_id: None,
                topics: names.clone(),
            })
            .collect();
        for strategy in Strategy::ALL {
            assert_owned_once(&members, &counts, &assign(strategy, &members, &counts));
        }
    }

    #[test]
    fn a_topic_named_twice_counts_once() {
        for strategy in Strategy::ALL {
            let twice = [member("m1", &["a", "b", "a"]), member("m2", &["a"])];
            let once = [member("m1", &["a", "b"]), member("m2", &["a"])];
            let counts = counts(&[("a", 5), ("b", 2)]);
            assert_eq!(
                assign(strategy, &twice, &counts),
                assign(strategy, &once, &counts)
            );
        }
    }

    #[test]
    fn of_members_with_the_same_id_the_last_counts() {
        for strategy in Strategy::ALL {
            let twice = [
                member("m1", &["a"]),
                member("m2", &["a"]),
                member("m1", &["b"]),
            ];
            let counts = counts(&[("a", 2), ("b", 2)]);
            assert_eq!(
                assign(strategy, &twice, &counts),
                assign(strategy, &twice[1..], &counts)
            );
        }
    }

    #[test]
    fn a_topic_without_partitions_is_nobodys() {
        for strategy in Strategy::ALL {
            for count in [0, -1, i32::MIN] {
                let members = [member("m1", &["a", "b"])];
                let assignments = assign(strategy, &members, &counts(&[("a", count), ("b", 1)]));
                assert_eq!(
                    assignments["m1"],
                    Assignment::from([("b".to_owned(), vec![0])])
                );
            }
            assert_eq!(assign(strategy, &[], &counts(&[("a", 1)])), BTreeMap::new());
        }
    }

    #[test]
    fn the_preferred_strategy_is_offered_first() {
        let [range, round_robin] = Strategy::ALL;
        assert_eq!(offered(Strategy::Range), [range, round_robin]);
        assert_eq!(offered(Strategy::RoundRobin), [round_robin, range]);
    }
}
