//! How a row is played.

use sarama_cluster::{
    Error, NotificationType,
    core::reaction::Reaction,
    crossbeam_channel::{RecvTimeoutError, TryRecvError},
    testing::{ApiKey, ErrorCode, Fault},
};

use crate::{
    expected::expected,
    place::{self, Place},
    stage::{Begin, GROUP, PARTITION, PATIENCE, Stage, TOPIC},
    table::Row,
};

/// Has the row's code answered once. Tells where its consequences begin.
fn strike(stage: &Stage, row: &Row, place: Place) -> Begin {
    match row.reaction {
        Reaction::TakeMemberId => return forget_member(stage),
        Reaction::ResetOffset => return truncate(stage),
        _ => {}
    }
    let once = Fault::on(row.api).times(1);
    stage.kafka.inject(place::fault(once, row, place));
    set_off(stage, row.api);
    let begin = Begin::Behind(row.api, row.code);
    stage.await_begin(begin);
    if row.reaction == Reaction::RejoinAsNew {
        // What the code says has happened.
        stage.kafka.evict(GROUP, &stage.member_id);
    }
    begin
}

/// Brings the consumer to ask this API, if it does not do so all the time.
fn set_off(stage: &Stage, api: ApiKey) {
    match api {
        ApiKey::OffsetCommit => drop(stage.deliver_one()),
        ApiKey::ListOffsets => drop(truncate(stage)),
        _ => drop(place::trigger(api).map(|trigger| stage.kafka.inject(trigger))),
    }
}

/// The code comes with a member id, so only a group coordinator can give it: to a member that joins as new.
fn forget_member(stage: &Stage) -> Begin {
    let code = ErrorCode::UNKNOWN_MEMBER_ID;
    stage
        .kafka
        .inject(Fault::on(ApiKey::Heartbeat).times(1).error(code));
    stage.kafka.evict(GROUP, &stage.member_id);
    Begin::Behind(ApiKey::Heartbeat, code)
}

/// The log loses the offset that is read next. An error that is injected once would do only if the
/// consumer knew already that the user has taken all that came before: else it asks again.
fn truncate(stage: &Stage) -> Begin {
    stage.kafka.truncate(TOPIC, PARTITION, 0);
    Begin::AtOnce
}

/// The reaction is seen, and consumption goes on.
pub(crate) fn go_on(stage: &Stage, row: &Row, place: Place) {
    let expected = expected(row, place);
    let begin = strike(stage, row, place);
    let mut told = Vec::new();
    if (row.api, row.reaction) == (ApiKey::OffsetCommit, Reaction::Report) {
        told.push(
            stage
                .consumer
                .errors()
                .recv_timeout(PATIENCE)
                .expect("the user is told"),
        );
        mark_is_given_up(stage, row, begin);
    } else {
        for steps in &expected.follow {
            stage.await_steps(begin, steps);
        }
    }
    stage.consume_one();
    stage.consumer.close().expect("all is committed");

    let since = stage.since(begin);
    for api in expected.never {
        assert!(
            since.iter().all(|request| request.api != api),
            "{api} follows"
        );
    }
    assert_eq!(stage.notices(), expected.notices, "notifications");
    told.extend(stage.errors());
    assert_eq!(codes(&told), expected.told, "errors: {told:#?}");
}

fn mark_is_given_up(stage: &Stage, row: &Row, begin: Begin) {
    stage
        .consumer
        .commit_offsets()
        .expect("nothing is left to commit");
    let committed = stage.kafka.committed(GROUP, TOPIC, PARTITION);
    assert_eq!(committed.map(|(next, _)| next), Some(1));
    let since = stage.since(begin);
    assert!(
        since.iter().all(|request| request.api != row.api),
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
    let begin = strike(stage, row, place);
    let consumer = &stage.consumer;
    let ended = Some(RecvTimeoutError::Disconnected);
    assert_eq!(consumer.messages().recv_timeout(PATIENCE).err(), ended);
    assert_eq!(consumer.partitions().recv_timeout(PATIENCE).err(), ended);
    let (told, notices) = (stage.errors(), stage.notices());
    assert_eq!(codes(&told), [row.code], "errors: {told:#?}");
    assert_eq!(
        notices.last(),
        Some(&NotificationType::RebalanceError),
        "notifications"
    );
    assert_eq!(
        consumer.errors().try_recv().err(),
        Some(TryRecvError::Disconnected)
    );
    assert_eq!(
        consumer.notifications().try_recv().err(),
        Some(TryRecvError::Disconnected)
    );
    let cause = consumer.error().expect("it has ended by itself");
    assert_eq!(
        (cause.code(), cause.api()),
        (Some(row.code), Some(row.api.name()))
    );
    assert_eq!(
        consumer.close().expect_err("that is why").code(),
        Some(row.code)
    );
    let since = stage.since(begin);
    assert!(
        since.iter().all(|request| request.api != ApiKey::JoinGroup),
        "it joins again"
    );
}

/// Whatever the answer is, the consumer has left.
pub(crate) fn leave(stage: &Stage, row: &Row, place: Place) {
    let once = Fault::on(row.api).times(1);
    stage.kafka.inject(place::fault(once, row, place));
    let offset = stage.deliver_one();
    stage.consumer.close().expect("all is committed");
    let since = stage.since(Begin::Behind(row.api, row.code));
    // A fetch that is on its way is not waited for, and may be seen last.
    let mut others = since.iter().filter(|request| request.api != ApiKey::Fetch);
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
