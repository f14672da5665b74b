//! What the README shows is what there is: its scenarios can be copied, its first run looks like that.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use scenarios::Scenario;
use support::{Folder, text};

const README: &str = include_str!("../README.md");

/// The blocks of code in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let after = README.split(fence.as_str()).skip(1);
    after.map(|rest| rest.split("```").next().expect("a block")).collect()
}

/// Takes the mark of a comment from what would be a line of a scenario without it.
fn uncommented(block: &str) -> String {
    let line = |line: &str| {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let is_key = bare.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
        let taken = if is_key || bare.starts_with('[') { bare } else { line };
        format!("{taken}\n")
    };
    block.lines().map(line).collect()
}

#[test]
fn scenarios_can_be_copied() {
    let all = blocks("toml");
    assert!(all.len() >= 5, "the README shows scenarios");
    for block in all {
        for mut block in [block.to_owned(), uncommented(block)] {
            if !["synthetic", "recorded"].iter().any(|m| block.contains(&format!("[market.{m}]"))) {
                block += "[market.synthetic]\nminutes = 1440\n";
                if block.contains("\nqueue = ") {
                    block += "model = \"order_flow\"\n";
                }
            }
            if let Err(error) = Scenario::parse("README.md", &block) {
                panic!("{error}\n{block}");
            }
        }
    }
}

#[test]
fn the_first_run_looks_like_that() {
    let folder = Folder::new();
    let shown = blocks("text").into_iter().find(|block| block.contains("verdict")).expect("a run");
    for name in ["flash_crash", "order_flow"] {
        let file = format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let line = folder.qsim(&["run", &file, "--format", "json"]).expect_code(0).json();
        let row = shown.lines().find(|row| row.trim_start().starts_with(name)).expect("a row");
        let cells: Vec<&str> = row.split('┆').map(str::trim).collect();
        assert_eq!(cells[1], text(&line, "verdict"), "{row}");
        assert_eq!(*cells.last().expect("cells"), &text(&line, "digest")[..16], "{row}");
    }
}
