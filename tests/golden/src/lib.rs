//! What the tests of this member share, see README.md.

mod tree;

pub use tree::Tree;

/// Calls `$check::<Ours, Theirs, TheirResponse>($argument…)` for every request that is declared here.
/// Theirs are the structs of `kafka-protocol` that carry the same.
#[macro_export]
macro_rules! for_each_api {
    ($check:ident($($argument:expr),*)) => {{
        use kafka_protocol::messages as theirs;
        use sarama_cluster::protocol as ours;

        $crate::for_each_api! { @pairs $check ($($argument),*)
            produce::Request => ProduceRequest, ProduceResponse;
            fetch::Request => FetchRequest, FetchResponse;
            list_offsets::Request => ListOffsetsRequest, ListOffsetsResponse;
            metadata::Request => MetadataRequest, MetadataResponse;
            offset_commit::Request => OffsetCommitRequest, OffsetCommitResponse;
            offset_fetch::SingleRequest => OffsetFetchRequest, OffsetFetchResponse;
            offset_fetch::Request => OffsetFetchRequest, OffsetFetchResponse;
            find_coordinator::SingleRequest => FindCoordinatorRequest, FindCoordinatorResponse;
            find_coordinator::Request => FindCoordinatorRequest, FindCoordinatorResponse;
            join_group::Request => JoinGroupRequest, JoinGroupResponse;
            heartbeat::Request => HeartbeatRequest, HeartbeatResponse;
            leave_group::SingleRequest => LeaveGroupRequest, LeaveGroupResponse;
            leave_group::Request => LeaveGroupRequest, LeaveGroupResponse;
            sync_group::Request => SyncGroupRequest, SyncGroupResponse;
            describe_groups::Request => DescribeGroupsRequest, DescribeGroupsResponse;
            list_groups::Request => ListGroupsRequest, ListGroupsResponse;
            sasl_handshake::Request => SaslHandshakeRequest, SaslHandshakeResponse;
            api_versions::Request => ApiVersionsRequest, ApiVersionsResponse;
            create_topics::Request => CreateTopicsRequest, CreateTopicsResponse;
            delete_topics::Request => DeleteTopicsRequest, DeleteTopicsResponse;
            delete_records::Request => DeleteRecordsRequest, DeleteRecordsResponse;
            offset_for_leader_epoch::Request => OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse;
            sasl_authenticate::Request => SaslAuthenticateRequest, SaslAuthenticateResponse;
            create_partitions::Request => CreatePartitionsRequest, CreatePartitionsResponse;
            elect_leaders::Request => ElectLeadersRequest, ElectLeadersResponse;
            alter_partition_reassignments::Request =>
                AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse;
        }
    }};
    (@pairs $check:ident $arguments:tt
        $($module:ident::$Request:ident => $TheirRequest:ident, $TheirResponse:ident;)+) => {
        $($crate::for_each_api! {
            @call $check $arguments ours::$module::$Request, theirs::$TheirRequest, theirs::$TheirResponse
        })+
    };
    (@call $check:ident ($($argument:expr),*) $Ours:ty, $Theirs:ty, $TheirResponse:ty) => {
        $check::<$Ours, $Theirs, $TheirResponse>($($argument),*);
    };
}
