//! LZ4 frames.
//!
//! The frame's own checksums (header, blocks, content) are skipped, not checked: the batch's CRC covers the same bytes,
//! and message sets of magic 0 carry a wrong header checksum (KAFKA-3160).

use lz4_flex::block::{DecompressError, decompress_into, decompress_into_with_dict};

use super::{Failure, output::Output};

const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();

const FLAG_DICTIONARY: u8 = 1;
const FLAG_CONTENT_CHECKSUM: u8 = 1 << 2;
const FLAG_CONTENT_SIZE: u8 = 1 << 3;
const FLAG_BLOCK_CHECKSUMS: u8 = 1 << 4;
const FLAG_INDEPENDENT_BLOCKS: u8 = 1 << 5;
const VERSION_MASK: u8 = 0b1100_0000;
const VERSION: u8 = 0b0100_0000;

const BLOCK_IS_RAW: u32 = 1 << 31;
const CHECKSUM_SIZE: usize = 4;

/// How far back a block may refer to the blocks before it.
const WINDOW: usize = 64 << 10;

/// What the frame header says about its blocks.
struct Frame {
    max_block_size: usize,
    independent_blocks: bool,
    block_checksum_size: usize,
    content_checksum_size: usize,
}

pub(super) fn decode(mut input: &[u8], output: &mut Output) -> Result<(), Failure> {
    loop {
        let frame = Frame::read(&mut input)?;
        frame.decode_blocks(&mut input, output)?;
        if input.is_empty() {
            return Ok(());
        }
    }
}

impl Frame {
    fn read(input: &mut &[u8]) -> Result<Self, Failure> {
        if take(input, MAGIC.len())? != MAGIC {
            return Err(Failure::corrupt("no frame header"));
        }
        let descriptor = take(input, 2)?;
        let (flags, block_descriptor) = (descriptor[0], descriptor[1]);
        if flags & VERSION_MASK != VERSION {
            return Err(Failure::corrupt("unknown frame version"));
        }
        if flags & FLAG_DICTIONARY != 0 {
            return Err(Failure::corrupt("the frame needs a dictionary"));
        }
        let max_block_size = match block_descriptor >> 4 & 0b111 {
            4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => 4 << 20,
            _ => return Err(Failure::corrupt("unknown block size")),
        };
        let size_if = |flag, size| if flags & flag != 0 { size } else { 0 };
        take(input, size_if(FLAG_CONTENT_SIZE, 8) + 1)?; // the content size and the header checksum
        Ok(Self {
            max_block_size,
            independent_blocks: flags & FLAG_INDEPENDENT_BLOCKS != 0,
            block_checksum_size: size_if(FLAG_BLOCK_CHECKSUMS, CHECKSUM_SIZE),
            content_checksum_size: size_if(FLAG_CONTENT_CHECKSUM, CHECKSUM_SIZE),
        })
    }

    fn decode_blocks(&self, input: &mut &[u8], output: &mut Output) -> Result<(), Failure> {
        let frame_start = output.written();
        loop {
            let size =
                u32::from_le_bytes(take(input, 4)?.try_into().expect("just taken four bytes"));
            if size == 0 {
                take(input, self.content_checksum_size)?;
                return Ok(());
            }
            let block = take(input, (size & !BLOCK_IS_RAW) as usize)?;
            take(input, self.block_checksum_size)?;
            if size & BLOCK_IS_RAW != 0 {
                self.copy(block, output)?;
            } else {
                self.decompress(block, output, frame_start)?;
            }
        }
    }

    fn copy(&self, block: &[u8], output: &mut Output) -> Result<(), Failure> {
        if block.len() > self.max_block_size {
            return Err(Failure::corrupt(
                "a block is larger than the frame header says",
            ));
        }
        let (_, space) = output.split(block.len());
        if space.len() < block.len() {
            return Err(Failure::TooLarge);
        }
        space.copy_from_slice(block);
        output.advance(block.len());
        Ok(())
    }

    fn decompress(
        &self,
        block: &[u8],
        output: &mut Output,
        frame_start: usize,
    ) -> Result<(), Failure> {
        let (written, space) = output.split(self.max_block_size);
        let clipped = space.len() < self.max_block_size;
        let result = if self.independent_blocks {
            decompress_into(block, space)
        } else {
            let window_start = written.len().saturating_sub(WINDOW).max(frame_start);
            decompress_into_with_dict(block, space, &written[window_start..])
        };
        match result {
            Ok(size) => {
                output.advance(size);
                Ok(())
            }
            Err(DecompressError::OutputTooSmall { .. }) if clipped => Err(Failure::TooLarge),
            Err(error) => Err(Failure::corrupt(error)),
        }
    }
}

fn take<'a>(input: &mut &'a [u8], size: usize) -> Result<&'a [u8], Failure> {
    let (taken, rest) = input
        .split_at_checked(size)
        .ok_or_else(|| Failure::corrupt("the frame is cut off"))?;
    *input = rest;
    Ok(taken)
}
