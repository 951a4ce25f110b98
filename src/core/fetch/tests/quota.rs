//! Brokers that hold back what was asked for, because a quota is used up.

use std::time::Duration;

use super::{Bench, KIB, Sent, answer, claim, fetched, reports, settings};
use crate::{
    call::fetch,
    core::fetch::{Outcome, Settings},
    error::{Error, ErrorKind},
    protocol::{ApiKey, ErrorCode},
};

const PUT_OFF: Duration = Duration::from_millis(500);

impl Bench {
    /// The quota is used up: nothing is said of any partition.
    fn put_off(&mut self, sent: &Sent, throttle: Duration) -> Vec<Outcome> {
        let answer = fetch::Answer {
            throttle,
            ..answer(Vec::new())
        };
        self.answer_with(sent, answer)
    }

    /// The next request goes out once what is waited for is over.
    fn fetch_in_time(&mut self) -> Sent {
        loop {
            if let Some(sent) = self.try_fetch() {
                return sent;
            }
            self.now = self.fetcher.deadline().expect("it waits for something");
            self.fetcher.expire(self.now);
        }
    }
}

/// Since 2.0 (KIP-219) a broker answers at once, without any partition, and reads nothing more for a while.
#[test]
fn a_quota_that_is_used_up_is_waited_for_and_no_failure() {
    let settings = Settings {
        retry_max: Some(0),
        ..settings()
    };
    let mut bench = Bench::new(settings, 2);
    let sent = bench.fetch();
    bench.feed(&sent, &[(0, 100)]);
    for wait in [30, 300, 3_000].map(Duration::from_millis) {
        let sent = bench.fetch();
        assert!(bench.put_off(&sent, wait).is_empty(), "nothing is wrong");
        assert!(bench.try_fetch().is_none());
        assert_eq!(bench.fetcher.deadline(), Some(bench.now + wait));
        bench.now += wait;
    }
    let sent = bench.fetch();
    let offsets: Vec<_> = sent
        .ask
        .partitions
        .iter()
        .map(|p| (p.partition, p.offset))
        .collect();
    assert_eq!(offsets, [(1, 0), (0, 1)]);

    bench.put_off(&sent, Duration::from_millis(i32::MAX as u64));
    bench.now += Duration::from_secs(60);
    bench.fetch();
}

/// A broker that puts off without end must not keep us busy.
#[test]
fn a_broker_that_puts_off_for_a_moment_again_and_again_is_not_asked_without_end() {
    let mut bench = Bench::new(settings(), 1);
    let end = bench.now + Duration::from_secs(10);
    let mut requests = 0;
    while bench.now < end {
        let sent = bench.fetch();
        requests += 1;
        bench.put_off(&sent, Duration::from_millis(1));
        bench.now = bench.fetcher.deadline().unwrap();
    }
    assert!(requests < 60, "{requests}");
}

/// Before 2.5 an answer with more than the quota allows for is put off whenever it is asked for (KAFKA-9677).
#[test]
fn who_is_put_off_asks_for_less_until_something_comes() {
    const ALLOWED: usize = 20 * KIB;
    let mut bench = Bench::new(settings(), 2);
    let mut answers = 0;
    let mut put_offs = 0;
    while answers < 20 {
        let sent = bench.fetch_in_time();
        let bytes = sent.ask.max_bytes as usize;
        assert!(sent.sizes().all(|size| size <= bytes), "{:?}", sent.ask);
        if bytes <= ALLOWED {
            answers += 1;
            bench.fill(&sent);
            bench.deliver();
            (0..2).for_each(|partition| bench.take(claim(partition)));
        } else {
            put_offs += 1;
            bench.put_off(&sent, PUT_OFF);
        }
    }
    assert!(put_offs <= answers, "{put_offs}");
}

/// Before 0.10.1 nothing comes of a request for less than a batch.
#[test]
fn a_batch_is_asked_for_whole_also_of_who_holds_back() {
    let mut bench = Bench::new(settings(), 2);
    bench.is_bounded = false;
    for _ in 0..8 {
        let sent = bench.fetch_in_time();
        bench.put_off(&sent, PUT_OFF);
    }
    let sent = bench.fetch_in_time();
    // With less they would not even say how much it is.
    assert!(sent.sizes().all(|size| size == KIB));
    let short = |p: &fetch::Partition| fetch::Fetched {
        needs_bytes: Some(9 * KIB),
        ..fetched(p.partition, ErrorCode::NONE, Vec::new())
    };
    let outcomes = bench.answer(&sent, sent.ask.partitions.iter().map(short).collect());
    assert!(reports(&outcomes).is_empty(), "{outcomes:?}");
    let sent = bench.fetch_in_time();
    assert_eq!(sent.sizes().collect::<Vec<_>>(), [9 * KIB; 2]);
}

/// Before 2.0 what a quota holds back comes later, and may come too late.
#[test]
fn who_gets_no_answer_in_time_asks_for_less() {
    let mut bench = Bench::new(settings(), 1);
    let first = bench.fetch();
    let late = Error::new(ErrorKind::Timeout(Duration::from_secs(30)), "fetch");
    bench.fail(&first, late.at_api(ApiKey::Fetch));
    let second = bench.fetch_in_time();
    assert_eq!(second.ask.max_bytes, first.ask.max_bytes / 4);
}

#[test]
fn the_user_is_told_of_a_broker_that_puts_off_all() {
    let mut bench = Bench::new(settings(), 2);
    for _ in 0..15 {
        let sent = bench.fetch_in_time();
        assert!(bench.put_off(&sent, PUT_OFF).is_empty());
    }
    let sent = bench.fetch_in_time();
    let outcomes: Vec<Outcome> = bench.put_off(&sent, PUT_OFF);
    let told: Vec<_> = reports(&outcomes).iter().map(|e| e.partition()).collect();
    assert_eq!(told, [Some(0), Some(1)]);
    let code = reports(&outcomes)[0].code();
    assert_eq!(code, Some(ErrorCode::THROTTLING_QUOTA_EXCEEDED));
}

/// What was large may be followed by what is small: a broker since 0.10.1 gives one batch at least.
#[test]
fn a_large_batch_of_the_past_is_no_reason_to_ask_for_much() {
    let settings = Settings {
        default_bytes: 512 * KIB,
        ..settings()
    };
    let mut bench = Bench::new(settings, 2);
    let sent = bench.fetch();
    bench.feed(&sent, &[(0, 300 * KIB)]);
    bench.deliver();
    bench.take(claim(0));
    for _ in 0..15 {
        let sent = bench.fetch_in_time();
        bench.put_off(&sent, PUT_OFF);
    }
    assert_eq!(bench.fetch_in_time().ask.max_bytes as usize, KIB);
}

/// Of very many partitions each is asked for so much that it can say how large its next batch is.
#[test]
fn each_of_many_partitions_is_asked_for_something() {
    let settings = Settings {
        budget: 64 * 1024 * KIB,
        ..settings()
    };
    let mut bench = Bench::new(settings, 1100);
    bench.is_bounded = false;
    for _ in 0..12 {
        let sent = bench.fetch_in_time();
        let late = Error::new(ErrorKind::Timeout(Duration::from_secs(30)), "fetch");
        bench.fail(&sent, late.at_api(ApiKey::Fetch));
    }
    assert!(bench.fetch_in_time().sizes().all(|size| size >= KIB));
}
