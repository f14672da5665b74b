//! Services that see the market late still trade it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::{FLASH_CRASH, Folder, text};

#[test]
fn a_late_market_is_traded_like_a_prompt_one() {
    let folder = Folder::new();
    // 15 without latency.
    let many = "[[expect]]\nname = \"it trades\"\nfigure = \"entries\"\nat_least = 12\n";
    for (name, links) in [
        ("constant.toml", "feed_latency_us = 5000"),
        ("second.toml", "feed_latency_us = 1500000"),
        ("drawn.toml", "feed_latency = [[0, 800], [500, 2000], [1000, 60000]]"),
    ] {
        folder.file(name, format!("{FLASH_CRASH}\n{many}\n[links]\n{links}\n"));
        let late = folder.qsim(&["run", name, "--format", "json"]).json();
        assert_eq!(text(&late, "verdict"), "pass", "{name}: {late}");
    }
}
