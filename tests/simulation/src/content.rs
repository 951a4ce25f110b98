//! What is written into the records, so that each tells where it belongs.

/// The place of a record in the simulated world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    /// Which topic, by its number: one that is deleted and comes again has another one.
    pub(crate) topic: u32,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Whether its transaction is going to be aborted.
    pub(crate) is_void: bool,
}

/// The bytes of one.
const SIZE: usize = 17;

impl Content {
    pub(crate) fn write(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SIZE);
        bytes.extend(self.topic.to_be_bytes());
        bytes.extend(self.partition.to_be_bytes());
        bytes.extend(self.offset.to_be_bytes());
        bytes.push(self.is_void.into());
        bytes
    }

    /// What was written, if it is that.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (topic, rest) = bytes.split_first_chunk()?;
        let (partition, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let &[is_void] = rest else { return None };
        Some(Self {
            topic: u32::from_be_bytes(*topic),
            partition: i32::from_be_bytes(*partition),
            offset: i64::from_be_bytes(*offset),
            is_void: is_void == 1,
        })
    }
}
