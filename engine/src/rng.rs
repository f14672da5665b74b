//! Named random streams: each component draws from its own generator, derived from the run's seed and
//! the component's name, so that adding one component moves no other's numbers.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::{CorrelationId, Nanos};

/// A generator that bears the name of its owner. Portable: ChaCha with 8 rounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedRng(ChaCha8Rng);

impl NamedRng {
    /// The generator of `name` in the run with `seed`.
    pub fn new(seed: u64, name: &str) -> NamedRng {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"qsim random stream 1\0");
        hasher.update(&seed.to_le_bytes());
        hasher.update(name.as_bytes());
        NamedRng(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), with 53 random bits.
    pub fn unit_f64(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `0..bound`; zero if `bound` is zero. The bias is below 2^-64 × bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform in `low..=high`.
    pub fn nanos_between(&mut self, low: Nanos, high: Nanos) -> Nanos {
        let width = high.0.saturating_sub(low.0).max(0) as u64;
        Nanos(low.0 + self.below(width + 1) as i64)
    }

    /// Standard normal, by the polar method of Marsaglia with `libm`.
    pub fn normal(&mut self) -> f64 {
        loop {
            let x = 2.0 * self.unit_f64() - 1.0;
            let y = 2.0 * self.unit_f64() - 1.0;
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                return x * libm::sqrt(-2.0 * libm::log(s) / s);
            }
        }
    }

    /// A new correlation id with the version and variant bits of a UUID v4.
    pub fn correlation_id(&mut self) -> CorrelationId {
        let bits = (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64());
        CorrelationId::from_random(bits)
    }
}
