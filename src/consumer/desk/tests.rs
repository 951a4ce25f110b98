use super::*;
use crate::{consumer::sample::opened, error::ErrorKind};

/// A desk in partition mode, whose claims the test opens itself.
fn desk() -> (Desk, Ends) {
    let mut config = Config::default();
    config.group.mode = ConsumerMode::Partitions;
    config.consumer.returns.errors = true;
    let origin = Origin {
        bootstrap: vec![Broker {
            id: None,
            host: "b1".to_owned(),
            port: 9092,
        }],
        description: metadata::Answer::default(),
        seed: 1,
    };
    let waker = Waker::new(|| ());
    let subscription = Subscription::from("topic");
    Desk::open(Instant::now(), &config, "g", subscription, origin, waker)
}

/// Of the partition with the number of the claim.
fn open(desk: &mut Desk, claim: u64) {
    let id = ClaimId(claim);
    desk.begin(&Opened {
        partition: claim as i32,
        ..opened(id, ChannelId::Of(id), 0)
    });
}

/// Who selects on the raw receiver tells nobody when a handle is taken: the next look comes soon only if this one has
/// found something.
#[test]
fn a_handle_that_was_taken_is_news_while_others_wait() {
    let (mut desk, ends) = desk();
    for claim in 1..=3 {
        open(&mut desk, claim);
    }
    let now = Instant::now();
    assert!(!desk.look_at_users(now));
    for partition in 1..=3 {
        let handle = (*ends.partitions).recv().unwrap();
        assert_eq!(handle.partition(), partition);
        assert_eq!(desk.look_at_users(now), partition < 3);
    }
    assert!(!desk.waits_for_user());
}

#[test]
fn errors_go_to_the_handle_while_the_user_has_it() {
    let (mut desk, ends) = desk();
    let now = Instant::now();
    let report = |desk: &mut Desk| {
        let error = Error::new(ErrorKind::AckWindowFull, "deliver");
        desk.report(Some(ClaimId(1)), error);
    };
    open(&mut desk, 1);
    report(&mut desk);
    assert_eq!(ends.errors.try_iter().count(), 1, "nobody has it yet");
    let handle = ends.partitions.recv().unwrap();
    report(&mut desk);
    handle.async_close();
    desk.hear_users(now);
    report(&mut desk);
    assert_eq!(handle.errors().try_iter().count(), 2);
    drop(handle);
    desk.hear_users(now);
    report(&mut desk);
    assert_eq!(ends.errors.try_iter().count(), 1, "nobody has it any more");
}

#[test]
fn handles_whose_claims_have_ended_are_not_offered_any_more() {
    let (mut desk, ends) = desk();
    for claim in 1..=4 {
        open(&mut desk, claim);
    }
    for claim in [1, 2, 4] {
        desk.end(ClaimId(claim));
    }
    assert!(desk.poll_errand(Instant::now()).is_none());
    let partitions = |ends: &Ends| {
        let handles = (*ends.partitions).try_iter();
        handles.map(|handle| handle.partition()).collect::<Vec<_>>()
    };
    assert_eq!(partitions(&ends), [3]);
    assert!(!desk.waits_for_user());

    open(&mut desk, 5);
    open(&mut desk, 6);
    desk.finish();
    assert_eq!(partitions(&ends), [0; 0]);
}
