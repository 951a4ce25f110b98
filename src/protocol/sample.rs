//! Messages full of made-up values, for tests of the codec.

use crate::{
    protocol::{ErrorCode, RecordSet},
    wire::{Uuid, Wire},
};

/// A type of which a test can make up values.
pub trait Sample: Sized {
    /// A made-up value. It has no place for what the sampler's version lacks.
    fn sample(sampler: &mut Sampler) -> Self;

    /// Takes the records out of the frame that the value was read from, so that it can be compared and
    /// written.
    fn own_records(&mut self, _frame: &[u8]) {}
}

/// Where made-up values come from. The same seed gives the same values.
#[derive(Debug)]
pub struct Sampler {
    version: i16,
    state: u64,
    may_be_absent: bool,
    /// Whether numbers are at their ends, and texts and one array long.
    is_wild: bool,
}

/// The ends of lengths: from here on a compact one takes two bytes.
const TWO_BYTES: usize = 127;

impl Sampler {
    /// Every field differs from its default, every array has two elements.
    pub fn full(version: i16, seed: u64) -> Self {
        Self {
            version,
            state: seed,
            may_be_absent: false,
            is_wild: false,
        }
    }

    /// Fields may be null, empty, or have their default.
    pub fn mixed(version: i16, seed: u64) -> Self {
        Self {
            version,
            state: seed,
            may_be_absent: true,
            is_wild: false,
        }
    }

    /// Besides, numbers may be at the ends of their types, texts long and of any alphabet, and one array
    /// so long that its length takes more bytes.
    pub fn wild(version: i16, seed: u64) -> Self {
        Self {
            is_wild: true,
            ..Self::mixed(version, seed)
        }
    }

    /// The version that the values are for.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// A number that no earlier call gave, in all likelihood (splitmix64).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Once in four times, if values may be absent at all.
    pub(super) fn is_absent(&mut self) -> bool {
        self.may_be_absent && self.next().is_multiple_of(4)
    }

    /// One time in so many, if values may be wild at all.
    fn goes_wild(&mut self, one_in: u64) -> bool {
        self.is_wild && self.next().is_multiple_of(one_in)
    }

    fn length(&mut self) -> usize {
        if self.goes_wild(64) {
            // One is enough, and more in each other would be too much.
            self.is_wild = false;
            TWO_BYTES - 2 + (self.next() % 4) as usize
        } else if self.may_be_absent {
            (self.next() % 4) as usize
        } else {
            2
        }
    }
}

macro_rules! sample_integers {
    ($($type:ty)+) => {$(
        impl Sample for $type {
            fn sample(sampler: &mut Sampler) -> Self {
                if sampler.is_absent() {
                    0
                } else if sampler.goes_wild(4) {
                    [<$type>::MIN, <$type>::MAX, 1][(sampler.next() % 3) as usize]
                } else {
                    sampler.next() as $type
                }
            }
        }
    )+};
}

sample_integers! { i8 i16 u16 i32 u32 i64 }

impl Sample for bool {
    fn sample(sampler: &mut Sampler) -> Self {
        sampler.next() & 1 == 1
    }
}

impl Sample for Uuid {
    fn sample(sampler: &mut Sampler) -> Self {
        let [high, low] = [sampler.next(), sampler.next()];
        Self((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
    }
}

impl Sample for ErrorCode {
    fn sample(sampler: &mut Sampler) -> Self {
        Self(i16::sample(sampler))
    }
}

/// Letters of several widths: lengths count bytes.
impl Sample for String {
    fn sample(sampler: &mut Sampler) -> Self {
        if sampler.is_absent() {
            Self::new()
        } else if sampler.goes_wild(4) {
            let letter = ["x", "é", "字", "𝛼"][(sampler.next() % 4) as usize];
            letter.repeat((sampler.next() % 300) as usize)
        } else {
            format!("{:x}-é", sampler.next() as u32)
        }
    }
}

impl Sample for Vec<u8> {
    fn sample(sampler: &mut Sampler) -> Self {
        let length = sampler.length() * 2;
        (0..length).map(|_| sampler.next() as u8).collect()
    }
}

impl Sample for RecordSet {
    fn sample(sampler: &mut Sampler) -> Self {
        Vec::sample(sampler).into()
    }

    fn own_records(&mut self, frame: &[u8]) {
        *self = self.to_owned(frame);
    }
}

impl<T: Sample + Wire> Sample for Vec<T> {
    fn sample(sampler: &mut Sampler) -> Self {
        let length = sampler.length();
        (0..length).map(|_| T::sample(sampler)).collect()
    }

    fn own_records(&mut self, frame: &[u8]) {
        for element in self {
            element.own_records(frame);
        }
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(sampler: &mut Sampler) -> Self {
        if sampler.is_absent() {
            None
        } else {
            Some(T::sample(sampler))
        }
    }

    fn own_records(&mut self, frame: &[u8]) {
        if let Some(value) = self {
            value.own_records(frame);
        }
    }
}
