//! Static members, which 2.3 brought.

use kafka_tests::{
    Cluster, Codec, Event, Member, Producer, library,
    oracle::{self, Repeats},
    unique,
};
use sarama_cluster::{Config, ConsumerMode};

use crate::{SOON, assert_committed};

kafka_tests::on_each_release!(from V2_4_1 {
    a_static_member_comes_back_without_a_rebalance,
    static_members_that_come_back_miss_neither_partitions_nor_topics,
    partitions_of_topics_that_a_leader_does_not_read_are_seen_also_when_it_was_away,
});

fn config(instance_id: &str) -> Config {
    let mut config = library::config(ConsumerMode::Multiplex);
    config.group.instance_id = Some(instance_id.to_owned());
    // Long enough to be away.
    config.group.session.timeout = SOON;
    config
}

fn a_static_member_comes_back_without_a_rebalance(kafka: &Cluster) {
    let (topic, group) = (unique("static"), unique("group"));
    kafka.create_topic(&topic, 2, 1);
    let producer = Producer::new(kafka, Codec::None);
    let join = |instance_id: &str| Member::library(kafka, &group, &[&topic], config(instance_id));
    let (mut one, mut other) = (join("one"), join("other"));
    Member::await_group(&mut [&mut one, &mut other], SOON, |members| {
        members.iter_mut().all(|m| m.assignment().len() == 1)
    });
    let mut written = producer.send_numbers(&topic, 20, 2);
    Member::await_group(&mut [&mut one, &mut other], SOON, |members| {
        members.iter_mut().map(|m| m.records().len()).sum::<usize>() == 20
    });
    let (owned, claims) = (one.assignment(), claims(&mut other));

    let before = one.leave();
    let mut again = join("one");
    again.await_that(SOON, |member| member.assignment() == owned);
    written.extend(producer.send_numbers(&topic, 20, 2));
    Member::await_group(&mut [&mut again, &mut other], SOON, |members| {
        members.iter_mut().map(|m| m.records().len()).sum::<usize>() == 30
    });
    assert_eq!(self::claims(&mut other), claims, "it noticed nothing");
    let events = [before, again.leave(), other.leave()];
    let events: Vec<_> = events.iter().map(Vec::as_slice).collect();
    oracle::check(&topic, &written, &events, Repeats::Never);
    assert_committed(kafka, &group, &topic, &[20; 2]);
}

/// Each of the two is started anew in turn, so it does not matter which one leads.
fn static_members_that_come_back_miss_neither_partitions_nor_topics(kafka: &Cluster) {
    let (topic, other_topic, group) = (unique("static"), unique("other"), unique("group"));
    kafka.create_topic(&topic, 2, 1);
    kafka.create_topic(&other_topic, 2, 1);
    let producer = Producer::new(kafka, Codec::None);
    let names = ["one", "two"];
    let join = |name: &str, topics: &[&str]| Member::library(kafka, &group, topics, config(name));
    let mut members = Vec::from(names.map(|name| join(name, &[&topic])));
    let mut past = Vec::new();
    let claim_each = |members: &mut [Member], count: usize| {
        let mut all: Vec<&mut Member> = members.iter_mut().collect();
        Member::await_group(&mut all, SOON, |members| {
            let each = members.iter_mut().map(|m| m.assignment().len());
            each.collect::<Vec<_>>() == [count; 2]
        });
    };
    claim_each(&mut members, 1);

    let mut start_anew = |members: &mut Vec<Member>, topics: &[&str]| {
        for name in names {
            past.push(members.remove(0).leave());
            let mut again = join(name, topics);
            again.await_that(SOON, |member| !member.assignment().is_empty());
            members.push(again);
        }
    };
    start_anew(&mut members, &[&topic]);
    kafka.add_partitions(&topic, 4);
    claim_each(&mut members, 2);
    start_anew(&mut members, &[&topic, &other_topic]);
    claim_each(&mut members, 3);
    start_anew(&mut members, &[&topic]);
    claim_each(&mut members, 2);
    // Also where the leader is away; one of them is.
    for (name, (each, all)) in names.into_iter().zip([(3, 6), (4, 8)]) {
        past.push(members.remove(0).leave());
        kafka.add_partitions(&topic, all);
        members.push(join(name, &[&topic]));
        claim_each(&mut members, each);
    }

    let written = producer.send_numbers(&topic, 24, 8);
    let mut all: Vec<&mut Member> = members.iter_mut().collect();
    Member::await_group(&mut all, SOON, |members| {
        members.iter_mut().map(|m| m.records().len()).sum::<usize>() == 24
    });
    past.extend(members.into_iter().map(Member::leave));
    let events: Vec<_> = past.iter().map(Vec::as_slice).collect();
    oracle::check(&topic, &written, &events, Repeats::Never);
    assert_committed(kafka, &group, &topic, &[3; 8]);
}

/// Each of the two is started anew, so it does not matter which one leads. Before 3.2 nobody tells it what the other reads.
fn partitions_of_topics_that_a_leader_does_not_read_are_seen_also_when_it_was_away(
    kafka: &Cluster,
) {
    let group = unique("group");
    let topics = [unique("one"), unique("other")];
    let start = |topic: &String| {
        let mut member = Member::library(kafka, &group, &[topic], config(topic));
        member.await_that(SOON, |member| member.assignment().len() == 1);
        member
    };
    for topic in &topics {
        kafka.create_topic(topic, 1, 1);
    }
    let mut members = Vec::from(topics.each_ref().map(start));
    // In turn, for a group that rebalances waits for those who are away.
    let mut former = Vec::new();
    for topic in &topics {
        former.push(members.remove(0).leave());
        members.push(start(topic));
    }
    for topic in &topics {
        kafka.add_partitions(topic, 2);
    }
    let mut all: Vec<&mut Member> = members.iter_mut().collect();
    Member::await_group(&mut all, SOON, |members| {
        members.iter_mut().all(|m| m.assignment().len() == 2)
    });

    let producer = Producer::new(kafka, Codec::None);
    let written = topics
        .each_ref()
        .map(|topic| producer.send_numbers(topic, 10, 2));
    for member in &mut members {
        member.await_that(SOON, |member| member.records().len() == 10);
    }
    let events: Vec<_> = members.into_iter().map(Member::leave).collect();
    for (((topic, written), before), after) in topics.iter().zip(&written).zip(&former).zip(&events)
    {
        oracle::check(topic, written, &[before, after], Repeats::Never);
        assert_committed(kafka, &group, topic, &[5; 2]);
    }
}

/// How often it was given partitions.
fn claims(member: &mut Member) -> usize {
    let is_claim = |event: &&Event| matches!(event, Event::Assigned(_));
    member.events().iter().filter(is_claim).count()
}
