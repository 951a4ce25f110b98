//! The messages of the Kafka protocol, each declared once.
//!
//! Every API has a file, which reads like Kafka's protocol guide and yields both directions: a client
//! writes requests, a server (as in tests) reads them. The fields have Kafka's names. An API whose layout
//! changed its shape has two structs: `SingleRequest` up to some version, `Request` from there on.
//!
//! [`header`] makes whole frames of them.

#[macro_use]
mod apis;
mod error_code;
pub mod header;
#[cfg(test)]
mod hostile_tests;
#[macro_use]
mod message;
mod record_set;
#[cfg(any(test, feature = "testing"))]
pub mod sample;

pub mod alter_partition_reassignments;
pub mod api_versions;
pub mod consumer_protocol;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_groups;
pub mod elect_leaders;
pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod join_group;
pub mod leave_group;
pub mod list_groups;
pub mod list_offsets;
pub mod metadata;
pub mod offset_commit;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
pub mod sasl_authenticate;
pub mod sasl_handshake;
pub mod sync_group;

pub use apis::Request;
#[cfg(any(test, feature = "testing"))]
pub use apis::Visitor;
pub use error_code::ErrorCode;
pub use message::Message;
pub use record_set::RecordSet;

apis! {
     0 Produce                     (produce)                       speaks 0..=13, flexible 9;
     1 Fetch                       (fetch)                         speaks 0..=18, flexible 12;
     2 ListOffsets                 (list_offsets)                  speaks 0..=11, flexible 6;
     3 Metadata                    (metadata)                      speaks 0..=13, flexible 9;
     8 OffsetCommit                (offset_commit)                 speaks 1..=10, flexible 8;
     9 OffsetFetch                 (offset_fetch)                  speaks 1..=10, flexible 6, single ..=7;
    10 FindCoordinator             (find_coordinator)              speaks 0..=6, flexible 3, single ..=3;
    11 JoinGroup                   (join_group)                    speaks 0..=9, flexible 6;
    12 Heartbeat                   (heartbeat)                     speaks 0..=4, flexible 4;
    13 LeaveGroup                  (leave_group)                   speaks 0..=5, flexible 4, single ..=2;
    14 SyncGroup                   (sync_group)                    speaks 0..=5, flexible 4;
    15 DescribeGroups              (describe_groups)               speaks 0..=6, flexible 5;
    16 ListGroups                  (list_groups)                   speaks 0..=5, flexible 3;
    17 SaslHandshake               (sasl_handshake)                speaks 0..=1;
    18 ApiVersions                 (api_versions)                  speaks 0..=5, flexible 3;
    19 CreateTopics                (create_topics)                 speaks 0..=7, flexible 5;
    20 DeleteTopics                (delete_topics)                 speaks 0..=6, flexible 4;
    21 DeleteRecords               (delete_records)                speaks 0..=2, flexible 2;
    23 OffsetForLeaderEpoch        (offset_for_leader_epoch)       speaks 0..=4, flexible 4;
    36 SaslAuthenticate            (sasl_authenticate)             speaks 0..=2, flexible 2;
    37 CreatePartitions            (create_partitions)             speaks 0..=3, flexible 2;
    43 ElectLeaders                (elect_leaders)                 speaks 0..=2, flexible 2;
    45 AlterPartitionReassignments (alter_partition_reassignments) speaks 0..=0, flexible 0;
}
