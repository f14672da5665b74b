//! Comparisons shared by the tests.

/// Fails unless `got` is within `tolerance` of `want`, relative to `want`.
pub fn close(name: &str, got: f64, want: f64, tolerance: f64) {
    let allowed = tolerance * want.abs().max(f64::MIN_POSITIVE);
    assert!((got - want).abs() <= allowed, "{name}: got {got}, want {want}");
}
