//! Services that see the market late still trade it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{FLASH_CRASH, Folder};

#[test]
fn a_late_market_is_traded_like_a_prompt_one() {
    let folder = Folder::new();
    let entries = |name: &str, scenario: String| -> f64 {
        folder.file(name, scenario);
        let run = folder.qsim(&["run", name, "--format", "json", "--verbose"]).expect_code(0);
        let line = run.stderr.lines().find_map(|line| line.split_once(": entries = "));
        line.expect("a figure").1.parse().expect("a number")
    };
    let prompt = entries("prompt.toml", FLASH_CRASH.to_owned());
    assert!(prompt >= 10.0, "{prompt}");
    for (name, links) in [
        ("constant.toml", "feed_latency_us = 5000"),
        ("second.toml", "feed_latency_us = 1500000"),
        ("drawn.toml", "feed_latency = [[0, 800], [500, 2000], [1000, 60000]]"),
    ] {
        let late = entries(name, format!("{FLASH_CRASH}\n[links]\n{links}\n"));
        assert!(late >= 0.9 * prompt, "{name}: {late} of {prompt}");
    }
}
