//! The blobs that consumers exchange through the group coordinator, which does not look inside: what a member
//! wants, and what the leader gives it.
//!
//! A blob starts with its version. One of a newer version than is known here is read as the newest known, and
//! what stands behind is ignored: by agreement new versions only append.

use crate::wire::{ARRAY_BYTES, Decoder, Encoder, ErrorKind, Input, Result, Wire};

/// The newest version of both blobs.
pub const NEWEST: i16 = 3;

message! {
    /// What a member tells the leader.
    pub struct Subscription {
        topics: Vec<String>,
        user_data: Option<Vec<u8>>,
        /// What the member held before the rebalance (KIP-429).
        owned_partitions: Vec<TopicPartition> [1.., ignorable],
        /// When it held that; −1 if never.
        generation_id: i32 [2.., ignorable] = -1,
        /// Where the member is, for assignors that heed it (KIP-881).
        rack_id: Option<String> [3.., ignorable],
    }

    /// What the leader gives to a member.
    pub struct Assignment {
        assigned_partitions: Vec<TopicPartition>,
        user_data: Option<Vec<u8>>,
    }

    /// Partitions of one topic.
    pub struct TopicPartition {
        topic: String,
        partitions: Vec<i32>,
    }
}

impl Subscription {
    /// The blob in that version, at most [`NEWEST`].
    pub fn to_bytes(&self, version: i16) -> Result<Vec<u8>> {
        write_blob(self, version)
    }

    /// Reads the blob of another member, of any version.
    pub fn from_bytes(blob: &[u8]) -> Result<Self> {
        Self::from_bytes_within(blob, &mut { ARRAY_BYTES })
    }

    /// The same, where what the elements of its arrays take in memory is taken from `room`.
    pub fn from_bytes_within(blob: &[u8], room: &mut usize) -> Result<Self> {
        let mut body = read_version(blob, *room)?;
        // The Go library sarama-cluster, and kafka-go, say version 1 and stop where version 0 ends.
        let mut oldest = body.clone();
        oldest.set_version(0, false);
        let again = oldest.clone();
        let subscription = Self::decode(&mut oldest)?;
        if oldest.remaining() == 0 {
            *room = oldest.room();
            return Ok(subscription);
        }
        // Both at once would take twice the memory.
        drop(subscription);
        let subscription = Self::decode(&mut body).or_else(|_| {
            // What the member wants is known, whatever stands behind.
            body = again;
            Self::decode(&mut body)
        })?;
        *room = body.room();
        Ok(subscription)
    }
}

impl Assignment {
    /// The blob in that version, at most [`NEWEST`].
    pub fn to_bytes(&self, version: i16) -> Result<Vec<u8>> {
        write_blob(self, version)
    }

    /// Reads what the leader gave, in any version. No bytes at all mean no partitions: so the group
    /// coordinator answers a member that the leader did not mention.
    pub fn from_bytes(blob: &[u8]) -> Result<Self> {
        Self::from_bytes_within(blob, ARRAY_BYTES)
    }

    /// The same, where the elements of its arrays may take so much memory.
    pub fn from_bytes_within(blob: &[u8], array_bytes: usize) -> Result<Self> {
        if blob.is_empty() {
            return Ok(Self::default());
        }
        Self::decode(&mut read_version(blob, array_bytes)?)
    }
}

fn write_blob(body: &impl Wire, version: i16) -> Result<Vec<u8>> {
    if !(0..=NEWEST).contains(&version) {
        return Err(ErrorKind::UnsupportedVersion(version).into());
    }
    let mut encoder = Encoder::new(version, false);
    encoder.write_i16(version);
    body.encode(&mut encoder)?;
    Ok(encoder.into_bytes())
}

/// The cursor stands before the body then, set to the version to read it in.
fn read_version(blob: &[u8], array_bytes: usize) -> Result<Decoder<'_>> {
    let input = Input {
        array_bytes,
        ..blob.into()
    };
    let mut decoder = Decoder::of(input, 0, false);
    let version = decoder.read_i16()?;
    if version < 0 {
        return Err(ErrorKind::UnsupportedVersion(version).into());
    }
    decoder.set_version(version.min(NEWEST), false);
    Ok(decoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription() -> Subscription {
        Subscription {
            topics: vec!["a".into(), "b".into()],
            user_data: Some(vec![1, 2]),
            owned_partitions: vec![TopicPartition {
                topic: "a".into(),
                partitions: vec![0, 7],
            }],
            generation_id: 3,
            rack_id: Some("r".into()),
        }
    }

    #[test]
    fn an_older_version_carries_less() {
        let read = |version| {
            let blob = subscription().to_bytes(version).unwrap();
            Subscription::from_bytes(&blob).unwrap()
        };
        assert_eq!(read(3), subscription());
        assert_eq!(
            read(2),
            Subscription {
                rack_id: None,
                ..subscription()
            }
        );
        assert_eq!(
            read(1),
            Subscription {
                generation_id: -1,
                ..read(2)
            }
        );
        assert_eq!(
            read(0),
            Subscription {
                owned_partitions: vec![],
                ..read(1)
            }
        );
        assert!(subscription().to_bytes(4).is_err());
    }

    #[test]
    fn a_newer_version_is_read_as_the_newest_known() {
        let mut blob = subscription().to_bytes(NEWEST).unwrap();
        blob[1] = 9;
        blob.extend(*b"news");
        assert_eq!(Subscription::from_bytes(&blob), Ok(subscription()));
    }

    #[test]
    fn a_version_1_that_stops_where_version_0_ends_is_understood() {
        let mut blob = subscription().to_bytes(0).unwrap();
        blob[1] = 1;
        assert_eq!(Subscription::from_bytes(&blob).unwrap().topics, ["a", "b"]);
    }

    #[test]
    fn what_a_member_wants_is_read_whatever_stands_behind() {
        let mut blob = subscription().to_bytes(0).unwrap();
        blob[1] = 1;
        blob.extend([0x7f, 0xff, 0xff, 0xff]);
        let mut room = ARRAY_BYTES;
        let read = Subscription::from_bytes_within(&blob, &mut room).unwrap();
        assert_eq!(
            (&read.topics[..], read.owned_partitions),
            (&["a".to_owned(), "b".into()][..], vec![])
        );
        assert_eq!(room, ARRAY_BYTES - 2 * size_of::<String>());
    }

    #[test]
    fn a_member_that_the_leader_forgot_has_no_partitions() {
        assert_eq!(Assignment::from_bytes(&[]), Ok(Assignment::default()));
    }

    #[test]
    fn a_lying_blob_is_an_error() {
        let error = |blob: &[u8]| Assignment::from_bytes(blob).unwrap_err().kind();
        assert_eq!(error(&[0xff, 0xfe]), ErrorKind::UnsupportedVersion(-2));
        assert_eq!(
            error(&[0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0]),
            ErrorKind::CountBeyondInput {
                count: i32::MAX as usize,
                remaining: 2
            }
        );
        assert_eq!(
            error(&[0, 0, 0xff, 0xff, 0xff, 0xff]),
            ErrorKind::UnexpectedNull
        );
    }
}
