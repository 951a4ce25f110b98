//! Answers that cannot be read: which partition it is, and that the others go on.

use super::*;
use crate::{core::fetch::LONGEST_BROKER_BACKOFF, protocol::ApiKey};

fn unreadable() -> Error {
    Error::new(ErrorKind::Protocol, "fetch").at_api(ApiKey::Fetch)
}

impl Bench {
    /// The partitions of the next fetch, in their order; it is answered without records.
    fn fetch_nothing(&mut self) -> Vec<i32> {
        let sent = self.fetch();
        self.feed(&sent, &[]);
        let mut partitions = sent.partitions();
        partitions.sort_unstable();
        partitions
    }

    /// Long enough for a broker to be asked again, not for a partition.
    fn pass_a_moment(&mut self) {
        self.now += Duration::from_millis(60);
        self.fetcher.expire(self.now);
    }
}

fn told(outcomes: &[Outcome]) -> Vec<i32> {
    let partition = |outcome: &Outcome| match outcome {
        Outcome::Report(_, error) => error.partition(),
        _ => None,
    };
    outcomes.iter().filter_map(partition).collect()
}

#[test]
fn each_partition_of_an_answer_that_cannot_be_read_is_asked_for_alone() {
    let mut bench = Bench::new(settings(), 3);
    let sent = bench.fetch();
    assert_eq!(sent.partitions(), [0, 1, 2]);
    let outcomes = bench.fail(&sent, unreadable());
    assert_eq!(told(&outcomes), [0; 0], "nobody knows yet which one it is");
    assert!(bench.try_fetch().is_none(), "not at once");

    bench.pass_a_moment();
    let sent = bench.fetch();
    assert_eq!(sent.partitions(), [0]);
    assert_eq!(sent.ask.max_wait_ms, 1, "the others wait");
    bench.feed(&sent, &[(0, 100)]);
    let sent = bench.fetch();
    assert_eq!(sent.partitions(), [1]);
    let outcomes = bench.fail(&sent, unreadable());
    assert_eq!(told(&outcomes), [1]);

    bench.pass_a_moment();
    assert_eq!(
        bench.fetch_nothing(),
        [0],
        "who is known to be well comes first"
    );
    assert_eq!(bench.fetch_nothing(), [2]);
    for _ in 0..3 {
        assert_eq!(bench.fetch_nothing(), [0, 2], "together again");
    }
    bench.now += RETRY;
    let sent = bench.fetch();
    assert_eq!(sent.partitions(), [1], "alone until it is well");
    let outcomes = bench.fail(&sent, unreadable());
    assert_eq!(told(&outcomes), [1]);
    bench.pass_a_moment();
    assert_eq!(bench.fetch_nothing(), [0, 2]);
    bench.now += RETRY;
    assert_eq!(bench.fetch_nothing(), [1]);
    assert_eq!(bench.fetch_nothing(), [0, 1, 2]);
}

/// One that may be tried again before its broker is asked again would be asked for all the time.
#[test]
fn the_others_have_their_turn_however_soon_the_sick_one_is_tried_again() {
    let mut bench = Bench::new(
        Settings {
            retry: Waits::Listed([Duration::from_millis(1)].into()),
            ..settings()
        },
        4,
    );
    let mut asked = [0; 4];
    for _ in 0..60 {
        bench.now += LONGEST_BROKER_BACKOFF;
        bench.fetcher.expire(bench.now);
        let sent = bench.fetch();
        let partitions = sent.partitions();
        for partition in &partitions {
            asked[*partition as usize] += 1;
        }
        // One is sick, and one is but sometimes.
        if partitions.contains(&1) || (partitions.contains(&2) && asked[2] < 5) {
            bench.fail(&sent, unreadable());
        } else {
            bench.feed(&sent, &[]);
        }
    }
    assert!(asked.iter().all(|count| *count > 10), "{asked:?}");
}

#[test]
fn a_connection_that_cannot_be_opened_or_is_lost_accuses_nobody() {
    for error in [
        Error::new(ErrorKind::Disconnected, "fetch").at_api(ApiKey::Fetch),
        Error::new(ErrorKind::Protocol, "handshake").at_api(ApiKey::ApiVersions),
    ] {
        let mut bench = Bench::new(settings(), 3);
        let sent = bench.fetch();
        bench.fail(&sent, error);
        bench.pass_a_moment();
        assert_eq!(bench.fetch_nothing(), [0, 1, 2]);
    }
}

#[test]
fn a_partition_whose_answers_stay_unreadable_is_given_up_where_the_settings_say_so() {
    let mut bench = Bench::new(
        Settings {
            retry_max: Some(2),
            ..settings()
        },
        1,
    );
    for _ in 0..3 {
        let sent = bench.fetch();
        bench.fail(&sent, unreadable());
        bench.now += RETRY;
    }
    assert!(bench.try_fetch().is_none());
}

/// A broker whose every answer is unreadable is not asked faster because it leads many partitions.
#[test]
fn a_broker_that_is_sick_as_a_whole_is_asked_ever_more_slowly() {
    let mut bench = Bench::new(settings(), 100);
    let began = bench.now;
    let mut asked = 0;
    while bench.now < began + Duration::from_secs(60) {
        if let Some(sent) = bench.try_fetch() {
            bench.fail(&sent, unreadable());
            asked += 1;
        }
        let next = bench.fetcher.deadline().expect("it is tried again");
        bench.now = next.max(bench.now);
        bench.fetcher.expire(bench.now);
    }
    assert!((30..=45).contains(&asked), "{asked} times in a minute");
}
