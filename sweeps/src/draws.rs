//! Random numbers by name: each purpose, axis and trial draws from its own stream, so that an axis that
//! is added moves no other's numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A stream of random numbers, portable between machines: ChaCha with 8 rounds.
#[derive(Clone, Debug)]
pub(crate) struct Draws(pub(crate) ChaCha8Rng);

impl Draws {
    /// The stream with `number` (a trial, a replicate) of `purpose` and `name` (an axis) under `seed`.
    pub(crate) fn new(seed: u64, purpose: &str, name: &str, number: u64) -> Draws {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"qsim sweep 1\0");
        hasher.update(&seed.to_le_bytes());
        hasher.update(purpose.as_bytes());
        hasher.update(b"\0");
        hasher.update(name.as_bytes());
        let mut rng = ChaCha8Rng::from_seed(*hasher.finalize().as_bytes());
        rng.set_stream(number);
        Draws(rng)
    }

    /// Uniform in [0, 1), with 53 random bits.
    pub(crate) fn unit(&mut self) -> f64 {
        unit_of(self.0.next_u64())
    }

    /// Uniform in `0..bound`; zero if `bound` is zero. The bias is below 2^-64 × bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// 32 random bits.
    pub(crate) fn bits(&mut self) -> u32 {
        (self.0.next_u64() >> 32) as u32
    }

    /// `0..count` in random order (Fisher and Yates).
    pub(crate) fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last as u64 + 1) as usize);
        }
        order
    }
}

/// 64 random bits as a number in [0, 1).
pub(crate) fn unit_of(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
