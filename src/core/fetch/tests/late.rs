//! Brokers that say nothing.

use std::time::Duration;

use super::{
    Bench, MAX_WAIT, RETRY, Sent, assert_stale, claim, description, fetched, follow, in_a_rack,
    sent_to, settings,
};
use crate::{
    call::metadata,
    core::fetch::Outcome,
    error::{Error, ErrorKind},
    protocol::ErrorCode,
};

const LATE: Duration = Duration::from_secs(5);

/// What is done about an answer that is late.
#[derive(Debug, PartialEq)]
enum Late {
    /// Leaders are looked for.
    Look,
    /// The connection is given up.
    GiveUp,
}

/// Nobody leads the partition.
fn leaderless() -> metadata::Answer {
    let mut leaderless = description(1);
    leaderless.topics[0].partitions[0].leader = None;
    leaderless
}

impl Bench {
    /// Waits for the next deadline.
    fn wait(&mut self) -> Option<Late> {
        self.now = self.fetcher.deadline().expect("an answer is waited for");
        self.fetcher.expire(self.now);
        match &self.fetcher.look_for_late(self.now)[..] {
            [] => None,
            [Outcome::StaleMetadata] => Some(Late::Look),
            [Outcome::Disconnect(_)] => Some(Late::GiveUp),
            outcomes => panic!("{outcomes:?}"),
        }
    }

    /// Whom the next fetch goes to, and for what.
    fn asks(&mut self) -> (i32, Vec<i32>) {
        let sent = self.fetch();
        (sent.to.broker.id.expect("it is known"), sent.partitions())
    }

    fn is_silent(&self, broker: i32) -> bool {
        let broker = self.cluster.broker(broker).expect("it is described");
        self.fetcher.keeps_waiting(broker, self.now)
    }
}

/// A machine that is gone does not even refuse a connection: each call to it takes as long as is allowed.
#[test]
fn who_does_not_answer_is_looked_behind_and_its_successor_is_asked_at_once() {
    let mut bench = Bench::new(settings(), 2);
    let (begin, sent) = (bench.now, bench.fetch());
    assert_eq!(bench.wait(), Some(Late::Look), "somebody else may lead");
    assert_eq!(bench.now, begin + MAX_WAIT + LATE);
    assert!(bench.is_silent(1) && !bench.is_silent(2));
    bench.describe(description(2));
    assert!(bench.try_fetch().is_none(), "it is the leader still");
    assert_eq!(bench.wait(), Some(Late::Look));
    assert_eq!(bench.now, begin + MAX_WAIT + 2 * LATE);

    bench.move_leader(2, 2);
    let successor = bench.fetch();
    assert_eq!(successor.to.broker.id, Some(2));
    assert_eq!(successor.partitions(), [0]);
    bench.feed(&successor, &[(0, 10)]);
    // It was only slow, after all.
    bench.feed(&sent, &[(0, 20), (1, 30)]);
    assert!(!bench.is_silent(1));
    assert_eq!(bench.deliver(), [(claim(0), 0), (claim(1), 0)]);
    let next = [bench.fetch(), bench.fetch()];
    let asked = |sent: &Sent| (sent.partitions(), sent.ask.partitions[0].offset);
    assert_eq!(next.each_ref().map(asked), [(vec![1], 1), (vec![0], 1)]);
}

#[test]
fn what_becomes_of_a_call_to_a_former_leader_concerns_nobody() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    bench.move_leader(1, 2);
    let successor = bench.fetch();
    let error = Error::new(ErrorKind::Timeout(MAX_WAIT), "fetch");
    let outcomes = bench.fail(&sent, error);
    assert_stale(&outcomes);
    bench.feed(&successor, &[(0, 10)]);
    assert_eq!(bench.deliver(), [(claim(0), 0)]);
}

/// It cannot be asked twice at a time, so the first question is given up once nobody waits for it.
#[test]
fn who_is_the_leader_again_while_its_former_answer_is_late_is_asked_anew() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    bench.now += MAX_WAIT;
    bench.move_leader(1, 2);
    assert_eq!(bench.asks(), (2, vec![0]));
    bench.describe(description(1));
    assert!(bench.try_fetch().is_none());
    assert_eq!(bench.wait(), Some(Late::GiveUp));
    bench.fail(&sent, Error::new(ErrorKind::Disconnected, "fetch"));
    assert_eq!(bench.wait(), None, "it is tried again soon");
    assert_eq!(bench.asks(), (1, vec![0]));
}

#[test]
fn a_leader_that_was_not_named_for_a_moment_is_waited_for() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    bench.describe(leaderless());
    bench.describe(description(1));
    bench.feed(&sent, &[(0, 10)]);
    assert_eq!(bench.deliver(), [(claim(0), 0)]);
}

/// Brokers that crash are not listed first, and then have a successor.
#[test]
fn a_successor_is_asked_at_once_whatever_was_heard_before() {
    let mut elected_again = description(1);
    elected_again.topics[0].partitions[0].leader_epoch = Some(4);
    for before in [leaderless(), elected_again] {
        let mut bench = Bench::new(settings(), 1);
        bench.fetch();
        bench.describe(before);
        assert!(bench.try_fetch().is_none());
        bench.move_leader(1, 2);
        assert_eq!(bench.asks(), (2, vec![0]));
    }
}

/// A large answer may take its time, and so may the next one.
#[test]
fn who_takes_long_is_late_when_it_takes_much_longer() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    bench.now += MAX_WAIT + 2 * LATE;
    bench.feed(&sent, &[(0, 10)]);
    let begin = bench.now;
    bench.fetch();
    assert_eq!(bench.wait(), Some(Late::Look));
    assert_eq!(bench.now, begin + MAX_WAIT + 4 * LATE);
}

/// Leaders name one to spare themselves, and can serve us as well.
#[test]
fn a_follower_that_does_not_answer_is_not_waited_for() {
    let (mut bench, sent) = Bench::at_follower(in_a_rack());
    assert_eq!(bench.wait(), Some(Late::GiveUp));
    let next = bench.fetch();
    assert_eq!((next.to.broker.id, &*next.ask.rack_id), (Some(1), ""));
    bench.feed(&sent, &[(0, 10)]);
    assert_eq!(bench.deliver(), [], "the answer comes too late");
    bench.feed(&next, &[(0, 10)]);
    assert_eq!(bench.deliver(), [(claim(0), 0)]);
}

/// It is asked still when a description has its reader turn to the leader.
#[test]
fn a_follower_that_is_late_does_not_serve_whatever_was_described_meanwhile() {
    let (mut bench, _) = Bench::at_follower(in_a_rack());
    bench.elect_again();
    assert_eq!(bench.wait(), Some(Late::GiveUp));
    let next = bench.fetch();
    assert_eq!((next.to.broker.id, &*next.ask.rack_id), (Some(1), ""));
}

/// It is near, and would be given up each time.
#[test]
fn a_follower_that_was_given_up_has_more_time_when_it_is_named_again() {
    let mut bench = Bench::new(in_a_rack(), 1);
    let mut patience = Vec::new();
    for _ in 0..4 {
        let sent = bench.fetch();
        assert_eq!((sent.to.broker.id, &*sent.ask.rack_id), (Some(1), "rack"));
        bench.answer(&sent, sent_to(2));
        let (begin, sent) = (bench.now, bench.fetch());
        assert_eq!(sent.to.broker.id, Some(2));
        assert_eq!(bench.wait(), Some(Late::GiveUp));
        patience.push(bench.now - begin - MAX_WAIT);
        bench.fail(&sent, Error::new(ErrorKind::Disconnected, "fetch"));
        let sent = bench.fetch();
        assert_eq!(sent.to.broker.id, Some(1));
        bench.now += Duration::from_secs(120);
        bench.fetcher.expire(bench.now);
        bench.feed(&sent, &[]);
    }
    assert_eq!(patience, [LATE, 2 * LATE, 4 * LATE, 6 * LATE]);
}

/// That is no follower who does not serve.
#[test]
fn what_a_former_leader_refuses_does_not_keep_readers_from_followers() {
    let mut bench = Bench::new(in_a_rack(), 1);
    let sent = bench.fetch();
    bench.describe(leaderless());
    let moved = fetched(0, ErrorCode::NOT_LEADER_OR_FOLLOWER, Vec::new());
    let outcomes = bench.answer(&sent, vec![moved]);
    assert_stale(&outcomes);
    bench.move_leader(1, 2);
    bench.now += RETRY;
    bench.fetcher.expire(bench.now);
    let sent = bench.fetch();
    assert_eq!((sent.to.broker.id, &*sent.ask.rack_id), (Some(2), "rack"));
}

#[test]
fn nobody_is_sent_to_a_follower_that_does_not_answer() {
    let (mut bench, _, second) = Bench::at_follower_and_leader(in_a_rack());
    bench.now += MAX_WAIT + LATE;
    bench.fetcher.look_for_late(bench.now);
    let outcomes = bench.answer(&second, vec![follow(1)]);
    assert_stale(&outcomes);
    assert_eq!(bench.asks(), (1, vec![0, 1]));
}

/// It was asked for another one, and is at that still.
#[test]
fn a_description_leads_away_from_a_follower_that_is_late_for_others() {
    let (mut bench, first, second) = Bench::at_follower_and_leader(in_a_rack());
    bench.answer(&second, vec![follow(1)]);
    bench.describe(description(2));
    assert!(bench.try_fetch().is_none(), "the follower may only be busy");
    assert_eq!(bench.wait(), Some(Late::GiveUp));
    let outcomes = bench.fail(&first, Error::new(ErrorKind::Disconnected, "fetch"));
    assert_stale(&outcomes);
    bench.describe(description(2));
    assert_eq!(bench.asks(), (1, vec![0, 1]));
}

/// It was asked before the description that has its reader ask the leader again.
#[test]
fn a_late_word_of_a_follower_begins_no_doubt_in_the_leader() {
    let (mut bench, sent) = Bench::at_follower(settings());
    bench.elect_again();
    assert!(bench.refuse(&sent).is_empty());
    let sent = bench.fetch();
    assert_eq!(sent.to.broker.id, Some(1));
}

#[test]
fn an_offset_is_looked_up_at_the_successor_of_a_leader_that_does_not_answer() {
    let mut bench = Bench::new(settings(), 1);
    bench.look_up();
    let ask = |bench: &mut Bench| {
        let (to, ..) = bench.fetcher.poll_lookup(bench.now, &mut bench.tokens)?;
        to.broker.id
    };
    assert_eq!(ask(&mut bench), Some(1));
    assert_eq!(bench.wait(), Some(Late::Look));
    assert_eq!(ask(&mut bench), None);
    bench.move_leader(1, 2);
    assert_eq!(ask(&mut bench), Some(2));
}

/// Whatever else is asked on that connection goes on.
#[test]
fn a_look_up_that_nobody_waits_for_is_forgotten() {
    let mut bench = Bench::new(settings(), 1);
    bench.look_up();
    let (_, token, ..) = bench
        .fetcher
        .poll_lookup(bench.now, &mut bench.tokens)
        .expect("it is asked");
    bench.fetcher.remove(claim(0));
    assert!(bench.fetcher.is_waiting_for(token));
    assert_eq!(bench.wait(), None);
    assert!(!bench.fetcher.is_waiting_for(token));
    assert_eq!(bench.fetcher.deadline(), None);
}

/// Else nobody would ask it whether there is news of the others, for ever, though it is well again.
#[test]
fn a_broker_is_silent_only_as_long_as_somebody_tries() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    bench.fail(&sent, Error::new(ErrorKind::Disconnected, "fetch"));
    assert!(bench.is_silent(1), "it is tried again soon");
    bench.move_leader(1, 2);
    bench.now += Duration::from_secs(1);
    assert!(!bench.is_silent(1));
}
