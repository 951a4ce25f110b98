//! Static members, which 2.3 brought.

use kafka_tests::{
    Cluster, Codec, Event, Member, Producer, library,
    oracle::{self, Repeats},
    unique,
};
use sarama_cluster::{Config, ConsumerMode};

use crate::{SOON, assert_committed};

kafka_tests::on_each_release!(from V2_4_1 { a_static_member_comes_back_without_a_rebalance });

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

/// How often it was given partitions.
fn claims(member: &mut Member) -> usize {
    let is_claim = |event: &&Event| matches!(event, Event::Assigned(_));
    member.events().iter().filter(is_claim).count()
}
