//! gzip (RFC 1952): one or more members, each a header, a deflate stream and a trailer.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Failure, output::Output};

const MAGIC_AND_METHOD: [u8; 3] = [0x1f, 0x8b, 8];
const HEADER_SIZE: usize = 10;
const TRAILER_SIZE: usize = 8;

const FLAG_HEADER_CRC: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
const FLAGS_RESERVED: u8 = 0b1110_0000;

/// The step in which space is asked for: the output doubles anyway.
const STEP: usize = 32 << 10;

/// Keeps the inflate state (some 40 KB) from batch to batch.
#[derive(Default)]
pub(super) struct Decoder {
    inflate: Option<Decompress>,
}

impl Decoder {
    pub(super) fn decode(&mut self, mut input: &[u8], output: &mut Output) -> Result<(), Failure> {
        let inflate = self.inflate.get_or_insert_with(|| Decompress::new(false));
        loop {
            input = skip_header(input).ok_or_else(|| Failure::corrupt("bad member header"))?;
            inflate.reset(false);
            let mut crc = crc32fast::Hasher::new();
            let consumed = inflate_member(inflate, input, output, &mut crc)?;
            let (trailer, rest) = input[consumed..]
                .split_at_checked(TRAILER_SIZE)
                .ok_or_else(|| Failure::corrupt("no trailer"))?;
            let written = inflate.total_out() as u32;
            let (crc_field, size_field) = trailer.split_at(4);
            if crc_field != crc.finalize().to_le_bytes() || size_field != written.to_le_bytes() {
                return Err(Failure::corrupt("the trailer does not match the content"));
            }
            if rest.is_empty() {
                return Ok(());
            }
            input = rest;
        }
    }
}

/// Inflates one deflate stream; returns how many bytes of `input` it had.
fn inflate_member(
    inflate: &mut Decompress,
    input: &[u8],
    output: &mut Output,
    crc: &mut crc32fast::Hasher,
) -> Result<usize, Failure> {
    loop {
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let space = output.space(STEP);
        if space.is_empty() {
            return Err(Failure::TooLarge);
        }
        let status = inflate
            .decompress(&input[read as usize..], space, FlushDecompress::None)
            .map_err(Failure::corrupt)?;
        let new = (inflate.total_out() - written) as usize;
        crc.update(&space[..new]);
        output.advance(new);
        if status == Status::StreamEnd {
            return Ok(inflate.total_in() as usize);
        }
        if new == 0 && inflate.total_in() == read {
            return Err(Failure::corrupt("the stream is cut off"));
        }
    }
}

/// What follows a member's header, or `None` if there is no sound header.
fn skip_header(input: &[u8]) -> Option<&[u8]> {
    let (header, mut rest) = input.split_at_checked(HEADER_SIZE)?;
    let flags = header[3];
    if header[..3] != MAGIC_AND_METHOD || flags & FLAGS_RESERVED != 0 {
        return None;
    }
    if flags & FLAG_EXTRA != 0 {
        let (size, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*size))..)?;
    }
    for text in [FLAG_NAME, FLAG_COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|&byte| byte == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & FLAG_HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}
