//! Every message, cut off and damaged: reading ends, with a message or an error.

use super::{
    consumer_protocol::{Assignment, NEWEST, Subscription},
    header::{
        decode_body, decode_request_header, decode_response, encode_request, encode_response,
    },
    *,
};
use crate::wire::{ErrorKind, Result};
use sample::{Sample, Sampler};

/// Damaged copies of each message.
const COPIES: usize = 1000;

/// Shows the check every frame of every version, and what reads it.
struct Hostile(fn(frame: &[u8], read: Reader<'_>));

type Reader<'a> = &'a dyn Fn(&[u8]) -> Result<()>;

impl Visitor for Hostile {
    fn visit<R: Request<Response: Sample> + Sample>(&mut self) {
        for version in R::VERSIONS {
            let request = R::sample(&mut Sampler::full(version, 1));
            let frame = encode_request(&request, version, 7, Some("client")).unwrap();
            (self.0)(&frame[4..], &|frame| {
                let (header, body) = decode_request_header(frame)?;
                // A damaged header may name another API, whose body this is not.
                if (header.api_key, header.api_version) == (R::API.key(), version) {
                    read_again(&decode_body::<R>(body)?, |request| {
                        encode_request(request, version, 7, None)
                    });
                }
                Ok(())
            });

            let response = R::Response::sample(&mut Sampler::full(version, 1));
            let frame = encode_response::<R>(&response, version, 7).unwrap();
            (self.0)(&frame[4..], &|frame| {
                let (_, response) = decode_response::<R>(frame, version)?;
                read_again(&response, |response| {
                    encode_response::<R>(response, version, 7)
                });
                Ok(())
            });
        }
    }
}

/// What was read can be written, unless its records stayed behind.
fn read_again<M>(message: &M, write: impl Fn(&M) -> Result<Vec<u8>>) {
    if let Err(error) = write(message) {
        assert_eq!(error.kind(), ErrorKind::DetachedRecords);
    }
}

#[test]
fn a_message_that_is_cut_off_is_an_error_wherever_it_is_cut() {
    visit_requests(&mut Hostile(|frame, read| {
        assert_eq!(read(frame), Ok(()));
        for length in 0..frame.len() {
            assert!(
                read(&frame[..length]).is_err(),
                "{length} bytes of {frame:?}"
            );
        }
    }));
}

#[test]
fn bytes_behind_a_message_are_an_error() {
    visit_requests(&mut Hostile(|frame, read| {
        let longer = [frame, &[0]].concat();
        assert_eq!(
            read(&longer).unwrap_err().kind(),
            ErrorKind::TrailingBytes(1)
        );
    }));
}

#[test]
fn a_damaged_message_never_panics() {
    visit_requests(&mut Hostile(|frame, read| {
        for_each_damaged(frame, |damaged| {
            let _ = read(damaged);
        });
    }));
}

#[test]
fn a_damaged_blob_never_panics() {
    for version in 0..=NEWEST {
        let mut sampler = Sampler::full(version, 1);
        let subscription = Subscription::sample(&mut sampler)
            .to_bytes(version)
            .unwrap();
        for_each_damaged(&subscription, |damaged| {
            let _ = Subscription::from_bytes(damaged);
        });
        let assignment = Assignment::sample(&mut sampler).to_bytes(version).unwrap();
        for_each_damaged(&assignment, |damaged| {
            let _ = Assignment::from_bytes(damaged);
        });
    }
}

/// One to four bytes become random ones, or such as lengths and varints are sensitive to.
fn for_each_damaged(bytes: &[u8], check: impl Fn(&[u8])) {
    let mut random = fastrand::Rng::with_seed(bytes.len() as u64);
    for _ in 0..COPIES {
        let mut damaged = bytes.to_vec();
        for _ in 0..random.usize(1..=4) {
            let position = random.usize(..damaged.len());
            let extremes = [0x00, 0x01, 0x7f, 0x80, 0xff];
            damaged[position] = random
                .choice(extremes)
                .filter(|_| random.bool())
                .unwrap_or(random.u8(..));
        }
        check(&damaged);
    }
}
