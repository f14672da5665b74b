//! What the README shows is what there is: its scenarios can be copied, its first run looks like that.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod support;

use std::net::TcpListener;
use std::path::Path;

use scenarios::Scenario;
use support::pace::{self, steadily};
use support::{Folder, QSIM, run_program, text};

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
    for block in all.into_iter().filter(|block| !block.contains("[sampler]")) {
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

/// The sweep runs, on a scenario of somebody's.
#[test]
fn the_sweep_can_be_copied() {
    let sweep = blocks("toml").into_iter().find(|block| block.contains("[sampler]"));
    let folder = Folder::new();
    folder.file("confidence.toml", sweep.expect("a sweep"));
    folder.file("base.toml", "seed = 1\n[market.synthetic]\nminutes = 120\n");
    let output = folder.qsim(&["sweep", "confidence.toml"]).expect_code(0);
    assert!(output.stdout.contains("16 trials; results in confidence.sweep"), "{output:#?}");
    assert!(output.stdout.contains("deflated Sharpe ratio"), "{output:#?}");
    assert!(folder.path("confidence.sweep/trials.parquet").exists());
}

/// The sweep whose picture is shown, and what is said of it.
#[test]
fn the_best_of_many_is_luck() {
    let folder = Folder::new();
    for name in ["cross.toml", "crossing.toml"] {
        let first = format!("# {name}\n");
        let file = blocks("toml").into_iter().find(|block| block.starts_with(&first));
        folder.file(name, file.unwrap_or_else(|| panic!("no {name}")));
    }
    let output = folder.qsim(&["sweep", "crossing.toml"]).expect_code(0).stdout;
    for words in [
        "80 trials; results in crossing.sweep",
        "deflated Sharpe ratio of the trial with the highest (27): 0.672",
        "probability of backtest overfitting: 0.72",
    ] {
        assert!(output.contains(words), "{words:?}: {output}");
    }
    assert!(output.contains(" 3.671 "), "the best one's Sharpe ratio: {output}");
    assert!(README.contains("a Sharpe ratio of 3.7") && README.contains("overfitting is 72 %"));
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

/// The commands of "Go live", pasted as one block into a shell, and a shorter session than shown.
#[test]
fn the_first_session_trades() {
    steadily(|| {
        let all = blocks("toml");
        let file =
            all.iter().find(|block| block.contains("Two intents of our own")).expect("a file");
        let shown =
            blocks("sh").into_iter().find(|block| block.contains("kill -0")).expect("commands");
        let (simulation, session) = shown.split_once('\n').expect("lines");
        assert_eq!(simulation, "qsim run first.toml");
        let free =
            TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number");
        let session = session
            .replace("serve first.toml", &format!("serve first.toml --addr {free}"))
            .replace("127.0.0.1:8080", &free.to_string())
            .replace("--for 10m", "--for 4m")
            .replace("--speed 60", &format!("--speed {}", pace::speed(60)));
        let folder = Folder::new();
        let file = file.replace("speed = 60 ", &format!("speed = {} ", pace::speed(60)));
        folder.file("first.toml", file);
        let commands = format!("{session}\ncode=$?; kill %1; exit $code");
        let place = Path::new(QSIM).parent().expect("a folder").display().to_string();
        let path = format!("{place}:/usr/local/bin:/usr/bin:/bin");
        let environment = [("PATH", path.as_str())];
        let bash = Path::new("/bin/bash");
        let output =
            run_program(bash, folder.root(), &environment, &["-c", &commands]).expect_code(0);
        assert!(output.stdout.contains("ready rest=http://"), "{output:#?}");
        for word in ["BUY 0.005 BTCUSDT MARKET", "what=\"fill\"", "the session leaves BTCUSDT"] {
            assert!(output.stderr.contains(word), "no {word:?}: {output:#?}");
        }
    });
}

#[test]
fn the_story_of_a_decision_is_that_one() {
    let shown = blocks("text").into_iter().find(|block| block.contains("apply.plan")).expect("it");
    let folder = Folder::new();
    folder.file("flash_crash.toml", support::FLASH_CRASH);
    folder.qsim(&["run", "flash_crash.toml", "--journal", "runs"]).expect_code(0);
    let find = README.split("--find ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let find = ["journal", "runs/flash_crash-7.journal", "--find", find.expect("an id")];
    let story = folder.qsim(&find).expect_code(0).stdout;
    // Times and ids, as they are; what is between them is shortened.
    for line in shown.lines() {
        let time = line.split_whitespace().next().expect("a time");
        assert!(story.contains(time), "{time} is not in\n{story}");
        for id in line.split(['"', ':']).filter(|word| word.len() == 16) {
            assert!(story.contains(id), "{id} is not in\n{story}");
        }
    }
}
