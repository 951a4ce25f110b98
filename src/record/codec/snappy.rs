//! Snappy: one raw block, or the stream of `snappy-java` that the Java client writes.

use snap::raw::{Decoder, decompress_len};

use super::{Failure, output::Output};

/// Starts a stream of `snappy-java`: `0x82`, "SNAPPY", `0x00`. A raw block cannot start so: its first element would
/// copy from output that does not exist yet.
pub(in crate::record) const STREAM_MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
/// The magic bytes, then the version and the lowest compatible version as `i32`s.
const STREAM_HEADER_SIZE: usize = 16;

/// Snappy's densest element is a copy of up to 64 bytes in 3; a claim above this ratio is a lie.
const MAX_RATIO: usize = 22;

pub(super) fn decode(input: &[u8], output: &mut Output) -> Result<(), Failure> {
    if !input.starts_with(&STREAM_MAGIC) {
        return decode_block(input, output);
    }
    let mut rest = input;
    while !rest.is_empty() {
        // Concatenated streams repeat the header.
        if rest.starts_with(&STREAM_MAGIC) {
            rest = rest
                .get(STREAM_HEADER_SIZE..)
                .ok_or_else(|| Failure::corrupt("cut-off stream header"))?;
            continue;
        }
        let (size, after) = rest
            .split_first_chunk()
            .ok_or_else(|| Failure::corrupt("cut-off block size"))?;
        let (block, after) = usize::try_from(i32::from_be_bytes(*size))
            .ok()
            .and_then(|size| after.split_at_checked(size))
            .ok_or_else(|| Failure::corrupt("a block is larger than what is left"))?;
        decode_block(block, output)?;
        rest = after;
    }
    Ok(())
}

fn decode_block(block: &[u8], output: &mut Output) -> Result<(), Failure> {
    let claimed = decompress_len(block).map_err(Failure::corrupt)?;
    if claimed > block.len().saturating_mul(MAX_RATIO) {
        return Err(Failure::corrupt("a block claims more than it can hold"));
    }
    if claimed > output.remaining() {
        return Err(Failure::TooLarge);
    }
    let written = Decoder::new()
        .decompress(block, output.space(claimed))
        .map_err(Failure::corrupt)?;
    output.advance(written);
    Ok(())
}
