//! The embedded scenario has its golden digest, whatever the compiler was told: `cargo xtask test` runs this test a
//! second time with our code optimised as a release is, without debug assertions and overflow checks.
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use scenarios::{NoProgress, Verdict};

/// Digest of the embedded scenario. It changes with any change of what the pipeline or the exchange do, or of how the
/// journal is written. Change it only together with the reason, in the commit's message.
const GOLDEN: &str = include_str!("golden.digest");

#[test]
fn the_embedded_scenario_has_its_golden_digest() {
    let scenario = scenarios::embedded().expect("it reads");
    let report = scenarios::run(&scenario, &Default::default(), &NoProgress).expect("it runs");
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.digest, GOLDEN.trim(), "debug assertions: {}", cfg!(debug_assertions));
}
