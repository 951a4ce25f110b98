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
    /// No request of these follows.
    pub(crate) never: Vec<ApiKey>,
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

    fn never(mut self, apis: &[ApiKey]) -> Self {
        self.never.extend(apis);
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
    let again = Expected::follow(&[Ask(ApiKey::FindCoordinator), Ask(ApiKey::Heartbeat)])
        .never(&[ApiKey::JoinGroup]);
    match row.reaction {
        Reaction::Retry => again,
        Reaction::Report => again.told(row.code),
        _ => unexpected(row),
    }
}

/// The trigger has released the claims; one rebalance brings them back, whatever the tries.
fn of_joining(row: &Row) -> Expected {
    let join = [JoinAs(Who::Same), Ask(ApiKey::SyncGroup)];
    let again = Expected::follow(&join).notices(&RELEASED);
    match row.reaction {
        Reaction::Retry | Reaction::Rejoin => again.never(&[ApiKey::FindCoordinator]),
        Reaction::Report => again.never(&[ApiKey::FindCoordinator]).told(row.code),
        Reaction::FindCoordinator => again.and(&[Ask(ApiKey::FindCoordinator), join[0]]),
        Reaction::RejoinAsNew => Expected::follow(&AS_NEW)
            .notices(&RELEASED)
            .never(&[ApiKey::FindCoordinator]),
        // The trigger has put the member out of the group.
        Reaction::TakeMemberId => Expected::follow(&AS_NEW)
            .notices(&LOST)
            .told(ErrorCode::UNKNOWN_MEMBER_ID),
        _ => unexpected(row),
    }
}

/// What an answer means to a member that holds claims; `row.api` is asked again where they stay.
fn of_membership(row: &Row) -> Expected {
    let again = Expected::follow(&[Ask(row.api)]);
    let rejoin = |steps: &[Step]| Expected::follow(steps).never(&[ApiKey::FindCoordinator]);
    match row.reaction {
        Reaction::Retry => again.never(&[ApiKey::FindCoordinator, ApiKey::JoinGroup]),
        Reaction::Report => again
            .never(&[ApiKey::FindCoordinator, ApiKey::JoinGroup])
            .told(row.code),
        Reaction::FindCoordinator => {
            Expected::follow(&[Ask(ApiKey::FindCoordinator), Ask(row.api)])
                .never(&[ApiKey::JoinGroup])
        }
        Reaction::Release => rejoin(&[JoinAs(Who::Same)]).notices(&RELEASED),
        Reaction::Rejoin => rejoin(&[JoinAs(Who::Same)]).notices(&LOST).told(row.code),
        Reaction::RejoinAsNew => rejoin(&AS_NEW).notices(&LOST).told(row.code),
        _ => unexpected(row),
    }
}

fn of_offset_commit(row: &Row) -> Expected {
    match row.reaction {
        // What was marked is committed before the member joins.
        Reaction::Release => {
            of_membership(row).and(&[Ask(ApiKey::OffsetCommit), JoinAs(Who::Same)])
        }
        _ => of_membership(row),
    }
}

/// The trigger has released the claims, and they begin anew.
fn of_offset_fetch(row: &Row) -> Expected {
    let mut expected = match row.reaction {
        Reaction::RefreshMetadata => Expected::follow(&[Ask(ApiKey::OffsetFetch)])
            .and(&[Ask(ApiKey::Metadata)])
            .never(&[ApiKey::FindCoordinator, ApiKey::JoinGroup]),
        _ => of_membership(row).and(&[Ask(ApiKey::OffsetFetch)]),
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
        Reaction::ResetOffset => Expected::follow(&[Ask(ApiKey::ListOffsets), Ask(ApiKey::Fetch)])
            .never(&[ApiKey::Metadata, ApiKey::JoinGroup])
            .told(row.code),
        _ => of_leader(row),
    }
}

/// What is asked of the leader of a partition does not concern the group.
fn of_leader(row: &Row) -> Expected {
    let again = Expected::follow(&[Ask(row.api)]).never(&[ApiKey::JoinGroup]);
    match row.reaction {
        Reaction::Retry => again.never(&[ApiKey::Metadata]),
        Reaction::Report => again.never(&[ApiKey::Metadata]).told(row.code),
        Reaction::RefreshMetadata => again.and(&[Ask(ApiKey::Metadata)]),
        _ => unexpected(row),
    }
}

fn of_metadata(row: &Row, place: Place) -> Expected {
    let again = Expected::follow(&[Ask(ApiKey::Metadata)]);
    match row.reaction {
        Reaction::Retry => again.never(&[ApiKey::JoinGroup]),
        Reaction::Proceed => Expected::default().never(&[ApiKey::Metadata, ApiKey::JoinGroup]),
        // The group goes on without the topic until it is there again.
        Reaction::Report if place == Place::Topic => again
            .and(&[JoinAs(Who::Same)])
            .notices(&RELEASED)
            .told(row.code),
        Reaction::Report => again.never(&[ApiKey::JoinGroup]).told(row.code),
        _ => unexpected(row),
    }
}
