//! Messages that cannot be read, and messages that say what must not be said.

use sarama_cluster::{
    protocol::{
        consumer_protocol::{Assignment, TopicPartition},
        fetch, find_coordinator, join_group, list_offsets, metadata, offset_commit, offset_fetch,
        sync_group,
    },
    testing::ApiKey,
    wire::Uuid,
};

use crate::{
    alter::{self, answer},
    case::{Case, Setting},
    stage::{RESPONSE_LIMIT, SICK, TOPIC},
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (api, setting) in [
        (ApiKey::Metadata, Setting::Start),
        (ApiKey::FindCoordinator, Setting::Joining),
        (ApiKey::JoinGroup, Setting::Joining),
        (ApiKey::SyncGroup, Setting::Joining),
        (ApiKey::OffsetFetch, Setting::Joining),
        (ApiKey::Heartbeat, Setting::Member),
        (ApiKey::OffsetCommit, Setting::Member),
        (ApiKey::ListOffsets, Setting::Broker),
        (ApiKey::Fetch, Setting::Broker),
    ] {
        cases.extend(unreadable(api, setting).map(|case| match api {
            // The very first question is asked in the oldest version, which has no tagged fields.
            ApiKey::Metadata => case.since(9),
            _ => case,
        }));
    }
    cases.extend(of_metadata());
    cases.extend(of_group());
    cases.extend(of_offsets());
    cases.extend(of_fetch());
    cases
}

/// What any message can suffer from. All of these versions are flexible: they end with the number of
/// tagged fields.
fn unreadable(api: ApiKey, setting: Setting) -> [Case; 4] {
    let case =
        |name: &str, says, alter| Case::new(format!("{api}: {name}"), setting, api, says, alter);
    [
        case(
            "cut off",
            "1 bytes needed, 0 left",
            alter::body(|body| {
                body.pop();
            }),
        ),
        case(
            "a byte too many",
            "1 bytes left behind",
            alter::body(|body| body.push(0)),
        ),
        case(
            "a tagged field of 4 GiB",
            "left",
            alter::body(|body| {
                body.pop();
                body.extend([1, 99, 0xff, 0xff, 0xff, 0xff, 0x0f]);
            }),
        ),
        case(
            "a varint without an end",
            "too long",
            alter::body(|body| {
                body.pop();
                body.extend([0xff; 6]);
            }),
        ),
    ]
}

fn of_metadata() -> Vec<Case> {
    let case = |name: &str, says, change: fn(&mut metadata::Response)| {
        let alter = answer::<metadata::Request>(change);
        let name = format!("Metadata: {name}");
        Case::new(name, Setting::Start, ApiKey::Metadata, says, alter)
    };
    // Not each question is about topics.
    let later = |name: &str, says, change: fn(&mut metadata::Response)| {
        let alter = answer::<metadata::Request>(move |answer| {
            if !answer.topics.is_empty() {
                change(answer);
            }
        });
        let name = format!("Metadata: {name}");
        Case::new(name, Setting::Start, ApiKey::Metadata, says, alter)
    };
    vec![
        case("a broker below zero", "a broker's id is -7", |m| {
            m.brokers[0].node_id = -7;
        }),
        case("port 0", "0 is no port", |m| m.brokers[0].port = 0),
        case("port 65536", "65536 is no port", |m| {
            m.brokers[0].port = 65_536;
        }),
        case("a negative port", "-1 is no port", |m| {
            m.brokers[0].port = -1;
        }),
        later("a topic twice", "comes twice", |m| {
            m.topics.push(m.topics[0].clone());
        }),
        later(
            "a topic without a name",
            "the name of a topic is missing",
            |m| {
                m.topics[0].name = None;
            },
        ),
        later("a partition twice", "comes twice", |m| {
            let again = m.topics[0].partitions[0].clone();
            m.topics[0].partitions.push(again);
        }),
        later("a partition below zero", "a partition is -2", |m| {
            m.topics[0].partitions[0].partition_index = -2;
        }),
        later("a leader below −1", "a leader's id is -2", |m| {
            m.topics[0].partitions[0].leader_id = -2;
        }),
        later("a leader epoch below −1", "a leader epoch is -3", |m| {
            m.topics[0].partitions[0].leader_epoch = -3;
        }),
        later("a replica below zero", "a replica's id is -1", |m| {
            m.topics[0].partitions[0].replica_nodes.push(-1);
        }),
        case(
            "a controller below −1",
            "the controller's id is -2",
            |m| m.controller_id = -2,
        ),
    ]
}

fn of_group() -> Vec<Case> {
    let joining = |name: &str, api: ApiKey, says, alter| {
        Case::new(format!("{api}: {name}"), Setting::Joining, api, says, alter)
    };
    let find = |name: &str, says, change: fn(&mut find_coordinator::Response)| {
        let alter = answer::<find_coordinator::Request>(change);
        joining(name, ApiKey::FindCoordinator, says, alter)
    };
    let join = |name: &str, says, change: fn(&mut join_group::Response)| {
        // The first answer gives nothing but a member id.
        let alter = answer::<join_group::Request>(move |answer| {
            if answer.error_code.0 == 0 {
                change(answer);
            }
        });
        joining(name, ApiKey::JoinGroup, says, alter)
    };
    let sync = |name: &str, says, assignment: fn() -> Vec<u8>| {
        let alter = answer::<sync_group::Request>(move |answer| answer.assignment = assignment());
        joining(name, ApiKey::SyncGroup, says, alter)
    };
    vec![
        find(
            "a coordinator below zero",
            "the coordinator's id is -1",
            |f| {
                f.coordinators[0].node_id = -1;
            },
        ),
        find("port 0", "0 is no port", |f| f.coordinators[0].port = 0),
        find("not of this group", "the group is missing", |f| {
            f.coordinators[0].key = "another".to_owned();
        }),
        find("nobody", "the group is missing", |f| f.coordinators.clear()),
        join("a generation below zero", "the generation is -1", |j| {
            j.generation_id = -1;
        }),
        join("a member twice", "comes twice", |j| {
            let again = j.members[0].clone();
            j.members.push(again);
        }),
        join("an assignor that was not offered", "was not offered", |j| {
            j.protocol_name = Some("sticky".to_owned());
        }),
        joining(
            "half a million members in two megabytes",
            ApiKey::JoinGroup,
            "limits.arrays",
            alter::crowded(500_000),
        ),
        join("no member id", "no member id", |j| {
            j.member_id = String::new();
        }),
        sync("a topic that nobody asked for", "is not subscribed", || {
            assigned("other", &[0])
        }),
        sync("a partition below zero", "partition topic/-1", || {
            assigned(TOPIC, &[-1])
        }),
        sync("a partition twice", "twice", || assigned(TOPIC, &[0, 1, 0])),
        sync("an assignment cut off", "cannot be read", || {
            assigned(TOPIC, &[0, 1])[..9].to_vec()
        }),
        sync("an assignment of version −1", "has no version -1", || {
            vec![0xff, 0xff, 0, 0]
        }),
        sync("2³¹−1 topics", "2147483647 elements", || {
            vec![0, 1, 0x7f, 0xff, 0xff, 0xff]
        }),
        sync("2³¹−1 partitions", "2147483647 elements", || {
            let mut blob = assigned(TOPIC, &[]);
            let count = blob.len() - 8;
            blob[count..count + 4].copy_from_slice(&i32::MAX.to_be_bytes());
            blob
        }),
    ]
}

fn assigned(topic: &str, partitions: &[i32]) -> Vec<u8> {
    let assignment = Assignment {
        assigned_partitions: vec![TopicPartition {
            topic: topic.to_owned(),
            partitions: partitions.to_vec(),
        }],
        user_data: None,
    };
    assignment.to_bytes(0).expect("a known version")
}

fn of_offsets() -> Vec<Case> {
    let starts = |name: &str, says, change: fn(&mut Vec<offset_fetch::ResponsePartition>)| {
        let alter = answer::<offset_fetch::Request>(move |answer| {
            change(&mut answer.groups[0].topics[0].partitions);
        });
        let name = format!("OffsetFetch: {name}");
        Case::new(name, Setting::Joining, ApiKey::OffsetFetch, says, alter)
    };
    let listed = |name: &str, says, change: fn(&mut Vec<list_offsets::ResponsePartition>)| {
        let alter = answer::<list_offsets::Request>(move |answer| {
            for topic in &mut answer.topics {
                change(&mut topic.partitions);
            }
        });
        let name = format!("ListOffsets: {name}");
        Case::new(name, Setting::Broker, ApiKey::ListOffsets, says, alter)
    };
    let committed = |name: &str, says, change: fn(&mut Vec<offset_commit::ResponsePartition>)| {
        let alter = answer::<offset_commit::Request>(move |answer| {
            change(&mut answer.topics[0].partitions);
        });
        let name = format!("OffsetCommit: {name}");
        Case::new(name, Setting::Member, ApiKey::OffsetCommit, says, alter)
    };
    vec![
        starts("a partition twice", "comes twice", |p| p.push(p[0].clone())),
        starts("a partition not asked for", "was not asked for", |p| {
            p[0].partition_index = 77;
        }),
        starts("a partition left out", "is missing", |p| {
            p.retain(|told| told.partition_index != SICK);
        })
        .of_partition(true),
        listed("an offset below −1", "an offset is -5", |p| {
            p[0].offset = -5;
        }),
        listed("no offset", "the offset is missing", |p| p[0].offset = -1),
        listed("a partition twice", "comes twice", |p| p.push(p[0].clone())),
        listed("a partition not asked for", "was not asked for", |p| {
            p[0].partition_index = 9;
        }),
        listed("a partition left out", "is missing", |p| {
            p.clear();
        }),
        committed("a partition twice", "comes twice", |p| p.push(p[0].clone())),
        committed("a partition not asked for", "was not asked for", |p| {
            p[0].partition_index = 9;
        }),
        committed("a partition left out", "is missing", |p| {
            p.retain(|told| told.partition_index != SICK);
        })
        .of_partition(true),
    ]
}

fn of_fetch() -> Vec<Case> {
    let beside = |name: &str, says, change: fn(&mut fetch::ResponsePartition)| {
        let alter = alter::fetched(SICK, move |topic, place| {
            change(&mut topic.partitions[place]);
        });
        let name = format!("Fetch: {name}");
        Case::new(name, Setting::Partition, ApiKey::Fetch, says, alter)
    };
    let alone = |name: &str, says, change: fn(&mut fetch::ResponseTopic)| {
        let alter = alter::fetched(SICK, move |topic, _| change(topic));
        let name = format!("Fetch: {name}");
        Case::new(name, Setting::Broker, ApiKey::Fetch, says, alter)
    };
    // With such a partition in it nothing of an answer can be read.
    let unreadable = |name: &str, says, alter| {
        let name = format!("Fetch: {name}");
        Case::new(name, Setting::Partition, ApiKey::Fetch, says, alter)
    };
    vec![
        unreadable(
            "one partition makes it longer than all that is read",
            "more than the",
            alter::frame_of(SICK, |mut frame| {
                frame[..4].copy_from_slice(&(RESPONSE_LIMIT as u32 + 1).to_be_bytes());
                frame
            }),
        ),
        unreadable(
            "one partition is cut off",
            " needed, ",
            alter::frame_of(SICK, |mut frame| {
                frame.pop();
                let length = frame.len() as u32 - 4;
                frame[..4].copy_from_slice(&length.to_be_bytes());
                frame
            }),
        ),
        unreadable(
            "one partition has more aborted transactions than there is memory for",
            "limits.arrays",
            alter::fetched(SICK, |topic, place| {
                let aborted = fetch::AbortedTransaction::default();
                topic.partitions[place].aborted_transactions = Some(vec![aborted; 5_000]);
            }),
        )
        .tune(|config| config.limits.arrays = 64 << 10),
        beside(
            "a high watermark below zero",
            "a high watermark is -1",
            |p| p.high_watermark = -1,
        ),
        beside("a log that starts below −1", "a log's start is -9", |p| {
            p.log_start_offset = -9;
        }),
        beside("a replica below −1", "a replica's id is -2", |p| {
            p.preferred_read_replica = -2;
        }),
        beside(
            "an aborted producer below zero",
            "a producer's id is -4",
            |p| {
                p.aborted_transactions = Some(vec![fetch::AbortedTransaction {
                    producer_id: -4,
                    first_offset: 0,
                }]);
            },
        ),
        beside(
            "a transaction from below zero",
            "of a transaction is -4",
            |p| {
                p.aborted_transactions = Some(vec![fetch::AbortedTransaction {
                    producer_id: 4,
                    first_offset: -4,
                }]);
            },
        ),
        Case::new(
            "Fetch: a partition left out",
            Setting::Partition,
            ApiKey::Fetch,
            "is missing",
            alter::fetched(SICK, |topic, place| {
                topic.partitions.remove(place);
            }),
        ),
        alone("a partition twice", "comes twice", |t| {
            t.partitions.push(t.partitions[0].clone());
        }),
        alone("a partition not asked for", "was not asked for", |t| {
            t.partitions[0].partition_index = 9;
        }),
        alone("a topic not asked for", "was not asked for", |t| {
            t.topic_id = Uuid([9; 16]);
        }),
    ]
}
