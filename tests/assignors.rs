//! The assignors give what those of the Java client give: the table in `golden/assignors`.

use std::collections::BTreeMap;

use sarama_cluster::config::Strategy;
use sarama_cluster::core::assignor::{Assignment, MemberSubscription, assign};

/// A group, and what Java gives its members by each strategy.
#[derive(Default)]
struct Case {
    name: String,
    partition_counts: BTreeMap<String, i32>,
    members: Vec<MemberSubscription>,
    expected: BTreeMap<String, BTreeMap<String, Assignment>>,
}

/// The format is described at the top of the file.
fn parse(table: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (keyword, rest) = line.split_once(' ').expect(line);
        if keyword == "case" {
            cases.push(Case {
                name: rest.to_owned(),
                ..Case::default()
            });
            continue;
        }
        let case = cases.last_mut().expect("a case before its lines");
        let mut words = rest.split(' ').map(str::to_owned);
        let id = words.next().expect(line);
        match keyword {
            "topic" => {
                let count = words.next().expect(line).parse().expect(line);
                case.partition_counts.insert(id, count);
            }
            "member" => case.members.push(MemberSubscription {
                member_id: id,
                instance_id: words.next().filter(|instance_id| instance_id != "-"),
                topics: words.collect(),
            }),
            strategy => {
                let shares = case.expected.entry(strategy.to_owned()).or_default();
                shares.insert(id, words.map(|share| parse_share(&share)).collect());
            }
        }
    }
    cases
}

fn parse_share(text: &str) -> (String, Vec<i32>) {
    let (topic, partitions) = text.split_once(':').expect(text);
    let partitions = partitions
        .split(',')
        .map(|partition| partition.parse().expect(text));
    (topic.to_owned(), partitions.collect())
}

#[test]
fn members_get_what_the_java_assignors_give_them() {
    let cases = parse(include_str!("golden/assignors/cases.txt"));
    assert_eq!(cases.len(), 79);
    for case in cases {
        assert_eq!(case.expected.len(), Strategy::ALL.len(), "{}", case.name);
        for (strategy, expected) in case.expected {
            let strategy = Strategy::from_name(&strategy).expect("a name we offer, too");
            let assigned = assign(strategy, &case.members, &case.partition_counts);
            assert_eq!(assigned, expected, "{strategy:?}: {}", case.name);
        }
    }
}
