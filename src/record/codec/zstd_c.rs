//! Zstandard frames, by the C library.

use zstd::stream::raw::{Decoder as Stream, InBuffer, Operation as _, OutBuffer};
use zstd::zstd_safe::DParameter;

use super::{Failure, output::Output};

/// Windows of 2²⁷ bytes are what the highest compression level asks for, and what the library
/// takes by default.
const MAX_WINDOW_LOG: u32 = 27;

/// The step in which space is asked for: the output doubles anyway.
const STEP: usize = 128 << 10;

/// Keeps the library's decoding context from batch to batch.
#[derive(Default)]
pub(super) struct Decoder {
    stream: Option<Stream<'static>>,
}

impl Decoder {
    pub(super) fn decode(&mut self, input: &[u8], output: &mut Output) -> Result<(), Failure> {
        if self.stream.is_none() {
            let mut stream = Stream::new().map_err(Failure::corrupt)?;
            stream
                .set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))
                .map_err(Failure::corrupt)?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().expect("set above");
        stream.reinit().map_err(Failure::corrupt)?;
        let mut input = InBuffer::around(input);
        loop {
            let space = output.space(STEP);
            if space.is_empty() {
                return Err(Failure::TooLarge);
            }
            let before = input.pos;
            let mut out = OutBuffer::around(space);
            let hint = stream.run(&mut input, &mut out).map_err(Failure::corrupt)?;
            let written = out.pos();
            output.advance(written);
            let all_read = input.pos == input.src.len();
            // A hint of nought: a frame is complete and flushed.
            if hint == 0 && all_read {
                return Ok(());
            }
            if written == 0 && input.pos == before {
                return Err(Failure::corrupt("the frame is cut off"));
            }
        }
    }
}
