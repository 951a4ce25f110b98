//! What lies in the log of a partition, read from the file of the broker.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::producer::Codec;

/// How an entry of a log is written: a batch, or before 0.11 a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Format {
    /// The version of the format: 0 and 1 are message sets, 2 is the batch of today.
    pub magic: u8,
    /// What it is compressed with.
    pub codec: Codec,
}

/// An offset and the length of what follows.
const OVERHEAD: usize = 12;

/// The formats of all entries of a partition's segments.
pub(crate) fn formats(partition: &Path) -> BTreeSet<Format> {
    let mut formats = BTreeSet::new();
    for segment in segments(partition) {
        let bytes = fs::read(segment).expect("a segment can be read");
        let mut rest = &bytes[..];
        // Space that was allocated ahead is zero.
        while let Some(length) = length_of_entry(rest).filter(|length| *length > 0) {
            let (entry, behind) = rest.split_at(OVERHEAD + length);
            formats.insert(format(entry));
            rest = behind;
        }
    }
    formats
}

/// The first offset of a partition's last segment, which is the one that its name tells.
pub(crate) fn last_segment(partition: &Path) -> i64 {
    let names = segments(partition).filter_map(|path| path.file_stem()?.to_str()?.parse().ok());
    names.max().expect("every partition has a segment")
}

fn segments(partition: &Path) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(partition).expect("the broker keeps the partition there");
    files
        .map(|file| file.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
}

fn length_of_entry(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_be_bytes(*bytes.get(8..)?.first_chunk()?) as usize;
    (bytes.len() >= OVERHEAD + length).then_some(length)
}

fn format(entry: &[u8]) -> Format {
    let magic = entry[16];
    let attributes = match magic {
        0 | 1 => entry[17],
        // The checksum has moved behind the magic, and the attributes have two bytes.
        _ => entry[22],
    };
    let codec = match attributes & 7 {
        0 => Codec::None,
        1 => Codec::Gzip,
        2 => Codec::Snappy,
        3 => Codec::Lz4,
        4 => Codec::Zstd,
        other => panic!("no codec is {other}"),
    };
    Format { magic, codec }
}
