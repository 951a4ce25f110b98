//! Followers that leaders name to read from (KIP-392).

use std::time::Duration;

use super::{
    Bench, RETRY, answer, assert_out_of_range, bytes_of, claim, description, fetched, follow,
    in_a_rack, sent_to, settings, split,
};
use crate::{
    call::fetch,
    core::fetch::Outcome,
    error::{Error, ErrorKind},
    protocol::ErrorCode,
};

#[test]
fn the_leader_is_asked_for_the_best_follower_once_more_each_minute() {
    let (mut bench, sent) = Bench::at_follower(in_a_rack());
    bench.feed(&sent, &[]);
    bench.now += Duration::from_secs(59);
    let sent = bench.fetch();
    bench.feed(&sent, &[]);
    bench.now += Duration::from_secs(1);
    let sent = bench.fetch();
    assert_eq!(sent.to.broker.id, Some(2), "the follower");
    bench.feed(&sent, &[]);
    let sent = bench.fetch();
    assert_eq!((sent.to.broker.id, &*sent.ask.rack_id), (Some(1), "rack"));
    bench.answer(&sent, sent_to(2));
    assert_eq!(bench.fetch().to.broker.id, Some(2));
}

/// It is at the long poll of another one, and descriptions come more often than that ends.
#[test]
fn no_description_leads_away_from_a_follower_that_has_not_yet_been_asked() {
    let (mut bench, first, second) = Bench::at_follower_and_leader(settings());
    bench.answer(&second, vec![follow(1)]);
    for _ in 0..20 {
        bench.now += Duration::from_secs(1);
        bench.describe(description(2));
        assert!(bench.try_fetch().is_none(), "the follower is busy");
    }
    bench.feed(&first, &[]);
    let sent = bench.fetch();
    assert_eq!(sent.to.broker.id, Some(2));
    assert_eq!(sent.partitions(), [0, 1]);
}

#[test]
fn a_follower_that_has_left_the_cluster_is_not_read_from() {
    let (mut bench, sent) = Bench::at_follower(settings());
    let mut alone = description(1);
    alone.brokers.retain(|broker| broker.id == 1);
    bench.describe_by(1, bench.now, alone);
    bench.feed(&sent, &[]);
    assert_eq!(bench.fetch().to.broker.id, Some(1));
}

#[test]
fn where_a_follower_does_not_serve_leaders_do_for_a_while() {
    let mut bench = Bench::new(in_a_rack(), 1);
    for round in 0..3 {
        let sent = bench.fetch();
        assert_eq!((sent.to.broker.id, &*sent.ask.rack_id), (Some(1), "rack"));
        bench.answer(&sent, sent_to(2));
        let sent = bench.fetch();
        assert_eq!(sent.to.broker.id, Some(2));
        if round == 0 {
            bench.refuse(&sent);
        } else {
            let kind = [ErrorKind::Disconnected, ErrorKind::Protocol][round - 1].clone();
            let error = Error::new(kind, "fetch").at_api(crate::protocol::ApiKey::Fetch);
            let cluster = &bench.cluster;
            bench
                .fetcher
                .answer(bench.now, sent.token, Err(error), cluster);
            bench.now += RETRY;
        }
        let sent = bench.fetch();
        assert_eq!((sent.to.broker.id, &*sent.ask.rack_id), (Some(1), ""));
        bench.now += Duration::from_secs(60);
        bench.feed(&sent, &[]);
    }
}

/// What its answer lacks, or a sound copy of a record, the leader may have; and nobody but the leader names another replica:
/// before 3.2 those that have led do so too, and would send a reader round and round (KAFKA-13778).
#[test]
fn a_follower_whose_answer_is_of_no_use_does_not_serve() {
    let mut damaged = bytes_of(0, 10);
    *damaged.last_mut().unwrap() ^= 1;
    let damaged = fetched(0, ErrorCode::NONE, vec![split(&damaged)]);
    let broken = fetch::Fetched {
        broken: Some(Error::new(ErrorKind::Protocol, "fetch")),
        ..fetched(0, ErrorCode::NONE, Vec::new())
    };
    let refused = fetch::Answer {
        error: ErrorCode::UNKNOWN_SERVER_ERROR,
        ..answer(Vec::new())
    };
    let answers = [
        answer(vec![damaged]),
        answer(vec![broken]),
        answer(Vec::new()),
        refused,
        answer(sent_to(1)),
        answer(sent_to(2)),
    ];
    for answer in answers {
        let (mut bench, sent) = Bench::at_follower(in_a_rack());
        bench.answer_with(&sent, answer);
        assert_eq!(bench.deliver(), []);
        bench.now += RETRY;
        bench.fetcher.expire(bench.now);
        let sent = bench.fetch();
        assert_eq!((sent.to.broker.id, &*sent.ask.rack_id), (Some(1), ""));
        bench.feed(&sent, &[(0, 10)]);
        assert_eq!(bench.deliver(), [(claim(0), 0)]);
    }
}

#[test]
fn a_followers_word_that_an_offset_is_out_of_range_is_not_believed() {
    let (mut bench, sent) = Bench::at_follower(settings());
    assert!(bench.refuse(&sent).is_empty());
    let sent = bench.fetch();
    assert_eq!(sent.to.broker.id, Some(1), "the leader is asked");
    let outcomes = bench.refuse_for_good(&sent);
    assert_out_of_range(&outcomes, 0);
}

#[test]
fn a_follower_that_nobody_knows_is_asked_about_and_the_leader_serves_meanwhile() {
    let mut bench = Bench::new(in_a_rack(), 1);
    let sent = bench.fetch();
    let outcomes = bench.answer(&sent, sent_to(3));
    let is_stale = |outcome: &Outcome| matches!(outcome, Outcome::StaleMetadata);
    assert!(outcomes.iter().any(is_stale), "{outcomes:?}");
    let sent = bench.fetch();
    assert_eq!((sent.to.broker.id, &*sent.ask.rack_id), (Some(1), ""));
}
