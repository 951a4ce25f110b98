//! What members of other clients say through the group coordinator.

use std::fmt::Debug;

use bytes::Bytes;
use golden_tests::Tree;
use kafka_protocol::{
    messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription},
    protocol::Decodable,
};
use sarama_cluster::protocol::consumer_protocol::{Assignment, NEWEST, Subscription};

use crate::messages::is_plain;

/// A subscription that can be read says the same to `kafka-protocol`, and when it was written again.
pub(crate) fn subscriptions(data: &[u8]) {
    let Ok(read) = Subscription::from_bytes(data) else {
        return;
    };
    let again = read.to_bytes(NEWEST).expect("it came out of a blob");
    assert_eq!(Subscription::from_bytes(&again).as_ref(), Ok(&read));
    compare::<ConsumerProtocolSubscription>(&read, &again);
}

/// The same of an assignment.
pub(crate) fn assignments(data: &[u8]) {
    let Ok(read) = Assignment::from_bytes(data) else {
        return;
    };
    let again = read.to_bytes(NEWEST).expect("it came out of a blob");
    assert_eq!(Assignment::from_bytes(&again).as_ref(), Ok(&read));
    compare::<ConsumerProtocolAssignment>(&read, &again);
}

fn compare<Theirs: Decodable + Default + Debug>(ours: &impl Debug, blob: &[u8]) {
    if !is_plain(blob) {
        return;
    }
    let mut body = Bytes::copy_from_slice(&blob[2..]);
    let theirs = Theirs::decode(&mut body, NEWEST).expect("we can read it");
    assert!(body.is_empty(), "they have read it all");
    let unset = Tree::of(&Theirs::default(), &[]);
    let differences = Tree::of(ours, &[]).differences(&Tree::of(&theirs, &[]), &unset);
    assert_eq!(differences, [""; 0]);
}
