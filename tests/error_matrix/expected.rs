//! What each reaction looks like from outside.

use sarama_cluster::{
    NotificationType,
    core::reaction::Reaction,
    testing::{ApiKey, ErrorCode},
};

use crate::{
    place::Place,
    stage::Step::{self, Ask, JoinAs},
    stage::Who,
    table::Row,
};

/// What is seen after the answer with the code.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// Requests that follow in this order, with others between them. Two lists know nothing of each other.
    pub(crate) follow: Vec<Vec<Step>>,
    /// None of these follows.
    pub(crate) never: Vec<Step>,
    /// What comes on `notifications()`, the trigger's share included.
    pub(crate) notices: Vec<NotificationType>,
    /// What comes on `errors()`, the trigger's share included.
    pub(crate) told: Vec<ErrorCode>,
}

const RELEASED: [NotificationType; 2] = [
    NotificationType::RebalanceStart,
    NotificationType::RebalanceOk,
];
const LOST: [NotificationType; 3] = [
    NotificationType::RebalanceError,
    NotificationType::RebalanceStart,
    NotificationType::RebalanceOk,
];
const FIND: Step = Ask(ApiKey::FindCoordinator);
const JOIN: Step = Ask(ApiKey::JoinGroup);
const LOOK: Step = Ask(ApiKey::Metadata);
const REJOIN: Step = JoinAs(Who::Same);
/// Joining without a member id takes two requests: the first one is given the id.
const AS_NEW: [Step; 2] = [JoinAs(Who::Nobody), JoinAs(Who::Another)];

impl Expected {
    fn follow(steps: &[Step]) -> Self {
        Self {
            follow: vec![steps.to_vec()],
            ..Self::default()
        }
    }

    fn and(mut self, steps: &[Step]) -> Self {
        self.follow.push(steps.to_vec());
        self
    }

    fn never(mut self, steps: &[Step]) -> Self {
        self.never.extend(steps);
        self
    }

    fn told(mut self, code: ErrorCode) -> Self {
        self.told.push(code);
        self
    }

    fn notices(mut self, notices: &[NotificationType]) -> Self {
        self.notices.extend(notices);
        self
    }
}

/// What follows from a code that does not end the consumer.
pub(crate) fn expected(row: &Row, place: Place) -> Expected {
    match row.api {
        ApiKey::FindCoordinator => of_find_coordinator(row),
        ApiKey::JoinGroup | ApiKey::SyncGroup => of_joining(row),
        ApiKey::Heartbeat => of_membership(row),
        ApiKey::OffsetCommit => of_offset_commit(row),
        ApiKey::OffsetFetch => of_offset_fetch(row),
        ApiKey::ListOffsets => of_list_offsets(row),
        ApiKey::Fetch => of_fetch(row),
        ApiKey::Metadata => of_metadata(row, place),
        api => panic!("{api} has no place in this matrix"),
    }
}

fn unexpected(row: &Row) -> ! {
    panic!("what does {:?} look like for {}?", row.reaction, row.api)
}

/// The claims stay, with a heartbeat as soon as the group coordinator is known.
fn of_find_coordinator(row: &Row) -> Expected {
    let again = Expected::follow(&[FIND, Ask(ApiKey::Heartbeat)]).never(&[JOIN]);
    match row.reaction {
        Reaction::Retry => again,
        Reaction::Report => again.told(row.code),
        _ => unexpected(row),
    }
}

/// The trigger has released the claims; one rebalance brings them back, whatever the tries.
fn of_joining(row: &Row) -> Expected {
    let sync = Ask(ApiKey::SyncGroup);
    let rejoin = Expected::follow(&[REJOIN, sync]).never(&[AS_NEW[0]]);
    let as_new = Expected::follow(&AS_NEW).never(&[FIND]);
    match row.reaction {
        Reaction::Retry | Reaction::Rejoin => rejoin.never(&[FIND]).notices(&RELEASED),
        Reaction::Report => rejoin.never(&[FIND]).notices(&RELEASED).told(row.code),
        Reaction::FindCoordinator => rejoin.and(&[FIND, REJOIN]).notices(&RELEASED),
        Reaction::RejoinAsNew => as_new.never(&[REJOIN]).notices(&RELEASED),
        // Here the trigger has put the member out of the group.
        Reaction::TakeMemberId => {
            let told = as_new.told(ErrorCode::UNKNOWN_MEMBER_ID);
            told.never(&[REJOIN]).notices(&LOST)
        }
        _ => unexpected(row),
    }
}

/// What an answer means to a member that holds claims; `row.api` is asked again where they stay.
fn of_membership(row: &Row) -> Expected {
    let stay = Expected::follow(&[Ask(row.api)]).never(&[JOIN]);
    let rejoin = Expected::follow(&[REJOIN]).never(&[FIND, AS_NEW[0]]);
    let as_new = Expected::follow(&AS_NEW).never(&[FIND, REJOIN]);
    match row.reaction {
        Reaction::Retry => stay.never(&[FIND]),
        Reaction::Report => stay.never(&[FIND]).told(row.code),
        Reaction::FindCoordinator => stay.and(&[FIND, Ask(row.api)]),
        Reaction::Release => rejoin.notices(&RELEASED),
        Reaction::Rejoin => rejoin.notices(&LOST).told(row.code),
        Reaction::RejoinAsNew => as_new.notices(&LOST).told(row.code),
        _ => unexpected(row),
    }
}

fn of_offset_commit(row: &Row) -> Expected {
    let expected = of_membership(row);
    match row.reaction {
        // What was marked is committed before the member joins.
        Reaction::Release => expected.and(&[Ask(ApiKey::OffsetCommit), REJOIN]),
        _ => expected,
    }
}

/// The trigger has released the claims, and they begin anew.
fn of_offset_fetch(row: &Row) -> Expected {
    let again = Ask(ApiKey::OffsetFetch);
    let mut expected = match row.reaction {
        Reaction::RefreshMetadata => Expected::follow(&[again]).and(&[LOOK]).never(&[FIND, JOIN]),
        _ => of_membership(row).and(&[again]),
    };
    expected.notices.splice(0..0, RELEASED);
    expected
}

/// The trigger has ended the claim, which is told.
fn of_list_offsets(row: &Row) -> Expected {
    let mut expected = of_leader(row);
    expected.told.insert(0, ErrorCode::OFFSET_OUT_OF_RANGE);
    expected
}

fn of_fetch(row: &Row) -> Expected {
    match row.reaction {
        Reaction::ResetOffset => {
            let fetch = Ask(ApiKey::Fetch);
            Expected::follow(&[LOOK, LOOK, fetch, Ask(ApiKey::ListOffsets), fetch])
                .never(&[JOIN])
                .told(row.code)
        }
        _ => of_leader(row),
    }
}

/// What is asked of the leader of a partition does not concern the group.
fn of_leader(row: &Row) -> Expected {
    let again = Expected::follow(&[Ask(row.api)]).never(&[JOIN]);
    match row.reaction {
        Reaction::Retry => again.never(&[LOOK]),
        Reaction::Report => again.never(&[LOOK]).told(row.code),
        Reaction::RefreshMetadata => again.and(&[LOOK]),
        _ => unexpected(row),
    }
}

fn of_metadata(row: &Row, place: Place) -> Expected {
    let again = Expected::follow(&[LOOK]);
    match row.reaction {
        Reaction::Retry => again.never(&[JOIN]),
        Reaction::Proceed => Expected::default().never(&[LOOK, JOIN]),
        // The broker that is asked next has the topic.
        Reaction::Report if row.code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
            again.never(&[JOIN])
        }
        // The group goes on without the topic until it is there again.
        Reaction::Report if place == Place::Topic => {
            again.and(&[REJOIN]).notices(&RELEASED).told(row.code)
        }
        Reaction::Report => again.never(&[JOIN]).told(row.code),
        _ => unexpected(row),
    }
}
