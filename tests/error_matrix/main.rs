//! What follows from an error code, seen from outside: each row of `docs/reactions.md` is played.
//!
//! A consumer runs on the in-process Kafka. One request of the row's API is answered with the row's
//! code, at each place where Kafka puts it, and what is seen then is compared with the reaction of the
//! table: the requests that follow and those that must not, what becomes of the claims, what the user
//! is told. Unless the reaction is the end, a record that is written later is delivered and committed.
//! What passes by itself is also played until the user is told that it lasts.
//!
//! A new row is played without a word here, but for its place in the answers that have several
//! (`place.rs`), and for a reaction that its API did not have before (`expected.rs`).

mod expected;
mod partitions;
mod place;
mod play;
mod scene;
mod stage;
mod table;
mod versions;

use std::collections::BTreeSet;

use sarama_cluster::testing::ApiKey;

macro_rules! matrix {
    ($($test:ident plays $api:ident,)+) => {
        /// The APIs that are played below.
        const PLAYED: &[ApiKey] = &[$(ApiKey::$api),+];

        $(
            #[test]
            fn $test() {
                play::all(&table::rows(ApiKey::$api));
            }
        )+
    };
}

matrix! {
    find_coordinator plays FindCoordinator,
    join_group plays JoinGroup,
    sync_group plays SyncGroup,
    heartbeat plays Heartbeat,
    leave_group plays LeaveGroup,
    offset_commit plays OffsetCommit,
    offset_fetch plays OffsetFetch,
    list_offsets plays ListOffsets,
    fetch plays Fetch,
    metadata plays Metadata,
}

#[test]
fn every_api_of_the_table_is_played() {
    let played: BTreeSet<&str> = PLAYED.iter().map(|api| api.name()).collect();
    assert_eq!(table::apis(), played);
}
