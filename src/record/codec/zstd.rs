//! Zstandard frames, by `ruzstd`: pure Rust, and the fastest such that our oldest compiler builds.

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use ruzstd::io::Read as _;

use super::{Failure, output::Output};

/// The Java client's streams ask for windows of 2 MiB (level 3). A decoder never gives back what it
/// took for a window, so larger ones get a decoder for one frame.
const KEPT_WINDOW: u64 = 2 << 20;

/// Windows up to this size are accepted whatever the limit: the format recommends no less.
const MIN_WINDOW_LIMIT: u64 = 8 << 20;

/// Output is taken out of the decoder in steps of about this size.
const STEP: usize = 128 << 10;

/// Keeps the tables and the window from batch to batch, where the window is no larger than most.
pub(super) struct Decoder {
    kept: FrameDecoder,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            kept: decoder_of_windows_up_to(KEPT_WINDOW),
        }
    }
}

impl Decoder {
    pub(super) fn decode(&mut self, mut input: &[u8], output: &mut Output) -> Result<(), Failure> {
        while !input.is_empty() {
            self.decode_frame(&mut input, output)?;
        }
        Ok(())
    }

    fn decode_frame(&mut self, input: &mut &[u8], output: &mut Output) -> Result<(), Failure> {
        let frame_start = *input;
        match self.kept.reset(&mut *input) {
            Ok(()) => decode_blocks(&mut self.kept, input, output),
            Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
                *input = frame_start;
                decode_large_frame(input, output)
            }
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                *input = input
                    .get(length as usize..)
                    .ok_or_else(|| Failure::corrupt("a skippable frame is cut off"))?;
                Ok(())
            }
            Err(error) => Err(Failure::corrupt(error)),
        }
    }
}

/// Decodes a frame with a large window, whose memory is gone when this returns.
fn decode_large_frame(input: &mut &[u8], output: &mut Output) -> Result<(), Failure> {
    let limit = (output.remaining() as u64).max(MIN_WINDOW_LIMIT);
    let mut decoder = decoder_of_windows_up_to(limit);
    match decoder.reset(&mut *input) {
        Ok(()) => decode_blocks(&mut decoder, input, output),
        Err(FrameDecoderError::WindowSizeTooBig { .. }) => Err(Failure::TooLarge),
        Err(error) => Err(Failure::corrupt(error)),
    }
}

/// Decodes the blocks of a frame whose header the decoder has read.
fn decode_blocks(
    decoder: &mut FrameDecoder,
    input: &mut &[u8],
    output: &mut Output,
) -> Result<(), Failure> {
    loop {
        let finished = decoder
            .decode_blocks(&mut *input, BlockDecodingStrategy::UptoBytes(STEP))
            .map_err(Failure::corrupt)?;
        let ready = decoder.can_collect();
        if ready >= output.remaining() {
            return Err(Failure::TooLarge);
        }
        let (_, space) = output.split(ready);
        decoder.read_exact(space).map_err(Failure::corrupt)?;
        output.advance(ready);
        if finished {
            return Ok(());
        }
    }
}

fn decoder_of_windows_up_to(limit: u64) -> FrameDecoder {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(limit);
    decoder
}
