use crate::{
    call::{Answer, Call, metadata},
    error::{Error, ErrorKind},
    protocol::{
        ErrorCode,
        metadata::{Broker, Partition, Request, Response, ResponseTopic},
    },
    wire::Uuid,
};

use super::{answered, asked, assert_unfit, said};

fn ask(topics: Option<&[&str]>, allow_auto_topic_creation: bool) -> Call {
    Call::Metadata(metadata::Ask {
        topics: topics.map(|names| names.iter().map(|&name| name.into()).collect()),
        allow_auto_topic_creation,
    })
}

/// What a broker is asked for: `None` is all topics.
fn names(call: &Call, version: i16) -> Option<Vec<String>> {
    let request: Request = asked(call, version);
    let topics = request.topics?;
    // Version 0 has no null: nothing named is all.
    if version == 0 && topics.is_empty() {
        return None;
    }
    Some(
        topics
            .into_iter()
            .map(|topic| topic.name.unwrap())
            .collect(),
    )
}

fn topic(name: &str) -> ResponseTopic {
    ResponseTopic {
        name: Some(name.into()),
        ..Default::default()
    }
}

fn of(topics: Vec<ResponseTopic>) -> Response {
    Response {
        brokers: vec![broker(1)],
        topics,
        ..Default::default()
    }
}

fn broker(node_id: i32) -> Broker {
    Broker {
        node_id,
        host: "h".into(),
        port: 9092,
        ..Default::default()
    }
}

fn answer(call: &Call, version: i16, response: &Response) -> Result<metadata::Answer, Error> {
    answered::<Request>(call, version, response).map(Answer::into_metadata)
}

#[test]
fn metadata_in_every_version() {
    for version in 0..=13 {
        let call = ask(None, false);
        let partition = Partition {
            partition_index: 3,
            leader_id: 1,
            leader_epoch: 8,
            replica_nodes: vec![1, 2],
            isr_nodes: vec![1],
            offline_replicas: vec![2],
            ..Default::default()
        };
        let response = Response {
            brokers: vec![Broker {
                node_id: 1,
                host: "h".into(),
                port: 9092,
                rack: Some("r".into()),
            }],
            cluster_id: Some("c".into()),
            controller_id: 1,
            topics: vec![ResponseTopic {
                topic_id: Uuid([5; 16]),
                is_internal: true,
                partitions: vec![partition],
                ..topic("a")
            }],
            ..Default::default()
        };
        let since = |first: i16| version >= first;
        let answer = answer(&call, version, &response).unwrap();
        assert_eq!(
            answer.brokers,
            [metadata::Broker {
                id: 1,
                host: "h".into(),
                port: 9092,
                rack: since(1).then(|| "r".into()),
            }]
        );
        assert_eq!(answer.controller_id, since(1).then_some(1));
        assert_eq!(answer.cluster_id.is_some(), since(2));
        let [topic] = &answer.topics[..] else {
            panic!("there is one topic");
        };
        assert_eq!((topic.error, topic.name.as_str()), (ErrorCode::NONE, "a"));
        assert_eq!(topic.id, since(10).then_some(Uuid([5; 16])));
        assert_eq!(topic.is_internal, since(1));
        let [partition] = &topic.partitions[..] else {
            panic!("there is one partition");
        };
        assert_eq!((partition.id, partition.leader), (3, Some(1)));
        assert_eq!(partition.leader_epoch, since(9).then_some(8));
        assert_eq!(
            (&*partition.replicas, &*partition.in_sync_replicas),
            (&[1, 2][..], &[1][..])
        );
        assert_eq!(
            partition.offline_replicas.as_slice(),
            if since(5) { &[2][..] } else { &[] }
        );
    }
}

#[test]
fn all_topics_are_null_but_an_empty_list_in_version_0() {
    for version in 0..=13 {
        let request: Request = asked(&ask(None, false), version);
        assert_eq!(
            request.topics,
            (version == 0).then(Vec::new),
            "version {version}"
        );
    }
}

#[test]
fn topics_are_named_only_where_that_does_not_create_them_against_the_will() {
    for version in 0..=13 {
        let named = Some(vec!["a".to_owned()]);
        let careful = ask(Some(&["a"]), false);
        let expected = if version < 4 { None } else { named.clone() };
        assert_eq!(names(&careful, version), expected, "version {version}");
        if version >= 4 {
            let request: Request = asked(&careful, version);
            assert!(!request.allow_auto_topic_creation);
        }
        assert_eq!(names(&ask(Some(&["a"]), true), version), named);
    }
    // None is not all.
    assert_eq!(names(&ask(Some(&[]), true), 1), Some(Vec::new()));
    assert_eq!(names(&ask(Some(&[]), true), 0), None);
}

#[test]
fn where_all_topics_had_to_be_asked_for_the_others_are_filtered_out_and_missing_ones_unknown() {
    let call = ask(Some(&["gone", "a"]), false);
    for version in 0..=3 {
        let response = of(vec![topic("b"), topic("a"), topic("c")]);
        let answer = answer(&call, version, &response).unwrap();
        let topics = answer
            .topics
            .iter()
            .map(|topic| (topic.name.as_str(), topic.error));
        assert_eq!(
            topics.collect::<Vec<_>>(),
            [
                ("a", ErrorCode::NONE),
                ("gone", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
            ]
        );
    }
    let none = answer(&ask(Some(&[]), true), 0, &of(vec![topic("b")])).unwrap();
    assert!(none.topics.is_empty());
}

#[test]
fn a_topic_not_asked_for_or_told_twice_is_an_error() {
    let call = ask(Some(&["a"]), false);
    let other = answered::<Request>(&call, 9, &of(vec![topic("b")]));
    assert_unfit(other, "topic \"b\" was not asked for");
    let twice = answered::<Request>(&call, 9, &of(vec![topic("a"), topic("a")]));
    assert_unfit(twice, "topic \"a\" comes twice");
    let nameless = answered::<Request>(&call, 12, &of(vec![ResponseTopic::default()]));
    assert_unfit(nameless, "the name of a topic is missing");
}

#[test]
fn nonsensical_numbers_are_errors() {
    let partitions = |partitions: &[Partition]| {
        let topic = ResponseTopic {
            partitions: partitions.to_vec(),
            ..topic("a")
        };
        answered::<Request>(&ask(None, false), 9, &of(vec![topic]))
    };
    let sound = Partition::default();
    assert!(partitions(std::slice::from_ref(&sound)).is_ok());
    assert_unfit(
        partitions(&[sound.clone(), sound.clone()]),
        "partition a/0 comes twice",
    );
    let negative = Partition {
        partition_index: -1,
        ..sound.clone()
    };
    assert_unfit(partitions(&[negative]), "a partition is -1");
    let negative = Partition {
        leader_id: -2,
        ..sound.clone()
    };
    assert_unfit(partitions(&[negative]), "a leader's id is -2");
    let negative = Partition {
        leader_epoch: -2,
        ..sound.clone()
    };
    assert_unfit(partitions(&[negative]), "a leader epoch is -2");
    let negative = Partition {
        isr_nodes: vec![-1],
        ..sound
    };
    assert_unfit(partitions(&[negative]), "a replica's id is -1");

    let brokers = |node_id, port| {
        let broker = Broker {
            node_id,
            port,
            ..Default::default()
        };
        let response = Response {
            brokers: vec![broker],
            ..Default::default()
        };
        answered::<Request>(&ask(None, false), 9, &response)
    };
    assert!(brokers(0, 65_535).is_ok());
    assert_unfit(brokers(-1, 9092), "a broker's id is -1");
    assert_unfit(brokers(0, -1), "-1 is no port");
    assert_unfit(brokers(0, 0), "0 is no port");
}

#[test]
fn a_broker_that_knows_nobody_yet_describes_nothing() {
    let response = Response {
        brokers: Vec::new(),
        ..of(vec![topic("a")])
    };
    let error = answer(&ask(None, false), 9, &response).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::BROKER_NOT_AVAILABLE));
}

#[test]
fn a_partition_without_a_leader_says_so_and_one_that_misses_replicas_is_well() {
    let partition = |index, error_code, leader_id| Partition {
        error_code,
        partition_index: index,
        leader_id,
        ..Default::default()
    };
    let topic = ResponseTopic {
        partitions: vec![
            partition(0, ErrorCode::LEADER_NOT_AVAILABLE, -1),
            partition(1, ErrorCode::REPLICA_NOT_AVAILABLE, 6),
        ],
        ..topic("a")
    };
    let answer = answer(&ask(None, false), 1, &of(vec![topic])).unwrap();
    let partitions = answer.topics[0]
        .partitions
        .iter()
        .map(|p| (p.error, p.leader));
    assert_eq!(
        partitions.collect::<Vec<_>>(),
        [
            (ErrorCode::LEADER_NOT_AVAILABLE, None),
            (ErrorCode::NONE, Some(6))
        ]
    );
}

#[test]
fn a_refusal_as_a_whole_is_a_broker_error() {
    let response = Response {
        error_code: ErrorCode::REBOOTSTRAP_REQUIRED,
        ..Default::default()
    };
    let (kind, _) = said(answered::<Request>(&ask(None, false), 13, &response));
    assert_eq!(kind, ErrorKind::Broker(ErrorCode::REBOOTSTRAP_REQUIRED));
}
