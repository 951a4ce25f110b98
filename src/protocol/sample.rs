//! Messages full of made-up values, for tests of the codec.

use crate::{
    protocol::{ErrorCode, RecordSet},
    wire::{Uuid, Wire},
};

/// A type of which a test can make up values.
pub trait Sample: Sized {
    /// A made-up value. It has no place for what the sampler's version lacks.
    fn sample(sampler: &mut Sampler) -> Self;
}

/// Where made-up values come from. The same seed gives the same values.
#[derive(Debug)]
pub struct Sampler {
    version: i16,
    state: u64,
    may_be_absent: bool,
}

impl Sampler {
    /// Every field differs from its default, every array has two elements.
    pub fn full(version: i16, seed: u64) -> Self {
        Self {
            version,
            state: seed,
            may_be_absent: false,
        }
    }

    /// Fields may be null, empty, or have their default.
    pub fn mixed(version: i16, seed: u64) -> Self {
        Self {
            version,
            state: seed,
            may_be_absent: true,
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

    fn length(&mut self) -> usize {
        if self.may_be_absent {
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
                if sampler.is_absent() { 0 } else { sampler.next() as $type }
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
}

impl<T: Sample + Wire> Sample for Vec<T> {
    fn sample(sampler: &mut Sampler) -> Self {
        let length = sampler.length();
        (0..length).map(|_| T::sample(sampler)).collect()
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
}
