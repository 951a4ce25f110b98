//! One row after the other, several at a time.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread,
};

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

/// So many rows are played at a time: most of the time they wait.
const AT_A_TIME: usize = 8;

/// Plays all rows, each at all places where its code can stand.
///
/// # Panics
/// If one turns out otherwise than the table says.
pub(crate) fn all(rows: &[Row]) {
    let scenes = rows
        .iter()
        .flat_map(|row| place::places(row).iter().map(move |place| (row, *place)));
    let mut scenes: Vec<_> = scenes.collect();
    // From the end; what is tried again slowly comes first.
    scenes.sort_by_key(|(row, _)| row.reaction == Reaction::Report);
    let (scenes, failures) = (Mutex::new(scenes), Mutex::new(Vec::new()));
    let work = || {
        while let Some((row, place)) = { scenes.lock().unwrap().pop() } {
            if let Err(failure) = play(row, place) {
                failures.lock().unwrap().push(failure);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of the rows fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Tells what went otherwise than it should, with all that was asked.
fn play(row: &Row, place: Place) -> Result<(), String> {
    let stage = Stage::open();
    let act = || match row.reaction {
        _ if row.api == ApiKey::LeaveGroup => leave(&stage, row),
        Reaction::Fatal => end(&stage, row, place),
        _ => go_on(&stage, row, place),
    };
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| {
        let Row {
            api,
            code,
            reaction,
            ..
        } = row;
        format!(
            "{api} {code:?} ({place:?}), {reaction:?}: {}{stage}",
            message(&*panic)
        )
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
}

/// Has the row's code answered once. Tells where its consequences begin.
fn strike(stage: &Stage, row: &Row, place: Place) -> Begin {
    match row.reaction {
        Reaction::TakeMemberId => return forget_member(stage),
        Reaction::ResetOffset => return truncate(stage),
        _ => {}
    }
    stage.kafka.inject(place::fault(row, place));
    match row.api {
        ApiKey::OffsetCommit => drop(stage.deliver_one()),
        ApiKey::ListOffsets => drop(truncate(stage)),
        api => drop(place::trigger(api).map(|trigger| stage.kafka.inject(trigger))),
    }
    let begin = Begin::Behind(row.api, row.code);
    stage.await_begin(begin);
    if row.reaction == Reaction::RejoinAsNew {
        // What the code says has happened.
        stage.kafka.evict(GROUP, &stage.member_id);
    }
    begin
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
fn go_on(stage: &Stage, row: &Row, place: Place) {
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

/// The consumer ends, and says why.
fn end(stage: &Stage, row: &Row, place: Place) {
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
fn leave(stage: &Stage, row: &Row) {
    stage.kafka.inject(place::fault(row, Place::Whole));
    let offset = stage.deliver_one();
    stage.consumer.close().expect("all is committed");
    let since = stage.since(Begin::Behind(row.api, row.code));
    assert!(since.is_empty(), "leaving is the last that it does");
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
