//! What the properties draw from.

use engine::Symbol;
use proptest::prelude::*;

/// Any double, NaN and infinities among them; often a small one.
pub fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -2.0..2.0, 2 => any::<f64>(), 1 => Just(0.0), 1 => Just(f64::NAN)]
}

/// A share, or a confidence.
pub fn share() -> impl Strategy<Value = f64> {
    0.0..=1.0
}

/// A price as markets have them.
pub fn price() -> impl Strategy<Value = f64> {
    prop_oneof![1e-6..1.0, 1.0..1e3, 1e3..1e6]
}

/// One of a few symbols, so that they meet.
pub fn symbol() -> impl Strategy<Value = Symbol> {
    (0..4usize).prop_map(|at| {
        let names = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"];
        Symbol::new(names[at]).expect("a symbol")
    })
}

/// As many cases as a test of microseconds can afford.
pub fn cases() -> ProptestConfig {
    ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() }
}

/// The numbers are finite.
pub fn all_finite(numbers: &[f64]) -> bool {
    numbers.iter().all(|number| number.is_finite())
}
