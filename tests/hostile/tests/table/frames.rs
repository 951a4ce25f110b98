//! What stands around a message, and bytes that are none at all.

use sarama_cluster::{ErrorKind, testing::ApiKey};

use crate::{
    alter::{self, Alter},
    case::{Case, Setting},
    stage::{READ_TIMEOUT, RESPONSE_LIMIT},
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, says, alter) in malformed() {
        cases.push(Case::new(name, Setting::Broker, ApiKey::Fetch, says, alter));
    }
    let spoken = |protocol, bytes: &'static [u8]| {
        let alter = alter::frame(|_| bytes.to_vec());
        Case::new(protocol, Setting::Broker, ApiKey::Fetch, protocol, alter)
            .kind(ErrorKind::NotKafka(protocol))
    };
    cases.push(spoken("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    cases.push(spoken("HTTP", b"<!DOCTYPE html>"));
    cases.push(spoken("TLS", &[0x15, 3, 3, 0, 2, 2, 10]));
    let unfinished = alter::frame(|frame| frame[..frame.len() / 2].to_vec());
    let cut = Case::new(
        "half an answer, and silence",
        Setting::Broker,
        ApiKey::Fetch,
        "no answer within",
        unfinished,
    );
    cases.push(cut.kind(ErrorKind::Timeout(READ_TIMEOUT)));
    cases
}

fn malformed() -> Vec<(&'static str, &'static str, Alter)> {
    let length =
        |length: i32| alter::frame(move |frame| [&length.to_be_bytes(), &frame[4..]].concat());
    vec![
        ("length −1", "an answer of -1 bytes", length(-1)),
        (
            "length −2³¹",
            "an answer of -2147483648 bytes",
            length(i32::MIN),
        ),
        ("length 2³¹−1", "more than the", length(i32::MAX)),
        (
            "one byte beyond the limit",
            "more than the",
            length(RESPONSE_LIMIT as i32 + 1),
        ),
        ("length 0", "0 bytes behind", alter::frame(|_| vec![0; 14])),
        (
            "nothing but a length of 0",
            "has no correlation id",
            alter::frame(|_| vec![0; 4]),
        ),
        (
            "no room for a correlation id",
            "has no correlation id",
            alter::frame(|_| vec![0, 0, 0, 3, 0, 0, 0]),
        ),
        (
            "another correlation id",
            "the answer is to request",
            alter::frame(|mut frame| {
                frame[4] ^= 0x40;
                frame
            }),
        ),
        (
            "a byte behind the answer",
            "1 bytes behind the answer",
            alter::frame(|frame| [&frame[..], &[0]].concat()),
        ),
        (
            "the same answer twice",
            "bytes behind the answer",
            alter::frame(|frame| frame.repeat(2)),
        ),
        (
            "all ones",
            "an answer of -1 bytes",
            alter::frame(|_| vec![0xff; 64]),
        ),
        (
            "another protocol",
            "more than the",
            alter::frame(|_| b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        ),
    ]
}
