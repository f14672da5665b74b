//! `qsim pipeline`: the map, and contracts that are not stale.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use support::Folder;

#[test]
fn the_contracts_are_those_of_the_code() {
    let made = Folder::new().qsim(&["pipeline", "contracts"]).expect_code(0).stdout;
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline/CONTRACTS.md");
    let kept = std::fs::read_to_string(kept).expect("pipeline/CONTRACTS.md");
    assert!(made == kept, "stale: qsim pipeline contracts > pipeline/CONTRACTS.md");
}

#[test]
fn the_catalogue_is_that_of_the_code() {
    let made = Folder::new().qsim(&["pipeline", "catalogue"]).expect_code(0).stdout;
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline/README.md");
    let kept = std::fs::read_to_string(kept).expect("pipeline/README.md");
    assert!(made == kept, "stale: qsim pipeline catalogue > pipeline/README.md");
}

#[test]
fn the_map_shows_who_reads_and_writes() {
    let folder = Folder::new();
    let text = folder.qsim(&["pipeline", "show"]).expect_code(0).stdout;
    assert!(text.contains("trading_bot\n"), "{text}");
    assert!(text.contains("  calls   ai_engine"), "{text}");
    folder.file(
        "a.toml",
        "seed = 1\n[market.synthetic]\nminutes = 60\n[pipeline.trading_bot]\nenabled = false\n",
    );
    let text = folder.qsim(&["pipeline", "show", "a.toml"]).expect_code(0).stdout;
    assert!(!text.contains("trading_bot\n"), "{text}");
    let mermaid = folder.qsim(&["pipeline", "show", "--format", "mermaid"]).expect_code(0).stdout;
    assert!(mermaid.starts_with("flowchart LR\n"), "{mermaid}");
    assert!(mermaid.contains("intent_bridge --> s"), "{mermaid}");
    let refused = folder.qsim(&["pipeline", "show", "b.toml"]).expect_code(2).stderr;
    assert!(refused.contains("b.toml"), "{refused}");
}
