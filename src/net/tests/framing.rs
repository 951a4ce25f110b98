//! Frames, without a socket.

use std::io;

use crate::net::frame::{FrameBuffer, FrameError};

const LIMIT: usize = 100 << 20;

fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

/// Reads a frame from bytes that come in pieces of at most this size, and end then.
fn read_in_pieces(
    buffer: &mut FrameBuffer,
    mut bytes: &[u8],
    piece: usize,
) -> Result<Vec<u8>, FrameError> {
    let result = buffer.read(LIMIT, |target| {
        let (now, later) = bytes.split_at(piece.min(bytes.len()).min(target.len()));
        target[..now.len()].copy_from_slice(now);
        bytes = later;
        Ok(now.len())
    });
    result.map(<[u8]>::to_vec)
}

#[test]
fn a_frame_comes_whole_however_it_is_cut() {
    let body: Vec<u8> = (0..20_000).map(|i| i as u8).collect();
    let bytes = frame(&body);
    let mut buffer = FrameBuffer::new();
    for piece in [1, 2, 3, 5, 4096, 4097, 20_004] {
        assert_eq!(read_in_pieces(&mut buffer, &bytes, piece).unwrap(), body);
    }
    assert_eq!(read_in_pieces(&mut buffer, &frame(&[]), 1).unwrap(), []);
}

#[test]
fn a_frame_that_ends_early_tells_how_far_it_came() {
    let bytes = frame(&[7; 10]);
    for count in 0..bytes.len() {
        let error = read_in_pieces(&mut FrameBuffer::new(), &bytes[..count], 3).unwrap_err();
        let FrameError::Read { source, received } = error else {
            panic!("reading fails, not {error:?}");
        };
        assert_eq!(source.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(received, count);
    }
}

#[test]
fn a_length_takes_no_memory_before_its_bytes_are_there() {
    let mut buffer = FrameBuffer::new();
    let mut bytes = (LIMIT as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(&[0; 10_000]);
    assert!(read_in_pieces(&mut buffer, &bytes, 1000).is_err());
    assert!(buffer.size() <= 4 * 10_000, "{} bytes", buffer.size());
}

#[test]
fn the_buffer_is_never_larger_than_the_frame() {
    for length in [40_000, 1 << 20, 11 << 20, 12_345_678] {
        let mut buffer = FrameBuffer::new();
        let large = frame(&vec![1; length]);
        for piece in [32 * 1024, 1_000_000, usize::MAX] {
            let read = read_in_pieces(&mut buffer, &large, piece).unwrap();
            assert_eq!(read.len(), length);
            let size = buffer.size();
            assert!((length..=length + 100).contains(&size), "{size} bytes");
        }
    }
}

#[test]
fn what_a_large_frame_took_is_given_back_at_the_next_small_one_or_when_asked() {
    let large: Vec<u8> = (0..11 << 20).map(|i| i as u8).collect();
    let mut buffer = FrameBuffer::new();
    for small_one_comes in [true, false, true] {
        let read = read_in_pieces(&mut buffer, &frame(&large), usize::MAX).unwrap();
        assert!(read == large);
        assert!(buffer.is_large());
        if small_one_comes {
            let read = read_in_pieces(&mut buffer, &frame(&[2; 100]), usize::MAX).unwrap();
            assert_eq!(read, [2; 100]);
        } else {
            buffer.give_back();
        }
        assert!(!buffer.is_large());
        assert!(buffer.size() <= 1 << 20, "{} bytes", buffer.size());
    }
}

#[test]
fn frames_of_about_a_size_find_the_buffer_as_it_was() {
    for (length, other) in [(16 << 20, 9 << 20), (500_000, 100)] {
        let mut buffer = FrameBuffer::new();
        for length in [length, other, length] {
            read_in_pieces(&mut buffer, &frame(&vec![1; length]), usize::MAX).unwrap();
            assert!(
                buffer.size() >= length.max(other),
                "{} bytes",
                buffer.size()
            );
        }
    }
}

#[test]
fn other_protocols_are_known_by_their_first_bytes() {
    for (bytes, spoken) in [
        (b"HTTP/1.1 400 Bad Request\r\n".as_slice(), "HTTP"),
        (b"<!DOCTYPE HTML>", "HTTP"),
        // An alert of TLS 1.2, and a handshake record of TLS 1.0.
        (&[0x15, 3, 3, 0, 2, 2, 80], "TLS"),
        (&[0x16, 3, 1, 0, 5, 1], "TLS"),
    ] {
        let error = read_in_pieces(&mut FrameBuffer::new(), bytes, 3).unwrap_err();
        let FrameError::Spoken(protocol) = error else {
            panic!("another protocol, not {error:?}");
        };
        assert_eq!(protocol, spoken);
    }
}
