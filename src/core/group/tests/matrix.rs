//! Every error code at every call of the membership: the reaction is that of the table, and nothing
//! makes the member spin.

use super::*;
use crate::core::reaction::{Reaction, reaction};

/// All codes that are known, and one that is not.
fn codes() -> impl Iterator<Item = ErrorCode> {
    let known = ErrorCode::ALL.iter().copied();
    known
        .chain([ErrorCode(9999)])
        .filter(|code| code.is_error())
}

/// A member with an id of its own that has sent that call.
fn having_sent(api: ApiKey) -> (Story, Sent) {
    match api {
        ApiKey::FindCoordinator => Story::started(settings()),
        ApiKey::JoinGroup => {
            let (mut story, _) = Story::releasing();
            story.group.released(story.now);
            let join = story.sent(ApiKey::JoinGroup);
            (story, join)
        }
        ApiKey::SyncGroup => {
            let (mut story, join) = having_sent(ApiKey::JoinGroup);
            story.answer(&join, joined(2));
            let sync = story.sent(ApiKey::SyncGroup);
            (story, sync)
        }
        ApiKey::Heartbeat => {
            let mut story = Story::stable();
            let beat = story.next_heartbeat();
            (story, beat)
        }
        api => panic!("{api} is not waited for"),
    }
}

/// What the member does, in words of the table.
fn observed(mut story: Story, api: ApiKey) -> Reaction {
    let begin = story.now;
    let (mut told, mut lost) = (false, false);
    loop {
        story.wait();
        let at_once = story.now == begin;
        match story.next() {
            Action::Fatal(_) => return Reaction::Fatal,
            Action::Release { .. } => return Reaction::Release,
            Action::Report(_) => told = true,
            Action::Lost(_) => lost = true,
            Action::Rebalancing => {}
            Action::Send { call, .. } => {
                let session = story.group.session();
                return match call {
                    Call::FindCoordinator(_) if at_once => Reaction::FindCoordinator,
                    Call::JoinGroup(ask) if at_once => {
                        assert_eq!(
                            lost,
                            matches!(api, ApiKey::Heartbeat | ApiKey::OffsetCommit)
                        );
                        match ask.member_id.as_str() {
                            "" => Reaction::RejoinAsNew,
                            "m" => Reaction::Rejoin,
                            _ => Reaction::TakeMemberId,
                        }
                    }
                    // The next heartbeat is the retry.
                    Call::Heartbeat(_) if told => Reaction::Report,
                    Call::Heartbeat(_) => {
                        assert_eq!(session.map(|session| session.generation), Some(1));
                        Reaction::Retry
                    }
                    _ if told && story.now - begin >= secs(8) => Reaction::Report,
                    _ if !told && story.now - begin <= BACKOFF => Reaction::Retry,
                    call => panic!("{call:?} after {:?}", story.now - begin),
                };
            }
            action => panic!("{action:?}"),
        }
    }
}

#[test]
fn every_code_has_the_reaction_of_the_table() {
    let apis = [
        ApiKey::FindCoordinator,
        ApiKey::JoinGroup,
        ApiKey::SyncGroup,
        ApiKey::Heartbeat,
    ];
    for api in apis {
        for code in codes() {
            let as_new = (api, code) == (ApiKey::JoinGroup, ErrorCode::MEMBER_ID_REQUIRED);
            let (mut story, sent) = if as_new {
                Story::joining()
            } else {
                having_sent(api)
            };
            story.refuse(&sent, code);
            assert_eq!(observed(story, api), reaction(api, code), "{api}: {code}");
        }
    }
}

#[test]
fn what_commits_hear_of_the_membership_has_the_reaction_of_the_table() {
    for api in [ApiKey::OffsetCommit, ApiKey::OffsetFetch] {
        for code in codes() {
            let mut story = Story::stable();
            story.pass(secs(1));
            story.group.heard(story.now, story.now, api, code);
            let expected = reaction(api, code);
            match expected {
                Reaction::Fatal
                | Reaction::FindCoordinator
                | Reaction::Release
                | Reaction::Rejoin
                | Reaction::RejoinAsNew => {
                    assert_eq!(
                        observed(story, ApiKey::OffsetCommit),
                        expected,
                        "{api}: {code}"
                    );
                }
                _ => {
                    story.quiet();
                    assert_eq!(story.session().generation, 1);
                }
            }
        }
    }
}

/// What is wrong with a cluster that answers at once.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Code(ApiKey, ErrorCode),
    Silence(ApiKey),
    /// The leader gives what was not asked for.
    Assignment,
    /// The partition counts are different at each look.
    Counts,
}

/// How many calls the member makes within ten minutes.
fn calls_in_ten_minutes(fault: Fault) -> usize {
    let mut story = Story::with(settings());
    story.subscribe(&["a"]);
    let end = story.now + secs(600);
    let (mut calls, mut at, mut here) = (0, story.now, 0);
    let mut count = 0;
    loop {
        let Some(action) = story.group.poll_action() else {
            match story.group.poll_deadline() {
                Some(at) if at <= end => story.pass(at - story.now),
                _ => return calls,
            }
            continue;
        };
        // Also all that can happen at one time is bounded.
        here = if story.now == at { here + 1 } else { 0 };
        at = story.now;
        assert!(here < 50, "{fault:?}: a spin, now at {action:?}");
        match action {
            Action::Send { token, call, .. } => {
                calls += 1;
                let result = answer(fault, call.api());
                story.group.answer(story.now, token, result);
            }
            Action::Watch => {
                count += 1;
                let counts = |_: &str| Count::Is(count);
                story.group.metadata_changed(story.now, &counts);
                story.group.counted(story.now);
                if let Fault::Counts = fault {
                    let now = story.now;
                    story.group.metadata_changed(now, &|_| Count::Is(-1));
                }
            }
            Action::Release { .. } => story.group.released(story.now),
            Action::Assigned { .. } => {
                let code = match fault {
                    Fault::Code(ApiKey::OffsetCommit, code) => code,
                    _ => ErrorCode::NONE,
                };
                story
                    .group
                    .heard(story.now, story.now, ApiKey::OffsetCommit, code);
                if let Fault::Silence(ApiKey::OffsetCommit) = fault {
                    story.group.connection_failed(story.now, story.now);
                }
                if let Fault::Counts = fault {
                    let now = story.now;
                    story.group.metadata_changed(now, &|_| Count::Is(-1));
                }
            }
            _ => {}
        }
    }
}

fn answer(fault: Fault, api: ApiKey) -> Result<Answer> {
    match fault {
        Fault::Code(bad, code) if bad == api => Ok(refusal(api, code)),
        Fault::Silence(bad) if bad == api => Err(Error::new(ErrorKind::Disconnected, "test")),
        _ => Ok(match api {
            ApiKey::FindCoordinator => found(1),
            ApiKey::JoinGroup => Answer::JoinGroup(join_group::Answer {
                leader: "m".to_owned(),
                members: vec![join_group::Member {
                    id: "m".to_owned(),
                    instance_id: None,
                    subscription: subscription(&["a"]),
                }],
                ..seat(1)
            }),
            ApiKey::SyncGroup if matches!(fault, Fault::Assignment) => synced(&[("b", &[0])]),
            ApiKey::SyncGroup => synced(&[("a", &[0])]),
            api => refusal(api, ErrorCode::NONE),
        }),
    }
}

#[test]
fn a_cluster_that_always_fails_is_not_asked_without_end() {
    let apis = [
        ApiKey::FindCoordinator,
        ApiKey::JoinGroup,
        ApiKey::SyncGroup,
        ApiKey::Heartbeat,
        ApiKey::OffsetCommit,
    ];
    let mut faults = vec![Fault::Assignment, Fault::Counts];
    for api in apis {
        faults.push(Fault::Silence(api));
        faults.extend(codes().map(|code| Fault::Code(api, code)));
    }
    for fault in faults {
        // The shortest of the full backoffs is 1.6 s, and a round makes up to four calls.
        let calls = calls_in_ten_minutes(fault);
        assert!(calls <= 1_600, "{fault:?}: {calls} calls");
    }
}
