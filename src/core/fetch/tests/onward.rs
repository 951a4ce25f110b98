//! Requests that are granted in advance.

use std::time::Duration;

use super::{Bench, KIB, MAX_WAIT, Sent, answer, batch, claim, fetched, settings};
use crate::{
    call::{Answer, Token, fetch},
    core::fetch::Onward,
    error::{Error, ErrorKind},
    protocol::ErrorCode,
};

impl Bench {
    fn grant(&mut self) -> Option<Onward> {
        self.fetcher.poll_onward(self.now, &mut self.tokens)
    }

    /// All that was asked for gets a record, and is at its end with it.
    fn answer_to_the_ends(&mut self, token: Token, ask: &fetch::Ask) -> fetch::Ask {
        let of = |p: &fetch::Partition| {
            let batches = vec![batch(p.offset, 10)];
            fetched(p.partition, ErrorCode::NONE, batches)
        };
        let answer = fetch::Answer {
            ends: Some(ask.partitions.iter().map(|p| p.offset + 1).collect()),
            ..answer(ask.partitions.iter().map(of).collect())
        };
        let next = ask.clone().onward(&answer).unwrap();
        let result = Ok(Answer::Fetch(answer));
        self.fetcher.answer(self.now, token, result, &self.cluster);
        next
    }

    /// A reader at the ends of all logs, whose next request is on its way and may be followed by another.
    fn at_ends(partitions: i32) -> (Self, Sent, Onward) {
        let mut bench = Self::new(settings(), partitions);
        let first = bench.fetch();
        assert_eq!(bench.grant(), None, "nothing is known of the logs yet");
        bench.answer_to_the_ends(first.token, &first.ask);
        let sent = bench.fetch();
        let grant = bench.grant().expect("all is read");
        assert_eq!(bench.grant(), None, "one in advance");
        (bench, sent, grant)
    }
}

#[test]
fn who_has_read_everything_may_go_on_by_itself() {
    let (mut bench, sent, mut grant) = Bench::at_ends(3);
    assert_eq!(grant.to, sent.to);
    assert_eq!(grant.timeout, MAX_WAIT + Duration::from_secs(30));
    let mut token = sent.token;
    let mut ask = sent.ask;
    for _ in 0..5 {
        ask = bench.answer_to_the_ends(token, &ask);
        assert!(bench.try_fetch().is_none(), "it has gone on already");
        assert!(bench.fetcher.is_waiting_for(grant.token));
        token = grant.token;
        grant = bench.grant().expect("all is read again");
    }
    let delivered = bench.deliver();
    assert_eq!(delivered.len(), 3 * 6);
}

#[test]
fn an_answer_that_says_more_ends_the_grant() {
    let (mut bench, sent, grant) = Bench::at_ends(2);
    bench.feed(&sent, &[(0, 10)]);
    assert!(!bench.fetcher.is_waiting_for(grant.token));
    let next = bench.fetch();
    assert_eq!(next.partitions(), [1, 0], "who was served least is first");
    assert_eq!(bench.grant(), None, "there is more to come");
    assert!(!bench.fetcher.is_caught_up());
}

#[test]
fn a_connection_that_fails_has_not_gone_on() {
    let (mut bench, sent, grant) = Bench::at_ends(1);
    let free = bench.fetcher.budget.free();
    let lost = Err(Error::new(ErrorKind::Disconnected, "test"));
    bench
        .fetcher
        .answer(bench.now, sent.token, lost, &bench.cluster);
    assert!(!bench.fetcher.is_waiting_for(grant.token));
    assert!(bench.fetcher.budget.free() > free, "both are given back");
    bench.now += Duration::from_secs(1);
    bench.fetch();
    assert_eq!(bench.grant(), None);
}

/// The connection sends what it sent before, the rack too: a minute without it would never end.
#[test]
fn no_grant_is_given_on_once_brokers_are_to_be_told_the_rack_again_or_no_more() {
    let (mut bench, sent, grant) = Bench::at_ends(1);
    bench.fetcher.read_from_leaders(bench.now);
    let next = bench.answer_to_the_ends(sent.token, &sent.ask);
    assert_eq!(bench.grant(), None);
    bench.answer_to_the_ends(grant.token, &next);
    let sent = bench.fetch();
    let grant = bench.grant().expect("without the rack");
    bench.now += Duration::from_secs(60);
    let next = bench.answer_to_the_ends(sent.token, &sent.ask);
    assert_eq!(bench.grant(), None);
    bench.answer_to_the_ends(grant.token, &next);
    bench.fetch();
    assert!(bench.grant().is_some());
}

/// Without an epoch, or with a former one, a broker that leads no more would serve on as a follower (KIP-392).
#[test]
fn no_grant_is_given_on_once_leaders_are_to_be_told_another_epoch() {
    let (mut bench, sent, grant) = Bench::at_ends(1);
    bench.elect_again();
    let next = bench.answer_to_the_ends(sent.token, &sent.ask);
    assert_eq!(bench.grant(), None);
    bench.answer_to_the_ends(grant.token, &next);
    let sent = bench.fetch();
    assert_eq!(sent.ask.partitions[0].leader_epoch, Some(4));
    assert!(bench.grant().is_some());
}

/// What was asked in advance for a claim that has ended is no news for the one that comes after it.
#[test]
fn a_claim_that_ends_meanwhile_is_not_gone_on_with() {
    let (mut bench, sent, grant) = Bench::at_ends(2);
    let next = bench.answer_to_the_ends(sent.token, &sent.ask);
    bench.fetcher.remove(claim(0));
    assert_eq!(bench.grant(), None, "something else would be asked now");
    bench.answer_to_the_ends(grant.token, &next);
    let readings = bench.fetcher.readings.values();
    let positions = readings.map(|r| (r.claim, r.position()));
    assert_eq!(positions.collect::<Vec<_>>(), [(claim(1), 3)]);
    assert_eq!(bench.fetch().partitions(), [1]);
}

#[test]
fn who_has_dropped_out_is_not_gone_on_with_for_ever() {
    let (mut bench, sent, grant) = Bench::at_ends(3);
    bench.fetcher.remove(claim(0));
    let next = bench.answer_to_the_ends(sent.token, &sent.ask);
    assert_eq!(bench.grant(), None, "the connection would ask for it again");
    assert!(bench.try_fetch().is_none());
    bench.answer_to_the_ends(grant.token, &next);
    let fresh = bench.fetch();
    assert_eq!(fresh.partitions(), [1, 2]);
    let offsets = fresh.ask.partitions.iter().map(|p| p.offset);
    assert_eq!(offsets.collect::<Vec<_>>(), [3, 3]);
    assert!(bench.grant().is_some());
}

/// No connection does that, but who waits for it would wait for ever.
#[test]
fn a_grant_that_is_over_before_its_time_is_none() {
    let (mut bench, sent, grant) = Bench::at_ends(1);
    let lost = Err(Error::new(ErrorKind::Disconnected, "test"));
    let outcomes = bench
        .fetcher
        .answer(bench.now, grant.token, lost, &bench.cluster);
    assert!(outcomes.is_empty());
    bench.answer_to_the_ends(sent.token, &sent.ask);
    assert_eq!(bench.fetch().ask.partitions[0].offset, 2);
}

#[test]
fn who_leads_nothing_any_more_is_no_backlog() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    bench.feed(&sent, &[(0, 10)]);
    assert!(!bench.fetcher.is_caught_up());
    bench.move_leader(1, 2);
    assert!(bench.fetcher.is_caught_up());
}

#[test]
fn a_claim_that_another_broker_leads_now_is_asked_for_there() {
    let (mut bench, sent, grant) = Bench::at_ends(2);
    bench.move_leader(2, 2);
    let elsewhere = bench.fetch();
    assert_eq!(elsewhere.to.broker.id, Some(2));
    assert_eq!(elsewhere.partitions(), [0]);
    assert_eq!(elsewhere.ask.partitions[0].offset, 1);
    let next = bench.answer_to_the_ends(sent.token, &sent.ask);
    assert_eq!(bench.grant(), None);
    bench.answer_to_the_ends(grant.token, &next);
    let position = bench.fetcher.reading(claim(0)).position();
    assert_eq!(position, 1, "the old leader's word comes too late");
}

#[test]
fn little_is_granted_in_advance_and_only_where_there_is_plenty() {
    let (bench, sent, grant) = Bench::at_ends(12);
    let free = bench.fetcher.budget.free() + grant.max_bytes as usize;
    assert_eq!(grant.max_bytes as usize, free / 4);
    assert!(grant.max_bytes < sent.ask.max_bytes);

    let settings = super::Settings {
        budget: 128 * KIB,
        ..settings()
    };
    let mut poor = Bench::new(settings, 1);
    let first = poor.fetch();
    poor.answer_to_the_ends(first.token, &first.ask);
    poor.fetch();
    assert_eq!(poor.grant(), None, "it would be too small to be of use");
}
