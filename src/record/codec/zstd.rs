//! Zstandard frames, by `ruzstd`: pure Rust, and the fastest such that our oldest compiler builds.

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use ruzstd::io::Read as _;

use super::{Failure, output::Output};

/// The Java client's streams ask for windows of 2 MiB (level 3). The decoder allocates a window at
/// once and never gives it back, so larger ones get a decoder of their own.
const RETAINED_WINDOW: u64 = 2 << 20;

/// Windows up to this size are accepted whatever the limit: the format recommends no less.
const MIN_WINDOW_LIMIT: u64 = 8 << 20;

/// Output is taken out of the decoder in steps of about this size.
const STEP: usize = 128 << 10;

/// Keeps the tables and the window from batch to batch.
#[derive(Default)]
pub(super) struct Decoder {
    frame: FrameDecoder,
}

impl Decoder {
    pub(super) fn decode(&mut self, mut input: &[u8], output: &mut Output) -> Result<(), Failure> {
        while !input.is_empty() {
            match self.start_frame(&mut input, output) {
                Ok(()) => self.decode_frame(&mut input, output)?,
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    input = input
                        .get(length as usize..)
                        .ok_or_else(|| Failure::corrupt("a skippable frame is cut off"))?;
                }
                Err(FrameDecoderError::WindowSizeTooBig { .. }) => return Err(Failure::TooLarge),
                Err(error) => return Err(Failure::corrupt(error)),
            }
        }
        Ok(())
    }

    fn start_frame(&mut self, input: &mut &[u8], output: &Output) -> Result<(), FrameDecoderError> {
        let limit = (output.remaining() as u64).max(MIN_WINDOW_LIMIT);
        let frame_start = *input;
        self.frame.set_max_window_size(RETAINED_WINDOW.min(limit));
        match self.frame.reset(&mut *input) {
            Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
                self.frame = FrameDecoder::new();
                self.frame.set_max_window_size(limit);
                *input = frame_start;
                self.frame.reset(input)
            }
            done => done,
        }
    }

    fn decode_frame(&mut self, input: &mut &[u8], output: &mut Output) -> Result<(), Failure> {
        loop {
            let finished = self
                .frame
                .decode_blocks(&mut *input, BlockDecodingStrategy::UptoBytes(STEP))
                .map_err(Failure::corrupt)?;
            let ready = self.frame.can_collect();
            if ready >= output.remaining() {
                return Err(Failure::TooLarge);
            }
            let (_, space) = output.split(ready);
            self.frame.read_exact(space).map_err(Failure::corrupt)?;
            output.advance(ready);
            if finished {
                return Ok(());
            }
        }
    }
}
