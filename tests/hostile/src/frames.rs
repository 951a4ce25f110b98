//! Frames off a stream that breaks anywhere.

use std::io;

use sarama_cluster::net::frame::FrameBuffer;

use crate::input::Input;

/// The most bytes of a frame that are read here.
const LIMIT: usize = 4096;

/// The first byte says how large the pieces are in which the stream comes. What is read is what a look at
/// the whole stream says, and the memory for it does not grow with what a length claims.
pub(crate) fn frames(data: &[u8]) {
    let mut input = Input::new(data);
    let piece = usize::from(input.byte()) + 1;
    let stream = input.rest();
    let mut at = 0;
    let mut buffer = FrameBuffer::new();
    loop {
        let start = at;
        let frame = buffer.read(LIMIT, |space| {
            let count = piece.min(space.len()).min(stream.len() - at);
            space[..count].copy_from_slice(&stream[at..at + count]);
            at += count;
            io::Result::Ok(count)
        });
        let Ok(frame) = frame else {
            break;
        };
        let (length, behind) = stream[start..at]
            .split_first_chunk()
            .expect("it has a length");
        assert_eq!(frame, behind, "all that was read is the frame");
        assert_eq!(u32::from_be_bytes(*length) as usize, frame.len());
        assert!(frame.len() <= LIMIT);
        assert!(buffer.size() <= 2 * (LIMIT + piece), "{}", buffer.size());
    }
    assert!(buffer.size() <= 2 * (LIMIT + piece), "{}", buffer.size());
}
