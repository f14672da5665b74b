//! What the properties draw from.

use proptest::prelude::*;

/// Any double, NaN and infinities among them; often a small one.
pub fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -10.0..10.0, 2 => any::<f64>(), 1 => Just(0.0), 1 => Just(f64::NAN)]
}

/// Any double that is none of NaN and the infinities.
pub fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -10.0..10.0, 2 => -1e6..1e6, 1 => Just(0.0), 1 => -1e15..1e15]
}

/// As many cases as a test of microseconds can afford.
pub fn cases() -> ProptestConfig {
    ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() }
}
