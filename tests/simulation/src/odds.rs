//! Chance, by the seed.

use std::time::Duration;

use fastrand::Rng;

/// One of these.
pub(crate) fn pick<T: Copy, const N: usize>(rng: &mut Rng, of: [T; N]) -> T {
    any(rng, &of)
}

/// One of these.
pub(crate) fn any<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(0..of.len())]
}

/// One of so many, in milliseconds.
pub(crate) fn pick_ms<const N: usize>(rng: &mut Rng, of: [u64; N]) -> Duration {
    Duration::from_millis(pick(rng, of))
}

/// Whether it happens that happens once in so many times; with 0 it never does.
pub(crate) fn strikes(rng: &mut Rng, one_in: u32) -> bool {
    one_in > 0 && rng.u32(0..one_in) == 0
}

/// Any time up to this.
pub(crate) fn up_to(rng: &mut Rng, most: Duration) -> Duration {
    most.mul_f64(rng.f64())
}
