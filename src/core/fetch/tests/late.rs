//! Brokers that say nothing.

use std::time::Duration;

use super::{Bench, MAX_WAIT, Sent, claim, description, in_a_rack, sent_to, settings};
use crate::{
    core::fetch::Outcome,
    error::{Error, ErrorKind},
};

const LATE: Duration = Duration::from_secs(5);

impl Bench {
    /// Waits for the next deadline; whether leaders are to be looked for then.
    fn wait(&mut self) -> bool {
        self.now = self.fetcher.deadline().expect("an answer is waited for");
        let outcomes = self.fetcher.look_for_late(self.now);
        assert!(
            outcomes.iter().all(|o| matches!(o, Outcome::StaleMetadata)),
            "{outcomes:?}"
        );
        !outcomes.is_empty()
    }

    fn is_silent(&self, broker: i32) -> bool {
        let broker = self.cluster.broker(broker).expect("it is described");
        self.fetcher.is_silent(broker, self.now)
    }
}

/// A machine that is gone does not even refuse a connection: each call to it takes as long as is allowed.
#[test]
fn who_does_not_answer_is_looked_behind_and_its_successor_is_asked_at_once() {
    let mut bench = Bench::new(settings(), 2);
    let (begin, sent) = (bench.now, bench.fetch());
    assert!(bench.wait(), "somebody else may lead");
    assert_eq!(bench.now, begin + MAX_WAIT + LATE);
    assert!(bench.is_silent(1) && !bench.is_silent(2));
    bench.describe(description(2));
    assert!(bench.try_fetch().is_none(), "it is the leader still");
    assert!(bench.wait());
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
    assert!(
        matches!(outcomes[..], [Outcome::StaleMetadata]),
        "{outcomes:?}"
    );
    bench.feed(&successor, &[(0, 10)]);
    assert_eq!(bench.deliver(), [(claim(0), 0)]);
}

/// Leaders name one to spare themselves, and can serve us as well.
#[test]
fn a_follower_that_does_not_answer_is_not_waited_for() {
    let mut bench = Bench::new(in_a_rack(), 1);
    let sent = bench.fetch();
    bench.answer(&sent, sent_to(2));
    let sent = bench.fetch();
    assert_eq!(sent.to.broker.id, Some(2));
    assert!(bench.wait());
    let next = bench.fetch();
    assert_eq!((next.to.broker.id, &*next.ask.rack_id), (Some(1), ""));
    bench.feed(&sent, &[(0, 10)]);
    assert_eq!(bench.deliver(), [], "the answer comes too late");
    bench.feed(&next, &[(0, 10)]);
    assert_eq!(bench.deliver(), [(claim(0), 0)]);
}

/// It was asked before the description that has its reader ask the leader again.
#[test]
fn a_late_word_of_a_follower_begins_no_doubt_in_the_leader() {
    let mut bench = Bench::new(settings(), 1);
    let sent = bench.fetch();
    bench.answer(&sent, sent_to(2));
    let sent = bench.fetch();
    assert_eq!(sent.to.broker.id, Some(2));
    bench.describe(description(1));
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
    assert!(bench.wait());
    assert_eq!(ask(&mut bench), None);
    bench.move_leader(1, 2);
    assert_eq!(ask(&mut bench), Some(2));
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
