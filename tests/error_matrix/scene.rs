//! How a row is played.

use sarama_cluster::{
    Error, NotificationType,
    core::reaction::Reaction,
    crossbeam_channel::RecvTimeoutError,
    testing::{ApiKey, ErrorCode, Fault},
};

use crate::{
    expected::expected,
    place::{self, Place},
    stage::{GROUP, PARTITION, PATIENCE, Stage, Struck, TOPIC},
    table::Row,
};

/// How often a code is answered before it has its effect.
fn words(row: &Row) -> u32 {
    match row.reaction {
        Reaction::ResetOffset => place::WORDS_OUT_OF_RANGE,
        _ => 1,
    }
}

/// Has the row's code answered as often as it takes. Tells by which request.
fn strike(stage: &Stage, row: &Row, place: Place) -> Struck {
    if row.reaction == Reaction::TakeMemberId {
        return forget_member(stage);
    }
    let enough = Fault::on(row.api).times(words(row));
    stage.kafka.inject(place::fault(enough, row, place));
    set_off(stage, row.api);
    let struck = Struck::by(row);
    stage.await_struck(struck);
    if row.reaction == Reaction::RejoinAsNew {
        // What the code says has happened.
        stage.kafka.evict(GROUP, &stage.member_id);
    }
    struck
}

/// Brings the consumer to ask this API, if it does not do so all the time.
fn set_off(stage: &Stage, api: ApiKey) {
    if api == ApiKey::OffsetCommit {
        stage.deliver_one();
    } else if api == ApiKey::OffsetFetch {
        rebalance_to_the_leaders_look(stage);
    } else if let Some(trigger) = place::trigger(api) {
        stage.kafka.inject(trigger);
    }
}

/// Offsets are asked for in a new generation, and not before the leader of the group has looked at what there is: it
/// does so in each, and a look of its own for what an answer says could not be told from that.
fn rebalance_to_the_leaders_look(stage: &Stage) {
    let looks = stage.kafka.requests_seen(ApiKey::Metadata);
    let assignment = stage.kafka.inject(Fault::on(ApiKey::SyncGroup).hold());
    stage.kafka.inject(place::rebalance());
    stage
        .kafka
        .await_requests(PATIENCE, ApiKey::Metadata, looks + 1);
    stage.kafka.lift(assignment);
}

/// The code comes with a member id, so only a group coordinator can give it: to a member that joins as new.
fn forget_member(stage: &Stage) -> Struck {
    let (api, code) = (ApiKey::Heartbeat, ErrorCode::UNKNOWN_MEMBER_ID);
    stage.kafka.inject(Fault::on(api).times(1).error(code));
    stage.kafka.evict(GROUP, &stage.member_id);
    Struck { api, code }
}

/// The reaction is seen, and consumption goes on.
pub(crate) fn go_on(stage: &Stage, row: &Row, place: Place) {
    let expected = expected(row, place);
    let struck = strike(stage, row, place);
    let mut told = Vec::new();
    // A broker that does not know the partition may come to know it.
    let may_pass = matches!(
        row.code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID
    );
    if (row.api, row.reaction) == (ApiKey::OffsetCommit, Reaction::Report) && !may_pass {
        let error = stage.consumer.errors().recv_timeout(PATIENCE);
        told.push(error.expect("the user is told"));
        mark_is_given_up(stage, struck, row.code);
    } else {
        for steps in &expected.follow {
            stage.await_steps(struck, steps);
        }
    }
    stage.consume_one();
    stage.consumer.close().expect("all is committed");

    let behind = stage.behind(struck);
    for step in expected.never {
        let follows = behind.iter().any(|request| stage.is(request, step));
        assert!(!follows, "{step:?} follows");
    }
    assert_eq!(stage.notices(), expected.notices, "notifications");
    told.extend(stage.errors());
    assert_eq!(codes(&told), expected.told, "errors: {told:#?}");
}

/// It is not sent again, and who asks is told what became of it.
fn mark_is_given_up(stage: &Stage, struck: Struck, code: ErrorCode) {
    let commit = stage.consumer.commit_offsets();
    assert_eq!(commit.unwrap_err().code(), Some(code));
    let committed = stage.kafka.committed(GROUP, TOPIC, PARTITION);
    assert_eq!(committed.map(|(next, _)| next), Some(1));
    let behind = stage.behind(struck);
    assert!(
        behind.iter().all(|request| request.api != struck.api),
        "it is tried again"
    );
}

/// The code is answered again and again: the user is told, and when it is over consumption goes on.
pub(crate) fn last(stage: &Stage, row: &Row, place: Place) {
    let fault = place::fault(Fault::on(row.api), row, place);
    let fault = stage.kafka.inject(fault);
    set_off(stage, row.api);
    let told = stage.consumer.errors();
    loop {
        let error = told.recv_timeout(PATIENCE).expect("the user is told");
        match error.code() {
            Some(code) if code == row.code => break,
            // The trigger's share.
            Some(ErrorCode::OFFSET_OUT_OF_RANGE) => {}
            _ => panic!("something else is told: {error}"),
        }
    }
    stage.kafka.lift(fault);
    stage.consume_one();
    stage.consumer.close().expect("all is committed");
}

/// The consumer ends, and says why.
pub(crate) fn end(stage: &Stage, row: &Row, place: Place) {
    let struck = strike(stage, row, place);
    let consumer = &stage.consumer;
    let ended = Some(RecvTimeoutError::Disconnected);
    assert_eq!(consumer.messages().recv_timeout(PATIENCE).err(), ended);
    assert_eq!(consumer.partitions().recv_timeout(PATIENCE).err(), ended);
    let told: Vec<_> = consumer.errors().iter().collect();
    assert_eq!(codes(&told), [row.code], "errors: {told:#?}");
    let last = consumer.notifications().iter().last();
    let kind = last.map(|notice| notice.kind);
    assert_eq!(kind, Some(NotificationType::RebalanceError));

    let cause = consumer.error().expect("it has ended by itself");
    let of = (cause.code(), cause.api());
    assert_eq!(of, (Some(row.code), Some(row.api.name())));
    let closed = consumer.close().expect_err("that is why");
    assert_eq!(closed.code(), Some(row.code));
    let behind = stage.behind(struck);
    let joins = behind
        .iter()
        .any(|request| request.api == ApiKey::JoinGroup);
    assert!(!joins, "it joins again");
}

/// Whatever the answer is, the consumer has left.
pub(crate) fn leave(stage: &Stage, row: &Row, place: Place) {
    let once = Fault::on(row.api).times(1);
    stage.kafka.inject(place::fault(once, row, place));
    let offset = stage.deliver_one();
    stage.consumer.close().expect("all is committed");
    let behind = stage.behind(Struck::by(row));
    // A fetch that is on its way is not waited for, and may be seen last.
    let mut others = behind.iter().filter(|request| request.api != ApiKey::Fetch);
    assert_eq!(others.next(), None, "leaving is the last that it does");
    let committed = stage.kafka.committed(GROUP, TOPIC, PARTITION);
    assert_eq!(committed.map(|(next, _)| next), Some(offset + 1));
    assert_eq!((stage.errors().len(), stage.notices().len()), (0, 0));
    assert!(stage.consumer.error().is_none(), "it was closed");
}

/// The codes that the user was told.
fn codes(told: &[Error]) -> Vec<ErrorCode> {
    let of = |error: &Error| {
        error
            .code()
            .unwrap_or_else(|| panic!("without a code: {error}"))
    };
    told.iter().map(of).collect()
}
